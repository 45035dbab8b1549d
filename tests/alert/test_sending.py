"""Leases: a message is sent by one replica at a time, and by another where that one died."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.alert.county import (
    NAMES,
    County,
    Server,
    acknowledge,
    names_of_events,
    open_alerts,
    running,
)
from tocsin_server.alert import notify, room
from tocsin_server.channels.channel import SendFailed


async def paged(county: County, server: Server, pool: asyncpg.Pool) -> UUID:
    """An alert of which tier 1 is to be told."""
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.turn()
    return alert_id


async def states(pool: asyncpg.Pool) -> list[tuple[str, str]]:
    rows = await pool.fetch("SELECT purpose, state FROM notification ORDER BY created_at, name")
    return [(row["purpose"], row["state"]) for row in rows]


async def test_a_page_is_sent_once_by_whichever_replica_comes_first(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    await paged(county, server, pool)
    other = await county.server("server-2")
    await asyncio.gather(server.send_all(), other.send_all())
    await asyncio.gather(server.send_all(), other.send_all())
    assert len(server.line.sent) + len(other.line.sent) == 1
    assert await states(pool) == [("page", "accepted")]


async def test_a_replica_that_dies_in_the_middle_is_replaced_after_its_lease(
    county: County, server: Server, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "LEASE_S", 60.0)  # far from what this test itself takes
    await paged(county, server, pool)
    server.line.open.clear()
    await server.notify.turn()
    (dying,) = server.notify._sending
    await server.line.until(asked=1)
    other = await county.server("server-2")
    await other.send_all()
    assert not other.line.asked, "two replicas send the same message"
    dying.cancel()
    await asyncio.wait([dying])
    await county.step(pool, timedelta(seconds=30))
    await other.send_all()
    assert not other.line.asked, "before the lease is over"
    await county.step(pool, timedelta(seconds=30))
    await other.send_all()
    assert [text.to for text in other.line.sent] == ["+15125550111"]
    assert await states(pool) == [("page", "accepted")]
    assert await pool.fetchval("SELECT tries FROM notification") == 2


async def test_a_lease_is_kept_up_while_a_provider_takes_its_time(
    county: County, server: Server, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "RENEW_S", 0.02)
    await paged(county, server, pool)
    server.line.open.clear()
    await server.notify.turn()
    await county.step(pool, timedelta(seconds=notify.LEASE_S))
    leased = "SELECT count(*) FROM notification WHERE lease_until > clock_timestamp()"
    async with asyncio.timeout(10):
        while not await pool.fetchval(leased):  # noqa: ASYNC110 (only the database knows)
            await asyncio.sleep(0.01)
    other = await county.server("server-2")
    await other.send_all()
    assert not other.line.asked
    server.line.open.set()
    await server.notify.drain()
    assert len(server.line.sent) == 1


@pytest.mark.parametrize("days", [1, -1], ids=["forward", "back"])
async def test_a_database_clock_that_steps_freezes_no_message(
    county: County, server: Server, pool: asyncpg.Pool, days: int
) -> None:
    await paged(county, server, pool)
    await county.step(pool, timedelta(days=days))
    await server.send_all()
    assert len(server.line.sent) == 1


async def test_a_lease_from_before_the_clock_stepped_back_is_over(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    await paged(county, server, pool)
    server.line.open.clear()
    await server.notify.turn()
    (dying,) = server.notify._sending
    dying.cancel()
    await asyncio.wait([dying])
    await county.step(pool, -timedelta(days=1))
    other = await county.server("server-2")
    await other.send_all()
    assert len(other.line.sent) == 1


async def test_nobody_is_paged_any_more_for_an_alert_that_somebody_has(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    alert_id = await paged(county, server, pool)
    assert await acknowledge(pool, alert_id, county)
    await server.send_all()
    assert not server.line.asked
    assert await states(pool) == [("page", "withdrawn")]


async def test_a_failed_page_is_not_tried_again_once_somebody_has_the_alert(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    alert_id = await paged(county, server, pool)
    server.line.refusals = [SendFailed("busy", temporary=True)]
    await server.send_all()
    await acknowledge(pool, alert_id, county)
    await county.step(pool, timedelta(seconds=notify.RETRY_S[0]))
    await server.send_all()
    assert server.line.asked == 1


async def test_who_was_paged_while_somebody_took_it_is_told_to_stand_down(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    alert_id = await paged(county, server, pool)
    server.line.open.clear()
    await server.notify.turn()
    await acknowledge(pool, alert_id, county)
    await server.escalate.turn()  # stands down while the page is in flight
    server.line.open.set()
    await server.notify.drain()
    await server.send_all()
    asked, told = server.line.sent
    assert "to take it" in asked.text
    assert f"{NAMES[0]} has the duress" in told.text
    assert asked.to == told.to
    assert await states(pool) == [("page", "accepted"), ("stand_down", "accepted")]


async def test_a_temporary_failure_is_tried_again_and_a_permanent_one_is_not(
    county: County, server: Server, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "RETRY_S", (60.0,))  # far from what this test itself takes
    alert_id = await paged(county, server, pool)
    server.line.refusals = [
        SendFailed("busy", temporary=True),
        SendFailed("no such number", temporary=False),
    ]
    await server.send_all()
    assert await states(pool) == [("page", "pending")]
    await server.send_all()
    assert server.line.asked == 1, "at once"
    await county.step(pool, timedelta(seconds=notify.RETRY_S[0]))
    await server.send_all()
    assert await states(pool) == [("page", "failed")]
    await county.step(pool, timedelta(hours=1))
    await server.send_all()
    assert server.line.asked == 2
    assert (await names_of_events(pool, alert_id)).count("notification_failed") == 2


async def test_a_number_that_opted_out_is_remembered(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    await paged(county, server, pool)
    server.line.refusals = [SendFailed("unsubscribed", temporary=False, unreachable="opted out")]
    await server.send_all()
    opted = await pool.fetch(
        "SELECT name FROM person JOIN contact USING (person_id) WHERE unreachable = 'opted out'"
    )
    assert [row["name"] for row in opted] == [NAMES[0]]


async def test_a_storm_is_sent_a_few_at_a_time_and_all_of_it(
    county: County, server: Server, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "SLOW_S", 60.0)  # else what waits makes room for more
    alerts = await open_alerts(county, server, pool, room.AT_ONCE_MAX + 10)
    await server.escalate.turn()
    server.line.open.clear()
    async with running(server.notify.run()):
        await server.line.until(asked=room.AT_ONCE_MAX)
        assert len(server.notify._sending) == room.AT_ONCE_MAX
        server.line.open.set()
        await server.line.until(sent=len(alerts))
    assert len({text.notification_id for text in server.line.sent}) == len(alerts)
