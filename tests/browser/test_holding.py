"""Whoever has an alert, and those beside them: two dispatchers in Chromium, Luis and Maya."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.parts import DANA, LUIS, MAYA, RAY, SAM, Alert
from tests.walk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")

SILENT_S = 300  # as a jurisdiction begins
ASKED_S = SILENT_S + 10
LOST_S = SILENT_S + 100  # they were asked, and another minute is over, too


@pytest_asyncio.fixture(loop_scope="session")
async def maya(house: House, chrome: Browser) -> AsyncIterator[Desk]:
    """Maya before the console; she is in tier 2."""
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.sign_in(MAYA)
        yield desk


@pytest_asyncio.fixture(loop_scope="session")
async def alert(house: House, desk: Desk, maya: Desk) -> Alert:
    """One that Luis has taken with his key."""
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await expect(maya.card(alert)).to_be_visible(timeout=SHOWN_MS)
    await expect(desk.card(alert)).to_be_visible(timeout=SHOWN_MS)
    await house.now(alert, lambda each: each.tier == 1)  # who is told of it is settled by then
    await desk.page.keyboard.press("a")
    await expect(desk.who(alert)).to_contain_text("Luis Herrera has it")
    await maya.sounds("off")
    return await house.now(alert, lambda each: each.acknowledged_by == LUIS.name)


async def was_last_heard(house: House, alert: Alert, *, ago_s: float) -> None:
    """Whoever has it was last heard so long ago, for a server that has just started."""
    await house.walk.server.stop()
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE alert SET heard_at = clock_timestamp() - $2 * interval '1 s',"
            " asked_at = asked_at - $2 * interval '1 s', decide_at = clock_timestamp()"
            " WHERE alert_id = $1::uuid",
            *(alert.alert_id, ago_s),
        )
    await house.walk.server.start()


async def test_an_alert_is_handed_over_and_stays_until_it_is_taken(
    house: House, desk: Desk, maya: Desk, alert: Alert
) -> None:
    await desk.page.keyboard.press("h")
    panel = desk.said("hand-over-panel")
    people = panel.get_by_role("radio")
    await expect(people.first).to_be_focused()
    for person, listed in ((DANA, 1), (MAYA, 1), (RAY, 1), (SAM, 0), (LUIS, 0)):
        await expect(panel.get_by_label(person.name)).to_have_count(listed)
    await expect(desk.said("hand-over-confirm")).to_be_disabled()
    await panel.get_by_label(MAYA.name).check()
    await desk.said("hand-over-confirm").click()
    await desk.notices("Offered to Maya Chen, who has it once they take it")
    await expect(desk.who(alert)).to_contain_text("Luis Herrera has it")
    await expect(desk.who(alert)).to_contain_text("Offered to Maya Chen, who has not taken it yet")
    await house.maya.until_received("hands you the duress")

    await expect(maya.who(alert)).to_contain_text("Offered to you. It stays with Luis Herrera")
    await maya.sounds("off")
    await expect(maya.said("key-target")).to_contain_text("A takes this one, which is offered")
    await maya.page.keyboard.press("a")
    await maya.notices("You have it")
    for each in (desk, maya):
        await expect(each.who(alert)).to_contain_text("Maya Chen has it")
        await expect(each.who(alert)).not_to_contain_text("Offered")
    await desk.notices("Maya Chen has it now, and not you any more")


async def test_one_slip_escalates_nothing_and_two_steps_tell_the_next_tier(
    house: House, desk: Desk, maya: Desk, alert: Alert
) -> None:
    await desk.page.keyboard.press("e")
    confirm = desk.said("escalate-confirm")
    await expect(confirm).to_be_focused()
    await expect(desk.said("escalate-panel")).to_contain_text("Have tier 2 of 3 told at once?")
    await expect(desk.said("next-tier")).to_contain_text("Maya Chen: text message")
    await desk.page.keyboard.press("e")
    await expect(confirm).to_have_count(0)
    assert (await house.detail_of(alert)).again_at is None
    await desk.page.keyboard.press("e")
    await expect(confirm).to_be_focused()
    await desk.page.keyboard.press("Enter")
    await house.maya.until_received(f"Reply {alert.code} ")
    await desk.notices("Tier 2 is told now")
    await expect(desk.who(alert)).to_contain_text("More help is wanted")
    await expect(desk.who(alert)).to_contain_text("Tier 2 of 3 has been told")
    await desk.sounds("off")  # Luis knows
    await maya.sounds("on")
    await expect(maya.page).to_have_title(re.compile("Front counter"), timeout=SHOWN_MS)

    await desk.said("enough").click()
    await desk.notices("You still have it")
    await maya.sounds("off")
    await maya.notices("Luis Herrera still has it")
    await expect(desk.who(alert)).not_to_contain_text("More help")


async def test_a_tier_in_which_nobody_can_be_told_is_not_the_one_that_is_asked_about(
    house: House, desk: Desk, alert: Alert
) -> None:
    async with house.nothing_reaches(MAYA, because="a landline"):
        await desk.page.keyboard.press("e")
        panel = desk.said("escalate-panel")
        await expect(panel).to_contain_text("Have tier 3 of 3 told at once?")
        await expect(desk.said("next-tier")).to_contain_text("can't be reached: a landline")


async def test_whoever_is_told_by_it_takes_it_over(
    house: House, desk: Desk, maya: Desk, alert: Alert
) -> None:
    await desk.said("escalate").click()
    await desk.said("escalate-confirm").click()
    await maya.sounds("on")
    await expect(maya.card(alert).get_by_test_id("acknowledge")).to_contain_text("Take it over")
    await maya.page.keyboard.press("a")
    await maya.sounds("off")
    await expect(desk.who(alert)).to_contain_text("Maya Chen has it")
    await desk.notices("Maya Chen has it now, and not you any more")
    assert (await house.detail_of(alert)).acknowledged_by == MAYA.name


async def test_responding_and_on_scene_are_a_key_each(
    house: House, desk: Desk, maya: Desk, alert: Alert
) -> None:
    await desk.page.keyboard.press("r")
    await desk.notices("Responding")
    await expect(maya.who(alert)).to_contain_text("Responding since")
    await desk.page.keyboard.press("s")
    await desk.notices("On scene")
    for each in (desk, maya):
        await expect(each.who(alert)).to_contain_text("On scene since")
        await expect(each.said("on-scene")).to_have_count(0)
    assert (await house.detail_of(alert)).on_scene_at is not None


async def test_who_is_silent_is_asked_and_says_that_they_still_have_it(
    house: House, desk: Desk, maya: Desk, alert: Alert
) -> None:
    await was_last_heard(house, alert, ago_s=ASKED_S)
    await expect(desk.who(alert)).to_contain_text("You were asked at", timeout=SHOWN_MS)
    await desk.sounds("on")
    await expect(desk.card(alert).get_by_test_id("acknowledge")).to_contain_text("Still yours?")
    await expect(maya.who(alert)).to_contain_text("whether they still have it")
    await maya.sounds("off")
    await house.luis.until_received("Do you still have it?")
    await desk.page.keyboard.press("a")
    await desk.notices("You still have it")
    for each in (desk, maya):
        await each.sounds("off")
        await expect(each.who(alert)).to_contain_text("Luis Herrera has it")
        await expect(each.who(alert)).not_to_contain_text("sked at")


async def test_who_stays_silent_loses_it_to_whoever_takes_it_over(
    house: House, desk: Desk, maya: Desk, alert: Alert
) -> None:
    await was_last_heard(house, alert, ago_s=ASKED_S)
    await expect(desk.who(alert)).to_contain_text("You were asked at", timeout=SHOWN_MS)
    await was_last_heard(house, alert, ago_s=LOST_S)
    said = re.compile(r"Luis Herrera took it .* ago\s+and does not answer: others are told again")
    await expect(maya.who(alert)).to_contain_text(said, timeout=SHOWN_MS)
    await expect(maya.card(alert)).to_contain_text("No answer")
    await maya.sounds("on")
    await expect(desk.who(alert)).to_contain_text("You took it")
    await expect(desk.card(alert).get_by_test_id("acknowledge")).to_contain_text("Still yours?")
    await house.dana.until_received("Luis Herrera took it and does not answer any more")
    await maya.page.keyboard.press("a")
    for each in (desk, maya):
        await expect(each.who(alert)).to_contain_text("Maya Chen has it")
        await each.sounds("off")
    await desk.notices("Maya Chen has it now, and not you any more")
