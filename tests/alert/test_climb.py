"""The climb of an alert on a real database, with clocks that step and replicas that race."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
import structlog

from tests.alert.county import (
    NAMES,
    TIERS_S,
    County,
    Server,
    acknowledge,
    names_of_events,
    open_alerts,
    tiers_told,
)
from tocsin_server.alert.escalate import Escalate

DAY = timedelta(days=1)


async def test_an_alert_climbs_tier_by_tier_and_the_last_one_repeats(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    for patience_s in (0.0, *TIERS_S, TIERS_S[-1]):
        county.clock.now += patience_s - 0.1
        await server.escalate.turn()
        county.clock.now += 0.1
        await server.escalate.turn()
        await server.escalate.turn()  # which sees the attempt, and from then on counts
    assert await tiers_told(pool, alert_id) == [1, 2, 3, 3, 3]
    row = await pool.fetchrow("SELECT unanswered_at, joinable FROM alert")
    assert row["unanswered_at"] is not None
    assert row["joinable"] is False, "an unanswered alert swallows the next press"


async def test_a_tier_whose_only_account_has_ended_falls_through_at_once(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    await pool.execute("UPDATE person SET ends_on = current_date - 2 WHERE name = $1", NAMES[0])
    await server.directory.read()
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.turn()
    assert await tiers_told(pool, alert_id) == [2]


@pytest.mark.parametrize("step", [DAY, -DAY], ids=["forward", "back"])
async def test_a_database_clock_that_steps_neither_freezes_nor_rushes_a_climb(
    county: County, server: Server, pool: asyncpg.Pool, step: timedelta
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.turn()
    await server.escalate.turn()
    county.clock.now += TIERS_S[0] - 1
    await county.step(pool, step)
    await server.escalate.turn()
    assert await tiers_told(pool, alert_id) == [1], "rushed"
    county.clock.now += 1
    await server.escalate.turn()
    assert await tiers_told(pool, alert_id) == [1, 2], "frozen"


async def test_a_replica_that_comes_later_counts_from_when_the_others_told(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.turn()
    await county.step(pool, timedelta(seconds=TIERS_S[0] - 25))
    newcomer = await county.server("server-2")
    await newcomer.escalate.turn()
    county.clock.now += 5  # and however long the newcomer took to start
    await newcomer.escalate.turn()
    assert await tiers_told(pool, alert_id) == [1]
    county.clock.now += 20
    await newcomer.escalate.turn()
    assert await tiers_told(pool, alert_id) == [1, 2]


async def test_a_replica_that_starts_after_the_clock_stepped_back_waits_one_patience_at_most(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.turn()
    await county.step(pool, -DAY)
    newcomer = await county.server("server-2")
    await newcomer.escalate.turn()
    county.clock.now += TIERS_S[0]
    await newcomer.escalate.turn()
    assert await tiers_told(pool, alert_id) == [1, 2]


async def test_many_replicas_at_once_tell_each_tier_once(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    replicas = [server.escalate] + [
        Escalate(server.connection, server.directory, clock=county.clock) for _ in range(5)
    ]
    with structlog.testing.capture_logs() as logs:
        for _ in range(4):
            await asyncio.gather(*[each.turn() for each in replicas])
            await asyncio.gather(*[each.turn() for each in replicas])
            county.clock.now += max(TIERS_S)
    said = [line["tier"] for line in logs if line["event"] == "told"]
    assert said == [1, 2, 3, 3], "a replica says that it told what another one did"
    assert await tiers_told(pool, alert_id) == [1, 2, 3, 3]
    pages = await pool.fetch("SELECT attempt, count(*) FROM notification GROUP BY 1")
    assert {row["count"] for row in pages} == {1}


async def test_a_tier_whose_every_message_failed_is_not_waited_for(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.turn()
    await pool.execute("UPDATE notification SET state = 'failed'")
    await server.escalate.turn()
    assert await tiers_told(pool, alert_id) == [1, 2]


async def test_with_nobody_to_tell_the_record_says_so_again_and_again(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await pool.execute("UPDATE contact SET unreachable = 'gone', unreachable_at = now()")
    await server.directory.read()
    for _ in range(3):
        await server.escalate.turn()
        await server.escalate.turn()
        county.clock.now += max(TIERS_S)
    names = await names_of_events(pool, alert_id)
    assert names.count("nobody_to_tell") == 3
    await pool.execute(
        "UPDATE contact SET unreachable = NULL, unreachable_at = NULL FROM person p"
        " WHERE p.person_id = contact.person_id AND p.name = $1",
        NAMES[1],
    )
    await server.directory.read()
    await server.escalate.turn()
    assert await tiers_told(pool, alert_id) == [2], "whoever can be told again is not told"


async def test_taking_an_alert_at_the_moment_it_climbs_is_never_undone(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    """Both orders happen in a hundred tries; in either the taking stands and nothing follows it."""
    alerts = await open_alerts(county, server, pool, 100)
    turns = [
        Escalate(server.connection, server.directory, clock=county.clock).turn() for _ in range(3)
    ]

    async def take(alert_id: UUID, after_s: float) -> bool:
        await asyncio.sleep(after_s)
        return await acknowledge(pool, alert_id, county)

    taken = [take(alert_id, n * 0.001) for n, alert_id in enumerate(alerts)]
    outcomes = await asyncio.gather(*taken, *turns)
    assert outcomes[: len(alerts)] == [True] * len(alerts)
    await server.escalate.turn()
    before = 0
    for alert_id in alerts:
        names = await names_of_events(pool, alert_id)
        assert names.count("acknowledged") == names.count("stood_down") == 1
        before += "tier_told" in names[: names.index("acknowledged")]
        assert "tier_told" not in names[names.index("acknowledged") :]
    rows = await pool.fetch("SELECT acknowledged_at, stood_down_at FROM alert")
    assert all(row["acknowledged_at"] and row["stood_down_at"] for row in rows)
    unsent = await pool.fetchval(
        "SELECT count(*) FROM notification WHERE state = 'pending' AND purpose = 'page'"
    )
    assert unsent == 0, "a page that nobody wants any more"
    print(f"of {len(alerts)} alerts {before} were told before they were taken")
