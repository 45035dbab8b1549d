"""Maintenance: times in which a site is worked on, and nobody is texted about its buttons.

A window is opened by somebody with a reason, lasts eight hours at most, and ends by itself.
What is wrong meanwhile is shown all the same, and told when it ends, if it still is wrong.
An alert of such a button is exactly as loud as any other.
"""

import math
from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.errors import Invalid, NotFound, Refused

MINUTES_MAX = 480  # a working day: who forgets to end it finds it ended the next morning

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class MaintenanceView(msgspec.Struct, frozen=True, kw_only=True):
    """An open window."""

    maintenance_id: UUID
    site_id: UUID
    site: str
    reason: str
    opened_by: str
    opened_at: datetime
    closes_at: datetime


async def open_maintenance(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    site_id: UUID,
    minutes: int,
    reason: str,
    opened_by: str,
) -> MaintenanceView:
    """Open a window now. Raises Invalid, NotFound, Refused (one is open there), DATABASE_ERRORS."""
    if not 1 <= minutes <= MINUTES_MAX:
        raise Invalid(f"maintenance lasts 1 to {MINUTES_MAX} minutes, not {minutes}")
    row = await queries.open_maintenance(
        pool,
        jurisdiction=jurisdiction,
        site_id=site_id,
        minutes=minutes,
        reason=inputs.text("the reason", reason),
        opened_by=inputs.text("the name of who begins it", opened_by),
    )
    if row is None:
        known = await _known(pool, jurisdiction, site_id)
        minutes_left = max(1, math.ceil((known["left_s"] or 0.0) / 60))
        raise Refused(
            f"Maintenance is on at {known['name']} for {minutes_left} more min, begun by"
            f" {known['opened_by'] or 'somebody'}. End it first, or wait."
        )
    log.warning("maintenance begun", site=row["site"], by=row["opened_by"], minutes=minutes)
    return MaintenanceView(**row)


async def end_maintenance(
    pool: asyncpg.Pool, *, jurisdiction: str, site_id: UUID, ended_by: str
) -> str:
    """End a site's window now and give its name. Raises Invalid, NotFound, DATABASE_ERRORS."""
    by = inputs.text("the name of who ends it", ended_by)
    site: str | None = await queries.end_maintenance(
        pool, jurisdiction=jurisdiction, site_id=site_id, ended_by=by
    )
    if site is None:
        known = await _known(pool, jurisdiction, site_id)
        raise NotFound(f"No maintenance is on at {known['name']}: there is nothing to end.")
    log.warning("maintenance ended", site=site, by=by)
    return site


async def read_maintenance(pool: asyncpg.Pool, *, jurisdiction: str) -> list[MaintenanceView]:
    """List the windows that are open."""
    rows = queries.maintenance(pool, jurisdiction=jurisdiction)
    return [MaintenanceView(**row) async for row in rows]


async def _known(pool: asyncpg.Pool, jurisdiction: str, site_id: UUID) -> asyncpg.Record:
    row = await queries.site_and_its_maintenance(pool, jurisdiction=jurisdiction, site_id=site_id)
    if row is None:
        raise NotFound("There is no such site in your jurisdiction.")
    return row
