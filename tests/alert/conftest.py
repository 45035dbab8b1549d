"""The database as a replica reaches it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.parts import Database
from tocsin_server.storage.database import Database as Replica


@pytest_asyncio.fixture
async def replica(database: Database) -> AsyncIterator[Replica]:
    replica = Replica(database.dsn, replica_id="server-1")
    await replica.open()
    yield replica
    await replica.close()
