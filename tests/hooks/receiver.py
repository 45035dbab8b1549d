"""Another system: it takes webhooks over real HTTP, well or badly, as a test wants it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

import msgspec
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from tests.parts import WAIT_S

Json = dict[str, object]


class Received(msgspec.Struct, frozen=True):
    """One request."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> Json:
        return cast(Json, msgspec.json.decode(self.body))

    @property
    def event(self) -> object:
        return self.message["type"]

    @property
    def data(self) -> Json:
        return cast(Json, self.message["data"])

    def verify(self, secret: str) -> None:
        """As the reference library of the specification does. Raises its error."""
        Webhook(secret).verify(self.body, dict(self.headers))


class Receiver:
    """Answers with `status`, unless `open` is clear: then it keeps everybody waiting."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.status = 204
        self.refuses: set[str] = set()  # events that it answers with 500
        self.headers: dict[str, str] = {}
        self.endless = False
        self.open = asyncio.Event()
        self.open.set()
        self._changed = asyncio.Event()

    @property
    def events(self) -> list[object]:
        return [each.event for each in self.received]

    async def take(self, request: web.Request) -> web.StreamResponse:
        one = Received(
            {name.lower(): value for name, value in request.headers.items()}, await request.read()
        )
        self.received.append(one)
        self._changed.set()
        await self.open.wait()
        if self.endless:
            return await self._without_end(request)
        status = 500 if one.event in self.refuses else self.status
        return web.Response(status=status, headers=self.headers)

    async def _without_end(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async def until(self, count: int) -> list[Received]:
        """So many requests have come."""
        async with asyncio.timeout(WAIT_S):
            while len(self.received) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.received


@asynccontextmanager
async def receiving(*, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver on loopback, for as long as the block lasts."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        port = runner.addresses[0][1]
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        receiver.url = f"{scheme}://{host}:{port}/tocsin"
        yield receiver
    finally:
        receiver.open.set()
        await runner.cleanup()
