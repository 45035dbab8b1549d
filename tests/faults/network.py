"""Faults of the network: cut one way, lossy, slow, half open; messages twice, late, out of order.

Brokers that are to be cut off are in a network namespace of their own, in which the buttons and
each replica find them under an address of its own: a rule there drops one party's packets in one
direction, and nobody else's. What is slow or half open goes through relays. Needs root.
"""

import asyncio
import random
from abc import abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

from tests.failover.network import Network, laid_network
from tests.faults.fault import Fault, Probe, row
from tests.faults.processes import (
    CLIMBING,
    NOT_STORED_S_MAX,
    NOTICED_S_MAX,
    TOLD_LATE_S_MAX,
)
from tests.faults.relay import Relay
from tests.faults.stand import Arrangement
from tests.parts import Deployment, Server
from tocsin_server.bench.mqtt import Connection
from tocsin_server.fleet.certificates import client_context
from tocsin_wire import topics
from tocsin_wire.topics import Leaf

CUT_S = 20.0
DEAF_S = 50.0  # longer than the silence (45 s) after which a button is lost
LOSS: Final = ("-m", "statistic", "--mode", "random", "--probability", "0.2")
SLOW_S = 0.5
NOTICED_HALF_OPEN_S = 30.0  # by a replica: its canary is missed after 25 s
HEARS_AGAIN_S_MAX = 10.0
LATE_S = 3.0  # a copy of a message comes at most so much later
COPIES_MAX = 3
OLD_ONES_EVERY_S = 0.05
REMEMBERED_MAX = 5_000  # messages, to be sent again at any time
SECOND_PUBLISHER: Final = "server-3"  # has a certificate, and no replica runs under its name


class Rules:
    """What the namespace of the brokers drops. A program waits there to change it in no time."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._waiting: asyncio.subprocess.Process | None = None

    async def prepare(self) -> None:
        self._waiting = await asyncio.create_subprocess_exec(
            *(*self._network.prefix(0), "iptables-restore", "--noflush"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def set(self, *rules: Sequence[str]) -> None:
        """These, and no others."""
        if self._waiting is None:
            await self.prepare()
        process, self._waiting = self._waiting, None
        assert process is not None
        lines = ["*filter", "-F INPUT", "-F OUTPUT", *map(" ".join, rules), "COMMIT", ""]
        said, _ = await process.communicate("\n".join(lines).encode())
        if process.returncode != 0:
            raise OSError(f"iptables: {said.decode(errors='replace').strip()}")

    async def close(self) -> None:
        if self._waiting is not None:
            await self._waiting.communicate(b"")


def to_brokers(address: str, *how: str) -> Sequence[str]:
    """Drop what this party sends to brokers, which it knows under this address."""
    return ("-A INPUT", "-d", address, *how, "-j DROP")


def from_brokers(address: str, *how: str) -> Sequence[str]:
    """Drop what brokers send to this party."""
    return ("-A OUTPUT", "-s", address, *how, "-j DROP")


class OfBrokersApart(Fault):
    """The brokers are behind a cable. Until its end nothing is promised of what needs them."""

    lasts_s = CUT_S
    rules: Rules
    buttons_address: str
    replica_addresses: Sequence[str]

    async def arrange(self) -> None:
        stand = self.stand
        network = await stand.stack.enter_async_context(laid_network(hosts=1))
        self.buttons_address = network.hosts[0]
        self.replica_addresses = await network.add_addresses(0, stand.arrangement.replicas)
        stand.deployment = Deployment(
            stand.deployment.folder.with_name("apart"),
            brokers=stand.arrangement.brokers,
            broker_names=[self.buttons_address, *self.replica_addresses],
        )
        stand.phones = stand.deployment.phone_network()
        stand.broker_bind = "0.0.0.0"  # noqa: S104 (of its namespace, where we alone are)
        stand.broker_prefix = network.prefix(0)
        stand.button_urls = list(stand.deployment.broker_urls)
        for n, address in enumerate(self.replica_addresses):
            stand.own_server_urls[n] = [
                f"mqtts://{address}:{port}" for port in stand.deployment.broker_ports
            ]
        self.rules = Rules(network)
        stand.stack.push_async_callback(self.rules.close)
        await self.rules.prepare()

    @abstractmethod
    def dropped(self) -> list[Sequence[str]]:
        """The rules while it stands."""

    async def inject(self) -> None:
        await self.rules.set(*self.dropped())
        await self.rules.prepare()

    async def end(self) -> None:
        await self.rules.set()
        await self.rules.prepare()


@row("cut-button-out")
class CutButtonsOut(OfBrokersApart):
    name = "buttons' packets to both brokers dropped for 20 s"

    def dropped(self) -> list[Sequence[str]]:
        return [to_brokers(self.buttons_address)]


@row("cut-button-in")
class CutButtonsIn(OfBrokersApart):
    name = "both brokers' packets to the buttons dropped for 20 s"

    def dropped(self) -> list[Sequence[str]]:
        return [from_brokers(self.buttons_address)]


@row("loss")
class Loss(OfBrokersApart):
    name = "20 % of all packets to and from the brokers lost for 20 s"

    def dropped(self) -> list[Sequence[str]]:
        return [("-A INPUT", *LOSS, "-j DROP"), ("-A OUTPUT", *LOSS, "-j DROP")]


class OfADeafReplica(OfBrokersApart):
    """One of two replicas and the brokers. Its screens live by the database, and lose no button."""

    arrangement = Arrangement(patience_s=CLIMBING)
    recovery_s_max = 2.0
    shown_s_max = NOTICED_S_MAX
    told_late_s_max = TOLD_LATE_S_MAX
    climbs = True
    victim: Server
    address: str
    frames_before: Mapping[str, int]

    def before(self) -> None:
        n = self.chance.randrange(len(self.stand.servers))
        self.victim, self.address = self.stand.servers[n], self.replica_addresses[n]
        self.frames_before = {name: len(each.frames) for name, each in self.stand.screens.items()}

    async def end(self) -> None:
        for name, screen in self.stand.screens.items():
            lost = {
                frame.device.device_id
                for frame in screen.frames[self.frames_before[name] :]
                if frame.device is not None and frame.device.state == "lost"
            }
            if lost:
                self.stand.findings.append(
                    f"{len(lost)} buttons were lost on the screen of {name},"
                    f" while {self.victim.replica_id} was cut off"
                )
        await super().end()

    def probes(self) -> list[Probe]:
        screen = self.stand.screens[self.victim.replica_id]
        return [Probe(self.chance.choice(self.stand.buttons), screen)]


@row("cut-replica-out")
class CutAReplicaOut(OfADeafReplica):
    name = "one of two replicas' packets to both brokers dropped for 20 s"

    def dropped(self) -> list[Sequence[str]]:
        return [to_brokers(self.address)]


@row("cut-replica-in")
class CutAReplicaIn(OfADeafReplica):
    name = "both brokers' packets to one of two replicas dropped for 20 s"

    def dropped(self) -> list[Sequence[str]]:
        return [from_brokers(self.address)]


@row("cut-off-replica")
class CutOffAReplica(OfADeafReplica):
    name = "one of two replicas cut off from both brokers for 50 s"
    lasts_s = DEAF_S

    def dropped(self) -> list[Sequence[str]]:
        return [to_brokers(self.address), from_brokers(self.address)]


class OfRelays(Fault):
    """A relay in front of each broker for the buttons, and for each replica."""

    button_relays: list[Relay]
    replica_relays: dict[int, list[Relay]]

    async def arrange(self) -> None:
        stand = self.stand
        ports = stand.deployment.broker_ports
        self.button_relays = await _relays(stand.stack, ports)
        stand.button_urls = [relay.url for relay in self.button_relays]
        self.replica_relays = {}
        for n in range(stand.arrangement.replicas):
            self.replica_relays[n] = await _relays(stand.stack, ports)
            stand.own_server_urls[n] = [relay.url for relay in self.replica_relays[n]]


async def _relays(stack: AsyncExitStack, ports: Sequence[int]) -> list[Relay]:
    return [await stack.enter_async_context(Relay(port).running()) for port in ports]


@row("half-open-buttons")
class HalfOpenButtons(OfRelays):
    """As by a router that has forgotten its connections, and tells nobody."""

    name = "every button's connections half open"

    async def inject(self) -> None:
        for relay in self.button_relays:
            relay.go_silent()

    async def end(self) -> None:
        """There is nothing to mend: who connects anew is connected."""


@row("half-open-replica")
class HalfOpenReplica(OfRelays):
    """It is over when the replica has noticed, and has opened them anew."""

    name = "one of two replicas' connections half open"
    arrangement = Arrangement(patience_s=CLIMBING)
    lasts_s = CUT_S
    recovery_s_max = 2.0
    shown_s_max = NOTICED_S_MAX
    told_late_s_max = TOLD_LATE_S_MAX
    climbs = True
    victim: int

    def before(self) -> None:
        self.victim = self.chance.randrange(len(self.stand.servers))

    async def inject(self) -> None:
        for relay in self.replica_relays[self.victim]:
            relay.go_silent()

    async def end(self) -> None:
        for relay in self.replica_relays[self.victim]:
            try:
                await relay.until_standing(1, timeout_s=NOTICED_HALF_OPEN_S - self.lasts_s)
            except TimeoutError:
                self.stand.findings.append(
                    f"half-open connections not noticed within {NOTICED_HALF_OPEN_S:g} s"
                )

    def probes(self) -> list[Probe]:
        screen = self.stand.screens[self.stand.servers[self.victim].replica_id]
        return [Probe(self.chance.choice(self.stand.buttons), screen)]


@row("half-open-replicas")
class HalfOpenReplicas(OfRelays):
    """Nobody hears a press until a replica has noticed: within twice its keepalive."""

    name = "both replicas' connections half open"
    recovery_s_max = HEARS_AGAIN_S_MAX

    async def inject(self) -> None:
        for relays in self.replica_relays.values():
            for relay in relays:
                relay.go_silent()

    async def end(self) -> None:
        """There is nothing to mend."""


class Slow(OfRelays):
    """Half a second each way: a satellite, or a mobile network at its limit."""

    lasts_s = CUT_S

    @abstractmethod
    def slow_relays(self) -> list[Relay]:
        """Whose messages are late."""

    async def inject(self) -> None:
        self._delay(SLOW_S)

    async def end(self) -> None:
        self._delay(0.0)

    def _delay(self, late_s: float) -> None:
        for relay in self.slow_relays():
            relay.late_s = late_s


@row("slow-buttons")
class SlowButtons(Slow):
    name = "500 ms each way between buttons and brokers for 20 s"

    def slow_relays(self) -> list[Relay]:
        return self.button_relays


@row("slow-replicas")
class SlowReplicas(Slow):
    name = "500 ms each way between replicas and brokers for 20 s"
    shown_s_max = NOT_STORED_S_MAX

    def slow_relays(self) -> list[Relay]:
        return [relay for relays in self.replica_relays.values() for relay in relays]


class Echo:
    """A second publisher: what buttons have published it publishes again, with their own bytes."""

    def __init__(self, chance: random.Random) -> None:
        self.connections: list[Connection] = []
        self.sent = 0
        self._chance = chance
        self._known: set[bytes] = set()
        self._heard: deque[tuple[str, bytes]] = deque(maxlen=REMEMBERED_MAX)
        self._old_ones: asyncio.Task[None] | None = None

    async def open(self, deployment: Deployment) -> None:
        """On every broker."""
        server = deployment.folder / "server"
        tls = client_context(
            ca_file=deployment.folder / "ca" / "ca.crt",
            certificate_file=server / f"{SECOND_PUBLISHER}.crt",
            key_file=server / f"{SECOND_PUBLISHER}.key",
        )
        for url in deployment.broker_urls:
            connection = Connection(SECOND_PUBLISHER, tls, on_message=self._hear)
            await connection.open(url, [topics.every(Leaf.PRESS)])
            self.connections.append(connection)

    def begin(self) -> None:
        self._old_ones = asyncio.get_running_loop().create_task(self._repeat_old_ones())

    def end(self) -> None:
        """No more are begun; some are still under way, for up to 3 s."""
        if self._old_ones is not None:
            self._old_ones.cancel()
            self._old_ones = None

    def close(self) -> None:
        self.end()
        for connection in self.connections:
            connection.close()

    def _hear(self, topic: str, body: bytes) -> None:
        if body in self._known:
            return  # by the other broker, or our own copy
        self._known.add(body)
        self._heard.append((topic, body))
        if self._old_ones is not None:
            loop = asyncio.get_running_loop()
            for _ in range(self._chance.randint(1, COPIES_MAX)):
                loop.call_later(self._chance.uniform(0, LATE_S), self._publish, topic, body)

    async def _repeat_old_ones(self) -> None:
        """Of any round: their alerts may have been answered long ago."""
        while True:
            if self._heard:
                self._publish(*self._chance.choice(self._heard))
            await asyncio.sleep(OLD_ONES_EVERY_S)

    def _publish(self, topic: str, body: bytes) -> None:
        connection = self._chance.choice(self.connections)
        if not connection.lost:
            connection.publish(topic, body, qos=1)
            self.sent += 1


@row("echo")
class TwiceLateAndOutOfOrder(Fault):
    """The messages are as they were; only the broker's word for who sends them is another's."""

    name = "messages twice, up to 3 s late and out of order, old ones again"
    lasts_s = 5.0
    shown_s_max = NOTICED_S_MAX
    echo: Echo

    async def arrange(self) -> None:
        stand = self.stand
        access = stand.deployment.folder / "broker" / "acl"
        granted = f"\nuser {SECOND_PUBLISHER}\ntopic write {topics.every(Leaf.PRESS)}\n"
        access.write_text(access.read_text() + granted)
        self.echo = Echo(self.chance)
        stand.stack.callback(self.echo.close)

    async def prepare(self) -> None:
        await self.echo.open(self.stand.deployment)

    async def inject(self) -> None:
        self.echo.begin()

    async def end(self) -> None:
        self.echo.end()
        if any(connection.lost for connection in self.echo.connections):
            self.stand.findings.append("the second publisher lost a broker")
        if not self.echo.sent:
            self.stand.findings.append("nothing was published a second time")
