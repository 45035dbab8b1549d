"""By when a button has to be proven again: a table of days, and what the clocks do at night."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tocsin_server.fleet.proof import Calendar, Every, Proof, ProofRule

CHICAGO = "America/Chicago"
ELECTION = date(2026, 11, 3)


def at(wall: str, zone: str = CHICAGO) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def proof(
    rule: ProofRule, last: str | None, now: str, zone: str = CHICAGO
) -> tuple[str, str | None]:
    """How a button stands, the moment by the wall clock."""
    calendar = Calendar(rule, ZoneInfo(zone), at(now, zone))
    stands = calendar.proof_of(at(last, zone) if last is not None else None)
    by = f"{stands.by.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" if stands.by else None
    return stands.state, by


@pytest.mark.parametrize(
    ("every", "last", "now", "stands", "case"),
    [
        ("day", "2026-10-05 08:00", "2026-10-05 23:59", ("proven", "2026-10-07 00:00"), "today"),
        ("day", "2026-10-05 08:00", "2026-10-06 00:00", ("due", "2026-10-07 00:00"), "yesterday"),
        ("day", "2026-10-05 23:59", "2026-10-06 23:59", ("due", "2026-10-07 00:00"), "to the end"),
        (
            "day",
            "2026-10-05 23:59",
            "2026-10-07 00:00",
            ("overdue", "2026-10-07 00:00"),
            "then not",
        ),
        (
            "day",
            "2026-09-01 08:00",
            "2026-10-07 00:00",
            ("overdue", "2026-09-03 00:00"),
            "for weeks",
        ),
        (
            "week",
            "2026-10-05 00:00",
            "2026-10-11 23:59",
            ("proven", "2026-10-19 00:00"),
            "Monday on",
        ),
        ("week", "2026-10-04 23:59", "2026-10-05 00:00", ("due", "2026-10-12 00:00"), "Sunday's"),
        ("week", "2026-10-04 23:59", "2026-10-12 00:00", ("overdue", "2026-10-12 00:00"), "missed"),
        (
            "week",
            "2026-12-31 12:00",
            "2027-01-03 12:00",
            ("proven", "2027-01-11 00:00"),
            "new year",
        ),
        ("month", "2026-10-01 00:00", "2026-10-31 23:59", ("proven", "2026-12-01 00:00"), "month"),
        ("month", "2026-09-30 23:59", "2026-10-01 00:00", ("due", "2026-11-01 00:00"), "first day"),
        (
            "month",
            "2026-09-30 23:59",
            "2026-11-01 00:00",
            ("overdue", "2026-11-01 00:00"),
            "missed",
        ),
        (
            "month",
            "2027-01-31 12:00",
            "2027-02-28 12:00",
            ("due", "2027-03-01 00:00"),
            "short month",
        ),
        ("month", "2026-12-31 12:00", "2027-01-31 12:00", ("due", "2027-02-01 00:00"), "new year"),
        (None, "1999-12-31 12:00", "2026-10-05 12:00", ("proven", None), "no rule"),
        ("day", None, "2026-10-05 12:00", ("never", None), "nobody ever"),
        (None, None, "2026-10-05 12:00", ("never", None), "nobody ever, no rule"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_every_day_week_or_month_has_its_proof(
    every: Every | None, last: str | None, now: str, stands: tuple[str, str | None], case: str
) -> None:
    assert proof(ProofRule(every=every), last, now) == stands, case


@pytest.mark.parametrize(
    ("last", "now", "stands", "case"),
    [
        ("2026-09-01 12:00", "2026-10-26 23:59", ("proven", "2026-11-03 00:00"), "still early"),
        ("2026-10-26 23:59", "2026-10-27 00:00", ("due", "2026-11-03 00:00"), "the week before"),
        ("2026-10-27 00:00", "2026-10-27 00:00", ("proven", "2027-03-02 00:00"), "within it"),
        ("2026-10-26 23:59", "2026-11-03 00:00", ("overdue", "2026-11-03 00:00"), "it is the day"),
        ("2026-11-03 06:00", "2026-11-03 06:01", ("proven", "2027-03-02 00:00"), "better late"),
        ("2026-10-26 23:59", "2026-11-04 00:00", ("proven", "2027-03-02 00:00"), "it is over"),
        ("2026-11-02 12:00", "2027-02-23 00:00", ("due", "2027-03-02 00:00"), "the next one"),
        (None, "2026-11-03 06:00", ("never", None), "nobody ever"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_before_each_election_there_are_days_for_it(
    last: str | None, now: str, stands: tuple[str, str | None], case: str
) -> None:
    rule = ProofRule(every=None, elections=(date(2027, 3, 2), ELECTION), days_before=7)
    assert proof(rule, last, now) == stands, case


@pytest.mark.parametrize(
    ("every", "last", "now", "stands"),
    [
        ("week", "2026-10-27 12:00", "2026-10-27 13:00", ("proven", "2026-11-09 00:00")),
        ("week", "2026-10-26 12:00", "2026-10-27 13:00", ("due", "2026-11-03 00:00")),
        ("month", "2026-10-26 12:00", "2026-10-26 13:00", ("proven", "2026-11-03 00:00")),
        ("day", "2026-10-26 12:00", "2026-10-29 12:00", ("overdue", "2026-10-28 00:00")),
        ("month", "2026-11-02 12:00", "2026-11-03 00:00", ("proven", "2027-01-01 00:00")),
    ],
)
def test_where_both_hold_the_one_that_comes_first_is_said(
    every: Every, last: str, now: str, stands: tuple[str, str]
) -> None:
    rule = ProofRule(every=every, elections=(ELECTION,), days_before=7)
    assert proof(rule, last, now) == stands


@pytest.mark.parametrize(
    ("zone", "night", "hours"),
    [
        (CHICAGO, "2026-11-01", 25),
        (CHICAGO, "2026-03-08", 23),
        ("Pacific/Honolulu", "2026-11-01", 24),
        ("America/Havana", "2026-03-08", 23),  # its clock goes from midnight to one
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
    ],
)
def test_a_day_is_as_long_as_the_clock_on_the_wall_makes_it(
    zone: str, night: str, hours: float
) -> None:
    calendar = Calendar(ProofRule(every="day"), ZoneInfo(zone), at(f"{night} 12:00", zone))
    stands = calendar.proof_of(at(f"{night} 12:00", zone))
    assert stands.by is not None
    begins = Calendar(ProofRule(), ZoneInfo(zone), at(f"{night} 12:00", zone))._begin(
        date.fromisoformat(night)
    )
    assert (calendar.valid_until - begins).total_seconds() == hours * 3600
    assert (stands.by - calendar.valid_until).total_seconds() == 24 * 3600
    assert stands.by.astimezone(ZoneInfo(zone)).hour == 0


def test_the_same_press_is_of_two_days_in_two_zones() -> None:
    moment, now = "2026-10-05 23:30", "2026-10-06 12:00"
    chicago = Calendar(ProofRule(every="day"), ZoneInfo(CHICAGO), at(now))
    new_york = Calendar(ProofRule(every="day"), ZoneInfo("America/New_York"), at(now))
    assert chicago.proof_of(at(moment)).state == "due"
    assert new_york.proof_of(at(moment)).state == "proven"


def test_a_press_that_a_clock_dates_into_the_future_is_a_proof() -> None:
    calendar = Calendar(ProofRule(every="day"), ZoneInfo(CHICAGO), at("2026-10-05 12:00"))
    assert calendar.proof_of(at("2026-10-06 12:00")) == Proof("proven", at("2026-10-08 00:00"))
