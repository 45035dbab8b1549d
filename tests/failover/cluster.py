"""Three database nodes and three etcd members on loopback, from the configuration that is shipped.

Promise: each node is a process namespace of its own: `kill` ends its Patroni and its PostgreSQL in
one blow, as a power cut would, and nothing outlives the test. What a test changes of the shipped
files are names, ports, folders and passwords, by the environment that Patroni and etcd read.

Refused: asking Patroni who the primary is in order to judge. Screens and receipts tell.
"""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import asyncpg
import msgspec

from tests.failover.network import Network, laid_network
from tests.parts import PASSWORD, Database
from tocsin_server.demo import example
from tocsin_server.demo.child import Child
from tocsin_server.demo.postgres import free_port
from tocsin_server.storage.migrate import migrate

CONFIGURATION = Path(__file__).parents[2] / "server" / "database"
NODES = 3
USER = "tocsin"
READY_S_MAX = 90.0  # three initdb or base backups on a busy machine
ASK_AGAIN_S = 0.05

# PostgreSQL refuses root; and what is started in a namespace of processes ends with it.
_ALONE = "unshare -U --map-user=1000 --map-group=1000 --pid --ipc --fork --kill-child --mount-proc"


class Member(msgspec.Struct, frozen=True):
    """A node as Patroni's REST interface tells of it."""

    name: str
    role: str
    state: str


class _Cluster(msgspec.Struct, frozen=True):
    members: tuple[Member, ...]


def settings_of(file: str) -> dict[str, str]:
    """What a shipped file of `KEY=value` lines sets."""
    lines = (CONFIGURATION / file).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class Part:
    """A program in a namespace of its own, which can be killed and started again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        settings: Mapping[str, str],
        prefix: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._prefix = prefix
        self.folder = folder
        self.log = folder / f"{name}.log"
        self._command = command
        self._settings = settings
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """Of the namespace's keeper."""
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._child = Child.start(
            self.name,
            [*self._prefix, *_ALONE.split(), *self._command],
            log=self.log,
            environment=self._settings,
        )

    async def kill(self) -> None:
        """All of it, at once: a power cut."""
        if self._child is not None:
            processes = list(descendants(self._child.pid))
            await self._child.kill()
            await _gone(processes)
            self._child = None

    def signal(self, number: signal.Signals) -> None:
        """To every process of it (it hangs, or goes on)."""
        for process in descendants(self.pid):
            with suppress(ProcessLookupError):
                os.kill(process, number)


class Node(Part):
    """Patroni and its PostgreSQL."""

    def __init__(
        self,
        name: str,
        *,
        folder: Path,
        host: str,
        port: int,
        settings: Mapping[str, str],
        prefix: Sequence[str],
    ) -> None:
        command: list[str | Path] = ["/usr/bin/patroni", CONFIGURATION / "patroni.yaml"]
        super().__init__(name, command, folder=folder, settings=settings, prefix=prefix)
        self.host = host
        self.port = port
        self.address = f"{host}:{port}"
        self.rest = settings["PATRONI_RESTAPI_CONNECT_ADDRESS"]

    def start(self) -> None:
        # It names a process of a namespace that is gone; in a new one anybody may have its number.
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        super().start()

    def postmaster(self) -> int:
        """The process of its PostgreSQL that all others of it come from."""
        return next(
            process
            for process in descendants(self.pid)
            if b"/bin/postgres\0-D" in Path(f"/proc/{process}/cmdline").read_bytes()
        )

    def signal_patroni(self, number: signal.Signals) -> None:
        """To its Patroni alone."""
        family = set(descendants(self.postmaster()))
        for process in descendants(self.pid):
            if process not in family:
                os.kill(process, number)

    async def kill_postgres(self) -> None:
        """SIGKILL to PostgreSQL alone; its Patroni lives and sees it."""
        process = self.postmaster()
        os.kill(process, signal.SIGKILL)
        await _gone([process])


def descendants(process: int) -> Iterator[int]:
    """It, and all that came from it."""
    yield process
    with suppress(OSError):
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        for child in map(int, children):
            yield from descendants(child)


async def _gone(processes: list[int]) -> None:
    while any(_runs(process) for process in processes):  # noqa: ASYNC110 (others' children)
        await asyncio.sleep(ASK_AGAIN_S)


def _runs(process: int) -> bool:
    """A zombie doesn't."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Cluster:
    """The three of each, and how to reach them."""

    def __init__(self, folder: Path, *, network: Network | None = None) -> None:
        """On loopback, unless there is a network of their own."""
        self.network = network
        hosts = network.hosts if network else ("127.0.0.1",) * NODES
        prefixes = [network.prefix(n) if network else () for n in range(NODES)]
        self.password = secrets.token_hex(16)
        self._superuser = secrets.token_hex(16)
        names = [f"db{n}" for n in range(1, NODES + 1)]
        clients = [f"{host}:{free_port()}" for host in hosts]
        peers = [f"http://{host}:{free_port()}" for host in hosts]
        members = ",".join(f"{name}={url}" for name, url in zip(names, peers, strict=True))
        self.members = [
            Part(
                f"etcd_{name}",
                ["/usr/bin/etcd"],
                folder=folder / f"etcd_{name}",
                settings=settings_of("etcd.env")
                | {
                    "ETCD_NAME": name,
                    "ETCD_DATA_DIR": str(folder / f"etcd_{name}" / "data"),
                    "ETCD_LISTEN_CLIENT_URLS": f"http://{client}",
                    "ETCD_ADVERTISE_CLIENT_URLS": f"http://{client}",
                    "ETCD_LISTEN_PEER_URLS": peer,
                    "ETCD_INITIAL_ADVERTISE_PEER_URLS": peer,
                    "ETCD_INITIAL_CLUSTER": members,
                },
                prefix=prefix,
            )
            for name, client, peer, prefix in zip(names, clients, peers, prefixes, strict=True)
        ]
        shared = settings_of("patroni.env") | {
            "PATRONI_ETCD_HOSTS": ",".join(clients),
            "PATRONI_SUPERUSER_PASSWORD": self._superuser,
            "PGSERVICEFILE": str(CONFIGURATION / "pg_service.conf"),
        }
        for key in ("RESTAPI", "REPLICATION", "REWIND"):
            shared[f"PATRONI_{key}_PASSWORD"] = secrets.token_hex(16)
        self.nodes = [
            self._node(name, host, folder=folder / name, shared=shared, prefix=prefix)
            for name, host, prefix in zip(names, hosts, prefixes, strict=True)
        ]

    def _node(
        self,
        name: str,
        host: str,
        *,
        folder: Path,
        shared: Mapping[str, str],
        prefix: Sequence[str],
    ) -> Node:
        address, rest = f"{host}:{free_port()}", f"{host}:{free_port()}"
        settings = {
            **shared,
            "PATRONI_NAME": name,
            "PATRONI_POSTGRESQL_LISTEN": address,
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": address,
            "PATRONI_POSTGRESQL_DATA_DIR": str(folder / "data"),
            "PATRONI_POSTGRESQL_PGPASS": str(folder / "pgpass"),
            "PATRONI_RESTAPI_LISTEN": rest,
            "PATRONI_RESTAPI_CONNECT_ADDRESS": rest,
        }
        port = int(address.rpartition(":")[2])
        return Node(name, folder=folder, host=host, port=port, settings=settings, prefix=prefix)

    def dsn(self, database: str = USER, *, user: str = USER) -> str:
        """All three nodes, as a replica's configuration names them."""
        password = self._superuser if user == "postgres" else self.password
        addresses = ",".join(node.address for node in self.nodes)
        return (
            f"postgresql://{user}:{password}@{addresses}/{database}?target_session_attrs=read-write"
        )

    async def start(self) -> None:
        """Return when there is a primary with both standbys in step, and the database is made."""
        for part in (*self.members, *self.nodes):
            part.start()
        await self.until_whole()
        connection = await asyncpg.connect(self.dsn("postgres", user="postgres"))
        try:
            await connection.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{self.password}'")
            await connection.execute(f"CREATE DATABASE {USER} OWNER {USER}")
        finally:
            await connection.close()

    async def stop(self) -> None:
        for part in (*self.nodes, *self.members):
            await part.kill()

    async def until_whole(self) -> None:
        """A primary, and two standbys without which it commits nothing: every node says the same.

        One that was cut off still tells for a moment of the cluster that it knew.
        """
        async with asyncio.timeout(READY_S_MAX):
            while True:
                told = [await self._told_by(node) for node in self.nodes]
                roles = sorted(member.role for member in told[0])
                agreed = all(set(each) == set(told[0]) for each in told)
                if agreed and roles == ["leader", "sync_standby", "sync_standby"]:
                    return
                await asyncio.sleep(ASK_AGAIN_S)

    async def primary(self) -> Node:
        """The node that leads."""
        async with asyncio.timeout(READY_S_MAX):
            while True:
                for member in await self._told():
                    if member.role == "leader":
                        return next(node for node in self.nodes if node.name == member.name)
                await asyncio.sleep(ASK_AGAIN_S)

    async def until_led_by_another(self, than: Node) -> None:
        async with asyncio.timeout(READY_S_MAX):
            while True:
                if await self.primary() is not than:
                    return
                await asyncio.sleep(ASK_AGAIN_S)

    async def standbys(self) -> list[Node]:
        primary = await self.primary()
        return [node for node in self.nodes if node is not primary]

    async def _told(self) -> tuple[Member, ...]:
        """By whichever node answers."""
        for node in self.nodes:
            if told := await self._told_by(node):
                return told
        return ()

    async def _told_by(self, node: Node) -> tuple[Member, ...]:
        timeout = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            with suppress(aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
                async with session.get(f"http://{node.rest}/cluster") as answer:
                    return msgspec.json.decode(await answer.read(), type=_Cluster).members
        return ()


class ClusterDatabase(Database):
    """The cluster's database, as tests ask for one."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @property
    def dsn(self) -> str:
        return self.cluster.dsn()

    async def seed(self) -> None:
        """The tables, and the example jurisdiction in them."""
        primary = await self.cluster.primary()
        await migrate(f"postgresql://{USER}:{self.cluster.password}@{primary.address}/{USER}")
        passwords = {
            person.email: PASSWORD for person in example.PEOPLE if person.role in example.SIGN_INS
        }
        async with self.pool() as pool:
            await example.seed(pool, passwords=passwords)


@asynccontextmanager
async def running_cluster(folder: Path, *, cables: bool = False) -> AsyncIterator[Cluster]:
    """Ends with the block, whatever the test did to it. `cables` that can be pulled need root."""
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(laid_network()) if cables else None
        cluster = Cluster(folder, network=network)
        stack.push_async_callback(cluster.stop)
        await cluster.start()
        yield cluster
