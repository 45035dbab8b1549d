"""When the next tier is told, whatever happened to the replica or to a clock meanwhile."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest_asyncio

from tests.alert.presses import TIERS, press
from tests.offices import Office, open_office
from tocsin_server.alert.escalate import Escalate
from tocsin_server.fleet.directory import Directory
from tocsin_server.storage.database import Database as Replica

PATIENCE_S = TIERS[0].patience_s


class Climb:
    """One alert, and a replica whose monotonic clock the test moves."""

    def __init__(self, replica: Replica, office: Office) -> None:
        self.pool: asyncpg.Pool = replica.pool
        self.office = office
        self.now = 1_000.0
        self.escalate = Escalate(replica, Directory(replica), clock=lambda: self.now)

    async def attempt(self) -> int:
        return int(await self.pool.fetchval("SELECT attempt FROM alert"))

    async def begin_elsewhere(self, *, ago_s: float) -> None:
        """Another replica began the next attempt, so long ago by the database's clock."""
        alert: UUID = await self.pool.fetchval("SELECT alert_id FROM alert")
        await self.pool.execute(
            "SELECT begin_attempt($1, $2, $2 + 1, 1, '[]', 30, false)", alert, await self.attempt()
        )
        await self.pool.execute(
            "UPDATE alert SET attempted_at = attempted_at - $1 * interval '1 s'", ago_s
        )

    async def takes_its_time(self) -> None:
        """The next tier is told when this one has had its patience, and not two seconds before."""
        before = await self.attempt()
        await self.escalate.turn()
        self.now += PATIENCE_S - 2
        await self.escalate.turn()
        assert await self.attempt() == before
        self.now += 2
        await self.escalate.turn()
        assert await self.attempt() == before + 1


@pytest_asyncio.fixture
async def climb(replica: Replica) -> AsyncIterator[Climb]:
    climb = Climb(replica, await open_office(replica.pool))
    await press(climb.pool, climb.office)
    await climb.escalate.turn()
    assert await climb.attempt() > 0
    await climb.escalate.turn()
    yield climb


@pytest_asyncio.fixture
async def unseen(replica: Replica) -> Climb:
    """Its alert came after the replica had looked at everything."""
    climb = Climb(replica, await open_office(replica.pool))
    await climb.escalate.turn()
    climb.now += 1
    await press(climb.pool, climb.office)
    return climb


async def test_a_replica_that_was_stopped_does_not_begin_to_count_only_now(climb: Climb) -> None:
    climb.now += PATIENCE_S - 1  # stopped, while another one told the next tier and then died
    await climb.begin_elsewhere(ago_s=20)
    before = await climb.attempt()
    assert await climb.escalate.turn() <= PATIENCE_S - 20
    climb.now += PATIENCE_S - 20
    await climb.escalate.turn()
    assert await climb.attempt() == before + 1


async def test_a_database_clock_that_leaps_forward_rushes_no_climb(climb: Climb) -> None:
    climb.now += 1
    await climb.begin_elsewhere(ago_s=3600)
    await climb.takes_its_time()


async def test_nor_of_an_alert_that_this_replica_had_not_seen(unseen: Climb) -> None:
    await unseen.begin_elsewhere(ago_s=3600)
    await unseen.takes_its_time()


async def test_a_replica_knows_when_it_began_an_attempt_itself(unseen: Climb) -> None:
    await unseen.escalate.glance()
    before = await unseen.attempt()
    assert before > 0
    await unseen.pool.execute("UPDATE alert SET attempted_at = attempted_at - interval '1 h'")
    unseen.now += PATIENCE_S - 0.1
    await unseen.escalate.turn()
    assert await unseen.attempt() == before
    unseen.now += 0.2
    await unseen.escalate.turn()
    assert await unseen.attempt() == before + 1
