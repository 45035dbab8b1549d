"""The floor plan where a dispatcher sees the alert: on a real press, and where there is none."""

from uuid import UUID

import pytest
from playwright.async_api import Browser, Route, expect

from tests.browser.desk import PHONE_PX, SHOWN_MS, Desk
from tests.browser.keeper import keeper
from tests.browser.plans import SPOT, plan_of, put_on_plan
from tests.parts import LUIS, Alert
from tests.walk.house import House
from tocsin_server.demo import example

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Of what is drawn on a picture, in parts of its width and height.
CENTRE_OF = """(picture, drawn) => {
  const box = picture.getBoundingClientRect();
  const { x, y, width, height } = picture.querySelector(drawn).getBoundingClientRect();
  return [(x + width / 2 - box.x) / box.width, (y + height / 2 - box.y) / box.height];
}"""


async def pressed(house: House, desk: Desk, *, on_plan: UUID | None = None) -> Alert:
    sender = await house.sender()
    if on_plan is not None:
        await put_on_plan(house, sender.device_id, on_plan)
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await expect(desk.card(alert)).to_be_visible()
    return alert


def asked_for_plans(desk: Desk) -> list[str]:
    return [each.url for each in desk.requests if "plans" in each.url]


async def test_the_plan_is_one_key_away_and_stays_while_the_alert_is_taken(
    house: House, desk: Desk
) -> None:
    page = desk.page
    alert = await pressed(house, desk)
    card = desk.card(alert)
    plan = card.get_by_test_id("floor-plan")
    await page.keyboard.press("p")
    said = plan.get_by_test_id("plan-words")
    await expect(said).to_have_text(f"There is no floor plan of {example.CLERK.name} yet.")
    await page.keyboard.press("p")
    await expect(plan).to_have_count(0)
    await house.screen.resolve(alert, "actual")
    await expect(card).to_have_count(0)

    await plan_of(house, "Basement")
    ground = await plan_of(house, "Ground floor")
    before = len(asked_for_plans(desk))
    alert = await pressed(house, desk, on_plan=ground)
    card = desk.card(alert)
    plan = card.get_by_test_id("floor-plan")
    assert len(asked_for_plans(desk)) == before, "nobody asked for it yet"
    await page.keyboard.press("p")
    await expect(plan.get_by_role("heading")).to_have_text("Floor plan: Ground floor")
    await expect(plan.get_by_test_id("plan-words")).to_have_text(
        f"The ring is the button: Front counter, Under the desk, {example.CLERK.name}."
        " It is at the lower left of the plan."
    )
    picture = plan.get_by_test_id("plan-picture")
    await expect(picture).to_be_in_viewport(timeout=SHOWN_MS)
    assert await picture.evaluate(CENTRE_OF, ".mark .ring") == pytest.approx(list(SPOT), abs=0.01)
    await page.keyboard.press("a")
    await expect(card.get_by_test_id("who-has-it")).to_contain_text(f"{LUIS.name} has it")
    await expect(picture).to_be_visible()

    await plan.get_by_role("button", name="Basement").click()
    await expect(plan.get_by_test_id("mark")).to_have_count(0)
    await expect(plan.get_by_test_id("plan-words")).to_have_text(
        "The button is not on this floor. It is on the plan “Ground floor”."
    )
    await card.get_by_test_id("plan").click()
    await expect(plan).to_have_count(0)


async def test_an_alerts_own_page_shows_its_plan_also_on_a_phone_and_once_it_is_over(
    house: House, desk: Desk
) -> None:
    page = desk.page
    alert = await pressed(house, desk, on_plan=await plan_of(house, "Ground floor"))
    await desk.go(f"#/alerts/{alert.alert_id}")
    await expect(desk.said("mark")).to_have_count(1)
    await expect(desk.card(alert).get_by_test_id("plan")).to_have_count(0)
    await page.keyboard.press("p")
    await expect(desk.said("plan-picture")).to_be_in_viewport()
    await page.set_viewport_size(PHONE_PX)
    assert await desk.fits_its_width()
    await desk.said("floor-plan").get_by_label("Larger").check()
    assert await desk.fits_its_width()
    await expect(desk.said("mark").locator(".ring")).to_be_in_viewport()
    await house.screen.resolve(alert, "actual")
    await expect(desk.card(alert)).to_have_attribute("data-state", "resolved")
    await expect(desk.said("mark")).to_have_count(1)


async def test_a_button_without_a_spot_is_said_to_have_none(house: House, desk: Desk) -> None:
    await plan_of(house, "Ground floor")
    alert = await pressed(house, desk)
    await desk.page.keyboard.press("p")
    plan = desk.card(alert).get_by_test_id("floor-plan")
    await expect(plan.get_by_test_id("plan-words")).to_contain_text("No spot: nobody has marked")
    await expect(plan.get_by_test_id("plan-words")).to_contain_text("Look for: Front counter")
    await expect(plan.get_by_test_id("plan-picture")).to_be_visible()
    await expect(plan.get_by_test_id("mark")).to_have_count(0)


async def test_a_plan_that_does_not_come_or_cannot_be_read_hurts_nothing_else(
    house: House, desk: Desk
) -> None:
    async def dead(route: Route) -> None:
        await route.abort()

    async def broken(route: Route) -> None:
        await route.fulfill(body=b"no picture", content_type="image/webp")

    page = desk.page
    alert = await pressed(house, desk, on_plan=await plan_of(house, "Ground floor"))
    card = desk.card(alert)
    plan = card.get_by_test_id("floor-plan")
    said = plan.get_by_test_id("plan-words")
    harmless = "Nothing else of this alert is affected."
    await desk.until_it_has_its_worker()
    await page.route("**/alerts/*/plans", dead)
    await page.keyboard.press("p")
    await expect(said).to_have_text(
        f"The server did not answer. The floor plan cannot be shown now. {harmless}"
    )
    await page.unroute("**/alerts/*/plans")
    await page.route("**/plans/*/picture", broken)
    await plan.get_by_role("button", name="Try again").click()
    await expect(said).to_have_text(f"The picture of this plan cannot be read. {harmless}")
    await page.keyboard.press("a")
    await expect(card.get_by_test_id("who-has-it")).to_contain_text(f"{LUIS.name} has it")
    await page.unroute("**/plans/*/picture")
    await plan.get_by_role("button", name="Try again").click()
    await expect(plan.get_by_test_id("mark")).to_have_count(1)


async def test_an_entrance_that_is_marked_on_the_plan_is_on_it_at_the_next_press(
    house: House, desk: Desk, chrome: Browser
) -> None:
    ground = await plan_of(house, "Ground floor")
    async with house.walk.database.connected() as connection:
        site_id = await connection.fetchval(
            "UPDATE site SET entrances = ARRAY['Main door', 'Loading dock'] WHERE name = $1"
            " RETURNING site_id",
            example.CLERK.name,
        )
    async with keeper(house, chrome) as sam:
        await sam.desk.go(f"#/sites/{site_id}/plans")
        box = sam.said("plan").and_(sam.page.locator("[data-title='Ground floor']"))
        await box.get_by_test_id("set-entrances").click()
        picture = box.get_by_test_id("plan-picture")
        await picture.click()  # in its middle
        await expect(picture.get_by_test_id("mark")).to_have_text("1")
        await box.get_by_test_id("unmark").click()
        await expect(picture.get_by_test_id("mark")).to_have_count(0)
        await box.get_by_label("Loading dock").check()
        await picture.click()
        await picture.press("ArrowLeft")
        await expect(box.locator("label", has_text="Loading dock")).not_to_contain_text("not")
        assert await sam.desk.fits_its_width()
        await box.get_by_test_id("save-entrances").click()
        await expect(box.get_by_test_id("set-entrances")).to_be_visible(timeout=SHOWN_MS)
        await expect(box.get_by_test_id("entrances").locator("li").first).to_contain_text(
            "Main door not on this plan"
        )
    alert = await pressed(house, desk, on_plan=ground)
    await desk.page.keyboard.press("p")
    plan = desk.card(alert).get_by_test_id("floor-plan")
    await expect(plan.get_by_test_id("door")).to_have_text("2")
    listed = plan.get_by_test_id("entrances").locator("li")
    await expect(listed).to_have_text(["Main door (entrance, not on this plan)", "2 Loading dock"])
    at = await plan.get_by_test_id("plan-picture").evaluate(CENTRE_OF, ".door rect")
    assert at == pytest.approx([0.49, 0.5], abs=0.01)
