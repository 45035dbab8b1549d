"""An office whose buttons are supervised."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.fleet.station import Site, opened_site
from tests.parts import Database


@pytest_asyncio.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    async with opened_site(database) as site:
        yield site
