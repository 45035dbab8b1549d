"""A page that is opened while no server answers: whom to call, as of when, and back by itself."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.desk import NUMBERS_KEPT, Desk
from tests.parts import MAYA, PASSWORD
from tests.walk.house import House, until
from tocsin_server.demo import example

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTACT = '[{"name": "Sam Novak", "role": "caretaker", "phone": "+15125550142"}]'
ARE_OLD = """async () => {
  const cache = await caches.open("tocsin-numbers");
  const known = await (await cache.match("/api/v1/phone-numbers")).json();
  known.at = "2025-11-03T12:00:00Z";
  await cache.put("/api/v1/phone-numbers", new Response(JSON.stringify(known)));
}"""
# By a page that the service worker answers.
FORGET_SPANISH = """async () => {
  const { serviceWorker } = navigator;
  if (!serviceWorker.controller)
    await new Promise((resolve) => serviceWorker.addEventListener("controllerchange", resolve));
  const cache = await caches.open("tocsin-offline");
  return cache.delete("/static/offline/es.json");
}"""
ASK_FOR_SPANISH = """() => {
  const options = { signal: AbortSignal.timeout(10_000) };
  return fetch("/static/offline/es.json", options).catch((error) => error.name);
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def kept(house: House, desk: Desk) -> Desk:
    """Luis' desk, once his browser has what it needs without a server."""
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE site SET contacts = $1::jsonb WHERE name = $2", CONTACT, example.CLERK.name
        )
    await desk.page.reload()
    await desk.until_kept("+15125550142")
    return desk


@asynccontextmanager
async def no_server(house: House) -> AsyncIterator[None]:
    await house.walk.server.stop()
    try:
        yield
    finally:
        await house.walk.server.start()
        await house.screen.until(lambda screen: screen.live)


async def numbers_of(page: Page) -> list[str]:
    """What is shown by now; what is kept comes a moment after the page."""
    await expect(page.get_by_test_id("offline-banner")).to_contain_text("shows no alerts")
    return await page.locator("a.number").all_inner_texts()


async def test_without_a_server_a_page_says_whom_to_call_and_comes_back_with_it(
    house: House, kept: Desk
) -> None:
    page = kept.page
    async with no_server(house):
        await page.reload()
        numbers = kept.said("offline-numbers")
        await expect(numbers).to_contain_text("These numbers are as of")
        assert await numbers_of(page) == ["911", "(512) 555-0142", "(512) 555-0190"]
        await expect(numbers).to_contain_text("Sam Novak, caretaker")
        await expect(numbers).to_contain_text(f"{example.CARVER.responding_agency} responds")
        assert await kept.fits_its_width()
        await page.evaluate(ARE_OLD)
        await page.goto(f"{kept.url}/people")
        await expect(numbers).to_contain_text("Nov 3, 2025")
        await expect(numbers).to_contain_text("more than a day ago")
        await page.goto(kept.url)
        await expect(kept.said("offline-banner")).to_be_visible()
    await expect(page.locator("main.alerts-page")).to_be_visible()


async def test_a_server_that_hangs_is_one_that_does_not_answer(house: House, kept: Desk) -> None:
    house.walk.server.pause()
    try:
        await kept.page.reload()
        await expect(kept.said("offline-numbers")).to_contain_text("These numbers are as of")
        assert "(512) 555-0190" in await numbers_of(kept.page)
    finally:
        house.walk.server.resume()
    await expect(kept.page.locator("main.alerts-page")).to_be_visible()


async def test_whoever_signs_out_takes_the_numbers_along(house: House, kept: Desk) -> None:
    await kept.page.get_by_role("button", name="Sign out").click()
    await expect(kept.said("sign-in-form")).to_be_visible()

    async def are_gone() -> bool:
        return not await kept.page.evaluate(NUMBERS_KEPT)

    await until(are_gone)
    async with no_server(house):
        await kept.page.reload()
        await expect(kept.said("offline-numbers")).to_contain_text("This browser keeps none")
        assert await numbers_of(kept.page) == ["911"]


@pytest_asyncio.fixture(loop_scope="session")
async def in_spanish(house: House, chrome: Browser) -> AsyncIterator[Desk]:
    """Maya, who reads Spanish, and her browser, too, once it has what it needs without a server."""
    async with house.walk.database.connected() as connection:
        await connection.execute("UPDATE person SET language = 'es' WHERE name = $1", MAYA.name)
    context = await chrome.new_context(locale="es-US")
    desk = Desk(await context.new_page(), house.walk.server.url)
    await desk.page.goto(desk.url)
    await desk.page.locator("input[name=email]").fill(MAYA.email)
    await desk.page.locator("input[name=password]").fill(PASSWORD)
    await desk.page.locator("input[name=password]").press("Enter")
    await desk.until_kept("+15125550190")
    yield desk
    desk.check()
    await context.close()


async def test_without_a_server_a_page_is_in_spanish_where_the_browser_keeps_that(
    house: House, in_spanish: Desk
) -> None:
    page, numbers = in_spanish.page, in_spanish.said("offline-numbers")
    async with no_server(house):
        await page.reload()
        await expect(numbers).to_contain_text("Estos números son del")
        await expect(numbers).to_contain_text(f"Acude: {example.CARVER.responding_agency}")
        await expect(in_spanish.said("offline-banner")).to_contain_text("no muestra alertas")
        await expect(page).to_have_title(re.compile("^SIN CONEXIÓN"))
        await expect(page.locator("html")).to_have_attribute("lang", "es")
        assert await in_spanish.fits_its_width()
        assert await page.evaluate(FORGET_SPANISH)
        await page.reload()
        await expect(numbers).to_contain_text("These numbers are as of")
        assert "(512) 555-0190" in await numbers_of(page)


async def test_no_page_waits_for_spanish_that_its_browser_does_not_keep(
    house: House, in_spanish: Desk
) -> None:
    assert await in_spanish.page.evaluate(FORGET_SPANISH)
    house.walk.server.pause()
    try:
        assert await in_spanish.page.evaluate(ASK_FOR_SPANISH) == "TypeError", "a server was asked"
    finally:
        house.walk.server.resume()
