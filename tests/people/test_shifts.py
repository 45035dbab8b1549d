"""Who is on: by the clock on the wall, through both nights of daylight saving, without a hole."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin_server.people.shifts import (
    AHEAD,
    Entry,
    Override,
    ShiftPlan,
    begins,
    ends,
    gaps_within,
    on_now,
)

ZONES = (
    "America/Chicago",
    "America/Phoenix",
    "America/New_York",
    "Pacific/Honolulu",
    "America/Puerto_Rico",
)
ODD_ZONES = ("America/Havana", "Australia/Lord_Howe", "Africa/Casablanca")  # midnight; half an hour
CHICAGO = ZoneInfo("America/Chicago")
FALL, SPRING = date(2026, 11, 1), date(2026, 3, 8)  # the nights in which the clocks change there
EVERY_DAY = tuple(range(7))

DANA, LUIS, MAYA, LEE = (UUID(int=n) for n in range(1, 5))
NAMES = {DANA: "Dana", LUIS: "Luis", MAYA: "Maya", LEE: "Lee"}


def entry(
    who: UUID,
    hours: str,
    *,
    days: Sequence[int] = EVERY_DAY,
    valid_from: date | None = None,
    valid_until: date | None = None,
    every_weeks: int = 1,
    anchor: date | None = None,
    entry_id: int = 0,
) -> Entry:
    """Hours as 22:00-06:00."""
    minutes = [int(each[:2]) * 60 + int(each[3:]) for each in hours.split("-")]
    return Entry(
        UUID(int=entry_id),
        who,
        tuple(days),
        minutes[0],
        minutes[1],
        valid_from,
        valid_until,
        every_weeks,
        anchor,
    )


def plan(
    *entries: Entry,
    overrides: Sequence[Override] = (),
    zone: str = "America/Chicago",
    ends_of: dict[UUID, datetime] | None = None,
) -> ShiftPlan:
    return ShiftPlan(
        UUID(int=9),
        "48453",
        "Front desk",
        ZoneInfo(zone),
        entries,
        tuple(overrides),
        ends_of or {},
    )


def at(text: str, zone: str = "America/Chicago", fold: int = 0) -> datetime:
    """A moment by the clock on the wall: 2026-11-03 18:00."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def who(shifts: ShiftPlan, moment: datetime) -> str:
    return ", ".join(NAMES[person] for person in shifts.on(moment))


def told(shifts: ShiftPlan, from_at: datetime, until_at: datetime) -> list[str]:
    """Stretches as 01:00 CDT Dana, Luis."""
    return [
        f"{each.from_at.astimezone(shifts.zone):%H:%M %Z} "
        + (", ".join(NAMES[person] for person in each.people) or "nobody")
        for each in shifts.stretches(from_at, until_at)
    ]


def test_a_shift_begins_with_its_first_minute_and_is_over_with_the_minute_it_ends_in() -> None:
    shifts = plan(entry(DANA, "08:00-16:00", days=(1,)))
    assert who(shifts, at("2026-06-02 07:59:59.999999")) == ""
    assert who(shifts, at("2026-06-02 08:00")) == "Dana"
    assert who(shifts, at("2026-06-02 15:59:59.999999")) == "Dana"
    assert who(shifts, at("2026-06-02 16:00")) == ""
    assert who(shifts, at("2026-06-03 08:00")) == ""


def test_a_shift_that_passes_midnight_is_of_the_day_it_begins_on() -> None:
    shifts = plan(entry(DANA, "22:00-06:00", days=(4,), valid_until=date(2026, 6, 5)))
    assert who(shifts, at("2026-06-05 21:59")) == ""
    assert who(shifts, at("2026-06-05 22:00")) == "Dana"
    assert who(shifts, at("2026-06-06 05:59")) == "Dana"
    assert who(shifts, at("2026-06-06 06:00")) == ""
    assert who(shifts, at("2026-06-12 23:00")) == "", "its last day was a week before"


def test_a_whole_day_is_from_midnight_to_midnight() -> None:
    shifts = plan(entry(DANA, "00:00-24:00", days=(0,)), entry(LUIS, "16:00-24:00", days=(1,)))
    told_of = told(shifts, at("2026-06-01 00:00"), at("2026-06-03 00:00"))
    assert told_of == ["00:00 CDT Dana", "00:00 CDT nobody", "16:00 CDT Luis"]


def test_two_who_are_on_at_once_stand_in_the_order_of_the_plan_and_each_once() -> None:
    shifts = plan(
        entry(LUIS, "08:00-16:00"), entry(DANA, "12:00-20:00"), entry(LUIS, "10:00-18:00")
    )
    assert who(shifts, at("2026-06-01 13:00")) == "Luis, Dana"
    assert who(shifts, at("2026-06-01 19:00")) == "Dana"


def test_three_people_take_turns_by_the_week() -> None:
    turns = (DANA, LUIS, MAYA)
    shifts = plan(
        *(
            # From Wednesday at 08:00: the turn of the week begins with its anchor's day.
            entry(
                person,
                hours,
                days=EVERY_DAY,
                every_weeks=3,
                anchor=date(2026, 6, day) + timedelta(weeks=n),
            )
            for n, person in enumerate(turns)
            for hours, day in (("08:00-24:00", 3), ("00:00-08:00", 4))
        )
    )
    assert told(shifts, at("2026-06-03 08:00"), at("2026-07-08 08:00")) == [
        "08:00 CDT Dana",
        "08:00 CDT Luis",
        "08:00 CDT Maya",
        "08:00 CDT Dana",
        "08:00 CDT Luis",
    ]
    assert who(shifts, at("2026-06-10 07:59")) == "Dana"
    assert who(shifts, at("2026-06-10 08:00")) == "Luis"
    assert who(shifts, at("2026-05-27 12:00")) == "Maya", "weeks count back, too"


@pytest.mark.parametrize(
    ("first", "second", "night"),
    [
        # The hour from one to two comes twice: first in summer time, then in standard time.
        ("22:00-01:30", "01:30-06:00", ["01:30 CDT Dana, Luis", "01:30 CST Luis"]),
        ("22:00-01:00", "01:00-06:00", ["01:00 CDT Dana, Luis", "01:00 CST Luis"]),
        ("22:00-02:00", "02:00-06:00", ["01:00 CST Dana, Luis", "02:00 CST Luis"]),
        ("22:00-00:45", "00:45-06:00", ["00:45 CDT Luis"]),
        ("22:00-02:15", "02:15-06:00", ["02:15 CST Luis"]),
    ],
)
def test_in_the_hour_that_comes_twice_both_shifts_that_border_on_it_answer(
    first: str, second: str, night: list[str]
) -> None:
    shifts = plan(entry(DANA, first), entry(LUIS, second))
    told_of = told(shifts, at("2026-11-01 00:00"), at("2026-11-01 06:00"))
    assert told_of == ["00:00 CDT Dana", *night]


@pytest.mark.parametrize("border", ["02:00", "02:30", "03:00"])
def test_in_the_hour_that_is_left_out_one_shift_follows_the_other_at_once(border: str) -> None:
    shifts = plan(entry(DANA, f"22:00-{border}"), entry(LUIS, f"{border}-06:00"))
    told_of = told(shifts, at("2026-03-08 00:00"), at("2026-03-08 06:00"))
    assert told_of == ["00:00 CST Dana", "03:00 CDT Luis"]


def test_a_shift_of_nothing_but_the_hour_that_is_left_out_is_none_that_night() -> None:
    shifts = plan(entry(DANA, "02:00-03:00"))
    assert told(shifts, at("2026-03-08 00:00"), at("2026-03-08 06:00")) == ["00:00 CST nobody"]
    assert shifts.entries[0].on(SPRING, CHICAGO) == (at("2026-03-08 03:00"),) * 2
    begin, end = shifts.entries[0].on(SPRING - timedelta(days=1), CHICAGO)
    assert end - begin == timedelta(hours=1)


def test_a_shift_in_the_hour_that_comes_twice_lasts_from_its_first_to_its_last_minute() -> None:
    begin, end = entry(DANA, "01:15-01:45").on(FALL, CHICAGO)
    assert (begin, end) == (at("2026-11-01 01:15"), at("2026-11-01 01:45", fold=1))
    assert end - begin == timedelta(minutes=90)


NOON, ONE, TWO, THREE = (at(f"2026-06-01 {hour}:00") for hour in (12, 13, 14, 15))
WEEK = (entry(DANA, "08:00-16:00", entry_id=1), entry(LUIS, "12:00-20:00", entry_id=2))


def override(
    person: UUID | None = None, instead_of: UUID | None = None, entry_id: int | None = None
) -> Override:
    """From one to three."""
    return Override(
        UUID(int=7),
        ONE,
        THREE,
        person,
        instead_of,
        swap_id=UUID(int=8) if entry_id else None,
        entry_id=UUID(int=entry_id) if entry_id else None,
    )


@pytest.mark.parametrize(
    ("what", "overrides", "then"),
    [
        ("somebody instead", [override(LEE, DANA)], "Lee, Luis"),
        ("somebody as well", [override(LEE)], "Dana, Luis, Lee"),
        ("nobody instead of one", [override(None, DANA)], "Luis"),
        ("nobody at all", [override()], ""),
        ("one instead of all: two overrides", [override(), override(LEE)], "Lee"),
        ("whoever isn't on isn't replaced", [override(LEE, MAYA)], "Dana, Luis"),
        ("the later goes on the earlier", [override(LEE, DANA), override(MAYA, LEE)], "Maya, Luis"),
        ("who is there anyway counts once", [override(LUIS, DANA)], "Luis"),
        ("a swap", [override(LUIS, DANA, 1), override(DANA, LUIS, 2)], "Luis, Dana"),
    ],
)
def test_an_override_holds_in_its_span_and_only_there(
    what: str, overrides: list[Override], then: str
) -> None:
    shifts = plan(*WEEK, overrides=overrides)
    assert who(shifts, ONE - timedelta(microseconds=1)) == "Dana, Luis", what
    assert who(shifts, ONE) == then, what
    assert who(shifts, THREE - timedelta(microseconds=1)) == then, what
    assert who(shifts, THREE) == "Dana, Luis", what


def test_nobody_is_on_with_an_account_that_has_ended() -> None:
    shifts = plan(
        entry(DANA, "08:00-16:00"), overrides=[override(LEE)], ends_of={DANA: NOON, LEE: TWO}
    )
    assert told(shifts, at("2026-06-01 08:00"), at("2026-06-01 16:00")) == [
        "08:00 CDT Dana",
        "12:00 CDT nobody",
        "13:00 CDT Lee",
        "14:00 CDT nobody",
    ]


def test_a_time_without_a_zone_is_no_moment() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        plan(*WEEK).on(datetime(2026, 6, 1, 12))  # noqa: DTZ001
    assert plan(*WEEK).on(NOON) == plan(*WEEK).on(NOON.astimezone(CHICAGO)) == (DANA, LUIS)


def test_who_is_on_is_said_for_several_plans_at_once() -> None:
    assert on_now([plan(*WEEK)], NOON) == {UUID(int=9): (DANA, LUIS)}
    assert on_now([], NOON) == {}


THURSDAY = at("2026-10-29 12:00")


@pytest.mark.parametrize(
    ("hours", "days", "ahead_h", "sentences"),
    [
        (
            "03:00-02:00",
            EVERY_DAY,
            24,
            ["Nobody is on in Front desk from Fri 02:00 to 03:00."],
        ),
        ("03:00-02:00", EVERY_DAY, 14, []),
        (
            "06:00-22:00",
            EVERY_DAY,
            11,  # it is named with its end, which comes later
            ["Nobody is on in Front desk from Thu 22:00 to Fri 06:00."],
        ),
        ("13:00-24:00", (3,), 1, ["Nobody is on in Front desk now, until Thu 13:00."]),
        ("08:00-13:00", (0, 3), 2, ["Nobody is on in Front desk from Thu 13:00 to Mon 08:00."]),
        ("08:00-12:00", (3,), 2, ["Nobody is on in Front desk now, until Thu Nov 5 08:00."]),
        ("08:00-11:00", (2,), 2, ["Nobody is on in Front desk now, until Wed 08:00."]),
        (
            "02:00-01:00",
            EVERY_DAY,
            72,  # Sunday's isn't there: in the hour that comes twice one begins as the other ends
            [
                "Nobody is on in Front desk from Fri 01:00 to 02:00.",
                "Nobody is on in Front desk from Sat 01:00 to 02:00.",
            ],
        ),
    ],
)
def test_a_gap_is_a_sentence(
    hours: str, days: Sequence[int], ahead_h: int, sentences: list[str]
) -> None:
    shifts = plan(entry(DANA, hours, days=days))
    found = [gap.sentence for gap in gaps_within([shifts], THURSDAY, hours=ahead_h)]
    assert found == sentences


def test_a_gap_in_the_hour_that_comes_twice_says_of_which_of_the_two_it_is() -> None:
    begin, end = at("2026-11-01 01:30"), at("2026-11-01 01:30", fold=1)
    closed = Override(UUID(int=7), begin, end)
    shifts = plan(entry(DANA, "00:00-24:00"), overrides=[closed])
    (gap,) = gaps_within([shifts], THURSDAY, hours=72)
    assert gap.sentence == "Nobody is on in Front desk from Sun 01:30 CDT to 01:30 CST."
    assert (gap.from_at, gap.until_at) == (begin, end)


def test_a_gap_without_an_end_in_sight_says_so() -> None:
    (empty,) = gaps_within([plan()], THURSDAY, hours=1)
    assert empty.sentence == "Nobody is on in Front desk now, nor in the next 7 days."
    assert empty.until_at is None
    last = plan(entry(DANA, "08:00-16:00", valid_until=THURSDAY.date()))
    (gap,) = gaps_within([last], THURSDAY, hours=8)
    assert gap.sentence == "Nobody is on in Front desk from Thu 16:00 on."


def test_a_plan_without_a_gap_is_not_named() -> None:
    assert gaps_within([plan(entry(DANA, "00:00-24:00"))], THURSDAY, hours=168) == []


@pytest.mark.parametrize("zone", [*ZONES, *ODD_ZONES])
@pytest.mark.parametrize("cuts", [(0, 480, 960), (90, 900), (60, 120, 180), (120, 150, 1380)])
def test_a_week_without_a_gap_on_paper_has_none_in_any_week_of_the_year(
    zone: str, cuts: tuple[int, ...]
) -> None:
    shifts = covering(zone, cuts, (DANA, LUIS))
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    assert shifts.gaps(begin, begin + timedelta(days=366)) == []


def covering(zone: str, cuts: Sequence[int], people: Sequence[UUID]) -> ShiftPlan:
    """Every day from cut to cut, by people who take turns by the week."""
    turns = len(people)
    hours = [*pairwise(cuts), (cuts[-1], cuts[0])]
    return plan(
        *(
            Entry(
                UUID(int=100 * n + m),
                person,
                EVERY_DAY,
                from_minute,
                to_minute or 1440,
                every_weeks=turns,
                anchor=date(2026, 1, 5) + timedelta(weeks=n) if turns > 1 else None,
            )
            for n, person in enumerate(people)
            for m, (from_minute, to_minute) in enumerate(hours)
        ),
        zone=zone,
    )


moments = st.integers(0, 10 * 366 * 86400).map(lambda s: NOON + timedelta(seconds=s))
near_changes = st.builds(
    lambda day, s: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=s),
    st.sampled_from([FALL, SPRING, date(2025, 11, 2), date(2025, 3, 9), date(2026, 4, 5)]),
    st.integers(-12 * 3600, 36 * 3600),
)
zones = st.sampled_from([*ZONES, *ODD_ZONES])


@settings(max_examples=100, deadline=None)
@given(
    zones,
    st.lists(st.integers(0, 1439), min_size=2, max_size=4, unique=True).map(sorted),
    st.lists(st.sampled_from([DANA, LUIS, MAYA]), min_size=1, max_size=3, unique=True),
    moments | near_changes,
)
def test_whatever_covers_a_week_on_paper_covers_every_week(
    zone: str, cuts: list[int], people: list[UUID], begin: datetime
) -> None:
    assert covering(zone, cuts, people).gaps(begin, begin + AHEAD) == []


entries = st.builds(
    lambda person, days, begin, minutes, until: Entry(
        UUID(int=begin), person, tuple(days), begin, (begin + minutes) % 1440 or 1440, None, until
    ),
    st.sampled_from([DANA, LUIS, MAYA]),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439) | st.sampled_from([0, 60, 90, 120, 150, 180, 1380]),
    st.integers(1, 1439) | st.sampled_from([30, 60, 120]),
    st.none() | st.just(FALL),
)
overrides = st.builds(
    lambda begin, minutes, person, instead_of: Override(
        UUID(int=7), begin, begin + timedelta(minutes=minutes), person, instead_of
    ),
    near_changes,
    st.integers(1, 3000),
    st.none() | st.sampled_from([DANA, LEE]),
    st.none() | st.sampled_from([DANA, LUIS]),
)


@settings(max_examples=150, deadline=None)
@given(
    zones, st.lists(entries, max_size=6), st.lists(overrides, max_size=3), near_changes, st.data()
)
def test_stretches_follow_each_other_and_hold_at_each_of_their_moments(
    zone: str, week: list[Entry], different: list[Override], begin: datetime, data: st.DataObject
) -> None:
    shifts = plan(*week, overrides=different, zone=zone, ends_of={MAYA: at("2026-11-02 00:00")})
    end = begin + timedelta(days=3)
    stretches = shifts.stretches(begin, end)
    assert (stretches[0].from_at, stretches[-1].until_at) == (begin, end)
    assert all(one.until_at == other.from_at for one, other in pairwise(stretches))
    assert all(one.people != other.people for one, other in pairwise(stretches))
    seconds = data.draw(st.lists(st.integers(0, 3 * 86400 - 1), min_size=20, max_size=20))
    for moment in (begin + timedelta(seconds=each) for each in seconds):
        (one,) = (each for each in stretches if each.from_at <= moment < each.until_at)
        assert shifts.on(moment) == one.people


@settings(max_examples=300, deadline=None)
@given(zones, entries, near_changes | moments)
def test_somebody_is_on_from_the_beginning_until_the_end_of_each_of_their_shifts(
    zone: str, one: Entry, moment: datetime
) -> None:
    here = ZoneInfo(zone)
    day = moment.astimezone(here).date()
    spans = [
        one.on(each, here)
        for each in (day + timedelta(days=n) for n in range(-2, 3))
        if one.begins_on(each)
    ]
    expected = any(begin <= moment < end for begin, end in spans)
    assert bool(plan(one, zone=zone).on(moment)) == expected


@settings(max_examples=200, deadline=None)
@given(zones, entries, moments | near_changes)
def test_whoever_is_on_by_the_clock_on_the_wall_is_on(
    zone: str, one: Entry, moment: datetime
) -> None:
    """Told without a word of folds: what the clock shows decides, and in the hour that comes twice
    it can only be more."""
    local = moment.astimezone(ZoneInfo(zone))
    wall = local.replace(tzinfo=None)
    by_the_wall = False
    for day in (local.date(), local.date() - timedelta(days=1)):
        begin = datetime.combine(day, datetime.min.time()) + timedelta(minutes=one.from_minute)
        length = (one.to_minute - one.from_minute) % 1440 or 1440
        if one.begins_on(day) and begin <= wall < begin + timedelta(minutes=length):
            by_the_wall = True
    is_on = bool(plan(one, zone=zone).on(moment))
    if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset():
        assert is_on == by_the_wall
    else:
        assert is_on or not by_the_wall


@settings(max_examples=200, deadline=None)
@given(zones, near_changes.map(lambda moment: moment.replace(second=0, tzinfo=None)))
def test_the_clocks_agree_on_when_it_begins_and_ends(zone: str, wall: datetime) -> None:
    here = ZoneInfo(zone)
    begin, end = begins(here, wall), ends(here, wall)
    assert timedelta() <= end - begin <= timedelta(hours=1)
    before = (begin - timedelta(microseconds=1)).astimezone(here).replace(tzinfo=None)
    assert before < wall
    assert end.astimezone(here).replace(tzinfo=None) >= wall
