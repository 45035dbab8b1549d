"""The ledger of false alarms: what is in it, what never is, and when it warns."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.alert.presses import Said, press, store
from tests.offices import Office, add_button, open_office
from tocsin_server.alert.false_alarms import (
    EXPLANATIONS_MAX,
    Ledger,
    explain,
    read_ledgers,
    warning,
)
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.record import erase_payloads, verify_database

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LEAP_DAY = datetime(2028, 2, 29, 12, 0, tzinfo=UTC)


def at(year: int, month: int, day: int, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("why", "pressed", "now", "counts"),
    [
        ("none", [], NOW, None),
        ("one is forgiven", [at(2026, 11, 3)], NOW, None),
        ("the second is a warning", [at(2026, 11, 3), at(2026, 5, 1)], NOW, 2),
        ("two in one minute are two", [NOW, NOW], NOW, 2),
        ("a day short of a year still counts", [at(2026, 11, 3), at(2025, 11, 4)], NOW, 2),
        ("an hour short of a year, too", [at(2026, 11, 3), at(2025, 11, 3, 13)], NOW, 2),
        ("a year ago to the hour is past", [at(2026, 11, 3), at(2025, 11, 3)], NOW, None),
        ("the order doesn't matter", [at(2025, 1, 1), at(2026, 5, 1), at(2026, 4, 1)], NOW, 2),
        ("what is yet to come doesn't count", [at(2026, 11, 3), at(2026, 11, 4)], NOW, None),
        ("many", [NOW - timedelta(days=30 * n) for n in range(10)], NOW, 10),
        ("a leap day", [LEAP_DAY, at(2027, 2, 28, 13)], LEAP_DAY, 2),
        ("a year before a leap day", [LEAP_DAY, at(2027, 2, 28)], LEAP_DAY, None),
    ],
)
def test_the_second_false_alarm_within_twelve_months_is_a_warning(
    why: str, pressed: Sequence[datetime], now: datetime, counts: int | None
) -> None:
    said = warning(pressed, now)
    assert (said is not None) is (counts is not None), why
    assert said is None or said.startswith(f"{counts} false alarms within 12 months."), why


@pytest.fixture
async def office(pool: asyncpg.Pool) -> Office:
    return await open_office(pool)


async def resolve(pool: asyncpg.Pool, alert_id: UUID, outcome: str = "false_alarm") -> None:
    await pool.execute("SELECT resolve($1, '48453', 'Dana Ortiz', $2, '')", alert_id, outcome)


async def false_alarm(pool: asyncpg.Pool, office: Office, *, device_id: str | None = None) -> UUID:
    (alert,) = await press(pool, office, *([device_id] if device_id else []))
    await resolve(pool, alert)
    return alert


async def write(
    pool: asyncpg.Pool,
    alert_id: UUID,
    *,
    jurisdiction: str = "48453",
    cause: str = "A knee.",
    remedy: str = "Moved it.",
    by: str = "Sam Novak",
) -> Ledger:
    return await explain(
        pool,
        jurisdiction=jurisdiction,
        alert_id=alert_id,
        what="accident",
        cause=cause,
        remedy=remedy,
        by=by,
    )


async def test_a_false_alarm_is_in_its_buttons_ledger_before_anybody_knows_why(
    pool: asyncpg.Pool, office: Office
) -> None:
    other = await add_button(pool, jurisdiction="48453", place_id=office.place_id)
    first = await false_alarm(pool, office)
    second = await false_alarm(pool, office)
    alone = await false_alarm(pool, office, device_id=other)
    ledgers = {each.device_id: each for each in await read_ledgers(pool, jurisdiction="48453")}
    assert ledgers.keys() == {office.device_id, other}
    mine = ledgers[office.device_id]
    assert [alarm.alert_id for alarm in mine.false_alarms] == [second, first]
    assert [alarm.explanations for alarm in mine.false_alarms] == [[], []]
    assert mine.warning is not None
    assert [alarm.alert_id for alarm in ledgers[other].false_alarms] == [alone]
    assert ledgers[other].warning is None
    (of_one,) = await read_ledgers(pool, jurisdiction="48453", device_id=other)
    assert of_one == ledgers[other]


@pytest.mark.parametrize("outcome", ["actual", "test", "unknown", None])
async def test_no_other_alert_is_in_a_ledger(
    pool: asyncpg.Pool, office: Office, outcome: str | None
) -> None:
    (alert,) = await press(pool, office)
    if outcome is not None:
        await resolve(pool, alert, outcome)
    assert await read_ledgers(pool, jurisdiction="48453") == []
    with pytest.raises(NotFound, match="no false alarm with this id"):
        await write(pool, alert)


async def test_a_drill_is_in_no_ledger(pool: asyncpg.Pool, office: Office) -> None:
    await pool.execute(
        "INSERT INTO drill_window (jurisdiction, site_id, opened_by, opened_at, closes_at)"
        " SELECT '48453', $1, 'Sam Novak', t - interval '1 minute', t + interval '1 minute'"
        " FROM clock_timestamp() t",
        office.site_id,
    )
    (alert,) = await store(pool, office, Said(device_id=office.device_id, said_drill=True))
    assert await pool.fetchval("SELECT drill FROM alert")
    await resolve(pool, alert)
    assert await read_ledgers(pool, jurisdiction="48453") == []
    with pytest.raises(NotFound):
        await write(pool, alert)


async def test_a_correction_holds_and_what_it_corrects_stays_in_the_record(
    pool: asyncpg.Pool, office: Office
) -> None:
    alert = await false_alarm(pool, office)
    await write(pool, alert, cause="A child.", by="Maya Chen")
    ledger = await write(pool, alert, cause=" A  knee.")
    (alarm,) = ledger.false_alarms
    said = [(each.cause, each.remedy, each.by) for each in alarm.explanations]
    assert said == [("A child.", "Moved it.", "Maya Chen"), ("A knee.", "Moved it.", "Sam Novak")]
    with pytest.raises(asyncpg.RaiseError, match="only ever added to"):
        await pool.execute(
            "UPDATE alert_event SET payload = '{}' WHERE name = 'false_alarm_explained'"
        )
    assert (await verify_database(pool, jurisdiction="48453")).holds


async def test_two_who_explain_at_once_are_both_on_record(
    pool: asyncpg.Pool, office: Office
) -> None:
    alert = await false_alarm(pool, office)
    await asyncio.gather(*[write(pool, alert, by=f"Person {n}") for n in range(8)])
    (ledger,) = await read_ledgers(pool, jurisdiction="48453")
    said = ledger.false_alarms[0].explanations
    assert {each.by for each in said} == {f"Person {n}" for n in range(8)}
    assert (await verify_database(pool, jurisdiction="48453")).holds


async def test_a_false_alarm_is_explained_a_limited_number_of_times(
    pool: asyncpg.Pool, office: Office
) -> None:
    alert = await false_alarm(pool, office)
    for _ in range(EXPLANATIONS_MAX):
        await write(pool, alert)
    with pytest.raises(Refused, match="the last one holds"):
        await write(pool, alert)
    (ledger,) = await read_ledgers(pool, jurisdiction="48453")
    assert len(ledger.false_alarms[0].explanations) == EXPLANATIONS_MAX


@pytest.mark.parametrize("field", ["cause", "remedy", "by"])
@pytest.mark.parametrize("text", ["", "  ", "x" * 201, "a\x00b", "right\u202eleft"])
async def test_what_cannot_be_shown_is_refused_and_changes_nothing(
    pool: asyncpg.Pool, office: Office, field: str, text: str
) -> None:
    alert = await false_alarm(pool, office)
    with pytest.raises(Invalid):
        await write(pool, alert, **{field: text})
    (ledger,) = await read_ledgers(pool, jurisdiction="48453")
    assert ledger.false_alarms[0].explanations == []


async def test_nobody_explains_what_is_not_there_or_a_neighbours(
    pool: asyncpg.Pool, office: Office
) -> None:
    await open_office(pool, jurisdiction="48491")
    alert = await false_alarm(pool, office)
    with pytest.raises(NotFound):
        await write(pool, uuid4())
    with pytest.raises(NotFound):
        await write(pool, alert, jurisdiction="48491")
    assert await read_ledgers(pool, jurisdiction="48491") == []


async def test_what_is_erased_is_no_explanation_any_more_and_the_alarm_still_counts(
    pool: asyncpg.Pool, office: Office
) -> None:
    alert = await false_alarm(pool, office)
    await write(pool, alert)
    await erase_payloads(
        pool, jurisdiction="48453", before=datetime.now(UTC) + timedelta(seconds=5)
    )
    (ledger,) = await read_ledgers(pool, jurisdiction="48453")
    assert [alarm.explanations for alarm in ledger.false_alarms] == [[]]
