"""The page of who answers, in Chromium: people, shifts and policies, until Lee answers now."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.parts import DANA, LUIS, MAYA, PASSWORD, RAY, SAM
from tests.walk.house import House
from tests.web.counties import ids_of
from tocsin_server.demo import example

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEES_NUMBER = "+15125550141"


class Planner:
    """Somebody before the page of who answers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.page = desk.page
        self.said = desk.said

    async def sign_in(self, email: str) -> None:
        await self.page.goto(f"{self.desk.url}/people")
        await self.write(self.page.get_by_test_id("sign-in-form"), email=email, password=PASSWORD)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.heading("Who answers now")).to_be_visible(timeout=SHOWN_MS)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name, exact=True)

    async def open(self, tab: str, heading: str | None = None) -> None:
        await self.page.get_by_role("link", name=tab, exact=True).click()
        await expect(self.heading(heading or tab)).to_be_visible(timeout=SHOWN_MS)
        assert await self.desk.fits_its_width()

    async def write(self, form: Locator, **fields: str) -> None:
        """Fill in fields of a form by their names."""
        for name, value in fields.items():
            field = form.locator(f"[name={name}]")
            if await field.evaluate("field => field.tagName") == "SELECT":
                await field.select_option(label=value)
            else:
                await field.fill(value)

    async def put_hours(self, who: str, from_time: str, to_time: str) -> None:
        """Hours of every day into the plan that is open."""
        form = self.said("new-entry")
        await self.write(form, person_id=who, from_time=from_time, to_time=to_time)
        for day in ("Sat", "Sun"):
            await form.get_by_label(day).check()
        await form.get_by_role("button", name="Put them in").click()
        await expect(
            self.said("entry").filter(has_text=f"{from_time}\u2013{to_time}")
        ).to_be_visible()

    def policy_now(self, name: str) -> Locator:
        return self.page.locator(f"[data-testid=policy-now][data-policy='{name}']")


@asynccontextmanager
async def planner(
    house: House, chrome: Browser, email: str = MAYA.email, *, phone: bool = False
) -> AsyncIterator[Planner]:
    async with open_desk(chrome, house.walk.server.url, phone=phone) as desk:
        somebody = Planner(desk)
        await somebody.sign_in(email)
        yield somebody


async def test_lee_is_added_confirmed_put_on_shift_and_answers(
    house: House, chrome: Browser
) -> None:
    async with planner(house, chrome) as maya:
        await lee_is_added_and_confirmed(house, maya)
        await a_plan_with_a_gap(maya)
        # Tier 1 alone is whoever is on shift: that can't be saved while nobody is at night.
        await maya.open("Policies")
        await maya.page.locator("[data-policy=Standard]").get_by_test_id("open-policy").click()
        await expect(maya.heading("Standard")).to_be_visible()
        for _ in range(2):
            await maya.page.get_by_role("button", name="Remove this tier").last.click()
        for each in (DANA, LUIS):
            await maya.page.get_by_role("button", name=f"Take out {each.name}, tier 1").click()
        await maya.page.get_by_label("Put into tier 1").select_option(label="Front desk")
        verdict, save = maya.said("verdict"), maya.said("save-policy")
        await expect(verdict).to_contain_text("It can't be saved like this")
        await expect(verdict.get_by_test_id("grave")).to_contain_text("Nobody would answer")
        await expect(maya.said("member")).to_contain_text("gaps in the next 7 days")
        await expect(save).to_be_disabled()
        assert await maya.desk.fits_its_width()

        # What is changed in the draft stays, while the gap is filled.
        await maya.said("member").get_by_role("link", name="Front desk").click()
        await maya.put_hours(LUIS.name, "18:00", "06:00")
        await expect(maya.said("gap")).to_have_count(0)
        await maya.page.go_back()
        await expect(verdict).to_contain_text("Somebody answers at every hour, in every tier.")
        await save.click()
        await expect(maya.said("notice")).to_contain_text("Standard is saved")

        await maya.open("Now", "Who answers now")
        told = maya.policy_now("Standard").get_by_test_id("answerer")
        await expect(
            told.filter(has_text="Lee Park").or_(told.filter(has_text=LUIS.name))
        ).to_have_count(1)
        await expect(told).to_contain_text("on shift: Front desk")
        await lee_alone_is_on(maya)


async def lee_is_added_and_confirmed(house: House, maya: Planner) -> None:
    await maya.open("People")
    await maya.said("new-person").click()
    form = maya.said("person-form")
    await maya.write(form, name="Lee Park", email="lee@example.org", phone="512 555 0141")
    await form.get_by_role("button", name="Add them").click()
    await expect(form.locator(".problem")).to_contain_text("write it with its country")
    await maya.write(form, phone="+1 512 555 0141")
    await form.get_by_role("button", name="Add them").click()
    await expect(maya.heading("Lee Park")).to_be_visible(timeout=SHOWN_MS)
    contact = maya.said("contact")
    await expect(contact).to_have_attribute("data-state", "unverified")
    phone = house.walk.phones.phone(LEES_NUMBER)
    text = await phone.until_received("your code is")
    await phone.reply("".join(text.body.split("your code is ")[1].split(".")[0].split()))
    # Nobody reloads the page: it reads again by itself.
    await expect(contact).to_have_attribute("data-state", "counts", timeout=SHOWN_MS)
    await expect(contact).to_contain_text("by a code")


async def a_plan_with_a_gap(maya: Planner) -> None:
    await maya.open("Shifts")
    await maya.write(maya.said("new-plan"), name="Front desk")
    await maya.said("new-plan").get_by_role("button", name="Make it").click()
    await expect(maya.heading("Front desk")).to_be_visible(timeout=SHOWN_MS)
    await expect(maya.said("gap")).to_have_count(7)
    form = maya.said("new-entry")
    await maya.write(form, person_id="Lee Park", from_time="6:00", to_time="6:00")
    await form.get_by_role("button", name="Put them in").click()
    await expect(form).to_contain_text("is no time at all")
    await maya.put_hours("Lee Park", "06:00", "18:00")
    await expect(maya.said("gaps")).to_contain_text("Nobody is on in Front desk")
    # Before Lee begins, and after they have left.
    await expect(maya.said("gap")).to_have_count(14)
    await expect(maya.said("day")).to_have_count(7)


async def lee_alone_is_on(maya: Planner) -> None:
    """Whatever hour it is: for once Lee is on instead of Luis, from yesterday to the day after."""
    await maya.open("Shifts")
    await maya.said("open-plan").click()
    once = maya.said("once")
    await maya.write(
        once, person_id="Lee Park", instead_of=LUIS.name, from_time="00:00", to_time="24:00"
    )
    await once.get_by_role("button", name="Save it").click()
    override = maya.said("override")
    await expect(override).to_contain_text("Lee Park instead of Luis Herrera")
    await maya.open("Now", "Who answers now")
    told = maya.policy_now("Standard").get_by_test_id("answerer")
    await expect(told).to_have_count(1)
    await expect(told).to_contain_text("Lee Park")
    await expect(told).to_contain_text("text")
    await maya.open("Shifts")
    await maya.said("open-plan").click()
    await maya.said("undo").click()
    await expect(override).to_have_count(0)


async def test_whom_nothing_reaches_is_red_with_what_to_do_and_mended_on_a_phone(
    house: House, chrome: Browser
) -> None:
    ray = (await ids_of(house))[RAY.email]
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE contact SET unreachable = 'a landline', unreachable_at = clock_timestamp()"
            " WHERE person_id = $1",
            ray,
        )
        nights = [{"patience_s": 60, "people": [ray]}]
        await connection.execute(
            "INSERT INTO policy (jurisdiction, name, tiers) VALUES ($1, 'Nights', $2::jsonb)",
            example.JURISDICTION,
            msgspec.json.encode(nights).decode(),
        )
        await connection.execute(
            "UPDATE site SET policy_id = p.policy_id FROM policy p"
            " WHERE p.name = 'Nights' AND site.name = $1",
            example.CARVER.name,
        )
    async with planner(house, chrome, phone=True) as maya:
        await expect(maya.said("nobody")).to_contain_text("Nights: Nobody would answer now.")
        told = maya.policy_now("Nights").get_by_test_id("answerer")
        await expect(told).to_contain_text("Nothing reaches them: a landline.")
        await maya.open("People")
        line = maya.said("person-line").first
        await expect(line).to_contain_text(
            "A policy or a shift names them, and nothing reaches them"
        )
        await line.click()
        await expect(maya.heading(RAY.name)).to_be_visible()
        await expect(maya.said("contact")).to_contain_text("Nothing arrives here: a landline.")
        await expect(maya.said("contact")).to_contain_text("Ask them which number works")
        form = maya.said("new-contact")
        await maya.write(form, address="+15125550132")
        await form.get_by_label("I have reached them there myself").check()
        await form.get_by_role("button", name="Add it").click()
        second = maya.said("contact").nth(1)
        await expect(second).to_have_attribute("data-state", "counts")
        await expect(maya.said("nobody")).to_have_count(0)
        await second.get_by_test_id("move-up").click()
        await expect(maya.said("contact").first).to_contain_text("+15125550132")
        top = maya.said("contact").first
        await top.get_by_text("Quiet hours").click()
        await top.get_by_test_id("save-quiet").click()
        await expect(top).to_contain_text("Left alone from 22:00 to 06:00, but for danger.")
        assert await maya.desk.fits_its_width()


async def test_everybody_looks_and_keeps_their_own_numbers_and_supervisors_plan(
    house: House, chrome: Browser
) -> None:
    for each in (DANA, SAM):
        async with planner(house, chrome, each.email) as somebody:
            await somebody.open("People")
            await expect(somebody.said("new-person")).to_have_count(0)
            await somebody.page.get_by_role("link", name="how you are reached").click()
            await expect(somebody.said("new-contact")).to_be_visible()
            await expect(somebody.said("vouch")).to_have_count(0)
            await somebody.open("Policies")
            await expect(somebody.said("new-policy")).to_have_count(0)
            await somebody.said("open-policy").first.click()
            await expect(somebody.said("save-policy")).to_have_count(0)
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.sign_in()
        await desk.page.get_by_role("link", name="People", exact=True).click()
        await expect(desk.page.get_by_role("heading", name="Who answers now")).to_be_visible()
        assert example.NAME in await desk.page.locator(".house").inner_text()
