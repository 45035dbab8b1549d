"""How long each stage took, and what must never be mixed into it."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest

from tests.offices import Office, open_office
from tocsin_server.alert.latency import ALERTS_MAX, DAYS_MAX, STAGES, LatencyReport, Wanted, latency
from tocsin_server.errors import Invalid
from tocsin_server.fleet.sites import add_site


@pytest.fixture
async def office(pool: asyncpg.Pool) -> Office:
    return await open_office(pool)


async def press(
    pool: asyncpg.Pool,
    office: Office,
    *,
    acknowledged_ms: float | None = None,
    ago: timedelta = timedelta(hours=1),
    drill: bool = False,
    site_id: UUID | None = None,
) -> UUID:
    """Write an alert with known times: received after 20 ms, stored after 30.5 ms."""
    place = {"site_id": str(site_id or office.site_id), "site": "County Clerk"}
    alert_id: UUID = await pool.fetchval(
        """
        INSERT INTO alert (jurisdiction, device_id, kind, drill, code, presses, place, tiers,
                           joinable, pressed_at, received_at, stored_at,
                           acknowledged_at, attempted_at, decide_at)
        SELECT $1, $2, 'duress', $3, gen_random_uuid()::text, 1, $4, '[]', false,
               t, t + interval '20 ms', t + interval '30.5 ms', t + $5 * interval '1 ms', t, t
          FROM (SELECT clock_timestamp() - $6::interval) AS p(t)
        RETURNING alert_id
        """,
        office.jurisdiction,
        office.device_id,
        drill,
        msgspec.json.encode(place).decode(),
        acknowledged_ms,
        ago,
    )
    return alert_id


async def report(
    pool: asyncpg.Pool, *, days: int = 30, site_id: UUID | None = None, drill: bool = False
) -> LatencyReport:
    wanted = Wanted(days=days, site_id=site_id, drill=drill)
    return await latency(pool, jurisdiction="48453", wanted=wanted)


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
