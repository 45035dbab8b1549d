"""A desk that somebody leaves: what it still does, and how they come back to it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.desk import Desk, open_desk
from tests.parts import LUIS, MAYA, PASSWORD
from tests.walk.house import House
from tests.web.client import client
from tocsin_server.demo.example import Person
from tocsin_server.people.sessions import COOKIE

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOCKS_AFTER_S = 1800


@pytest_asyncio.fixture(loop_scope="session")
async def desk(house: House, chrome: Browser) -> AsyncIterator[Desk]:
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.sign_in()
        yield desk


async def unlock(desk: Desk, person: Person = LUIS) -> None:
    await desk.said("unlock").click()
    await unlock_in_form(desk, person)
    await expect(desk.said("locked-line")).to_have_count(0)


async def unlock_in_form(desk: Desk, person: Person = LUIS) -> None:
    await desk.page.locator("input[name=email]").fill(person.email)
    await desk.page.locator("input[name=password]").fill(PASSWORD)
    await desk.page.keyboard.press("Enter")


async def test_a_locked_console_shows_and_answers_alerts_and_nothing_else(
    house: House, desk: Desk
) -> None:
    await desk.go("#/history")
    await desk.said("lock").click()
    await expect(desk.said("locked-line")).to_contain_text(f"Locked for {LUIS.name}.")
    await expect(desk.page.locator("main.alerts-page")).to_be_visible()
    await expect(desk.page.get_by_role("link", name="Resolved")).to_have_count(0)
    await expect(desk.said("mute")).to_have_count(0)
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await desk.sounds("on")
    await desk.page.keyboard.press("a")
    await expect(desk.who(alert)).to_contain_text(LUIS.name)
    await desk.sounds("off")
    await unlock(desk)
    await expect(desk.who(alert)).to_contain_text(LUIS.name)
    await desk.go("#/history")
    await expect(desk.said("locked-line")).to_have_count(0)
    await expect(desk.page.get_by_role("link", name="Resolved")).to_be_visible()


async def test_a_wrong_password_leaves_it_locked_and_letters_in_the_form_are_no_keys(
    house: House, desk: Desk
) -> None:
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await expect(desk.card(alert)).to_be_visible()
    await desk.said("lock").click()
    await desk.said("unlock").click()
    await expect(desk.page.locator("input[name=password]")).to_be_focused()
    assert await desk.page.locator("input[name=email]").input_value() == LUIS.email
    await desk.page.keyboard.type("a wrong one")
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.locator("form .problem")).to_be_visible()
    await expect(desk.said("locked-line")).to_be_visible()
    assert (await house.detail_of(alert)).state == "open"
    await desk.said("unlock").click()  # not now
    await expect(desk.said("sign-in-form")).to_have_count(0)


async def test_a_colleague_takes_the_locked_desk_over(desk: Desk) -> None:
    await desk.said("lock").click()
    await unlock(desk, MAYA)
    await expect(desk.page.locator(".person")).to_contain_text(MAYA.name)


async def test_other_pages_of_a_locked_browser_show_nothing(house: House, desk: Desk) -> None:
    """Also one that was open and does not know yet."""
    other = await desk.page.context.new_page()
    people = Desk(other, desk.url)
    await other.goto(f"{desk.url}/people")
    await expect(other.get_by_role("heading", name="Who answers now")).to_be_visible()
    await desk.said("lock").click()
    await expect(desk.said("locked-line")).to_be_visible()
    await people.go("#/people")
    await expect(people.said("sign-in-form")).to_contain_text(f"Locked for {LUIS.name}.")
    await other.goto(f"{desk.url}/facilities")
    await expect(people.said("sign-in-form")).to_contain_text(f"Locked for {LUIS.name}.")
    await unlock_in_form(people)
    await expect(people.said("site-line").first).to_be_visible()
    people.check()


async def test_a_desk_that_nobody_touches_locks_itself_and_one_that_is_used_does_not(
    house: House, chrome: Browser
) -> None:
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.page.clock.install()
        await desk.sign_in()
        for _ in range(3):
            await desk.page.clock.fast_forward((LOCKS_AFTER_S - 60) * 1000)
            await desk.page.keyboard.press("Shift")
        await desk.page.clock.fast_forward(60_000)
        await expect(desk.said("lock")).to_be_visible()
        async with client(desk.url) as asker:
            for cookie in await desk.page.context.cookies():
                if cookie["name"] == COOKIE:
                    asker.session.cookie_jar.update_cookies({COOKIE: cookie["value"]})
            session = (await asker.ask("GET", "/api/v1/session")).json()
            assert (session["locked"], session["lock_after_s"]) == (False, LOCKS_AFTER_S)
            await desk.page.clock.fast_forward(LOCKS_AFTER_S * 1000)
            await expect(desk.said("locked-line")).to_be_visible()
            assert (await asker.ask("GET", "/api/v1/session")).json()["locked"] is True
