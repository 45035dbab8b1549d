"""Screens and lamps when a replica did not hear, or could not answer: nothing stays as it was."""

import asyncio

import asyncpg
import pytest

from tests.alert.county import (
    JURISDICTION,
    County,
    Server,
    acknowledge,
    open_alerts,
    running,
    shown,
)

LISTENING = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE application_name = 'tocsin' AND query LIKE 'LISTEN%' AND datname = current_database()"
)


async def test_what_was_resolved_while_a_replica_was_deaf_is_resolved_on_its_screens(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    async with running(server.connection.listen(), server.changes.run()):
        await asyncio.wait_for(server.connection.listening.wait(), 20)
        (alert_id,) = await open_alerts(county, server, pool)
        await server.until_shown(alert_id, "open")
        pid = await pool.fetchval(LISTENING)
        assert await pool.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
        await pool.execute("SELECT resolve($1, $2, 'Ana', 'actual', '')", alert_id, JURISDICTION)
        await server.until_shown(alert_id, "resolved")
        assert await server.until_receipted() == [alert_id]


async def test_a_lost_listening_connection_is_noticed_at_once(
    server: Server, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when the next probe stays away, seconds later."""
    monkeypatch.setattr("tocsin_server.storage.database.PROBE_S", 600.0)
    async with running(server.connection.listen()):
        await asyncio.wait_for(server.connection.listening.wait(), 20)
        pid = await pool.fetchval(LISTENING)
        await pool.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        async with asyncio.timeout(20):
            while server.connection.listening.is_set():  # noqa: ASYNC110 (nothing else says so)
                await asyncio.sleep(0.01)
        await asyncio.wait_for(server.connection.listening.wait(), 20)
        assert await pool.fetchval(LISTENING) not in {None, pid}


async def test_a_screen_that_opens_hides_no_change_from_the_others(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    """Its snapshot is newer than what the others have seen; they are to see it all the same."""
    async with running(server.connection.listen()):
        await asyncio.wait_for(server.connection.listening.wait(), 20)
        (alert_id,) = await open_alerts(county, server, pool)
        await acknowledge(pool, alert_id, county)
        while len(server.changes._changed) == 0:  # noqa: ASYNC110 (nothing else says so)
            await asyncio.sleep(0.01)
        (snapshot,) = await server.changes.open_alerts(JURISDICTION)
        assert b'"state" : "acknowledged"' in bytes(snapshot)
        assert shown(server, alert_id) == ["open"]
        async with running(server.changes.run()):
            await server.until_shown(alert_id, "acknowledged")
            assert await server.until_receipted() == [alert_id]


async def test_a_lamp_is_told_also_where_the_database_went_away_in_between(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    server.receipts_fail = 1
    async with running(server.connection.listen(), server.changes.run()):
        await asyncio.wait_for(server.connection.listening.wait(), 20)
        (alert_id,) = await open_alerts(county, server, pool)
        await acknowledge(pool, alert_id, county)
        assert await server.until_receipted() == [alert_id]
