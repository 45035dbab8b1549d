"""Law 8, tried in one process: replicas that store, climb, send and take at the same moments.

How it was broken before: presses lost and doubled by insert-else-join, replicas that deadlocked
over batches in different orders, a code drawn twice. Every race here is on a real server.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec
import pytest
from prometheus_client import REGISTRY

from tests.alert.county import (
    JURISDICTION,
    NAMES,
    Button,
    County,
    Server,
    acknowledge,
    names_of_events,
    open_alerts,
    running,
)
from tests.faults.judge import seeded
from tocsin_server.record import verify_database
from tocsin_server.storage import database
from tocsin_wire.messages import Press

BUTTONS = 40
PRESSES = 8


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadlock is a failure to store; that this machine stands still for seconds is none."""
    monkeypatch.setattr(database, "COMMAND_S_MAX", 60.0)
    for settings in (database._SETTINGS, database._WALK_SETTINGS):
        monkeypatch.setitem(settings, "lock_timeout", "60s")


def sendings(button: Button, chance: random.Random) -> list[list[Press]]:
    """For each press its sendings, of growing age; some are cancelled, one is of another kind."""
    made = []
    for _ in range(PRESSES):
        press = button.press(kind=chance.choice(["duress"] * 6 + ["assist"]))
        copies = [
            msgspec.structs.replace(press, attempt=attempt, age_ms=attempt * chance.randrange(400))
            for attempt in range(1, chance.randrange(2, 5))
        ]
        made.append([press, *copies])
        if chance.random() < 0.2:
            made.append([button.press(kind="cancel", cancels=press.press_id)] * 2)
    return made


async def arrive(
    servers: Sequence[Server], buttons: Sequence[Button], chance: random.Random
) -> dict[UUID, Press]:
    """Everything arrives at both, in another order, in lumps."""
    every = [
        (button, press)
        for button in buttons
        for copies in sendings(button, chance)
        for press in copies
    ]
    orders = [chance.sample(every, len(every)) for _ in servers]
    while any(orders):
        for server, order in zip(servers, orders, strict=True):
            for button, press in [
                order.pop() for _ in range(min(len(order), chance.randrange(40)))
            ]:
                server.press(button, press)
        await asyncio.sleep(chance.choice([0, 0.001, 0.01]))
    return {press.press_id: press for _, press in every}


async def disturb(servers: Sequence[Server], county: County, chance: random.Random) -> None:
    """People look at alerts and take some, texts go out, tiers are told, without end."""
    pool = servers[0].connection.pool
    while True:
        rows = await pool.fetch("SELECT alert_id FROM alert WHERE resolved_at IS NULL")
        alerts = [row["alert_id"] for row in rows]
        for server in servers:
            for alert_id in chance.sample(alerts, len(alerts)):
                server.changes.painted(str(alert_id), jurisdiction=JURISDICTION)
        county.clock.now += chance.choice([0, 1, 40])
        await asyncio.gather(
            *[server.escalate.turn() for server in servers],
            *[server.notify.turn() for server in servers],
            *[
                acknowledge(pool, alert_id, county)
                for alert_id in chance.sample(alerts, len(alerts) // 8)
            ],
        )
        await asyncio.sleep(0.005)


def failures() -> float:
    return REGISTRY.get_sample_value("tocsin_store_failures_total") or 0.0


async def deadlocks(pool: asyncpg.Pool) -> int:
    """As far as the sessions that met them have said so."""
    count: int = await pool.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    return count


async def test_two_replicas_under_every_kind_of_traffic_store_each_press_once(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    chance = seeded("races")
    other = await county.server("server-2")
    buttons = await county.buttons(pool, BUTTONS)
    failed_before = failures()
    servers = (server, other)
    for each in servers:
        await each.directory.read()
    async with (
        server.ingesting(),
        other.ingesting(),
        running(*[each.changes.record_painted() for each in servers]),
        running(disturb(servers, county, chance)),
    ):
        made = await arrive(servers, buttons, chance)
        async with asyncio.timeout(60):
            for each in servers:
                while {stored.press_id for stored in each.stored} != made.keys():
                    each.changed.clear()
                    await each.changed.wait()
    await pool.execute("SELECT pg_stat_force_next_flush()")
    print(f"{len(made)} presses, {await deadlocks(pool)} deadlocks, {failures()} failures")
    assert failures() == failed_before, "a batch was stored only at its second try"
    await assert_stored_once(pool, made, servers)
    verdict = await verify_database(pool, jurisdiction=JURISDICTION)
    assert verdict.holds, verdict.findings
    assert not server.doubts
    assert not other.doubts


async def assert_stored_once(
    pool: asyncpg.Pool, made: dict[UUID, Press], servers: Sequence[Server]
) -> None:
    """Each press on one alert, of its button and kind; both replicas name the same one."""
    rows = await pool.fetch(
        "SELECT p.press_id, p.device_id, p.kind, a.alert_id, a.presses, a.cancelled,"
        " a.kind AS alert_kind, a.device_id AS alert_device"
        " FROM press p JOIN alert a USING (alert_id)"
    )
    assert Counter(row["press_id"] for row in rows) == Counter(made.keys())
    presses: Counter[UUID] = Counter()
    alert_of = {row["press_id"]: row["alert_id"] for row in rows}
    for row in rows:
        assert row["alert_device"] == row["device_id"] == made[row["press_id"]].device_id
        presses[row["alert_id"]] += row["kind"] != "cancel"
        if row["kind"] == "cancel":
            assert row["cancelled"]
        else:
            assert row["alert_kind"] == row["kind"]
    assert {row["alert_id"]: row["presses"] for row in rows} == {
        row["alert_id"]: presses[row["alert_id"]] for row in rows
    }
    for server in servers:
        for stored in server.stored:
            assert stored.alert_id == alert_of[stored.press_id]
    told = await pool.fetch(
        "SELECT alert_id, count(*) FILTER (WHERE name = 'pressed') AS opened,"
        " array_agg(payload->>'attempt') FILTER (WHERE name = 'tier_told') AS attempts"
        " FROM alert_event GROUP BY 1"
    )
    for row in told:
        assert row["opened"] <= 1, "opened twice"
        assert len(set(row["attempts"] or [])) == len(row["attempts"] or []), "an attempt twice"


@pytest.mark.parametrize("first", ["press", "cancel", "both"])
async def test_a_cancel_that_races_its_press_never_makes_a_second_alert(
    county: County, server: Server, pool: asyncpg.Pool, first: str
) -> None:
    other = await county.server("server-2")
    buttons = await county.buttons(pool, 30)
    await server.directory.read()
    await other.directory.read()
    async with server.ingesting(), other.ingesting():
        for button in buttons:
            press = button.press()
            cancel = button.press(kind="cancel", cancels=press.press_id)
            if first == "cancel":
                server.press(button, cancel)
                await asyncio.sleep(0)
                other.press(button, press)
            else:
                server.press(button, press)
                await asyncio.sleep(0 if first == "press" else 0.002)
                other.press(button, cancel)
        await server.until_stored(len(buttons))
        await other.until_stored(len(buttons))
    rows = await pool.fetch("SELECT device_id, presses, cancelled, kind FROM alert")
    assert Counter(row["device_id"] for row in rows) == {button.device_id: 1 for button in buttons}
    assert {(row["presses"], row["cancelled"], row["kind"]) for row in rows} == {
        (1, True, "duress")
    }


async def test_two_presses_of_one_button_at_two_replicas_are_one_alert(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    other = await county.server("server-2")
    buttons = await county.buttons(pool, 60)
    await server.directory.read()
    await other.directory.read()
    async with server.ingesting(), other.ingesting():
        for button in buttons:
            server.press(button, button.press())
            other.press(button, button.press())
            await asyncio.sleep(0)
        await server.until_stored(len(buttons))
        await other.until_stored(len(buttons))
    rows = await pool.fetch("SELECT device_id, presses FROM alert")
    assert {row["device_id"]: row["presses"] for row in rows} == {
        button.device_id: 2 for button in buttons
    }
    assert len(rows) == len(buttons)
    named: defaultdict[str, set[UUID]] = defaultdict(set)
    for stored in server.stored + other.stored:
        named[stored.device_id].add(stored.alert_id)
    assert {len(alerts) for alerts in named.values()} == {1}


async def test_two_replicas_that_draw_the_same_code_both_store_their_press(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    """Both are made to draw alike; while the first has not committed, the second must wait."""
    one, two = await county.buttons(pool, 2)
    await server.directory.read()
    await open_alerts(county, server, pool)  # has its connections warm
    walk = server.connection.walk
    connections = [await walk.acquire() for _ in range(walk.get_size())]
    for connection in connections:
        await connection.execute("SELECT setseed(0.42)")
        await walk.release(connection)
    async with county.database.connected() as first, server.ingesting():
        await first.execute("SELECT setseed(0.42)")
        begun = first.transaction()
        await begun.start()
        code = await first.fetchval(_OPEN_AN_ALERT, one.device_id, JURISDICTION)
        failed_before = failures()
        server.press(two, two.press())
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        async with asyncio.timeout(20):
            while not await pool.fetchval(waits):  # noqa: ASYNC110 (only the database knows)
                await asyncio.sleep(0.01)
        await begun.commit()
        await server.until_stored(2)
    codes = await pool.fetch("SELECT code FROM alert WHERE device_id = ANY ($1)", [two.device_id])
    assert len(codes) == 1
    assert codes[0]["code"] != code
    assert failures() == failed_before
    assert not server.doubts


_OPEN_AN_ALERT = """
INSERT INTO alert (jurisdiction, device_id, kind, drill, code, presses, place, tiers, pressed_at,
                   received_at, stored_at, attempted_at, decide_at)
VALUES ($2, $1, 'duress', false, draw_code(), 1, '{}', '[]', now(), now(), now(), now(), now())
RETURNING code
"""


async def test_the_record_of_one_alert_is_one_chain_whoever_writes_it(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (button,) = await county.buttons(pool, 1)
    await server.directory.read()
    async with server.ingesting():
        server.press(button, button.press())
        await server.until_stored(1)
    alert_id = server.stored[0].alert_id
    await server.escalate.turn()
    await server.send_all()
    notes = [
        pool.execute(
            "SELECT append_event($1, 'noted', json_build_object('n', $2::int))", alert_id, n
        )
        for n in range(60)
    ]
    taken = [acknowledge(pool, alert_id, county) for _ in range(10)]
    painted = [pool.execute("SELECT record_shown($1, 5)", alert_id) for _ in range(10)]
    async with server.ingesting():
        server.press(button, button.press(kind="cancel", cancels=server.stored[0].press_id))
        outcomes = await asyncio.gather(*notes, *taken, *painted)
        await server.until_stored(2)
    assert sum(outcome is True for outcome in outcomes) == 1, "taken by more than one"
    names = Counter(await names_of_events(pool, alert_id))
    assert names["noted"] == 60
    assert names["acknowledged"] == 1
    assert names["acknowledged_late"] == 9
    assert names["shown"] == 1
    assert names["cancelled_at_button"] == 1
    verdict = await verify_database(pool, jurisdiction=JURISDICTION)
    assert verdict.holds, verdict.findings
    version: int = await pool.fetchval("SELECT version FROM alert")
    assert version == sum(names.values()), "a version for each entry, so that no frame is mistaken"


async def test_the_record_tells_the_whole_life_of_an_alert(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.turn()
    await server.send_all()
    await pool.execute("SELECT record_shown($1, 5)", alert_id)
    await acknowledge(pool, alert_id, county)
    await server.escalate.turn()
    await server.send_all()
    await pool.execute("SELECT respond($1, $2, $3)", alert_id, JURISDICTION, NAMES[0])
    await pool.execute(
        "SELECT resolve($1, $2, $3, 'false_alarm', 'a child')", alert_id, JURISDICTION, NAMES[0]
    )
    assert await names_of_events(pool, alert_id) == [
        "pressed",
        "tier_told",
        "notification_accepted",
        "shown",
        "acknowledged",
        "stood_down",
        "notification_accepted",
        "responding",
        "resolved",
    ]
