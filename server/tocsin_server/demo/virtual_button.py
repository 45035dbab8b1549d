"""A virtual button: the real agent as a child process, with gpiozero's mock pins for its board.

Promise: a press here moves the pins of the same program that runs on a Raspberry Pi, and the lamp
is what that program drives its pin to. Nothing of the agent is replaced.

Refused: knowing anything about an alert. What the lamp shows is all a poll worker gets to see.
"""

import asyncio
import os
import sys
import tomllib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Literal

import msgspec

from tocsin_server.demo.child import STOP_S_MAX, Child
from tocsin_server.demo.errors import ChildFailed

READY_S_MAX = 30.0  # an interpreter, its imports and a look at the outbox; a busy machine more
ANSWER_S_MAX = 5.0
LINE_BYTES_MAX = 65_536  # 64 open presses make about 8 KB
ASK_AGAIN_S = 0.02  # a refused connection on a Unix socket costs nothing

# A control socket that isn't there, or whose agent has just gone.
_ABSENT = (OSError, asyncio.IncompleteReadError, EOFError)

_HERE = Path("/proc/self/cwd")

Do = Literal["press", "down", "up", "state", "watch"]


class OpenPress(msgspec.Struct, frozen=True, kw_only=True):
    """A press that isn't over: `pressed` until a receipt says more."""

    press_id: str
    state: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One broker, and whether the button has it."""

    url: str
    connected: bool


class ButtonState(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent says of itself: `pattern` is what the lamp means, `lit` its level now."""

    pattern: str
    drill: bool
    lit: bool
    open: tuple[OpenPress, ...]
    links: tuple[Link, ...]
    armed: bool
    faults: tuple[str, ...]


class Pressed(msgspec.Struct, frozen=True, kw_only=True):
    """A press that was just made, and the brokers to which it went at once."""

    press_id: str
    edge_monotonic_ns: int
    published_on: tuple[str, ...] = ()


class _Refusal(msgspec.Struct, frozen=True, kw_only=True):
    error: str | None = None


class VirtualButton:
    """One button by its folder (button.toml, keys, state). Nothing happens until `start`.

    `prefix` is what runs it (`ip netns exec …`), `environment` is added to ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        log: Path | None = None,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.prefix = prefix
        self.environment = environment or {}
        self.folder = folder.absolute()
        self.log = log or self.folder / "agent.log"
        self.config = self.folder / "button.toml"
        try:
            settings = tomllib.loads(self.config.read_text())
            self.device_id = str(settings["device_id"])
            self._state_folder = self.folder / str(settings.get("state_dir", "state"))
        except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
            raise ChildFailed(f"the button in {folder} can't be read: {error}") from None
        self._child: Child | None = None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int | None:
        """Of the running agent, for those who measure it."""
        return self._child.pid if self._child is not None and self._child.running else None

    async def start(self) -> None:
        """Return when the agent answers. It isn't connected to anything yet: see `until`."""
        if self.running:
            return
        self._child = Child.start(
            f"the agent of {self.device_id}",
            # By way of its working folder: sockets in deeper folders would have too long a path.
            [
                *self.prefix,
                *(sys.executable, "-m", "tocsin_button", "run"),
                *("--config", _HERE / self.config.name),
            ],
            log=self.log,
            cwd=self.folder,
            environment={"GPIOZERO_PIN_FACTORY": "mock", **self.environment},
        )
        try:
            await self._answers(self._child)
        except BaseException:
            await self.stop()
            raise

    async def stop(self, *, timeout_s: float = STOP_S_MAX) -> None:
        if self._child is not None:
            await self._child.stop(timeout_s=timeout_s)
            self._child = None

    async def kill(self) -> None:
        """SIGKILL, as a pulled plug would; the outbox keeps what is open."""
        if self._child is not None:
            await self._child.kill()
            self._child = None

    async def exited(self) -> None:
        """Wait until it ends by itself."""
        if self._child is not None:
            await self._child.exited()

    async def press(self) -> Pressed:
        """Close and open the contacts, as a short push does."""
        return msgspec.json.decode(await self._ask("press"), type=Pressed)

    async def down(self) -> None:
        await self._ask("down")

    async def up(self) -> None:
        await self._ask("up")

    async def state(self) -> ButtonState:
        return msgspec.json.decode(await self._ask("state"), type=ButtonState)

    async def watch(self) -> AsyncGenerator[ButtonState, None]:
        """Its state now and at every change; ends when the agent does."""
        try:
            reader, writer = await self._connect()
        except OSError:
            return
        try:
            writer.write(_request("watch"))
            while line := await reader.readline():
                yield msgspec.json.decode(line, type=ButtonState)
        except _ABSENT:
            return
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def until(
        self, holds: Callable[[ButtonState], bool], *, timeout_s: float = 20.0
    ) -> ButtonState:
        """The first state that `holds`; TimeoutError where it doesn't come about."""
        async with asyncio.timeout(timeout_s):
            while True:
                async with aclosing(self.watch()) as states:
                    async for state in states:
                        if holds(state):
                            return state
                await asyncio.sleep(ASK_AGAIN_S)  # the agent is away; it may be started again

    async def until_connected(self, *, timeout_s: float = 20.0) -> ButtonState:
        """All its links stand."""
        return await self.until(
            lambda state: bool(state.links) and all(link.connected for link in state.links),
            timeout_s=timeout_s,
        )

    async def until_lamp(self, *patterns: str, timeout_s: float = 20.0) -> ButtonState:
        """The lamp shows one of these."""
        return await self.until(lambda state: state.pattern in patterns, timeout_s=timeout_s)

    async def _answers(self, child: Child) -> None:
        deadline = asyncio.get_running_loop().time() + READY_S_MAX
        while True:
            try:
                await self.state()
            except ChildFailed:
                if not child.running:
                    raise child.failure("would not start") from None
                if asyncio.get_running_loop().time() > deadline:
                    raise child.failure("doesn't answer") from None
                await asyncio.sleep(ASK_AGAIN_S)
            else:
                return

    async def _ask(self, what: Do) -> bytes:
        """One request, one line. Raises ChildFailed where nobody answers, or it is refused."""
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                reader, writer = await self._connect()
                try:
                    writer.write(_request(what))
                    line = await reader.readuntil()
                finally:
                    writer.close()
        except (*_ABSENT, TimeoutError) as error:
            raise ChildFailed(f"the agent of {self.device_id} doesn't answer: {error}") from error
        refusal = msgspec.json.decode(line, type=_Refusal).error
        if refusal:
            raise ChildFailed(f"the agent of {self.device_id} refused: {refusal}")
        return line

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """By the folder's descriptor, because a socket's path must fit into 107 bytes."""
        descriptor = os.open(self._state_folder, os.O_PATH | os.O_DIRECTORY)
        try:
            return await asyncio.open_unix_connection(
                f"/proc/self/fd/{descriptor}/control.sock", limit=LINE_BYTES_MAX
            )
        finally:
            os.close(descriptor)


def _request(what: Do) -> bytes:
    return msgspec.json.encode({"do": what}) + b"\n"
