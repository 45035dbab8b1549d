"""Who is told next of an alert, before somebody has it escalated.

Promise: the same decision as the climb itself makes (lifecycle.decide), on who can be told now.
"""

from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server.alert.escalate import tiers_now
from tocsin_server.alert.lifecycle import Notify, Standing, decide
from tocsin_server.errors import NotFound
from tocsin_server.fleet.answering import Answerer, answering
from tocsin_server.fleet.directory import Entries, PolicyTier

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class NextTier(msgspec.Struct, frozen=True, kw_only=True):
    """A tier, counted from 1, and whom it names now, also those whom nothing reaches.

    `again`: every tier has been told, and this one is told once more.
    """

    tier: int
    again: bool
    people: list[Answerer]


async def read_next_tier(
    pool: asyncpg.Pool,
    entries: Entries,
    *,
    jurisdiction: str,
    alert_id: UUID,
    at: datetime,
    only_drills: bool,
) -> NextTier:
    """Say who would be told. `at`: the database's time. Raises NotFound, DATABASE_ERRORS."""
    row = await queries.standing(pool, jurisdiction=jurisdiction, alert_id=alert_id)
    if row is None or (only_drills and not row["drill"]):
        raise NotFound(f"no alert {alert_id}")
    tiers = msgspec.json.decode(row["tiers"], type=tuple[PolicyTier, ...])
    situation = entries.situation(jurisdiction, kind=row["kind"], drill=row["drill"], at=at)
    standing = Standing(attempt=row["attempt"], elapsed_s=0.0, settled=False, hurried=True)
    order = decide(standing, tiers_now(tiers, entries, situation))
    number = order.tier if isinstance(order, Notify) else len(tiers)
    (named,) = answering(entries, [tiers[number - 1]], situation)
    again = isinstance(order, Notify) and order.unanswered
    return NextTier(tier=number, again=again, people=named.people)
