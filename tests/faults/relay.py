"""A TCP relay: a line of the harness's own that can go silent or slow, as no kernel here can.

Promise: whoever connects is connected to the port behind it, and what either side sends reaches the
other in order, `late_s` after it came. Whatever stands when it goes silent stays open, is read, and
brings nothing any more in either direction; who connects afterwards notices nothing.

Refused: looking into what it carries.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from tests.parts import WAIT_S
from tocsin_server.demo.postgres import free_port

READ_BYTES = 65_536
UNDER_WAY_MAX = 1_000  # reads; beyond, the sender is held back, as a full line does


class Line:
    """One connection through the relay."""

    def __init__(self, late_s: Callable[[], float]) -> None:
        self.silent = False
        self._late_s = late_s

    async def carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """One way, until the sender has closed it and all of it is there."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDER_WAY_MAX)
        await asyncio.gather(self._take(source, under_way), self._bring(under_way, target))

    async def _take(
        self, source: asyncio.StreamReader, under_way: "asyncio.Queue[tuple[float, bytes]]"
    ) -> None:
        loop = asyncio.get_running_loop()
        came = b"?"
        while came:
            try:
                came = await source.read(READ_BYTES)
            except OSError:
                came = b""
            await under_way.put((loop.time() + self._late_s(), came))

    async def _bring(
        self, under_way: "asyncio.Queue[tuple[float, bytes]]", target: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s, came = await under_way.get()
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            if not came:
                break
            if not self.silent and not target.is_closing():
                with suppress(OSError):
                    target.write(came)
                    await target.drain()
        if not self.silent:
            target.close()


class Relay:
    """In front of one port of this machine; `late_s` holds for each way."""

    def __init__(self, behind: int) -> None:
        self.port = free_port()
        self.late_s = 0.0
        self._behind = behind
        self._lines: set[Line] = set()
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        """As buttons and servers spell the broker behind it."""
        return f"mqtts://127.0.0.1:{self.port}"

    @property
    def standing(self) -> int:
        """How many connections bring what they are given."""
        return sum(not line.silent for line in self._lines)

    def go_silent(self) -> None:
        """All connections that stand are half open from now on."""
        for line in self._lines:
            line.silent = True
        self._touch()

    async def until_standing(self, count: int, *, timeout_s: float = WAIT_S) -> None:
        """So many have connected again; TimeoutError where they don't."""
        async with asyncio.timeout(timeout_s):
            while self.standing < count:
                await self._changed.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Relay"]:
        """Ends with the block, and every connection with it."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self._tasks: set[asyncio.Task[None]] = set()
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            stack.callback(writer.close)
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._behind)
            except OSError:
                return  # nobody is behind it; the caller sees it close
            stack.callback(far_writer.close)
            line = Line(lambda: self.late_s)
            self._lines.add(line)
            self._touch()
            stack.callback(self._lines.discard, line)
            await asyncio.gather(line.carry(reader, far_writer), line.carry(far_reader, writer))

    def _touch(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
