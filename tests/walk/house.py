"""A whole system that the tests of one file share, tidied up after each of them.

Promise: every part is real (see tests/parts.py). A `Sender` is a button in the hands of a test:
its certificate and its key are genuine, and it says whatever the test wants said.

Refused: sharing what a test breaks. Whoever stops a part or rushes a tier has a walk of its own.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from jwt import PyJWS

from tests import parts
from tests.broker.parties import Heard, Identity, Party
from tests.parts import DANA, LUIS, MAYA, Alert, Deployment, Screen, Walk
from tocsin_server.demo import example
from tocsin_server.demo.phone import Condition, Phone
from tocsin_server.demo.postgres import EmbeddedPostgres
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_server.fleet import sites
from tocsin_wire import signing, topics
from tocsin_wire.messages import Press, Receipt, new_id
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

Found = TypeVar("Found")

_jws = PyJWS(algorithms=["EdDSA"])

LONG_S = 600.0  # a patience that no test outlives
AT_A_TIME = 25  # of hundreds, pressed or resolved


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of an alert's record."""

    n: int
    name: str
    payload: dict[str, object] | None


class StoredPress(msgspec.Struct, frozen=True, kw_only=True):
    """A press as it is on record."""

    press_id: str
    kind: str
    gesture: str
    drill: bool
    pressed_at: str
    received_at: str


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """An alert's own page."""

    alert: Alert
    events: tuple[Event, ...]
    presses: tuple[StoredPress, ...]

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the latency page."""

    name: str
    count: int
    p50_ms: float | None


class AlertStages(msgspec.Struct, frozen=True, kw_only=True):
    """One dot of the latency page."""

    alert_id: str
    drill: bool
    stages_ms: dict[str, float | None]


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """The latency page."""

    stages: tuple[Stage, ...]
    alerts: tuple[AlertStages, ...]

    def of(self, alert: Alert) -> Mapping[str, float | None] | None:
        """The stages of one alert; None where it isn't among them."""
        found = (each.stages_ms for each in self.alerts if each.alert_id == alert.alert_id)
        return next(found, None)


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the console hears when it takes an alert."""

    won: bool
    acknowledged_by: str
    message: str


class Sender:
    """A button's certificate and key. What it sends goes through the broker like any press."""

    def __init__(self, folder: Path, port: int) -> None:
        self.device_id = folder.name
        self.key = SigningKey.load(folder / "press.key")
        self.topic = topics.topic(example.JURISDICTION, self.device_id, Leaf.PRESS)
        self.heard: list[Heard] = []
        self._seq = 0
        self._folder = folder
        self._port = port
        self._keys = signing.load_keys(folder / "receipt_keys.json")
        self._party = Party(Identity.device(folder), port)

    async def connect(self) -> None:
        """Stand at the broker, anew if it has shut the door."""
        self._party = Party(Identity.device(self._folder), self._port)
        await asyncio.to_thread(self._party.__enter__)
        receipts = topics.topic(example.JURISDICTION, self.device_id, Leaf.RECEIPT)
        await asyncio.to_thread(self._party.subscribe, receipts)

    async def leave(self) -> None:
        await asyncio.to_thread(self._party.__exit__, None, None, None)

    def press(self, **fields: object) -> Press:
        """The next press of this button; `fields` say what is strange about it."""
        self._seq += 1
        usual: dict[str, object] = {
            "press_id": new_id(),
            "device_id": self.device_id,
            "kind": "duress",
            "seq": self._seq,
            "age_exact": True,
        }
        return msgspec.convert(usual | fields, type=Press)

    def sign_raw(
        self,
        payload: bytes,
        *,
        typ: str = signing.TYPES[Press],
        key: SigningKey | None = None,
        kid: str | None = None,
    ) -> bytes:
        """Sign any bytes, as this button unless told otherwise."""
        key = key or self.key
        headers = {"typ": typ, "kid": kid or key.kid}
        return _jws.encode(payload, key._private, algorithm="EdDSA", headers=headers).encode()

    async def send(self, press: Press, *, retain: bool = False) -> Press:
        """Sign it and send it."""
        await self.send_raw(self.key.sign(press), retain=retain)
        return press

    async def send_raw(
        self, body: bytes, *, retain: bool = False, jurisdiction: str | None = None
    ) -> None:
        """Send anything. Returns when the broker has it."""
        topic = self.topic
        if jurisdiction is not None:
            topic = f"tocsin/v1/{jurisdiction}/{self.device_id}/press"
        await asyncio.to_thread(self._party.publish, topic, body, retain=retain)

    async def send_too_much(self, body: bytes) -> None:
        """Send what the broker hangs up on."""
        self._party.publish_and_go_on(self.topic, body)
        await asyncio.to_thread(self._party.put_out.wait, parts.WAIT_S)
        await self.leave()
        await self.connect()

    def receipts(self) -> list[Receipt]:
        """Every receipt so far whose signature holds."""
        while not self._party.heard.empty():
            self.heard.append(self._party.heard.get_nowait())
        return [signing.verify(each.payload, Receipt, self._keys) for each in self.heard]

    async def until_receipt(self, press: Press, state: str) -> Receipt:
        """The first receipt that says so."""

        async def found() -> Receipt | None:
            of_press = (each for each in self.receipts() if each.press_id == press.press_id)
            return next((each for each in of_press if each.state == state), None)

        return await until(found)

    async def until_another_receipt(self, before: int) -> None:
        """Any receipt beyond the first `before`."""

        async def found() -> bool:
            return len(self.receipts()) > before

        await until(found)


class House:
    """A shared walk with Dana's screen before it."""

    def __init__(self, walk: Walk, screen: Screen, stack: AsyncExitStack) -> None:
        self.walk = walk
        self.screen = screen
        self._stack = stack
        self._take_phones()

    def _take_phones(self) -> None:
        self.dana, self.luis, self.maya = map(self.walk.phone, (DANA, LUIS, MAYA))

    def renew_phones(self) -> None:
        """Nobody's phone shows an old text: the code of what is over may be drawn once more."""
        self.walk.phones._phones.clear()
        self._take_phones()

    async def sender(
        self, *, room: str = "Front counter", site: example.Site = example.CLERK
    ) -> Sender:
        """A new button that the server knows, at the clerk's unless told otherwise."""
        button, public_key = self.walk.deployment.new_button()
        await self.register(button.device_id, public_key, room=room, site=site)
        sender = Sender(button.folder, self.walk.deployment.broker_port)
        await sender.connect()
        self._stack.push_async_callback(sender.leave)
        return sender

    async def button(self, *, room: str = "Front counter", **behaviour: float) -> VirtualButton:
        """A new button that the server knows, running the real agent with these settings."""
        button, public_key = self.walk.deployment.new_button()
        with button.config.open("a") as config:
            config.writelines(f"{name} = {value}\n" for name, value in behaviour.items())
        await self.register(button.device_id, public_key, room=room)
        self._stack.push_async_callback(button.stop)
        await button.start()
        await button.until_connected()
        return button

    async def register(
        self,
        device_id: str,
        public_key: bytes,
        *,
        room: str,
        site: example.Site = example.CLERK,
    ) -> None:
        """Place a button at a site, and return when the server has read of it."""
        async with self.walk.database.pool() as pool:
            jurisdiction = example.JURISDICTION
            known = await sites.read_sites(pool, jurisdiction=jurisdiction)
            place_id = await sites.add_place(
                pool,
                jurisdiction=jurisdiction,
                site_id=next(each.site_id for each in known if each.name == site.name),
                building="Main building",
                floor="1",
                room=room,
                spot="Under the desk",
            )
            await sites.register_device(
                pool, device_id=device_id, jurisdiction=jurisdiction, public_key=public_key
            )
            await sites.place_device(
                pool,
                jurisdiction=jurisdiction,
                device_id=device_id,
                place_id=place_id,
                confirmed_by="Sam Novak",
            )

        async def known_with_its_place() -> bool:
            listed = (await self.screen.get("devices")).json()["devices"]
            assert isinstance(listed, list)
            return any(each["device_id"] == device_id and each["room"] == room for each in listed)

        await until(known_with_its_place)

    @asynccontextmanager
    async def nothing_reaches(self, person: example.Person, *, because: str) -> AsyncIterator[None]:
        """As if the provider said so of each of their contacts; the server knows it meanwhile."""
        change = (
            "UPDATE contact SET unreachable = $1::text,"
            " unreachable_at = CASE WHEN $1 IS NOT NULL THEN clock_timestamp() END FROM person p"
            " WHERE p.email = $2 AND contact.person_id = p.person_id"
        )
        async with self.walk.database.connected() as connection:
            await connection.execute(change, because, person.email)
            try:
                await until(lambda: self._reaches(person, why_not=because))
                yield
            finally:
                await connection.execute(change, None, person.email)
                await until(lambda: self._reaches(person, why_not=None))

    async def _reaches(self, person: example.Person, *, why_not: str | None) -> bool:
        """Whether the server has read that, wherever it would tell them."""
        answer = (await self.screen.get("answering")).body
        tiers = [tier for each in msgspec.json.decode(answer)["policies"] for tier in each["tiers"]]
        named = [one for tier in tiers for one in tier["people"] if one["name"] == person.name]
        return bool(named) and all(one["why_not"] == why_not for one in named)

    async def until_forgotten(self, device_id: str) -> None:
        """Return when the server has read that a button is gone from the directory."""

        async def gone() -> bool:
            listed = (await self.screen.get("devices")).json()["devices"]
            assert isinstance(listed, list)
            return all(each["device_id"] != device_id for each in listed)

        await until(gone)

    async def alert_of(
        self,
        device_id: str,
        holds: Callable[[Alert], object] = lambda _: True,
    ) -> Alert:
        """The alert of a button, once it is on the screen and `holds`."""
        return await self.screen.until_alert(
            lambda alert: alert.device_id == device_id and holds(alert)
        )

    def alerts_of(self, device_id: str) -> list[Alert]:
        """Every alert of a button that the screen has been shown."""
        return [each for each in self.screen.alerts.values() if each.device_id == device_id]

    async def now(self, alert: Alert, holds: Callable[[Alert], object]) -> Alert:
        """The same alert, once `holds`."""
        return await self.screen.until_alert(
            lambda each: each.alert_id == alert.alert_id and holds(each)
        )

    async def detail_of(self, alert: Alert) -> Alert:
        """The alert as the server has it now, not as a frame had it."""
        return (await detail(self.screen, alert)).alert

    async def tidy_up(self) -> None:
        """Whatever a test left open is closed, and everybody can be reached again."""
        self.walk.phones.pace_s = 0.0
        async with self.walk.database.connected() as connection:
            await connection.execute("DELETE FROM wrong_code")
            await connection.execute("UPDATE drill_window SET closes_at = clock_timestamp()")
            await connection.execute("UPDATE contact SET unreachable = NULL, unreachable_at = NULL")
        for phone in self.walk.phones.phones:
            phone.condition = Condition.ON
            phone.opted_out = False
        for doubtful in list(self.screen.doubtful.values()):
            if doubtful.seen_at is None:
                await self.screen.post(f"doubtful/{doubtful.doubtful_id}/seen")
        await self.resolve_all()

    async def resolve_all(self, *, but: Alert | None = None) -> None:
        """Whatever is open is closed, or all but one."""

        def are_open() -> list[Alert]:
            there = self.screen.alerts.values()
            others = [each for each in there if but is None or each.alert_id != but.alert_id]
            return [each for each in others if each.state != "resolved"]

        there = are_open()
        for first in range(0, len(there), AT_A_TIME):
            few = there[first : first + AT_A_TIME]
            await asyncio.gather(*(self.screen.resolve(each, "test") for each in few))
        await self.screen.until(lambda _: not are_open())


async def detail(screen: Screen, alert: Alert) -> Detail:
    """Everything on record about an alert."""
    answer = await screen.get(f"alerts/{alert.alert_id}")
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=Detail)


async def latency(screen: Screen, *, drill: bool = False) -> Latency:
    """The latency page of the last day."""
    answer = await screen.get(f"latency?days=1&drill={str(drill).lower()}")
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=Latency)


async def until(look: Callable[[], Awaitable[Found | None]]) -> Found:
    """Look again and again, where there is no event to wait for, until there is something."""
    deadline = time.monotonic() + parts.WAIT_S
    while not (found := await look()):
        assert time.monotonic() < deadline, f"{look.__qualname__}: not within {parts.WAIT_S:g} s"
        await asyncio.sleep(parts.ASK_AGAIN_S)
    return found


def told(phone: Phone, text: str) -> list[str]:
    """Everything with this text in it that the phone was sent."""
    return [sms.body for sms in phone.received if text in sms.body]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@asynccontextmanager
async def open_house(
    postgres: EmbeddedPostgres, folder: Path, *, streets: str | None = None
) -> AsyncIterator[House]:
    """The whole system, with patience enough for any test. `streets`: the map's file, if one."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(parts.fresh_database(postgres, parts.EXAMPLE))
        deployment = Deployment(folder / "d", streets=streets)
        walk = await stack.enter_async_context(
            parts.whole_walk(deployment, database, patience_s=(LONG_S, LONG_S, LONG_S))
        )
        yield House(walk, await walk.screen(), stack)
