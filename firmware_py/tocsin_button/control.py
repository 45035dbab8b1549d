"""Control: the running agent's socket, JSON lines, for its owner on this board alone.

Requests are `{"do": "press" | "down" | "up" | "state" | "watch" | "selftest"}`. With
gpiozero's mock pins `press`, `down` and `up` move the contacts, so that the whole path
from the pin runs; on a real board `press` enters where the edge of a pin would, and the
contacts can't be moved.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec

from tocsin_button.errors import AgentAbsent, ControlRefused

LINE_BYTES_MAX = 64 * 1024
WATCHERS_MAX = 32  # the demo has one for each page that shows the lamp
CHANGES_MAX = 256  # a watcher that doesn't read misses the oldest changes
ANSWER_WITHIN_S = 30.0  # a self-test waits for every broker


class Request(msgspec.Struct, frozen=True):
    """What is asked for."""

    do: str


class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """One broker's link."""

    url: str
    connected: bool
    connection: int
    trouble: str | None = None


class OpenState(msgspec.Struct, frozen=True, kw_only=True):
    """One open press: `pressed` until a receipt says more."""

    press_id: str
    state: str


class AgentState(msgspec.Struct, frozen=True, kw_only=True):
    """The agent as it is now. `armed`: a link stands and nothing is faulty.

    `clock_ahead_s`: this board's clock against the server's, at the last pulse.
    """

    device_id: str
    pattern: str
    drill: bool
    lit: bool
    armed: bool
    open: list[OpenState]
    links: list[LinkState]
    faults: list[str]
    virtual: bool
    armed_after_s: float | None
    server_heard_s_ago: float | None
    clock_ahead_s: float | None = None
    rss_kib: int


class PressAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One press, made just now, and how long the way from its edge to the sockets took.

    `edge_to_publish_ms` ends when the PUBLISH is written to the sockets of all links; it
    is None where no link stood. The `_ns` are CLOCK_MONOTONIC of this machine.
    """

    press_id: str
    edge_to_publish_ms: float | None
    edge_monotonic_ns: int
    published_monotonic_ns: int | None
    published_on: list[str]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check: what was found, and where that is bad, what it means and what to do.

    `ask`: a sentence to pass on to the people who run the network. Not `tried`: something that
    was found before stands in its way.
    """

    check: str
    ok: bool
    detail: str
    means: str | None = None
    remedy: str | None = None
    ask: str | None = None
    tried: bool = True


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a self-test."""

    findings: list[Finding]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It was done."""

    ok: bool = True


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """It was not done."""

    error: str


Answer = AgentState | PressAnswer | Findings | Done | Refusal


class Desk:
    """The agent's end of the socket."""

    def __init__(
        self,
        path: Path,
        *,
        state: Callable[[], AgentState],
        answer: Callable[[str], Awaitable[Answer]],
    ) -> None:
        self._path, self._state, self._answer = path, state, answer
        self._watchers: set[asyncio.Queue[AgentState]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. Raises OSError."""
        self._path.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old_mask = os.umask(0o177)
        try:
            with _short(self._path) as name:
                sock.bind(name)
        finally:
            os.umask(old_mask)
        self._server = await asyncio.start_unix_server(self._serve, sock=sock, limit=LINE_BYTES_MAX)

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    def changed(self) -> None:
        """Tell the watchers."""
        if not self._watchers:
            return
        state = self._state()
        for watcher in self._watchers:
            if watcher.full():
                watcher.get_nowait()
            watcher.put_nowait(state)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever asks may go at any moment, and may send what it likes.
        with contextlib.suppress(OSError):
            try:
                while line := await _line(reader):
                    try:
                        request = msgspec.json.decode(line, type=Request)
                    except msgspec.DecodeError as error:
                        await _write(writer, Refusal(error=f"not a request: {error}"))
                        continue
                    if request.do == "watch":
                        await self._watch(reader, writer)
                        return
                    await _write(writer, await self._answer(request.do))
            finally:
                writer.close()

    async def _watch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._watchers) >= WATCHERS_MAX:
            await _write(writer, Refusal(error=f"{WATCHERS_MAX} are watching already"))
            return
        changes: asyncio.Queue[AgentState] = asyncio.Queue(CHANGES_MAX)
        changes.put_nowait(self._state())
        self._watchers.add(changes)
        gone = asyncio.create_task(reader.read())
        try:
            while not gone.done():
                change = asyncio.create_task(changes.get())
                await asyncio.wait({gone, change}, return_when=asyncio.FIRST_COMPLETED)
                if not change.done():
                    change.cancel()
                    return
                await _write(writer, change.result())
        finally:
            gone.cancel()
            self._watchers.discard(changes)


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Name a socket by its folder's descriptor: unix(7) allows its path 107 bytes only."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:  # a line without end: nobody's request
        return b""


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(msgspec.json.encode(answer) + b"\n")
    await writer.drain()


class Caller:
    """The other end: asks the agent that runs on this state folder."""

    def __init__(self, path: Path) -> None:
        """Connect. Raises AgentAbsent."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_WITHIN_S)
        try:
            with _short(path) as name:
                self._socket.connect(name)
        except OSError as error:
            self._socket.close()
            raise AgentAbsent(
                f"no agent answers at {path} ({error.strerror or error}): start it with "
                "'tocsin-button run' or 'systemctl start tocsin-button'"
            ) from None
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._lines.close()
        self._socket.close()

    def press(self) -> PressAnswer:
        """Press the button. Raises ControlRefused or AgentAbsent, as all of these do."""
        return msgspec.json.decode(self._ask("press"), type=PressAnswer)

    def state(self) -> AgentState:
        """Ask how the agent is."""
        return msgspec.json.decode(self._ask("state"), type=AgentState)

    def selftest(self) -> list[Finding]:
        """Have the agent test itself."""
        return msgspec.json.decode(self._ask("selftest"), type=Findings).findings

    def watch(self, *, for_s: float) -> Iterator[AgentState]:
        """Yield the state now and at every change, for so long, however quiet it is between."""
        until_s = time.monotonic() + for_s
        line = self._ask("watch")
        while True:
            yield msgspec.json.decode(line, type=AgentState)
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            self._socket.settimeout(left_s)
            try:
                line = self._lines.readline()
            except TimeoutError:
                return
            except OSError as error:
                raise AgentAbsent(f"the agent doesn't answer ({error}): look at its log") from None
            if not line:
                raise AgentAbsent(
                    "the agent ended; what was pressed is sent when it runs again: look at its "
                    "log. In danger call 911 by phone"
                )

    def _ask(self, what: str) -> bytes:
        try:
            self._socket.sendall(msgspec.json.encode(Request(what)) + b"\n")
            line = self._lines.readline()
        except OSError as error:
            raise AgentAbsent(f"the agent doesn't answer ({error}): look at its log") from None
        if not line:
            raise AgentAbsent("the agent ended before it answered: look at its log")
        try:
            refusal = msgspec.json.decode(line, type=Refusal)
        except msgspec.ValidationError:
            return line
        raise ControlRefused(refusal.error)
