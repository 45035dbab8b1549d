"""A screen that stops reading is cut off, and nothing is kept for it; the others notice nothing."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from tests.parts import ASK_AGAIN_S, WAIT_S
from tocsin_server.people.sessions import Reader
from tocsin_server.web import live
from tocsin_server.web.live import Screens

FRAME = b'"' + b"x" * 64 * 1024 + b'"'
READER = Reader(
    person_id=uuid4(),
    name="Dana Ortiz",
    email="dana@example.org",
    jurisdiction="48453",
    jurisdiction_name="Travis County",
    role="dispatcher",
)


class Room:
    """The live line alone, in this process, and what its sockets are."""

    def __init__(self) -> None:
        self.screens = Screens()
        self.port = 0
        self.transports: list[asyncio.Transport] = []
        self.served = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        async def snapshot(jurisdiction: str, *, all_alerts: bool) -> bytes:
            return b'"snapshot"'

        async def may_look() -> bool:
            return True

        assert isinstance(request.transport, asyncio.Transport)
        self.transports.append(request.transport)
        try:
            return await self.screens.serve(request, READER, snapshot=snapshot, may_look=may_look)
        finally:
            self.served += 1

    async def deaf_screen(self) -> socket.socket:
        """A screen that never reads a byte."""
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, ("127.0.0.1", self.port))
        request = (
            b"GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await loop.sock_sendall(deaf, request)
        await self.until_open(1)
        return deaf

    async def until_open(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.screens.count != count:  # noqa: ASYNC110 (nothing says so)
                await asyncio.sleep(ASK_AGAIN_S)

    async def until_gone(self) -> None:
        """Its handler has ended and its connection is no more."""
        async with asyncio.timeout(WAIT_S):
            while not self.served or self.screens.count:  # noqa: ASYNC110 (nothing says so)
                await asyncio.sleep(ASK_AGAIN_S)
            (transport,) = self.transports
            sock = transport.get_extra_info("socket")
            while sock.fileno() >= 0:  # noqa: ASYNC110 (nothing says so)
                await asyncio.sleep(ASK_AGAIN_S)


@pytest_asyncio.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    app = web.Application()
    app.router.add_get("/", room.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    room.port = runner.addresses[0][1]
    yield room
    await runner.cleanup()


async def test_a_screen_whose_frames_pile_up_is_gone_with_its_connection(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FRAMES_MAX", 50)
    with await room.deaf_screen():
        async with asyncio.timeout(WAIT_S):
            while room.screens.count:
                room.screens.show(READER.jurisdiction, FRAME)
                await asyncio.sleep(0.001)
        await room.until_gone()


async def test_a_screen_that_answers_no_ping_is_gone_with_its_connection(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WEBSOCKET_HEARTBEAT_S", 0.2)
    with await room.deaf_screen():
        for _ in range(150):  # more than the kernel takes for somebody who doesn't read
            room.screens.show(READER.jurisdiction, FRAME)
        await room.until_gone()


async def test_a_screen_that_reads_is_told_that_it_is_to_come_again(room: Room) -> None:
    url = f"http://127.0.0.1:{room.port}/"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as screen:
        assert await screen.receive_json() == "snapshot"
        await room.screens.close()
        with suppress(TypeError):
            await screen.receive_json()
        assert screen.close_code == aiohttp.WSCloseCode.TRY_AGAIN_LATER
    await room.until_gone()
