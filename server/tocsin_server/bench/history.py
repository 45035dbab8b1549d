"""History: a million alerts that are over, and how long each view of them takes.

Promise: the alerts are made in the database of a real server, with their events and messages, and
each view is asked of that server as the console asks it, in turns, so that no view is measured in
a quieter minute than another. What is counted is until the whole answer is there.

Refused: to say that presses are no slower beside them. `tocsin bench floor` measures presses.
"""

import time
from collections.abc import Mapping
from pathlib import Path

import aiosql
import asyncpg
import msgspec

from tocsin_server.alert.latency import DAYS_MAX
from tocsin_server.bench.figures import percentile
from tocsin_server.bench.machine import Others
from tocsin_server.bench.stand import Say, Stand
from tocsin_server.demo import example

YEARS = 4  # between two elections of a president
SITES = 100
BATCH = 20_000

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One view, asked many times."""

    name: str
    asked: int
    bytes: int
    p50_ms: float
    p95_ms: float
    max_ms: float


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Every view beside so many alerts."""

    alerts: int
    made_in_s: float
    others: float  # their share of the machine while it was measured
    views: tuple[View, ...]


async def measure(stand: Stand, *, alerts: int, times: int, say: Say) -> History:
    """Make the alerts, and ask for each view so many times. Raises BenchFailed."""
    began = time.monotonic()
    await _make(stand.pool, alerts, say=say)
    made_in_s = time.monotonic() - began
    paths = await _paths(stand.pool)
    others = Others()
    took_ms: dict[str, list[float]] = {name: [] for name in paths}
    sizes: dict[str, int] = {}
    for n in range(1, times + 1):
        for name, path in paths.items():
            before = time.perf_counter()
            sizes[name] = len(await stand.screen.get(path))
            took_ms[name].append((time.perf_counter() - before) * 1000)
        say(f"asked for {len(paths)} views, {n} of {times} times")
    return History(
        alerts=alerts,
        made_in_s=made_in_s,
        others=others.share(),
        views=tuple(
            View(
                name=name,
                asked=times,
                bytes=sizes[name],
                p50_ms=percentile(taken, 50),
                p95_ms=percentile(taken, 95),
                max_ms=max(taken),
            )
            for name, taken in took_ms.items()
        ),
    )


async def _make(pool: asyncpg.Pool, alerts: int, *, say: Say) -> None:
    jurisdiction = example.JURISDICTION
    async with pool.acquire() as connection:
        await queries.add_sites(connection, jurisdiction=jurisdiction, sites=SITES)
        await queries.allow_by_person(connection, jurisdiction=jurisdiction)
        # One by one they would be written as they are resolved, for hours.
        await connection.execute("SET session_replication_role = replica")
        for first in range(1, alerts + 1, BATCH):
            last = min(first + BATCH - 1, alerts)
            from_at = await connection.fetchval(
                "SELECT coalesce(max(pressed_at), 'epoch') FROM alert"
            )
            await queries.add_alerts(
                connection,
                jurisdiction=jurisdiction,
                days=YEARS * DAYS_MAX,
                alerts=alerts,
                first=first,
                last=last,
            )
            await queries.fill_past(connection, jurisdiction=jurisdiction, from_at=from_at)
            say(f"made {last:,} of {alerts:,} alerts")
        await connection.execute("RESET session_replication_role")
        say("vacuuming, as autovacuum would have done meanwhile")
        await connection.execute("VACUUM ANALYZE", timeout=None)


async def _paths(pool: asyncpg.Pool) -> Mapping[str, str]:
    some = await queries.some(pool, jurisdiction=example.JURISDICTION)
    past, year, groups = "alerts/past", f"days={DAYS_MAX}", "latency/groups"
    site = f"site_id={some['site_id']}"
    drills = f"{year}&drill=true"
    return {
        "resolved: the newest": past,
        "resolved: more, from the middle on": f"{past}?after={some['alert_id']}",
        "resolved: three months": f"{past}?from_day={_day(180)}&until_day={_day(90)}",
        "resolved: a site": f"{past}?{site}",
        "resolved: real emergencies": f"{past}?drill=false&outcome=actual",
        "resolved: of a kind, in a year": f"{past}?kind=tamper&from_day={_day(365)}",
        "resolved: a room of a place": f"{past}?words=room+17+polling+place+7",
        "resolved: a code": f"{past}?words=4821",
        "resolved: a note's rare word": f"{past}?words=dog",
        "resolved: a word's rare beginning": f"{past}?words=zeb*",
        "resolved: a word that all have": f"{past}?words=desk",
        "resolved: who had it": f"{past}?who={example.PEOPLE[2].name.split()[0]}",
        "resolved: what nobody finds": f"{past}?words=zebra",
        "resolved: what never goes together": f"{past}?drill=true&outcome=actual",
        "record of one": f"alerts/{some['alert_id']}",
        "latency: 30 days": "latency?days=30",
        "latency: a year": f"latency?{year}",
        "latency: a year of drills": f"latency?{drills}",
        "latency: a year of drills of a site": f"latency?{drills}&{site}",
        "latency: a year of drills of a shift": f"latency?{drills}&shift=1320",
        **{
            f"latency: a year of drills by {by}": f"{groups}?{drills}&by={by}"
            for by in ("site", "shift", "kind", "person", "day", "week", "month")
        },
    }


def _day(ago: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - ago * 86_400))
