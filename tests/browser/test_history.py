"""What is over, in Chromium: found again by whoever looks for it, and read as a picture."""

import csv
import io
import re

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.parts import Alert
from tests.walk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 60  # more than a page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def over(whole_house: House) -> Alert:
    """One that somebody took, noted and closed; and sixty drills of long ago."""
    house = whole_house
    sender = await house.sender(room="Vault")
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await house.dana.until_received(f"Reply {alert.code} ")
    await house.screen.acknowledge(alert)
    await house.screen.post(f"alerts/{alert.alert_id}/respond")
    await house.screen.post(f"alerts/{alert.alert_id}/on-scene")
    await house.now(alert, lambda each: all(x.state == "delivered" for x in each.notifications))
    said = {"outcome": "actual", "note": "A dog ran by."}
    await house.screen.post(f"alerts/{alert.alert_id}/resolve", said)
    async with house.walk.database.connected() as connection:
        await connection.execute(
            """
            INSERT INTO alert
            SELECT (jsonb_populate_record(a, jsonb_build_object(
                        'alert_id', gen_random_uuid(), 'code', 'past ' || n, 'drill', true,
                        'resolved_at', NULL, 'outcome', NULL,
                        'place', jsonb_set(a.place::jsonb, '{room}', '"Hall"'),
                        'pressed_at', a.pressed_at - n * interval '1 day',
                        'acknowledged_at', a.acknowledged_at - n * interval '1 day'))).*
              FROM alert a, generate_series(1, $2) n WHERE a.alert_id = $1::uuid
            """,
            *(alert.alert_id, MANY),
        )
        await connection.execute(
            "UPDATE alert SET resolved_at = pressed_at + interval '1 min', outcome = 'test'"
            " WHERE resolved_at IS NULL"
        )
    return alert


async def search(desk: Desk, **fields: str) -> None:
    form = desk.said("search")
    for name, value in fields.items():
        await form.locator(f"input[name={name}]").fill(value)
    await form.get_by_role("button", name="Search").click()


def rows(desk: Desk) -> Locator:
    return desk.said("history-row")


async def test_a_word_of_a_note_finds_the_alert_and_the_address_finds_it_again(
    house: House, desk: Desk, chrome: Browser, over: Alert
) -> None:
    await desk.go("#/history")
    await expect(desk.said("found")).to_have_text(
        f"{MANY + 1} alerts found, the newest first.", timeout=SHOWN_MS
    )
    await search(desk, words="dog vault", who="dana")
    await expect(desk.said("found")).to_have_text("1 alert found, the newest first.")
    await expect(rows(desk)).to_contain_text("Vault")
    await expect(rows(desk)).to_contain_text("Actual emergency")
    address = desk.page.url
    assert "words=dog+vault" in address
    async with open_desk(chrome, house.walk.server.url, phone=True) as colleague:
        await colleague.sign_in()
        await colleague.page.goto(address)
        await expect(rows(colleague)).to_have_count(1, timeout=SHOWN_MS)
        await expect(colleague.page.locator("input[name=words]")).to_have_value("dog vault")
        assert await colleague.fits_its_width()
    await desk.said("search").locator("select[name=drill]").select_option("true")
    await expect(desk.said("found")).to_contain_text("Nothing found.")
    await expect(desk.said("save")).to_have_count(0)
    await desk.page.get_by_role("button", name="Clear").click()
    await expect(rows(desk)).to_have_count(50)
    await expect(desk.page.locator("input[name=words]")).to_have_value("")


async def test_more_is_shown_page_after_page_and_a_file_has_all_of_it(
    desk: Desk, over: Alert
) -> None:
    await desk.go("#/history?drill=true")
    await expect(desk.said("found")).to_contain_text(f"{MANY} alerts found", timeout=SHOWN_MS)
    await expect(rows(desk)).to_have_count(50)
    await desk.said("more").click()
    await expect(rows(desk)).to_have_count(MANY)
    await expect(desk.said("more")).to_have_count(0)
    async with desk.page.expect_download() as downloading:
        await desk.said("save").click()
    download = await downloading.value
    assert download.suggested_filename == "past-alerts.csv"
    text = (await download.path()).read_text(encoding="utf-8-sig")
    listed = list(csv.DictReader(io.StringIO(text)))
    assert len(listed) == MANY
    assert {row["real_or_drill"] for row in listed} == {"drill"}


async def test_what_the_server_refuses_is_said_and_the_search_stays(
    desk: Desk, over: Alert
) -> None:
    await desk.go("#/history")
    await expect(rows(desk).first).to_be_visible(timeout=SHOWN_MS)
    await search(desk, from_day="2026-11-04", until_day="2026-11-03")
    problem = desk.page.locator(".problem")
    await expect(problem).to_contain_text("exchange them")
    await search(desk, until_day="2036-11-03")
    await expect(problem).to_have_count(0)
    await expect(desk.page.locator("input[name=from_day]")).to_have_value("2026-11-04")


@pytest.mark.parametrize("phone", [False, True])
async def test_an_alert_is_a_picture_of_what_happened_when(
    house: House, chrome: Browser, over: Alert, phone: bool
) -> None:
    async with open_desk(chrome, house.walk.server.url, phone=phone) as desk:
        await desk.sign_in()
        await desk.go("#/history?words=dog")
        await rows(desk).get_by_role("link").click()
        picture = desk.said("record-picture")
        await expect(picture.get_by_role("img")).to_have_attribute(
            "aria-label", re.compile("^What happened when")
        )
        lines = picture.get_by_test_id("picture-row")
        for name in ("Pressed", "Stored for good", "Tier 1 told", "Dana Ortiz, text message"):
            await expect(lines.filter(has_text=name).first).to_be_visible(timeout=SHOWN_MS)
        for name in ("Acknowledged: Dana Ortiz", "On the way", "On scene", "Resolved"):
            await expect(lines.filter(has_text=name)).to_have_count(1)
        page = lines.filter(has_text="Dana Ortiz, text message").first
        await expect(page.locator("text.said")).to_contain_text("on the phone")
        assert await page.locator("circle").count() == 2, "taken by the carrier, then on the phone"
        edge = await picture.bounding_box()
        assert edge is not None
        for words in await picture.locator("svg text").all():
            box = await words.bounding_box()
            assert box is not None
            assert edge["x"] <= box["x"]
            assert box["x"] + box["width"] <= edge["x"] + edge["width"] + 1
        await expect(desk.said("event").first).to_be_visible()
        assert await desk.fits_its_width()


async def test_latency_is_drawn_over_time_and_compared(desk: Desk, over: Alert) -> None:
    await desk.go("#/latency")
    page = desk.page
    await page.locator("select[name=drill]").select_option("true")
    await page.locator("select[name=days]").select_option("90")
    await expect(desk.said("measured")).to_contain_text(f"{MANY} alerts", timeout=SHOWN_MS)
    trend = desk.said("over-time")
    await expect(trend.locator("path.trend")).to_have_count(2)
    await expect(trend.locator("select")).to_have_value("week")
    groups = desk.said("compared").get_by_test_id("latency-group")
    await expect(groups).to_have_count(1)
    await expect(groups).to_contain_text("Elections Division")
    await desk.said("compared").locator("select").select_option("kind")
    await expect(groups).to_contain_text("Duress")
    await expect(desk.said("compared").locator("option[value=person]")).to_have_count(0)
    async with page.expect_download() as downloading:
        await desk.said("save-kind").click()
    text = (await (await downloading.value).path()).read_text(encoding="utf-8-sig")
    assert text.startswith("kind,alerts,acknowledged,")
    assert await desk.fits_its_width()
