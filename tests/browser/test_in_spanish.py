"""Every page and state for whoever reads Spanish: nothing is left in English, nor out of reach."""

from contextlib import aclosing

import pytest
from playwright.async_api import Browser, expect

from tests.browser.desk import open_desk
from tests.browser.languages import ENGLISH, english_in, spanish, unmarked_on
from tests.browser.tour import STOPS_MIN, tour
from tests.browser.wcag import broken_rules
from tests.parts import LUIS, PASSWORD
from tests.walk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What everybody's names are kept in.
DATA = """
SELECT string_agg(word, ' ') FROM (
    SELECT concat_ws(' ', name, email, role) FROM person
    UNION ALL SELECT to_jsonb(site)::text FROM site
    UNION ALL SELECT to_jsonb(place)::text FROM place
    UNION ALL SELECT title FROM floor_plan
    UNION ALL SELECT concat_ws(' ', name, time_zone) FROM jurisdiction) AS known (word)
"""
# A language is offered by its own name; opening hours are written in one way alone.
AS_IT_IS = "English Mon Fri Sat"


async def test_every_page_is_in_spanish_and_within_everyones_reach(
    house: House, chrome: Browser
) -> None:
    seen, broken = 0, []
    unmarked: dict[str, str] = {}
    async with aclosing(tour(house, chrome, spanish(marked=True))) as stops:
        async for stop in stops:
            for line in await unmarked_on(stop.page):
                unmarked.setdefault(line, stop.name)
            broken += [f"{stop.name}: {each}" for each in await broken_rules(stop.page)]
            seen += 1
    async with house.walk.database.connected() as connection:
        data = f"{await connection.fetchval(DATA)} {AS_IT_IS}"
    left = [
        f"{name}: {line}: {words}"
        for line, name in unmarked.items()
        if (words := english_in(line, data=data))
    ]
    assert not left, "\n".join(left)
    assert not broken, "\n".join(broken)
    assert seen >= STOPS_MIN


async def test_the_page_is_in_the_language_of_whoever_signs_in(
    house: House, chrome: Browser
) -> None:
    async with house.walk.database.connected() as connection:
        await connection.execute("UPDATE person SET language = 'es' WHERE name = $1", LUIS.name)
    words = spanish()
    async with open_desk(chrome, house.walk.server.url, words=ENGLISH) as desk:
        page = desk.page
        await page.goto(desk.url)
        await desk.said("speak-es").click()
        await expect(page.get_by_role("button", name=words("Sign in"))).to_be_visible()
        await desk.said("speak-en").click()
        await page.get_by_label("E-mail").fill(LUIS.email)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(desk.said("no-alerts")).to_be_visible()
        assert await page.evaluate("document.documentElement.lang") == "es"
        await expect(desk.said("sound-check")).to_be_visible()  # which the sign-in began
