"""The agent with a finger on each single contact, run inside the test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol, cast

import gpiozero
import pytest
import pytest_asyncio

from tests.button.station import Button, Field
from tocsin_button import agent as agents
from tocsin_button import config, health, materials, systemd
from tocsin_button.agent import Agent
from tocsin_button.config import SUGGESTED_ASSIST_PIN, SUGGESTED_TAMPER_PIN
from tocsin_button.control import AgentState, PressAnswer
from tocsin_button.state_folder import hold_state
from tocsin_wire.messages import Press
from tocsin_wire.signing import SigningKey

PATIENCE_S = 20.0
NO, NC, LAMP = 17, 27, 22
Starter = Callable[..., "asyncio.Future[Inside]"]


class Wire(Protocol):
    """A mock pin, moved as a hand or a pair of pliers would."""

    state: bool

    def drive_low(self) -> None: ...
    def drive_high(self) -> None: ...


def wire(number: int) -> Wire:
    return cast("Wire", gpiozero.Device.pin_factory.pin(number))


class Inside:
    """An agent in this process, with the field around it."""

    def __init__(self, agent: Agent, button: Button, field: Field) -> None:
        self.agent, self.button, self.field = agent, button, field

    async def until(self, claim: Callable[[AgentState], bool]) -> AgentState:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                state = self.agent.state()
                if claim(state):
                    return state
                await asyncio.sleep(0.01)

    async def presses(self, count: int) -> list[Press]:
        """Wait for so many different presses; give each in the order they were made."""

        def made() -> list[Press]:
            first = {press.press_id: press for _, press in reversed(self.field.station.presses)}
            return sorted(first.values(), key=lambda press: press.seq)

        await self.field.station.until(lambda: len(made()) >= count)
        return made()


@asynccontextmanager
async def running(field: Field, **settings: str) -> AsyncIterator[Inside]:
    button = field.add_button(**settings)
    loaded = config.load(button.config)
    stop = asyncio.Event()
    with hold_state(loaded.state_path):
        agent = Agent(loaded, materials.load(loaded))
        run = asyncio.create_task(agent.run(stop))
        try:
            inside = Inside(agent, button, field)
            await button.watch(lambda state: state.links[0].connected)
            yield inside
        finally:
            stop.set()
            await run


@pytest_asyncio.fixture
async def start(field: Field, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Starter]:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    async with AsyncExitStack() as stack:

        def begin(**settings: str) -> "asyncio.Future[Inside]":
            return asyncio.ensure_future(stack.enter_async_context(running(field, **settings)))

        yield begin


async def test_either_contact_alone_sends_a_press_and_then_a_fault(start: Starter) -> None:
    inside = await start()
    wire(NC).drive_high()  # the wire is cut
    (press,) = await inside.presses(1)
    assert (press.kind, press.gesture) == ("duress", "press")
    state = await inside.until(lambda state: bool(state.faults))
    assert state.faults == ["contacts disagree"]
    assert not state.armed
    await inside.field.station.until(lambda: "contacts disagree" in inside.field.station.selftest())
    wire(NO).drive_low()  # and the other contact still is the button
    assert len(await inside.presses(2)) == 2


async def test_a_press_too_short_to_be_read_back_counts(start: Starter) -> None:
    inside = await start()
    wire(NO).drive_low()
    wire(NO).drive_high()
    (press,) = await inside.presses(1)
    assert press.gesture == "press"


async def test_a_double_and_a_hold_are_further_presses(start: Starter) -> None:
    inside = await start(hold_s="1.5", double_within_s="3.0")
    for _ in range(2):
        wire(NO).drive_low()
        wire(NC).drive_high()
        # A finger that waited for the station might be held down, or come too late for a double.
        await inside.until(lambda _: inside.agent._button.due_s is not None)
        wire(NO).drive_high()
        wire(NC).drive_low()
        await inside.until(lambda _: inside.agent._button.due_s is None)  # it is up, not bouncing
    wire(NO).drive_low()
    wire(NC).drive_high()
    presses = await inside.presses(4)
    assert [press.gesture for press in presses] == ["press", "double", "press", "hold"]
    assert {press.kind for press in presses} == {"duress"}


async def test_a_hold_may_cancel_the_press_it_began_with(start: Starter) -> None:
    inside = await start(hold_s="0.5", hold_is_cancel="true")
    wire(NO).drive_low()
    wire(NC).drive_high()
    press, cancel = await inside.presses(2)
    assert (cancel.kind, cancel.gesture, cancel.cancels) == ("cancel", "hold", press.press_id)
    state = await inside.until(lambda state: len(state.open) == 2)
    assert state.pattern == "pressed"


@pytest.mark.parametrize("hold_is_cancel", ["false", "true"])
async def test_a_hold_is_a_drill_where_its_press_was_whatever_is_told_meanwhile(
    start: Starter, hold_is_cancel: str
) -> None:
    """In a walk test the drill is over for a button as soon as its press is stored."""
    inside = await start(hold_s="1.5", hold_is_cancel=hold_is_cancel)
    station, device_id = inside.field.station, inside.button.device_id
    await station.until(lambda: bool(station.heartbeats()))
    boot_id = station.heartbeats()[-1].boot_id
    station.command(device_id, boot_id, 1, "drill_begin", until_s=600)
    await inside.until(lambda state: state.drill)
    wire(NO).drive_low()
    wire(NC).drive_high()
    await inside.presses(1)
    station.command(device_id, boot_id, 2, "drill_end")
    await inside.until(lambda _: not inside.agent._is_drill())
    press, hold = await inside.presses(2)
    assert [press.gesture, hold.gesture] == ["press", "hold"]
    assert [press.drill, hold.drill] == [True, True]


async def test_tamper_is_a_press_of_its_own_kind_and_a_fault_while_it_lasts(
    start: Starter,
) -> None:
    inside = await start(tamper=str(SUGGESTED_TAMPER_PIN))
    wire(SUGGESTED_TAMPER_PIN).drive_high()
    (press,) = await inside.presses(1)
    assert press.kind == "tamper"
    state = await inside.until(lambda state: bool(state.faults))
    assert (state.faults, state.pattern) == (["enclosure is open"], "fault")
    wire(SUGGESTED_TAMPER_PIN).drive_low()
    await inside.until(lambda state: state.pattern == "armed")


async def test_assist_has_its_own_pin_and_kind(start: Starter) -> None:
    inside = await start(assist=str(SUGGESTED_ASSIST_PIN))
    wire(SUGGESTED_ASSIST_PIN).drive_low()
    (press,) = await inside.presses(1)
    assert (press.kind, press.gesture) == ("assist", "press")


async def test_the_lamp_s_pin_is_what_the_state_says(start: Starter) -> None:
    inside = await start()
    assert not wire(LAMP).state
    wire(NO).drive_low()
    wire(NC).drive_high()
    (press,) = await inside.presses(1)
    inside.field.station.receipt(press, "acknowledged")
    await inside.until(lambda state: state.pattern == "acknowledged" and state.lit)
    assert wire(LAMP).state


async def test_no_server_for_long_is_a_fault_until_a_genuine_pulse(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "SERVER_SILENT_S", 1.0)
    inside = await start()
    state = await inside.until(lambda state: bool(state.faults))
    assert (state.faults, state.pattern) == (["no server heard for 30 s"], "fault")
    station = inside.field.station
    genuine, station.key = station.key, SigningKey.generate()
    station.pulse()
    station.key = genuine
    await station.until(lambda: bool(station.heartbeats()))
    station.command(inside.button.device_id, station.heartbeats()[-1].boot_id, 1, "identify")
    state = await inside.until(lambda state: state.pattern == "identify")
    assert state.server_heard_s_ago is None
    monkeypatch.setattr(agents, "SERVER_SILENT_S", 30.0)
    station.pulse()
    await inside.until(lambda state: state.server_heard_s_ago is not None and not state.faults)


async def test_sos_when_nobody_receipts(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin_button.lamp.SOS_AFTER_S", 0.6)
    inside = await start()
    async with inside.button.watched(lambda state: state.pattern == "sos") as seen:
        await inside.button.press()
    assert next(state.pattern for state in seen if state.open) == "pressed"


async def test_on_a_real_board_a_press_enters_at_the_edge_and_contacts_stay(
    start: Starter,
) -> None:
    inside = await start()
    inside.agent._board.virtual = False
    answer = await inside.button.press()
    assert isinstance(answer, PressAnswer)
    (press,) = await inside.presses(1)
    assert str(press.press_id) == answer.press_id
    assert "real pins" in str((await inside.button.do("down"))["error"])
    assert not (await inside.button.state()).faults


async def test_health_that_breaks_does_not_take_the_button_with_it(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> health.Health:
        raise RuntimeError("an odd board")

    monkeypatch.setattr(health, "look", broken)
    inside = await start()
    await inside.field.station.until(lambda: bool(inside.field.station.heartbeats()))
    assert inside.field.station.heartbeats()[-1].uptime_s is None
    assert (await inside.button.press()).published_on


async def test_a_loop_that_breaks_ends_the_agent_so_that_it_is_started_anew(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")

    async def broken(_agent: Agent) -> None:
        raise RuntimeError("a loop broke")

    monkeypatch.setattr(Agent, "_resend", broken)
    loaded = config.load(field.add_button().config)
    with hold_state(loaded.state_path), pytest.raises(ExceptionGroup):
        await Agent(loaded, materials.load(loaded)).run(asyncio.Event())


async def test_the_service_manager_hears_of_a_turning_loop(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(systemd, "notify", lambda **fields: told.extend(fields))
    monkeypatch.setattr(systemd, "watchdog_s", lambda: 0.01)
    inside = await start()
    await inside.until(lambda _: told.count("WATCHDOG") > 2)
    assert told[0] == "READY"


async def test_a_state_folder_may_have_any_name(start: Starter, tmp_path: Path) -> None:
    state = tmp_path / ("x" * 120)
    inside = await start(state_dir=f'"{state}"')
    assert len(str(inside.button.control)) > 107
    assert (await inside.button.press()).published_on
