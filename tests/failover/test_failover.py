"""A cluster loses a part while people press: nothing is lost, and it mends itself.

Only the quick ones; what takes a lease's length or longer are rows of `make faults`.
"""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.failover import breaks
from tests.failover.breaks import Break
from tests.failover.cluster import Cluster, ClusterDatabase, running_cluster
from tests.failover.traffic import flowing
from tests.parts import Deployment, Walk, whole_walk

LEASE_S = 20.0  # `ttl` in patroni.yaml
RECOVERED_S_MAX = LEASE_S + 5.0  # acceptance
PATIENCE_S = (600.0, 600.0, 600.0)  # nobody climbs meanwhile


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path_factory.mktemp("c")) as cluster:
        yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def walk(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Walk]:
    database = ClusterDatabase(cluster)
    await database.seed()
    deployment = Deployment(tmp_path_factory.mktemp("d"))
    async with whole_walk(deployment, database, patience_s=PATIENCE_S) as walk:
        yield walk


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    "broken", [breaks.etcd_member_killed, breaks.standby_killed, breaks.primary_postgres_killed]
)
async def test_what_a_cluster_has_acknowledged_outlives_the_loss_of_a_part(
    cluster: Cluster, walk: Walk, broken: Break
) -> None:
    await cluster.until_whole()
    async with flowing(walk) as traffic:
        caught = traffic.burst()
        began_s = time.monotonic()
        async with broken(cluster):
            await traffic.until_receipted(timeout_s=RECOVERED_S_MAX)
        await traffic.settle()
        print(f"no commit for {traffic.gap_s(began_s):.1f} s; {caught} presses were on their way")
        await traffic.assert_nothing_lost()
