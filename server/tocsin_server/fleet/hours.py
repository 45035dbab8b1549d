"""Opening hours: when a site is open in an ordinary week, by the clock on its wall.

Promise: pure; every text is either read as one thing, or refused with a sentence that says what
to write. What is read and written again is the same text for the same hours.

Refused: hours that run past midnight (they are two days' hours, and are written so), hours that
overlap, and holidays: a day out of the ordinary is told to the dispatchers.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

import msgspec

from tocsin_server.errors import Invalid
from tocsin_server.inputs import DAYS, weekdays

DAY_MINUTES = 24 * 60
OPENS_WITHIN_DAYS = 15  # a site that is open once a week, at an hour that spring leaves out
HOURS_CHARS_MAX = 300  # seven days with three spans each, and some room

_EXAMPLE = "write them as Mon-Fri 08:00-17:00; Sat 09:00-12:00"
_RULE = re.compile(r"([A-Za-z ,-]+?) +([0-9:, -]+)")
_SPAN = re.compile(r"([0-9]{2}):([0-9]{2}) *- *([0-9]{2}):([0-9]{2})")


class Span(msgspec.Struct, frozen=True, order=True):
    """Open on a day (0 is Monday) from one minute of it until before another; 1440 is midnight."""

    day: int
    opens_minute: int
    closes_minute: int


class OpeningHours(msgspec.Struct, frozen=True):
    """An ordinary week: spans in their order, none of which overlap."""

    spans: tuple[Span, ...]

    def __str__(self) -> str:
        """Write the hours in their one form, days with the same hours together."""
        rules: list[tuple[int, int, str]] = []
        for day in range(len(DAYS)):
            times = ", ".join(_times(span) for span in self.spans if span.day == day)
            if not times:
                continue
            if rules and rules[-1][1:] == (day - 1, times):
                rules[-1] = (rules[-1][0], day, times)
            else:
                rules.append((day, day, times))
        return "; ".join(
            f"{DAYS[first]}-{DAYS[last]} {times}" if first < last else f"{DAYS[first]} {times}"
            for first, last, times in rules
        )


def parse_hours(text: str) -> OpeningHours:
    """Read hours as a person types them, in English. Raises Invalid."""
    if len(text) > HOURS_CHARS_MAX:
        raise Invalid(f"opening hours have {HOURS_CHARS_MAX} characters at most: {_EXAMPLE}")
    spans: list[Span] = []
    for rule in text.strip().removesuffix(";").split(";"):
        read = _RULE.fullmatch(rule.strip())
        if read is None:
            raise Invalid(f"{rule.strip()!r} are no opening hours: {_EXAMPLE}")
        times = [_span_of(each.strip()) for each in read[2].split(",")]
        spans += [Span(day, *minutes) for day in weekdays(read[1]) for minutes in times]
    spans.sort()
    for before, after in pairwise(spans):
        if before.day == after.day and after.opens_minute < before.closes_minute:
            raise Invalid(f"{DAYS[after.day]} is open twice at {_clock(after.opens_minute)}")
    return OpeningHours(_joined(spans))


def is_open(hours: OpeningHours, local: datetime) -> bool:
    """Say whether a site is open, by what the clock on its wall shows.

    `local` is in the site's own zone. The hour that autumn repeats counts both times; of the hour
    that spring leaves out nothing is ever asked. A time without a zone is a ValueError: it is more
    likely UTC than anybody's wall.
    """
    if local.tzinfo is None:
        raise ValueError("a time without a zone can't be compared with a site's wall clock")
    minute = local.hour * 60 + local.minute
    return any(
        span.day == local.weekday() and span.opens_minute <= minute < span.closes_minute
        for span in hours.spans
    )


def opens_at(hours: OpeningHours, local: datetime) -> datetime:
    """Say from when on a site is open: `local` itself where it is open then, else a moment in UTC.

    It is the first minute of which `is_open` says so, whatever the clock on the wall jumps over
    or repeats.
    """
    if is_open(hours, local) or local.tzinfo is None:
        return local
    # From the next full minute on: of this one it was just asked.
    earliest = local.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    for days in range(OPENS_WITHIN_DAYS):
        day = local.date() + timedelta(days=days)
        for span in hours.spans:
            if span.day == day.weekday():
                moment = _opens_on(hours, day, span, local.tzinfo, earliest)
                if moment is not None:
                    return moment
    raise ValueError("a week without any hours is never open")


def _opens_on(
    hours: OpeningHours, day: date, span: Span, zone: tzinfo, earliest: datetime
) -> datetime | None:
    wall = datetime.combine(day, time(*divmod(span.opens_minute, 60)), zone)
    # Twice where autumn repeats it; where spring leaves it out, before and after the jump.
    first, last = sorted(wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    moment = max(first, earliest)
    while moment <= last:
        if is_open(hours, moment.astimezone(zone)):
            return moment
        moment += timedelta(minutes=1)
    return None


def _span_of(text: str) -> tuple[int, int]:
    read = _SPAN.fullmatch(text)
    if read is None:
        raise Invalid(f"{text!r} is no time: write 08:00-17:00")
    opens, closes = (
        _minute(text, hour, minute) for hour, minute in ((read[1], read[2]), (read[3], read[4]))
    )
    if opens >= closes:
        raise Invalid(
            f"{text!r} ends before it begins: write a night as two days, Fri 22:00-24:00; Sat"
            " 00:00-02:00"
        )
    return opens, closes


def _minute(text: str, hour: str, minute: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > DAY_MINUTES:
        raise Invalid(f"{text!r} is no time of day: write 00:00 to 24:00")
    return minutes


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """Make one span of two that meet, so that the same hours are always written alike."""
    joined: list[Span] = []
    for span in spans:
        before = joined[-1] if joined else None
        if before and before.day == span.day and before.closes_minute == span.opens_minute:
            joined[-1] = Span(span.day, before.opens_minute, span.closes_minute)
        else:
            joined.append(span)
    return tuple(joined)


def _times(span: Span) -> str:
    return f"{_clock(span.opens_minute)}-{_clock(span.closes_minute)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
