"""A wall and an officer's phone beside a dispatcher: all see one alert, and one of them acts."""

import re
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, expect

from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.browser.room import (
    link_for,
    make_screen,
    on_this_server,
    people_page,
    press_on_a_plan,
    wall_of,
)
from tests.parts import LUIS, MAYA
from tests.walk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")

STALE_MS = 20_000  # ten seconds without a word, on a busy machine
ACTS = ("acknowledge", "respond", "officer", "resolve", "note", "escalate", "actual", "hand-over")


async def test_a_wall_and_an_officer_follow_what_a_dispatcher_does(
    house: House, desk: Desk, chrome: Browser
) -> None:
    async with AsyncExitStack() as stack:
        maya = await stack.enter_async_context(people_page(house, chrome))
        wall = await stack.enter_async_context(wall_of(maya, chrome, "Wall, dispatch room"))
        officer = await stack.enter_async_context(open_desk(chrome, desk.url, phone=True))
        await expect(wall.said("no-alerts")).to_be_visible(timeout=SHOWN_MS)

        alert = await press_on_a_plan(house)
        on_wall = wall.card(alert)
        await expect(on_wall).to_contain_text("Nobody has it yet", timeout=SHOWN_MS)
        await expect(wall.page.locator("#kiosk")).to_have_attribute("data-alarm", "on")
        for act in ACTS:
            await expect(on_wall.get_by_test_id(act)).to_have_count(0)
        await expect(on_wall.locator("button, a")).to_have_count(0)
        await wall.page.keyboard.press("a")

        link = await link_for(desk, alert, "Unit 12")
        await on_this_server(officer.page, desk.url, link)
        now = officer.page.locator("#now")
        await expect(now).to_contain_text("REAL. This is no drill.", timeout=SHOWN_MS)
        await expect(now).to_contain_text("No dispatcher has it yet.")
        await expect(officer.page.locator(".plan svg .mark")).to_have_count(1)
        await expect(officer.page.get_by_text("North door, by the flag")).to_be_visible()
        await expect(officer.page.get_by_role("link", name="+1 512 555 0188")).to_be_visible()
        assert await officer.fits_its_width()
        opened = desk.card(alert).get_by_test_id("officer-link")
        await expect(opened).to_contain_text("opened at", timeout=SHOWN_MS)

        await desk.card(alert).get_by_test_id("acknowledge").click()
        for screen in (on_wall, now):
            await expect(screen).to_contain_text(f"{LUIS.name} has it", timeout=SHOWN_MS)
        await expect(wall.page.locator("#kiosk")).to_have_attribute("data-alarm", "off")

        await house.screen.resolve(alert, "actual")
        await expect(on_wall).to_have_count(0, timeout=SHOWN_MS)
        await expect(officer.page.locator("#now")).to_contain_text(
            re.compile(r"This alert was resolved at \d\d:\d\d:\d\d"), timeout=SHOWN_MS
        )
        await expect(officer.page.locator(".plan")).to_have_count(0)
        await expect(officer.page.get_by_text("+1 512 555 0188")).to_have_count(0)

        await maya.said("screen").filter(has_text="Wall").get_by_test_id("revoke-screen").click()
        await expect(wall.said("dark")).to_be_visible(timeout=SHOWN_MS)
        await expect(maya.said("screen")).to_contain_text(f"Put out by {MAYA.name}")
        await wall.page.reload()
        await expect(wall.said("dark")).to_be_visible(timeout=SHOWN_MS)
        assert await wall.fits_its_width()


async def test_both_say_in_large_letters_when_they_are_cut_off(
    house: House, desk: Desk, chrome: Browser
) -> None:
    async with AsyncExitStack() as stack:
        maya = await stack.enter_async_context(people_page(house, chrome))
        wall = await stack.enter_async_context(wall_of(maya, chrome, "Lobby"))
        officer = await stack.enter_async_context(open_desk(chrome, desk.url, phone=True))
        alert = await press_on_a_plan(house)
        await expect(wall.card(alert)).to_be_visible(timeout=SHOWN_MS)
        await on_this_server(officer.page, desk.url, await link_for(desk, alert, ""))
        await expect(officer.page.locator("#now")).to_be_visible(timeout=SHOWN_MS)
        stale = officer.page.get_by_role("heading", name="NOT UP TO DATE")
        await expect(stale).to_be_hidden()
        house.walk.server.pause()
        try:
            await expect(wall.said("stale-banner")).to_contain_text(
                "Alerts may be missing from this screen.", timeout=STALE_MS
            )
            await expect(stale).to_be_visible(timeout=STALE_MS)
            assert await officer.fits_its_width()
        finally:
            house.walk.server.resume()
        await expect(wall.said("stale-banner")).to_be_hidden(timeout=SHOWN_MS)
        await expect(stale).to_be_hidden(timeout=SHOWN_MS)


async def test_a_screen_has_one_page_and_a_console_does_not_become_one(
    house: House, desk: Desk, chrome: Browser
) -> None:
    async with people_page(house, chrome) as maya, wall_of(maya, chrome, "Hall") as wall:
        for path in ("/", "/people", "/facilities"):
            await wall.page.goto(f"{wall.url}{path}")
            await expect(wall.said("wall-bar")).to_contain_text("Hall", timeout=SHOWN_MS)
        link = await make_screen(maya, "Stairs")
        await on_this_server(desk.page, desk.url, link)
        await expect(desk.said("somebody")).to_contain_text(
            f"{LUIS.name} is signed in here, and could do nothing any more.", timeout=SHOWN_MS
        )
        await desk.page.get_by_role("link", name="Go to the console").click()
        await expect(desk.page.locator("main.alerts-page")).to_be_visible(timeout=SHOWN_MS)
