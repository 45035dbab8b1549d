"""Whatever is committed about an alert reaches those whom it concerns, and nobody else."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from tests.alert.presses import press
from tests.offices import Office, add_button, open_office
from tests.parts import ASK_AGAIN_S, WAIT_S
from tocsin_server.alert.changes import PAINTED_AT_ONCE_MAX, Changes, queries
from tocsin_server.storage.database import Database as Replica


@asynccontextmanager
async def showing(replica: Replica) -> AsyncIterator[Changes]:
    """A replica that listens, without a screen."""

    async def send_receipts(_alerts: list[UUID]) -> None: ...

    changes = Changes(
        replica, show=lambda *_, **__: None, wake=lambda: None, send_receipts=send_receipts
    )
    loops = [changes.run, changes.record_painted, replica.listen]
    tasks = [asyncio.create_task(loop()) for loop in loops]
    try:
        await replica.listening.wait()
        yield changes
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until_shown(pool: asyncpg.Pool, alerts: list[UUID]) -> None:
    async with asyncio.timeout(WAIT_S):
        while await pool.fetchval(  # noqa: ASYNC110 (rows have no event here)
            "SELECT count(*) FROM alert WHERE alert_id = ANY ($1) AND shown_at IS NULL", alerts
        ):
            await asyncio.sleep(ASK_AGAIN_S)


async def storm(pool: asyncpg.Pool, office: Office, presses: int) -> list[UUID]:
    buttons = [
        await add_button(pool, jurisdiction=office.jurisdiction, place_id=office.place_id)
        for _ in range(presses)
    ]
    return await press(pool, office, *buttons)


async def test_another_countys_screen_does_not_make_an_alert_shown(replica: Replica) -> None:
    here = await open_office(replica.pool)
    there = await open_office(replica.pool, jurisdiction="48209")
    async with showing(replica) as changes:
        alerts = [*await press(replica.pool, here), *await press(replica.pool, there)]
        await changes.open_alerts(here.jurisdiction)
        await changes.open_alerts(there.jurisdiction)
        changes.painted(str(alerts[0]), jurisdiction=there.jurisdiction)
        changes.painted(str(alerts[1]), jurisdiction=there.jurisdiction)
        await until_shown(replica.pool, alerts[1:])
        assert not await replica.pool.fetchval(
            "SELECT shown_at FROM alert WHERE alert_id = $1", alerts[0]
        )
        changes.painted(str(alerts[0]), jurisdiction=here.jurisdiction)
        await until_shown(replica.pool, alerts)


async def test_screens_that_paint_a_storm_in_any_order_do_not_block_each_other(
    replica: Replica,
) -> None:
    """A deadlock would hold up the next press of one of these buttons by seconds."""
    office = await open_office(replica.pool)
    alerts = await storm(replica.pool, office, PAINTED_AT_ONCE_MAX)
    for _ in range(5):
        await replica.pool.execute("UPDATE alert SET shown_at = NULL")
        screens = [random.sample(alerts, len(alerts)) for _ in range(3)]
        await asyncio.gather(*(paint(replica.pool, office, painted) for painted in screens))
        await until_shown(replica.pool, alerts)


async def paint(pool: asyncpg.Pool, office: Office, painted: list[UUID]) -> None:
    await queries.shown(
        pool,
        alert_ids=painted,
        jurisdictions=[office.jurisdiction] * len(painted),
        ages_ms=[5.0] * len(painted),
    )
