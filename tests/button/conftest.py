"""A field of real brokers, a station and buttons, for the tests that need one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio

from tests.button import station
from tests.button.station import Field

OpenField = Callable[[int], Awaitable[Field]]


@pytest_asyncio.fixture
async def open_field(folder: Path) -> AsyncIterator[OpenField]:
    """Give a function that makes a deployment with so many brokers, all running."""
    opened: list[Field] = []

    async def open_with(brokers: int) -> Field:
        opened.append(await station.open_field(folder / "d", brokers=brokers))
        return opened[-1]

    yield open_with
    for each in opened:
        await station.close_field(each)


@pytest_asyncio.fixture
async def field(open_field: OpenField) -> Field:
    """One broker, and a station that answers nothing by itself."""
    return await open_field(1)
