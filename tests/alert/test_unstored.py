"""Presses that the database does not take: shown, told from memory once, and stored once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.alert.county import County, Server, names_of_events
from tests.parts import Database
from tocsin_server.alert import ingest


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[None]:
    """Nothing can be stored, as while a disk or a standby hangs."""
    async with database.connected() as connection, connection.transaction():
        await connection.execute("LOCK TABLE press IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds of the product are somebody's patience; the order of things is what counts."""
    monkeypatch.setattr(ingest, "NOT_STORED_S", 0.05)
    monkeypatch.setattr(ingest, "PAGE_FROM_MEMORY_S", 0.1)
    monkeypatch.setattr(ingest, "WATCH_S", 0.01)
    monkeypatch.setattr(ingest, "RETRY_S", 0.02)


async def until_held(server: Server, *, shown: int, pages: int) -> None:
    async with asyncio.timeout(20):
        while len(server.held) < shown or len(server.paged_from_memory) < pages:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_whoever_goes_on_pressing_is_told_of_once_and_stored_once(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    button, other = await county.buttons(pool, 2)
    await server.directory.read()
    async with server.ingesting():
        async with locked(county.database):
            presses = [button.press() for _ in range(5)]
            server.press(button, *presses)
            server.press(button, button.press(kind="assist"))
            server.press(other, other.press())
            await until_held(server, shown=7, pages=3)
            server.press(button, *presses)  # and again, as its agent does
        await server.until_stored(7)
    told = {(held.device.device_id, held.press.kind) for held in server.paged_from_memory}
    assert len(server.paged_from_memory) == 3, "a text for each press"
    assert told == {
        (button.device_id, "duress"),
        (button.device_id, "assist"),
        (other.device_id, "duress"),
    }
    assert await pool.fetchval("SELECT count(*) FROM press") == 7
    async with asyncio.timeout(20):
        for alert_id in {stored.alert_id for stored in server.stored}:
            while "paged_from_memory" not in await names_of_events(pool, alert_id):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert (await names_of_events(pool, alert_id)).count("paged_from_memory") == 1
    assert server.accepted == 12, "the broker is left with what nobody will take from it"


async def test_a_press_a_minute_later_is_told_of_again(
    county: County, server: Server, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "PAGE_AGAIN_S", 0.2)
    (button,) = await county.buttons(pool, 1)
    await server.directory.read()
    async with server.ingesting():
        async with locked(county.database):
            server.press(button, button.press())
            await until_held(server, shown=1, pages=1)
            await asyncio.sleep(0.2)
            server.press(button, button.press())
            await until_held(server, shown=2, pages=2)
        await server.until_stored(2)


async def test_what_is_too_much_is_left_to_its_button_and_not_to_the_broker(
    county: County, server: Server, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "HELD_MAX", 3)
    buttons = await county.buttons(pool, 5)
    await server.directory.read()
    async with server.ingesting():
        async with locked(county.database):
            for button in buttons:
                server.press(button, button.press())
            await until_held(server, shown=3, pages=3)
            assert server.accepted == 5, "unaccepted messages stop the broker's flow in the end"
        await server.until_stored(3)
    assert await pool.fetchval("SELECT count(*) FROM press") == 3
