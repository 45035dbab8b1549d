"""Who is signed in, and how often somebody may guess."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.offices import open_office
from tests.parts import Database
from tocsin_server.people.accounts import add_person
from tocsin_server.people.sessions import FAILURES_MAX, Sessions, SignInRefused, TooManyTries
from tocsin_server.storage.database import Database as Replica

EMAIL, PASSWORD = "maya@example.org", "ballots are in the blue box"


@pytest_asyncio.fixture
async def sessions(database: Database) -> AsyncIterator[Sessions]:
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
    yield Sessions(replica)
    await replica.close()


async def sign_in(sessions: Sessions, password: str, *, source: str = "192.0.2.1") -> str:
    try:
        await sessions.sign_in(email=EMAIL, password=password, source=source)
    except (SignInRefused, TooManyTries) as refusal:
        return type(refusal).__name__
    return "signed in"


async def test_many_guesses_at_once_are_limited_as_one_after_another(sessions: Sessions) -> None:
    guesses = (sign_in(sessions, f"a wrong password {n}") for n in range(2 * FAILURES_MAX))
    answers = Counter(await asyncio.gather(*guesses))
    assert answers == {"SignInRefused": FAILURES_MAX, "TooManyTries": FAILURES_MAX}
    assert await sign_in(sessions, PASSWORD) == "TooManyTries"
    assert await sign_in(sessions, PASSWORD, source="192.0.2.2") == "signed in"


async def test_the_right_password_forgives_the_wrong_ones(sessions: Sessions) -> None:
    for _ in range(2):
        for n in range(FAILURES_MAX - 1):
            assert await sign_in(sessions, f"a wrong password {n}") == "SignInRefused"
        assert await sign_in(sessions, PASSWORD) == "signed in"
