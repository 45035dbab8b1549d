"""Take the README's pictures of the console from a demo that is running.

Promises: everything in the pictures happened. A demo was started, a dispatcher signed in by
typing and clicking, two virtual buttons were pressed, texts were delivered to the demo's phones,
and a colleague took one of the alerts by answering with its code. What was started is ended, and
the demo's folder is deleted.

Refused: drawing, editing, or waiting by the clock.
"""

import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

DOCS = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
WAIT_MS = 60_000  # a busy machine is slow; each wait ends at its event
ENDS_S_MAX = 10.0  # the demo promises 5
DISPATCHER = "dana@example.org"
COLLEAGUE = "Luis Herrera"  # who is texted in Spanish


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the demo is, and how the dispatcher gets in."""

    url: str
    password: str


def main() -> int:
    """Take both pictures. Gives the exit code."""
    expect.set_options(timeout=WAIT_MS)
    with (
        tempfile.TemporaryDirectory() as folder,
        _demo(Path(folder) / "demo") as demo,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        desk = _signed_in(_desk(browser), demo)
        phone = _signed_in(_phone(browser), demo)
        _make_news(browser, demo)
        _take(desk, DOCS / "console.png")
        _take(phone, DOCS / "phone.png")
        browser.close()
    return 0


@contextmanager
def _demo(data: Path) -> Iterator[Demo]:
    """A demo on a free port, ended as Ctrl-C ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin_server", "demo", "--data", data, "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        printed = _read_until(process, "Ctrl-C ends it.")
        url = re.search(r"^ready (\S+)/$", printed, re.MULTILINE)
        password = re.search(rf"{re.escape(DISPATCHER)}\s+(\S+)", printed)
        if url is None or password is None:
            raise SystemExit(f"the demo didn't get ready: {printed}")
        yield Demo(url.group(1), password.group(1))
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(ENDS_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _read_until(process: subprocess.Popen[str], last: str) -> str:
    printed = ""
    for line in process.stdout or ():
        printed += line
        if last in line:
            break
    return printed


def _signed_in(context: BrowserContext, demo: Demo) -> Page:
    """Dana's console, live and quiet."""
    page = context.new_page()
    page.goto(demo.url)
    page.get_by_label("E-mail").fill(DISPATCHER)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    working = page.locator('[data-testid="device-row"][data-state="ok"]')
    expect(working).to_have_count(3)
    return page


def _make_news(browser: Browser, demo: Demo) -> None:
    """One alert that a colleague has taken by text, and one that still waits."""
    desk = _desk(browser).new_page()
    desk.goto(f"{demo.url}/demo")
    expect(desk.get_by_test_id("demo-phone")).not_to_have_count(0)
    phone = desk.get_by_test_id("demo-phone").filter(
        has=desk.get_by_role("heading", name=COLLEAGUE)
    )
    lamps = desk.get_by_test_id("demo-lamp")
    for carrier in desk.get_by_test_id("demo-condition").all():
        carrier.select_option("on")  # all of them: one that reports nothing is never done

    desk.get_by_test_id("demo-button").nth(1).click()
    code = re.search(r"Responda (\d{4,6})", _delivered(phone, 1).inner_text())
    if code is None:
        raise SystemExit("the text has no code to answer with")
    phone.get_by_test_id("demo-reply").fill(code.group(1))
    phone.get_by_role("button", name="Send").click()
    expect(lamps.nth(1)).to_have_attribute("data-pattern", "acknowledged")
    _delivered(phone, 2)  # "You have it": so that the carrier is done with the first alert

    desk.get_by_test_id("demo-button").nth(0).click()
    expect(lamps.nth(0)).to_have_attribute("data-pattern", "stored")
    _delivered(phone, 3)
    desk.close()


def _delivered(phone: Locator, count: int) -> Locator:
    """The phone's latest message, once it has got `count` of them."""
    arrived = phone.locator('[data-testid="demo-sms"][data-way="in"][data-status="delivered"]')
    expect(arrived).to_have_count(count)
    return arrived.last


def _take(page: Page, file: Path) -> None:
    """Once nothing is under way any more: texts, heartbeats, notices, the map."""
    waiting = page.locator('[data-testid="alert-card"][data-state="open"]')
    taken = page.locator('[data-testid="alert-card"][data-state="acknowledged"]')
    expect(waiting).to_have_count(1)
    expect(taken).to_have_count(1)
    for told in waiting.get_by_test_id("told").locator("li").all():
        expect(told).to_have_attribute("data-state", "delivered")
    buttons = page.get_by_test_id("devices")
    expect(buttons).not_to_contain_text("outbox")
    expect(buttons).to_contain_text("last proven")
    expect(page.get_by_test_id("notice")).to_have_count(0)
    expect(page.get_by_test_id("map")).to_contain_text("1")  # the alerts at a site
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=file)


def _desk(browser: Browser) -> BrowserContext:
    return browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="light", locale="en-US"
    )


def _phone(browser: Browser) -> BrowserContext:
    return browser.new_context(
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
        color_scheme="light",
        locale="en-US",
    )


if __name__ == "__main__":
    sys.exit(main())
