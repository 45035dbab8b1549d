"""The console without a mouse: everything is reached, the ring is seen, and no act loses the place.

And without looking at it: a new alert is read out, once.
"""

import msgspec
import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.desk import Desk
from tests.parts import LUIS, Alert
from tests.walk.house import House, Sender
from tocsin_server.demo import example

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABS_MAX = 200
RING_PX_MIN = 2.0
RING_CONTRAST_MIN = 3.0  # WCAG 2.2, 1.4.11

# What can be acted on, in the page's order.
NUMBER_ALL = """() => {
  const acts = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const there = [...document.querySelectorAll(acts)].filter(
    (each) => !each.disabled && each.checkVisibility());
  there.forEach((each, at) => { each.dataset.order = at; });
  return there.map((each) => (each.ariaLabel ?? each.textContent).trim().slice(0, 40));
}"""

# What has the keyboard, and how its ring stands out from what is around it.
RING = """() => {
  const luminance = (colour) => {
    const part = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const [red, green, blue] = colour.match(/[\\d.]+/g).slice(0, 3).map((each) => part(each / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (!/, 0\\)$|transparent/.test(backgroundColor)) return backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const [one, other] = [style.outlineColor, ground(element.parentElement)].map(luminance);
  const { left, top, width, height } = element.getBoundingClientRect();
  const seen = document.elementFromPoint(left + width / 2, top + Math.min(height / 2, 20));
  return {
    order: Number(element.dataset.order ?? -1),
    width_px: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    contrast: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05),
    covered: !element.contains(seen),
  };
}"""

# What is read out from now on, and how urgently.
LISTEN = """() => {
  window.heard = [];
  for (const region of document.querySelectorAll("[id^=announcement]")) {
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes)
        for (const each of addedNodes) window.heard.push([region.ariaLive, each.textContent]);
    }).observe(region, { childList: true });
  }
}"""
FOCUSED = "document.activeElement.dataset.testid ?? document.activeElement.tagName"
PLACE = f"Under the desk, {example.CLERK.name}"


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """Which of all has the keyboard, and how its ring looks."""

    order: int
    width_px: float
    contrast: float
    covered: bool


async def pressed(house: House, desk: Desk, **fields: object) -> tuple[Sender, Alert, Locator]:
    sender = await house.sender()
    await sender.send(sender.press(**fields))
    alert = await house.alert_of(sender.device_id)
    card = desk.card(alert)
    await expect(card).to_be_visible()
    return sender, alert, card


async def drill_begins(house: House, desk: Desk) -> None:
    sites = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    site_id = next(each["site_id"] for each in sites if each["name"] == example.CLERK.name)
    await house.screen.post("drills", {"site_id": site_id, "minutes": 5})
    await expect(desk.said("drill-banner")).to_be_visible()


async def tab_to(page: Page, wanted: Locator) -> None:
    """By the one key, as often as it takes."""
    for _ in range(TABS_MAX):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("each => each === document.activeElement"):
            return
    raise AssertionError(f"not reached with the Tab key: {wanted}")


async def act(page: Page, wanted: Locator, *, key: str = "Enter") -> None:
    await tab_to(page, wanted)
    await page.keyboard.press(key)


async def focused(page: Page) -> str:
    """What has the keyboard: a card, the page, or what else."""
    return str(
        await page.evaluate(
            "document.activeElement.dataset.testid ?? document.activeElement.tagName"
        )
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_action_is_reached_in_the_order_of_the_page_and_its_ring_is_seen(
    house: House, desk: Desk, theme: str
) -> None:
    page = desk.page
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    await drill_begins(house, desk)
    await pressed(house, desk, drill=True)
    sender, _, card = await pressed(house, desk)
    await sender.send_raw(b"nonsense")
    await card.get_by_test_id("acknowledge").click()
    await desk.said("notice").get_by_role("button").click()  # before it leaves by itself
    await expect(card.get_by_test_id("respond")).to_be_visible()
    await expect(desk.said("doubtful-lane")).to_be_visible()
    await expect(desk.said("map").locator(".pin")).to_have_count(len(example.SITES))
    await expect(desk.said("notice")).to_have_count(0)
    names: list[str] = await page.evaluate(NUMBER_ALL)
    rings: list[Ring] = []
    for _ in range(TABS_MAX):
        await page.keyboard.press("Tab")
        ring = msgspec.convert(await page.evaluate(RING), type=Ring)
        if rings and ring.order == rings[0].order:
            break
        if ring.order >= 0:  # between the last and the first the browser's own has it
            rings.append(ring)
    first = rings[0].order
    reached = [names[each.order] for each in rings]
    assert reached == [*names[first:], *names[:first]]
    bad = [each for each in rings if each.width_px < RING_PX_MIN]
    bad += [each for each in rings if each.contrast < RING_CONTRAST_MIN or each.covered]
    assert [(names[each.order], each) for each in bad] == []


async def test_an_alert_is_dealt_with_by_keys_alone_and_the_place_is_never_lost(
    house: House, desk: Desk
) -> None:
    page = desk.page
    _, alert, card = await pressed(house, desk)
    await act(page, card.get_by_test_id("acknowledge"))
    await expect(card.get_by_test_id("who-has-it")).to_contain_text(f"{LUIS.name} has it")
    assert await focused(page) == "alert-card"
    await act(page, card.get_by_test_id("respond"))
    await expect(card.get_by_test_id("who-has-it")).to_contain_text("Responding since")
    await act(page, card.get_by_test_id("on-scene"))
    await expect(card.get_by_test_id("who-has-it")).to_contain_text("On scene since")
    assert await focused(page) == "alert-card"

    await act(page, card.get_by_test_id("note"))
    await tab_to(page, card.locator("textarea[name=text]"))
    await page.keyboard.type("called the room")
    await act(page, card.get_by_role("button", name="Save the note"))
    await expect(card.get_by_test_id("note-panel")).to_be_hidden()
    assert await focused(page) == "alert-card"

    await page.keyboard.press("e")
    await expect(card.get_by_test_id("escalate-confirm")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(card.get_by_test_id("enough")).to_be_visible()
    await act(page, card.get_by_test_id("hand-over"))
    await expect(card.locator(".people input").first).to_be_visible()
    await act(page, card.get_by_test_id("hand-over-panel").get_by_role("button").last)
    await expect(card.get_by_test_id("hand-over-panel")).to_be_hidden()
    assert await focused(page) == "alert-card"

    await act(page, card.get_by_test_id("resolve"))
    await act(page, card.get_by_test_id("outcome-actual"), key="Space")
    await act(page, card.get_by_test_id("resolve-confirm"))
    await expect(card).to_be_hidden()
    assert await focused(page) == "MAIN"  # on another alert, the next key would act on that
    assert (await house.detail_of(alert)).outcome == "actual"


async def test_what_is_beside_the_alerts_is_done_by_keys_alone(house: House, desk: Desk) -> None:
    page = desk.page
    await drill_begins(house, desk)
    sender, alert, card = await pressed(house, desk, drill=True)
    await act(page, card.get_by_test_id("actual"))
    await expect(card).to_have_attribute("data-drill", "false")
    assert await focused(page) == "alert-card"
    await act(page, desk.said("drill-banner").get_by_role("button"))
    await expect(desk.said("drill-banner")).to_have_count(0)
    assert await focused(page) == "MAIN"
    await sender.send_raw(b"nonsense")
    await act(page, desk.said("doubtful-seen"))
    await expect(desk.said("doubtful-lane")).to_have_count(0)
    assert await focused(page) == "MAIN"
    await act(page, card.locator(".room a"))
    await expect(desk.said("event").first).to_be_visible()
    await act(page, page.get_by_role("link", name="Latency"))
    await expect(desk.said("latency-stage").first).to_be_visible()
    await act(page, page.get_by_role("button", name="Sign out"))
    await expect(desk.said("sign-in-form")).to_be_visible()
    assert (await house.detail_of(alert)).state == "open"


async def test_a_new_alert_is_read_out_once_and_interrupts_only_where_somebody_is_in_danger(
    house: House, desk: Desk
) -> None:
    page = desk.page
    await page.evaluate(LISTEN)
    sender, _, card = await pressed(house, desk)
    await sender.send(sender.press())
    await expect(card.get_by_test_id("presses")).to_be_visible()
    await page.keyboard.press("a")
    await expect(card.get_by_test_id("who-has-it")).to_contain_text(f"{LUIS.name} has it")
    duress = ["assertive", f"New: Duress: Front counter, {PLACE}"]
    assert await page.evaluate("window.heard") == [duress]

    await pressed(house, desk, kind="assist")
    await drill_begins(house, desk)
    await pressed(house, desk, drill=True)
    await pressed(house, desk)  # the same words, and another person
    assert await page.evaluate("window.heard") == [
        duress,
        ["polite", f"New: Assistance, no danger: Front counter, {PLACE}"],
        ["polite", f"New: Drill. Duress: Front counter, {PLACE}"],
        duress,
    ]
