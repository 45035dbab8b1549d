"""The demo's other system: what it lists came over the wire, signed."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

import tocsin_server.web
from tests.hooks.followed import DANA, Followed
from tocsin_server.demo.hook_receiver import NAME, HookReceiver
from tocsin_server.demo.mailbox import Mailbox
from tocsin_server.demo.page import mount_demo
from tocsin_server.demo.phone import PhoneNetwork
from tocsin_server.demo.settings import allow_local_hooks

CONSOLE = Path(tocsin_server.web.__file__).parent / "console"


@pytest.fixture
async def url(followed: Followed) -> AsyncIterator[str]:
    """The demo's page without buttons and phones, and its receiver."""
    network = PhoneNetwork(account_sid="AC1", auth_token="t", from_number="+15125550100")
    receiver, app = HookReceiver(), web.Application()
    app.router.add_static("/static/console", CONSOLE)
    mount_demo(app, desks=[], network=network, holders=[], mailbox=Mailbox())
    receiver.mount(app)
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    async with receiver.running(followed.pool):
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


@pytest.fixture
async def page(browser: Browser, url: str) -> Page:
    page = await browser.new_page(viewport={"width": 1280, "height": 900})
    await page.goto(f"{url}/demo")
    return page


async def test_what_was_sent_is_listed_with_the_newest_first(
    followed: Followed, page: Page
) -> None:
    await expect(page.get_by_text("Nothing yet: press a button.")).to_be_visible()
    alert_id = await followed.press(drill=True)
    await followed.do("make_actual", alert_id, DANA)
    await followed.acknowledge(alert_id)
    await followed.send_all()
    entries = page.get_by_test_id("demo-hook")
    await expect(entries).to_have_count(3)
    await expect(entries.nth(0)).to_contain_text("alert.acknowledged")
    await expect(entries.nth(0)).to_contain_text(f"duress, County Clerk, by {DANA}")
    await entries.nth(0).locator("summary").click()
    await expect(entries.nth(0).locator("pre")).to_contain_text('"state": "acknowledged"')
    await page.set_viewport_size({"width": 390, "height": 844})
    for selector in ("html", "#hooks"):
        has_room = "element => element.scrollWidth <= element.clientWidth"
        assert await page.locator(selector).evaluate(has_room), selector
    await expect(page.get_by_text("Nothing yet")).to_be_hidden()


async def test_a_drill_is_marked_on_the_list(followed: Followed, page: Page) -> None:
    await followed.press(drill=True)
    await followed.press(drill=False)
    await followed.send_all()
    entries = page.get_by_test_id("demo-hook")
    await expect(entries).to_have_count(2)
    drill = page.get_by_text("DRILL", exact=True)
    await expect(drill.locator("visible=true")).to_have_count(1)


async def test_what_is_not_signed_is_refused_and_not_listed(followed: Followed, page: Page) -> None:
    (hook,) = await followed.hooks()
    headers = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    async with aiohttp.ClientSession() as session:
        for given in ({}, headers, headers | {"webhook-timestamp": "x"}):
            async with session.post(hook.url, data=b"{}", headers=given) as answer:
                assert answer.status == 401
    await followed.press()
    await followed.send_all()
    await expect(page.get_by_test_id("demo-hook")).to_have_count(1)


async def test_the_next_start_takes_the_place_of_the_one_before(followed: Followed) -> None:
    for _ in range(2):
        async with HookReceiver().running(followed.pool):
            (hook,) = await followed.hooks()
            assert hook.name == NAME
            await followed.press()
            await followed.send_all()
    (hook,) = await followed.hooks()
    assert hook.waiting == 0


def test_a_configuration_that_says_where_webhooks_go_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text('# [hooks]\nlisten = "x"\n')
    allow_local_hooks(file)
    once = file.read_text()
    assert once.endswith("\n[hooks]\nallow_http = true\n")
    allow_local_hooks(file)
    assert file.read_text() == once
