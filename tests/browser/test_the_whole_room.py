"""The whole room before one server: two dispatchers, a supervisor, a wall, an officer on the way.

All five screens are open in Chromium from the press to its end. Whatever becomes of one of them, or
of the server, in the end they say the same, and it is what the server has on record.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.browser.flood import CARD, MANY, flood, opened
from tests.browser.room import link_for, on_this_server, people_page, press_on_a_plan, wall_of
from tests.parts import DANA, LUIS, MAYA, Alert
from tests.walk.house import House, detail, until
from tocsin_server.demo import example
from tocsin_server.demo.example import Person
from tocsin_server.people.sessions import COOKIE

pytestmark = pytest.mark.asyncio(loop_scope="session")

HUNDREDS_MS = 3 * SHOWN_MS  # four pages at once, each with hundreds of cards
STANDING = f"""() => Object.fromEntries([...document.querySelectorAll("{CARD}")]
    .map(({{ dataset }}) => [dataset.alertId, [dataset.state, Number(dataset.version)]]))"""


@dataclass(frozen=True, slots=True)
class Seat:
    """A dispatcher before a console."""

    person: Person
    desk: Desk


@dataclass(frozen=True, slots=True)
class Room:
    """Everybody at once."""

    house: House
    luis: Seat
    dana: Seat
    maya: Desk
    wall: Desk
    officer: Desk

    @property
    def lists(self) -> tuple[Desk, ...]:
        """The screens that list every alert."""
        return (self.luis.desk, self.dana.desk, self.maya, self.wall)

    @property
    def now(self) -> Locator:
        """What the officer's page says of its alert."""
        return self.officer.page.locator("#now")

    async def says(self, alert: Alert, words: str, *, but: Desk | None = None) -> None:
        """Until all lists, or all but one, say so of who has an alert."""
        for each in self.lists:
            if each is not but:
                await expect(each.who(alert)).to_contain_text(words)

    async def waits(self, count: int) -> None:
        """Until all lists say that so many alerts wait for somebody."""
        for each in self.lists:
            await expect(each.page.locator(".count.waiting")).to_have_text(f"{count} waiting")

    async def agrees(self) -> None:
        """Until each list has exactly what the server says is open, as it stands there."""
        for each in self.lists:

            async def does(page: Page = each.page) -> bool:
                answer = await self.house.screen.get("alerts?limit=1000")
                listed = msgspec.json.decode(answer.body, type=dict[str, list[Alert]])["alerts"]
                on_record = {each.alert_id: [each.state, each.version] for each in listed}
                return bool(await page.evaluate(STANDING) == on_record)

            await until(does)


@pytest_asyncio.fixture(loop_scope="session")
async def room(house: House, desk: Desk, chrome: Browser) -> AsyncIterator[Room]:
    """Five browsers; the officer's has no link yet."""
    async with AsyncExitStack() as stack:
        dana = await stack.enter_async_context(open_desk(chrome, desk.url))
        await dana.sign_in(DANA)
        maya = await stack.enter_async_context(people_page(house, chrome))
        wall = await stack.enter_async_context(wall_of(maya, chrome, "Dispatch room"))
        await maya.page.goto(maya.url)
        await expect(maya.said("no-alerts")).to_be_visible()
        officer = await stack.enter_async_context(open_desk(chrome, desk.url, phone=True))
        yield Room(house, Seat(LUIS, desk), Seat(DANA, dana), maya, wall, officer)


@pytest.mark.timeout(900)  # as long as all other files beside it may take a slow machine
async def test_five_screens_agree_through_whatever_becomes_of_them(
    house: House, room: Room
) -> None:
    alert = await press_on_a_plan(house)
    await is_everywhere(room, alert)
    first, second = await both_take(room, alert)
    await is_handed_over(room, alert, first, second)
    await is_cut_off(room, alert, first, second)
    await has_another_server(room, alert, second)
    await has_hundreds_more(room, alert, first)
    await is_over(room, alert, first, second)
    await is_on_record(room, alert, first.person, second.person)


async def is_everywhere(room: Room, alert: Alert) -> None:
    """On all lists, which sound; and by Maya's link on the officer's phone."""
    await room.says(alert, "Nobody has it yet")
    for each in room.lists:
        await each.sounds("on")
    link = await link_for(room.maya, alert, "Unit 12")
    await on_this_server(room.officer.page, room.officer.url, link)
    await expect(room.now).to_contain_text("No dispatcher has it yet")


async def both_take(room: Room, alert: Alert) -> tuple[Seat, Seat]:
    """Both press A before the server has looked at either; gives who has it, and who has not."""
    server, seats = room.house.walk.server, (room.luis, room.dana)
    server.pause()
    try:
        for each in seats:
            async with each.desk.page.expect_request(f"**/{alert.alert_id}/acknowledge"):
                await each.desk.page.keyboard.press("a")
    finally:
        server.resume()
    taken = await room.house.now(alert, lambda each: each.state == "acknowledged")
    first, second = sorted(seats, key=lambda each: each.person.name != taken.acknowledged_by)
    has_it = f"{first.person.name} has it"
    await first.desk.notices("You have it: Duress")
    await second.desk.notices(f"{first.person.name} already has it, since")
    await room.says(alert, has_it)
    await expect(room.now).to_contain_text(has_it)
    for desk in room.lists:
        await desk.sounds("off")
    return first, second


async def is_handed_over(room: Room, alert: Alert, first: Seat, second: Seat) -> None:
    """By one to the other, who takes it."""
    await first.desk.page.keyboard.press("h")
    await first.desk.said("hand-over-panel").get_by_label(second.person.name).check()
    await first.desk.said("hand-over-confirm").click()
    await expect(second.desk.who(alert)).to_contain_text("Offered to you")
    offered = f"Offered to {second.person.name}, who has not taken it yet"
    await room.says(alert, offered, but=second.desk)
    await second.desk.page.keyboard.press("a")
    has_it = f"{second.person.name} has it"
    await first.desk.notices(f"{has_it} now, and not you any more")  # before it leaves by itself
    await room.says(alert, has_it)
    await expect(room.now).to_contain_text(has_it)


async def is_cut_off(room: Room, alert: Alert, first: Seat, second: Seat) -> None:
    """The other's line, while there is news; it comes back by itself, and the news is there."""
    desk, house = second.desk, room.house
    loaded = desk.loaded()
    await desk.page.context.set_offline(True)
    banner = desk.said("stale-banner")
    await expect(banner).to_contain_text("NOT CONNECTED")
    await first.desk.card(alert).get_by_test_id("respond").click()
    missed = await opened(house, await house.sender(site=example.CARVER))
    await room.maya.card(missed).get_by_test_id("acknowledge").click()
    await room.says(missed, f"{MAYA.name} has it", but=desk)
    await room.says(alert, "Responding since", but=desk)
    await expect(room.now).to_contain_text("Somebody is on the way since")
    await expect(desk.who(alert)).not_to_contain_text("Responding since")
    await expect(desk.card(missed)).to_have_count(0)

    await desk.page.context.set_offline(False)
    await expect(banner).to_be_hidden()
    await room.says(alert, "Responding since")
    await room.says(missed, f"{MAYA.name} has it")
    assert desk.loaded() == loaded


async def has_another_server(room: Room, alert: Alert, second: Seat) -> None:
    """All five go on by themselves; so does a session whose hours are over meanwhile."""
    everybody = (*room.lists, room.officer)
    loaded = [each.loaded() for each in everybody]
    await room.house.walk.server.stop()
    for each in room.lists:
        await expect(each.said("stale-banner")).to_contain_text("NOT CONNECTED")
    await hours_are_over(room.house, second.desk)
    await room.house.walk.server.start()
    for each in room.lists:
        await expect(each.said("stale-banner")).to_be_hidden()
    await room.house.screen.until(lambda screen: screen.live)
    await second.desk.page.keyboard.press("s")
    await room.says(alert, "On scene since")
    await expect(room.now).to_contain_text("Somebody is on scene since")
    assert [each.loaded() for each in everybody] == loaded

    await second.desk.page.reload()
    await expect(second.desk.said("kept")).to_contain_text("stay signed in while an alert is open")


async def hours_are_over(house: House, desk: Desk) -> None:
    """The hours of the session in this browser; its person may have others."""
    cookies = await desk.page.context.cookies()
    (token,) = [each["value"] for each in cookies if each["name"] == COOKIE]
    async with house.walk.database.connected() as connection:
        done = await connection.execute(
            "UPDATE session SET expires_at = clock_timestamp()"
            " WHERE token_digest = sha256(convert_to($1, 'UTF8'))",
            token,
        )
    assert done == "UPDATE 1"


async def has_hundreds_more(room: Room, alert: Alert, first: Seat) -> None:
    """They are on every list; one key takes any of them, and the officer is told of none."""
    house = room.house
    before = await first.desk.page.locator(CARD).count()
    await flood(house)
    for each in room.lists:
        await expect(each.page.locator(CARD)).to_have_count(before + MANY, timeout=HUNDREDS_MS)
    await room.waits(MANY)

    one = await house.screen.until_alert(lambda each: each.kind == f"kind {MANY // 2}")
    await first.desk.card(one).focus()
    await first.desk.page.keyboard.press("a")
    await room.says(one, f"{first.person.name} has it")
    await room.waits(MANY - 1)
    await room.agrees()

    own = await house.detail_of(alert)
    await expect(room.now).to_have_attribute("data-version", str(own.version))
    await expect(room.now.locator("h1")).to_have_text("Duress")
    page = urlsplit(room.officer.page.url).path
    asked = {urlsplit(each.url).path for each in room.officer.requests}
    assert {each for each in asked if not each.startswith("/static/")} == {
        page,
        f"{page}/now",
        f"{page}/plan",
    }


async def is_over(room: Room, alert: Alert, first: Seat, second: Seat) -> None:
    """With the last alert ends what it has kept: a page for the officer, and a session."""
    await room.house.resolve_all(but=alert)
    for each in room.lists:
        await expect(each.page.locator(CARD)).to_have_count(1, timeout=HUNDREDS_MS)
    await expect(second.desk.said("kept")).to_be_visible()
    card = second.desk.card(alert)
    await card.get_by_test_id("resolve").click()
    await card.get_by_test_id("outcome-actual").check()
    await card.get_by_test_id("resolve-confirm").click()
    for desk in (first.desk, room.maya, room.wall):
        await expect(desk.said("no-alerts")).to_be_visible()
    await expect(room.now).to_contain_text("This alert was resolved at")
    await expect(second.desk.said("sign-in-form")).to_be_visible()
    await second.desk.sign_in(second.person)
    await expect(second.desk.said("no-alerts")).to_be_visible()
    await room.agrees()


async def is_on_record(room: Room, alert: Alert, first: Person, second: Person) -> None:
    """Who did what, in this order."""
    acts = {
        "acknowledged": first,
        "acknowledged_late": second,
        "offered": first,
        "taken_over": second,
        "responding": first,
        "on_scene": second,
        "resolved": second,
    }
    events = (await detail(room.house.screen, alert)).events
    done = [
        (each.name, each.payload["by"]) for each in events if each.payload and each.name in acts
    ]
    assert done == [(act, person.name) for act, person in acts.items()]
