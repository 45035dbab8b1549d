"""Temporary accounts end with a day of their jurisdiction, and take no tier along unnoticed."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.offices import Office, a_situation, open_office
from tests.people.door import Door
from tocsin_server.errors import Invalid, NotFound
from tocsin_server.fleet.directory import Directory, PolicyTier
from tocsin_server.fleet.policies import FIRST_POLICY, set_policy
from tocsin_server.people.accounts import add_person, read_people, set_end
from tocsin_server.people.ending import Vacancy, read_vacancies
from tocsin_server.people.ways import SignInRefused
from tocsin_server.storage.database import Database as Replica

EMAIL, PASSWORD = "lee@example.org", "ballots are in the blue box"


async def today(pool: asyncpg.Pool) -> date:
    day: date = await pool.fetchval(
        "SELECT (clock_timestamp() AT TIME ZONE time_zone)::date FROM jurisdiction LIMIT 1"
    )
    return day


async def add_lee(pool: asyncpg.Pool, office: Office, *, days: int | None = 0) -> UUID:
    """Somebody whose account ends in so many days; 0 is tonight."""
    return await add_person(
        pool,
        jurisdiction=office.jurisdiction,
        name="Lee Park",
        email=EMAIL,
        phone="+15125550141",
        vouched_by="a test",
        role="dispatcher",
        password=PASSWORD,
        ends_on=None if days is None else await today(pool) + timedelta(days=days),
    )


async def end(pool: asyncpg.Pool, person_id: UUID, *, days: int | None) -> bool:
    return await set_end(
        pool,
        jurisdiction="48453",
        person_id=person_id,
        ends_on=None if days is None else await today(pool) + timedelta(days=days),
    )


@pytest.mark.parametrize(
    ("zone", "last_day", "ends"),
    [
        ("America/Chicago", date(2026, 11, 3), datetime(2026, 11, 4, 6, tzinfo=UTC)),
        ("America/New_York", date(2026, 11, 3), datetime(2026, 11, 4, 5, tzinfo=UTC)),
        # Days that daylight saving time makes longer and shorter.
        ("America/Chicago", date(2026, 10, 31), datetime(2026, 11, 1, 5, tzinfo=UTC)),
        ("America/Chicago", date(2026, 11, 1), datetime(2026, 11, 2, 6, tzinfo=UTC)),
        ("America/Chicago", date(2026, 3, 8), datetime(2026, 3, 9, 5, tzinfo=UTC)),
        # Where the clock jumps over midnight itself.
        ("America/Havana", date(2026, 3, 7), datetime(2026, 3, 8, 5, tzinfo=UTC)),
        ("Pacific/Honolulu", date(2026, 12, 31), datetime(2027, 1, 1, 10, tzinfo=UTC)),
    ],
)
async def test_a_day_ends_by_the_clock_of_the_jurisdiction(
    replica: Replica, office: Office, zone: str, last_day: date, ends: datetime
) -> None:
    await replica.pool.execute("UPDATE jurisdiction SET time_zone = $1", zone)
    await replica.pool.execute("UPDATE person SET ends_on = $1", last_day)
    assert await replica.pool.fetchval("SELECT ends_at(person) FROM person") == ends


async def test_who_may_come_until_tonight_signs_in_and_the_next_day_is_told_why_not(
    replica: Replica, office: Office
) -> None:
    lee, door = await add_lee(replica.pool, office), Door(replica)
    token, _ = await door.sign_in(EMAIL, PASSWORD)
    assert await door.sessions.reader(token) is not None
    assert await end(replica.pool, lee, days=-1)
    assert await Door(replica).sessions.reader(token) is None, "the session is over, too"
    with pytest.raises(SignInRefused, match=r"Your account ended on \w+ \d+, \d{4}\. If you still"):
        await door.sign_in(EMAIL, PASSWORD)
    with pytest.raises(SignInRefused, match="address or the password is wrong"):
        await door.sign_in(EMAIL, "a wrong password")
    assert not await end(replica.pool, lee, days=1)
    await door.sign_in(EMAIL, PASSWORD)


async def test_a_session_that_is_known_ends_within_seconds(
    replica: Replica, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    lee, door = await add_lee(replica.pool, office), Door(replica)
    token, _ = await door.sign_in(EMAIL, PASSWORD)
    assert await door.sessions.reader(token) is not None
    await end(replica.pool, lee, days=-1)
    monkeypatch.setattr("tocsin_server.people.sessions.CHECKED_S", 0.0)  # as five seconds later
    assert await door.sessions.reader(token) is None


async def test_whose_account_has_ended_is_told_of_nothing(replica: Replica, office: Office) -> None:
    lee, directory = await add_lee(replica.pool, office), Directory(replica)
    await directory.read()
    tier = PolicyTier(patience_s=30, people=[office.dispatcher, lee])
    told = directory.entries.in_tier(tier, a_situation())
    assert [person.person_id for person in told] == tier.people
    await end(replica.pool, lee, days=-1)
    await directory.read()
    told = directory.entries.in_tier(tier, a_situation())
    assert [person.person_id for person in told] == [office.dispatcher]


async def test_an_account_that_ends_between_two_readings_is_told_of_nothing_from_then_on(
    replica: Replica, office: Office
) -> None:
    lee, directory = await add_lee(replica.pool, office), Directory(replica)
    await directory.read()
    tier = PolicyTier(patience_s=30, people=[lee])
    assert directory.entries.in_tier(tier, a_situation()) != []
    over = replace(directory.entries.people[lee], ends_monotonic=time.monotonic())
    assert replace(directory.entries, people={lee: over}).in_tier(tier, a_situation()) == []


async def test_a_policy_takes_nobody_whose_account_has_ended(
    replica: Replica, office: Office
) -> None:
    lee = await add_lee(replica.pool, office)
    await end(replica.pool, lee, days=-1)
    with pytest.raises(Invalid, match=r"nothing reaches Lee Park \(their account has ended\)"):
        await set_policy(
            replica.pool,
            jurisdiction="48453",
            name=FIRST_POLICY,
            tiers=[PolicyTier(patience_s=30, people=[lee])],
        )


async def staff(replica: Replica, office: Office, *tiers: list[UUID]) -> None:
    await set_policy(
        replica.pool,
        jurisdiction=office.jurisdiction,
        name=FIRST_POLICY,
        tiers=[PolicyTier(patience_s=30, people=people) for people in tiers],
    )


@pytest.mark.parametrize(
    ("days", "found", "is_empty"),
    [(None, 0, False), (7, 0, False), (5, 1, False), (0, 1, False), (-1, 1, True)],
)
async def test_a_tier_that_loses_its_last_person_is_found_days_before(
    replica: Replica, office: Office, days: int | None, found: int, is_empty: bool
) -> None:
    lee = await add_lee(replica.pool, office, days=None)
    await staff(replica, office, [lee], [office.dispatcher])
    await end(replica.pool, lee, days=days)
    vacancies = await read_vacancies(replica.pool)
    assert [(each.tier, each.is_empty) for each in vacancies] == [(1, is_empty)] * found


async def test_a_tier_with_somebody_who_stays_is_not_found(
    replica: Replica, office: Office
) -> None:
    lee = await add_lee(replica.pool, office)
    await staff(replica, office, [lee, office.dispatcher])
    assert await read_vacancies(replica.pool) == []
    await replica.pool.execute(
        "DELETE FROM contact USING person p"
        " WHERE p.person_id = contact.person_id AND p.name = 'Dana Ortiz'"
    )
    (vacancy,) = await read_vacancies(replica.pool)
    assert vacancy.names == ["Lee Park"], "who can't be reached holds no tier"


async def test_the_last_to_go_is_named(replica: Replica, office: Office) -> None:
    lee = await add_lee(replica.pool, office, days=2)
    await staff(replica, office, [lee, office.dispatcher])
    await end(replica.pool, office.dispatcher, days=1)
    (vacancy,) = await read_vacancies(replica.pool)
    assert (vacancy.names, vacancy.ends_on) == (
        ["Dana Ortiz", "Lee Park"],
        await today(replica.pool) + timedelta(days=2),
    )


async def test_a_policy_that_a_hand_has_broken_keeps_no_other_from_being_found(
    replica: Replica, office: Office
) -> None:
    await end(replica.pool, office.dispatcher, days=1)
    broken = '[1, "x", {}, {"people": 7}, {"people": ["no id"]}]'
    await replica.pool.execute(
        "INSERT INTO policy (jurisdiction, name, tiers) VALUES ('48453', 'Broken', $1)", broken
    )
    assert [each.policy for each in await read_vacancies(replica.pool)] == [FIRST_POLICY]


@pytest.mark.parametrize(
    ("names", "is_empty", "says"),
    [
        (
            ["Lee Park"],
            False,
            "Lee Park's account ends on November 3, 2026: tier 2 of the policy Standard has nobody"
            " after that.",
        ),
        (
            ["Lee Park"],
            True,
            "Lee Park's account ended on November 3, 2026: tier 2 of the policy Standard has"
            " nobody.",
        ),
        (
            ["Ana Ruiz", "Ben Cole", "Lee Park"],
            False,
            "The last of 3 accounts, Lee Park's, ends on November 3, 2026: tier 2 of the policy"
            " Standard has nobody after that.",
        ),
    ],
)
def test_a_vacancy_is_one_sentence(names: list[str], is_empty: bool, says: str) -> None:
    vacancy = Vacancy(
        jurisdiction="48453",
        policy=FIRST_POLICY,
        tier=2,
        names=names,
        ends_on=date(2026, 11, 3),
        is_empty=is_empty,
    )
    assert vacancy.sentence == says


async def test_an_end_that_cannot_be_meant_is_refused_and_adds_nobody(
    replica: Replica, office: Office
) -> None:
    for days, says in ((-1, "is over"), (367, "more than a year away")):
        with pytest.raises(Invalid, match=says):
            await add_lee(replica.pool, office, days=days)
    listed = await read_people(replica.pool, jurisdiction="48453")
    assert [person.name for person in listed] == ["Dana Ortiz"]
    with pytest.raises(Invalid, match="more than a year away"):
        await end(replica.pool, office.dispatcher, days=367)
    assert (await read_people(replica.pool, jurisdiction="48453"))[0].ends_on is None


async def test_nobody_ends_a_neighbours_account(replica: Replica, office: Office) -> None:
    neighbour = await open_office(replica.pool, jurisdiction="48491")
    with pytest.raises(NotFound):
        await end(replica.pool, neighbour.dispatcher, days=-1)
    (nia,) = await read_people(replica.pool, jurisdiction="48491")
    assert (nia.ends_on, nia.has_ended) == (None, False)
