"""The button: the real agent as a child, with mock pins, from the edge to the socket.

Promise: every press moves the pins of the running agent and is a new alert: it is on a screen and
resolved before the next one. The agent itself says how long it took from the edge to its PUBLISH;
its memory is read from outside.

Refused: more than one agent. A board runs one.
"""

import asyncio
import os
import time
from pathlib import Path

import msgspec

from tocsin_server.bench.errors import BenchFailed
from tocsin_server.bench.figures import Spread, spread
from tocsin_server.bench.screen import FRAME_S_MAX
from tocsin_server.bench.stand import Say, Stand
from tocsin_server.demo.virtual_button import VirtualButton

PACE_S = 0.9  # longer than the 0.8 s within which a second press would be a double
ARMED_S_MAX = 30.0
ANSWER_S_MAX = 5.0
STARTS = 5
PRESSES_PER_LINE = 50  # of progress


class Pressed(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent answers to a press; None where no link stood."""

    edge_to_publish_ms: float | None = None
    error: str | None = None


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the button."""

    edge_to_publish: Spread
    memory_mb: float  # the most that was ever resident
    start_to_armed_s: float  # the slowest of several starts
    starts: int


async def measure(stand: Stand, *, presses: int, say: Say) -> Agent:
    """Start it several times, then press. The device is the last one of the stand."""
    button = VirtualButton(stand.devices[-1].folder)
    try:
        armed_s = []
        for _ in range(STARTS):
            await button.stop()
            armed_s.append(await _arm(button))
        say(f"the agent is armed {max(armed_s):.2f} s after its start")
        took_ms = []
        for n in range(presses):
            if n and n % PRESSES_PER_LINE == 0:
                say(f"press {n} of {presses}")
            took_ms.append(await _press(stand, button))
        return Agent(
            edge_to_publish=spread(took_ms),
            memory_mb=_memory_mb(button),
            start_to_armed_s=max(armed_s),
            starts=STARTS,
        )
    finally:
        await button.stop()


async def _arm(button: VirtualButton) -> float:
    began_s = time.monotonic()
    await button.start()
    try:
        await button.until(lambda state: state.armed, timeout_s=ARMED_S_MAX)
    except TimeoutError:
        state = await button.state()
        raise BenchFailed(f"the button isn't armed: {', '.join(state.faults)}") from None
    return time.monotonic() - began_s


async def _press(stand: Stand, button: VirtualButton) -> float:
    """Press, and have the alert resolved: with 64 open presses the oldest would make room."""
    began_s = time.monotonic()
    frame = stand.screen.expect(button.device_id)
    pressed = await _ask_press(button)
    try:
        async with asyncio.timeout(FRAME_S_MAX):
            await frame
    except TimeoutError:
        raise BenchFailed("a press of the agent was on no screen in time") from None
    await stand.screen.resolve_all()
    await asyncio.sleep(max(0.0, began_s + PACE_S - time.monotonic()))
    if pressed.edge_to_publish_ms is None:
        raise BenchFailed(f"the agent didn't publish: {pressed.error or 'no link stands'}")
    return pressed.edge_to_publish_ms


async def _ask_press(button: VirtualButton) -> Pressed:
    """Over the control socket, by the folder's descriptor: a socket's path has a limit."""
    descriptor = os.open(button.folder / "state", os.O_PATH | os.O_DIRECTORY)
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            reader, writer = await asyncio.open_unix_connection(
                f"/proc/self/fd/{descriptor}/control.sock"
            )
            try:
                writer.write(b'{"do":"press"}\n')
                return msgspec.json.decode(await reader.readline(), type=Pressed)
            finally:
                writer.close()
    except (OSError, TimeoutError, msgspec.DecodeError) as error:
        raise BenchFailed(f"the agent doesn't answer: {error}") from None
    finally:
        os.close(descriptor)


def _memory_mb(button: VirtualButton) -> float:
    """The high-water mark of its resident memory (proc(5), VmHWM, in KiB)."""
    for line in Path(f"/proc/{button.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise BenchFailed("the agent's memory can't be read")
