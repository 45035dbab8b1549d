"""The plans of who answers when, as they are kept, and as people read them.

Promise: what is read for the alert path (`read_plans`) is asked without the database at every
press. Whoever is in a plan with an account that has ended is shown as that, and not on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import aiosql
import asyncpg
import msgspec

from tocsin_server.errors import NotFound
from tocsin_server.inputs import DAYS
from tocsin_server.people.accounts import PersonView, read_people
from tocsin_server.people.shifts import (
    AHEAD,
    Entry,
    Override,
    ShiftPlan,
    Stretch,
    begins,
    clock_in_words,
    gap_in_words,
)

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the jurisdiction."""

    person_id: UUID
    name: str


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's hours in every week, or in every n-th: on these days, from when to when."""

    entry_id: UUID
    person_id: UUID
    name: str
    has_ended: bool  # the account: nobody is on by this entry
    days: list[str]  # on which it begins: Mon, Tue, …
    from_time: str  # 22:00, by the clock on the wall
    to_time: str  # 06:00 is of the next day then; 24:00 is midnight
    valid_from: date | None
    valid_until: date | None  # the last day
    every_weeks: int
    anchor: date | None  # the first day of a week in which it holds


class OverrideView(msgspec.Struct, frozen=True, kw_only=True):
    """What is different in a span of time; `swap_id`: it is half of a swap."""

    override_id: UUID
    from_at: datetime
    until_at: datetime
    person: Named | None
    instead_of: Named | None
    swap_id: UUID | None
    entry_id: UUID | None
    says: str
    made_by: str


class StretchView(msgspec.Struct, frozen=True, kw_only=True):
    """A span in which the same people are on; none: a gap."""

    from_at: datetime
    until_at: datetime
    people: list[Named]


class GapView(msgspec.Struct, frozen=True, kw_only=True):
    """A span in which nobody is on."""

    from_at: datetime
    until_at: datetime
    message: str


class SpanView(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of one day, by the clock on the wall; to 24:00 where the day ends first."""

    from_time: str
    to_time: str
    people: list[Named]  # none: a gap


class DayView(msgspec.Struct, frozen=True, kw_only=True):
    """One day of the week, from its midnight to the next."""

    day: date
    spans: list[SpanView]


class ShiftPlanView(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what comes of it in the time asked about."""

    plan_id: UUID
    name: str
    entries: list[EntryView]
    overrides: list[OverrideView]  # those that are not over, the next first
    stretches: list[StretchView]
    gaps: list[GapView]
    week: list[DayView]  # seven days, from the one of the moment asked about


class ShiftsView(msgspec.Struct, frozen=True, kw_only=True):
    """All plans of a jurisdiction, and who is on from one moment until another."""

    time_zone: str
    from_at: datetime
    until_at: datetime
    plans: list[ShiftPlanView]


async def read_plans(
    connection: asyncpg.Pool | asyncpg.Connection,
    *,
    jurisdiction: str | None = None,
    since: datetime | None = None,
) -> dict[UUID, ShiftPlan]:
    """Read the plans of a jurisdiction, or of all, by name: all that is needed to say who is on.

    `since`: the earliest moment that will be asked about (None: yesterday). DATABASE_ERRORS.
    """
    plans = [row async for row in queries.plans(connection, jurisdiction=jurisdiction)]
    entries: dict[UUID, list[Entry]] = defaultdict(list)
    async for row in queries.entries(connection, jurisdiction=jurisdiction):
        entry = dict(row)
        plan_id = entry.pop("plan_id")
        entries[plan_id].append(Entry(**entry | {"days": tuple(entry["days"])}))
    overrides: dict[UUID, list[Override]] = defaultdict(list)
    async for row in queries.overrides(connection, jurisdiction=jurisdiction, since=since):
        override = dict(row)
        overrides[override.pop("plan_id")].append(Override(**override))
    ends = {
        row["person_id"]: row["ends_at"]
        async for row in queries.account_ends(connection, jurisdiction=jurisdiction)
    }
    return {
        row["plan_id"]: _plan(row, entries[row["plan_id"]], overrides[row["plan_id"]], ends)
        for row in plans
    }


async def read_clock(pool: asyncpg.Pool, *, jurisdiction: str) -> tuple[datetime, ZoneInfo]:
    """Give what time it is, and the zone of a jurisdiction. Raises NotFound."""
    row = await queries.clock(pool, jurisdiction=jurisdiction)
    if row is None:
        raise NotFound(f"no jurisdiction {jurisdiction}: add it first")
    return row["now"], _zone(row["time_zone"])


async def read_shifts(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    at: datetime | None = None,
    day: date | None = None,
) -> ShiftsView:
    """Show the plans of a jurisdiction and the week that begins at a moment, or with a day.

    Neither: now. Raises NotFound.
    """
    now, zone = await read_clock(pool, jurisdiction=jurisdiction)
    from_at = at or (now if day is None else _midnight(zone, day))
    midnight = _midnight(zone, from_at.astimezone(zone).date())
    plans = await read_plans(pool, jurisdiction=jurisdiction, since=midnight)
    people = await read_people(pool, jurisdiction=jurisdiction)
    known = {person.person_id: person for person in people}
    return ShiftsView(
        time_zone=zone.key,
        from_at=from_at,
        until_at=from_at + AHEAD,
        plans=[_plan_view(plan, from_at, known) for plan in plans.values()],
    )


def says(override: Override, names: Mapping[UUID, str]) -> str:
    """Say what an override does."""
    who, instead_of = (
        names.get(each, "somebody unknown") if each is not None else None
        for each in (override.person_id, override.instead_of)
    )
    if who is None:
        return f"nobody instead of {instead_of}" if instead_of is not None else "nobody at all"
    return f"{who} instead of {instead_of}" if instead_of is not None else f"{who} as well"


def clock_of(minute: int) -> str:
    """Write a minute of the day as 08:00; the last is 24:00."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _plan(
    row: asyncpg.Record,
    entries: Sequence[Entry],
    overrides: Sequence[Override],
    ends: Mapping[UUID, datetime],
) -> ShiftPlan:
    people = {entry.person_id for entry in entries}
    people |= {each.person_id for each in overrides if each.person_id is not None}
    return ShiftPlan(
        plan_id=row["plan_id"],
        jurisdiction=row["jurisdiction"],
        name=row["name"],
        zone=_zone(row["time_zone"]),
        entries=tuple(entries),
        overrides=tuple(overrides),
        ends={each: ends[each] for each in people if each in ends},
    )


def _plan_view(
    plan: ShiftPlan, from_at: datetime, known: Mapping[UUID, PersonView]
) -> ShiftPlanView:
    names = {person_id: person.name for person_id, person in known.items()}
    stretches = plan.stretches(from_at, from_at + AHEAD)
    return ShiftPlanView(
        plan_id=plan.plan_id,
        name=plan.name,
        entries=[_entry_view(entry, known[entry.person_id]) for entry in plan.entries],
        overrides=[
            _override_view(each, names)
            for each in sorted(plan.overrides, key=lambda each: each.from_at)
        ],
        stretches=[
            StretchView(
                from_at=each.from_at,
                until_at=each.until_at,
                people=[Named(person_id=one, name=names[one]) for one in each.people],
            )
            for each in stretches
        ],
        gaps=[_gap_view(plan, each, from_at) for each in stretches if not each.people],
        week=[
            _day_view(plan, from_at.astimezone(plan.zone).date() + timedelta(days=n), names)
            for n in range(AHEAD.days)
        ],
    )


def _day_view(plan: ShiftPlan, day: date, names: Mapping[UUID, str]) -> DayView:
    ends_at = _midnight(plan.zone, day + timedelta(days=1))

    def clock(at: datetime) -> str:
        return "24:00" if at == ends_at else clock_in_words(at.astimezone(plan.zone))

    return DayView(
        day=day,
        spans=[
            SpanView(
                from_time=clock(each.from_at),
                to_time=clock(each.until_at),
                people=[Named(person_id=one, name=names[one]) for one in each.people],
            )
            for each in plan.stretches(_midnight(plan.zone, day), ends_at)
        ],
    )


def _midnight(zone: ZoneInfo, day: date) -> datetime:
    return begins(zone, datetime.combine(day, time()))


def _entry_view(entry: Entry, person: PersonView) -> EntryView:
    return EntryView(
        entry_id=entry.entry_id,
        person_id=entry.person_id,
        name=person.name,
        has_ended=person.has_ended,
        days=[DAYS[day] for day in sorted(entry.days)],
        from_time=clock_of(entry.from_minute),
        to_time=clock_of(entry.to_minute),
        valid_from=entry.valid_from,
        valid_until=entry.valid_until,
        every_weeks=entry.every_weeks,
        anchor=entry.anchor,
    )


def _override_view(override: Override, names: Mapping[UUID, str]) -> OverrideView:
    person, instead_of = (
        Named(person_id=each, name=names[each]) if each is not None else None
        for each in (override.person_id, override.instead_of)
    )
    return OverrideView(
        override_id=override.override_id,
        from_at=override.from_at,
        until_at=override.until_at,
        person=person,
        instead_of=instead_of,
        swap_id=override.swap_id,
        entry_id=override.entry_id,
        says=says(override, names),
        made_by=override.made_by,
    )


def _gap_view(plan: ShiftPlan, gap: Stretch, from_at: datetime) -> GapView:
    until_at = gap.until_at if gap.until_at < from_at + AHEAD else None
    message = gap_in_words(plan, gap.from_at, until_at, from_at)
    return GapView(from_at=gap.from_at, until_at=gap.until_at, message=message)


def _zone(name: str) -> ZoneInfo:
    """Give a time zone; where a hand in the database has misspelt it, UTC: somebody answers."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
