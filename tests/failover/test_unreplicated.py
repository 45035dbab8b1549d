"""What a primary has stored alone is not receipted: it would be lost with it.

A commit waits for the standbys. A PostgreSQL that breaks down in that moment has it all the same
when it is back, and shows it to everybody; a standby that took over would not have it.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg
import pytest_asyncio

from tests import parts
from tests.parts import ASK_AGAIN_S, EXAMPLE, WAIT_S, Database, Deployment, Walk

PATIENCE_S = (600.0, 600.0, 600.0)
WAITING = """
SELECT pid FROM pg_stat_activity
 WHERE wait_event = 'SyncRep' AND query ~ 'INTO press|store_presses' AND pid <> ALL ($1)
"""


@pytest_asyncio.fixture
async def walk(folder: Path) -> AsyncIterator[Walk]:
    """On a PostgreSQL of its own, for it is broken."""
    async with parts.own_postgres(folder / "p") as server:
        await server.create_database("county", template=EXAMPLE)
        database = Database(server, "county")
        async with parts.whole_walk(
            Deployment(folder / "d"), database, patience_s=PATIENCE_S
        ) as walk:
            yield walk


async def let_standbys_be(walk: Walk, names: str) -> None:
    async with walk.database.connected() as connection:
        await connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        await connection.execute("SELECT pg_reload_conf()")


async def storing(walk: Walk, *, but: Sequence[int] = ()) -> int:
    """The process in which a press waits for a standby."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                async with walk.database.connected() as connection:
                    process: int | None = await connection.fetchval(WAITING, list(but))
            except (OSError, asyncpg.PostgresError):
                process = None  # it is about to be back
            if process is not None:
                return process
            await asyncio.sleep(ASK_AGAIN_S)


async def test_a_press_that_no_standby_has_is_not_receipted_when_it_is_found_stored(
    walk: Walk,
) -> None:
    screen, button = await walk.screen(), await walk.button()
    await let_standbys_be(walk, "nobody")
    await button.press()
    process = await storing(walk)
    os.kill(process, signal.SIGKILL)
    receipted = asyncio.create_task(button.until_lamp("stored", timeout_s=2 * WAIT_S))
    waiting = asyncio.create_task(storing(walk, but=[process]))
    await asyncio.wait({receipted, waiting}, return_when=asyncio.FIRST_COMPLETED)
    assert not receipted.done(), "receipted, and on one server alone"
    async with walk.database.connected() as connection:
        assert await connection.fetchval("SELECT count(*) FROM press") == 1

    await let_standbys_be(walk, "")
    await asyncio.gather(receipted, waiting)
    assert (await screen.until_alert()).presses == 1
