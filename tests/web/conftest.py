"""The API is asked of a whole system, as a console would."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.parts import Alert
from tests.walk.conftest import house, pytest_runtest_makereport, whole_house
from tests.walk.house import House
from tests.web.client import Client
from tests.web.counties import signed_in_people

__all__ = ["house", "pytest_runtest_makereport", "whole_house"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def everybody(whole_house: House) -> AsyncIterator[dict[str, Client]]:
    """Somebody of each role that signs in here, and Nia, who administers the county next door."""
    async with signed_in_people(whole_house) as people:
        yield people


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def standing(whole_house: House) -> Alert:
    """An alert that stays open under whatever does not tidy up (`house` does)."""
    sender = await whole_house.sender()
    await sender.send(sender.press())
    return await whole_house.alert_of(sender.device_id)
