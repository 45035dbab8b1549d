"""Every page and state that people see, one after the other, in one house.

Promise: whoever takes the tour is at each stop once what it shows has arrived, from real presses
and real acts. What they change of the page (its size, its colours), they change back.

Refused: judging what is seen.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from playwright.async_api import Browser, FilePayload, Locator, Page, expect

from tests.browser.desk import Desk, open_desk
from tests.browser.languages import BEGINS, ENDS, ENGLISH, Words
from tests.browser.plans import plan_of, put_on_plan
from tests.parts import DANA, LUIS, MAYA, PASSWORD, Alert
from tests.walk.house import House, Sender
from tocsin_server.alert.link_key import write_key
from tocsin_server.demo import example
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_wire import messages, topics
from tocsin_wire.messages import Heartbeat
from tocsin_wire.topics import Leaf

STOPS_MIN = 43  # on a whole round
CONTACTS = '[{"name": "Sam Novak", "role": "caretaker", "phone": "+15125550190"}]'


@dataclass(frozen=True, slots=True)
class Stop:
    """What is seen now, and where."""

    name: str
    page: Page


async def tour(house: House, chrome: Browser, words: Words = ENGLISH) -> AsyncGenerator[Stop, None]:
    """Go round, in one language. Ends with a server that is there again."""
    await _furnish(house, words)
    counter = await house.button()
    await house.button(room="Ballot room 210")
    url = house.walk.server.url
    async with (
        open_desk(chrome, url, words=words) as luis,
        open_desk(chrome, url, words=words) as maya,
    ):
        async for stop in _signing_in(luis):
            yield stop
        alert = await _pressed(house, luis, counter)
        rounds = (
            _alert(house, luis, alert),
            _strange(house, luis, counter),
            _other_pages(house, luis, alert),
            _people(maya),
            _facilities(maya, counter),
            _answer(house, maya.page),
            _away(house, luis),
        )
        for each in rounds:
            async for stop in each:
                yield stop


async def _furnish(house: House, words: Words) -> None:
    """Whom to call at a site, and what the people read."""
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE site SET contacts = $1::jsonb WHERE name = $2", CONTACTS, example.CLERK.name
        )
        await connection.execute("UPDATE person SET language = $1", words.language)


async def _signing_in(desk: Desk) -> AsyncIterator[Stop]:
    page = desk.page
    await page.goto(desk.url)
    await expect(desk.said("sign-in-form")).to_be_visible()
    yield Stop("sign-in", page)
    await page.get_by_label(desk.words("E-mail")).fill(LUIS.email)
    await page.get_by_label(desk.words("Password")).fill("not his password")
    await page.get_by_role("button", name=desk.words("Sign in")).click()
    await expect(page.locator("form .problem")).to_be_visible()
    yield Stop("sign-in-refused", page)
    await desk.sign_in()
    await expect(desk.said("no-alerts")).to_be_visible()
    await expect(desk.said("map").locator(".pin")).to_have_count(len(example.SITES))
    await expect(desk.page.locator("[data-testid=device-row][data-state=ok]")).to_have_count(2)
    yield Stop("empty", page)


async def _pressed(house: House, desk: Desk, button: VirtualButton) -> Alert:
    await button.press()
    alert = await house.alert_of(button.device_id)
    await house.now(alert, lambda each: all(x.state == "delivered" for x in each.notifications))
    told = desk.card(alert).get_by_test_id("told").locator("li[data-state=delivered]")
    await expect(told).not_to_have_count(0)
    return alert


async def _alert(house: House, desk: Desk, alert: Alert) -> AsyncIterator[Stop]:
    card = desk.card(alert)
    yield Stop("one", desk.page)
    await desk.said("mute").click()
    await expect(desk.said("muted")).to_be_visible()
    yield Stop("muted", desk.page)
    await desk.said("unmute").click()
    async for stop in _panels(desk, card, ("resolve", "escalate", "note")):
        yield stop
    await put_on_plan(house, alert.device_id, await plan_of(house, "Ground floor"))
    await card.get_by_test_id("plan").click()
    await expect(card.get_by_test_id("mark")).to_have_count(1)
    yield Stop("floor-plan", desk.page)
    await card.get_by_test_id("plan").click()
    await desk.page.keyboard.press("a")
    await expect(card.get_by_test_id("who-has-it")).to_contain_text(LUIS.name)
    yield Stop("taken", desk.page)
    async for stop in _panels(desk, card, ("hand-over",)):
        yield stop
    await expect(desk.said("notice")).to_have_count(0)  # good news leaves by itself
    drill = {"site_id": await _site_id(house), "minutes": 5}
    assert (await house.screen.post("drills", drill)).status == 200
    await expect(desk.said("drill-banner")).to_be_visible()
    practice = await _sent(house, desk, room="Loading dock", drill=True)
    await expect(desk.card(practice).get_by_test_id("drill-mark")).to_be_visible()
    yield Stop("drill", desk.page)


async def _panels(desk: Desk, card: Locator, names: tuple[str, ...]) -> AsyncIterator[Stop]:
    for name in names:
        await card.get_by_test_id(name).click()
        panel = card.get_by_test_id(f"{name}-panel")
        await expect(panel).to_be_visible()
        await expect(panel).not_to_contain_text(desk.words("Asking the server who is there…"))
        yield Stop(f"panel-{name}", desk.page)
        await card.get_by_test_id(name).click()


async def _strange(house: House, desk: Desk, counter: VirtualButton) -> AsyncIterator[Stop]:
    sender = await house.sender(room="Mail room")
    await sender.send_raw(b'{"kind": "duress", "v": 1}')
    await expect(desk.said("doubtful-lane")).to_be_visible()
    yield Stop("doubtful", desk.page)
    first = await _sent(house, desk, room="Vault", sender=sender)
    cancelled = sender.press(kind="cancel")
    await sender.send(sender.press())
    await sender.send(cancelled)
    await expect(desk.card(first).get_by_test_id("presses")).to_be_visible()
    for kind, room in (("assist", "Check-in"), ("tamper", "Hallway B"), ("test", "Annex")):
        await _sent(house, desk, room=room, kind=kind)
    yield Stop("many", desk.page)
    postgres = house.walk.database.postgres
    await postgres.stop()
    try:
        await counter.press()
        await expect(desk.said("held-card")).to_be_visible()
        await expect(desk.said("fault-line").first).to_be_visible()
        yield Stop("not-stored", desk.page)
    finally:
        await postgres.start()
    await expect(desk.said("held-card")).to_have_count(0)
    await expect(desk.said("fault-line")).to_have_count(0)


async def _other_pages(house: House, desk: Desk, alert: Alert) -> AsyncIterator[Stop]:
    await desk.go(f"#/alerts/{alert.alert_id}")
    await expect(desk.said("event").first).to_be_visible()
    yield Stop("record", desk.page)
    await house.screen.resolve(alert)
    await expect(desk.page.locator("[data-testid=event][data-name=resolved]")).to_be_visible()
    yield Stop("record-resolved", desk.page)
    await desk.go("#/history")
    await expect(desk.said("history-row")).to_have_count(1)
    yield Stop("resolved", desk.page)
    await desk.go("#/latency")
    await expect(desk.page.locator("svg.plot").first).to_be_visible()
    yield Stop("latency", desk.page)
    await desk.said("lock").click()
    await expect(desk.said("locked-line")).to_be_visible()
    yield Stop("locked", desk.page)
    await desk.said("unlock").click()
    await expect(desk.said("sign-in-form")).to_be_visible()
    yield Stop("unlock", desk.page)
    await desk.page.locator("input[name=password]").fill(PASSWORD)
    await desk.page.keyboard.press("Enter")
    await expect(desk.said("locked-line")).to_have_count(0)


async def _people(desk: Desk) -> AsyncIterator[Stop]:
    page = desk.page
    await page.goto(f"{desk.url}/people")
    await page.get_by_label(desk.words("E-mail")).fill(MAYA.email)
    await page.get_by_label(desk.words("Password")).fill(PASSWORD)
    await page.get_by_role("button", name=desk.words("Sign in")).click()
    await expect(page.get_by_role("heading", name=desk.words("Who answers now"))).to_be_visible()
    yield Stop("people-now", page)
    await desk.go("#/people")
    await page.get_by_role("link", name=LUIS.name).click()
    await expect(desk.said("contact")).not_to_have_count(0)
    yield Stop("person", page)
    await desk.go("#/people/new")
    await expect(desk.said("person-form")).to_be_visible()
    yield Stop("person-new", page)
    await desk.go("#/shifts")
    await desk.said("new-plan").get_by_label(desk.words("Name")).fill("Front desk")
    await desk.said("new-plan").get_by_role("button").click()
    await expect(desk.said("new-entry")).to_be_visible()
    yield Stop("shift-plan", page)
    await desk.go("#/shifts")
    await expect(desk.said("open-plan")).to_be_visible()
    yield Stop("shifts", page)
    await desk.go("#/policies")
    await expect(desk.said("policy")).not_to_have_count(0)
    yield Stop("policies", page)
    await desk.said("open-policy").first.click()
    await expect(desk.said("verdict")).to_contain_text(
        desk.words("Somebody answers at every hour, in every tier.")
    )
    yield Stop("policy", page)
    await desk.go("#/people")
    await expect(page.get_by_role("link", name=LUIS.name)).to_be_visible()
    yield Stop("people", page)


async def _facilities(desk: Desk, counter: VirtualButton) -> AsyncIterator[Stop]:
    page = desk.page
    await page.goto(f"{desk.url}/facilities")
    await expect(desk.said("site-line")).to_have_count(len(example.SITES))
    yield Stop("facilities", page)
    await desk.said("new-site").click()
    await desk.said("save-site").click()
    await expect(page.locator(".problem").first).to_be_visible()
    yield Stop("site-form", page)
    await desk.go("#/import")
    wrong = FilePayload(name="lista.csv", mimeType="", buffer=b"site_name,state\nAnnex,Texas\n")
    await page.locator("input[name=list]").set_input_files(wrong)
    await expect(desk.said("list-mistakes")).to_be_visible()
    yield Stop("site-list", page)
    await desk.go("#/")
    await desk.said("site-line").filter(has_text=example.CLERK.name).click()
    await expect(desk.said("button-line").first).to_be_visible()
    yield Stop("site", page)
    of_site = page.url.partition("#")[2]
    for name, there in (("plans", "add-plan"), ("walk", "walk-before")):
        await desk.go(f"#{of_site}/{name}")
        await expect(desk.said(there)).to_be_visible()
        yield Stop(f"site-{name}", page)
    await desk.go(f"#{of_site}/add")
    await page.locator("[name=room]").fill("Lobby")
    await page.locator("[name=spot]").fill("Beside the door")
    yield Stop("add-button", page)
    await desk.said("get-code").click()
    await expect(desk.said("claim-code")).to_be_visible()
    yield Stop("add-button-code", page)
    await desk.go(f"#/buttons/{counter.device_id}")
    await expect(desk.said("state")).to_be_visible()
    yield Stop("button", page)
    await desk.said("lost-or-stolen").click()
    await expect(desk.said("revoke-ask")).to_be_visible()
    yield Stop("button-taken-out", page)


async def _answer(house: House, page: Page) -> AsyncIterator[Stop]:
    async with house.walk.database.connected() as connection:
        await connection.execute("UPDATE person SET language = 'es' WHERE name = $1", LUIS.name)
    sender = await house.sender()
    answers = f"{house.walk.server.url}/answer"
    for name, drill in (("answer-drill", True), ("answer-spanish", False)):
        await sender.send(sender.press(drill=drill))
        alert = await house.alert_of(sender.device_id, _is_drill if drill else _is_real)
        for each in (house.dana, house.luis):
            await each.until_received(alert.code)
        await page.goto(f"{answers}/{await _link_key(house, alert, LUIS.name)}")
        yield Stop(name, page)
    await page.goto(f"{answers}/{await _link_key(house, alert, DANA.name)}")
    yield Stop("answer", page)
    await page.locator("button.primary").click()
    await expect(page.locator(".standing.yours")).to_be_visible()
    yield Stop("answer-yours", page)
    await page.goto(f"{answers}/nothing")
    yield Stop("answer-unknown", page)


def _is_drill(alert: Alert) -> bool:
    return alert.drill


def _is_real(alert: Alert) -> bool:
    return not alert.drill


async def _away(house: House, desk: Desk) -> AsyncIterator[Stop]:
    """The server goes, and when it is back nobody is signed in any more."""
    server = house.walk.server
    await desk.until_kept("+15125550190")
    await server.stop()
    await expect(desk.said("stale-banner")).to_contain_text(
        desk.words("NOT CONNECTED").strip(BEGINS + ENDS)
    )
    yield Stop("stale", desk.page)
    reloaded = await desk.page.context.new_page()
    await reloaded.goto(desk.url)
    await expect(reloaded.get_by_test_id("offline-numbers")).to_contain_text("(512) 555-0190")
    yield Stop("offline", reloaded)
    await reloaded.close()
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "DELETE FROM session USING person p"
            " WHERE p.person_id = session.person_id AND p.email = $1",
            LUIS.email,
        )
    await server.start()
    await expect(desk.said("stale-banner")).to_contain_text(
        desk.words("SIGNED OUT").strip(BEGINS + ENDS)
    )
    yield Stop("signed-out", desk.page)
    await house.screen.until(lambda screen: screen.live)


async def _sent(
    house: House, desk: Desk, *, room: str, sender: Sender | None = None, **fields: object
) -> Alert:
    """A press of a button that is well, once it is on the screen."""
    if sender is None:
        sender = await house.sender(room=room)
    heartbeat = topics.topic(example.JURISDICTION, sender.device_id, Leaf.HEARTBEAT)
    well = messages.encode(Heartbeat(boot_id=messages.new_id()))
    await asyncio.to_thread(sender._party.publish, heartbeat, well)
    await sender.send(sender.press(**fields))
    alert = await house.alert_of(sender.device_id)
    await expect(desk.card(alert)).to_be_visible()
    return alert


async def _site_id(house: House) -> str:
    listed = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(listed, list)
    return str(next(each["site_id"] for each in listed if each["name"] == example.CLERK.name))


async def _link_key(house: House, alert: Alert, name: str) -> str:
    """The key of the link that somebody was sent."""
    async with house.walk.database.connected() as connection:
        key = await connection.fetchval(
            "SELECT link_key FROM notification WHERE alert_id = $1 AND name = $2"
            " AND purpose = 'page' ORDER BY created_at LIMIT 1",
            UUID(alert.alert_id),
            name,
        )
    return write_key(key)
