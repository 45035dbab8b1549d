"""A real browser before a whole system."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests import parts
from tests.browser.desk import Desk, open_desk
from tests.walk.conftest import house, pytest_runtest_makereport, whole_house
from tests.walk.house import House

__all__ = ["house", "pytest_runtest_makereport", "whole_house"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chrome() -> AsyncIterator[Browser]:
    """One Chromium for all of them; each desk has a window and a memory of its own in it."""
    async with parts.chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def desk(house: House, chrome: Browser) -> AsyncIterator[Desk]:
    """Luis before the console, signed in and live. Nothing else says what was painted."""
    house.screen.paints = False
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.sign_in()
        yield desk
    house.screen.paints = True
