"""The page of those who keep the buttons, in Chromium, with every part real."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.desk import SHOWN_MS, Desk
from tests.browser.keeper import Keeper, claimed, keeper
from tests.parts import DANA, PASSWORD
from tests.walk.house import House, until
from tocsin_server.demo.broker import Follower
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_server.fleet import sites
from tocsin_server.people import accounts

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEIGHBOUR = "nora@example.org"


async def test_a_button_is_stolen_while_no_broker_follows_and_that_is_said(
    house: House, desk: Desk, chrome: Browser, folder: Path
) -> None:
    async with keeper(house, chrome) as sam:
        await sam.open_site()
        async with claimed(sam, house, folder / "a", room="Annex", spot="Door") as button:
            await sam.at("press")
            await expect(sam.said("step")).to_contain_text("A press before that is a real alert.")
            await sam.said("leave").click()
            await sam.stands(button, "unproven", timeout_ms=SHOWN_MS)
            await is_stolen(house, desk, sam, button)


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
            # It may go with the answer to the last look: that is not waited for.
            await again.evaluate_all("all => all.forEach((each) => each.click())")
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
