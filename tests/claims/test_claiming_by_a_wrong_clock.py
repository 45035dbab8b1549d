"""A board that doesn't know what day it is: by HTTPS, dates count, and it says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from ssl import Purpose, create_default_context

import msgspec
import pytest_asyncio

from tests.claims.board import Board
from tests.claims.test_claiming import WHOLE, Devices, new_code
from tests.parts import SAM, Walk, until_known
from tests.stepped_clock import SteppedClock
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_server.fleet.certificates import Authority

KEYS = {"press.key": 0o600, "client.key": 0o600}


@asynccontextmanager
async def public_door(folder: Path, *, to: str) -> AsyncIterator[str]:
    """HTTPS as a proxy in front of the server brings it, by an authority of `folder`/ca.crt."""
    authority = Authority.create("An authority that every system knows", now=datetime.now(UTC))
    authority.save(folder / "ca.crt", folder / "ca.key")
    files = folder / "door.crt", folder / "door.key"
    authority.certify_broker(["localhost"], now=datetime.now(UTC)).save(*files)
    context = create_default_context(Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    host, _, port = to.removeprefix("http://").partition(":")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(4096):
            writer.write(part)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection(host, int(port))
        await asyncio.gather(
            carry(reader, behind[1]), carry(behind[0], writer), return_exceptions=True
        )

    door = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    async with door:
        yield f"https://localhost:{door.sockets[0].getsockname()[1]}"


@pytest_asyncio.fixture
async def door(walk: Walk, folder: Path) -> AsyncIterator[str]:
    (folder / "door").mkdir()
    async with public_door(folder / "door", to=walk.server.url) as url:
        yield url


async def test_a_board_waits_for_the_time_and_the_same_code_works_once_it_has_come(
    walk: Walk, door: str, folder: Path
) -> None:
    sam = await walk.screen(email=SAM.email)
    code = (await new_code(sam)).code
    board, clock = Board(folder / "b"), SteppedClock(folder / "clock")
    environment = clock.environment | {"SSL_CERT_FILE": str(folder / "door" / "ca.crt")}
    at_once = ("--server", door, "--patience", "0")

    for year in (1970, 2040):
        clock.say(datetime(year, 1, 1, 12, tzinfo=UTC), synced=False)
        said = await board.claim(code, *at_once, environment=environment)
        said.refused(
            f"the clock of this Pi says {year}-01-01 and isn't set",
            "wait for the network time, or set it",
            "the same code again",
            code=1,
        )
        assert board.files() == KEYS
    clock.say(datetime(2040, 1, 1, 12, tzinfo=UTC), synced=True)
    said = await board.claim(code, *at_once, environment=environment)
    said.refused("isn't valid on 2040-01-01", "tell who runs the server")
    assert board.files() == KEYS
    keys = {name: (board.folder / name).read_bytes() for name in KEYS}

    # While it waits, the network's time comes.
    clock.say(datetime(1970, 1, 1, 12, tzinfo=UTC), synced=False)
    waiting = await board.begin(code, "--server", door, environment=environment)
    assert waiting.stderr is not None
    assert b"trying again" in await waiting.stderr.readline()
    clock.step(0, synced=True)
    assert await waiting.wait() == 0
    assert board.files() == WHOLE
    assert keys == {name: (board.folder / name).read_bytes() for name in KEYS}
    await until_known(walk.server, {VirtualButton(board.folder).device_id})
    devices = msgspec.json.decode((await sam.get("devices")).body, type=Devices).devices
    assert len(devices) == 1
