"""Signing in, in Chromium: a passkey in one tap, and a password with the code of an app."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pyotp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, CDPSession, Locator, Page, expect

from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.parts import LUIS, MAYA, PASSWORD, Server
from tests.walk.house import House
from tests.web.client import client
from tests.web.counties import ids_of
from tests.web.named import named_server
from tocsin_server.demo.example import Person
from tocsin_server.people.sessions import COOKIE

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
REQUIRED = '\n[sign_in]\nsecond_factor = "required"\n'


class Owner:
    """Somebody before their own account, on a device that has passkeys."""

    def __init__(self, desk: Desk, device: CDPSession, authenticator: str) -> None:
        self.desk = desk
        self.page: Page = desk.page
        self.said = desk.said
        self._device = device
        self._authenticator = authenticator

    async def enter(self, person: Person, *, at: str = "/account") -> None:
        await self.page.goto(f"{self.desk.url}{at}")
        await self.page.locator("input[name=email]").fill(person.email)
        await self.page.locator("input[name=password]").fill(PASSWORD)
        await self.button("Sign in").click()

    async def stands_before_their_account(self) -> None:
        await expect(self.page.get_by_role("heading", name="Your account")).to_be_visible(
            timeout=SHOWN_MS
        )
        await expect(self.said("account-event").first).to_be_visible()
        assert await self.desk.fits_its_width()

    async def add_passkey(self, name: str) -> None:
        await self.page.locator("input[name=name]").fill(name)
        await self.button("Add a passkey").click()
        await expect(self.said("passkey").filter(has_text=name)).to_be_visible()

    async def refuse_the_finger(self) -> None:
        """From here on the device does not know whoever touches it."""
        await self._device.send(
            "WebAuthn.setUserVerified",
            {"authenticatorId": self._authenticator, "isUserVerified": False},
        )

    async def sign_out(self) -> None:
        await self.button("Sign out").click()
        await expect(self.said("sign-in-form")).to_be_visible()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)


@asynccontextmanager
async def owner(chrome: Browser, url: str, *, phone: bool = False) -> AsyncIterator[Owner]:
    async with open_desk(chrome, url, phone=phone) as desk:
        device = await desk.page.context.new_cdp_session(desk.page)
        await device.send("WebAuthn.enable")
        added = await device.send("WebAuthn.addVirtualAuthenticator", {"options": PHONE})
        yield Owner(desk, device, added["authenticatorId"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(whole_house: House) -> AsyncIterator[Server]:
    async with named_server(whole_house) as server:
        yield server


async def test_a_passkey_is_added_and_opens_the_console_in_one_tap(
    server: Server, chrome: Browser
) -> None:
    async with owner(chrome, server.url) as maya:
        await maya.enter(MAYA)
        await maya.stands_before_their_account()
        await expect(maya.said("offered")).to_contain_text("Your password alone opens this account")
        await maya.add_passkey("Desk key")
        await expect(maya.said("offered")).to_have_count(0)
        await expect(maya.said("passkey")).to_contain_text("not used yet")
        await maya.sign_out()

        await maya.page.goto(maya.desk.url)
        await maya.said("use-passkey").click()
        await expect(maya.page.locator("main.alerts-page")).to_be_visible(timeout=SHOWN_MS)
        await maya.page.get_by_role("link", name=MAYA.name).click()
        await maya.stands_before_their_account()
        await expect(maya.said("passkey")).to_contain_text("last used")
        first = maya.said("account-event").first
        await expect(first).to_contain_text("Signed in with a passkey")

        await maya.sign_out()
        await maya.refuse_the_finger()
        await maya.said("use-passkey").click()
        await expect(maya.page.get_by_role("alert")).to_contain_text("No passkey was used")
        await expect(maya.said("sign-in-form")).to_be_visible()


async def test_codes_are_set_up_and_asked_for_on_a_second_step(
    house: House, server: Server, chrome: Browser
) -> None:
    async with owner(chrome, server.url, phone=True) as luis:
        await luis.enter(LUIS)
        await luis.stands_before_their_account()
        await luis.said("offer-codes").click()
        secret = (await luis.said("secret").inner_text()).replace(" ", "")
        assert await luis.desk.fits_its_width()
        form = luis.said("app-code-form")
        await form.locator("input[name=code]").fill("12345")
        await luis.button("Confirm").click()
        await expect(luis.said("codes")).to_contain_text("not the code that the app shows")
        # One that is taken for longest, since it is to be used a second time.
        code = pyotp.TOTP(secret).at(int(time.time()), counter_offset=1)
        await form.locator("input[name=code]").fill(code)
        await luis.button("Confirm").click()
        recovery = luis.said("recovery-codes")
        await expect(recovery.get_by_role("listitem")).to_have_count(8)
        one = await recovery.get_by_role("listitem").first.inner_text()
        assert await luis.desk.fits_its_width()
        await luis.said("have-codes").click()
        await expect(luis.said("codes")).to_contain_text("8 recovery codes left")
        await luis.sign_out()

        await luis.enter(LUIS)
        step = luis.said("code-form")
        await expect(step.locator("input[name=code]")).to_be_focused()
        await step.locator("input[name=code]").fill(code)
        await luis.button("Sign in").click()
        await expect(luis.page.get_by_role("alert")).to_contain_text("used already")
        await step.locator("input[name=code]").fill(one)
        await luis.button("Sign in").click()
        await luis.stands_before_their_account()
        await expect(luis.said("codes")).to_contain_text("7 recovery codes left")


async def test_where_it_is_required_the_way_leads_to_the_account_and_on_from_there(
    house: House, chrome: Browser
) -> None:
    async with house.walk.database.connected() as connection:
        await connection.execute("DELETE FROM code_app")
    async with (
        named_server(house, number=3, more=REQUIRED) as strict,
        owner(chrome, strict.url) as luis,
    ):
        await luis.enter(LUIS, at="/")
        await luis.stands_before_their_account()
        await expect(luis.said("required")).to_contain_text("before you go on")
        await luis.page.goto(luis.desk.url)
        await luis.stands_before_their_account()
        await luis.add_passkey("Spare key")
        await luis.said("go-on").get_by_role("link").click()
        await expect(luis.page.locator("main.alerts-page")).to_be_visible(timeout=SHOWN_MS)


async def test_an_administrator_takes_a_lost_device_away(
    house: House, server: Server, chrome: Browser
) -> None:
    async with house.walk.database.pool() as pool:
        await pool.execute("DELETE FROM passkey")
        await pool.execute("UPDATE person SET role = 'administrator' WHERE email = $1", MAYA.email)
        luis_id = (await ids_of(house))[LUIS.email]
    try:
        async with owner(chrome, server.url) as luis, owner(chrome, server.url) as maya:
            await luis.enter(LUIS)
            await luis.stands_before_their_account()
            await luis.add_passkey("Lost phone")
            await maya.enter(MAYA, at=f"/people#/people/{luis_id}")
            await maya.page.get_by_text("They have lost their passkey").click()
            await maya.said("take-away").click()
            await expect(maya.said("notice")).to_contain_text(f"{LUIS.name} has no passkey")
            await luis.page.reload()
            await luis.said("use-passkey").click()
            await expect(luis.page.get_by_role("alert")).to_contain_text("opens no account here")
            await luis.enter(LUIS)
            await luis.stands_before_their_account()
            taken = luis.said("account-event").filter(has_text=f"taken away by {MAYA.name}")
            await expect(taken).to_be_visible()
    finally:
        async with house.walk.database.connected() as connection:
            await connection.execute(
                "UPDATE person SET role = 'supervisor' WHERE email = $1", MAYA.email
            )


async def test_a_session_whose_hours_are_over_stays_while_an_alert_is_open(
    house: House, server: Server, chrome: Browser
) -> None:
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    # A replica knows for seconds what it knew a moment ago: this one has not seen her yet.
    url = house.walk.server.url
    async with client(server.url, email=MAYA.email) as maya, open_desk(chrome, url) as desk:
        async with house.walk.database.connected() as connection:
            await connection.execute(
                "UPDATE session SET expires_at = clock_timestamp() FROM person p"
                " WHERE p.person_id = session.person_id AND p.email = $1",
                MAYA.email,
            )
        (token,) = [each.value for each in maya.session.cookie_jar]
        await desk.page.context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
        await desk.page.goto(url)
        await expect(desk.said("kept")).to_contain_text("stay signed in while an alert is open")
        await expect(desk.card(alert)).to_be_visible(timeout=SHOWN_MS)
        await house.screen.resolve(alert, "test")
        await expect(desk.said("sign-in-form")).to_be_visible(timeout=SHOWN_MS)


async def test_a_screen_that_was_left_open_asks_for_the_sign_in_again(
    house: House, server: Server, chrome: Browser
) -> None:
    async with house.walk.database.connected() as connection:
        await connection.execute("DELETE FROM passkey")
    async with owner(chrome, server.url) as maya:
        await maya.enter(MAYA)
        await maya.stands_before_their_account()
        async with house.walk.database.connected() as connection:
            await connection.execute("UPDATE session SET begun_at = begun_at - interval '1 hour'")
        await maya.page.locator("input[name=name]").fill("A stranger's phone")
        await maya.button("Add a passkey").click()
        await expect(maya.page.get_by_role("alert")).to_contain_text("may have been left open")
        await maya.said("sign-in-again").click()
        await expect(maya.said("sign-in-form")).to_be_visible()
        await maya.enter(MAYA)
        await maya.stands_before_their_account()
        await expect(maya.said("passkey")).to_have_count(0)
        await maya.add_passkey("My phone")
