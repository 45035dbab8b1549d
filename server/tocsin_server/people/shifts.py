"""Shifts: who is on at which moment, by weekly plans and what is different in single spans of time.

Promise: pure; no clock, no database. An entry of a plan holds by the clock on the jurisdiction's
wall, from its first minute until before its last. In the night that has an hour twice, whoever
begins in that hour or at its end begins by the first of its two clocks, and whoever ends in it or
at its beginning ends by the last: for an hour both answer. An hour that is left out is no time at
all: what begins or ends in it does so as the clock jumps. So a week without a gap on paper has
none in any week of the year.

An override holds for a span of moments, on what the plan and the overrides made before it have
left. Whose account has ended is not on, whatever the plan says.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from tocsin_server.inputs import DAYS

DAY_MINUTES = 24 * 60
AHEAD = timedelta(days=7)  # a week of any plan; further on it is a matter of rotations

_MINUTE_US = 60_000_000
_DAY_US = DAY_MINUTES * _MINUTE_US
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody's hours in every week, or in every n-th. `days`: on which they begin; 0 is Monday.

    Where `to_minute` isn't after `from_minute` it is of the next day. `valid_from` and
    `valid_until` are the first and the last day on which they may begin. Of every n-th week,
    `anchor` is the first day of one: a week is seven days from there.
    """

    entry_id: UUID
    person_id: UUID
    days: tuple[int, ...]
    from_minute: int
    to_minute: int
    valid_from: date | None = None
    valid_until: date | None = None
    every_weeks: int = 1
    anchor: date | None = None

    @property
    def minutes(self) -> int:
        """Say how long it is by the clock on an ordinary day."""
        return (self.to_minute - self.from_minute) % DAY_MINUTES or DAY_MINUTES

    def begins_on(self, day: date) -> bool:
        """Say whether it begins on a day of the jurisdiction."""
        return (
            day.weekday() in self.days
            and (self.valid_from is None or day >= self.valid_from)
            and (self.valid_until is None or day <= self.valid_until)
            and (self.anchor is None or (day - self.anchor).days // 7 % self.every_weeks == 0)
        )

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Give the moments from and until which somebody is on who begins on this day, in UTC."""
        begin = datetime.combine(day, time(*divmod(self.from_minute, 60)))
        return begins(zone, begin), ends(zone, begin + timedelta(minutes=self.minutes))


@dataclass(frozen=True, slots=True)
class Override:
    """A span in which somebody else is on, in UTC.

    `person_id` instead of `instead_of`; without the latter besides the others; without the former
    nobody instead of that one, and without both nobody at all. `entry_id`: only where it is by
    this entry that somebody is on; it is half of a swap.
    """

    override_id: UUID
    from_at: datetime
    until_at: datetime
    person_id: UUID | None = None
    instead_of: UUID | None = None
    swap_id: UUID | None = None
    entry_id: UUID | None = None
    made_by: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span in which the same people are on, in their order; nobody: a gap. In UTC."""

    from_at: datetime
    until_at: datetime
    people: tuple[UUID, ...]


_Slot = tuple[UUID | None, UUID]  # by which entry, and who


@dataclass(frozen=True, slots=True)
class ShiftPlan:
    """One weekly plan. Entries and overrides stand in the order in which they were made.

    `ends`: when accounts end, of those that do.
    """

    plan_id: UUID
    jurisdiction: str
    name: str
    zone: ZoneInfo
    entries: tuple[Entry, ...] = ()
    overrides: tuple[Override, ...] = ()
    ends: Mapping[UUID, datetime] = field(default_factory=dict)

    def on(self, at: datetime) -> tuple[UUID, ...]:
        """Give who is on at a moment, each once. ValueError: `at` has no time zone."""
        if at.tzinfo is None:
            raise ValueError("a time without a zone is no moment")
        at = at.astimezone(UTC)
        slots = self._by_plan(at)
        for override in self.overrides:
            if override.from_at <= at < override.until_at:
                slots = _overridden(slots, override)
        people = dict.fromkeys(person_id for _, person_id in slots)
        return tuple(each for each in people if each not in self.ends or at < self.ends[each])

    def stretches(self, from_at: datetime, until_at: datetime) -> list[Stretch]:
        """Say who is on from one moment until another: spans that follow each other without a hole.

        ValueError: a moment has no time zone.
        """
        first, last = from_at.astimezone(UTC), until_at.astimezone(UTC)
        between = sorted(at for at in set(self._borders(first, last)) if first < at < last)
        found: list[Stretch] = []
        for at, next_at in pairwise([first, *between, last]):
            people = self.on(at)
            if found and found[-1].people == people:
                found[-1] = Stretch(found[-1].from_at, next_at, people)
            else:
                found.append(Stretch(at, next_at, people))
        return found

    def gaps(self, from_at: datetime, until_at: datetime) -> list[Stretch]:
        """Give the spans in which nobody is on."""
        return [each for each in self.stretches(from_at, until_at) if not each.people]

    def _by_plan(self, at: datetime) -> list[_Slot]:
        first, last = _wall_clocks(self.zone, at)
        days = [date.fromordinal(day) for day in range(first // _DAY_US - 1, last // _DAY_US + 1)]
        return [
            (entry.entry_id, entry.person_id)
            for entry in self.entries
            if _is_on(entry, days, first, last)
        ]

    def _borders(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """Give every moment at which it may change who is on, and some others."""
        minutes = {entry.from_minute for entry in self.entries}
        minutes |= {entry.to_minute for entry in self.entries}
        day = first.astimezone(self.zone).date() - timedelta(days=1)
        end = last.astimezone(self.zone).date() + timedelta(days=1)
        while day <= end and self.entries:
            for minute in minutes:
                wall = datetime.combine(day, time()) + timedelta(minutes=minute)
                yield begins(self.zone, wall)
                yield ends(self.zone, wall)
            day += timedelta(days=1)
        for override in self.overrides:
            yield override.from_at
            yield override.until_at
        yield from self.ends.values()


def on_now(plans: Iterable[ShiftPlan], at: datetime) -> dict[UUID, tuple[UUID, ...]]:
    """Say for each plan who is on at a moment."""
    return {plan.plan_id: plan.on(at) for plan in plans}


def begins(zone: ZoneInfo, wall: datetime) -> datetime:
    """Give the first moment at which a clock on the wall shows this or more. `wall` has no zone."""
    first, second = (_moment(zone, wall, fold) for fold in (0, 1))
    if first > second:
        return _change(zone, second, first)
    # The end of an hour that comes twice is reached when that hour has passed once.
    return min(first, _moment(zone, wall - _TICK, 0) + _TICK)


def ends(zone: ZoneInfo, wall: datetime) -> datetime:
    """Give the last moment until which a clock on the wall shows less. `wall` has no zone."""
    first, second = (_moment(zone, wall, fold) for fold in (0, 1))
    return _change(zone, second, first) if first > second else second


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which nobody is on in a plan; `until_at` None: for longer than a week."""

    plan_id: UUID
    jurisdiction: str
    plan: str
    from_at: datetime
    until_at: datetime | None
    sentence: str


def gaps_within(plans: Iterable[ShiftPlan], now: datetime, *, hours: float) -> list[Gap]:
    """Name the gaps that are there now or begin within so many hours, a week at most."""
    within = min(timedelta(hours=hours), AHEAD)
    found: list[Gap] = []
    for plan in plans:
        for gap in plan.gaps(now, now + within):
            until_at: datetime | None = gap.until_at
            if gap.until_at >= now + within:
                whole = plan.stretches(gap.from_at, now + AHEAD)[0]
                until_at = whole.until_at if whole.until_at < now + AHEAD else None
            sentence = gap_in_words(plan, gap.from_at, until_at, now)
            found.append(
                Gap(plan.plan_id, plan.jurisdiction, plan.name, gap.from_at, until_at, sentence)
            )
    return found


def gap_in_words(
    plan: ShiftPlan, from_at: datetime, until_at: datetime | None, now: datetime
) -> str:
    """Say of one gap when it is, by the clock on the jurisdiction's wall; None: no end in sight."""
    nobody = f"Nobody is on in {plan.name}"
    if until_at is None:
        days = f"in the next {AHEAD.days} days"
        if from_at <= now:
            return f"{nobody} now, nor {days}."
        return f"{nobody} from {moment_in_words(plan.zone, from_at, now)} on."
    begin, end = (at.astimezone(plan.zone) for at in (from_at, until_at))
    until = moment_in_words(plan.zone, until_at, now)
    if from_at <= now:
        return f"{nobody} now, until {until}."
    if begin.date() == end.date():
        until = clock_in_words(end)
    return f"{nobody} from {moment_in_words(plan.zone, from_at, now)} to {until}."


def moment_in_words(zone: ZoneInfo, at: datetime, now: datetime) -> str:
    """Write a moment of the days to come as people say it there: Tue 02:00."""
    local = at.astimezone(zone)
    ahead = (local.date() - now.astimezone(zone).date()).days
    dated = "" if 0 <= ahead < AHEAD.days else f" {local:%b} {local.day}"
    return f"{DAYS[local.weekday()]}{dated} {clock_in_words(local)}"


def clock_in_words(local: datetime) -> str:
    """Write a local time as 02:00; in an hour that comes twice, which of the two it is."""
    comes_twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    return f"{local:%H:%M} {local.tzname()}" if comes_twice else f"{local:%H:%M}"


def _is_on(entry: Entry, days: list[date], first: int, last: int) -> bool:
    """Say whether an entry's time on the wall touches what the clocks show."""
    for day in days:
        begin = day.toordinal() * _DAY_US + entry.from_minute * _MINUTE_US
        if begin <= last and begin + entry.minutes * _MINUTE_US > first and entry.begins_on(day):
            return True
    return False


def _overridden(slots: list[_Slot], override: Override) -> list[_Slot]:
    who, instead_of, entry_id = override.person_id, override.instead_of, override.entry_id
    if entry_id is not None and who is not None:
        return [(by, who if by == entry_id else person) for by, person in slots]
    if who is not None and instead_of is not None:
        return [(by, who if person == instead_of else person) for by, person in slots]
    if who is not None:
        return [*slots, (None, who)]
    if instead_of is not None:
        return [(by, person) for by, person in slots if person != instead_of]
    return []


def _wall_clocks(zone: ZoneInfo, at: datetime) -> tuple[int, int]:
    """Give the least and the most that counts as shown on the wall, in microseconds.

    They are the same but while an hour comes twice: the first time the hour is about to begin, and
    the second time it has ended already.
    """
    local = at.astimezone(zone)
    wall = _wall_us(local)
    offset, other = local.utcoffset(), local.replace(fold=1 - local.fold).utcoffset()
    if offset is None or other is None or offset == other:
        return wall, wall
    step = abs(offset - other)
    if local.fold == 0:
        return _wall_us(_change(zone, at, at + step).astimezone(zone)) - 1, wall
    return wall, _wall_us((_change(zone, at - step, at) - _TICK).astimezone(zone)) + 1


def _wall_us(local: datetime) -> int:
    minutes = local.toordinal() * DAY_MINUTES + local.hour * 60 + local.minute
    return minutes * _MINUTE_US + local.second * 1_000_000 + local.microsecond


def _moment(zone: ZoneInfo, wall: datetime, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Give the second at which a zone's offset changes, after one moment, at another at the latest.

    RFC 9636, section 3.2: changes of a zone are of whole seconds.
    """
    offset = after.astimezone(zone).utcoffset()
    low, high = math.floor(before.timestamp()), math.ceil(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return datetime.fromtimestamp(high, UTC)
