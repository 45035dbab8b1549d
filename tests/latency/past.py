"""Alerts with times of their own, taken, noted and closed by the product's own functions."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from tests.offices import Office


async def press(
    pool: asyncpg.Pool,
    office: Office,
    *,
    acknowledged_ms: float | None = None,
    ago: timedelta = timedelta(hours=1),
    at: datetime | None = None,
    drill: bool = False,
    kind: str = "duress",
    code: str | None = None,
    site_id: UUID | None = None,
    **place: str,
) -> UUID:
    """Write an alert with known times: received after 20 ms, stored after 30.5 ms."""
    where = {"site_id": str(site_id or office.site_id), "site": "County Clerk"} | place
    alert_id: UUID = await pool.fetchval(
        """
        INSERT INTO alert (jurisdiction, device_id, kind, drill, code, presses, place, tiers,
                           joinable, pressed_at, received_at, stored_at,
                           acknowledged_at, attempted_at, decide_at)
        SELECT $1, $2, $7, $3, coalesce($8, gen_random_uuid()::text), 1, $4, '[]', false,
               t, t + interval '20 ms', t + interval '30.5 ms', t + $5 * interval '1 ms', t, t
          FROM (SELECT $6::timestamptz) AS p(t)
        RETURNING alert_id
        """,
        office.jurisdiction,
        office.device_id,
        drill,
        msgspec.json.encode(where).decode(),
        acknowledged_ms,
        at or datetime.now(UTC) - ago,
        kind,
        code,
    )
    return alert_id


async def note(pool: asyncpg.Pool, alert_id: UUID, text: str) -> None:
    payload = msgspec.json.encode({"by": "Dana Ortiz", "note": text}).decode()
    await pool.execute("SELECT append_event($1, 'noted', $2)", alert_id, payload)


async def close(
    pool: asyncpg.Pool,
    office: Office,
    alert_id: UUID,
    *,
    by: str = "Dana Ortiz",
    outcome: str = "false_alarm",
    said: str = "",
) -> UUID:
    """Somebody takes it, if nobody has, and closes it."""
    await pool.execute(
        "SELECT acknowledge($1, $2, $3, $4, 'console', NULL)",
        *(alert_id, office.jurisdiction, office.dispatcher, by),
    )
    done = await pool.fetchval(
        "SELECT resolve($1, $2, $3, $4, $5)", alert_id, office.jurisdiction, by, outcome, said
    )
    assert done
    return alert_id
