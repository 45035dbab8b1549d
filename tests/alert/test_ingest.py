"""A press is stored once, whatever happens to the others of its batch."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
import pytest_asyncio

from tests.offices import open_office
from tests.parts import ASK_AGAIN_S, WAIT_S
from tocsin_server.alert.ingest import Ingest
from tocsin_server.alert.press import Doubt, Held, Stored
from tocsin_server.broker import Arrived
from tocsin_server.fleet.directory import Directory
from tocsin_server.fleet.sites import place_device, register_device
from tocsin_server.storage.database import Database as Replica
from tocsin_wire import topics
from tocsin_wire.messages import Press, new_id
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

BOOT = uuid4()


class Hand:
    """Somebody at a button."""

    def __init__(self, jurisdiction: str) -> None:
        self.device_id = topics.new_device_id()
        self.key = SigningKey.generate()
        self.topic = topics.topic(jurisdiction, self.device_id, Leaf.PRESS)

    def press(
        self,
        press_id: UUID | None = None,
        *,
        kind: str = "duress",
        attempt: int = 1,
        age_ms: int = 0,
        age_exact: bool = True,
        cancels: UUID | None = None,
    ) -> Arrived:
        said = Press(
            press_id=press_id or new_id(),
            device_id=self.device_id,
            kind=kind,
            boot_id=BOOT,
            seq=1,
            attempt=attempt,
            age_ms=age_ms,
            age_exact=age_exact,
            cancels=cancels,
        )
        return Arrived(self.topic, self.key.sign(said), False, time.monotonic(), lambda: None)


@dataclass
class Inlet:
    """One replica's ingest, and what came of what arrived."""

    replica: Replica
    ingest: Ingest
    hands: list[Hand]
    stored: list[Stored]
    doubts: list[Doubt]

    async def until_stored(self, *hands: Hand) -> None:
        wanted = {hand.device_id for hand in hands}
        await until(lambda: wanted <= {one.device_id for one in self.stored})


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 (the callbacks of ingest are no events)
            await asyncio.sleep(ASK_AGAIN_S)


@pytest_asyncio.fixture
async def inlet(replica: Replica) -> AsyncIterator[Inlet]:
    office = await open_office(replica.pool)
    hands = [Hand(office.jurisdiction) for _ in range(4)]
    for hand in hands:
        await register_device(
            replica.pool,
            device_id=hand.device_id,
            jurisdiction=office.jurisdiction,
            public_key=hand.key.public.raw,
        )
        await place_device(
            replica.pool,
            jurisdiction=office.jurisdiction,
            device_id=hand.device_id,
            place_id=office.place_id,
            confirmed_by="Sam Novak",
        )
    directory = Directory(replica)
    await directory.read()

    def page_from_memory(_held: Held) -> asyncio.Future[list[str]]:
        nobody: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        nobody.set_result([])
        return nobody

    stored: list[Stored] = []
    doubts: list[Doubt] = []
    ingest = Ingest(
        replica,
        directory,
        doubt=doubts.append,
        on_stored=stored.extend,
        on_held=lambda *_: None,
        on_held_gone=lambda _: None,
        page_from_memory=page_from_memory,
    )
    tasks = [asyncio.create_task(loop()) for loop in (ingest.verify, ingest.store, ingest.watch)]
    yield Inlet(replica, ingest, hands, stored, doubts)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_row_that_somebody_else_has_locked_keeps_no_other_press_waiting(
    inlet: Inlet,
) -> None:
    first, *others = inlet.hands
    inlet.ingest.arrived(first.press())
    await inlet.until_stored(first)
    inlet.stored.clear()
    async with inlet.replica.pool.acquire() as somebody, somebody.transaction():
        await somebody.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await somebody.execute("SELECT FROM alert FOR UPDATE")
        for hand in inlet.hands:
            inlet.ingest.arrived(hand.press())
        await inlet.until_stored(*others)
        assert first.device_id not in {one.device_id for one in inlet.stored}
    await inlet.until_stored(first)
    assert inlet.doubts == []


async def test_an_alert_that_opens_is_shown_as_the_database_would_show_it(inlet: Inlet) -> None:
    hand, pool = inlet.hands[0], inlet.replica.pool
    inlet.ingest.arrived(hand.press(kind="assist", age_ms=1_234, age_exact=False))
    await inlet.until_stored(hand)
    await pool.execute("UPDATE alert SET joinable = false")
    inlet.stored.clear()
    inlet.ingest.arrived(hand.press(kind="fire!", age_ms=5_678))
    await inlet.until_stored(hand)
    (stored,) = inlet.stored
    query = "SELECT alert_view(alert), press_state(alert) FROM alert WHERE alert_id = $1"
    view, state = await pool.fetchrow(query, stored.alert_id)
    assert stored.view is not None
    shown = msgspec.json.decode(stored.view)
    assert shown == msgspec.json.decode(view)
    assert list(shown) == list(msgspec.json.decode(view))
    assert (stored.state, stored.version) == (state, shown["version"])
    assert shown["previous_alert_id"] is not None
    assert shown["remarks"]


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
async def test_a_press_that_opens_no_alert_is_stored_the_same_alone_or_with_others(
    inlet: Inlet, together: bool
) -> None:
    """A press, it again, another that joins, a cancel, and one whose cancel came before it."""
    hand, cancelled_first = inlet.hands[0], new_id()
    first = new_id()
    arriving = [
        hand.press(first),
        hand.press(first, attempt=2),
        hand.press(),
        hand.press(kind="cancel", cancels=first),
        hand.press(kind="cancel", cancels=cancelled_first),
        hand.press(cancelled_first),
    ]
    pool = inlet.replica.pool
    for stored_by_then, arrived in zip((1, 1, 2, 3, 4, 5), arriving, strict=True):
        inlet.ingest.arrived(arrived)
        if not together:
            count = stored_by_then
            await until(lambda: len({one.press_id for one in inlet.stored}) == count)  # noqa: B023
    await until(lambda: len({one.press_id for one in inlet.stored}) == 5)
    (alert,) = await pool.fetch("SELECT alert_id, presses, cancelled FROM alert")
    assert (alert["presses"], alert["cancelled"]) == (3, True)
    assert {one.alert_id for one in inlet.stored} == {alert["alert_id"]}
    assert await pool.fetchval("SELECT count(*) FROM press WHERE alert_id IS NOT NULL") == 5
    assert inlet.doubts == []


async def test_of_attempts_that_arrive_together_the_earliest_moment_counts(inlet: Inlet) -> None:
    hand, press_id = inlet.hands[0], new_id()
    before: datetime = await inlet.replica.pool.fetchval("SELECT clock_timestamp()")
    for attempt, age_ms in ((1, 0), (2, 300), (3, 800), (2, 300)):
        inlet.ingest.arrived(hand.press(press_id, attempt=attempt, age_ms=age_ms))
    # The first is on its way into the database when the others are looked at: it is stored again.
    await until(lambda: len(inlet.stored) == 2)
    pressed_at: datetime = await inlet.replica.pool.fetchval("SELECT pressed_at FROM alert")
    after: datetime = await inlet.replica.pool.fetchval("SELECT clock_timestamp()")
    assert before <= pressed_at + timedelta(seconds=0.8) <= after
    assert {one.press_id for one in inlet.stored} == {press_id}
    assert await inlet.replica.pool.fetchval("SELECT count(*) FROM press") == 1


async def test_our_own_mistake_with_one_press_ends_nothing(
    inlet: Inlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good, *_ = inlet.hands

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as mistaken:
        mistaken.setattr("tocsin_server.alert.ingest.geotag", fail)
        inlet.ingest.arrived(bad.press())
        await until(lambda: inlet.doubts)
    assert inlet.doubts[0].reason == "this server failed on it: ZeroDivisionError"
    inlet.ingest.arrived(good.press())
    await inlet.until_stored(good)
