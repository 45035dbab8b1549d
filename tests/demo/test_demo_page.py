"""The demo's page in a real browser: fingers, lamps, phones, mail. No server is behind it here."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import aiosmtplib
import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

import tocsin_server.web
from tests.demo.system import client_of
from tests.parts import DANA, LUIS, MAYA, WAIT_S, Deployment, running_phones
from tocsin_server.channels.channel import Message
from tocsin_server.channels.email import Email
from tocsin_server.config import EmailConfig
from tocsin_server.demo import example
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.hook_receiver import HookReceiver
from tocsin_server.demo.mailbox import Mailbox
from tocsin_server.demo.page import Desk, Holder, mount_demo
from tocsin_server.demo.phone import Call, CallStatus, Condition, PhoneNetwork
from tocsin_server.demo.virtual_button import VirtualButton

IS_LIT = "lit => document.querySelector('[data-testid=demo-lamp]').dataset.lit === lit"
CONSOLE = Path(tocsin_server.web.__file__).parent / "console"


@pytest.fixture
async def network(deployment: Deployment) -> AsyncIterator[PhoneNetwork]:
    async with running_phones(deployment, inbound_url="http://127.0.0.1:9/") as network:
        yield network


class Touched(VirtualButton):
    """A virtual button that tells how it was touched."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.touches: asyncio.Queue[str] = asyncio.Queue()

    async def down(self) -> None:
        await super().down()
        self.touches.put_nowait("down")

    async def up(self) -> None:
        await super().up()
        self.touches.put_nowait("up")

    async def until_touched(self, *story: str) -> None:
        """The touches, in order; there was no other one between them."""
        async with asyncio.timeout(20):
            assert [await self.touches.get() for _ in story] == list(story)


@pytest.fixture
async def virtual_button(deployment: Deployment, broker: Mosquitto) -> AsyncIterator[Touched]:
    new, _ = deployment.new_button()
    button = Touched(new.folder)
    await button.start()
    await button.until_connected()
    yield button
    await button.stop()


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    mailbox = Mailbox()
    async with mailbox.running():
        yield mailbox


@pytest.fixture
async def url(
    network: PhoneNetwork, mailbox: Mailbox, virtual_button: Touched
) -> AsyncIterator[str]:
    """An app with nothing in it but the demo's page."""
    app = web.Application()
    app.router.add_static("/static/console", CONSOLE)
    holders = [
        Holder(person.name, person.role, person.phone, "Tier 1")
        for person in example.PEOPLE[:2]
        if person.phone is not None
    ]
    desk = Desk(virtual_button, "Button 1", "Carver Branch Library: Meeting room")
    mount_demo(app, desks=[desk], network=network, holders=holders, mailbox=mailbox)
    HookReceiver().mount(app)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def page(browser: Browser, url: str) -> Page:
    page = await browser.new_page()
    await page.goto(f"{url}/demo")
    await expect(page.get_by_test_id("demo-button")).to_have_count(1)
    return page


async def test_a_click_presses_the_button_and_its_lamp_blinks(
    page: Page, virtual_button: Touched
) -> None:
    lamp = page.get_by_test_id("demo-lamp")
    await expect(lamp).to_have_attribute("data-lit", "false")
    button = page.get_by_test_id("demo-button")
    await expect(button).to_have_attribute("data-device-id", virtual_button.device_id)
    await button.click()
    await expect(lamp).to_have_attribute("data-pattern", "pressed")
    for lit in ("true", "false", "true"):  # looked at in every frame: it stays so for 0.1 s
        await page.wait_for_function(IS_LIT, arg=lit)
    await expect(page.get_by_test_id("demo-meaning")).to_contain_text("fast blink")
    assert len((await virtual_button.state()).open) == 1


async def test_a_key_held_down_is_one_press_until_it_is_let_go(
    page: Page, virtual_button: Touched
) -> None:
    button = page.get_by_test_id("demo-button")
    await button.focus()
    await page.keyboard.down("Enter")
    await page.keyboard.down("Enter")  # what a keyboard's repeat sends
    await virtual_button.until_lamp("pressed")
    assert len((await virtual_button.state()).open) == 1
    await page.keyboard.up("Enter")
    await virtual_button.until_touched("down", "up")


async def test_a_page_that_is_closed_lets_go_of_the_button(
    page: Page, virtual_button: Touched
) -> None:
    box = await page.get_by_test_id("demo-button").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await virtual_button.until_touched("down")
    await page.close()
    await virtual_button.until_touched("up")


async def test_a_finger_that_slides_off_presses_no_second_time(
    page: Page, virtual_button: Touched
) -> None:
    await page.get_by_test_id("demo-button").hover()
    await page.mouse.down()
    await page.mouse.move(5, 5)
    await page.get_by_test_id("demo-reply").first.focus()
    await virtual_button.until_touched("down", "up")
    await page.mouse.up()
    await page.get_by_test_id("demo-button").click()
    await virtual_button.until_touched("down", "up")


async def test_a_button_without_power_says_so_and_comes_back(
    page: Page, virtual_button: Touched
) -> None:
    lamp = page.get_by_test_id("demo-lamp")
    await virtual_button.kill()
    await expect(lamp).to_have_attribute("data-pattern", "away")
    await page.get_by_test_id("demo-button").click()
    await virtual_button.start()
    await expect(lamp).to_have_attribute("data-pattern", "armed")


async def test_a_message_is_shown_with_what_became_of_it_and_a_reply_goes_out(
    page: Page, network: PhoneNetwork
) -> None:
    assert DANA.phone is not None
    phone = page.locator(f'[data-testid="demo-phone"][data-number="{DANA.phone}"]')
    async with aiohttp.ClientSession(headers={"Authorization": "Basic QUM6eA=="}) as stranger:
        path = f"/2010-04-01/Accounts/{network.account_sid}/Messages.json"
        async with stranger.post(network.url + path, data={"To": DANA.phone}) as refused:
            assert refused.status == 401
    await expect(phone.get_by_test_id("demo-sms")).to_have_count(0)

    await phone.get_by_test_id("demo-reply").fill("<b>4821</b> http://127.0.0.1:9/alert")
    await phone.get_by_role("button", name="Send").click()
    reply = phone.get_by_test_id("demo-sms")
    await expect(reply).to_contain_text("<b>4821</b>")
    await expect(reply).to_contain_text("no answer from the system")
    await expect(reply.get_by_role("link")).to_have_attribute("href", "http://127.0.0.1:9/alert")
    await expect(phone.get_by_test_id("demo-reply")).to_have_value("")


async def test_a_phone_can_be_switched_off_for_every_page(
    page: Page, network: PhoneNetwork, browser: Browser, url: str
) -> None:
    assert LUIS.phone is not None
    selector = f'[data-number="{LUIS.phone}"] [data-testid="demo-condition"]'
    other = await browser.new_page()
    await other.goto(f"{url}/demo")
    await page.locator(selector).select_option("off")
    await expect(other.locator(selector)).to_have_value("off")
    assert network.phone(LUIS.phone).condition is Condition.OFF


async def ring(network: PhoneNetwork, number: str, twiml: str) -> Call:
    """A call to a phone, as the provider's API places it."""
    async with client_of(
        network, sid=network.account_sid, token=network.account.auth_tokens[0]
    ) as client:
        await client.calls.create_async(to=number, from_=network.from_number, twiml=twiml)
    return await network.phone(number).until_ringing()


ASKING = (
    '<Response><Gather numDigits="1" action="http://127.0.0.1:9/keys" actionOnEmptyResult="true">'
    "<Say>Duress. Carver Branch Library, meeting room.</Say><Say>Press 1 if you have it.</Say>"
    "</Gather></Response>"
)


async def test_a_call_rings_is_answered_spoken_and_keyed(page: Page, network: PhoneNetwork) -> None:
    assert DANA.phone is not None
    card = page.locator(f'[data-testid="demo-phone"][data-number="{DANA.phone}"]')
    shown = card.get_by_test_id("demo-call")
    await expect(shown).to_be_hidden()
    call = await ring(network, DANA.phone, ASKING)
    await expect(page.get_by_role("alert").get_by_role("button")).to_have_text(
        f"The phone of {DANA.name} rings"
    )
    await expect(page).to_have_title(re.compile("^Ringing"))
    await expect(shown).to_contain_text(f"{network.from_number} is calling")
    await expect(shown.get_by_role("button", name="1", exact=True)).to_be_hidden()
    await page.get_by_role("alert").get_by_role("button").click()
    await expect(shown.get_by_role("button", name="Answer")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(shown.get_by_test_id("demo-heard").locator("li")).to_have_text(
        ["Duress. Carver Branch Library, meeting room.", "Press 1 if you have it."]
    )
    await expect(page).not_to_have_title(re.compile("^Ringing"))
    await expect(shown.get_by_role("button", name="1", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await call.until_ended()
    assert call.keys == "1"
    await expect(shown).to_be_hidden()
    await expect(card.get_by_test_id("demo-past-call")).to_contain_text("no answer from the system")


async def test_a_call_is_declined_missed_or_hung_up(page: Page, network: PhoneNetwork) -> None:
    assert LUIS.phone is not None
    card = page.locator(f'[data-testid="demo-phone"][data-number="{LUIS.phone}"]')
    past = card.get_by_test_id("demo-past-call")
    await ring(network, LUIS.phone, ASKING)
    await card.get_by_role("button", name="Decline").click()
    await expect(past.nth(0)).to_contain_text("Call declined")
    (await ring(network, LUIS.phone, ASKING)).ring_out()
    await expect(past.nth(1)).to_contain_text("Missed call")
    call = await ring(network, LUIS.phone, ASKING)
    await call.answer()
    await card.get_by_role("button", name="Hang up").click()
    assert await call.until_ended() is CallStatus.COMPLETED
    await expect(past.nth(2)).to_contain_text(f"Call, {call.duration_s} s")


def mail(text: str, *, to: str = MAYA.email) -> Message:
    """A message as the system words it, with an id of its own."""
    return Message(
        to=to,
        text=text,
        subject="DURESS at <b>Carver</b>",
        link="http://127.0.0.1:9/answer/" + "0123456789" * 3,
        notification_id=uuid4(),
    )


async def send(mailbox: Mailbox, *messages: Message) -> None:
    """Mail them as the server does."""
    config = EmailConfig(
        host="127.0.0.1", port=mailbox.port, tls="none", from_address="tocsin@example.org"
    )
    channel = Email(config, None, ca=None)
    for message in messages:
        await channel.send(message)


async def test_a_mail_is_in_the_mailbox_and_its_link_can_be_opened(
    page: Page, mailbox: Mailbox
) -> None:
    await expect(page.get_by_text("No mail yet")).to_be_visible()
    first = mail("Pressed 55 s ago.\nCódigo <b>4821</b>")
    await send(mailbox, first, first, mail("Stand down.", to=DANA.email))
    mails = page.get_by_test_id("demo-mail")
    await expect(mails).to_have_count(2)
    await expect(page.get_by_text("No mail yet")).to_be_hidden()
    await expect(mails.nth(0)).to_contain_text(f"to {DANA.email}")
    shown = mails.nth(1)
    await expect(shown).to_contain_text("DURESS at <b>Carver</b>")
    await expect(shown.get_by_role("link")).to_be_hidden()
    await shown.locator("summary").click()
    await expect(shown.locator(".demo-mail-text")).to_have_text(first.text)
    await expect(shown.get_by_role("link")).to_have_attribute("href", str(first.link))
    await expect(shown.get_by_role("link")).to_have_attribute("target", "_blank")
    await page.reload()
    await expect(mails).to_have_count(2)


async def test_on_a_small_screen_unread_mail_is_counted_where_it_is_jumped_to(
    browser: Browser, url: str, mailbox: Mailbox
) -> None:
    page = await browser.new_page(viewport={"width": 390, "height": 844})
    await page.goto(f"{url}/demo")
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=mailbox.port) as other:
        await other.sendmail("a@example.org", "b@example.org", "Subject: no id\n\nno link\n")
    await page.get_by_role("link", name="Mail (1)").click()
    only = page.get_by_test_id("demo-mail")
    await expect(only).to_be_in_viewport()
    await only.locator("summary").click()
    await expect(only.get_by_role("link")).to_be_hidden()
    await expect(page.get_by_role("link", name="Mail", exact=True)).to_be_visible()


async def test_another_web_site_cannot_press(url: str) -> None:
    async with aiohttp.ClientSession() as visitor:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await visitor.ws_connect(f"{url}/demo/live", origin="https://elsewhere.example")
        assert refused.value.status == 403


async def test_nonsense_from_a_page_changes_nothing(url: str, network: PhoneNetwork) -> None:
    nonsense = ["", "[]", "{}", '{"do":"down"}', '{"do":"down","device_id":"btn-nobody0000"}']
    nonsense += ['{"do":"reply","number":"+15125550199","body":"x"}', '{"do":"x"}', "\x00"]
    assert DANA.phone is not None
    call = await ring(network, DANA.phone, ASKING)
    of_dana = {"number": DANA.phone, "sid": call.sid}
    nonsense += [
        json.dumps({"do": "answer", "number": DANA.phone, "sid": "CA0"}),
        json.dumps({"do": "answer", "number": "+15125550199", "sid": call.sid}),
        json.dumps({"do": "key", "key": "one"} | of_dana),
    ]
    async with aiohttp.ClientSession() as visitor, visitor.ws_connect(f"{url}/demo/live") as live:
        snapshot = await live.receive_json()
        assert snapshot["type"] == "snapshot"
        for text in nonsense:
            await live.send_str(text)
        await live.send_json(
            {"do": "condition", "number": network.phones[0].number, "condition": "off"}
        )
        async with asyncio.timeout(WAIT_S):
            while (await live.receive_json()).get("phone", {}).get("condition") != "off":
                pass  # a lamp that blinks, say
    assert (call.status, call.keys) == (CallStatus.RINGING, "")


@pytest.mark.parametrize("width", [390, 1000, 1280])
async def test_everything_has_room_and_no_policy_is_broken(
    browser: Browser, url: str, network: PhoneNetwork, mailbox: Mailbox, width: int
) -> None:
    assert DANA.phone is not None
    network.inbound_url = None
    await network.reply(DANA.phone, "http://127.0.0.1:8480/#/alerts/" + "0123456789" * 8)
    await send(mailbox, mail("x" * 300))
    (await ring(network, DANA.phone, ASKING)).be_busy()
    await (await ring(network, DANA.phone, ASKING)).answer()
    page = await browser.new_page(viewport={"width": width, "height": 900})
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    await page.goto(f"{url}/demo")
    await expect(page.get_by_test_id("demo-button")).to_be_visible()
    await expect(page.get_by_test_id("demo-sms")).to_be_visible()
    await expect(page.get_by_role("button", name="Hang up")).to_be_visible()
    await page.get_by_test_id("demo-mail").locator("summary").click()
    boxes = ("html", ".demo-device", ".demo-phone", ".demo-call", ".demo-thread", ".demo-log")
    for selector in boxes:
        too_wide = "all => all.some(each => each.scrollWidth > each.clientWidth)"
        assert not await page.locator(selector).evaluate_all(too_wide), selector
    assert troubles == []
