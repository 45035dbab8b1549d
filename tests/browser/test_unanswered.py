"""Nobody answers: the screen says so, and goes on sounding."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.desk import SHOWN_MS, open_desk
from tests.parts import Screen, Walk
from tocsin_server.demo.virtual_button import VirtualButton


@pytest.mark.parametrize("patience_s", [(1.0, 1.0, 1.0)])
async def test_an_unanswered_alert_says_so_keeps_sounding_and_tells_when_it_calls_again(
    walk: Walk, screen: Screen, button: VirtualButton, browser: Browser
) -> None:
    async with open_desk(browser, walk.server.url) as desk:
        await desk.sign_in()
        await button.press()
        card = desk.card(await screen.until_alert())
        await expect(card.get_by_test_id("unanswered")).to_be_visible(timeout=SHOWN_MS)
        await expect(card).to_contain_text("Every tier has been told")
        await expect(card.get_by_test_id("who-has-it")).to_contain_text("Tier 3 is told again")
        await expect(desk.page.locator("#console")).to_have_attribute("data-alarm", "on")
        await desk.page.keyboard.press("a")
        await expect(card.get_by_test_id("who-has-it")).to_contain_text("Luis Herrera has it")
        await expect(card.get_by_test_id("unanswered")).to_be_hidden()
        await expect(desk.page.locator("#console")).to_have_attribute("data-alarm", "off")
        await button.until_lamp("acknowledged")
