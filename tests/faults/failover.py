"""Faults of a database of three nodes: one that dies, hangs, or is cut off, and their etcd.

The stand is the usual one, but for its database: PostgreSQL under Patroni and etcd, by the shipped
configuration. `lasts_s` is the failover manager's own time-out; after that the cluster must have
got by, before anything is mended.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

from tests.failover import breaks
from tests.failover.breaks import Break
from tests.failover.cluster import Cluster, ClusterDatabase, running_cluster
from tests.faults.fault import Fault, Probe, row

LOOP_S = 2.0  # `loop_wait` in patroni.yaml
LEASE_S = 20.0  # `ttl`
SILENCE_S = 4.0  # `wal_sender_timeout`
ELECTION_S = 4.0  # a standby sees it, asks the others, and is promoted
GOT_BY_S_MAX = 5.0  # acceptance
NOT_STORED_S_MAX = 2.0  # until a press is shown as such


class OfTheCluster(Fault):
    """One of `tests.failover.breaks`."""

    breaks: ClassVar[Break]
    cables: ClassVar[bool] = False
    recovery_s_max = GOT_BY_S_MAX
    shown_s_max = NOT_STORED_S_MAX
    cluster: Cluster
    broken: AbstractAsyncContextManager[None]

    async def arrange(self) -> None:
        stand = self.stand
        folder = stand.deployment.folder.with_name("cluster")
        self.cluster = await stand.stack.enter_async_context(
            running_cluster(folder, cables=self.cables)
        )
        database = ClusterDatabase(self.cluster)
        await database.seed()
        stand.database, stand.dsn = database, database.dsn

    async def inject(self) -> None:
        self.broken = type(self).breaks(self.cluster)
        await self.broken.__aenter__()

    async def end(self) -> None:
        await self.broken.__aexit__(None, None, None)
        await self.cluster.until_whole()

    async def end_one_by_one(self) -> AsyncIterator[Probe]:
        """Nothing is mended yet when the new press is made."""
        for probe in self.probes():
            yield probe
        await self.end()


@row("kill-primary-postgres")
class KillPrimaryPostgres(OfTheCluster):
    name = "kill -9 of the PostgreSQL primary"
    breaks = breaks.primary_postgres_killed
    lasts_s = LOOP_S + ELECTION_S


@row("kill-primary-node")
class KillPrimaryNode(OfTheCluster):
    name = "kill -9 of the PostgreSQL primary and its Patroni"
    breaks = breaks.primary_node_killed
    lasts_s = LEASE_S


@row("stop-primary-node")
class StopPrimaryNode(OfTheCluster):
    name = "SIGSTOP of the PostgreSQL primary and its Patroni"
    breaks = breaks.primary_node_hanging
    lasts_s = LEASE_S


@row("stop-primary-patroni")
class StopPrimaryPatroni(OfTheCluster):
    name = "SIGSTOP of the primary's Patroni until another leads"
    breaks = breaks.patroni_of_the_primary_hanging
    takes_s = LEASE_S
    lasts_s = ELECTION_S


@row("cut-off-primary")
class CutOffPrimary(OfTheCluster):
    name = "PostgreSQL primary cut off from everybody"
    breaks = breaks.primary_cut_off
    cables = True
    lasts_s = LEASE_S


@row("cut-primary-from-standbys")
class CutPrimaryFromStandbys(OfTheCluster):
    name = "PostgreSQL primary cut off from standbys and etcd"
    breaks = breaks.primary_cut_from_the_others
    cables = True
    lasts_s = LEASE_S


@row("kill-standby")
class KillStandby(OfTheCluster):
    name = "kill -9 of one of two standbys"
    breaks = breaks.standby_killed
    lasts_s = LOOP_S


@row("stop-standby")
class StopStandby(OfTheCluster):
    name = "SIGSTOP of one of two standbys"
    breaks = breaks.standby_hanging
    lasts_s = SILENCE_S + LOOP_S


@row("kill-both-standbys")
class KillBothStandbys(OfTheCluster):
    name = "kill -9 of both standbys"
    breaks = breaks.both_standbys_killed
    lasts_s = LOOP_S


@row("kill-etcd-member")
class KillEtcdMember(OfTheCluster):
    name = "kill -9 of one of three etcd members"
    breaks = breaks.etcd_member_killed
