"""A press of nobody's goes through the whole path, and no dispatcher hears of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import pytest
import pytest_asyncio

from tests.cli.terminal import Terminal
from tests.parts import DANA, LUIS, MAYA, RAY, SAM, WAIT_S, Screen, Walk, until_known
from tocsin_server.cli import synthetic as command
from tocsin_server.cli.synthetic import Run, SetUp, States
from tocsin_server.config import load_config
from tocsin_server.demo.phone import Condition, Phone
from tocsin_server.demo.virtual_button import ButtonState, Pressed, VirtualButton
from tocsin_server.synthetic import Synthetic, queries

NUMBER = "+15125550199"


@pytest_asyncio.fixture
async def office(walk: Walk) -> Terminal:
    return Terminal(walk.deployment.folder.parent, config=walk.server.config)


@pytest_asyncio.fixture
async def made(walk: Walk, office: Terminal) -> SetUp:
    """It is set up, and the server knows it."""
    said = await office.run("synthetic", "set-up", "--phone", NUMBER, "--json")
    made = said.read(SetUp)
    await until_known(walk.server, {made.device_id})
    return made


@pytest.fixture
def phone(walk: Walk) -> Phone:
    return walk.phones.phone(NUMBER)


async def metrics(walk: Walk) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{walk.server.url}/metrics") as answer,
    ):
        return await answer.text()


def assert_nobody_was_bothered(walk: Walk, screen: Screen) -> None:
    for person in (DANA, LUIS, MAYA, RAY, SAM):
        assert walk.phone(person).received == []
    shown = [frame.alert for frame in screen.frames if frame.alert is not None]
    assert shown
    assert all(alert.drill and alert.synthetic for alert in shown)
    assert all(frame.drills in (None, ()) for frame in screen.frames)


async def test_a_press_goes_through_to_the_phone_and_back_to_the_lamp_and_is_measured(
    walk: Walk, screen: Screen, office: Terminal, made: SetUp, phone: Phone
) -> None:
    said = await office.run("synthetic", "run", "--once")
    assert said.code == 0, said
    for stage in ("received", "stored", "receipt", "provider_accepted", "delivered", "lamp"):
        assert stage in said.out
    (text,) = phone.received
    assert "DRILL" in text.body
    await screen.until(
        lambda screen: [alert.state for alert in screen.alerts.values()] == ["resolved"]
    )
    assert_nobody_was_bothered(walk, screen)
    assert msgspec.json.decode((await screen.get("alerts")).body)["alerts"] == []
    for drill in ("true", "false"):
        latency = (await screen.get(f"latency?drill={drill}")).json()
        assert latency["alerts"] == [], "it is in no statistics"
    (state,) = (await office.run("synthetic", "list", "--json")).read(States).synthetic
    assert state.problem is None
    assert set(state.stages) >= {"delivered", "lamp"}
    await office.good("verify")
    figure = f'tocsin_synthetic_press_seconds{{jurisdiction="{made.jurisdiction}",stage="lamp"}}'
    await screen.until(lambda screen: not screen.faults)
    while figure not in await metrics(walk):
        pass  # until the next audit


@dataclass(frozen=True, slots=True)
class Rig:
    """What `tocsin synthetic run` has: its button, and the database."""

    pool: asyncpg.Pool
    known: Synthetic
    agent: VirtualButton

    async def run(self) -> Run:
        return await command._run_once(self.pool, self.known, self.agent)


@pytest_asyncio.fixture
async def rig(walk: Walk, made: SetUp) -> AsyncIterator[Rig]:
    folder = Path(load_config(walk.server.config).folder)
    agent = VirtualButton(folder / "devices" / made.device_id)
    async with walk.database.pool() as pool:
        known = Synthetic(**await queries.of(pool, jurisdiction=made.jurisdiction))
        try:
            yield Rig(pool, known, agent)
        finally:
            await agent.stop()


async def test_one_that_reaches_no_phone_says_so_and_leaves_nothing_open(
    walk: Walk, screen: Screen, phone: Phone, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone.condition = Condition.OFF
    monkeypatch.setattr(command, "DELIVERY_S_MAX", 3.0)
    run = await rig.run()
    assert run.problem == "the provider's delivery report did not come"
    assert "provider_accepted" in run.stages
    await screen.until(
        lambda screen: [alert.state for alert in screen.alerts.values()] == ["resolved"]
    )
    phone.condition = Condition.ON
    monkeypatch.undo()
    assert (await rig.run()).problem is None
    assert_nobody_was_bothered(walk, screen)


async def test_what_was_taken_for_real_is_left_to_people(
    screen: Screen, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button says drill, and the window has gone meanwhile."""
    press = rig.agent.press

    async def press_too_late() -> Pressed:
        await queries.end_windows(rig.pool, site_id=rig.known.site_id)
        return await press()

    monkeypatch.setattr(rig.agent, "press", press_too_late)
    assert (await rig.run()).problem == "its press was taken for a real alert: look at that one"
    alert = await screen.until_alert(lambda alert: not alert.drill)
    assert (alert.state, alert.synthetic) == ("open", False)
    monkeypatch.undo()

    async def connected(*, timeout_s: float) -> ButtonState:
        """Only what does not come is to take its time in vain."""
        return await until_connected(timeout_s=timeout_s + WAIT_S)

    until_connected = rig.agent.until_connected
    monkeypatch.setattr(rig.agent, "until_connected", connected)
    monkeypatch.setattr(command, "STEP_S_MAX", 1.0)
    assert "the end of the press before it" in ((await rig.run()).problem or "")
    await screen.resolve(alert)
    monkeypatch.undo()
    assert (await rig.run()).problem is None


async def test_what_a_run_that_was_cut_off_left_open_is_closed_by_the_next(
    screen: Screen, phone: Phone, rig: Rig
) -> None:
    running = asyncio.create_task(rig.run())
    await phone.until_received("DRILL")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    (problem,) = await rig.pool.fetch("SELECT problem FROM synthetic_run")
    assert problem["problem"] == "it was stopped in the middle"
    await screen.until(
        lambda screen: any(one.state == "resolved" for one in screen.alerts.values())
    )
    assert (await rig.run()).problem is None


async def test_it_is_set_up_once_and_its_figures_can_be_changed(
    walk: Walk, office: Terminal
) -> None:
    (await office.run("synthetic", "run", "--once")).refused("tocsin synthetic set-up")
    (await office.run("synthetic", "set-up")).refused("--phone")
    (await office.run("synthetic", "set-up", "--phone", "12")).refused("no phone number")
    devices = walk.deployment.folder / "devices"
    assert not devices.exists() or list(devices.iterdir()) == []
    first = (await office.run("synthetic", "set-up", "--phone", NUMBER, "--json")).read(SetUp)
    assert (first.every_s, first.slow_s) == (300, 20)
    again = await office.run("synthetic", "set-up", "--every", "900", "--slow", "30", "--json")
    assert again.read(SetUp) == msgspec.structs.replace(first, every_s=900, slow_s=30)
    other = await office.run("synthetic", "set-up", "--phone", "+15125550198")
    other.refused("another number")
    for wrong in (("--every", "59"), ("--slow", "0"), ("--every", "soon")):
        (await office.run("synthetic", "set-up", *wrong)).not_understood(wrong[0])
