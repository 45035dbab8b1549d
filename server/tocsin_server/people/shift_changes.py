"""Changes of the plans of who answers: each is whole, or nothing of it is done.

Promise: whoever makes a change is named in the log, and beside an override. Two people may be on
at once, and a plan may have gaps: both are shown, not refused.

Refused: people of another jurisdiction, hours that are none, overrides that change nothing, and
changes that would take away under people's hands what they have agreed on: an entry that is
swapped in days to come, a plan that a policy tells.
"""

import re
from collections.abc import Awaitable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.inputs import DAYS
from tocsin_server.people.shift_plans import clock_of, read_clock, read_plans
from tocsin_server.people.shifts import DAY_MINUTES, Entry, Override, ShiftPlan

PLANS_MAX = 100  # a county has a handful; each server reads them all at every change
ENTRIES_MAX = 200  # each is looked at when somebody presses; nine people's week has 63 at most
OVERRIDES_MAX = 200  # to come, in one plan: each is looked at, too
OVERRIDE_DAYS_MAX = 92  # a quarter; who is away for longer belongs into the week itself
WEEKS_MAX = 52  # a turn that comes once a year is an override
YEARS = range(2000, 2101)  # a slip of the finger makes 2206

_CLOCK = re.compile(r"([0-9]{2}):([0-5][0-9])")

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class InPlan(TypedDict):
    """Which plan is changed, whose it is, and who does so: what every change of one asks for."""

    jurisdiction: str
    plan_id: UUID
    by: str


class EntryForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody's hours in every week, or in every n-th, as they are given."""

    person_id: UUID
    days: Annotated[list[Day], msgspec.Meta(min_length=1, max_length=len(DAYS))]
    from_time: str
    to_time: str
    valid_from: date | None = None
    valid_until: date | None = None
    # To JSON 2.0 is an integer, and to msgspec's int it is none.
    every_weeks: Annotated[float, msgspec.Meta(ge=1, le=WEEKS_MAX, multiple_of=1)] = 1
    anchor: date | None = None


class OverrideForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is on in a span: instead of somebody, as well (no `instead_of`), or nobody."""

    from_at: datetime
    until_at: datetime
    person_id: UUID | None = None
    instead_of: UUID | None = None


class SwapForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two entries, and the day on which each begins, whose people take each other's place."""

    entry_id: UUID
    on: date
    other_entry_id: UUID
    other_on: date


async def add_plan(pool: asyncpg.Pool, *, jurisdiction: str, name: str, by: str) -> UUID:
    """Add a plan without entries. Raises Invalid, Refused (the name is taken, too many)."""
    name = inputs.text("the plan's name", name)
    try:
        plan_id: UUID | None = await queries.add_plan(
            pool, jurisdiction=jurisdiction, name=name, by=by, plans_max=PLANS_MAX
        )
    except asyncpg.UniqueViolationError:
        raise _name_taken(name) from None
    if plan_id is None:
        raise Refused(f"There are {PLANS_MAX} plans already: remove one that nobody uses.")
    log.warning("shifts changed", jurisdiction=jurisdiction, plan=name, by=by, what="plan added")
    return plan_id


async def rename_plan(
    pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, name: str, by: str
) -> None:
    """Give a plan another name. Raises Invalid, NotFound, Refused (the name is taken)."""
    name = inputs.text("the plan's name", name)
    try:
        found = await queries.rename_plan(
            pool, jurisdiction=jurisdiction, plan_id=plan_id, name=name, by=by
        )
    except asyncpg.UniqueViolationError:
        raise _name_taken(name) from None
    if found is None:
        raise _no_plan()
    log.warning("shifts changed", jurisdiction=jurisdiction, plan=name, by=by, what="plan renamed")


async def remove_plan(pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, by: str) -> None:
    """Remove a plan and all that is in it. Raises NotFound, Refused (a policy tells it)."""
    plan = await _plan(pool, jurisdiction, plan_id)
    rows = queries.policies_that_tell(pool, jurisdiction=jurisdiction, plan_id=str(plan_id))
    policies = [row["name"] async for row in rows]
    if policies:
        raise Refused(
            f"{', '.join(policies)} tells whoever is on in {plan.name}:"
            " put somebody else into that policy first."
        )
    await queries.remove_plan(pool, jurisdiction=jurisdiction, plan_id=plan_id)
    _log(plan, by, "plan removed")


async def add_entry(
    pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, form: EntryForm, by: str
) -> UUID:
    """Put somebody's hours into a plan. Raises Invalid, NotFound (the plan), Refused (too many)."""
    plan = await _plan(pool, jurisdiction, plan_id)
    if len(plan.entries) >= ENTRIES_MAX:
        raise Refused(
            f"{plan.name} has {ENTRIES_MAX} entries already: remove those that are over, or make a"
            " second plan."
        )
    columns = await _columns(pool, jurisdiction, form)
    entry_id = await _kept(
        queries.add_entry(pool, jurisdiction=jurisdiction, plan_id=plan_id, by=by, **columns)
    )
    _log(plan, by, "entry added", entry_id=str(entry_id))
    return entry_id


async def change_entry(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    plan_id: UUID,
    entry_id: UUID,
    form: EntryForm,
    by: str,
) -> None:
    """Change an entry as a whole. Raises Invalid, NotFound, Refused (it is swapped)."""
    plan = await _plan(pool, jurisdiction, plan_id)
    await _check_not_swapped(pool, plan, _entry(plan, entry_id))
    columns = await _columns(pool, jurisdiction, form)
    await queries.change_entry(pool, plan_id=plan_id, entry_id=entry_id, by=by, **columns)
    _log(plan, by, "entry changed", entry_id=str(entry_id))


async def remove_entry(
    pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, entry_id: UUID, by: str
) -> None:
    """Take an entry out of a plan. Raises NotFound, Refused (it is swapped)."""
    plan = await _plan(pool, jurisdiction, plan_id)
    await _check_not_swapped(pool, plan, _entry(plan, entry_id))
    await queries.remove_entry(pool, plan_id=plan_id, entry_id=entry_id, by=by)
    _log(plan, by, "entry removed", entry_id=str(entry_id))


async def add_override(
    pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, form: OverrideForm, by: str
) -> UUID:
    """Let a span be different. Raises Invalid, NotFound, Refused (too many)."""
    plan = await _plan(pool, jurisdiction, plan_id)
    now, _ = await read_clock(pool, jurisdiction=jurisdiction)
    _check_span(form.from_at, form.until_at, now)
    _check_room(plan, now)
    if form.person_id is not None and form.person_id == form.instead_of:
        raise Invalid("nobody takes their own place: name two people")
    named = [each for each in (form.person_id, form.instead_of) if each is not None]
    await _check_people(pool, jurisdiction, named)
    if form.instead_of is not None and not any(
        form.instead_of in each.people for each in plan.stretches(form.from_at, form.until_at)
    ):
        raise Invalid(
            f"whoever is to be replaced isn't on in {plan.name} in that time, so nothing would"
            " change: look at the plan, or name nobody to be replaced"
        )
    override_id = await _kept(
        queries.add_override(
            pool,
            jurisdiction=jurisdiction,
            plan_id=plan_id,
            from_at=form.from_at,
            until_at=form.until_at,
            person_id=form.person_id,
            instead_of=form.instead_of,
            by=by,
        )
    )
    _log(plan, by, "override added", override_id=str(override_id))
    return override_id


async def remove_override(
    pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, override_id: UUID, by: str
) -> None:
    """Take an override back. Raises NotFound, Refused (it is half of a swap)."""
    plan = await _plan(pool, jurisdiction, plan_id)
    found = [each for each in plan.overrides if each.override_id == override_id]
    if not found:
        raise NotFound(f"There is no such override in {plan.name}, or it is over.")
    if found[0].swap_id is not None:
        raise Refused("This is half of a swap: undo the swap, which takes back both halves.")
    await queries.remove_override(pool, plan_id=plan_id, override_id=override_id)
    _log(plan, by, "override removed", override_id=str(override_id))


async def add_swap(
    pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, form: SwapForm, by: str
) -> UUID:
    """Let two people take each other's place, once. Raises Invalid, NotFound, Refused."""
    plan = await _plan(pool, jurisdiction, plan_id)
    now, _ = await read_clock(pool, jurisdiction=jurisdiction)
    _check_room(plan, now)
    by_id = {entry.entry_id: entry for entry in plan.entries}
    if form.entry_id not in by_id or form.other_entry_id not in by_id:
        raise Invalid(f"there is no such entry in {plan.name}: look at the plan")
    one, other = by_id[form.entry_id], by_id[form.other_entry_id]
    if one.person_id == other.person_id:
        raise Invalid("both entries are the same person's: name the entries of two people")
    spans = [
        _to_swap(plan, entry, day, now) for entry, day in ((one, form.on), (other, form.other_on))
    ]
    swap_id = await _kept(
        queries.add_swap(
            pool,
            jurisdiction=jurisdiction,
            plan_id=plan_id,
            entry_ids=[one.entry_id, other.entry_id],
            from_ats=[from_at for from_at, _ in spans],
            until_ats=[until_at for _, until_at in spans],
            person_ids=[other.person_id, one.person_id],
            instead_of=[one.person_id, other.person_id],
            by=by,
        )
    )
    _log(plan, by, "swap added", swap_id=str(swap_id))
    return swap_id


async def remove_swap(
    pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, swap_id: UUID, by: str
) -> None:
    """Undo both halves of a swap. Raises NotFound."""
    plan = await _plan(pool, jurisdiction, plan_id)
    if not any(each.swap_id == swap_id for each in plan.overrides):
        raise NotFound(f"There is no such swap in {plan.name}, or it is over.")
    await queries.remove_swap(pool, plan_id=plan_id, swap_id=swap_id)
    _log(plan, by, "swap undone", swap_id=str(swap_id))


async def _plan(pool: asyncpg.Pool, jurisdiction: str, plan_id: UUID) -> ShiftPlan:
    plan = (await read_plans(pool, jurisdiction=jurisdiction)).get(plan_id)
    if plan is None:
        raise _no_plan()
    return plan


def _entry(plan: ShiftPlan, entry_id: UUID) -> Entry:
    for entry in plan.entries:
        if entry.entry_id == entry_id:
            return entry
    raise NotFound(f"There is no such entry in {plan.name}.")


async def _kept(made: Awaitable[UUID]) -> UUID:
    """Give the id of what is added. Raises Refused: what it belongs to was removed meanwhile."""
    try:
        return await made
    except asyncpg.ForeignKeyViolationError:
        raise Refused(
            "Somebody has just removed what this belongs to, so nothing was done: look again."
        ) from None


async def _columns(pool: asyncpg.Pool, jurisdiction: str, form: EntryForm) -> dict[str, object]:
    """Check what is given, and make of it what a row holds."""
    await _check_people(pool, jurisdiction, [form.person_id])
    days = sorted({DAYS.index(day) for day in form.days})
    if not days:
        raise Invalid("name at least one day of the week")
    from_minute, to_minute = _minute(form.from_time), _minute(form.to_time)
    if from_minute == DAY_MINUTES:
        raise Invalid("nothing begins at 24:00: write 00:00, and the day after")
    if from_minute == to_minute:
        raise Invalid(
            f"from {form.from_time} to {form.to_time} is no time at all: for a whole day write"
            " 00:00 to 24:00"
        )
    every_weeks = int(form.every_weeks)
    if not 1 <= every_weeks <= WEEKS_MAX:
        raise Invalid(f"it is every week, or every 2nd to {WEEKS_MAX}th: write 1 to {WEEKS_MAX}")
    if every_weeks > 1 and form.anchor is None:
        raise Invalid(
            f"say from which day the {every_weeks} weeks are counted (anchor): the first day of a"
            " week in which it holds"
        )
    for day in (form.valid_from, form.valid_until, form.anchor):
        if day is not None and day.year not in YEARS:
            raise Invalid(f"{day.isoformat()} is no day of a shift: look at its year")
    columns: dict[str, object] = {
        "person_id": form.person_id,
        "days": days,
        "from_minute": from_minute,
        "to_minute": to_minute or DAY_MINUTES,
        "valid_from": form.valid_from,
        "valid_until": form.valid_until,
        "every_weeks": every_weeks,
        "anchor": form.anchor if every_weeks > 1 else None,
    }
    _check_ever(form, every_weeks, days)
    return columns


def _check_ever(form: EntryForm, every_weeks: int, days: Sequence[int]) -> None:
    """Make sure that it is somebody's turn at least once. Raises Invalid."""
    first, last = form.valid_from, form.valid_until
    if first is None or last is None:
        return
    if last < first:
        raise Invalid(f"{last} is before {first}: the last day comes after the first")
    anchor = form.anchor if every_weeks > 1 else None
    entry = Entry(
        form.person_id, form.person_id, tuple(days), 0, 1, first, last, every_weeks, anchor
    )
    ahead = min((last - first).days, 7 * every_weeks)
    if not any(entry.begins_on(first + timedelta(days=n)) for n in range(ahead + 1)):
        raise Invalid(f"from {first} to {last} it is never their turn: look at the days")


def _minute(given: str) -> int:
    read = _CLOCK.fullmatch(given)
    minute = int(read[1]) * 60 + int(read[2]) if read else DAY_MINUTES + 1
    if minute > DAY_MINUTES:
        raise Invalid(f"{given!r} is no time of day: write 00:00 to 24:00")
    return minute


async def _check_people(pool: asyncpg.Pool, jurisdiction: str, person_ids: Sequence[UUID]) -> None:
    known = await queries.people_known(pool, jurisdiction=jurisdiction, person_ids=person_ids)
    if known < len(person_ids):
        raise Invalid("there is no such person in your jurisdiction: look at the list of people")


def _check_span(from_at: datetime, until_at: datetime, now: datetime) -> None:
    for at in (from_at, until_at):
        if at.tzinfo is None:
            raise Invalid("a time needs its zone: write it as 2026-11-03T18:00:00-06:00")
        if at.year not in YEARS:
            raise Invalid(f"{at.date().isoformat()} is no day of a shift: look at its year")
        if at.second or at.microsecond:
            raise Invalid("shifts begin and end with a minute: write no seconds")
    if until_at <= from_at:
        raise Invalid("it ends before it begins: write the later time second")
    if until_at <= now:
        raise Invalid("that time is over: what was can't be changed any more")
    if until_at - from_at > timedelta(days=OVERRIDE_DAYS_MAX):
        raise Invalid(
            f"an override lasts {OVERRIDE_DAYS_MAX} days at most: for longer, change the entries of"
            " the week, which may have a last day"
        )


def _check_room(plan: ShiftPlan, now: datetime) -> None:
    if sum(each.until_at > now for each in plan.overrides) >= OVERRIDES_MAX:
        raise Refused(
            f"{plan.name} has {OVERRIDES_MAX} overrides to come: undo some, or change the entries"
            " of the week."
        )


async def _check_not_swapped(pool: asyncpg.Pool, plan: ShiftPlan, entry: Entry) -> None:
    now, zone = await read_clock(pool, jurisdiction=plan.jurisdiction)
    for override in plan.overrides:
        if override.entry_id == entry.entry_id and override.until_at > now:
            raise _swapped(override, zone)


def _to_swap(plan: ShiftPlan, entry: Entry, day: date, now: datetime) -> tuple[datetime, datetime]:
    """Give the span of an entry that begins on a day. Raises Invalid, Refused (it is swapped)."""
    if day.year not in YEARS or not entry.begins_on(day):
        days = ", ".join(DAYS[each] for each in sorted(entry.days))
        raise Invalid(
            f"the entry from {clock_of(entry.from_minute)} ({days}) doesn't begin on"
            f" {day.isoformat()}: name a day on which it does"
        )
    from_at, until_at = entry.on(day, plan.zone)
    if until_at <= now:
        raise Invalid(f"the shift of {day.isoformat()} is over: it can't be swapped any more")
    if from_at == until_at:
        raise Invalid(
            f"on {day.isoformat()} the clocks leave this shift out: there is none to swap"
        )
    for override in plan.overrides:
        if (
            override.entry_id == entry.entry_id
            and override.from_at < until_at
            and override.until_at > from_at
        ):
            raise _swapped(override, plan.zone)
    return from_at, until_at


def _swapped(override: Override, zone: ZoneInfo) -> Refused:
    day = override.from_at.astimezone(zone).date().isoformat()
    return Refused(f"This entry is swapped on {day}: undo that swap first.")


def _name_taken(name: str) -> Refused:
    return Refused(f"There is a plan {name} already: give this one another name.")


def _no_plan() -> NotFound:
    return NotFound("There is no such plan of shifts in your jurisdiction.")


def _log(plan: ShiftPlan, by: str, what: str, **ids: str) -> None:
    log.warning(
        "shifts changed", jurisdiction=plan.jurisdiction, plan=plan.name, by=by, what=what, **ids
    )
