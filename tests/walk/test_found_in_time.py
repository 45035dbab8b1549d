"""What stands still is on the screens within 15 seconds, though nobody looks for it.

Each part is really stopped, or really held up, beneath servers that run as they are installed.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import msgspec
import pytest_asyncio

from tests.parts import DANA, MAYA, Fault, Screen, Walk
from tests.standstill import Standstill
from tocsin_server.alert.geotag import Place
from tocsin_server.demo import example
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.fleet.policies import FIRST_POLICY, set_policy
from tocsin_server.people.accounts import read_people
from tocsin_server.people.shift_changes import add_plan

FOUND_WITHIN_S = 15.0  # acceptance


@pytest_asyncio.fixture
async def screen(walk: Walk) -> Screen:
    return await walk.screen()


async def found(screen: Screen, check: str, *, since: float, machine: Standstill) -> Fault:
    """The line about it, in time."""

    def line() -> Fault | None:
        return next((fault for fault in screen.faults if fault.check == check), None)

    await screen.until(lambda _: line())
    took_s = time.monotonic() - since
    print(f"{check}: on the screen after {took_s:.1f} s")
    assert took_s < FOUND_WITHIN_S + machine.so_far_s
    fault = line()
    assert fault is not None
    return fault


async def test_a_server_an_alert_and_a_message_that_stand_still_are_found_and_set_going(
    walk: Walk, screen: Screen, machine: Standstill
) -> None:
    ended, hanging = await walk.another_server(2), await walk.another_server(3)
    assert await ended.stop() == 0
    since = time.monotonic()
    hanging.pause()  # first: it would mend what it finds, and the others only hear that it did
    async with walk.database.connected() as connection:
        await connection.execute("ALTER TABLE alert DROP CONSTRAINT always_a_next_decision")
        await connection.execute(
            "SELECT join_or_open('btn-0123456789', jurisdiction, 'duress', false, 1, now(), now(),"
            " '{}', $1, '[{\"patience_s\": 30, \"people\": []}]') FROM jurisdiction",
            msgspec.json.encode(Place()).decode(),
        )
        await connection.execute("UPDATE alert SET decide_at = NULL")
        await connection.execute(
            "INSERT INTO notification (jurisdiction, purpose, name, address, body, state, tries,"
            " lease_until) SELECT jurisdiction, 'fault', 'On-call', '+15125550190', 'held',"
            " 'sending', 1, clock_timestamp() + interval '45 s' FROM jurisdiction LIMIT 1"
        )
    try:
        without, stuck, hangs = await asyncio.gather(
            *[
                found(screen, check, since=since, machine=machine)
                for check in ("no_next_decision", "notification_stuck", "replica_hangs")
            ]
        )
    finally:
        hanging.resume()
    assert (without.severity, stuck.severity) == ("fault", "fault")
    assert hanging.replica_id in hangs.message
    # Whoever was stopped in order would have been missed before.
    lines = [one.message for frame in screen.frames for one in frame.faults or ()]
    assert not any(ended.replica_id in line for line in lines)
    await screen.until(
        lambda screen: (
            {(one.check, one.severity) for one in screen.faults}
            == {("no_next_decision", "warning"), ("notification_stuck", "warning")}
        )
    )


@pytest_asyncio.fixture
async def frozen(walk: Walk, screen: Screen) -> AsyncIterator[float]:
    """The server's LISTEN is deaf: its process in PostgreSQL stands. Gives since when."""
    async with walk.database.connected() as connection:
        process = await connection.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND query ILIKE 'LISTEN %'"
        )
    os.kill(process, signal.SIGSTOP)
    try:
        yield time.monotonic()
    finally:
        os.kill(process, signal.SIGCONT)


async def test_a_listen_that_is_deaf_is_found_and_begun_anew(
    walk: Walk, screen: Screen, machine: Standstill, frozen: float
) -> None:
    await found(screen, "listen_deaf", since=frozen, machine=machine)
    await screen.until(
        lambda screen: (
            [(one.check, one.severity) for one in screen.faults] == [("listen_deaf", "warning")]
        )
    )


async def test_a_gap_in_the_shifts_and_a_last_tier_that_nobody_can_be_reached_in_are_found(
    walk: Walk, screen: Screen, machine: Standstill
) -> None:
    here = example.JURISDICTION
    async with walk.database.pool() as pool:
        people = {
            person.email: person.person_id for person in await read_people(pool, jurisdiction=here)
        }
        plan = await add_plan(pool, jurisdiction=here, name="Front desk", by=MAYA.name)
        await set_policy(
            pool,
            jurisdiction=here,
            name=FIRST_POLICY,
            tiers=[
                PolicyTier(patience_s=30, people=[people[DANA.email]], shifts=(plan,)),
                PolicyTier(patience_s=30, people=[people[MAYA.email]]),
            ],
        )
        since = time.monotonic()
        gap = await found(screen, "shift_gap", since=since, machine=machine)
        assert "Nobody is on in Front desk now" in gap.message
        await pool.execute(
            "UPDATE contact SET unreachable = 'a landline', unreachable_at = clock_timestamp()"
            " WHERE person_id = $1",
            people[MAYA.email],
        )
        since = time.monotonic()
        empty = await found(screen, "last_tier_unreachable", since=since, machine=machine)
        assert "Nobody can be reached in the last tier of the policy Standard" in empty.message
        assert (gap.severity, empty.severity) == ("fault", "fault")
        await pool.execute("UPDATE contact SET unreachable = NULL, unreachable_at = NULL")
    await screen.until(lambda screen: {one.check for one in screen.faults} == {"shift_gap"})
