"""From a box to an armed button with a phone and nothing else: each step of it, counted."""

import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.desk import SHOWN_MS, open_desk
from tests.claims.test_set_up_page import open_page
from tests.parts import PASSWORD, SAM
from tests.walk.house import House
from tocsin_button import setup_site
from tocsin_server.demo import example
from tocsin_server.demo.virtual_button import VirtualButton

pytestmark = pytest.mark.asyncio(loop_scope="session")

MACHINE_S_MAX = 60.0  # of the two minutes a button may take; the rest is a person's
STEPS_MAX = 12


class Hand:
    """Taps and types, and counts it."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def tap(self, what: Locator) -> None:
        said = " ".join((await what.inner_text()).split())
        self.steps.append(f"tap “{said}”")
        await what.click()

    async def type(self, page: Page, field: str, text: str) -> None:
        self.steps.append(f"type the {field}")
        await page.locator(f"input[name={field}]").fill(text)

    def does(self, step: str) -> None:
        self.steps.append(step)


async def test_a_board_is_armed_in_a_dozen_steps_with_one_phone_and_no_keyboard(
    house: House, chrome: Browser, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_site, "TOLD_S", 0.0)
    hand = Hand()
    async with (
        open_page(folder / "b") as (board, _),
        open_desk(chrome, house.walk.server.url, phone=True) as keeper,
        open_desk(chrome, board.url, phone=True) as tab,
    ):
        page = keeper.page
        await page.goto(f"{keeper.url}/facilities")
        await page.locator("input[name=email]").fill(SAM.email)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await keeper.said("site-line").filter(has_text=example.CLERK.name).click()

        began = time.monotonic()
        hand.does("plug the board in")
        await hand.tap(keeper.said("add-button"))
        await hand.type(page, "room", "Gymnasium")
        await hand.type(page, "spot", "Table 3")
        await hand.tap(keeper.said("get-code"))
        link = keeper.said("board-page")
        href = urlsplit(await link.get_attribute("href") or "")
        assert (href.scheme, href.netloc) == ("http", "tocsin-button.local")
        assert await link.get_attribute("target") == "_blank"
        assert await keeper.fits_its_width()
        hand.does("tap “Open tocsin-button.local”")
        await tab.page.goto(f"{board.url}/?{href.query}")
        await hand.tap(tab.page.get_by_role("button", name="Make it a button"))
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text(
            "This board is a button now", timeout=SHOWN_MS
        )
        button = VirtualButton(board.folder)  # as its service starts it, which has waited for this
        await button.start()
        try:
            hand.does("go back to the first page")
            await expect(keeper.said("step")).to_have_attribute(
                "data-step", "press", timeout=SHOWN_MS
            )
            await button.until(lambda state: state.drill)
            hand.does("see the drill on the lamp")
            await button.press()
            hand.does("press the button")
            await hand.tap(keeper.said("acknowledge"))
            await button.until_lamp("acknowledged")
            await expect(keeper.said("proven")).to_have_text(
                re.compile(rf"Proven at \d\d:\d\d \w+ by {SAM.name}\.")
            )
            took_s = time.monotonic() - began
            await hand.tap(keeper.said("next-button"))
            await button.until(lambda state: not state.drill)
        finally:
            await button.stop()
    print(f"{len(hand.steps)} steps; the machines took {took_s:.1f} s", *hand.steps, sep="\n  ")
    assert len(hand.steps) <= STEPS_MAX
    assert took_s < MACHINE_S_MAX
