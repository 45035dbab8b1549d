"""Opening hours: read strictly, written in one form, and asked by the clock on the wall."""

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin_server.errors import Invalid
from tocsin_server.fleet.hours import (
    DAY_MINUTES,
    OpeningHours,
    Span,
    is_open,
    opens_at,
    parse_hours,
)

CHICAGO = ZoneInfo("America/Chicago")
WEEK = "Mon-Fri 08:00-17:00; Sat 09:00-12:00"


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        (WEEK, WEEK),
        ("sat 09:00-12:00;MON-FRI  08:00 - 17:00;", WEEK),
        ("Mon,Tue,Wed 08:00-12:00", "Mon-Wed 08:00-12:00"),
        (
            "Mon, Thu 08:00-12:00, 13:00-17:00",
            "Mon 08:00-12:00, 13:00-17:00; Thu 08:00-12:00, 13:00-17:00",
        ),
        ("Mon 08:00-12:00,12:00-17:00", "Mon 08:00-17:00"),
        ("Sat-Mon 08:00-12:00", "Mon 08:00-12:00; Sat-Sun 08:00-12:00"),
        ("Mon-Sun 00:00-24:00", "Mon-Sun 00:00-24:00"),
        ("Tue 07:00-24:00; Wed 00:00-01:30", "Tue 07:00-24:00; Wed 00:00-01:30"),
    ],
)
def test_hours_have_one_form(typed: str, written: str) -> None:
    assert str(parse_hours(typed)) == written
    assert parse_hours(written) == parse_hours(typed)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "write them as Mon-Fri"),
        (";", "write them as Mon-Fri"),
        ("always", "write them as Mon-Fri"),
        ("08:00-17:00", "write them as Mon-Fri"),
        ("Mon-Fri", "write them as Mon-Fri"),
        ("Mon-Fri 8-5", "write 08:00-17:00"),
        ("Mon-Fri 08:00-17:00,", "write 08:00-17:00"),
        ("Monday 08:00-17:00", "no day of the week"),
        ("Mon- 08:00-17:00", "no day of the week"),
        ("Mon-Fri-Sun 08:00-17:00", "no day of the week"),
        ("Mon 08:60-17:00", "no time of day"),
        ("Mon 08:00-24:01", "no time of day"),
        ("Mon 17:00-08:00", "ends before it begins"),
        ("Mon 08:00-08:00", "ends before it begins"),
        ("Mon-Fri 08:00-17:00; Wed 12:00-13:00", "Wed is open twice at 12:00"),
        ("Mon \u0660\u0668:00-17:00", "write them as Mon-Fri"),
        ("Mon 08:00-17:00" + " " * 300, "300 characters at most"),
    ],
)
def test_hours_that_could_be_read_in_two_ways_are_refused(typed: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        parse_hours(typed)


@pytest.mark.parametrize(
    ("local", "is_so"),
    [
        (datetime(2026, 11, 3, 7, 59, 59, tzinfo=CHICAGO), False),
        (datetime(2026, 11, 3, 8, 0, tzinfo=CHICAGO), True),
        (datetime(2026, 11, 3, 16, 59, 59, tzinfo=CHICAGO), True),
        (datetime(2026, 11, 3, 17, 0, tzinfo=CHICAGO), False),
        (datetime(2026, 11, 7, 10, 0, tzinfo=CHICAGO), True),
        (datetime(2026, 11, 8, 10, 0, tzinfo=CHICAGO), False),
    ],
)
def test_a_site_is_open_from_the_first_minute_until_before_the_last(
    local: datetime, is_so: bool
) -> None:
    assert is_open(parse_hours(WEEK), local) is is_so


def test_an_hour_that_autumn_repeats_counts_both_times() -> None:
    hours = parse_hours("Sun 01:00-01:30")
    for utc_hour in (6, 7):  # 01:15 in daylight time, and 01:15 in standard time
        local = datetime(2026, 11, 1, utc_hour, 15, tzinfo=UTC).astimezone(CHICAGO)
        assert is_open(hours, local)
        assert not is_open(hours, local.replace(minute=45))


def test_in_spring_a_site_opens_when_the_clock_has_jumped_past_its_hour() -> None:
    hours = parse_hours("Sun 02:30-05:00")
    before = datetime(2026, 3, 8, 7, 59, tzinfo=UTC).astimezone(CHICAGO)
    after = datetime(2026, 3, 8, 8, 0, tzinfo=UTC).astimezone(CHICAGO)
    assert (before.hour, after.hour) == (1, 3)
    assert not is_open(hours, before)
    assert is_open(hours, after)


def test_a_time_without_a_zone_is_no_wall_clock() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        is_open(parse_hours(WEEK), datetime(2026, 11, 3, 12, 0))  # noqa: DTZ001


@given(st.text(max_size=320))
def test_any_text_is_hours_or_a_sentence(typed: str) -> None:
    with suppress(Invalid):
        hours = parse_hours(typed)
        assert parse_hours(str(hours)) == hours


@st.composite
def weeks(draw: st.DrawFn) -> OpeningHours:
    """A week with up to three spans a day, none of which touch."""
    spans = []
    for day in range(7):
        minutes = sorted(
            draw(st.sets(st.integers(0, DAY_MINUTES), max_size=6).filter(lambda n: len(n) % 2 == 0))
        )
        spans += [
            Span(day, opens, closes)
            for opens, closes in zip(minutes[::2], minutes[1::2], strict=True)
        ]
    return OpeningHours(tuple(spans))


@given(weeks().filter(lambda week: week.spans != ()))
def test_what_is_written_is_read_as_the_same_week(week: OpeningHours) -> None:
    if len(str(week)) <= 300:
        assert parse_hours(str(week)) == week


def utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("typed", "now", "opens"),
    [
        (WEEK, utc(2026, 11, 3, 12, 59, 30), utc(2026, 11, 3, 14, 0)),  # Tuesday before eight
        (WEEK, utc(2026, 11, 3, 13, 59, 59), utc(2026, 11, 3, 14, 0)),
        (WEEK, utc(2026, 11, 3, 23, 0), utc(2026, 11, 4, 14, 0)),  # it has just closed
        (WEEK, utc(2026, 11, 7, 18, 0), utc(2026, 11, 9, 14, 0)),  # over the week's end
        ("Mon 08:00-09:00", utc(2026, 11, 2, 15, 0), utc(2026, 11, 9, 14, 0)),
        ("Fri 22:00-24:00; Sat 00:00-02:00", utc(2026, 11, 7, 1, 0), utc(2026, 11, 7, 4, 0)),
        # The nights in which the clock jumps: eight o'clock stays eight o'clock.
        ("Mon-Sun 08:00-17:00", utc(2026, 11, 1, 3, 0), utc(2026, 11, 1, 14, 0)),
        ("Mon-Sun 08:00-17:00", utc(2026, 3, 8, 3, 0), utc(2026, 3, 8, 13, 0)),
        (
            "Sun 02:30-05:00",
            utc(2026, 3, 8, 7, 0),
            utc(2026, 3, 8, 8, 0),
        ),  # left out by spring
        ("Sun 02:00-03:00", utc(2026, 3, 8, 7, 0), utc(2026, 3, 15, 7, 0)),  # ... and all of this
        ("Sun 01:00-01:30", utc(2026, 11, 1, 5, 0), utc(2026, 11, 1, 6, 0)),
        ("Sun 01:00-01:30", utc(2026, 11, 1, 6, 40), utc(2026, 11, 1, 7, 0)),  # once more
        ("Sun 01:00-01:30", utc(2026, 11, 1, 7, 40), utc(2026, 11, 8, 7, 0)),
    ],
)
def test_a_closed_site_opens_at_a_minute(typed: str, now: datetime, opens: datetime) -> None:
    assert opens_at(parse_hours(typed), now.astimezone(CHICAGO)) == opens


def test_a_site_that_is_open_opens_now() -> None:
    now = datetime(2026, 11, 3, 8, 0, 1, tzinfo=CHICAGO)
    assert opens_at(parse_hours(WEEK), now) == now


@given(
    weeks().filter(lambda week: week.spans != ()),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_until_it_opens_a_site_is_closed_and_then_it_is_open(
    week: OpeningHours, now: datetime
) -> None:
    opens = opens_at(week, now.astimezone(CHICAGO)).astimezone(UTC)
    assert is_open(week, opens.astimezone(CHICAGO))
    for n in range(90):  # a look at every minute of a week would take minutes
        moment = now + (opens - now) * n / 90
        assert not is_open(week, moment.astimezone(CHICAGO)) or moment == opens
