"""What can break in a cluster of database nodes: broken on entry, mended on leaving."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.failover.cluster import Cluster

Break = Callable[[Cluster], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def primary_postgres_killed(cluster: Cluster) -> AsyncIterator[None]:
    """Its Patroni lives, sees it, and lets another take over."""
    await (await cluster.primary()).kill_postgres()
    yield


@asynccontextmanager
async def primary_node_killed(cluster: Cluster) -> AsyncIterator[None]:
    """Nobody is left to say so: the others wait for its lease to end."""
    node = await cluster.primary()
    await node.kill()
    try:
        yield
    finally:
        node.start()


@asynccontextmanager
async def standby_killed(cluster: Cluster) -> AsyncIterator[None]:
    node = (await cluster.standbys())[0]
    await node.kill()
    try:
        yield
    finally:
        node.start()


@asynccontextmanager
async def standby_hanging(cluster: Cluster) -> AsyncIterator[None]:
    """Its connections stand, and nothing is confirmed on them."""
    node = (await cluster.standbys())[0]
    node.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        node.signal(signal.SIGCONT)


@asynccontextmanager
async def both_standbys_killed(cluster: Cluster) -> AsyncIterator[None]:
    nodes = await cluster.standbys()
    await asyncio.gather(*[node.kill() for node in nodes])
    try:
        yield
    finally:
        for node in nodes:
            node.start()


@asynccontextmanager
async def primary_node_hanging(cluster: Cluster) -> AsyncIterator[None]:
    """Patroni, PostgreSQL and all, as a machine that is out of memory hangs."""
    node = await cluster.primary()
    node.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        node.signal(signal.SIGCONT)


@asynccontextmanager
async def patroni_of_the_primary_hanging(cluster: Cluster) -> AsyncIterator[None]:
    """Nobody ends its PostgreSQL when another takes over: two take writes, one has standbys."""
    node = await cluster.primary()
    node.signal_patroni(signal.SIGSTOP)
    try:
        await cluster.until_led_by_another(node)
        yield
    finally:
        node.signal_patroni(signal.SIGCONT)


@asynccontextmanager
async def etcd_member_killed(cluster: Cluster) -> AsyncIterator[None]:
    member = cluster.members[0]
    await member.kill()
    try:
        yield
    finally:
        member.start()


@asynccontextmanager
async def primary_cut_off(cluster: Cluster) -> AsyncIterator[None]:
    """Its cable is out. It goes on by itself, without anybody."""
    assert cluster.network is not None
    host = (await cluster.primary()).host
    await cluster.network.cut(host)
    try:
        yield
    finally:
        await cluster.network.mend(host)


@asynccontextmanager
async def primary_cut_from_the_others(cluster: Cluster) -> AsyncIterator[None]:
    """The servers reach it still, and would believe it, but nothing it stores is anywhere else."""
    assert cluster.network is not None
    host = (await cluster.primary()).host
    await cluster.network.cut_from_the_others(host)
    try:
        yield
    finally:
        await cluster.network.mend_to_the_others(host)
