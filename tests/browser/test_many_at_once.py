"""Many alerts at once: all of them are there, in order, and a dispatcher chooses which to see."""

import re

import msgspec
import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.browser.flood import CARD, flood, opened
from tests.parts import LUIS, MAYA, Alert
from tests.walk.house import House, until
from tocsin_server.demo import example

pytestmark = pytest.mark.asyncio(loop_scope="session")

A_HUNDRED = 100  # five hundred are before the whole room
KINDS = ("duress", "assist", "tamper")
LARGE_PX = 24.0
FOLDED_TO = 3
STEPS = 12  # with the keyboard: over the edge of what fits on the screen
IDS = f"[...document.querySelectorAll('{CARD}')].map(card => card.dataset.alertId)"
FOCUSED = "document.activeElement.closest('article[data-alert-id]')?.dataset.alertId"


async def shown(page: Page, *alerts: Alert) -> None:
    """Until exactly these are listed, in whatever order."""
    wanted = sorted(alert.alert_id for alert in alerts)

    async def listed() -> bool:
        return sorted(await page.evaluate(IDS)) == wanted

    await until(listed)


async def test_a_hundred_alerts_are_there_in_order_and_the_keyboard_reaches_them(
    house: House, desk: Desk
) -> None:
    page = desk.page
    one = await flood(house, A_HUNDRED)
    cards = page.locator(CARD)
    await expect(cards).to_have_count(A_HUNDRED, timeout=SHOWN_MS)
    newest = await opened(house, one, "duress")
    await expect(cards).to_have_count(A_HUNDRED + 1, timeout=SHOWN_MS)

    alerts = [each for each in house.screen.alerts.values() if each.state == "open"]
    alerts.sort(key=lambda each: (each.pressed_at, each.alert_id), reverse=True)
    wanted = [alert.alert_id for alert in alerts]
    assert wanted[0] == newest.alert_id
    assert await page.evaluate(IDS) == wanted
    await expect(cards.first).to_have_class(re.compile("takes-a"))
    await expect(page.locator("#announcement")).to_have_text(
        "New: Duress: Front counter, Under the desk, Travis County Clerk, Elections Division"
    )

    focused = []
    for _ in range(STEPS):
        await page.keyboard.press("j")
        focused.append(await page.evaluate(FOCUSED))
    assert focused == wanted[:STEPS]
    await expect(cards.nth(STEPS - 1)).to_be_in_viewport()
    await cards.last.focus()
    await page.keyboard.press("k")
    assert await page.evaluate(FOCUSED) == wanted[-2]
    await page.keyboard.press("a")
    taken = await house.now(alerts[-2], lambda each: each.state == "acknowledged")
    assert taken.acknowledged_by == LUIS.name

    await page.reload()
    await expect(cards).to_have_count(A_HUNDRED + 1, timeout=SHOWN_MS)
    assert await page.evaluate(IDS) == [*wanted[:-2], wanted[-1], wanted[-2]]


async def test_the_key_takes_nothing_that_is_out_of_sight(house: House, desk: Desk) -> None:
    page = desk.page
    senders = [await house.sender() for _ in range(4)]
    for sender in senders:
        await sender.send(sender.press())
    alerts = [await house.alert_of(sender.device_id) for sender in senders]
    for alert in alerts:
        await expect(desk.card(alert)).to_be_visible()
    last = page.get_by_test_id("alert-card").last
    await last.focus()
    await expect(last.get_by_test_id("key-target")).to_be_visible()
    await page.evaluate("scrollTo(0, 0)")
    await expect(last).not_to_be_in_viewport()
    await page.keyboard.press("a")
    await desk.notices("The alert that A takes was out of sight")
    await expect(last).to_be_in_viewport()
    await expect(last).to_have_attribute("data-state", "open")
    taken = await last.get_attribute("data-alert-id")
    await page.keyboard.press("a")
    card = page.locator(f'article[data-alert-id="{taken}"]')
    await expect(card).to_have_attribute("data-state", "acknowledged")


async def test_a_filter_hides_no_alert_that_calls_for_somebody_without_saying_so(
    house: House, desk: Desk
) -> None:
    page = desk.page
    clerk, carver = await house.sender(), await house.sender(site=example.CARVER)
    duress, assist = await opened(house, clerk), await opened(house, clerk, "assist")
    library = await opened(house, carver)
    await shown(page, duress, assist, library)
    await expect(desk.said("view-bar")).to_be_hidden()  # three are seen at a glance
    other = await opened(house, carver, "assist")
    await shown(page, duress, assist, library, other)

    await page.get_by_text("Filter and group").click()
    await page.get_by_label("Every site").select_option(label=example.CARVER.name)
    await shown(page, library, other)
    hidden = desk.said("hidden-alerts")
    await expect(hidden).to_contain_text("2 alerts that call for somebody are hidden")
    large = await hidden.locator("strong").evaluate("each => getComputedStyle(each).fontSize")
    assert float(large.removesuffix("px")) >= LARGE_PX
    await page.get_by_label("Every kind").select_option(label="Duress")
    await shown(page, library)
    await expect(hidden).to_contain_text("3 alerts that call for somebody are hidden")

    await page.keyboard.press("j")
    await page.keyboard.press("a")  # takes what is in sight, and nothing else
    await house.now(library, lambda each: each.acknowledged_by == LUIS.name)
    for alert in (assist, other):
        await house.screen.acknowledge(alert)
    await expect(hidden).to_contain_text("1 alert that calls for somebody is hidden")
    await expect(hidden).to_contain_text("And 2 others.")
    await expect(page.locator("#console")).to_have_attribute("data-alarm", "on")

    await house.screen.acknowledge(duress)
    await expect(page.locator("#console")).to_have_attribute("data-alarm", "off")
    await expect(hidden).to_have_text(re.compile(r"^\s*3 alerts are hidden by your filter"))
    again = await opened(house, clerk, "tamper")  # hidden, and heard all the same
    await expect(page.locator("#console")).to_have_attribute("data-alarm", "on")
    await expect(page.locator("#announcement")).to_contain_text("Tamper")
    await desk.said("show-all").click()
    await expect(hidden).to_be_hidden()
    await shown(page, duress, assist, library, other, again)
    await expect(page.get_by_label("Every site")).to_have_value("")


async def test_mine_is_what_i_hold_or_am_offered(house: House, desk: Desk) -> None:
    page = desk.page
    sender = await house.sender()
    mine, offered, theirs, waiting = [
        await opened(house, sender, kind) for kind in ("duress", "assist", "tamper", "test")
    ]
    await shown(page, mine, offered, theirs, waiting)
    await desk.card(mine).focus()
    await page.keyboard.press("a")
    for alert in (offered, theirs):
        await house.screen.acknowledge(alert)
    people = (await house.screen.get("people")).json()["people"]
    assert isinstance(people, list)
    luis = next(each["person_id"] for each in people if each["name"] == LUIS.name)
    await house.screen.post(f"alerts/{offered.alert_id}/hand-over", {"person_id": luis})
    await house.now(offered, lambda each: each.offered_to == LUIS.name)
    await desk.said("whose-mine").click()
    await expect(desk.said("whose-mine")).to_have_text(re.compile(r"Mine\s+2"))
    await shown(page, mine, offered)
    await desk.said("whose-waiting").click()
    await shown(page, offered, waiting)
    await desk.card(waiting).get_by_test_id("note").click()
    await house.screen.acknowledge(waiting)
    await house.now(waiting, lambda each: each.state == "acknowledged")
    await expect(desk.card(waiting)).to_have_attribute("data-state", "acknowledged")
    await shown(page, offered, waiting)  # what is being written on goes from under nobody's pen
    await page.reload()  # nobody comes back to a page that hides alerts
    await shown(page, mine, offered, theirs, waiting)


async def test_grouped_by_site_each_has_its_counts_and_no_act_for_all_of_them(
    house: House, desk: Desk
) -> None:
    page = desk.page
    clerk, carver = await house.sender(), await house.sender(site=example.CARVER)
    at_clerk = [await opened(house, clerk, kind) for kind in ("test", *KINDS, "other")]
    library = await opened(house, carver)
    await shown(page, *at_clerk, library)
    await page.get_by_text("Filter and group").click()
    await page.get_by_label("Group by site").check()
    headings = page.locator("h2.list-heading")
    await expect(headings).to_have_text(
        [f"{example.CARVER.name}: 1 waiting", f"{example.CLERK.name}: 5 waiting"]
    )
    _, duress, _, tamper, other = at_clerk  # danger first, and what may be; then the newest
    await shown(page, library, other, duress, tamper)
    fold = desk.said("fold")
    await expect(fold).to_have_text(
        f"Show 2 more at {example.CLERK.name}, 2 of them waiting", use_inner_text=True
    )
    assert await page.get_by_role("button", name=re.compile("^Acknowledge")).count() == (
        1 + FOLDED_TO
    )
    await fold.focus()
    await page.keyboard.press("Enter")
    await shown(page, library, *at_clerk)
    newest = await opened(house, clerk, "newest")
    await expect(headings).to_have_text(
        [f"{example.CLERK.name}: 6 waiting", f"{example.CARVER.name}: 1 waiting"]
    )
    await expect(page.locator(CARD).first).to_have_attribute("data-alert-id", newest.alert_id)


async def test_a_note_and_the_list_of_keys_are_one_key_away(house: House, desk: Desk) -> None:
    page = desk.page
    alert = await opened(house, await house.sender())
    await expect(desk.card(alert)).to_be_visible(timeout=SHOWN_MS)
    await page.keyboard.press("?")
    await expect(desk.said("key-list")).to_contain_text("write a sentence for the record")
    await page.keyboard.press("Escape")
    await expect(desk.said("key-list")).to_be_hidden()
    await page.keyboard.press("n")
    note = page.locator("textarea[name=text]")
    await expect(note).to_be_focused()
    await page.keyboard.type("no one answers the phone?")
    await expect(note).to_have_value("no one answers the phone?")
    await expect(desk.said("key-list")).to_be_hidden()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(desk.said("notice")).to_contain_text("on record")
    assert (await house.detail_of(alert)).state == "open"


async def test_whoever_is_to_be_called_at_a_site_is_one_tap_away_and_up_to_date(
    house: House, desk: Desk
) -> None:
    alert = await opened(house, await house.sender())
    card = desk.card(alert)
    await expect(card).to_be_visible(timeout=SHOWN_MS)
    await expect(card.get_by_test_id("contacts")).to_be_hidden()
    for name, phone in (("Ana Ruiz", "+15125550191"), ("Ben Ode", "+15125550192")):
        contacts = [{"name": name, "role": "caretaker", "phone": phone}]
        async with house.walk.database.connected() as connection:
            await connection.execute(
                "UPDATE site SET contacts = $1::jsonb WHERE name = $2",
                *(msgspec.json.encode(contacts).decode(), example.CLERK.name),
            )
        link = card.get_by_role("link", name=name)
        await expect(link).to_have_attribute("href", f"tel:{phone}", timeout=SHOWN_MS)
        await expect(link).to_contain_text(f"{name}, caretaker")


async def test_colleagues_see_who_has_an_alert_before_them(
    house: House, desk: Desk, chrome: Browser
) -> None:
    sender = await house.sender()
    one, other = [await opened(house, sender, kind) for kind in ("duress", "assist")]
    async with open_desk(chrome, desk.url) as maya:
        await maya.sign_in(MAYA)
        for alert in (one, other):
            await expect(maya.card(alert)).to_be_visible(timeout=SHOWN_MS)
        lookers = maya.page.get_by_test_id("lookers")
        await expect(lookers).to_have_count(0)
        await desk.card(one).focus()
        here = maya.card(one).get_by_test_id("lookers")
        await expect(here).to_have_text("Luis Herrera is looking at this.", timeout=SHOWN_MS)
        await desk.go(f"#/alerts/{other.alert_id}")
        there = maya.card(other).get_by_test_id("lookers")
        await expect(there).to_have_text("Luis Herrera is looking at this.", timeout=SHOWN_MS)
        await expect(lookers).to_have_count(1)
        await maya.card(other).focus()
        mine = desk.card(other).get_by_test_id("lookers")
        await expect(mine).to_have_text("Maya Chen is looking at this.", timeout=SHOWN_MS)
        await desk.page.goto("about:blank")
        await expect(lookers).to_have_count(0, timeout=SHOWN_MS)
