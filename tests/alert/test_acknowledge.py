"""What a text takes, and for whom."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.alert.presses import press
from tests.offices import Office, first_contacts, open_office
from tocsin_server.alert.acknowledge import Acknowledge
from tocsin_server.fleet.directory import Directory
from tocsin_server.people.sessions import Reader
from tocsin_server.storage.database import Database as Replica

PHONE = "+15125550111"  # of the dispatcher of either county: one person works for both
CODE = "4821"


@dataclass(frozen=True, slots=True)
class Counties:
    """Two counties that share a dispatcher's phone, and what is done with texts from it."""

    pool: asyncpg.Pool
    offices: tuple[Office, Office]
    directory: Directory
    acknowledge: Acknowledge

    async def page(self, office: Office, code: str = CODE) -> UUID:
        """An alert of a county that its dispatcher was paged about."""
        (alert,) = await press(self.pool, office)
        await self.pool.execute("UPDATE alert SET code = $2 WHERE alert_id = $1", alert, code)
        await self.pool.execute(
            "SELECT begin_attempt($1, 0, 1, 1, $2, 30, false)",
            alert,
            first_contacts(self.directory.entries, office.dispatcher),
        )
        return alert

    async def is_open(self, alert: UUID) -> bool:
        query = "SELECT acknowledged_at IS NULL FROM alert WHERE alert_id = $1"
        return bool(await self.pool.fetchval(query, alert))


@pytest_asyncio.fixture
async def counties(replica: Replica) -> AsyncIterator[Counties]:
    offices = (
        await open_office(replica.pool),
        await open_office(replica.pool, jurisdiction="48209"),
    )
    directory = Directory(replica)
    await directory.read()
    yield Counties(replica.pool, offices, directory, Acknowledge(replica, directory))


@pytest.mark.parametrize("body", [CODE, f"yes {CODE}", f"I have it. Code {CODE}!", "ok", "Yes yes"])
@pytest.mark.parametrize("which", [0, 1])
async def test_a_phone_that_two_counties_know_answers_for_both(
    counties: Counties, which: int, body: str
) -> None:
    alert = await counties.page(counties.offices[which])
    assert (await counties.acknowledge.by_text(PHONE, body)).startswith("You have it")
    assert not await counties.is_open(alert)


@pytest.mark.parametrize(
    "body",
    [
        f"Can't take {CODE}",
        f"i can’t take {CODE}",  # noqa: RUF001 (what a telephone makes of an apostrophe)
        f"no, not {CODE}",
        f"{CODE} or 4822?",
        f"Liked “TOCSIN: DURESS at Counter. Pressed 3 s ago. Reply {CODE} to take it. https://x”",
        "ok, but who is this?",
        "yes I got it, but I am away",
    ],
)
async def test_whoever_declines_or_quotes_has_taken_nothing(counties: Counties, body: str) -> None:
    alert = await counties.page(counties.offices[0])
    said = await counties.acknowledge.by_text(PHONE, body)
    assert said == f"Not understood: nothing was taken. Reply with the code alone ({CODE})."
    assert await counties.is_open(alert)


async def test_a_yes_that_is_looked_at_as_the_page_goes_out_takes_the_alert(
    counties: Counties, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = await counties.page(counties.offices[0])

    async def before_the_page(_texter: object) -> list[asyncpg.Record]:
        monkeypatch.undo()
        return []

    monkeypatch.setattr(counties.acknowledge, "_open_rows", before_the_page)
    assert (await counties.acknowledge.by_text(PHONE, "yes")).startswith("You have it")
    assert not await counties.is_open(alert)


@pytest.mark.parametrize("again", [CODE, "yes"])
async def test_whoever_takes_it_twice_has_it_and_is_told_so(counties: Counties, again: str) -> None:
    await counties.page(counties.offices[0])
    await counties.acknowledge.by_text(PHONE, CODE)
    assert (await counties.acknowledge.by_text(PHONE, again)).startswith("You have it since ")


async def test_whoever_takes_it_twice_on_the_console_has_it_and_somebody_else_does_not(
    counties: Counties,
) -> None:
    office = counties.offices[0]
    alert = await counties.page(office)
    dana, luis = reader(office, office.dispatcher, "Dana"), reader(office, uuid4(), "Luis")
    said = [await counties.acknowledge.by_console(alert, who) for who in (dana, dana, luis)]
    assert [(one.won, one.yours) for one in said] == [(True, True), (False, True), (False, False)]
    assert [one.message[:9] for one in said] == ["You have ", "You have ", "Dana has "]


def reader(office: Office, person_id: UUID, name: str) -> Reader:
    """Somebody at a console."""
    return Reader(
        person_id=person_id,
        jurisdiction=office.jurisdiction,
        jurisdiction_name="Travis County",
        name=name,
        email="dana@example.org",
        role="dispatcher",
    )


async def test_an_open_alert_goes_before_another_countys_resolved_one(counties: Counties) -> None:
    resolved = await counties.page(counties.offices[0])
    await counties.pool.execute(
        "SELECT resolve($1, $2, 'Dana Ortiz', 'test', '')",
        resolved,
        counties.offices[0].jurisdiction,
    )
    alert = await counties.page(counties.offices[1])
    assert (await counties.acknowledge.by_text(PHONE, CODE)).startswith("You have it")
    assert not await counties.is_open(alert)


async def test_a_text_from_somebody_whose_account_has_ended_takes_nothing(
    counties: Counties,
) -> None:
    alert = await counties.page(counties.offices[0])
    await counties.pool.execute("UPDATE person SET ends_on = current_date - 2")
    await counties.directory.read()
    answer = await counties.acknowledge.by_text(PHONE, CODE)
    assert answer.startswith("Your account with Tocsin has ended: nothing was taken.")
    assert await counties.is_open(alert)
