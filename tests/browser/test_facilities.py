"""The page of those who keep the buttons, in Chromium, with every part real."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.claims.board import Board
from tests.parts import DANA, PASSWORD, SAM
from tests.walk.house import House, Sender, until
from tocsin_server.demo import example
from tocsin_server.demo.broker import Follower
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_server.fleet import sites
from tocsin_server.people import accounts

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOST_MS = 120_000  # a server judges once it has listened for 45 s
NEIGHBOUR = "nora@example.org"


class Keeper:
    """Somebody who keeps the buttons, before the page for it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.page = desk.page

    def said(self, name: str) -> Locator:
        return self.desk.said(name)

    async def sign_in(self, email: str, *, at: str = "/facilities") -> None:
        """Returns when the sites are shown."""
        page = self.page
        await page.goto(f"{self.desk.url}{at}")
        await page.locator("input[name=email]").fill(email)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Sites")).to_be_visible(timeout=SHOWN_MS)
        await expect(self.said("stale-banner")).to_be_hidden(timeout=SHOWN_MS)

    async def open_site(self, name: str = example.CLERK.name) -> None:
        await self.said("site-line").filter(has_text=name).click()
        await expect(self.page.get_by_role("heading", name=name)).to_be_visible()

    async def new_code(self, *, room: str, spot: str) -> str:
        """From the site's page to a code."""
        await self.said("add-button").click()
        await self.fill_in(room=room, spot=spot)
        return await self.said("claim-code").inner_text()

    async def fill_in(self, *, room: str, spot: str) -> None:
        await self.page.locator("input[name=room]").fill(room)
        await self.page.locator("input[name=spot]").fill(spot)
        await self.said("get-code").click()
        await self.at("code")

    async def at(self, step: str) -> None:
        await expect(self.said("step")).to_have_attribute("data-step", step, timeout=SHOWN_MS)
        assert await self.desk.fits_its_width()

    def line(self, button: VirtualButton | Sender) -> Locator:
        return self.page.locator(f"li[data-device-id={button.device_id}]")


@asynccontextmanager
async def keeper(
    house: House, chrome: Browser, email: str = SAM.email, *, at: str = "/facilities"
) -> AsyncIterator[Keeper]:
    """A phone in one hand, signed in."""
    async with open_desk(chrome, house.walk.server.url, phone=True) as desk:
        somebody = Keeper(desk)
        await somebody.sign_in(email, at=at)
        yield somebody


@asynccontextmanager
async def claimed(
    sam: Keeper, house: House, folder: Path, *, room: str, spot: str
) -> AsyncIterator[VirtualButton]:
    """A board that has become a button by the code on the page, and runs."""
    code = await sam.new_code(room=room, spot=spot)
    board = Board(folder)
    said = await board.claim(code, "--server", house.walk.server.url)
    assert said.code == 0, said
    button = VirtualButton(board.folder)
    await sam.at("answered")
    await expect(sam.said("claimed-as")).to_contain_text(button.device_id)
    try:
        await button.start()
        yield button
    finally:
        await button.stop()


async def test_an_evening_with_a_button_that_is_proven_and_unplugged_and_one_that_is_stolen(
    house: House, desk: Desk, chrome: Browser, folder: Path
) -> None:
    async with keeper(house, chrome) as sam:
        await sam.open_site()
        async with claimed(sam, house, folder / "a", room="Gymnasium", spot="Table 1") as first:
            await sam.at("press")
            await expect(sam.said("step")).to_contain_text("A press before that is a real alert.")
            await first.until(lambda state: state.drill)
            await first.press()
            await sam.at("pressed")
            await expect(sam.said("pressed")).to_have_text(re.compile(r"Pressed, \d+\.\d s"))
            await expect(desk.card(await house.alert_of(first.device_id))).to_contain_text("DRILL")
            await sam.said("acknowledge").click()
            await sam.at("armed")
            await expect(sam.said("proven")).to_have_text(
                re.compile(rf"Proven at \d\d:\d\d \w+ by {SAM.name}\.")
            )
            await first.until_lamp("acknowledged")
            await sam.said("done").click()
            await expect(sam.line(first)).to_have_attribute("data-standing", "armed")
            await first.until(lambda state: not state.drill)
            await first.kill()
            async with claimed(sam, house, folder / "b", room="Annex", spot="Door") as second:
                await sam.at("press")
                await sam.said("leave").click()
                await expect(sam.line(second)).to_have_attribute("data-standing", "unproven")
                await is_stolen(house, desk, sam, second)
            await sam.page.goto(f"{sam.desk.url}/facilities")
            await sam.open_site()
            await expect(sam.line(first)).to_have_attribute(
                "data-standing", "lost", timeout=LOST_MS
            )
            await expect(sam.said("census")).to_contain_text("1 LOST")


async def is_stolen(house: House, desk: Desk, sam: Keeper, button: VirtualButton) -> None:
    """Reported stolen while no broker follows: what it says is doubted. Then one follows."""
    await sam.line(button).click()
    await sam.said("lost-or-stolen").click()
    await expect(sam.said("revoke-ask")).to_contain_text("It can never be used again")
    await sam.page.get_by_role("button", name="It was stolen").click()
    out = sam.said("taken-out")
    await expect(out).to_have_attribute("data-in-force", "false", timeout=SHOWN_MS)
    await button.press()
    lane = desk.said("doubtful-item").filter(has_text=button.device_id)
    await expect(lane).to_contain_text("Annex", timeout=SHOWN_MS)
    assert house.alerts_of(button.device_id) == []

    follower = Follower(house.walk.broker.folder, servers=[house.walk.server.url], name="broker-a")
    await follower.start()
    try:
        again = sam.page.get_by_role("button", name="Ask again")

        async def in_force() -> bool:
            if await again.is_visible() and await again.is_enabled():
                await again.click()
            return await out.get_attribute("data-in-force") == "true"

        await until(in_force)
        await expect(sam.said("broker")).to_contain_text("In force at broker-a.")
    finally:
        await follower.stop()
    await expect(desk.page.locator(f"li[data-device-id={button.device_id}]")).to_have_count(0)


async def test_a_code_that_expired_is_said_to_and_a_new_one_is_one_tap_away(
    house: House, chrome: Browser
) -> None:
    async with keeper(house, chrome) as sam:
        await sam.open_site()
        code = await sam.new_code(room="Stage", spot="Left")
        await sam.page.evaluate(
            """() => {
                const kept = JSON.parse(sessionStorage["tocsin-claim"]);
                kept.made.expires_at = new Date(0).toISOString();
                sessionStorage["tocsin-claim"] = JSON.stringify(kept);
            }"""
        )
        await sam.page.reload()
        await sam.at("expired")
        await sam.said("new-code").click()
        await sam.at("code")
        assert await sam.said("claim-code").inner_text() != code


async def test_whoever_may_only_look_sees_the_buttons_and_no_way_to_change_them(
    house: House, chrome: Browser
) -> None:
    sender = await house.sender()
    async with keeper(house, chrome, DANA.email) as dana:
        await dana.open_site()
        line = dana.page.locator(f"li[data-device-id={sender.device_id}]")
        await expect(line).to_be_visible()
        await expect(dana.said("add-button")).to_have_count(0)
        await line.click()
        await expect(dana.said("state")).to_be_visible()
        await expect(dana.said("lost-or-stolen")).to_have_count(0)


async def test_who_keeps_the_buttons_is_sent_from_the_console_to_their_own_page(
    house: House, chrome: Browser
) -> None:
    async with keeper(house, chrome, at="/") as sam:
        assert sam.page.url.partition("#")[0].endswith("/facilities")


async def test_a_neighbouring_county_sees_nothing_of_this_one(
    house: House, chrome: Browser
) -> None:
    await house.sender()
    async with house.walk.database.pool() as pool:
        await sites.add_jurisdiction(
            pool,
            jurisdiction="48491",
            name="Williamson County",
            time_zone="America/Chicago",
            on_call_number=None,
        )
        await accounts.add_person(
            pool,
            jurisdiction="48491",
            name="Nora Lind",
            email=NEIGHBOUR,
            phone=None,
            role="facilities",
            password=PASSWORD,
        )
    async with keeper(house, chrome, NEIGHBOUR) as nora:
        await expect(nora.said("no-sites")).to_be_visible()
        await expect(nora.said("site-line")).to_have_count(0)
