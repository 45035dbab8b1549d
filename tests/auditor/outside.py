"""Whoever waits outside for the dead-man's word: a real HTTP server that takes note of each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tocsin_server.demo.postgres import free_port

PATH = "/ping/0123-secret"


class Outside:
    """What it heard, and what it answers."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}{PATH}"
        self.status = 200
        self.heard = 0
        self._changed = asyncio.Event()

    async def until_heard_again(self) -> None:
        """The next word from now on."""
        before = self.heard
        async with asyncio.timeout(30):
            while self.heard == before:
                await self._changed.wait()

    async def _hear(self, _request: web.Request) -> web.Response:
        self.heard += 1
        self._changed.set()
        self._changed = asyncio.Event()
        return web.Response(status=self.status)


@asynccontextmanager
async def listening_outside() -> AsyncIterator[Outside]:
    """It listens until left."""
    port = free_port()
    outside = Outside(port)
    app = web.Application()
    app.router.add_get(PATH, outside._hear)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield outside
    finally:
        await runner.cleanup()
