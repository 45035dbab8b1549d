"""The API is asked of a whole system, as a console would."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.walk.conftest import house, pytest_runtest_makereport, whole_house
from tests.walk.house import House
from tests.web.client import Client
from tests.web.counties import signed_in_people

__all__ = ["house", "pytest_runtest_makereport", "whole_house"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(whole_house: House) -> AsyncIterator[dict[str, Client]]:
    """Somebody of each role that signs in here, and Nia, who administers the county next door."""
    async with signed_in_people(whole_house) as people:
        yield people
