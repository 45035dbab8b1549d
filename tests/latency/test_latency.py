"""How long each stage took, and what must never be mixed into it."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest

from tests.latency.past import close, press
from tests.offices import Office, open_office
from tocsin_server.alert import latency as latency_module
from tocsin_server.alert.latency import (
    ALERTS_MAX,
    DAYS_MAX,
    STAGES,
    By,
    Groups,
    LatencyReport,
    Wanted,
    grouped,
    latency,
    set_by_person,
    write_groups_csv,
)
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.sites import add_site
from tocsin_server.people.shift_changes import EntryForm, add_entry, add_plan

TO = "\N{EN DASH}"
MORNING, EVENING, NIGHT = f"06:00{TO}14:00", f"14:00{TO}22:00", f"22:00{TO}06:00"


@pytest.fixture
async def office(pool: asyncpg.Pool) -> Office:
    return await open_office(pool)


async def report(
    pool: asyncpg.Pool, *, days: int = 30, drill: bool = False, **wanted: object
) -> LatencyReport:
    asked = Wanted(days=days, drill=drill, **wanted)  # type: ignore[arg-type]
    return await latency(pool, jurisdiction="48453", wanted=asked)


async def groups(pool: asyncpg.Pool, by: By, *, days: int = 30, **wanted: object) -> Groups:
    asked = Wanted(days=days, drill=False, **wanted)  # type: ignore[arg-type]
    return await grouped(pool, jurisdiction="48453", wanted=asked, by=by)


async def test_every_stage_is_there_in_its_order_even_before_the_first_alert(
    pool: asyncpg.Pool, office: Office
) -> None:
    stages = (await report(pool)).stages
    assert [stage.name for stage in stages] == [
        "received",
        "stored",
        "on_screen",
        "provider_accepted",
        "delivered",
        "acknowledged",
        "resolved",
    ]
    assert {(stage.count, stage.p50_ms, stage.p99_ms) for stage in stages} == {(0, None, None)}
    assert stages[2].label == "On a dispatcher's screen"


async def test_percentiles_are_of_the_alerts_that_reached_the_stage(
    pool: asyncpg.Pool, office: Office
) -> None:
    for n in range(1, 12):
        await press(pool, office, acknowledged_ms=n * 1000)
    await press(pool, office)
    by_name = {stage.name: stage for stage in (await report(pool)).stages}

    acknowledged = by_name["acknowledged"]
    assert acknowledged.count == 11
    assert (acknowledged.p50_ms, acknowledged.p90_ms) == (6_000.0, 10_000.0)
    assert (acknowledged.p95_ms, acknowledged.p99_ms) == (10_500.0, 10_900.0)
    assert (by_name["stored"].count, by_name["stored"].p50_ms) == (12, 30.5)
    assert (by_name["delivered"].count, by_name["delivered"].p50_ms) == (0, None)


async def test_drills_and_actual_alerts_never_mix(pool: asyncpg.Pool, office: Office) -> None:
    actual = await press(pool, office, acknowledged_ms=9_000)
    drill = await press(pool, office, acknowledged_ms=1_000, drill=True)
    for wanted, alert_id in ((False, actual), (True, drill)):
        found = await report(pool, drill=wanted)
        assert [(alert.alert_id, alert.drill) for alert in found.alerts] == [(alert_id, wanted)]
        assert {stage.count for stage in found.stages if stage.name == "acknowledged"} == {1}


async def test_only_the_reader_s_jurisdiction_the_site_and_the_days_asked_for_count(
    pool: asyncpg.Pool, office: Office
) -> None:
    depot = await add_site(pool, jurisdiction=office.jurisdiction, name="Depot")
    other = await open_office(pool, jurisdiction="48491")
    await press(pool, other)
    at_depot = await press(pool, office, site_id=depot)
    at_clerk = await press(pool, office)
    last_month = await press(pool, office, ago=timedelta(days=29))

    async def seen(*, days: int = 30, site_id: UUID | None = None) -> set[UUID]:
        found = await report(pool, days=days, site_id=site_id)
        assert found.stages[0].count == len(found.alerts)
        return {alert.alert_id for alert in found.alerts}

    assert await seen() == {at_depot, at_clerk, last_month}
    assert await seen(days=28) == {at_depot, at_clerk}
    assert await seen(site_id=depot) == {at_depot}
    assert await seen(site_id=other.site_id) == set()


async def test_the_newest_alerts_come_one_by_one_with_what_is_not_reached_as_null(
    pool: asyncpg.Pool, office: Office
) -> None:
    await press(pool, office, ago=timedelta(hours=2))
    newest = await press(pool, office, acknowledged_ms=4_321.06)
    alert = (await report(pool)).alerts[0]
    assert alert.alert_id == newest
    assert alert.site == "County Clerk"
    assert msgspec.to_builtins(alert.stages_ms) == {
        **dict.fromkeys(STAGES),
        "received": 20.0,
        "stored": 30.5,
        "acknowledged": 4_321.1,
    }
    assert list(msgspec.to_builtins(alert.stages_ms)) == list(STAGES)


async def test_the_list_is_bounded_and_the_figures_are_not(
    pool: asyncpg.Pool, office: Office
) -> None:
    alert_id = await press(pool, office)
    await pool.execute(
        """
        INSERT INTO alert (jurisdiction, device_id, kind, drill, code, presses, place, tiers,
                           joinable, pressed_at, received_at, stored_at,
                           attempted_at, decide_at)
        SELECT jurisdiction, device_id, kind, drill, n::text, 1, place, tiers, false,
               pressed_at, received_at, stored_at, attempted_at, decide_at
          FROM alert, generate_series(1, $2::integer) n WHERE alert_id = $1
        """,
        alert_id,
        ALERTS_MAX,
    )
    found = await report(pool)
    assert len(found.alerts) == ALERTS_MAX
    assert found.stages[0].count == ALERTS_MAX + 1


@pytest.mark.parametrize("days", [0, -1, DAYS_MAX + 1, 2**31])
async def test_days_without_a_limit_are_refused(pool: asyncpg.Pool, days: int) -> None:
    with pytest.raises(Invalid, match="1 to 366"):
        await report(pool, days=days)


async def test_no_figure_is_about_a_person(pool: asyncpg.Pool, office: Office) -> None:
    await press(pool, office, acknowledged_ms=1_000)
    await pool.execute("UPDATE alert SET acknowledged_by = 'Dana Ortiz'")
    assert b"Dana" not in msgspec.json.encode(await report(pool))


async def test_what_is_over_counts_as_what_is_open_does(pool: asyncpg.Pool, office: Office) -> None:
    await press(pool, office, acknowledged_ms=4_000)
    over = await close(pool, office, await press(pool, office, acknowledged_ms=10_000))
    found = await report(pool)
    assert found.count == found.measured == 2
    assert {stage.name: stage.count for stage in found.stages}["resolved"] == 1
    acknowledged = next(stage for stage in found.stages if stage.name == "acknowledged")
    assert (acknowledged.p50_ms, acknowledged.p90_ms) == (7_000.0, 9_400.0)
    assert over in {alert.alert_id for alert in found.alerts}


async def test_it_is_counted_how_many_were_acknowledged_within_each_line(
    pool: asyncpg.Pool, office: Office
) -> None:
    for took_ms in (3_000, 15_000, 15_001, 29_000, 60_000, 61_000, None):
        await press(pool, office, acknowledged_ms=took_ms)
    found = await report(pool)
    assert found.count == 7
    counts = {line.seconds: line.count for line in found.within}
    assert counts == {15: 2, 20: 3, 30: 4, 60: 5}


async def test_by_site_and_kind_the_largest_group_comes_first(
    pool: asyncpg.Pool, office: Office
) -> None:
    depot = await add_site(pool, jurisdiction=office.jurisdiction, name="Depot")
    for took_ms in (1_000, 3_000):
        await press(pool, office, acknowledged_ms=took_ms, site_id=depot, kind="assist")
    await close(pool, office, await press(pool, office, acknowledged_ms=70_000))
    await press(pool, office, site_id=depot)
    by_site = (await groups(pool, "site")).groups
    assert [(each.name, each.count, each.acknowledged) for each in by_site] == [
        ("Depot", 3, 2),
        ("County Clerk", 1, 1),
    ]
    assert (by_site[0].p50_ms, by_site[0].p90_ms) == (2_000.0, 2_800.0)
    assert [line.count for line in by_site[1].within] == [0, 0, 0, 0]
    by_kind = (await groups(pool, "kind")).groups
    assert [(each.name, each.count) for each in by_kind] == [("assist", 2), ("duress", 2)]
    narrowed = (await groups(pool, "kind", site_id=depot, kind="duress")).groups
    assert [(each.name, each.count, each.p50_ms) for each in narrowed] == [("duress", 1, None)]


async def test_by_shift_a_press_belongs_to_the_hours_on_the_wall(
    pool: asyncpg.Pool, office: Office
) -> None:
    """In Chicago's winter, six hours behind UTC; the night is of the shift that began before it."""
    winter = datetime.now(UTC).replace(month=1, day=15, hour=0, minute=0, second=0)
    for hour, minute in ((4, 0), (11, 59), (12, 0)):  # 22:00, 05:59 and 06:00
        at = winter + timedelta(hours=hour, minutes=minute)
        await press(pool, office, at=at, acknowledged_ms=1_000)
    days = DAYS_MAX
    by_shift = (await groups(pool, "shift", days=days)).groups
    assert [(each.name, each.count) for each in by_shift] == [
        (MORNING, 1),
        (NIGHT, 2),
    ]
    found = await report(pool, days=days, shift=1320)
    assert found.count == 2
    assert [shift.name for shift in found.shifts] == [MORNING, EVENING, NIGHT]
    with pytest.raises(Invalid, match="no shift begins at minute 5"):
        await report(pool, shift=5)


async def test_shifts_are_those_of_the_plans(pool: asyncpg.Pool, office: Office) -> None:
    plan_id = await add_plan(pool, jurisdiction=office.jurisdiction, name="Desk", by="a test")
    for from_time, to_time in (("07:00", "19:00"), ("19:00", "07:00")):
        form = EntryForm(
            person_id=office.dispatcher, days=["Mon"], from_time=from_time, to_time=to_time
        )
        await add_entry(
            pool, jurisdiction=office.jurisdiction, plan_id=plan_id, form=form, by="a test"
        )
    assert [shift.name for shift in (await report(pool)).shifts] == [
        f"07:00{TO}19:00",
        f"19:00{TO}07:00",
    ]


async def test_over_time_a_group_is_a_day_a_week_or_a_month_on_the_wall(
    pool: asyncpg.Pool, office: Office
) -> None:
    begins = datetime.now(UTC).replace(month=1, day=1, hour=6, minute=0, second=0, microsecond=0)
    second = timedelta(seconds=1)
    for at in (begins, begins + timedelta(days=31) - second, begins + timedelta(days=31)):
        await press(pool, office, at=at, acknowledged_ms=1_000)
    year = begins.year
    by_day = (await groups(pool, "day", days=DAYS_MAX)).groups
    assert [each.key for each in by_day] == [f"{year}-01-01", f"{year}-01-31", f"{year}-02-01"]
    by_month = (await groups(pool, "month", days=DAYS_MAX)).groups
    assert [(each.key, each.name, each.count) for each in by_month] == [
        (f"{year}-01-01", f"{year}-01", 2),
        (f"{year}-02-01", f"{year}-02", 1),
    ]
    by_week = (await groups(pool, "week", days=DAYS_MAX)).groups
    assert sum(each.count for each in by_week) == 3
    assert {date.fromisoformat(each.key).weekday() for each in by_week} == {0}


async def test_figures_about_persons_are_there_only_where_somebody_allowed_them(
    pool: asyncpg.Pool, office: Office
) -> None:
    await close(pool, office, await press(pool, office), by="Dana Ortiz")
    taken_over = await press(pool, office)
    await close(pool, office, taken_over, by="Luis Herrera")
    await press(pool, office)
    assert (await report(pool)).by_person is None
    with pytest.raises(Refused, match="--latency-by-person on"):
        await groups(pool, "person")
    await set_by_person(pool, jurisdiction=office.jurisdiction, allowed=True, by="sam")
    allowed = (await report(pool)).by_person
    assert allowed is not None
    assert allowed.by == "sam"
    by_person = (await groups(pool, "person")).groups
    assert {each.name: each.count for each in by_person} == {
        "Dana Ortiz": 1,
        "Luis Herrera": 1,
        "Nobody": 1,
    }
    await set_by_person(pool, jurisdiction=office.jurisdiction, allowed=False, by="ada")
    with pytest.raises(Refused):
        await groups(pool, "person")
    changes = await pool.fetch('SELECT "by", allowed FROM latency_by_person_change ORDER BY at')
    assert [tuple(change) for change in changes] == [("sam", True), ("ada", False)]
    with pytest.raises(NotFound):
        await set_by_person(pool, jurisdiction="nowhere", allowed=True, by="sam")


async def test_of_very_many_percentiles_are_of_those_drawn_and_counts_of_all(
    pool: asyncpg.Pool, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await close(pool, office, await press(pool, office, acknowledged_ms=1_000))
    await pool.execute(
        """
        INSERT INTO alert_past
        SELECT (jsonb_populate_record(p, jsonb_build_object('alert_id', gen_random_uuid(),
                    'lot', n * 32768 / 4000, 'acknowledged_ms', 1000 + n % 100))).*
          FROM alert_past p, generate_series(0, 3999) n WHERE alert_id = $1
        """,
        one,
    )
    whole = await report(pool)
    assert (whole.count, whole.measured) == (4_001, 4_001)
    monkeypatch.setattr(latency_module, "FIGURES_MAX", 400)
    some = await report(pool)
    assert some.count == 4_001
    assert 390 <= some.measured <= 410
    assert [stage.count for stage in some.stages] == [stage.count for stage in whole.stages]
    assert some.within == whole.within
    p50 = [
        next(s for s in each.stages if s.name == "acknowledged").p50_ms for each in (some, whole)
    ]
    assert p50[0] == pytest.approx(p50[1], abs=5)
    grouped_some = await groups(pool, "site")
    assert grouped_some.drawn
    assert grouped_some.groups[0].count == 4_001


async def test_groups_are_written_as_they_are_shown_and_without_a_formula(
    pool: asyncpg.Pool, office: Office
) -> None:
    risky = await add_site(pool, jurisdiction=office.jurisdiction, name="=1+1")
    await press(pool, office, acknowledged_ms=12_340, site_id=risky)
    await press(pool, office, site_id=risky)
    text = write_groups_csv(await groups(pool, "site")).removeprefix("\ufeff")
    assert text.splitlines() == [
        "site,alerts,acknowledged,acknowledged_within_15_s,acknowledged_within_20_s,"
        "acknowledged_within_30_s,acknowledged_within_60_s,p50_s,p90_s",
        "'=1+1,2,1,1,1,1,1,12.3,12.3",
    ]
