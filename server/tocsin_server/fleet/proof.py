"""Proof: by when each button has to be proven again, by the rule of its jurisdiction.

Promise: pure. A day begins when the wall clock of the jurisdiction begins it, whatever its clocks
are turned to that night. A button is *due* while its time still runs and *overdue* once that is
over; one that nobody ever proved is *never* proven, and no rule makes that look better.

A rule says every calendar day, week (from Monday) or month, and it may name elections: each button
is proven within so many days before each. Both may hold together. An election that is over is
nobody's debt any more.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

Every = Literal["day", "week", "month"]
ProofState = Literal["proven", "due", "overdue", "never"]

DAYS_BEFORE = 7  # furniture and network stand as they will on the day
DAYS_BEFORE_MAX = 60
ELECTIONS_MAX = 40  # ten years of primaries, runoffs and specials


class ProofRule(msgspec.Struct, frozen=True, kw_only=True):
    """How often buttons are proven; `every` null: only before elections, if any are named."""

    every: Every | None = "month"
    elections: tuple[date, ...] = ()
    days_before: int = DAYS_BEFORE


@dataclass(frozen=True, slots=True)
class Proof:
    """How a button stands. `by`: when its time ends; if it is overdue, when that ended."""

    state: ProofState
    by: datetime | None


class Calendar:
    """A rule at one moment of one time zone, ready to be asked about thousands of buttons.

    All times that it knows are beginnings of days, so what it says holds until `valid_until`, when
    the next day begins.
    """

    def __init__(self, rule: ProofRule, zone: ZoneInfo, now: datetime) -> None:
        self.rule = rule
        self.zone = zone
        self._now = now
        today = now.astimezone(zone).date()
        self.valid_until = self._begin(today + timedelta(days=1))
        self._windows = [
            (self._begin(day - timedelta(days=rule.days_before)), self._begin(day))
            for day in sorted(rule.elections)
            if day >= today
        ]

    def proof_of(self, last_proven_at: datetime | None) -> Proof:
        """Say how a button stands that was last proven then."""
        if last_proven_at is None:
            return Proof("never", None)
        times = self._times(last_proven_at)
        overdue = [by for _, by in times if by <= self._now]
        due = [by for since, by in times if since <= self._now < by]
        if overdue:
            return Proof("overdue", min(overdue))
        if due:
            return Proof("due", min(due))
        return Proof("proven", min((by for _, by in times), default=None))

    def _times(self, last_proven_at: datetime) -> list[tuple[datetime, datetime]]:
        """Give from when and by when it has to be proven next, by each part of the rule."""
        times = [window for window in self._windows if last_proven_at < window[0]][:1]
        every = self.rule.every
        if every is not None:
            since = _next(every, _first(every, last_proven_at.astimezone(self.zone).date()))
            times.append((self._begin(since), self._begin(_next(every, since))))
        return times

    def _begin(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


def zone_named(name: str) -> ZoneInfo:
    """Give a time zone; where a hand in the database has misspelt it, UTC, for days go on."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _first(every: Every, day: date) -> date:
    match every:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)


def _next(every: Every, first: date) -> date:
    match every:
        case "day":
            return first + timedelta(days=1)
        case "week":
            return first + timedelta(days=7)
        case "month":
            return (first + timedelta(days=31)).replace(day=1)
