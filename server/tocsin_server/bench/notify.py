"""Notify: from an alert's commit until the provider has taken each of its messages.

Promise: real presses, a real server, the provider a process of its own that all numbers share. The
commit is the alert's `stored_at`, written before the transaction has its fsync, so the figures are
rather too long than too short. The floor is the bare Twilio client, which sends as many texts at
once to the same provider and knows nothing of alerts; it takes turns with the product. A provider
that hangs or throttles does so for some numbers, or for all calls, of many alerts at once: what is
measured is other alerts' texts meanwhile, against the same with nobody ailing.

Refused: leaving out a message that was not taken in time. It is counted.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from uuid import UUID

import asyncpg
import msgspec
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from tocsin_server.bench.errors import BenchFailed
from tocsin_server.bench.figures import Ratios, Spread, ratios, spread
from tocsin_server.bench.machine import Others
from tocsin_server.bench.provider import Provider
from tocsin_server.bench.stand import PATIENCE_S, Say, Stand
from tocsin_server.channels.channel import Method
from tocsin_server.config import load_config
from tocsin_server.demo import example
from tocsin_server.demo.handset import Condition
from tocsin_server.fleet import policies
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.people import accounts, contacts

RECIPIENTS = 20
STORM_RECIPIENTS = 5
STORM_TIMES = 5  # as many hang in a storm of them: more than a provider takes at once
TAKEN_S_MAX = 30.0  # a message that wasn't taken by then is counted as not taken
LOOK_AGAIN_S = 0.02
PAUSE_S = 0.2
PAUSE_MORE_S = (0.0, 0.07, 0.19, 0.11, 0.23)  # in turns: no timer of the server's keeps step
HEEDED_S_MAX = 30.0
WARM_UP_ALERTS = 3

_PAGES = """
SELECT n.notification_id::text, n.address, a.stored_at
  FROM notification n JOIN alert a USING (alert_id)
 WHERE n.purpose = 'page' AND a.resolved_at IS NULL AND a.device_id = ANY ($1)
"""


@dataclass(frozen=True, slots=True)
class _Person:
    person_id: UUID
    text_number: str
    call_number: str


@dataclass(frozen=True, slots=True)
class _Ailment:
    """Who fares ill, and whose texts are looked at."""

    name: str
    condition: Condition
    ill: Sequence[str]
    watched: Sequence[str]
    methods: tuple[Method, ...]
    times: int = 1


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What other alerts' texts took while so many alerts had messages that ailed."""

    name: str
    is_storm: bool  # more hang than a provider takes at once
    ailing: int  # messages
    well: Spread
    ill: Spread
    not_taken: int


class PagedStorm(msgspec.Struct, frozen=True, kw_only=True):
    """Many alerts at once. `alerts` times `recipients` texts, and as many of the floor's."""

    alerts: int
    recipients: int
    floor: Spread
    product: Spread
    not_taken: int


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about messages."""

    alerts: int
    recipients: int
    floor: Spread
    product: Spread
    ratios: Ratios
    not_taken: int
    storms: tuple[PagedStorm, ...]
    beside: tuple[Beside, ...]
    others: float  # their share of the machine meanwhile


async def measure(
    stand: Stand, *, alerts: int, storm: int, storms: int, ailing: int, quiet_s: float, say: Say
) -> Paging:
    """One alert at a time, then storms, then beside messages that ail."""
    people = await _add_people(stand)
    bench = _Bench(stand, quiet_s=quiet_s)
    others = Others()
    buttons = max(storm, ailing * STORM_TIMES + alerts)
    say(f"connecting {buttons} buttons")
    await stand.publisher.connect(buttons)
    try:
        floor, product = await _single(bench, people, alerts=alerts)
        say(f"{RECIPIENTS} recipients: p99 {spread(_all(product)).p99_ms:.0f} ms")
        stormed = []
        await bench.tell(people[:STORM_RECIPIENTS], ())
        for n in range(storms):
            stormed.append(await _storm(bench, people[:STORM_RECIPIENTS], alerts=storm))
            say(f"storm {n + 1} of {storms}: p99 {stormed[-1].product.p99_ms:.0f} ms")
        beside = []
        for ailment in _ailments(people):
            many = ailing * ailment.times
            beside.append(await _beside(bench, people, ailment, ailing=many, alerts=alerts))
            say(
                f"beside {ailment.name}: p99 {beside[-1].ill.p99_ms:.0f} ms, else"
                f" {beside[-1].well.p99_ms:.0f} ms"
            )
    finally:
        await bench.close()
    return Paging(
        alerts=alerts,
        recipients=RECIPIENTS,
        floor=spread(_all(floor)),
        product=spread(_all(product)),
        ratios=ratios(floor, product),
        not_taken=alerts * RECIPIENTS - len(_all(product)),
        storms=tuple(stormed),
        beside=tuple(beside),
        others=others.share(),
    )


class _Bench:
    """The stand, the bare client, and what the provider has taken so far."""

    def __init__(self, stand: Stand, *, quiet_s: float) -> None:
        config = load_config(stand.deployment / "tocsin.toml")
        if config.twilio is None:
            raise BenchFailed("the server's configuration names no provider")
        token = config.secret("twilio.auth_token_file", config.twilio.auth_token_file)
        self.stand = stand
        self._quiet_s = quiet_s
        self._more_s = cycle(PAUSE_MORE_S)
        self._http = AsyncTwilioHttpClient()
        self._from = config.twilio.from_number
        self._bare = Client(config.twilio.account_sid, token.reveal(), http_client=self._http)
        self._bare.api.base_url = config.twilio.api_url

    @property
    def provider(self) -> Provider:
        """Give the way to the provider."""
        return self.stand.provider

    async def close(self) -> None:
        """Close the bare client."""
        await self._http.close()

    async def tell(self, people: Sequence[_Person], methods: tuple[Method, ...]) -> None:
        """Have these told of every new alert. Returns once an alert did tell so many."""
        tier = PolicyTier(PATIENCE_S[0], [each.person_id for each in people], methods)
        await policies.set_policy(
            self.stand.pool,
            jurisdiction=example.JURISDICTION,
            name=policies.FIRST_POLICY,
            tiers=[tier],
        )
        wanted = len(people) * max(1, len(methods))
        async with asyncio.timeout(HEEDED_S_MAX):
            while True:
                shown = self.stand.screen.expect(self.stand.devices[0].device_id)
                self.stand.publisher.press(0, "product")
                await shown
                pages = await self._pages([0])
                while not pages:
                    await asyncio.sleep(LOOK_AGAIN_S)
                    pages = await self._pages([0])
                await self.settle()
                if len(pages) == wanted:
                    return

    async def pause(self) -> None:
        """Wait for a moment, and for another one the next time."""
        await asyncio.sleep(PAUSE_S + next(self._more_s))

    async def settle(self) -> None:
        """Bring everything to rest, and forget it."""
        await self.stand.settle(quiet_s=self._quiet_s)
        await self.provider.taken()
        await self.stand.publisher.account()

    async def page_one(self, button: int, watched: Sequence[str]) -> list[float]:
        """Press one button; gives the milliseconds of each text to these numbers."""
        self.stand.publisher.press(button, "product")
        return await self._took_ms([button], watched)

    async def page_all(self, count: int, watched: Sequence[str]) -> list[float]:
        """Press so many at once."""
        await self.stand.publisher.press_all(count, within_s=0.0)
        return await self._took_ms(range(count), watched)

    async def send_bare(self, numbers: Sequence[str]) -> list[float]:
        """Send a text to each of these at once by the bare client; gives the milliseconds."""
        began_s = time.time()
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                sending = self._bare.messages.create_async(to=number, from_=self._from, body="bare")
                group.create_task(sending)
        return [(each.at_s - began_s) * 1e3 for each in await self.provider.taken()]

    async def _took_ms(self, buttons: Sequence[int], watched: Sequence[str]) -> list[float]:
        taken: dict[str, float] = {}
        wanted, until_s = len(buttons) * len(watched), time.monotonic() + TAKEN_S_MAX
        while True:
            for each in await self.provider.taken():
                if each.number in watched:
                    taken.setdefault(each.notification_id, each.at_s)
            if len(taken) >= wanted or time.monotonic() > until_s:
                took_ms = [
                    (taken[row["notification_id"]] - row["stored_at"].timestamp()) * 1e3
                    for row in await self._pages(buttons)
                    if row["notification_id"] in taken
                ]
                if len(took_ms) >= wanted or time.monotonic() > until_s:
                    return took_ms
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _pages(self, buttons: Sequence[int]) -> list[asyncpg.Record]:
        device_ids = [self.stand.devices[button].device_id for button in buttons]
        rows: list[asyncpg.Record] = await self.stand.pool.fetch(_PAGES, device_ids)
        return rows


async def _single(
    bench: _Bench, people: Sequence[_Person], *, alerts: int
) -> tuple[list[list[float]], list[list[float]]]:
    """Floor and product in turns, an alert at a time."""
    numbers = [each.text_number for each in people]
    await bench.tell(people, ())
    floor, product = [], []
    for n in range(-WARM_UP_ALERTS, alerts):
        bare = await bench.send_bare(numbers)
        await bench.pause()
        paged = await bench.page_one(max(0, n), numbers)
        await bench.pause()
        if n < 0:
            await bench.settle()
            continue
        floor.append(bare)
        product.append(_some(paged))
    await bench.settle()
    return floor, product


async def _storm(bench: _Bench, people: Sequence[_Person], *, alerts: int) -> PagedStorm:
    numbers = [each.text_number for each in people]
    bare = await bench.send_bare(numbers * alerts)
    await bench.settle()
    paged = _some(await bench.page_all(alerts, numbers))
    await bench.settle()
    return PagedStorm(
        alerts=alerts,
        recipients=len(people),
        floor=spread(bare),
        product=spread(paged),
        not_taken=alerts * len(people) - len(paged),
    )


async def _beside(
    bench: _Bench, people: Sequence[_Person], ailment: _Ailment, *, ailing: int, alerts: int
) -> Beside:
    """First with everybody well, then with some who ail: many alerts, then those measured."""
    await bench.tell(people, ailment.methods)
    took_ms: list[list[float]] = []
    not_taken = 0
    for condition in (Condition.ON, ailment.condition):
        await bench.provider.fare(ailment.ill, condition)
        crowd = await bench.page_all(ailing, ailment.watched)
        measured: list[float] = []
        for n in range(alerts):
            await bench.pause()
            measured += await bench.page_one(ailing + n, ailment.watched)
        await bench.provider.fare(ailment.ill, Condition.ON)
        await bench.settle()
        took_ms.append(_some(measured))
        not_taken += (ailing + alerts) * len(ailment.watched) - len(crowd) - len(measured)
    well, ill = took_ms
    return Beside(
        name=ailment.name,
        is_storm=ailment.times > 1,
        ailing=ailing * len(ailment.ill),
        well=spread(well),
        ill=spread(ill),
        not_taken=not_taken,
    )


def _ailments(people: Sequence[_Person]) -> tuple[_Ailment, ...]:
    half = len(people) // 2
    texts = [each.text_number for each in people]
    calls = [each.call_number for each in people]
    return (
        _Ailment("texts that hang", Condition.SLOW, texts[half:], texts[:half], ()),
        _Ailment("texts that are throttled", Condition.TOO_MANY, texts[half:], texts[:half], ()),
        _Ailment("calls that hang", Condition.SLOW, calls, texts, ("sms", "voice")),
        _Ailment(
            "a storm of texts that hang",
            Condition.SLOW,
            texts[half:],
            texts[:half],
            (),
            STORM_TIMES,
        ),
    )


async def _add_people(stand: Stand) -> list[_Person]:
    """Telephone numbers as in all examples: those kept free for fiction."""
    people = []
    for n in range(RECIPIENTS):
        text_number, call_number = f"+151255501{40 + n}", f"+151255501{40 + RECIPIENTS + n}"
        person_id = await accounts.add_person(
            stand.pool,
            jurisdiction=example.JURISDICTION,
            name=f"Recipient {n + 1}",
            email=f"recipient{n + 1}@example.org",
            phone=text_number,
            role="responder",
            vouched_by="the benchmark",
        )
        await contacts.add_contact(
            stand.pool,
            jurisdiction=example.JURISDICTION,
            person_id=person_id,
            method="voice",
            address=call_number,
            vouched_by="the benchmark",
        )
        people.append(_Person(person_id, text_number, call_number))
    return people


def _some(took_ms: list[float]) -> list[float]:
    if not took_ms:
        raise BenchFailed("the provider took no message at all")
    return took_ms


def _all(blocks: Sequence[Sequence[float]]) -> list[float]:
    return [value for block in blocks for value in block]
