"""Live: every signed-in screen sees every change, or is told that it doesn't.

A screen first gets a snapshot, then changes; a frame of an alert carries its version,
so that order doesn't matter. A screen that stops reading is cut off: it will come back
and get a snapshot, where a queue without end would have shown it an hour ago.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from uuid import UUID

import msgspec
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from tocsin_server.errors import because
from tocsin_server.people.kiosks import KIOSK, without_numbers
from tocsin_server.people.sessions import Reader
from tocsin_server.people.sight import may_see
from tocsin_server.together import Together

FRAMES_MAX = 2_000  # a storm of 500 alerts is about 1,500 frames
SCREENS_MAX = 500  # a state's dispatch rooms, several times over
WEBSOCKET_HEARTBEAT_S = 10.0
PULSE_S = 5.0
CHECK_EVERY_S = 5.0  # how long whoever was signed out may still look
WATCHING_ROLES = frozenset({"dispatcher", "supervisor", "administrator"})
CLOSING_S_MAX = 2.0  # for a page to take the word that it is to come again
FRAME_BYTES_MAX = 4 * 1024  # what a page sends is a line

log = structlog.get_logger()


class WriteSnapshot(Protocol):
    """Writes what a screen of a jurisdiction begins with; `all_alerts`: not drills alone."""

    def __call__(self, jurisdiction: str, *, all_alerts: bool) -> Awaitable[bytes]: ...


class Looks(msgspec.Struct, tag="looking", tag_field="type"):
    """The person before the page has this alert in full view; None: none of them."""

    alert_id: UUID | None


class Painted(msgspec.Struct, tag="painted", tag_field="type"):
    """The page has painted this alert."""

    alert_id: str
    version: int


@dataclass(eq=False)
class Screen:
    """One open page and what is still to be sent to it."""

    reader: Reader
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(FRAMES_MAX))
    sender: asyncio.Task[None] | None = None
    doubted: asyncio.Event = field(default_factory=asyncio.Event)  # may its reader still look?

    def shown(self, frame: bytes) -> bytes:
        """Give what this reader may read of a frame."""
        return without_numbers(frame) if self.reader.role == KIOSK else frame

    def put(self, frame: bytes) -> None:
        """Queue a frame. A page that doesn't read them is cut off."""
        try:
            self.queue.put_nowait(self.shown(frame))
        except asyncio.QueueFull:
            self.cut_off()

    def cut_off(self) -> None:
        """End it; the page notices at once and comes back for a snapshot."""
        if self.sender is not None:
            self.sender.cancel()


class Screens:
    """All screens of this replica."""

    def __init__(self) -> None:
        self._screens: set[Screen] = set()
        self._snapshots: dict[tuple[str, bool], Together[bytes]] = {}
        self._on_painted: list[Callable[[Reader, Painted], None]] = []
        self._on_looking: list[Callable[[Screen, Looks], None]] = []

    def on_painted(self, handler: Callable[[Reader, Painted], None]) -> None:
        """Call this when a page has really painted an alert."""
        self._on_painted.append(handler)

    def on_looking(self, handler: Callable[[Screen, Looks], None]) -> None:
        """Call this when somebody turns to an alert, or away, or their page is gone."""
        self._on_looking.append(handler)

    def show(self, jurisdiction: str | None, frame: bytes) -> None:
        """Send a frame to every screen of a jurisdiction (None: to all)."""
        for screen in self._of(jurisdiction):
            screen.put(frame)

    def show_alert(
        self, jurisdiction: str | None, frame: bytes, *, drill: bool, gone: bytes | None = None
    ) -> None:
        """Send what is about an alert to those who may see it; to the others that it is `gone`."""
        for screen in self._of(jurisdiction):
            shown = frame if may_see(screen.reader.role, drill=drill) else gone
            if shown is not None:
                screen.put(shown)

    def watching(self, jurisdiction: str) -> int:
        """Count the screens of people who can answer an alert of this jurisdiction."""
        return sum(
            screen.reader.jurisdiction == jurisdiction and screen.reader.role in WATCHING_ROLES
            for screen in self._screens
        )

    @property
    def count(self) -> int:
        """Count all open screens."""
        return len(self._screens)

    async def serve(
        self,
        request: web.Request,
        reader: Reader,
        *,
        snapshot: WriteSnapshot,
        may_look: Callable[[], Awaitable[bool]],
    ) -> web.WebSocketResponse:
        """Keep one screen up to date until it goes away, or its reader may look no more.

        Screens that come in the same moment, as after a broken line, share a snapshot.
        """
        if len(self._screens) >= SCREENS_MAX:
            raise web.HTTPServiceUnavailable(text="too many screens are open on this server")
        socket = web.WebSocketResponse(
            heartbeat=WEBSOCKET_HEARTBEAT_S, max_msg_size=FRAME_BYTES_MAX
        )
        await socket.prepare(request)
        screen = Screen(reader)
        # Subscribed before the snapshot is read: a change in between is seen twice, never missed.
        self._screens.add(screen)
        shared = self._shared(reader, snapshot)
        sending = self._send(screen, socket, request.transport, shared)
        screen.sender = asyncio.create_task(sending)
        checking = asyncio.create_task(_check(screen, may_look))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._heard(screen, message.data)
        finally:
            self._screens.discard(screen)
            self._looks(screen, Looks(None))
            checking.cancel()
            screen.cut_off()
            await asyncio.gather(screen.sender, checking, return_exceptions=True)
        return socket

    def look_again(self, reader_id: UUID) -> None:
        """Ask at once whether the screens of one reader may still look, and cut off the others."""
        for screen in self._screens:
            if screen.reader.person_id == reader_id:
                screen.doubted.set()

    async def close(self) -> None:
        """Cut every screen off; each comes back to another replica by itself."""
        for screen in self._screens:
            screen.cut_off()

    def _shared(self, reader: Reader, snapshot: WriteSnapshot) -> Together[bytes]:
        all_alerts = may_see(reader.role, drill=False)
        key = reader.jurisdiction, all_alerts
        if key not in self._snapshots:
            write = partial(snapshot, reader.jurisdiction, all_alerts=all_alerts)
            self._snapshots[key] = Together(write)
        return self._snapshots[key]

    def _of(self, jurisdiction: str | None) -> Iterator[Screen]:
        for screen in self._screens:
            if jurisdiction is None or screen.reader.jurisdiction == jurisdiction:
                yield screen

    async def _send(
        self,
        screen: Screen,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        snapshot: Together[bytes],
    ) -> None:
        try:
            await socket.send_str(screen.shown(await snapshot.read()).decode())
            while True:
                await socket.send_str((await screen.queue.get()).decode())
        except ConnectionError as error:
            log.info("screen gone", because=because(error))
        except Exception:
            log.exception("a screen could not be kept up to date; it comes back by itself")
        finally:
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(CLOSING_S_MAX):
                        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER)
            finally:
                # Closing waits until all is sent: for ever, where nobody reads.
                if transport is not None and transport.get_write_buffer_size():
                    transport.abort()

    def _heard(self, screen: Screen, text: str) -> None:
        try:
            message = msgspec.json.decode(text, type=Painted | Looks)
        except msgspec.DecodeError as error:
            log.warning("a page said something odd", because=because(error))
            return
        if isinstance(message, Looks):
            self._looks(screen, message)
            return
        for handler in self._on_painted:
            handler(screen.reader, message)

    def _looks(self, screen: Screen, message: Looks) -> None:
        for handler in self._on_looking:
            handler(screen, message)


async def _check(screen: Screen, may_look: Callable[[], Awaitable[bool]]) -> None:
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_EVERY_S):
                await screen.doubted.wait()
        screen.doubted.clear()
        if not await may_look():
            break
    log.info("a screen's reader may look no more", reader=screen.reader.name)
    screen.cut_off()
