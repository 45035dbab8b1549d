"""A dispatcher's desk: one page of the console, and everything the browser has to say about it.

Whatever a test looks at, no page may load anything from elsewhere, run into its own security
policy, or throw an error: that is checked as each desk is left.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    ViewportSize,
    expect,
)

from tests.browser.languages import ENGLISH, Words
from tests.parts import LUIS, PASSWORD, Alert
from tests.walk.house import until
from tocsin_server.demo.example import Person

PHONE_PX = ViewportSize(width=390, height=844)
SCREEN_PX = ViewportSize(width=1280, height=900)
NUMBERS_KEPT = """async () => {
  await navigator.serviceWorker.ready;
  const page = await caches.match("/static/offline/offline.js");
  const numbers = await caches.match("/api/v1/phone-numbers");
  return page && numbers ? numbers.text() : "";
}"""
SHOWN_MS = 30_000  # how long anything may take on a busy machine


class Desk:
    """One page, and what it asked for."""

    def __init__(self, page: Page, url: str, words: Words = ENGLISH) -> None:
        self.page = page
        self.url = url
        self.words = words
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        page.on("request", self._asked)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self._said)

    async def sign_in(self, person: Person = LUIS) -> None:
        """Returns when the page is live."""
        page = self.page
        await page.goto(self.url)
        await page.locator("input[name=email]").fill(person.email)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.get_by_role("button", name=self.words("Sign in")).click()
        await expect(page.locator("main.alerts-page")).to_be_visible(timeout=SHOWN_MS)
        await expect(self.said("stale-banner")).to_be_hidden(timeout=SHOWN_MS)

    def card(self, alert: Alert) -> Locator:
        return self.page.locator(f"article[data-alert-id='{alert.alert_id}']")

    def said(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    def who(self, alert: Alert) -> Locator:
        """What a card says of who has it."""
        return self.card(alert).get_by_test_id("who-has-it")

    async def sounds(self, alarm: str) -> None:
        """Until the alarm is so: on, off."""
        await expect(self.page.locator("#console, #kiosk")).to_have_attribute("data-alarm", alarm)

    async def notices(self, words: str) -> None:
        """Until a notice says so."""
        await expect(self.said("notice").filter(has_text=words)).to_be_visible(timeout=SHOWN_MS)

    async def go(self, page: str) -> None:
        """To another of the console's pages."""
        await self.page.evaluate("(hash) => { location.hash = hash }", page)

    async def until_it_has_its_worker(self) -> None:
        """From here on a route holds; while the worker takes the page over, requests slip by."""
        await self.page.wait_for_function("navigator.serviceWorker.controller !== null")

    async def until_kept(self, number: str) -> None:
        """The browser has what it shows where no server answers, and this number in it."""

        async def is_kept() -> bool:
            return number in await self.page.evaluate(NUMBERS_KEPT)

        await until(is_kept)

    async def fits_its_width(self) -> bool:
        """Nobody has to scroll sideways."""
        return bool(
            await self.page.evaluate(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            )
        )

    def loaded(self) -> int:
        """How often a page was loaded; whatever goes on by itself loads none."""
        return sum(each.is_navigation_request() for each in self.requests)

    def check(self) -> None:
        """Nothing from elsewhere, nothing against the policy, no error of the page's own."""
        origin = urlsplit(self.url).netloc
        elsewhere = [each.url for each in self.requests if urlsplit(each.url).netloc != origin]
        assert elsewhere == []
        assert self.complaints == [], self.complaints

    def _asked(self, request: Request) -> None:
        self.requests.append(request)

    def _said(self, message: ConsoleMessage) -> None:
        # An answer that is a refusal, or a server that was stopped, is no fault of the page.
        text = message.text
        expected = text.startswith("Failed to load resource") or "WebSocket" in text
        if "Content Security Policy" in text or (message.type == "error" and not expected):
            self.complaints.append(f"{message.type}: {text}")


@asynccontextmanager
async def open_desk(
    browser: Browser, url: str, *, phone: bool = False, words: Words = ENGLISH
) -> AsyncIterator[Desk]:
    """A browser's window of its own, not signed in."""
    size = PHONE_PX if phone else SCREEN_PX
    context = await browser.new_context(viewport=size, has_touch=phone, locale=words.locale)
    try:
        await words.prepare(context)
        desk = Desk(await context.new_page(), url, words)
        yield desk
        desk.check()
    finally:
        await context.close()
