"""A chat's server on this machine, as ntfy's takes messages; it says what it was told to say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

TOPIC = "secret-topic-4711"


class Posted(msgspec.Struct, frozen=True):
    """What came."""

    topic: str
    title: str
    message: str
    priority: int = 3


@dataclass
class Chat:
    """What came, and what is said to the next one."""

    address: str = ""
    status: int = 200
    posted: list[Posted] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        await self.go_on.wait()
        if self.status != 200:
            error = {"code": self.status * 100, "error": f"no {TOPIC} for you"}
            return web.json_response(error, status=self.status)
        self.posted.append(msgspec.json.decode(await request.read(), type=Posted))
        return web.json_response({"id": "1"})


@asynccontextmanager
async def chat() -> AsyncIterator[Chat]:
    """One that listens."""
    server = Chat()
    server.go_on.set()
    app = web.Application()
    app.router.add_post("/{rest:.*}", server.take)
    async with TestServer(app, host="127.0.0.1") as listening:
        server.address = f"ntfy://127.0.0.1:{listening.port}/{TOPIC}"
        try:
            yield server
        finally:
            server.go_on.set()
