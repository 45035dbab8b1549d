"""Two accounts with a provider, and a server that Twilio can reach."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.channels.house import House, open_house


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house
