"""Latency: how long each stage of an alert took, from the press to its resolution.

Promise: every figure counts from the press itself, by the database's clock, and says how many
alerts it rests on. Refused: drills among actual alerts, and figures about a person: how fast
somebody answers is their employer's business only where a jurisdiction has decided so.
"""

from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server.errors import Invalid

DAYS_MAX = 366  # one election cycle's year; older alerts are read from the record
ALERTS_MAX = 500  # more dots than this can't be told apart in a plot

STAGES = {
    "received": "Received by the server",
    "stored": "Stored for good",
    "on_screen": "On a dispatcher's screen",
    "provider_accepted": "Taken by the phone carrier",
    "delivered": "Delivered to a phone",
    "acknowledged": "Acknowledged by a person",
    "resolved": "Resolved",
}

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class StageFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One stage over all alerts that reached it; null where none has."""

    name: str
    label: str
    count: int
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class StagesMs(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from one alert's press to each stage; null where it was not reached."""

    received: float
    stored: float
    on_screen: float | None
    provider_accepted: float | None
    delivered: float | None
    acknowledged: float | None
    resolved: float | None


class AlertLatency(msgspec.Struct, frozen=True, kw_only=True):
    """One alert in the plot."""

    alert_id: UUID
    pressed_at: str
    site: str | None
    drill: bool
    stages_ms: StagesMs


class LatencyReport(msgspec.Struct, frozen=True, kw_only=True):
    """The stages in their order, over all alerts asked for, and the newest of these one by one."""

    stages: list[StageFigures]
    alerts: list[AlertLatency]


async def latency(
    pool: asyncpg.Pool, *, jurisdiction: str, days: int, site_id: UUID | None, drill: bool
) -> LatencyReport:
    """Report on the alerts pressed in the last `days`, drills or actual ones. Raises Invalid."""
    if not 1 <= days <= DAYS_MAX:
        raise Invalid(f"days: ask for 1 to {DAYS_MAX}, not {days}")
    figures = {
        row["stage"]: row
        async for row in queries.figures(
            pool, jurisdiction=jurisdiction, days=days, site_id=site_id, drill=drill
        )
    }
    alerts = [
        _alert(row)
        async for row in queries.newest(
            pool,
            jurisdiction=jurisdiction,
            days=days,
            site_id=site_id,
            drill=drill,
            alerts_max=ALERTS_MAX,
        )
    ]
    return LatencyReport(stages=[_stage(name, figures.get(name)) for name in STAGES], alerts=alerts)


def _stage(name: str, row: asyncpg.Record | None) -> StageFigures:
    percentiles_ms = row["percentiles_ms"] if row is not None else None
    p50, p90, p95, p99 = percentiles_ms or [None] * 4
    return StageFigures(
        name=name,
        label=STAGES[name],
        count=row["count"] if row is not None else 0,
        p50_ms=_tenths(p50),
        p90_ms=_tenths(p90),
        p95_ms=_tenths(p95),
        p99_ms=_tenths(p99),
    )


def _alert(row: asyncpg.Record) -> AlertLatency:
    return AlertLatency(
        alert_id=row["alert_id"],
        pressed_at=row["pressed_at"],
        site=row["site"],
        drill=row["drill"],
        stages_ms=msgspec.convert({name: _tenths(row[name]) for name in STAGES}, StagesMs),
    )


def _tenths(took_ms: float | None) -> float | None:
    """A tenth of a millisecond is what the clocks on the way are worth."""
    return None if took_ms is None else round(took_ms, 1)
