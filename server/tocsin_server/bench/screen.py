"""Screens: what a dispatcher's page is to the server, with a stopwatch instead of a picture.

Promise: a frame's moment is taken before it is read. The product's screen signs in, listens on
the live WebSocket and says `painted`, as the console does; the floor's has nobody to sign in.

Refused: connecting again. A screen that is cut off in a benchmark is a failure.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Set
from types import TracebackType
from typing import Self

import aiohttp
import msgspec

from tocsin_server.bench import floor
from tocsin_server.bench.errors import BenchFailed

FRAME_S_MAX = 15.0  # a frame that hasn't come by then is no figure but a failure
FRAME_BYTES_MAX = 64 * 1024 * 1024  # a snapshot holds up to 2,000 alerts
RESOLVE_AT_ONCE = 8


class SeenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """What the benchmark wants to know of an alert."""

    alert_id: str
    device_id: str
    version: int
    presses: int
    state: str


class _SeenDevice(msgspec.Struct, frozen=True, kw_only=True):
    device_id: str
    state: str


class _ProductFrame(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    alert: SeenAlert | None = None
    device: _SeenDevice | None = None


class _Painted(msgspec.Struct, frozen=True, tag="painted", tag_field="type"):
    alert_id: str
    version: int


class Screen(ABC):
    """One live WebSocket, and when each device's new alert first came over it."""

    path: str

    def __init__(self, url: str) -> None:
        self.url = url
        self.last_ns = time.monotonic_ns()  # when anything about a press last came
        self._waiting: dict[str, asyncio.Future[int]] = {}
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.sign_in(self._session)
            live = await self._session.ws_connect(
                f"{self.url}{self.path}", max_msg_size=FRAME_BYTES_MAX
            )
        except BaseException:
            await self._session.close()
            raise
        self._listening = asyncio.create_task(self._listen(live))
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._session.close()

    @abstractmethod
    async def sign_in(self, session: aiohttp.ClientSession) -> None:
        """Become somebody who may look."""

    @abstractmethod
    def heard(self, text: str, *, at_ns: int) -> str | None:
        """Take a frame that came at this moment; gives what the page says to it, if anything."""

    def expect(self, device_id: str) -> "asyncio.Future[int]":
        """Give what will be the moment of the next new alert of this device."""
        self._waiting[device_id] = asyncio.get_running_loop().create_future()
        return self._waiting[device_id]

    def seen(self, device_id: str, *, at_ns: int) -> None:
        """Note that a new alert of this device came."""
        waiting = self._waiting.pop(device_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(at_ns)

    async def until_quiet(self, for_s: float) -> None:
        """Return once nothing about a press has come for so long."""
        while True:
            left_s = for_s - (time.monotonic_ns() - self.last_ns) / 1e9
            if left_s <= 0:
                return
            await asyncio.sleep(left_s)

    async def _listen(self, live: aiohttp.ClientWebSocketResponse) -> None:
        async for message in live:
            at_ns = time.monotonic_ns()
            if message.type is aiohttp.WSMsgType.TEXT:
                said = self.heard(message.data, at_ns=at_ns)
                if said is not None:
                    await live.send_str(said)
        failure = BenchFailed(f"{self.url} closed the screen's WebSocket")
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(failure)


class FloorScreen(Screen):
    """Looks at the floor. `frames` is every frame so far."""

    path = "/live"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.frames: dict[str, floor.Frame] = {}

    async def sign_in(self, session: aiohttp.ClientSession) -> None:
        """Nobody is asked who they are."""

    def heard(self, text: str, *, at_ns: int) -> None:
        """Every frame is a new press."""
        frame = msgspec.json.decode(text, type=floor.Frame)
        self.last_ns = at_ns
        self.frames[str(frame.press_id)] = frame
        self.seen(frame.device_id, at_ns=at_ns)


class ProductScreen(Screen):
    """A dispatcher's. `alerts` is the newest of each, `first_ns` when it first came.

    `lost_ns` is when a button was said to be lost.
    """

    path = "/api/v1/live"

    def __init__(self, url: str, *, email: str, password: str) -> None:
        super().__init__(url)
        self.alerts: dict[str, SeenAlert] = {}
        self.first_ns: dict[str, int] = {}
        self.lost_ns: dict[str, int] = {}
        self._sign_in = {"email": email, "password": password}
        self._changed = asyncio.Event()
        self._snapshot = asyncio.Event()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        async with asyncio.timeout(FRAME_S_MAX):
            await self._snapshot.wait()
        return self

    async def sign_in(self, session: aiohttp.ClientSession) -> None:
        """Sign in. Raises BenchFailed."""
        await self._post(session, "session", self._sign_in)

    def heard(self, text: str, *, at_ns: int) -> str | None:
        """Note an alert, and say that it is painted."""
        frame = msgspec.json.decode(text, type=_ProductFrame)
        if frame.type == "snapshot":
            self._snapshot.set()
        if frame.device is not None and frame.device.state == "lost":
            self.lost_ns[frame.device.device_id] = at_ns
            self._changed.set()
        if frame.alert is None:
            return None
        self.last_ns = at_ns
        alert = frame.alert
        known = self.alerts.get(alert.alert_id)
        if known is None or known.version <= alert.version:
            self.alerts[alert.alert_id] = alert
        if known is None:
            self.first_ns[alert.alert_id] = at_ns
            self.seen(alert.device_id, at_ns=at_ns)
        self._changed.set()
        return msgspec.json.encode(_Painted(alert.alert_id, alert.version)).decode()

    async def until_seen(self, device_ids: Iterable[str], *, timeout_s: float) -> None:
        """Return when each of these has an open alert, or the time is over."""
        wanted = set(device_ids)
        try:
            async with asyncio.timeout(timeout_s):
                while wanted - {alert.device_id for alert in self.open_alerts()}:
                    self._changed.clear()
                    await self._changed.wait()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return

    async def until_lost(self, device_ids: Iterable[str], *, timeout_s: float) -> None:
        """Return when each of these is said to be lost. Raises BenchFailed."""
        wanted = set(device_ids)
        try:
            async with asyncio.timeout(timeout_s):
                while not wanted <= self.lost_ns.keys():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            missed = len(wanted - self.lost_ns.keys())
            raise BenchFailed(f"{missed} silent buttons were not said to be lost") from None

    def presses(self, *, besides: Set[str]) -> int:
        """Count the presses of all alerts but these, as the screen shows them."""
        return sum(alert.presses for name, alert in self.alerts.items() if name not in besides)

    async def until_pressed(self, count: int, *, besides: Set[str], timeout_s: float) -> None:
        """Return when so many presses are shown, or the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.presses(besides=besides) < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    def open_alerts(self) -> list[SeenAlert]:
        """Give every alert that isn't resolved, as far as this screen knows."""
        return [alert for alert in self.alerts.values() if alert.state != "resolved"]

    async def get(self, path: str) -> bytes:
        """Give the whole answer. Raises BenchFailed."""
        async with self._session.get(f"{self.url}/api/v1/{path}") as answer:
            body = await answer.read()
            if answer.status != 200:
                raise BenchFailed(f"the server answered {answer.status} to {path}: {body!r}")
            return body

    async def resolve_all(self) -> None:
        """Resolve every open alert, so that the next press of any button is a new one."""
        room = asyncio.Semaphore(RESOLVE_AT_ONCE)

        async def resolve(alert: SeenAlert) -> None:
            async with room:
                said = {"outcome": "test", "note": ""}
                await self._post(self._session, f"alerts/{alert.alert_id}/resolve", said)

        await asyncio.gather(*(resolve(alert) for alert in self.open_alerts()))
        async with asyncio.timeout(FRAME_S_MAX):
            while self.open_alerts():
                self._changed.clear()
                await self._changed.wait()

    async def _post(
        self, session: aiohttp.ClientSession, path: str, body: Mapping[str, str]
    ) -> None:
        async with session.post(f"{self.url}/api/v1/{path}", json=body) as answer:
            if answer.status != 200:
                raise BenchFailed(
                    f"the server answered {answer.status} to {path}: {await answer.text()}"
                )
