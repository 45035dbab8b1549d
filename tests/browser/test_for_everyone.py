"""Every page and state, for everyone: held against WCAG 2.2 AA, in either theme."""

from contextlib import aclosing

import pytest
from playwright.async_api import Browser

from tests.browser.tour import STOPS_MIN, tour
from tests.browser.wcag import broken_rules
from tests.walk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_no_page_breaks_a_rule_of_wcag_in_either_theme(house: House, chrome: Browser) -> None:
    seen, broken = 0, []
    async with aclosing(tour(house, chrome)) as stops:
        async for stop in stops:
            broken += [f"{stop.name}: {each}" for each in await broken_rules(stop.page)]
            seen += 1
    assert not broken, "\n".join(broken)
    assert seen >= STOPS_MIN
