"""Another system for the demo: it takes webhooks over HTTP, checks who sent them, and shows them.

Promise: what is listed came over the wire and had a good signature; what hadn't is refused with
401 and not shown. It forgets everything when the demo ends.
"""

import asyncio
import hmac
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import asyncpg
import msgspec
from aiohttp import web

from tocsin_server.config import HooksConfig
from tocsin_server.demo import example
from tocsin_server.hooks import hooks
from tocsin_server.hooks.message import signed

NAME = "Demo log"
SHOWN_MAX = 30
ALLOWED = HooksConfig(allow_http=True)


class _Place(msgspec.Struct):
    site: str | None = None
    room: str | None = None


class _Data(msgspec.Struct):
    """As much of an alert, or of a test, as a line has room for."""

    text: str | None = None
    kind: str = ""
    drill: bool = False
    by: str | None = None
    place: _Place | None = None


class _Message(msgspec.Struct):
    type: str
    timestamp: datetime
    data: _Data


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """One message as the page shows it; `json` is what came, laid out for reading."""

    message_id: str
    time: str
    event: str
    line: str
    drill: bool
    json: str


class HookReceiver:
    """The receiver, and the list on the demo's page."""

    def __init__(self) -> None:
        self._secret = ""
        self._taken: deque[Taken] = deque(maxlen=SHOWN_MAX)
        self._changed = asyncio.Event()
        self._ending = False

    @asynccontextmanager
    async def running(self, pool: asyncpg.Pool) -> AsyncIterator[None]:
        """Listen on loopback, and follow the example's alerts, as long as the block lasts."""
        app = web.Application()
        app.router.add_post("/tocsin", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            await self._follow(pool, port=runner.addresses[0][1])
            yield
        finally:
            await runner.cleanup()

    async def _follow(self, pool: asyncpg.Pool, *, port: int) -> None:
        """Take the place of the receiver of an earlier start, which had another port."""
        where = example.JURISDICTION
        for known in await hooks.read_hooks(pool, jurisdiction=where):
            if known.name == NAME:
                await hooks.remove_hook(pool, jurisdiction=where, hook_id=known.hook_id, by=NAME)
        made = await hooks.add_hook(
            pool,
            jurisdiction=where,
            name=NAME,
            url=f"http://127.0.0.1:{port}/tocsin",
            events=[],
            drills=True,
            by=NAME,
            config=ALLOWED,
        )
        self._secret = made.secret

    async def _take(self, request: web.Request) -> web.Response:
        body, headers = await request.read(), request.headers
        message_id = headers.get("webhook-id", "")
        try:
            good = signed(
                body,
                message_id=message_id,
                sent_at_s=int(headers.get("webhook-timestamp", "")),
                secrets=[self._secret],
            )["webhook-signature"]
            given = headers.get("webhook-signature", "").encode()
            if not hmac.compare_digest(good.encode(), given):
                raise ValueError("another signature")
            message = msgspec.json.decode(body, type=_Message)
        except ValueError:
            return web.Response(status=401, text="not signed by this Tocsin\n")
        self._show(message_id, message, body)
        return web.Response(status=204)

    def _show(self, message_id: str, message: _Message, body: bytes) -> None:
        if any(each.message_id == message_id for each in self._taken):
            return  # at least once means: perhaps twice
        data = message.data
        place = data.place or _Place()
        said = [data.text, data.kind, place.room, place.site, f"by {data.by}" if data.by else None]
        self._taken.appendleft(
            Taken(
                message_id=message_id,
                time=message.timestamp.astimezone().strftime("%H:%M:%S"),
                event=message.type,
                line=", ".join(each for each in said if each),
                drill=data.drill,
                json=msgspec.json.format(body).decode(),
            )
        )
        self._touch()

    def _touch(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def mount(self, app: web.Application) -> None:
        """Add the list to an app that hasn't started."""
        app.router.add_get("/demo/webhooks", self._list)
        app.on_shutdown.append(self._end)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        """Send the whole list at every change (server-sent events: other sites can't read them)."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        with suppress(ConnectionError):
            while not self._ending:
                changed = self._changed
                taken = msgspec.json.encode(list(self._taken))
                await response.write(b"data: " + taken + b"\n\n")
                await changed.wait()
        return response

    async def _end(self, _app: web.Application) -> None:
        self._ending = True
        self._touch()
