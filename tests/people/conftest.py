"""The database as a replica reaches it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from tests.offices import Office, open_office, replica_pool
from tests.parts import Database
from tocsin_server.storage.database import Database as Replica


@pytest_asyncio.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with replica_pool(database) as pool:
        yield pool


@pytest_asyncio.fixture
async def replica(database: Database) -> AsyncIterator[Replica]:
    replica = Replica(database.dsn, replica_id="server-1")
    await replica.open()
    yield replica
    await replica.close()


@pytest_asyncio.fixture
async def office(replica: Replica) -> Office:
    return await open_office(replica.pool)
