"""What is beside a dispatcher: who may make screens, a screen on the wall, an officer's phone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, expect

from tests import drawings
from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.parts import MAYA, PASSWORD, Alert
from tests.walk.house import House
from tocsin_server.demo import example
from tocsin_server.fleet import floor_plans
from tocsin_server.fleet.redraw import redraw


async def on_this_server(page: Page, url: str, link: str) -> None:
    """Open a link at the server of the test, which is called otherwise outside."""
    parts = urlsplit(link)
    await page.goto(f"{url}{parts.path}" + (f"#{parts.fragment}" if parts.fragment else ""))


@asynccontextmanager
async def people_page(house: House, chrome: Browser) -> AsyncIterator[Desk]:
    """Maya, who may make screens, before the page for it."""
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.page.goto(f"{desk.url}/people#/screens")
        await desk.page.locator("input[name=email]").fill(MAYA.email)
        await desk.page.locator("input[name=password]").fill(PASSWORD)
        await desk.page.get_by_role("button", name="Sign in").click()
        await expect(desk.said("new-screen")).to_be_visible(timeout=SHOWN_MS)
        yield desk


async def make_screen(maya: Desk, name: str) -> str:
    """Gives its link."""
    await maya.page.get_by_label("Where it hangs").fill(name)
    await maya.page.get_by_role("button", name="Make its link").click()
    # Until it is there, the link of the screen before it may be.
    screen = maya.page.locator(f"[data-testid=screen][data-name='{name}']")
    return await screen.get_by_test_id("screen-link").locator("code").inner_text()


@asynccontextmanager
async def wall_of(maya: Desk, chrome: Browser, name: str) -> AsyncIterator[Desk]:
    """A browser on a wall, live."""
    link = await make_screen(maya, name)
    async with open_desk(chrome, maya.url) as wall:
        await on_this_server(wall.page, maya.url, link)
        await expect(wall.said("wall-bar")).to_contain_text(name, timeout=SHOWN_MS)
        await expect(wall.page.locator("main.alerts-page")).to_be_visible(timeout=SHOWN_MS)
        await expect(wall.said("stale-banner")).to_be_hidden(timeout=SHOWN_MS)
        assert urlsplit(wall.page.url).fragment == "", "nobody reads the key off the wall"
        yield wall


async def press_on_a_plan(house: House) -> Alert:
    """A press at a spot of a plan, at a site that is well described."""
    sender = await house.sender()
    async with house.walk.database.pool() as pool:
        site_id = await pool.fetchval(
            "UPDATE site SET entrances = ARRAY['North door, by the flag', 'Loading dock, code 4']"
            ", contacts = $2::jsonb WHERE name = $1 RETURNING site_id",
            example.CLERK.name,
            '[{"name": "Olga Neal", "role": "Caretaker", "phone": "+1 512 555 0188"}]',
        )
        plan = await floor_plans.add_plan(
            pool,
            jurisdiction=example.JURISDICTION,
            site_id=site_id,
            title="Ground floor",
            picture=await redraw(drawings.svg(), page=1),
            by="Sam Novak",
        )
        await pool.execute(
            "UPDATE place SET plan_id = $2, plan_x = 0.4, plan_y = 0.6 FROM device d"
            " WHERE d.place_id = place.place_id AND d.device_id = $1",
            sender.device_id,
            plan.plan_id,
        )
    await sender.send(sender.press())
    return await house.alert_of(sender.device_id)


async def link_for(luis: Desk, alert: Alert, whom: str) -> str:
    """Made on the card, to be copied."""
    card = luis.card(alert)
    await card.get_by_test_id("officer").click()
    panel = card.get_by_test_id("officer-panel")
    await panel.locator("input[name=for_whom]").fill(whom)
    await panel.get_by_test_id("officer-make").click()
    await expect(panel.get_by_test_id("officer-address")).to_be_visible(timeout=SHOWN_MS)
    await expect(panel.get_by_test_id("officer-link")).to_contain_text("not opened yet")
    return await panel.get_by_test_id("officer-address").input_value()
