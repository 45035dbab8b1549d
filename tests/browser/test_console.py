"""The console in Chromium: what a dispatcher sees, hears of and does, with every part real."""

import re
import time

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.parts import LUIS, Alert
from tests.standstill import standstill
from tests.walk.house import House, Sender, detail, until
from tocsin_server.demo import example

pytestmark = pytest.mark.asyncio(loop_scope="session")

STALE_WITHIN_S = 10.0  # acceptance: "a stale banner within 10 s when the connection is gone"
HELD_WITHIN_S = 2.0  # acceptance: "on the screen as NOT YET STORED within 2 s"
FIRST_LOAD_BYTES_MAX = 400_000
STAGES = 7
TIMES = "\N{MULTIPLICATION SIGN}"
IS_DRAWN_ON = """canvas => canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte > 0)"""
OF_THE_MAP = re.compile(r"/vendor/(leaflet|topojson|us_atlas)/|/(map|streets)\.js$")


async def shown(locator: Locator) -> Locator:
    await expect(locator).to_be_visible(timeout=SHOWN_MS)
    return locator


async def appears(locator: Locator, *, within_s: float) -> None:
    """So soon, but for how long the machine stood still meanwhile."""
    began = time.monotonic()
    async with standstill() as still:
        await locator.wait_for(timeout=SHOWN_MS)
        assert time.monotonic() - began - still.so_far_s < within_s


async def pressed(house: House, **fields: object) -> tuple[Sender, Alert]:
    sender = await house.sender()
    await sender.send(sender.press(**fields))
    return sender, await house.alert_of(sender.device_id)


async def test_a_press_appears_is_taken_with_one_key_and_everybody_learns_who_has_it(
    house: House, desk: Desk
) -> None:
    page = desk.page
    await shown(desk.said("no-alerts"))
    await expect(desk.said("sound-blocked")).to_be_hidden()
    button = await house.button(room="Ballot room 210")
    await button.press()
    alert = await house.alert_of(button.device_id)
    card = await shown(desk.card(alert))
    place = example.CLERK
    for words in (
        "Duress",
        "Ballot room 210",
        "Under the desk",
        "Main building",
        place.name,
        place.address,
        "Travis County",
        place.responding_agency,
        alert.code,
    ):
        await expect(card).to_contain_text(words)
    await expect(card.get_by_test_id("who-has-it")).to_contain_text("Nobody has it yet")
    age = card.get_by_test_id("age")
    before = await age.inner_text()
    await expect(age).not_to_have_text(before, timeout=SHOWN_MS)
    await expect(page).to_have_title(re.compile("Ballot room 210"), timeout=SHOWN_MS)
    await expect(page.locator("#console")).to_have_attribute("data-alarm", "on")
    await house.dana.until_received(f"Reply {alert.code} ")

    await page.keyboard.press("a")
    await expect(card.get_by_test_id("who-has-it")).to_contain_text("Luis Herrera has it")
    await expect(desk.said("notice")).to_contain_text("You have it")
    await expect(page.locator("#console")).to_have_attribute("data-alarm", "off")
    await button.until_lamp("acknowledged")
    await house.dana.until_received("Luis Herrera has the duress at Under the desk")

    await page.keyboard.press("r")
    await button.until_lamp("responding")
    await expect(card.get_by_test_id("who-has-it")).to_contain_text("Responding since")
    await house.now(alert, lambda each: all(x.state == "delivered" for x in each.notifications))
    await card.get_by_test_id("resolve").click()
    await card.get_by_test_id("outcome-actual").check()
    await card.get_by_test_id("resolve-confirm").click()
    await expect(card).to_be_hidden(timeout=SHOWN_MS)
    await button.until_lamp("armed")
    row = page.locator(f"[data-device-id={button.device_id}]").first
    await expect(row).to_have_attribute("data-state", "ok", timeout=SHOWN_MS)
    await every_stage_is_on_the_latency_page(desk)


async def every_stage_is_on_the_latency_page(desk: Desk) -> None:
    await desk.go("#/latency")
    rows = desk.said("latency-stage")
    await expect(rows).to_have_count(STAGES, timeout=SHOWN_MS)
    for row in await rows.all():
        cells = await row.locator("td").all_inner_texts()
        assert int(cells[4]) >= 1
        assert all(re.search(r"\d", figure) for figure in cells[:4]), cells
    await expect(desk.page.locator("svg.plot")).to_have_count(2)  # by alert, and over time
    assert await desk.said("within").count() == 4


async def test_it_is_the_page_that_says_what_was_painted(house: House, chrome: Browser) -> None:
    house.screen.paints = False
    _, alert = await pressed(house)
    await house.dana.until_received(f"Reply {alert.code} ")
    assert not (await detail(house.screen, alert)).named("shown")
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.sign_in()
        await shown(desk.card(alert))

        async def painted() -> bool:
            return bool((await detail(house.screen, alert)).named("shown"))

        await until(painted)
    house.screen.paints = True


async def test_a_page_whose_server_hangs_says_so_within_ten_seconds_and_recovers(
    house: House, desk: Desk
) -> None:
    _, alert = await pressed(house)
    await shown(desk.card(alert))
    house.walk.server.pause()
    try:
        banner = desk.said("stale-banner")
        await appears(banner, within_s=STALE_WITHIN_S)
        await expect(banner).to_contain_text("Alerts may be missing from this screen")
        await expect(desk.card(alert)).to_be_visible()
    finally:
        house.walk.server.resume()
    await expect(banner).to_be_hidden(timeout=SHOWN_MS)
    _, second = await pressed(house)
    await shown(desk.card(second))


async def test_a_page_whose_server_is_gone_is_live_again_by_itself_when_it_is_back(
    house: House, desk: Desk
) -> None:
    _, alert = await pressed(house)
    await shown(desk.card(alert))
    await house.walk.server.stop()
    banner = desk.said("stale-banner")
    await appears(banner, within_s=STALE_WITHIN_S)
    await house.walk.server.start()
    await expect(banner).to_be_hidden(timeout=SHOWN_MS)
    await house.screen.until(lambda screen: screen.live)
    await expect(desk.card(alert)).to_be_visible()
    _, second = await pressed(house)
    await shown(desk.card(second))


async def test_a_press_that_is_not_stored_is_shown_as_such_also_on_a_page_opened_meanwhile(
    house: House, desk: Desk
) -> None:
    sender = await house.sender()
    postgres = house.walk.database.postgres
    await postgres.stop()
    try:
        press = await sender.send(sender.press())
        held = desk.page.locator(f"[data-press-id='{press.press_id}']")
        await appears(held, within_s=HELD_WITHIN_S)
        await expect(held).to_contain_text("NOT YET STORED")
        await expect(held).to_contain_text("Front counter")
        await expect(desk.page.locator("#console")).to_have_attribute("data-alarm", "on")
        await desk.page.reload()
        await shown(held)
        fault = desk.page.locator("[data-check=database_away]")
        await expect(fault).to_contain_text("The database does not answer", timeout=SHOWN_MS)
    finally:
        await postgres.start()
    alert = await house.alert_of(sender.device_id)
    await shown(desk.card(alert))
    await expect(held).to_be_hidden(timeout=SHOWN_MS)
    await expect(fault).to_be_hidden(timeout=SHOWN_MS)


async def test_what_cannot_be_verified_waits_in_its_own_lane_until_somebody_has_seen_it(
    house: House, desk: Desk
) -> None:
    sender = await house.sender()
    for _ in range(3):
        await sender.send_raw(b'{"kind": "duress", "v": 1}')
    lane = await shown(desk.said("doubtful-lane"))
    item = lane.get_by_test_id("doubtful-item").filter(has_text=sender.device_id)
    await expect(item).to_contain_text("not a signed message")
    await expect(item).to_contain_text(f"{TIMES} 3")
    assert await desk.said("alert-card").count() == 0
    await item.get_by_test_id("doubtful-seen").click()
    await expect(item).to_be_hidden(timeout=SHOWN_MS)
    await house.screen.until(
        lambda screen: (
            [
                each.seen_by
                for each in screen.doubtful.values()
                if each.device_id == sender.device_id
            ]
            == [LUIS.name]
        )
    )


async def test_what_the_press_says_is_text_and_never_markup(house: House, desk: Desk) -> None:
    kind = "<img src=x onerror=alert(1)><b>"
    _, alert = await pressed(house, kind=kind)
    card = await shown(desk.card(alert))
    await expect(card.locator("h2")).to_have_text(kind)
    assert await card.locator("img").count() == 0


async def test_who_takes_it_elsewhere_is_named_here_and_the_sound_ends(
    house: House, desk: Desk
) -> None:
    _, alert = await pressed(house)
    card = await shown(desk.card(alert))
    await house.dana.until_received(f"Reply {alert.code} ")
    await house.dana.reply(alert.code)
    await expect(card.get_by_test_id("who-has-it")).to_contain_text("Dana Ortiz has it")
    await expect(desk.said("notice")).to_contain_text("Dana Ortiz has it")
    await expect(desk.page.locator("#console")).to_have_attribute("data-alarm", "off")
    assert await card.get_by_test_id("acknowledge").count() == 0


async def test_what_failed_is_said_of_its_alert_until_it_is_tried_again(
    house: House, desk: Desk
) -> None:
    page = desk.page
    _, alert = await pressed(house)
    card = await shown(desk.card(alert))
    bad = desk.said("notice").filter(has_text="NOT acknowledged by you")
    await desk.until_it_has_its_worker()
    await page.route("**/acknowledge", lambda route: route.abort())
    await page.keyboard.press("a")
    room = await card.locator(".room").inner_text()
    await expect(bad).to_contain_text(room)
    await expect(card.get_by_role("alert")).to_contain_text("NOT acknowledged by you")
    await page.unroute("**/acknowledge")
    await page.keyboard.press("a")
    await desk.notices(f"You have it: Duress, {room}")
    await expect(bad).to_have_count(0)


async def test_what_became_of_a_message_is_said_in_the_words_of_its_method(
    house: House, desk: Desk
) -> None:
    sender, alert = await pressed(house)
    card = await shown(desk.card(alert))
    await house.dana.until_received(f"Reply {alert.code} ")
    dana = card.get_by_test_id("told").locator("li").filter(has_text="Dana Ortiz")
    await expect(dana).to_contain_text("text message: on the phone (not an answer)")
    for method, state, said in (
        ("voice", "accepted", "phone call: the phone rings, or somebody listens"),
        ("voice", "undelivered", "phone call: NO ANSWER"),
        ("voice", "declined", "phone call: passed it on"),
        ("push", "accepted", "push message: taken by the service, not yet seen by anybody"),
        ("apprise", "delivered", "chat or pager: seen by somebody (not an answer)"),
    ):
        async with house.walk.database.connected() as connection:
            await connection.execute(
                "UPDATE notification SET method = $2, state = $3"
                " WHERE alert_id = $1::uuid AND name = 'Dana Ortiz'",
                *(alert.alert_id, method, state),
            )
        await sender.send(sender.press())  # the screens are told anew
        await expect(dana).to_contain_text(said, timeout=SHOWN_MS)


async def test_a_letter_typed_into_a_note_takes_nothing(house: House, desk: Desk) -> None:
    _, alert = await pressed(house)
    card = await shown(desk.card(alert))
    await card.get_by_test_id("note").click()
    await card.locator("textarea[name=text]").type("a r t: call back")
    await card.get_by_role("button", name="Save the note").click()
    await expect(desk.said("notice")).to_contain_text("on record")
    assert (await house.detail_of(alert)).state == "open"
    await desk.go(f"#/alerts/{alert.alert_id}")
    noted = desk.page.locator("[data-testid=event][data-name=noted]")
    await expect(noted).to_contain_text("a r t: call back", timeout=SHOWN_MS)


async def test_pressing_again_and_a_cancel_show_on_the_card(house: House, desk: Desk) -> None:
    sender, alert = await pressed(house)
    press = await sender.send(sender.press())
    card = await shown(desk.card(alert))
    await expect(card.get_by_test_id("presses")).to_have_text(f"pressed again {TIMES} 1")
    await sender.send(sender.press(kind="cancel", cancels=press.press_id))
    await expect(card.get_by_test_id("cancelled")).to_contain_text("may be under coercion")
    await expect(card).to_have_attribute("data-state", "open")


async def test_a_drill_is_marked_and_one_key_makes_it_real(house: House, desk: Desk) -> None:
    sites = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    site_id = next(each["site_id"] for each in sites if each["name"] == example.CLERK.name)
    await house.screen.post("drills", {"site_id": site_id, "minutes": 5})
    await expect(desk.said("drill-banner")).to_contain_text(example.CLERK.name, timeout=SHOWN_MS)
    _, alert = await pressed(house, drill=True)
    card = await shown(desk.card(alert))
    await expect(card.get_by_test_id("drill-mark")).to_contain_text("DRILL")
    await desk.page.keyboard.press("t")
    await expect(card).to_have_attribute("data-drill", "false", timeout=SHOWN_MS)
    await expect(card.get_by_test_id("drill-mark")).to_be_hidden()


async def test_on_a_phone_everything_fits_and_one_tap_takes_an_alert(
    house: House, chrome: Browser
) -> None:
    async with open_desk(chrome, house.walk.server.url, phone=True) as desk:
        await desk.page.goto(desk.url)
        await shown(desk.said("sign-in-form"))
        assert await desk.fits_its_width()
        await desk.sign_in()
        sender, alert = await pressed(house, kind="k" * 40, device_clock="1970", age_exact=False)
        await sender.send_raw(b"nonsense " * 40)
        card = await shown(desk.card(alert))
        await shown(desk.said("doubtful-lane"))
        assert await desk.fits_its_width()
        await card.get_by_test_id("acknowledge").tap()
        await expect(card.get_by_test_id("who-has-it")).to_contain_text("Luis Herrera has it")
        assert await desk.fits_its_width()
        await card.get_by_test_id("resolve").tap()
        await shown(card.get_by_test_id("resolve-panel"))
        assert await desk.fits_its_width()
        for page, there in (
            (f"#/alerts/{alert.alert_id}", "event"),
            ("#/latency", "latency-stage"),
            ("#/history", "history-row"),
        ):
            await desk.go(page)
            await shown(desk.said(there).first)
            assert await desk.fits_its_width(), page


async def test_the_first_load_is_light_and_the_map_comes_after_it(
    house: House, chrome: Browser
) -> None:
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.sign_in()
        outlines = desk.said("map").locator("canvas")
        await expect(outlines).to_be_attached(timeout=SHOWN_MS)
        await expect(desk.said("map").locator(".pin")).to_have_count(len(example.SITES))

        async def drawn() -> bool:
            return bool(await outlines.evaluate(IS_DRAWN_ON))

        await until(drawn)
        loaded = [each for each in desk.requests if not OF_THE_MAP.search(each.url)]
        sizes = [await each.sizes() for each in loaded if await each.response()]
        total = sum(each["responseBodySize"] for each in sizes)
        assert 10_000 < total < FIRST_LOAD_BYTES_MAX
        assert len(loaded) < len(desk.requests)
        assert not [each.url for each in desk.requests if "protomaps" in each.url], "no streets"


async def test_a_wrong_password_says_so_and_nothing_is_shown(house: House, chrome: Browser) -> None:
    _, alert = await pressed(house)
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.page.goto(desk.url)
        await desk.page.locator("input[name=email]").fill(LUIS.email)
        await desk.page.locator("input[name=password]").fill("not his password")
        await desk.page.get_by_role("button", name="Sign in").click()
        problem = desk.page.locator("form .problem")
        await expect(problem).to_contain_text("password is wrong", timeout=SHOWN_MS)
        assert await desk.card(alert).count() == 0
