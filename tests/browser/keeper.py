"""Somebody who keeps the buttons, a phone in one hand, before the page for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Locator, expect

from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.claims.board import Board
from tests.parts import PASSWORD, SAM
from tests.walk.house import House, Sender
from tocsin_server.demo import example
from tocsin_server.demo.virtual_button import VirtualButton

Point = tuple[float, float]  # of a plan, in parts of its width and height


class Keeper:
    """One page, and what is done on it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.page = desk.page

    def said(self, name: str) -> Locator:
        return self.desk.said(name)

    async def sign_in(self, email: str, *, at: str = "/facilities") -> None:
        """Returns when the sites are shown."""
        page = self.page
        await page.goto(f"{self.desk.url}{at}")
        await page.locator("input[name=email]").fill(email)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Sites")).to_be_visible(timeout=SHOWN_MS)
        await expect(self.said("stale-banner")).to_be_hidden(timeout=SHOWN_MS)

    async def open_site(self, name: str = example.CLERK.name) -> None:
        await self.said("site-line").filter(has_text=name).click()
        await self.stands_at(name)

    async def stands_at(self, name: str) -> None:
        await expect(self.page.get_by_role("heading", name=name)).to_be_visible(timeout=SHOWN_MS)

    async def write(self, **fields: str) -> None:
        """Fill in fields by their names."""
        for name, value in fields.items():
            await self.page.locator(f"[name={name}]").fill(value)

    async def save_site(self) -> None:
        await self.said("save-site").click()
        assert await self.desk.fits_its_width()

    async def send_plan(self, title: str, file: str, content: bytes) -> None:
        await self.write(title=title)
        chosen = self.page.locator("input[name=file]")
        # Its type is what a browser makes of its name, and no more is known of it.
        await chosen.set_input_files({"name": file, "mimeType": "", "buffer": content})
        await self.said("send-plan").click()

    async def tap(self, point: Point) -> None:
        """Tap the plan that is shown."""
        picture = self.said("plan-picture")
        await picture.scroll_into_view_if_needed()
        box = await picture.bounding_box()
        assert box is not None
        x, y = point
        await picture.click(position={"x": x * box["width"], "y": y * box["height"]})

    async def new_code(self, *, room: str, spot: str, on_plan: Point | None = None) -> str:
        """From the site's page to a code."""
        await self.said("add-button").click()
        await self.fill_in(room=room, spot=spot, on_plan=on_plan)
        return await self.said("claim-code").inner_text()

    async def fill_in(self, *, room: str, spot: str, on_plan: Point | None = None) -> None:
        await self.write(room=room, spot=spot)
        if on_plan is not None:
            await self.tap(on_plan)
            await expect(self.said("mark")).to_have_count(1)
        await self.said("get-code").click()
        await self.at("code")

    async def at(self, step: str) -> None:
        await expect(self.said("step")).to_have_attribute("data-step", step, timeout=SHOWN_MS)
        assert await self.desk.fits_its_width()

    async def prove(self, button: VirtualButton) -> None:
        """From a button that is connected to one that is armed."""
        await self.at("press")
        await button.until(lambda state: state.drill)
        await button.press()
        await self.at("pressed")
        await self.said("acknowledge").click()
        await self.at("armed")
        await button.until_lamp("acknowledged")

    def line(self, button: VirtualButton | Sender) -> Locator:
        return self.page.locator(f"li[data-device-id={button.device_id}]")

    async def stands(self, button: VirtualButton, standing: str, *, timeout_ms: float) -> None:
        """Returns once the site's list says so."""
        line = self.line(button)
        await expect(line).to_have_attribute("data-standing", standing, timeout=timeout_ms)


@asynccontextmanager
async def keeper(
    house: House, chrome: Browser, email: str = SAM.email, *, at: str = "/facilities"
) -> AsyncIterator[Keeper]:
    """A phone in one hand, signed in."""
    async with open_desk(chrome, house.walk.server.url, phone=True) as desk:
        somebody = Keeper(desk)
        await somebody.sign_in(email, at=at)
        yield somebody


@asynccontextmanager
async def claimed(
    sam: Keeper,
    house: House,
    folder: Path,
    *,
    room: str,
    spot: str,
    on_plan: Point | None = None,
) -> AsyncIterator[VirtualButton]:
    """A board that has become a button by the code on the page, and runs."""
    code = await sam.new_code(room=room, spot=spot, on_plan=on_plan)
    board = Board(folder)
    said = await board.claim(code, "--server", house.walk.server.url)
    assert said.code == 0, said
    button = VirtualButton(board.folder)
    await sam.at("answered")
    await expect(sam.said("claimed-as")).to_contain_text(button.device_id)
    try:
        await button.start()
        yield button
    finally:
        await button.kill()
