"""What the database holds, as digests: whether a request has changed anything at all."""

from collections.abc import Iterable

import asyncpg

from tests.walk.house import House, until

BESIDE = frozenset({"replica", "watching", "device_health"})  # signs of life of what runs beside


async def digests_of(pool: asyncpg.Pool, *, but: Iterable[str] = BESIDE) -> str:
    """A query for a digest of all rows, table by table."""
    tables = await pool.fetch(
        "SELECT format('SELECT %L AS name, md5(string_agg(t::text, '' '' ORDER BY t::text))"
        " AS digest FROM %I AS t', tablename, tablename) AS of FROM pg_tables"
        " WHERE schemaname = 'public' AND tablename <> ALL ($1::text[])",
        list(but),
    )
    return " UNION ALL ".join(row["of"] for row in tables)


async def read_digests(pool: asyncpg.Pool, query: str) -> dict[str, str]:
    """A digest of all rows, table by table."""
    return {row["name"]: row["digest"] for row in await pool.fetch(query)}


async def until_at_rest(house: House) -> None:
    """Return when every message has arrived and every screen has painted."""
    async with house.walk.database.connected() as connection:

        async def at_rest() -> bool:
            return not await connection.fetchval(
                "SELECT EXISTS (SELECT FROM notification WHERE state IN ('pending', 'sending',"
                " 'accepted')) OR EXISTS (SELECT FROM alert WHERE shown_at IS NULL OR decide_at"
                " < clock_timestamp() OR acknowledged_at IS NOT NULL AND stood_down_at IS NULL)"
            )

        await until(at_rest)
