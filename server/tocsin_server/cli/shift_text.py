"""Plans of who answers, as `tocsin shift` writes them for people."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tocsin_server.cli.command import table
from tocsin_server.inputs import DAYS
from tocsin_server.people.shift_plans import EntryView, OverrideView, ShiftPlanView, ShiftsView
from tocsin_server.people.shifts import moment_in_words

_NO_PLAN = "no plan of shifts yet: make one with tocsin shift add"


def who_text(shifts: ShiftsView) -> str:
    """Say who is on at the beginning of what is shown, and when nobody is."""
    local = shifts.from_at.astimezone(ZoneInfo(shifts.time_zone))
    day = f"{DAYS[local.weekday()]} {local:%b} {local.day}"
    lines = [f"{day} {local:%H:%M}, {shifts.time_zone}"]
    for plan in shifts.plans:
        now = plan.stretches[0]
        names = ", ".join(person.name for person in now.people) or "NOBODY"
        always = now.until_at >= shifts.until_at
        until = "for the next 7 days" if always else f"until {_moment(now.until_at, shifts)}"
        lines.append(f"{plan.name}: {names}, {until}")
        lines += [f"  {gap.message}" for gap in plan.gaps]
    return "\n".join(lines) if shifts.plans else _NO_PLAN


def shifts_text(shifts: ShiftsView) -> str:
    """Write all plans."""
    return "\n\n".join(plan_text(plan, shifts) for plan in shifts.plans) or _NO_PLAN


def plan_text(plan: ShiftPlanView, shifts: ShiftsView) -> str:
    """Write one plan: its week, what is different, and when nobody is on."""
    rows = [
        [
            days_text(entry.days),
            f"{entry.from_time}-{entry.to_time}",
            f"{entry.name} (account ended)" if entry.has_ended else entry.name,
            _when(entry) or None,
            entry.entry_id,
        ]
        for entry in plan.entries
    ]
    week = table(["DAYS", "HOURS", "WHO", "WHEN", "ID"], rows, none="no entries yet")
    lines = [f"{plan.name} ({plan.plan_id})", *(f"  {line}" for line in week.splitlines())]
    lines += [f"  {_override(each, shifts)}" for each in plan.overrides]
    lines += [f"  {gap.message}" for gap in plan.gaps]
    return "\n".join(lines)


def days_text(days: Sequence[str]) -> str:
    """Write days as Mon-Fri; two in a row are named."""
    if len(days) == len(DAYS):
        return "every day"
    runs: list[list[str]] = []
    for day in days:
        if runs and DAYS.index(runs[-1][-1]) + 1 == DAYS.index(day):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs)


def _when(entry: EntryView) -> str:
    parts = []
    if entry.anchor is not None:
        parts.append(f"every {entry.every_weeks} weeks, counted from {entry.anchor}")
    if entry.valid_from is not None:
        parts.append(f"from {entry.valid_from}")
    if entry.valid_until is not None:
        parts.append(f"until {entry.valid_until}")
    return "; ".join(parts)


def _override(override: OverrideView, shifts: ShiftsView) -> str:
    begin, end = _moment(override.from_at, shifts), _moment(override.until_at, shifts)
    kind, its_id = (
        ("swap", override.swap_id)
        if override.swap_id is not None
        else ("override", override.override_id)
    )
    return f"{begin} to {end}: {override.says} (by {override.made_by}; {kind} {its_id})"


def _moment(at: datetime, shifts: ShiftsView) -> str:
    return moment_in_words(ZoneInfo(shifts.time_zone), at, shifts.from_at)
