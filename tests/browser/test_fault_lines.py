"""What is wrong with the system itself is over everything; what can wait takes one line."""

from playwright.async_api import Browser, expect

from tests.browser.desk import SHOWN_MS, open_desk
from tests.parts import Walk


async def test_a_fault_is_a_line_of_its_own_and_all_warnings_share_one(
    walk: Walk, browser: Browser
) -> None:
    async with (
        walk.database.connected() as connection,
        open_desk(browser, walk.server.url, phone=True) as desk,
    ):
        await desk.sign_in()
        await connection.execute("UPDATE person SET ends_on = current_date + 2")
        warning, fault = desk.said("warning-line"), desk.said("fault-line")
        await expect(warning).to_contain_text("and 2 more", timeout=SHOWN_MS)
        await expect(warning).to_contain_text("Look into this:")
        await expect(fault).to_be_hidden()
        hidden = warning.locator("p")
        await expect(hidden).to_have_count(2)
        await expect(hidden.first).to_be_hidden()
        await warning.locator("summary").click()
        await expect(hidden.first).to_be_visible()
        await connection.execute(
            "INSERT INTO replica (replica_id, pulsed_at, alive_at)"
            " VALUES ('server-2', now(), clock_timestamp() - interval '1 min')"
        )
        await expect(fault).to_contain_text("The server server-2 has stopped", timeout=SHOWN_MS)
        assert await desk.fits_its_width()
        await connection.execute("UPDATE person SET ends_on = NULL")
        await expect(warning).to_be_hidden(timeout=SHOWN_MS)
