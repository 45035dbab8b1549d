"""The database as a replica reaches it, and a county whose replicas are whole."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from tests.alert import county as counties
from tests.alert.county import County, Server
from tests.parts import Database
from tocsin_server.storage.database import Database as Replica


@pytest_asyncio.fixture
async def replica(database: Database) -> AsyncIterator[Replica]:
    replica = Replica(database.dsn, replica_id="server-1")
    await replica.open()
    yield replica
    await replica.close()


@pytest_asyncio.fixture
async def county(database: Database) -> AsyncIterator[County]:
    """A county with three tiers of one person each."""
    async with counties.opened_county(database) as county:
        yield county


@pytest_asyncio.fixture
async def server(county: County) -> Server:
    """Its first replica."""
    return await county.server()


@pytest_asyncio.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """The test's own way to the database."""
    async with database.pool() as pool:
        yield pool
