"""A dispatch room in its worst hour: hundreds of buttons, the real server, and one watched page.

Promise: every press goes the whole way, from a button's own certificate by the broker to the page;
the page is the one that dispatchers have, in Chromium, and says itself what it has painted.

Refused: a page that is left alone while it is measured. Phones are texted meanwhile, as they are.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import CDPSession, Page, expect

from tests import parts
from tests.browser.desk import SCREEN_PX, SHOWN_MS, Desk
from tests.parts import DANA, PASSWORD, Deployment
from tocsin_server.bench.publisher import Sent
from tocsin_server.bench.screen import ProductScreen
from tocsin_server.bench.stand import Publisher, place_devices, start_publisher
from tocsin_server.demo import example
from tocsin_server.fleet.deployment import add_device

PATIENCE_S = (3600.0, 3600.0, 3600.0)  # so that no alert climbs while others are measured
WATCHED = Path(__file__).with_name("watched.js")
CARDS = "[data-testid=alert-card]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The buttons, a colleague's screen that resolves what is over, and the page."""

    device_ids: list[str]
    publisher: Publisher
    screen: ProductScreen
    desk: Desk
    page: Page
    devtools: CDPSession

    async def open_page(self) -> None:
        """Have it loaded anew, with nothing noted yet. It is signed in since the first time."""
        await self.page.goto(self.desk.url)
        await expect(self.page.locator("main.alerts-page")).to_be_visible(timeout=SHOWN_MS)

    async def press(self, count: int) -> None:
        """Have the first `count` buttons pressed at once; returns when the page has their cards."""
        await self.publisher.press_all(count, within_s=0.0)
        await self.publisher.account()
        await self.until_cards(count)

    async def press_one(self, button: int) -> tuple[Sent, float]:
        """Have one button pressed; gives that, and by the wall's clock when the page painted it."""
        device_id = self.device_ids[button]
        seen = self.screen.expect(device_id)
        self.publisher.press(button, "product")
        await seen
        (alert,) = (each for each in self.screen.open_alerts() if each.device_id == device_id)
        painted_s = await self.page.wait_for_function(
            "alert_id => watched.painted[alert_id]", arg=alert.alert_id, timeout=SHOWN_MS
        )
        (sent,) = (await self.publisher.account()).sent
        return sent, await painted_s.json_value()

    async def resolve_all(self) -> None:
        """Have the colleague end every alert; returns once the page has none."""
        await self.screen.resolve_all()
        await self.until_cards(0)

    async def until_cards(self, count: int) -> None:
        await expect(self.page.locator(CARDS)).to_have_count(count, timeout=SHOWN_MS)

    async def frames_while_scrolling(self, px: int, px_a_s: int) -> float:
        """How many frames a second the page draws while somebody scrolls down so far."""
        seconds = px / px_a_s
        await self.page.evaluate("scrollTo(0, 0)")
        frames = self.page.evaluate("seconds => watchFrames(seconds)", seconds)
        where = {"x": SCREEN_PX["width"] / 3, "y": SCREEN_PX["height"] / 2}
        gesture = {"yDistance": -px, "speed": px_a_s, "gestureSourceType": "mouse"}
        times: list[float]
        times, _ = await asyncio.gather(
            frames, self.devtools.send("Input.synthesizeScrollGesture", where | gesture)
        )
        return 1000 * (len(times) - 1) / (times[-1] - times[0])

    async def heap_mb(self) -> float:
        """What the page holds on to when nothing is left to be thrown away."""
        await self.devtools.send("HeapProfiler.collectGarbage")
        usage = await self.devtools.send("Runtime.getHeapUsage")
        return float(usage["usedSize"]) / 1e6


@asynccontextmanager
async def crowd(folder: Path, *, buttons: int) -> AsyncIterator[Crowd]:
    """Everything, with the page signed in and nothing pressed yet."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(parts.own_postgres(folder / "p"))
        database = await stack.enter_async_context(parts.fresh_database(postgres, parts.EXAMPLE))
        deployment = Deployment(folder / "d")
        brokers = [deployment.broker_url]
        devices = [
            add_device(deployment.folder, jurisdiction=example.JURISDICTION, brokers=brokers)
            for _ in range(buttons)
        ]
        async with database.pool() as pool:
            await place_devices(pool, devices)
        walk = await stack.enter_async_context(
            parts.whole_walk(deployment, database, patience_s=PATIENCE_S)
        )
        publisher = await start_publisher(
            stack, devices, broker_url=deployment.broker_url, folder=folder
        )
        await publisher.connect(buttons)
        screen = await stack.enter_async_context(
            ProductScreen(walk.server.url, email=DANA.email, password=PASSWORD)
        )
        browser = await stack.enter_async_context(parts.chromium())
        context = await browser.new_context(
            viewport={"width": SCREEN_PX["width"], "height": SCREEN_PX["height"]}
        )
        stack.push_async_callback(context.close)
        page = await context.new_page()
        await page.add_init_script(path=WATCHED)
        desk = Desk(page, walk.server.url)
        await desk.sign_in()
        yield Crowd(
            device_ids=[device.device_id for device in devices],
            publisher=publisher,
            screen=screen,
            desk=desk,
            page=page,
            devtools=await context.new_cdp_session(page),
        )
        desk.check()
