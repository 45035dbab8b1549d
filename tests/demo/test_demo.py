"""The demo, started as a visitor starts it, used in a browser, and ended in every way."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.parts import DANA, LUIS, MAYA, WAIT_S, Screen, Walk
from tocsin_server.demo import furnishing
from tocsin_server.demo.example import Person
from tocsin_server.demo.postgres import free_port
from tocsin_server.demo.responders import SHIFTS

START_S_MAX = 60.0  # a first start takes 5 s here; a busy machine more


@dataclass
class Demo:
    """A running demo and what it printed."""

    process: asyncio.subprocess.Process
    data: Path
    url: str
    printed: str

    @property
    def password(self) -> str:
        """Dana's."""
        found = re.search(rf"{re.escape(DANA.email)} +(\S+)", self.printed)
        assert found is not None, self.printed
        return found.group(1)

    @asynccontextmanager
    async def screen(self) -> AsyncIterator[Screen]:
        """Dana's screen, live."""
        screen = Screen(self.url, email=DANA.email, password=self.password)
        try:
            await screen.open()
            yield screen
        finally:
            await screen.close()

    async def until_printed(self, text: str) -> None:
        """Read on until a line has `text`."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_S_MAX):
            while text not in self.printed:
                line = await self.process.stdout.readline()
                assert line, f"the demo ended: {self.printed}"
                self.printed += line.decode()


def command(data: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "tocsin_server", "demo", "--data", str(data), *options]


@asynccontextmanager
async def running(data: Path, *, port: int | None = None, buttons: int = 1) -> AsyncIterator[Demo]:
    """A demo that is ready. It is killed in the end where the test left it running."""
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(
        *command(data, "--port", str(port), "--buttons", str(buttons)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    demo = Demo(process, data, f"http://127.0.0.1:{port}", "")
    try:
        await demo.until_printed("Ctrl-C ends it.")
        yield demo
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def fails_to_start(data: Path, *options: str) -> str:
    """What a demo that can't start says; it leaves nothing running."""
    ended = subprocess.run(
        command(data, *options), capture_output=True, text=True, timeout=START_S_MAX, check=False
    )
    assert ended.returncode == 1, ended
    (line,) = ended.stderr.splitlines()
    assert processes_in(data) == {}
    return line


def phone_of(page: Page, person: Person) -> Locator:
    """Somebody's phone on the demo's page."""
    return page.locator(f'[data-testid="demo-phone"][data-number="{person.phone}"]')


def processes_in(data: Path) -> dict[int, str]:
    """Every living process that works in the folder, whoever started it."""
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                if (process / "cwd").readlink().is_relative_to(data):
                    found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
    return found


async def all_ended(pids: list[int]) -> None:
    """Return once the kernel says that each of them has ended."""
    loop = asyncio.get_running_loop()
    for pid in pids:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            ended = asyncio.Event()
            loop.add_reader(descriptor, ended.set)
            try:
                await asyncio.wait_for(ended.wait(), WAIT_S)
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)


async def test_a_visitor_presses_and_sees_everything_happen(folder: Path, browser: Browser) -> None:
    async with running(folder / "data") as demo, demo.screen() as screen:
        assert f"ready {demo.url}/" in demo.printed.splitlines()
        assert str(folder / "data") in demo.printed
        page = await browser.new_page()
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        await page.goto(f"{demo.url}/demo")
        lamp = page.get_by_test_id("demo-lamp")
        await expect(lamp).to_have_attribute("data-pattern", "armed")
        await page.get_by_test_id("demo-button").click()
        await expect(lamp).to_have_attribute("data-pattern", "stored")
        alert = await screen.until_alert()
        assert alert.place.room == "Front counter"
        assert alert.place.county == "Travis County"
        shown = (await screen.get(f"alerts/{alert.alert_id}/plans")).json()
        (plan,) = cast("list[dict[str, list[object]]]", shown["plans"])
        assert shown["spot"] is not None
        assert len(plan["entrances"]) == len(furnishing.DOORS)

        phone = phone_of(page, DANA)
        paged = phone.locator('[data-way="in"]').first
        await expect(paged).to_contain_text(alert.code)
        await expect(paged).to_have_attribute("data-status", "delivered")
        await phone.get_by_test_id("demo-reply").fill(alert.code)
        await phone.get_by_role("button", name="Send").click()
        await expect(lamp).to_have_attribute("data-pattern", "acknowledged")
        await expect(lamp).to_have_attribute("data-lit", "true")
        acknowledged = await screen.until_alert(lambda alert: alert.state == "acknowledged")
        assert acknowledged.acknowledged_by is not None
        assert DANA.name in acknowledged.acknowledged_by
        assert troubles == []


async def test_nobody_answers_until_somebody_presses_1_in_a_call(
    folder: Path, browser: Browser
) -> None:
    async with running(folder / "data") as demo:
        page = await browser.new_page()
        await page.goto(f"{demo.url}/demo")
        lamp, luis, maya = (
            page.get_by_test_id("demo-lamp"),
            phone_of(page, LUIS),
            phone_of(page, MAYA),
        )
        mails, hooks = page.get_by_test_id("demo-mail"), page.get_by_test_id("demo-hook")
        # So that nothing here waits for a tier's seconds, or for a report that doesn't come.
        for person in (DANA, LUIS, *SHIFTS, MAYA):
            condition = phone_of(page, person).get_by_test_id("demo-condition")
            await expect(condition).to_have_value("no_report" if person in SHIFTS else "on")
            await condition.select_option("landline" if person is MAYA else "failed")
        await page.get_by_test_id("demo-button").click()
        await expect(luis.get_by_test_id("demo-sms")).to_contain_text("Responda")
        await expect(luis.get_by_test_id("demo-past-call")).to_contain_text("Call failed")

        await expect(page.get_by_role("alert").get_by_role("button")).to_contain_text(MAYA.name)
        await expect(mails).to_contain_text(f"to {MAYA.email}")
        await mails.locator("summary").click()
        async with page.expect_popup() as opened:
            await mails.get_by_role("link").click()
        answer = await opened.value
        await expect(answer.get_by_role("button", name="I have it")).to_be_visible()

        await maya.get_by_role("button", name="Answer").click()
        await expect(maya.get_by_test_id("demo-heard")).to_contain_text("Duress at Counter 2")
        await maya.get_by_role("button", name="1", exact=True).click()
        await expect(lamp).to_have_attribute("data-pattern", "acknowledged")
        await expect(lamp).to_have_attribute("data-lit", "true")
        await expect(maya.get_by_test_id("demo-past-call")).to_contain_text("pressed 1")
        await expect(hooks.first).to_contain_text("alert.acknowledged")
        await expect(hooks.first).to_contain_text(f"by {MAYA.name}")
        await expect(luis.get_by_test_id("demo-sms").last).to_contain_text(MAYA.name)
        await answer.reload()
        await expect(answer.get_by_role("status")).to_contain_text("You have it")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_asked_to_end_it_ends_cleanly_and_leaves_nothing(
    folder: Path, number: signal.Signals
) -> None:
    async with running(folder / "data", buttons=2) as demo, demo.screen():
        children = processes_in(demo.data)
        assert len(children) >= 4, "PostgreSQL, the broker and two agents"
        demo.process.send_signal(number)
        assert demo.process.stdout is not None
        said = (await asyncio.wait_for(demo.process.stdout.read(), WAIT_S)).decode()
        assert await demo.process.wait() == 0
        assert "Traceback" not in said
        assert str(demo.data) in said
        assert processes_in(demo.data) == {}


async def test_killed_it_leaves_nothing_and_starts_again_with_its_data(folder: Path) -> None:
    data = folder / "data"
    async with running(data) as demo, demo.screen() as screen:
        before = set(screen.devices)
        children = processes_in(data)
        demo.process.kill()
        await all_ended(list(children))
        password = demo.password
    async with running(data, buttons=2) as demo, demo.screen() as screen:
        assert demo.password == password
        assert before < set(screen.devices), "the old button is still there beside the new one"


async def test_programs_that_a_visitor_kills_are_started_again(folder: Path) -> None:
    async with running(folder / "data") as demo, demo.screen() as screen:
        (agent,) = [pid for pid, name in processes_in(demo.data).items() if "tocsin_button" in name]
        os.kill(agent, signal.SIGKILL)
        await demo.until_printed("the agent of Button 1 ended; it is started again")
        (broker,) = [pid for pid, name in processes_in(demo.data).items() if "mosquitto" in name]
        os.kill(broker, signal.SIGKILL)
        await demo.until_printed("the broker ended; it is started again")
        async with (
            aiohttp.ClientSession() as visitor,
            visitor.ws_connect(f"{demo.url}/demo/live") as live,
        ):
            device = (await live.receive_json())["devices"][0]
            while device["pattern"] != "armed":  # the agent that was killed is on its way back
                frame = await live.receive_json()
                device = frame.get("device", device)
            await live.send_json({"do": "down", "device_id": device["device_id"]})
            await screen.until_alert()


async def test_two_demos_never_share_a_folder(folder: Path) -> None:
    data = folder / "data"
    async with running(data):
        refused = await asyncio.to_thread(
            subprocess.run,
            command(data, "--port", str(free_port())),
            capture_output=True,
            text=True,
            check=False,
        )
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert "another demo uses" in line


def test_a_taken_port_is_one_clear_line(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = fails_to_start(folder / "data", "--port", str(port))
    assert f"port {port} is taken" in line
    assert "--port" in line


def destroy_control_file(data: Path) -> None:
    (data / "postgres/cluster/global/pg_control").write_bytes(b"no control file at all")


def lose_a_button(data: Path) -> None:
    (button,) = (data / "deployment/devices").iterdir()
    (button / "button.toml").unlink()


def garble_sign_ins(data: Path) -> None:
    (data / "sign-ins.json").write_text("{")


def lose_the_config(data: Path) -> None:
    (data / "deployment/tocsin.toml").unlink()


async def test_a_damaged_folder_is_one_clear_line(folder: Path) -> None:
    data = folder / "data"
    async with running(data) as demo:
        demo.process.send_signal(signal.SIGINT)
        assert await demo.process.wait() == 0
    damages: list[tuple[Callable[[Path], None], str]] = [
        (lose_a_button, "button.toml"),
        (lose_the_config, "tocsin.toml"),
        (garble_sign_ins, "sign-ins.json"),
        (destroy_control_file, "PostgreSQL"),
    ]
    for damage, named in damages:
        await asyncio.to_thread(damage, data)
        assert named in await asyncio.to_thread(
            fails_to_start, data, "--port", str(free_port()), "--buttons", "1"
        )


def test_a_folder_that_is_not_a_demos_is_left_alone(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data/thesis.txt").write_text("years of work")
    assert "isn't empty" in fails_to_start(folder / "data", "--port", str(free_port()))
    assert [file.name for file in (folder / "data").iterdir()] == ["thesis.txt"]
    assert "can't be used" in fails_to_start(folder / "data/thesis.txt")


async def test_the_server_proper_knows_no_demo(walk: Walk) -> None:
    async with aiohttp.ClientSession() as visitor:
        for path in ("/demo", "/demo/live", "/demo/static/demo.js"):
            async with visitor.get(f"{walk.server.url}{path}") as answer:
                assert answer.status == 404
