"""Alerts in a real browser: asked for with one tap, shown, reported, and answered by a tap.

What no test machine has is the push service of the browser's maker: one of ours takes the message
from the server, and the browser's own tools hand it to its worker.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import pytest
from playwright.async_api import Browser, Page, Worker, expect

from tests.browser.desk import Desk, open_desk
from tests.channels.push_service import Pushed, PushService, push_service
from tests.parts import DANA, LUIS, WAIT_S, Alert, Told
from tests.walk.house import House, until
from tocsin_server.alert.link_key import write_key
from tocsin_server.channels.webpush import Payload
from tocsin_server.demo.phone import Condition

pytestmark = pytest.mark.asyncio(loop_scope="session")

# The one call that needs the maker's service; what it was asked with is kept to be looked at.
SUBSCRIBED = """
  PushManager.prototype.subscribe = async function (options) {
    window.subscribed_with = options;
    return { toJSON: () => (%s) };
  };
"""


BAD_URL = b'{"title": "x", "tag": "", "url": "no address"}'
UNREAD = "A message of Tocsin could not be read: open the console now."

# In the worker: keep what the browser was given to show, once it has taken it. To ask the browser
# again and again what it shows makes it forget what it is about to show.
KEEP = """() => {
  const show = self.registration.showNotification.bind(self.registration);
  self.shown = [];
  self.registration.showNotification = async (title, options) => {
    await show(title, options);
    const { body, lang, tag, requireInteraction, actions, data } = options;
    self.shown.push({ title, body, lang, tag, requireInteraction, path: data.path,
      actions: actions.map(({ title }) => title) });
  };
}"""

# A tap on the notification, or on its button, in the worker. Only a hand's tap opens a window.
TAP = """async (action) => {
  const opened = new Promise((open) => { self.clients.openWindow = async (path) => open([path]); });
  const shown = new Promise((show) => {
    self.registration.showNotification = async (title, { body, tag }) => show([title, body, tag]);
  });
  const [notification] = await self.registration.getNotifications();
  const tapped = new NotificationEvent("notificationclick", { notification, action });
  self.dispatchEvent(tapped);
  return Promise.race([opened, shown]);
}"""


@asynccontextmanager
async def device(
    house: House, chrome: Browser, *, phone: bool = False
) -> AsyncIterator[tuple[Desk, PushService]]:
    """Luis before the console, in a browser that may show notifications."""
    async with (
        push_service(port=house.walk.deployment.push_port) as service,
        open_desk(chrome, house.walk.server.url, phone=phone) as desk,
    ):
        await desk.page.context.grant_permissions(["notifications"], origin=desk.url)
        await desk.page.add_init_script(SUBSCRIBED % service.subscription())
        await desk.sign_in()
        try:
            yield desk, service
        finally:
            async with house.walk.database.connected() as connection:
                await connection.execute("DELETE FROM contact WHERE method = 'push'")


async def deliver(page: Page, url: str, payload: bytes) -> None:
    """Hand a message to the worker, as the browser does when its maker's service brings one."""
    tools = await page.context.new_cdp_session(page)
    found: asyncio.Queue[str] = asyncio.Queue()

    def registered(event: dict[str, list[dict[str, str]]]) -> None:
        for each in event["registrations"]:
            found.put_nowait(each["registrationId"])

    tools.on("ServiceWorker.workerRegistrationUpdated", registered)
    await tools.send("ServiceWorker.enable")
    async with asyncio.timeout(WAIT_S):
        registration = await found.get()
    message = {"origin": url, "registrationId": registration, "data": payload.decode()}
    await tools.send("ServiceWorker.deliverPushMessage", message)


def is_on_luis_device(told: Told) -> bool:
    return (told.name, told.method, told.state) == (LUIS.name, "push", "delivered")


async def signed_up(desk: Desk) -> Worker:
    """This device's worker, once the one tap was taken."""
    await desk.said("this-device").click()
    await expect(desk.said("this-device")).to_have_text("Alerts on this device: on")
    (worker,) = desk.page.context.service_workers
    await worker.evaluate(KEEP)
    return worker


async def until_shown(worker: Worker, *, count: int = 1) -> list[dict[str, object]]:
    async def so_many() -> list[dict[str, object]]:
        found: list[dict[str, object]] = await worker.evaluate("self.shown")
        return found if len(found) == count else []

    return await until(so_many)


async def paged(house: House) -> Alert:
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await house.luis.until_received(alert.code)
    return alert


async def pushed(house: House, service: PushService) -> tuple[Alert, Payload]:
    """An alert of which Luis' phone is not told, and what his browser's maker is given instead."""
    house.luis.condition = Condition.OFF
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)

    async def given() -> list[Pushed]:
        return service.pushed

    return alert, (await until(given))[0].payload


async def key_of(house: House, alert: Alert, name: str) -> str:
    async with house.walk.database.connected() as connection:
        key = await connection.fetchval(
            "SELECT link_key FROM notification WHERE alert_id = $1 AND name = $2"
            " AND purpose = 'page' ORDER BY created_at LIMIT 1",
            UUID(alert.alert_id),
            name,
        )
    return write_key(key)


async def test_one_tap_signs_this_device_up_and_says_so(house: House, chrome: Browser) -> None:
    async with device(house, chrome) as (desk, service):
        button = desk.said("this-device")
        await expect(button).to_have_text("Get alerts on this device")
        await button.click()
        await expect(button).to_have_text("Alerts on this device: on")
        await expect(desk.said("notice")).to_contain_text("This device gets your alerts")
        asked = await desk.page.evaluate("window.subscribed_with")
        assert asked["userVisibleOnly"] is True
        key = (await house.screen.get("push/key")).json()["key"]
        assert asked["applicationServerKey"] == key
        async with house.walk.database.connected() as connection:
            name, address = await connection.fetchrow(
                "SELECT p.name, c.address FROM contact c JOIN person p USING (person_id)"
                " WHERE c.method = 'push'"
            )
        assert (name, address) == (LUIS.name, service.subscription())


async def test_a_browser_that_may_not_says_what_to_do(house: House, chrome: Browser) -> None:
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.page.add_init_script("Notification.requestPermission = async () => 'denied'")
        await desk.sign_in()
        await desk.said("this-device").click()
        await expect(desk.said("notice")).to_contain_text("Allow them in the browser's settings")
        await expect(desk.said("this-device")).to_have_text("Get alerts on this device")


async def test_a_browser_without_its_makers_service_says_what_to_do(
    house: House, chrome: Browser
) -> None:
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.page.context.grant_permissions(["notifications"], origin=desk.url)
        await desk.page.add_init_script(
            "PushManager.prototype.subscribe = async () => { throw new DOMException('away') }"
        )
        await desk.sign_in()
        await desk.said("this-device").click()
        await expect(desk.said("notice")).to_contain_text("Try again on another network")


async def test_a_text_that_does_not_arrive_is_followed_by_a_push_that_opens_the_page_and_no_more(
    house: House, chrome: Browser
) -> None:
    async with device(house, chrome) as (desk, service):
        worker = await signed_up(desk)
        alert, payload = await pushed(house, service)
        assert payload.url is not None
        assert payload.title.startswith("TOCSIN: DURESS at Under the desk, Front counter")
        assert "/#/alerts" not in payload.body, "its own page is the one to open"
        await deliver(desk.page, desk.url, msgspec.json.encode(payload))
        path = urlsplit(payload.url).path
        (notification,) = await until_shown(worker)
        assert notification == {
            "title": payload.title,
            "body": payload.body,
            "tag": payload.tag,
            "requireInteraction": True,
            "actions": ["I have it"],
            "path": path,
            "lang": "en",
        }
        await house.now(alert, lambda each: any(map(is_on_luis_device, each.notifications)))

        assert await worker.evaluate(TAP, "") == [path]
        assert (await house.detail_of(alert)).state == "open", "only a button takes it"
        await desk.page.goto(payload.url)
        await desk.page.get_by_role("button", name="I have it").click()
        now = await house.now(alert, lambda each: each.state == "acknowledged")
        assert now.acknowledged_by == LUIS.name


@pytest.mark.parametrize("signed_in", [True, False], ids=["signed in", "signed out"])
async def test_its_button_takes_the_alert_where_its_person_is_signed_in_and_else_opens_the_page(
    house: House, chrome: Browser, signed_in: bool
) -> None:
    async with device(house, chrome) as (desk, service):
        worker = await signed_up(desk)
        alert, payload = await pushed(house, service)
        await deliver(desk.page, desk.url, msgspec.json.encode(payload))
        await until_shown(worker)
        if signed_in:
            title, body, tag = await worker.evaluate(TAP, "take")
            assert title == "You have it. Everyone else is told."
            assert (body, tag) == (payload.title, payload.tag)
            now = await house.now(alert, lambda each: each.state == "acknowledged")
            assert now.acknowledged_by == LUIS.name
            return
        await desk.page.context.clear_cookies()
        assert await worker.evaluate(TAP, "take") == [urlsplit(str(payload.url)).path]
        assert (await house.detail_of(alert)).state == "open"


async def test_a_message_that_can_not_be_read_is_shown_all_the_same(
    house: House, chrome: Browser
) -> None:
    async with device(house, chrome) as (desk, _):
        worker = await signed_up(desk)
        for n, data in enumerate((b"", b"no json", b'{"title": 1}', b"[]", BAD_URL), start=1):
            await deliver(desk.page, desk.url, data)
            notifications = await until_shown(worker, count=n)
            assert {each["body"] for each in notifications} == {UNREAD}
            assert all(each["requireInteraction"] for each in notifications)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_tap_on_the_page_takes_the_alert(
    house: House, chrome: Browser, scripts: bool
) -> None:
    alert = await paged(house)
    key = await key_of(house, alert, DANA.name)
    context = await chrome.new_context(
        viewport={"width": 390, "height": 844}, java_script_enabled=scripts
    )
    try:
        desk = Desk(await context.new_page(), house.walk.server.url)
        await desk.page.goto(f"{desk.url}/answer/{key}")
        await expect(desk.page.get_by_role("status")).to_contain_text("Nobody has it yet.")
        await desk.page.get_by_role("button", name="I have it").click()
        await expect(desk.page.get_by_role("status")).to_contain_text("You have it since")
        now = await house.now(alert, lambda each: each.state == "acknowledged")
        assert now.acknowledged_by == DANA.name
        desk.check()
    finally:
        await context.close()


async def test_the_age_on_a_page_that_lay_in_a_pocket_goes_on(
    house: House, chrome: Browser
) -> None:
    alert = await paged(house)
    key = await key_of(house, alert, DANA.name)
    async with open_desk(chrome, house.walk.server.url, phone=True) as desk:
        await desk.page.clock.install()
        await desk.page.goto(f"{desk.url}/answer/{key}")
        await desk.page.clock.fast_forward("10:00")
        await expect(desk.page.locator("[data-age-s]")).to_have_text("10 min")
        assert await desk.fits_its_width()
