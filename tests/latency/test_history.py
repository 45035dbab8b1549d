"""What is over is found again by what somebody knows of it, and by nobody else."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.latency.past import close, note, press
from tests.offices import Office, open_office
from tocsin_server import record
from tocsin_server.alert import history
from tocsin_server.alert.history import PAGE, Found, Search, find_all, search, write_history_csv
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.sites import add_site


@pytest.fixture
async def office(pool: asyncpg.Pool) -> Office:
    return await open_office(pool)


async def find(
    pool: asyncpg.Pool, wanted: Search | None = None, after: UUID | None = None
) -> Found:
    return await search(pool, jurisdiction="48453", wanted=wanted or Search(), after=after)


async def found(pool: asyncpg.Pool, **wanted: object) -> set[UUID]:
    answer = await find(pool, Search(**wanted))  # type: ignore[arg-type]
    assert answer.count == len(answer.alerts)
    return {alert.alert_id for alert in answer.alerts}


async def test_what_is_over_is_listed_and_what_is_open_is_not(
    pool: asyncpg.Pool, office: Office
) -> None:
    assert await find(pool) == Found(alerts=[], more=False, count=0)
    await press(pool, office)
    over = await close(pool, office, await press(pool, office, room="Vault"), outcome="actual")
    (alert,) = (await find(pool)).alerts
    assert alert.alert_id == over
    assert (alert.kind, alert.outcome, alert.acknowledged_by) == ("duress", "actual", "Dana Ortiz")
    assert (alert.place.site, alert.place.room) == ("County Clerk", "Vault")
    assert alert.pressed_at < (alert.acknowledged_at or "") <= alert.resolved_at


async def test_every_word_is_found_wherever_it_stands_and_with_a_star_by_its_beginning(
    pool: asyncpg.Pool, office: Office
) -> None:
    vault = await press(pool, office, room="Vault O'Neill", spot="Under the desk", code="1905")
    await note(pool, vault, "Called back: a dog ran against it.")
    await close(pool, office, vault, by="Luis Herrera", said="No harm done, café closed")
    hall = await close(pool, office, await press(pool, office, room="Hall 3.5", code="2806"))
    for words in (
        "vault",
        "VAU*",
        "o'neill",
        "1905",
        "dog",
        "dog vault",
        "harm",
        "café",
        "clerk do*",
        "va* dog",
    ):
        assert await found(pool, words=words) == {vault}, words
    assert await found(pool, words="county") == {vault, hall}
    assert await found(pool, words="3.5 hall") == {hall}
    for words in ("ault", "*ault", "va dog", "dog hall", "zebra", "kind=duress", "it's"):
        assert await found(pool, words=words) == set(), words
    assert await found(pool, who="lui*") == {vault}
    assert await found(pool, who="ortiz") == {hall}
    assert await found(pool, who="dog") == set(), "who had it, and not what was said"


async def test_what_is_chosen_has_to_hold_altogether(pool: asyncpg.Pool, office: Office) -> None:
    depot = await add_site(pool, jurisdiction=office.jurisdiction, name="Depot")
    real = await close(pool, office, await press(pool, office), outcome="actual")
    assist = await close(pool, office, await press(pool, office, kind="assist", site_id=depot))
    drill = await close(pool, office, await press(pool, office, drill=True), outcome="test")
    assert await found(pool, drill=True) == {drill}
    assert await found(pool, drill=False) == {real, assist}
    assert await found(pool, kind="assist") == {assist}
    assert await found(pool, outcome="actual") == {real}
    assert await found(pool, site_id=depot) == {assist}
    assert await found(pool, drill=False, kind="duress", outcome="actual") == {real}
    assert await found(pool, drill=True, outcome="actual") == set()
    assert await found(pool, site_id=depot, kind="duress") == set()
    assert await found(pool, kind="a 'kind' \\ of its own") == set()
    assert await found(pool, site_id=uuid4()) == set()


async def test_days_are_those_on_the_jurisdiction_s_wall(
    pool: asyncpg.Pool, office: Office
) -> None:
    """In Chicago election day 2026 begins and ends at 06:00 UTC."""
    begins = datetime(2026, 11, 3, 6, 0, tzinfo=UTC)
    second = timedelta(seconds=1)
    before, first, last, after = [
        await close(pool, office, await press(pool, office, at=at))
        for at in (
            begins - second,
            begins,
            begins + timedelta(days=1) - second,
            begins + timedelta(days=1),
        )
    ]
    day = date(2026, 11, 3)
    assert await found(pool, from_day=day, until_day=day) == {first, last}
    assert await found(pool, from_day=day) == {first, last, after}
    assert await found(pool, until_day=day) == {before, first, last}


async def test_pages_follow_each_other_without_a_gap_or_one_twice_also_at_one_moment(
    pool: asyncpg.Pool, office: Office
) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    ids = {
        await close(pool, office, await press(pool, office, at=at - n // 20 * timedelta(minutes=1)))
        for n in range(PAGE + 10)
    }
    first = await find(pool)
    assert (len(first.alerts), first.more, first.count) == (PAGE, True, PAGE + 10)
    second = await find(pool, after=first.alerts[-1].alert_id)
    assert (len(second.alerts), second.more, second.count) == (10, False, None)
    listed = [*first.alerts, *second.alerts]
    assert {alert.alert_id for alert in listed} == ids
    assert [alert.pressed_at for alert in listed] == sorted(
        (alert.pressed_at for alert in listed), reverse=True
    )
    with pytest.raises(NotFound, match="search again"):
        await find(pool, after=uuid4())


async def test_a_count_is_exact_up_to_its_limit_and_none_beyond(
    pool: asyncpg.Pool, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "COUNT_MAX", 2)
    for count in (1, 2, None):
        await close(pool, office, await press(pool, office))
        assert (await find(pool)).count == count


async def test_nobody_finds_another_jurisdiction_s_and_a_synthetic_press_is_none(
    pool: asyncpg.Pool, office: Office
) -> None:
    other = await open_office(pool, jurisdiction="48491")
    theirs = await close(pool, other, await press(pool, other, room="Vault"))
    assert await found(pool, words="vault") == set()
    with pytest.raises(NotFound):
        await find(pool, after=theirs)
    await pool.execute(
        "INSERT INTO synthetic (device_id, jurisdiction, site_id, number, every_s, slow_s)"
        " VALUES ($1, $2, $3, '+15125550199', 300, 5)",
        *(office.device_id, office.jurisdiction, office.site_id),
    )
    await close(pool, office, await press(pool, office, drill=True), outcome="test")
    real = await close(pool, office, await press(pool, office))
    assert await found(pool) == {real}, "only a drill of that button is synthetic"


async def test_a_note_that_comes_later_is_found_and_one_that_was_erased_is_not(
    pool: asyncpg.Pool, office: Office
) -> None:
    alert_id = await press(pool, office)
    await note(pool, alert_id, "before the end")
    await close(pool, office, alert_id, said="spilled coffee")
    await note(pool, alert_id, "after the end")
    for words in ("before", "coffee", "after"):
        assert await found(pool, words=words) == {alert_id}
    await pool.execute("UPDATE alert SET resolved_at = clock_timestamp() - interval '9 days'")
    erased = await record.erase_payloads(
        pool, jurisdiction=office.jurisdiction, before=datetime.now(UTC)
    )
    assert erased
    for words in ("before", "coffee", "after"):
        assert await found(pool, words=words) == set()
    assert await found(pool, words="county clerk") == {alert_id}


async def test_what_comes_after_the_end_is_measured_all_the_same(
    pool: asyncpg.Pool, office: Office
) -> None:
    """A page that was slow to paint, a late report, a press that was earlier than it seemed."""
    alert_id = await close(pool, office, await press(pool, office))
    await pool.execute(
        "UPDATE alert SET shown_at = pressed_at + interval '9 s',"
        " pressed_at = pressed_at - interval '1 s'"
    )
    row = await pool.fetchrow("SELECT * FROM alert_past WHERE alert_id = $1", alert_id)
    assert (round(row["on_screen_ms"]), round(row["received_ms"])) == (10_000, 1_020)
    same = "SELECT past_of(a, true) = p FROM alert_past p JOIN alert a USING (alert_id)"
    assert await pool.fetchval(same), "as an upgrade would write it"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Search(from_day=date(2026, 11, 4), until_day=date(2026, 11, 3)), "exchange them"),
        (Search(from_day=date(206, 11, 3)), "look at its year"),
        (Search(until_day=date.max), "look at its year"),
        (Search(words="vault —"), "no word"),
        (Search(words="a " * 11), "too many"),
        (Search(who="***"), "no word"),
    ],
)
async def test_a_search_that_can_find_nothing_says_what_to_write(
    pool: asyncpg.Pool, office: Office, wanted: Search, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        await find(pool, wanted)


async def test_the_file_has_a_row_for_each_and_no_formula(
    pool: asyncpg.Pool, office: Office
) -> None:
    alert_id = await press(pool, office, acknowledged_ms=4_321, room="=1+1", spot="@SUM(A1)")
    await close(pool, office, alert_id, by="-Núñez")
    await close(pool, office, await press(pool, office, drill=True))
    wanted = Search(drill=False)
    text = write_history_csv(await find_all(pool, jurisdiction="48453", wanted=wanted))
    assert text.startswith("\ufeff")
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert (row["room"], row["spot"], row["resolved_by"]) == ("'=1+1", "'@SUM(A1)", "'-Núñez")
    assert (row["alert_id"], row["real_or_drill"]) == (str(alert_id), "real")
    assert (row["acknowledged_after_s"], row["outcome"]) == ("4.321", "false_alarm")


async def test_a_file_that_would_lack_its_end_is_refused(
    pool: asyncpg.Pool, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "FILE_ROWS_MAX", 1)
    await close(pool, office, await press(pool, office))
    assert len(await find_all(pool, jurisdiction="48453", wanted=Search())) == 1
    await close(pool, office, await press(pool, office))
    with pytest.raises(Refused, match="fewer days"):
        await find_all(pool, jurisdiction="48453", wanted=Search())


async def test_a_press_writes_nothing_that_only_a_search_needs(pool: asyncpg.Pool) -> None:
    """Its cost is the press's: the table of alerts has the indexes of the walk, and no other."""
    indexes = await pool.fetch("SELECT indexname FROM pg_indexes WHERE tablename = 'alert'")
    assert {row["indexname"] for row in indexes} == {
        "alert_pkey",
        "alert_joinable",
        "alert_code_of_open",
        "alert_undecided",
        "alert_recent",
        "alert_of_device",
        "alert_false",
    }


async def test_what_is_rare_is_found_behind_all_that_is_read_one_by_one(
    pool: asyncpg.Pool, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "NEAR", 3)
    monkeypatch.setattr(history, "PAGE", 2)
    rooms = ["Vault", "Hall", "Hall", "Hall", "Vault", "Hall", "Vault", "Vault"]
    ids = [
        await close(pool, office, await press(pool, office, room=room, ago=timedelta(hours=n)))
        for n, room in enumerate(rooms)
    ]
    vaults = [one for one, room in zip(ids, rooms, strict=True) if room == "Vault"]
    first = await find(pool, Search(words="vault"))
    assert [alert.alert_id for alert in first.alerts] == vaults[:2]
    assert (first.more, first.count) == (True, 4)
    second = await find(pool, Search(words="vault"), after=vaults[1])
    assert [alert.alert_id for alert in second.alerts] == vaults[2:]
    assert not second.more
    everything = await find_all(pool, jurisdiction="48453", wanted=Search(words="vault"))
    assert [alert.alert_id for alert in everything] == vaults
    assert (await find(pool, Search(words="zebra"))).count == 0
