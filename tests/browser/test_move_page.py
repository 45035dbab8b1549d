"""A button is carried to another room: said on the page, and proven there with one press."""

import pytest
from playwright.async_api import Browser, expect

from tests import drawings
from tests.browser.desk import SHOWN_MS
from tests.browser.keeper import Keeper, keeper
from tests.parts import DANA, MAYA, SAM
from tests.walk.house import House
from tocsin_server.demo.virtual_button import VirtualButton

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def open_button(somebody: Keeper, button: VirtualButton) -> None:
    await somebody.page.goto(f"{somebody.desk.url}/facilities#/buttons/{button.device_id}")
    await expect(somebody.said("around")).to_be_visible(timeout=SHOWN_MS)


async def prove(house: House, button: VirtualButton) -> None:
    await button.press()
    alert = await house.alert_of(button.device_id, lambda each: each.state == "open")
    await house.screen.acknowledge(alert)
    await house.screen.resolve(alert, "test")


async def test_a_button_is_moved_to_a_new_room_and_proven_there(
    house: House, chrome: Browser
) -> None:
    button = await house.button(room="Front counter")
    await prove(house, button)
    async with keeper(house, chrome) as sam:
        await sam.open_site()
        await sam.said("plans-link").click()
        await sam.send_plan("Ground floor", "plan.svg", drawings.svg())
        await expect(sam.said("plan")).to_be_visible(timeout=SHOWN_MS)
        await open_button(sam, button)
        state = sam.said("state")
        await expect(state).to_have_attribute("data-standing", "armed", timeout=SHOWN_MS)
        await expect(sam.said("prove-here")).to_have_count(0)

        await sam.said("move").click()
        await expect(sam.said("move-form")).to_contain_text("it has to be proven again")
        await sam.write(room="Gymnasium", spot="Table 3", surroundings="the stage on the left")
        await sam.page.get_by_label("Counting table").check()
        await sam.tap((0.4, 0.6))
        await expect(sam.said("mark")).to_have_count(1)
        assert await sam.desk.fits_its_width()
        await sam.said("save-move").click()
        await expect(sam.said("moved")).to_contain_text(
            f"Moved here from Front counter, Under the desk, floor 1, Main building by {SAM.name}"
        )
        await expect(sam.said("around")).to_contain_text("Gymnasium, Table 3")
        await expect(sam.said("mark")).to_have_count(1)
        await expect(state).to_have_attribute("data-standing", "unproven", timeout=SHOWN_MS)
        await expect(state).to_contain_text("Not proven since it was moved")
        assert await sam.desk.fits_its_width()

        await sam.said("prove-now").click()
        await sam.at("press")
        await button.until(lambda known: known.drill)
        await button.press()
        await sam.at("pressed")
        await expect(sam.said("step")).to_contain_text("Gymnasium")
        await sam.said("acknowledge").click()
        await sam.at("armed")
        await button.until_lamp("acknowledged")
        await sam.said("done").click()
        await expect(state).to_have_attribute("data-standing", "armed", timeout=SHOWN_MS)
        await button.until(lambda known: not known.drill)


async def test_of_two_who_move_it_the_second_is_told_and_may_choose_a_place_that_is_known(
    house: House, chrome: Browser
) -> None:
    button = await house.button(room="Lobby")
    async with keeper(house, chrome) as sam, keeper(house, chrome, MAYA.email) as maya:
        for somebody in (sam, maya):
            await open_button(somebody, button)
            await somebody.said("move").click()
            await somebody.write(room=f"Room of {somebody is sam}", spot="Door")
        await sam.said("save-move").click()
        await expect(sam.said("moved")).to_be_visible(timeout=SHOWN_MS)
        await maya.said("save-move").click()
        problem = maya.said("move-form").get_by_role("alert")
        await expect(problem).to_contain_text(
            f"was moved meanwhile, to Room of True, Door by {SAM.name}. Nothing was changed"
        )
        await maya.page.reload()
        await expect(maya.said("moved")).to_contain_text("Moved here from Lobby")
        await maya.said("move").click()
        back = maya.said("move-to")
        await back.select_option(label="Lobby, Under the desk, floor 1, Main building")
        await expect(maya.page.locator("[name=room]")).to_have_count(0)
        assert await maya.desk.fits_its_width()
        await maya.said("save-move").click()
        await expect(maya.said("moved")).to_contain_text("Moved here from Room of True")


async def test_a_doubtful_place_is_confirmed_by_whoever_looked(
    house: House, chrome: Browser
) -> None:
    button = await house.button(room="Cellar")
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "INSERT INTO place_doubt (device_id, jurisdiction, digest, verdict)"
            " SELECT device_id, jurisdiction, 'there', 'doubtful' FROM device WHERE device_id = $1",
            button.device_id,
        )
        async with keeper(house, chrome) as sam:
            await open_button(sam, button)
            state = sam.said("state")
            await expect(state).to_have_attribute("data-standing", "doubtful", timeout=SHOWN_MS)
            await sam.said("confirm-place").click()
            await expect(state).to_have_attribute("data-standing", "unproven", timeout=SHOWN_MS)
        doubts = await connection.fetchval("SELECT count(*) FROM place_doubt")
    assert doubts == 0


async def test_whoever_may_only_look_moves_nothing(house: House, chrome: Browser) -> None:
    button = await house.button(room="Vault")
    async with keeper(house, chrome, DANA.email) as dana:
        await open_button(dana, button)
        for act in ("move", "prove-here"):
            await expect(dana.said(act)).to_have_count(0)
        await dana.page.goto(f"{dana.desk.url}/facilities#/buttons/{button.device_id}/prove")
        await expect(dana.said("state")).to_be_visible()
