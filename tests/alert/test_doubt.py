"""What nobody can vouch for is told anew for each press, and no more than that."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import asyncpg
import msgspec
import pytest
import pytest_asyncio
import structlog

from tests.offices import Office, open_office
from tests.parts import ASK_AGAIN_S, WAIT_S, Database
from tocsin_server import metrics
from tocsin_server.alert import doubt
from tocsin_server.alert.doubt import SEEN_WITHIN_S, DoubtfulLane
from tocsin_server.alert.press import Doubt, DoubtfulView
from tocsin_server.fleet.directory import Directory
from tocsin_server.people import contacts
from tocsin_server.storage.database import Database as Replica
from tocsin_wire.messages import Press, new_id
from tocsin_wire.signing import SigningKey

STRANGER = SigningKey.generate()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 (screens are no events)
            await asyncio.sleep(ASK_AGAIN_S)


class Lane:
    """One replica's doubtful lane, with nobody at a screen unless a test says so."""

    def __init__(self, replica: Replica, office: Office) -> None:
        self.screens = 0
        self.now = 1_000.0
        self.pool: asyncpg.Pool = replica.pool
        self.office = office
        self.directory = Directory(replica)
        self.shown: list[DoubtfulView] = []
        self.doubtful = DoubtfulLane(
            replica,
            self.directory,
            show=lambda _, view: self.shown.append(view),
            watching=lambda _: self.screens,
            clock=lambda: self.now,
        )

    def press(self) -> bytes:
        device_id = self.office.device_id
        return STRANGER.sign(Press(press_id=new_id(), device_id=device_id, kind="duress"))

    async def hear(self, raw: bytes) -> DoubtfulView:
        """One message; gives what screens are shown of it."""
        before = len(self.shown)
        self.doubtful.add(
            Doubt(
                jurisdiction=self.office.jurisdiction,
                topic=f"tocsin/v1/48453/{self.office.device_id}/press",
                device_id=self.office.device_id,
                reason="signed with a key that is not known here",
                raw=raw,
                received=time.monotonic(),
            )
        )
        await until(lambda: len(self.shown) > before)
        return self.shown[-1]

    async def see(self, view: DoubtfulView) -> None:
        assert view.doubtful_id is not None
        await self.doubtful.mark_seen(
            view.doubtful_id, jurisdiction=self.office.jurisdiction, by="Dana Ortiz"
        )

    async def pass_a_minute(self) -> None:
        await self.pool.execute("UPDATE notification SET created_at = created_at - interval '61 s'")

    async def texts(self) -> list[str]:
        """What phones are to be told, once the lane has had its turn."""
        await self.doubtful.page_due()
        rows = await self.pool.fetch("SELECT body FROM notification ORDER BY created_at")
        return [row["body"] for row in rows]


@pytest_asyncio.fixture
async def lane(replica: Replica) -> AsyncIterator[Lane]:
    lane = Lane(replica, await open_office(replica.pool))
    await lane.directory.read()
    running = asyncio.create_task(lane.doubtful.run())
    yield lane
    running.cancel()


async def test_a_press_that_was_seen_and_is_sent_again_stays_seen(lane: Lane) -> None:
    """An unverified button never gets a receipt, and never stops."""
    press = lane.press()
    await lane.see(await lane.hear(press))
    again = await lane.hear(press)
    assert (again.seen_by, again.times) == ("Dana Ortiz", 2)
    assert await lane.texts() == []
    another = await lane.hear(lane.press())
    assert another.seen_at is None
    assert another.doubtful_id != again.doubtful_id


async def test_what_can_not_be_read_is_never_taken_for_what_was_seen(lane: Lane) -> None:
    await lane.see(await lane.hear(b"nonsense"))
    assert (await lane.hear(b"nonsense")).seen_at is None


async def test_each_new_press_of_a_sender_is_told_to_phones_once(lane: Lane) -> None:
    first = lane.press()
    await lane.hear(first)
    assert len(await lane.texts()) == 1
    await lane.pass_a_minute()
    await lane.hear(first)
    assert len(await lane.texts()) == 1
    await lane.hear(lane.press())
    assert len(await lane.texts()) == 2
    await lane.hear(lane.press())
    assert len(await lane.texts()) == 2, "one message a minute at most"


@pytest.mark.parametrize("days", [1, -1], ids=["forward", "back"])
async def test_a_database_clock_that_steps_neither_hastens_nor_delays_a_text(
    lane: Lane, days: int
) -> None:
    lane.screens = 1
    await lane.hear(lane.press())
    assert await lane.texts() == []
    step = timedelta(days=days)
    await lane.pool.execute("UPDATE doubtful SET received_at = received_at - $1::interval", step)
    lane.now += SEEN_WITHIN_S - 1
    assert await lane.texts() == []
    lane.now += 1
    assert len(await lane.texts()) == 1
    await lane.pool.execute("UPDATE notification SET created_at = created_at - $1::interval", step)
    lane.screens = 0
    await lane.hear(lane.press())
    assert len(await lane.texts()) == 2, "held back by a text from the future"


async def test_the_text_says_where_the_button_is(lane: Lane) -> None:
    await lane.hear(lane.press())
    (text,) = await lane.texts()
    where = f"Counter, County Clerk ({lane.office.device_id})"
    assert text.startswith(f"TOCSIN UNVERIFIED: a press by way of {where} can't be verified")


async def test_while_nobody_can_be_told_it_waits_for_somebody(lane: Lane) -> None:
    await contacts.queries.opt_out(lane.pool, address="+15125550111", why=contacts.OPTED_OUT)
    await lane.directory.read()
    await lane.hear(lane.press())
    assert await lane.texts() == []
    await contacts.queries.opt_in(lane.pool, address="+15125550111")
    await lane.directory.read()
    assert len(await lane.texts()) == 1


async def test_a_screen_is_shown_what_was_claimed(lane: Lane) -> None:
    press = lane.press()
    claimed = (await lane.hear(press)).read
    assert msgspec.json.decode(claimed["device_id"]) == lane.office.device_id


async def test_another_replicas_screens_see_it_and_that_somebody_has_looked(
    lane: Lane, database: Database
) -> None:
    other = Replica(database.dsn, replica_id="server-2")
    await other.open()
    there = Lane(other, lane.office)
    await there.directory.read()
    loops = (other.listen, there.doubtful.show_changed)
    tasks = [asyncio.create_task(loop()) for loop in loops]
    await other.listening.wait()
    here = await lane.hear(lane.press())
    await until(lambda: there.shown == [here])
    await lane.see(here)
    await until(lambda: there.shown[-1].seen_by == "Dana Ortiz")
    assert len(there.shown) == 2
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await other.close()


async def test_more_senders_than_a_turn_takes_are_counted_and_logged_once(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubt, "SENDERS_MAX", 2)
    before = metrics.OVERFLOWED._value.get()
    with structlog.testing.capture_logs() as logs:
        for n in range(5):
            lane.doubtful.add(
                Doubt(
                    jurisdiction=lane.office.jurisdiction,
                    topic="",
                    device_id=f"stranger-{n}",
                    reason="nobody knows this button",
                    raw=b"",
                    received=time.monotonic(),
                )
            )
        await until(lambda: len(lane.shown) == 2)
        await lane.hear(b"nonsense")
    assert metrics.OVERFLOWED._value.get() - before == 3
    assert [log["not_taken"] for log in logs if "not_taken" in log] == [3]
