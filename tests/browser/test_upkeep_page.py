"""What is wrong with a button, on the page of those who keep it and on the console, in Chromium."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, expect

from tests.browser.desk import SHOWN_MS, Desk
from tests.browser.keeper import Keeper, keeper
from tests.parts import DANA, MAYA, SAM
from tests.walk.house import House, Sender
from tocsin_server.demo import example
from tocsin_server.inputs import DAYS
from tocsin_wire import messages
from tocsin_wire.messages import Contacts, Heartbeat

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOOT = uuid4()


async def beat(sender: Sender, **fields: object) -> None:
    """Say how this button is."""
    heartbeat = Heartbeat(boot_id=BOOT, **fields)  # type: ignore[arg-type]
    topic = sender.topic.removesuffix("press") + "heartbeat"
    await asyncio.to_thread(sender._party.publish, topic, messages.encode(heartbeat))


async def open_button(sam: Keeper, sender: Sender) -> None:
    await sam.page.goto(f"{sam.desk.url}/facilities#/buttons/{sender.device_id}")
    await expect(sam.said("state")).to_be_visible(timeout=SHOWN_MS)


async def test_changed_settings_are_accepted_with_one_tap(house: House, chrome: Browser) -> None:
    sender = await house.sender(room="Vault")
    async with house.walk.database.connected() as connection:
        await connection.execute("UPDATE device SET config_digest = 'as built'")
    await beat(sender, config_digest="silent")
    async with keeper(house, chrome) as sam:
        await open_button(sam, sender)
        state = sam.said("state")
        await expect(state).to_contain_text("Its settings are not those that it was proven with.")
        await sam.said("accept-settings").click()
        await expect(state).not_to_contain_text("Its settings")
        assert await sam.desk.fits_its_width()
    async with keeper(house, chrome, DANA.email) as dana:
        await beat(sender, config_digest="loud")
        await open_button(dana, sender)
        await expect(dana.said("state")).to_contain_text("Its settings are not those")
        await expect(dana.said("accept-settings")).to_have_count(0)


async def test_a_closed_site_says_when_it_will_be_told(
    house: House, desk: Desk, chrome: Browser
) -> None:
    in_two_days = datetime.now(ZoneInfo(example.TIME_ZONE)) + timedelta(days=2)
    async with house.walk.database.connected() as connection:
        hours = f"{DAYS[in_two_days.weekday()]} 07:00-17:00"
        await connection.execute("UPDATE site SET opening_hours = $1", hours)
    sender = await house.sender(room="Loading dock")
    await beat(sender, undervoltage=True)
    said = f"It will be told on {in_two_days:%b} {in_two_days.day}, 07:00"
    row = desk.page.locator(f"li[data-device-id={sender.device_id}]")
    await expect(row).to_have_attribute("data-state", "fault", timeout=SHOWN_MS)
    await expect(row).to_contain_text(said)
    async with keeper(house, chrome) as sam:
        await open_button(sam, sender)
        await expect(sam.said("quiet")).to_contain_text(said)
        assert await sam.desk.fits_its_width()
    cut = Contacts(no_closed=True, nc_closed=True)
    await beat(sender, contacts=cut)
    await expect(row).to_contain_text("cut or shorted", timeout=SHOWN_MS)
    await expect(row).not_to_contain_text("It will be told")
    async with house.walk.database.connected() as connection:
        await connection.execute("UPDATE site SET opening_hours = NULL")


async def test_a_site_is_worked_on_and_that_is_ended_sooner(house: House, chrome: Browser) -> None:
    sender = await house.sender(room="Server room")
    await beat(sender)
    async with keeper(house, chrome) as sam, keeper(house, chrome, DANA.email) as dana:
        for somebody in (sam, dana):
            await somebody.open_site()
            await expect(somebody.line(sender)).to_be_visible(timeout=SHOWN_MS)
        await expect(dana.said("work-start")).to_have_count(0)
        await sam.said("work-start").locator("summary").click()
        await sam.said("work-begin").click()  # the browser asks for a reason
        await expect(sam.said("work-open")).to_have_count(0)
        await sam.write(reason="A new switch")
        await sam.page.get_by_label("2 hours").check()
        assert await sam.desk.fits_its_width()
        await sam.said("work-begin").click()
        for somebody in (sam, dana):
            work = somebody.said("work-open")
            await expect(work).to_contain_text("Work on the site: A new switch", timeout=SHOWN_MS)
            await expect(work).to_contain_text(f"Begun by {SAM.name}")
            await expect(somebody.line(sender)).to_contain_text("Maintenance until")
        await expect(dana.said("work-end")).to_have_count(0)
        assert await sam.desk.fits_its_width()
        await sam.said("work-end").click()
        await expect(sam.said("work-start")).to_be_visible(timeout=SHOWN_MS)
        await expect(sam.line(sender)).not_to_contain_text("Maintenance", timeout=SHOWN_MS)


async def test_of_two_who_begin_the_second_is_told_and_of_two_who_end_too(
    house: House, chrome: Browser
) -> None:
    await beat(await house.sender(room="Closet"))
    async with keeper(house, chrome) as sam, keeper(house, chrome, MAYA.email) as maya:
        for somebody in (sam, maya):
            await somebody.open_site()
            await somebody.said("work-start").locator("summary").click()
            await somebody.write(reason="Painting")
        # As where the page of the second has not been told yet.
        await maya.desk.until_it_has_its_worker()
        await maya.page.route("**/api/v1/maintenance", lambda route: route.abort())
        await sam.said("work-begin").click()
        await expect(sam.said("work-open")).to_be_visible(timeout=SHOWN_MS)
        await maya.said("work-begin").click()
        problem = maya.said("work-start").get_by_role("alert")
        await expect(problem).to_contain_text(f"begun by {SAM.name}. End it first, or wait.")
        await sam.said("work-end").click()
        await expect(sam.said("work-start")).to_be_visible(timeout=SHOWN_MS)


async def test_a_false_alarm_is_explained_and_the_second_is_a_warning(
    house: House, chrome: Browser
) -> None:
    sender = await house.sender(room="Lobby")
    await beat(sender)
    async with keeper(house, chrome) as sam:
        for _ in range(2):
            await sender.send(sender.press())
            alert = await house.alert_of(sender.device_id, lambda each: each.state == "open")
            await house.screen.resolve(alert, "false_alarm")
            await house.now(alert, lambda each: each.state == "resolved")
        await sam.open_site()
        await expect(sam.line(sender)).to_contain_text("False alarms repeat", timeout=SHOWN_MS)
        await open_button(sam, sender)
        await expect(sam.said("ledger-warning")).to_contain_text("2 false alarms within 12 months")
        alarms = sam.said("false-alarm")
        await expect(alarms).to_have_count(2)
        first = alarms.first
        await expect(first).to_contain_text("Nobody has written down why.")
        await first.locator("summary").click()
        await first.get_by_label("Pressed by accident").check()
        await first.locator("input[name=cause]").fill("A knee under the counter")
        await first.locator("input[name=remedy]").fill("Moved it 10 cm back")
        assert await sam.desk.fits_its_width()
        await first.get_by_role("button", name="Write it down").click()
        await expect(first.get_by_test_id("explained")).to_have_text(
            "Pressed by accident: A knee under the counter"
        )
        await expect(first).to_contain_text(f"Written down by {SAM.name}")
        await expect(first.locator("summary")).to_have_text("Correct this")
