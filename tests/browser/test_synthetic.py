"""A synthetic press is on no console; what isn't one of its drills is."""

from playwright.async_api import Browser, expect

from tests.browser.desk import SHOWN_MS, open_desk
from tests.parts import Screen, Walk
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_server.fleet.drills import end_drill, open_drill


async def test_a_synthetic_press_shows_nothing_and_sounds_nowhere(
    walk: Walk, screen: Screen, button: VirtualButton, browser: Browser
) -> None:
    async with walk.database.pool() as pool, open_desk(browser, walk.server.url) as desk:
        await desk.sign_in()
        site_id, jurisdiction = await pool.fetchrow(
            "SELECT site_id, jurisdiction FROM device JOIN place USING (place_id, jurisdiction)"
        )
        await pool.execute(
            "INSERT INTO synthetic VALUES ($1, $2, $3, '+15125550199', 300, 20)",
            button.device_id,
            jurisdiction,
            site_id,
        )
        drill = await open_drill(
            pool, jurisdiction=jurisdiction, site_id=site_id, minutes=3, opened_by="Synthetic press"
        )
        await button.until(lambda state: state.drill)
        await button.press()
        quiet = await screen.until_alert(lambda alert: alert.synthetic)
        await screen.resolve(quiet, "test")
        await end_drill(pool, jurisdiction=jurisdiction, drill_id=drill.drill_id, by="Sam Novak")
        await button.until(lambda state: not state.drill and not state.open)
        await button.press()
        real = await screen.until_alert(lambda alert: not alert.synthetic)
        # The page heard of both in this order.
        await expect(desk.card(real)).to_be_visible(timeout=SHOWN_MS)
        await expect(desk.card(quiet)).to_have_count(0)
        await expect(desk.page.locator("[data-testid=drill-banner]")).to_have_count(0)
        await expect(desk.page.get_by_text("1 waiting", exact=True)).to_be_visible()
