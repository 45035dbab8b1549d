"""Who is signed in, and how often somebody may guess."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.offices import open_office
from tests.parts import Database
from tests.people.door import Door
from tocsin_server.people.accounts import add_person
from tocsin_server.people.attempts import FAILURES_MAX, TooManyTries
from tocsin_server.people.ways import SignInRefused
from tocsin_server.storage.database import Database as Replica

EMAIL, PASSWORD = "maya@example.org", "ballots are in the blue box"


@pytest_asyncio.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    replica = Replica(database.dsn, replica_id="server-1")
    await replica.open()
    office = await open_office(replica.pool)
    await add_person(
        replica.pool,
        jurisdiction=office.jurisdiction,
        name="Maya Chen",
        email=EMAIL,
        phone=None,
        role="supervisor",
        password=PASSWORD,
    )
    yield Door(replica)
    await replica.close()


async def sign_in(door: Door, password: str, *, source: str = "192.0.2.1") -> str:
    try:
        await door.sign_in(EMAIL, password, source=source)
    except (SignInRefused, TooManyTries) as refusal:
        return type(refusal).__name__
    return "signed in"


async def test_many_guesses_at_once_are_limited_as_one_after_another(door: Door) -> None:
    guesses = (sign_in(door, f"a wrong password {n}") for n in range(2 * FAILURES_MAX))
    answers = Counter(await asyncio.gather(*guesses))
    assert answers == {"SignInRefused": FAILURES_MAX, "TooManyTries": FAILURES_MAX}
    assert await sign_in(door, PASSWORD) == "TooManyTries"
    assert await sign_in(door, PASSWORD, source="192.0.2.2") == "signed in"


async def test_the_right_password_forgives_the_wrong_ones(door: Door) -> None:
    for _ in range(2):
        for n in range(FAILURES_MAX - 1):
            assert await sign_in(door, f"a wrong password {n}") == "SignInRefused"
        assert await sign_in(door, PASSWORD) == "signed in"
