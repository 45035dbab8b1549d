"""A glance, between two looks at everything: it tells of what is new, and hastens nothing else."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from tests.alert.county import (
    TIERS_S,
    County,
    Server,
    acknowledge,
    open_alerts,
    running,
    tiers_told,
)
from tests.parts import ASK_AGAIN_S, WAIT_S


async def test_a_glance_tells_of_a_new_alert(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.glance()
    assert await tiers_told(pool, alert_id) == [1]
    await server.escalate.glance()
    assert await tiers_told(pool, alert_id) == [1]


async def test_a_glance_leaves_what_waits_to_the_next_turn(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    """Only the database's clock says to a glance what is due; a turn asks this replica's own."""
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.glance()
    await server.escalate.turn()
    county.clock.now += TIERS_S[0]
    await server.escalate.glance()
    assert await tiers_told(pool, alert_id) == [1]
    await server.escalate.turn()
    assert await tiers_told(pool, alert_id) == [1, 2]


@pytest.mark.parametrize("seen", [True, False], ids=["seen by a turn", "seen by no turn yet"])
async def test_a_database_clock_that_leaps_forward_makes_no_glance_rush(
    county: County, server: Server, pool: asyncpg.Pool, seen: bool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.glance()
    if seen:
        await server.escalate.turn()
    await county.step(pool, timedelta(hours=1))
    county.clock.now += 0.5
    await server.escalate.glance()
    assert await tiers_told(pool, alert_id) == [1]
    await server.escalate.turn()
    county.clock.now += TIERS_S[0] - 1.0
    await server.escalate.glance()
    assert await tiers_told(pool, alert_id) == [1]


async def test_a_database_clock_that_leaps_back_hides_a_new_alert_until_the_next_turn(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await county.step(pool, timedelta(hours=-1))
    await server.escalate.glance()
    await server.escalate.turn()
    assert await tiers_told(pool, alert_id) == [1]


async def test_a_glance_sees_that_somebody_has_it(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.turn()
    await acknowledge(pool, alert_id, county)
    await server.escalate.glance()
    assert await pool.fetchval("SELECT stood_down_at FROM alert") is not None


async def test_whoever_is_woken_all_the_time_still_climbs(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    """Glances must not put off the look at everything."""
    (alert_id,) = await open_alerts(county, server, pool)

    async def press_all_the_time() -> None:
        while True:
            server.escalate.wake()
            county.clock.now += 0.2
            await asyncio.sleep(0.001)

    told: list[int] = []
    async with running(server.escalate.run(), press_all_the_time()), asyncio.timeout(WAIT_S):
        while len(told) < len(TIERS_S):
            await asyncio.sleep(ASK_AGAIN_S)
            told = await tiers_told(pool, alert_id)
    assert told[: len(TIERS_S)] == [1, 2, 3]
