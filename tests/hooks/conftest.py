"""A county whose alerts other systems follow."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest_asyncio

from tests.hooks.followed import Followed
from tests.hooks.receiver import Receiver, receiving
from tests.offices import open_office
from tests.parts import Database


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Another system."""
    async with receiving() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def followed(database: Database) -> AsyncIterator[Followed]:
    """A county with one replica that delivers when a test says so."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(database.pool())
        followed = Followed(database, pool, await open_office(pool), stack)
        followed.deliver = await followed.replica("server-1")
        yield followed
