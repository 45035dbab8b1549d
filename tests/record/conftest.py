"""The database as a replica reaches it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from tests.offices import replica_pool
from tests.parts import Database


@pytest_asyncio.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with replica_pool(database) as pool:
        yield pool
