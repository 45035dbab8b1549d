"""What happened to an account is on a record that nobody changes unseen."""

from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from tests.offices import Office
from tocsin_server.people.account_record import read_record, record
from tocsin_server.record import verify_database
from tocsin_server.storage.database import Database as Replica


@pytest_asyncio.fixture
async def account(replica: Replica, office: Office) -> tuple[asyncpg.Pool, UUID]:
    """Three entries of one account."""
    for name in ("Phone", 'Núñez\'s "key"', "Desk"):
        await record(replica.pool, office.dispatcher, "passkey_added", passkey=name)
    return replica.pool, office.dispatcher


async def findings(pool: asyncpg.Pool) -> list[str]:
    return (await verify_database(pool, jurisdiction="48453")).findings


async def test_it_reads_as_it_was_written_and_holds(account: tuple[asyncpg.Pool, UUID]) -> None:
    pool, person_id = account
    said = await read_record(pool, person_id=person_id)
    assert [each.what["passkey"] for each in said] == ["Desk", 'Núñez\'s "key"', "Phone"]
    assert await findings(pool) == []


async def test_it_is_only_added_to(account: tuple[asyncpg.Pool, UUID]) -> None:
    pool, _ = account
    for act in (
        "UPDATE account_event SET name = 'signed_in' WHERE n = 2",
        "DELETE FROM account_event WHERE n = 3",
        "TRUNCATE account_event",
    ):
        with pytest.raises(asyncpg.RaiseError, match="only ever added to"):
            await pool.execute(act)
    await pool.execute("UPDATE account_event SET payload = NULL, salt = NULL WHERE n = 2")
    assert await findings(pool) == [], "a lawful erasure"


@pytest.mark.parametrize(
    ("act", "found"),
    [
        ("UPDATE account_event SET name = 'signed_in' WHERE n = 2", "event 2 (signed_in) was"),
        ("UPDATE account_event SET payload = '{}' WHERE n = 1", "event 1 (passkey_added) was"),
        ("UPDATE account_event SET salt = NULL WHERE n = 1", "event 1 (passkey_added) was"),
        ("UPDATE account_event SET at = at - interval '1 day' WHERE n = 3", "event 3"),
        ("DELETE FROM account_event WHERE n = 2", "event 3 (passkey_added) was changed, moved"),
        ("DELETE FROM account_event WHERE n = 3", "its end is missing, or was added"),
        ("DELETE FROM account_event", "its end is missing, or was added"),
    ],
)
async def test_whoever_turns_that_off_and_changes_it_is_found_out(
    account: tuple[asyncpg.Pool, UUID], act: str, found: str
) -> None:
    pool, _ = account
    await pool.execute("ALTER TABLE account_event DISABLE TRIGGER USER")
    await pool.execute(act)
    (said,) = await findings(pool)
    assert said.startswith("account of ")
    assert found in said
