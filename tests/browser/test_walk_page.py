"""A walk test on a phone, in Chromium, with three real buttons."""

import csv
import io
import re

import pytest
from playwright.async_api import Browser, expect

from tests.browser.desk import SHOWN_MS, Desk
from tests.browser.keeper import Keeper, keeper
from tests.parts import MAYA, SAM
from tests.walk.house import House, told
from tocsin_server.demo.virtual_button import VirtualButton

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def stands(sam: Keeper, button: VirtualButton, state: str) -> None:
    """The list shows the button so."""
    line = sam.page.locator(f"[data-testid=walk-line][data-device-id={button.device_id}]")
    await expect(line).to_have_attribute("data-state", state, timeout=SHOWN_MS)
    assert await sam.desk.fits_its_width()


async def start(sam: Keeper) -> None:
    """From the site's page; where a walk test was held before, another is one tap further away."""
    await sam.open_site()
    await sam.said("walk-test").click()
    await expect(sam.said("walk-before")).to_have_count(1)
    if await sam.said("walk-again").count():
        await sam.said("walk-again").locator("summary").click()
    await expect(sam.said("walk-before")).to_contain_text("A second press of the same button")
    await sam.said("walk-start").click()
    await expect(sam.said("walk-progress")).to_contain_text("0 of ")


async def download(sam: Keeper, name: str) -> bytes:
    async with sam.page.expect_download() as waiting:
        await sam.said(name).click()
    return (await (await waiting.value).path()).read_bytes()


async def test_a_round_of_three_buttons_with_a_second_press_that_is_real(
    house: House, desk: Desk, chrome: Browser
) -> None:
    rooms = ("Gymnasium", "Stage", "Annex")
    first, second, third = [await house.button(room=room) for room in rooms]
    async with keeper(house, chrome) as sam, keeper(house, chrome, MAYA.email) as maya:
        await start(sam)
        await expect(sam.said("walk-progress")).to_contain_text("0 of 3 buttons pressed")
        for button in (first, second, third):
            await button.until(lambda state: state.drill)
        await first.press()
        await stands(sam, first, "pressed")
        await expect(desk.card(await house.alert_of(first.device_id))).to_contain_text("DRILL")
        await sam.said("walk-acknowledge").click()
        await stands(sam, first, "proven")
        await first.until_lamp("acknowledged")

        await maya.open_site()  # a second walker joins by looking
        await maya.said("walk-test").click()
        await stands(maya, first, "proven")
        await second.press()
        await third.press()
        for each in (sam, maya):
            await stands(each, second, "pressed")
            await stands(each, third, "pressed")
        await sam.page.reload()
        await maya.said("walk-acknowledge-all").click()
        for button in (second, third):
            await stands(sam, button, "proven")

        await first.press()
        real = await house.alert_of(first.device_id, lambda alert: not alert.drill)
        await house.dana.until_received(f"Reply {real.code} ")
        assert len(told(house.dana, "Reply ")) == 1
        await stands(sam, first, "proven")

        await sam.said("walk-end").click()
        await expect(sam.said("walk-over")).to_contain_text("Over: all proven, 3 of 3")
        await expect(maya.said("walk-over")).to_contain_text("Over: all proven, 3 of 3")
        assert (await download(sam, "walk-report-pdf")).startswith(b"%PDF-")
        text = (await download(sam, "walk-report-csv")).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["room"] for row in rows] == ["Annex", "Gymnasium", "Stage"]
        assert [row["acknowledged_by"] for row in rows] == ["Maya Chen", "Sam Novak", "Maya Chen"]
        assert all(re.fullmatch(r"\d+", row["on_server_ms"]) for row in rows)


async def test_a_test_that_nobody_acknowledged_in_time_is_acknowledged_late(
    house: House, chrome: Browser
) -> None:
    button = await house.button(room="Cellar")
    async with keeper(house, chrome) as sam:
        await start(sam)
        await button.until(lambda state: state.drill)
        await button.press()
        await stands(sam, button, "pressed")
        await sam.said("walk-end").click()
        await expect(sam.said("walk-over")).to_contain_text(re.compile(r"Over: 0 of \d proven"))
        await sam.said("walk-acknowledge-all").click()
        await stands(sam, button, "proven")
        alert = await house.alert_of(button.device_id, lambda each: each.state == "resolved")
        assert alert.outcome == "test"


async def test_what_is_overdue_is_a_quiet_line_wherever_buttons_are_listed(
    house: House, chrome: Browser
) -> None:
    old, never = await house.sender(room="Attic"), await house.sender(room="Porch")
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE device_health SET last_proven_at = '2025-03-05T12:00Z', last_proven_by = $1"
            " WHERE device_id = $2",
            *(SAM.name, old.device_id),
        )
    async with keeper(house, chrome) as sam:
        await expect(sam.said("overdue").first).to_contain_text("1 overdue", timeout=SHOWN_MS)
        await sam.open_site()
        await expect(sam.said("overdue")).to_contain_text("1 overdue")
        line = sam.page.locator(f"li[data-device-id={old.device_id}]")
        await expect(line).to_contain_text("Overdue since May 1, 2025: prove it again")
        await expect(line).to_contain_text(f"Proven Mar 5, 2025, 06:00 CST by {SAM.name}")
        other = sam.page.locator(f"li[data-device-id={never.device_id}]")
        await expect(other).to_contain_text("Never proven")
        await expect(other.get_by_test_id("due")).to_have_count(0)
        await line.click()
        await expect(sam.said("due")).to_contain_text("Overdue since May 1, 2025")
        assert await sam.desk.fits_its_width()
    assert not any("Attic" in sms.body for sms in house.dana.received)
