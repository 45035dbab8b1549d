"""Who is texted, in what order, and who isn't any more."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest_asyncio

from tests.alert.presses import press
from tests.offices import Office, first_contacts, open_office
from tests.parts import WAIT_S
from tocsin_server.alert.geotag import geotag
from tocsin_server.alert.notify import Notify
from tocsin_server.alert.press import Held
from tocsin_server.alert.room import AT_ONCE_MAX
from tocsin_server.channels.channel import Message, SendFailed
from tocsin_server.fleet.directory import Directory, PolicyTier
from tocsin_server.fleet.policies import FIRST_POLICY, set_policy
from tocsin_server.people import contacts
from tocsin_server.people.accounts import add_person
from tocsin_server.storage.database import Database as Replica
from tocsin_wire.messages import Press, new_id


class Phones:
    """The provider at the edge. `refuse` says why a number can't be texted now."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []
        self.tries: list[str] = []
        self.refuse: Callable[[str], SendFailed | None] = lambda _: None
        self.hangs: set[str] = set()
        self._changed = asyncio.Condition()

    async def send(self, message: Message) -> str:
        to = message.to
        self.tries.append(to)
        if to in self.hangs:
            await asyncio.Event().wait()
        refusal = self.refuse(to)
        if refusal is not None:
            raise refusal
        async with self._changed:
            self.texts.append((to, message.text))
            self._changed.notify_all()
        return f"SM{len(self.texts)} {message.notification_id}"

    async def close(self) -> None:
        """Nothing is open."""

    async def until(self, texts: int) -> None:
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: len(self.texts) >= texts)


class Desk:
    """One county's replica, with phones."""

    def __init__(self, replica: Replica, office: Office) -> None:
        self.pool: asyncpg.Pool = replica.pool
        self.office = office
        self.directory = Directory(replica)
        self.phones = Phones()
        self.notify = Notify(
            replica, self.directory, {"sms": self.phones}, public_url="https://tocsin.example"
        )

    async def add_person(self, name: str, phone: str | None) -> UUID:
        return await add_person(
            self.pool,
            jurisdiction=self.office.jurisdiction,
            name=name,
            email=f"{name}@example.org",
            phone=phone,
            vouched_by="a test",
            role="responder",
        )

    async def set_tiers(self, *tiers: list[UUID]) -> None:
        await set_policy(
            self.pool,
            jurisdiction=self.office.jurisdiction,
            name=FIRST_POLICY,
            tiers=[PolicyTier(patience_s=30, people=people) for people in tiers],
        )
        await self.directory.read()

    async def page(self, alert: UUID) -> None:
        """Tier 1 is to be told: only the dispatcher is in it."""
        await self.directory.read()
        await self.pool.execute(
            "SELECT begin_attempt($1, attempt, attempt + 1, 1, $2, 30, false) FROM alert"
            " WHERE alert_id = $1",
            alert,
            first_contacts(self.directory.entries, self.office.dispatcher),
        )

    def held(self, *, kind: str = "duress") -> Held:
        """A press that the database doesn't take."""
        device = self.directory.entries.devices[self.office.device_id]
        return Held(
            press=Press(press_id=new_id(), device_id=device.device_id, kind=kind),
            device=device,
            place=geotag(device),
            drill=False,
            remarks=[],
            jws=b"signed",
            received=time.monotonic(),
            received_at=datetime.now(UTC),
            accepts=[],
        )


@pytest_asyncio.fixture
async def desk(replica: Replica) -> AsyncIterator[Desk]:
    desk = Desk(replica, await open_office(replica.pool))
    await desk.directory.read()
    yield desk
    await desk.notify.drain()


async def test_nobody_is_told_to_stand_down_from_a_drill_that_is_real_by_now(desk: Desk) -> None:
    (alert,) = await press(desk.pool, desk.office)
    await desk.pool.execute("UPDATE alert SET drill = true")
    await desk.page(alert)
    await desk.notify.turn()
    await desk.phones.until(1)
    await desk.notify.drain()
    there = desk.office.jurisdiction
    await desk.pool.fetch(
        "SELECT acknowledge($1, $2, NULL, 'Luis Herrera', 'console', NULL)", alert, there
    )
    await desk.pool.execute("SELECT stand_down($1)", alert)
    await desk.pool.execute("SELECT make_actual($1, $2, 'Luis Herrera')", alert, there)
    await desk.page(alert)
    await desk.notify.turn()
    await desk.phones.until(2)
    await desk.notify.drain()
    assert ["DRILL" in text for _, text in desk.phones.texts] == [True, False]
    assert "Reply" in desk.phones.texts[1][1]


async def test_a_call_for_help_goes_before_the_word_of_others(desk: Desk) -> None:
    await desk.pool.execute(
        "INSERT INTO notification (jurisdiction, purpose, name, address, body)"
        " SELECT $1, 'fault', 'On-call', '+15125550190', 'a button is lost'"
        " FROM generate_series(1, $2)",
        desk.office.jurisdiction,
        3 * AT_ONCE_MAX,
    )
    (alert,) = await press(desk.pool, desk.office)
    await desk.page(alert)
    await desk.notify.turn()
    await desk.phones.until(AT_ONCE_MAX)
    assert any("DURESS at County Clerk" in text for _, text in desk.phones.texts[:AT_ONCE_MAX])


async def test_one_phone_that_hangs_keeps_no_other_from_being_told_from_memory(
    desk: Desk,
) -> None:
    slow = await desk.add_person("Slow", "+15125550101")
    quick = await desk.add_person("Quick", "+15125550102")
    await desk.set_tiers([slow, quick])
    desk.phones.hangs.add("+15125550101")
    paging = desk.notify.page_from_memory(desk.held())
    await desk.phones.until(1)
    assert desk.phones.texts[0][0] == "+15125550102"
    paging.cancel()


async def test_whoever_was_not_told_from_memory_is_tried_again(desk: Desk) -> None:
    failures = [SendFailed("Twilio did not answer", temporary=True)]
    desk.phones.refuse = lambda _: failures.pop() if failures else None
    assert await desk.notify.page_from_memory(desk.held()) == ["Dana Ortiz"]
    assert len(desk.phones.tries) == 2


async def test_a_tier_that_nobody_is_in_falls_through_from_memory_too(desk: Desk) -> None:
    nobody = await desk.add_person("Nobody", "+15125550101")
    second = await desk.add_person("Second", "+15125550102")
    await desk.set_tiers([nobody], [second])
    await contacts.queries.opt_out(desk.pool, address="+15125550101", why=contacts.OPTED_OUT)
    await desk.directory.read()
    assert await desk.notify.page_from_memory(desk.held()) == ["Second"]


async def test_a_cancel_that_is_told_from_memory_does_not_read_like_an_all_clear(
    desk: Desk,
) -> None:
    await desk.notify.page_from_memory(desk.held(kind="cancel"))
    (_, text) = desk.phones.texts[0]
    assert text.startswith("TOCSIN: DURESS at Counter")
    assert "Cancelled at the button; may be under coercion." in text
