"""Latency: how long each stage of an alert took, from the press to its resolution.

Promise: every figure counts from the press itself, by the database's clock, and says how many
alerts it rests on. Counts are of all of them; percentiles too, up to a number that a database sorts
at once, and beyond it of as many, drawn by lot. Refused: drills among actual alerts, and figures
about a person: how fast somebody answers is their employer's business only where a jurisdiction has
decided so.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Literal
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.sheet import Column, write_csv
from tocsin_server.storage.database import reading

DAYS_MAX = 366  # one election cycle's year; older alerts are read from the record
ALERTS_MAX = 500  # more dots than this can't be told apart in a plot
FIGURES_MAX = 20_000  # of so many a share is right to within 0.7 in a hundred, 19 times in 20
GROUPS_MAX = 2_000  # the sites of a state
SHIFTS = (360, 840, 1320)  # 06:00, 14:00 and 22:00, where no plan says otherwise
SHIFTS_MAX = 6  # a day in more parts than that says nothing of any
LOTS = 32_768

# 15 and 20 s: 90 and 95 % of emergency calls are answered within (NENA). 30 and 60 s: 80 and
# 98.5 % of hold-up alarms are handled within (EN 50518).
LINES_S = (15, 20, 30, 60)

STAGES = {
    "received": "Received by the server",
    "stored": "Stored for good",
    "on_screen": "On a dispatcher's screen",
    "provider_accepted": "Taken by the phone carrier",
    "delivered": "Delivered to a phone",
    "acknowledged": "Acknowledged by a person",
    "resolved": "Resolved",
}

By = Literal["site", "shift", "kind", "person", "day", "week", "month"]

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts are measured. `shift`: the minute of the day at which it begins."""

    days: int
    drill: bool
    site_id: UUID | None = None
    kind: str | None = None
    shift: int | None = None


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


class Within(msgspec.Struct, frozen=True, kw_only=True):
    """How many alerts were acknowledged within a line."""

    seconds: int
    count: int


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the day, from the minute at which it begins."""

    begins: int
    name: str


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """Who decided that figures may be about single persons, and when."""

    by: str
    at: str


class LatencyReport(msgspec.Struct, frozen=True, kw_only=True):
    """The stages in their order, over all alerts asked for, and the newest of these one by one.

    `measured`: of how many the percentiles are; fewer than `count` where they were drawn by lot.
    """

    count: int
    measured: int
    within: list[Within]
    stages: list[StageFigures]
    alerts: list[AlertLatency]
    shifts: list[Shift]
    by_person: Allowed | None  # null: there are no figures about single persons


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that have something in common, and how long until somebody acknowledged them."""

    key: str
    name: str
    count: int
    acknowledged: int
    within: list[Within]
    p50_ms: float | None
    p90_ms: float | None


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """Groups of the alerts asked for: the largest first, or by time the oldest first."""

    by: By
    drawn: bool  # the percentiles are of some, by lot
    groups: list[Group]


class _Rule(msgspec.Struct, frozen=True, kw_only=True):
    by_person: Allowed | None
    shifts: tuple[int, ...]


async def latency(pool: asyncpg.Pool, *, jurisdiction: str, wanted: Wanted) -> LatencyReport:
    """Report on the alerts pressed in the last days, drills or actual ones. Raises Invalid."""
    _check(wanted)
    async with reading(pool) as connection:
        rule = await _rule(connection, jurisdiction)
        asked = _asked(jurisdiction, wanted, rule)
        total = await queries.total(connection, **asked, lines_ms=_lines_ms())
        lots = _lots(total["alerts"])
        figures = await queries.figures(connection, **asked, lots=lots)
        alerts = [
            _alert(row) async for row in queries.newest(connection, **asked, alerts_max=ALERTS_MAX)
        ]
    return LatencyReport(
        count=total["alerts"],
        measured=figures["measured"],
        within=_within(total["within"]),
        stages=[_stage(name, total[name], figures[name]) for name in STAGES],
        alerts=alerts,
        shifts=[Shift(begins=begins, name=_hours(begins, rule)) for begins in rule.shifts],
        by_person=rule.by_person,
    )


async def grouped(pool: asyncpg.Pool, *, jurisdiction: str, wanted: Wanted, by: By) -> Groups:
    """Say how long until somebody acknowledged, by groups. Raises Invalid, Refused."""
    _check(wanted)
    async with reading(pool) as connection:
        rule = await _rule(connection, jurisdiction)
        if by == "person" and rule.by_person is None:
            raise Refused(
                "this jurisdiction keeps no figures about single persons; whoever runs the server"
                " turns them on: tocsin jurisdiction set --latency-by-person on"
            )
        asked = _asked(jurisdiction, wanted, rule)
        query = queries.groups(
            connection,
            **asked,
            lines_ms=_lines_ms(),
            lots_max=LOTS,
            figures_max=FIGURES_MAX,
            by=by,
            shifts=list(rule.shifts),
            groups_max=GROUPS_MAX,
        )
        rows = [row async for row in query]
    groups = [_group(row, by, rule) for row in rows]
    if by not in {"site", "kind", "person"}:
        groups.sort(key=lambda group: group.key)
    return Groups(by=by, drawn=any(row["is_drawn"] for row in rows), groups=groups)


async def set_by_person(pool: asyncpg.Pool, *, jurisdiction: str, allowed: bool, by: str) -> None:
    """Say whether figures may be about single persons. Raises NotFound."""
    done = await queries.set_by_person(pool, jurisdiction=jurisdiction, allowed=allowed, by=by)
    if done is None:
        raise NotFound(f"no jurisdiction {jurisdiction}: add it first")
    log.warning("latency by person", jurisdiction=jurisdiction, by=by, allowed=allowed)


def by_person_in_words(*, allowed: bool) -> str:
    """Say it as people do."""
    shown = "are shown" if allowed else "are not shown to anybody"
    return f"figures of how fast single persons answer {shown}"


def write_groups_csv(found: Groups) -> str:
    """Write a row for each group; times are in seconds."""
    lines = [f"acknowledged_within_{seconds}_s" for seconds in LINES_S]
    columns = [
        Column(name) for name in (found.by, "alerts", "acknowledged", *lines, "p50_s", "p90_s")
    ]
    rows = [
        {
            found.by: group.name,
            "alerts": str(group.count),
            "acknowledged": str(group.acknowledged),
            **dict(zip(lines, (str(each.count) for each in group.within), strict=True)),
            "p50_s": _seconds(group.p50_ms),
            "p90_s": _seconds(group.p90_ms),
        }
        for group in found.groups
    ]
    return write_csv(columns, rows)


def _check(wanted: Wanted) -> None:
    if not 1 <= wanted.days <= DAYS_MAX:
        raise Invalid(f"days: ask for 1 to {DAYS_MAX}, not {wanted.days}")


async def _rule(connection: asyncpg.Connection, jurisdiction: str) -> _Rule:
    row = await queries.rule(connection, jurisdiction=jurisdiction)
    shifts, by = tuple(row["shifts"]), row["allowed_by"]
    return _Rule(
        by_person=None if by is None else Allowed(by=by, at=row["allowed_at"]),
        shifts=shifts if 0 < len(shifts) <= SHIFTS_MAX else SHIFTS,
    )


def _asked(jurisdiction: str, wanted: Wanted, rule: _Rule) -> Mapping[str, object]:
    begins, ends = wanted.shift, None
    if begins is not None:
        if begins not in rule.shifts:
            known = ", ".join(str(each) for each in rule.shifts)
            raise Invalid(f"shift: no shift begins at minute {begins} of the day, but at {known}")
        ends = _ends(begins, rule)
    return {
        "jurisdiction": jurisdiction,
        "drill": wanted.drill,
        "days": wanted.days,
        "site_id": wanted.site_id,
        "kind": wanted.kind,
        "from_minute": begins,
        "until_minute": ends,
    }


def _ends(begins: int, rule: _Rule) -> int:
    return dict(pairwise([*rule.shifts, rule.shifts[0]]))[begins]


def _hours(begins: int, rule: _Rule) -> str:
    clocks = ["{:02}:{:02}".format(*divmod(each, 60)) for each in (begins, _ends(begins, rule))]
    return "\N{EN DASH}".join(clocks)


def _lots(alerts: int) -> int:
    """Say below which lot an alert is one that percentiles are taken of."""
    return LOTS if alerts <= FIGURES_MAX else LOTS * FIGURES_MAX // alerts


def _lines_ms() -> list[float]:
    return [seconds * 1000.0 for seconds in LINES_S]


def _within(counts: Sequence[int]) -> list[Within]:
    return [
        Within(seconds=seconds, count=count) for seconds, count in zip(LINES_S, counts, strict=True)
    ]


def _stage(name: str, count: int, percentiles_ms: Sequence[float | None] | None) -> StageFigures:
    p50, p90, p95, p99 = percentiles_ms or [None] * 4
    return StageFigures(
        name=name,
        label=STAGES[name],
        count=count,
        p50_ms=_tenths(p50),
        p90_ms=_tenths(p90),
        p95_ms=_tenths(p95),
        p99_ms=_tenths(p99),
    )


def _group(row: asyncpg.Record, by: By, rule: _Rule) -> Group:
    percentiles_ms: Sequence[float | None] | None = row["percentiles_ms"]
    p50, p90 = percentiles_ms or [None] * 2
    return Group(
        key=row["key"],
        name=_name(row, by, rule),
        count=row["alerts"],
        acknowledged=row["acknowledged"],
        within=_within(row["within"]),
        p50_ms=_tenths(p50),
        p90_ms=_tenths(p90),
    )


def _name(row: asyncpg.Record, by: By, rule: _Rule) -> str:
    key: str = row["key"]
    match by:
        case "site":
            return row["site"] or "No site"
        case "shift":
            return _hours(rule.shifts[int(key) - 1], rule)
        case "person":
            return key or "Nobody"
        case "month":
            return f"{date.fromisoformat(key):%Y-%m}"
        case _:
            return key


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


def _seconds(took_ms: float | None) -> str:
    return "" if took_ms is None else f"{took_ms / 1000:.1f}"
