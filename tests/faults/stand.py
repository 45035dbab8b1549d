"""The stand: the whole of Tocsin as it is installed, to be broken part by part while people press.

Promise: every part is the real program: Mosquittos with the shipped configuration, PostgreSQL,
replicas of `tocsin serve`, agents. Every button and every replica knows every broker. A dispatcher
is signed in at every replica, and whatever a screen, a phone or a lamp shows goes into the ledger.

Refused: pressing what is away. Who presses a button that is switched off, nobody can know of.
"""

import asyncio
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests import parts
from tests.faults.ledger import Ledger, Press
from tests.parts import (
    ASK_AGAIN_S,
    DANA,
    LUIS,
    MAYA,
    PASSWORD,
    Database,
    Deployment,
    Screen,
    Server,
)
from tests.standstill import Standstill
from tocsin_server.demo.broker import EmbeddedBroker, Mosquitto
from tocsin_server.demo.errors import ChildFailed
from tocsin_server.demo.phone import PhoneNetwork
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_server.demo.virtual_button import VirtualButton

LONG_S = 600.0  # a patience that no row outlives
START_AT_ONCE = 3  # interpreters; more would only wait for each other
ADDRESSES = (DANA.email, LUIS.email, MAYA.email)  # who sits at the screen of which replica


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """How large a stand is. `single_homed`: one more button for each broker that knows no other."""

    brokers: int = 2
    replicas: int = 2
    buttons: int = 16
    patience_s: tuple[float, float, float] = (LONG_S, LONG_S, LONG_S)
    single_homed: bool = False
    broker_kind: type[Mosquitto | EmbeddedBroker] = Mosquitto


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process, or a family of them, by how it is ended, started again, stopped and resumed.

    `away` is told whether it is there to be pressed.
    """

    name: str
    kill: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]
    pids: Callable[[], Sequence[int]]
    away: Callable[[bool], None] = lambda _: None

    def pause(self) -> None:
        """SIGSTOP, the parent first, so that it starts nobody new."""
        self.away(True)
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)
        self.away(False)

    def _send(self, number: signal.Signals) -> None:
        for pid in self.pids():
            os.kill(pid, number)


@dataclass(slots=True)
class Stand:
    """The running parts, and the ledger. A fault may change what is said before `start`."""

    arrangement: Arrangement
    deployment: Deployment
    database: Database
    phones: PhoneNetwork
    # What a fault may change in `arrange`: a relay's URL, a command that runs it, an environment.
    button_urls: list[str]
    server_urls: list[str]
    dsn: str
    button_prefix: Sequence[str] = ()
    server_prefixes: dict[int, Sequence[str]] = field(default_factory=dict)
    own_server_urls: dict[int, list[str]] = field(default_factory=dict)  # of one replica alone
    broker_bind: str = "127.0.0.1"
    broker_prefix: Sequence[str] = ()
    button_environment: Mapping[str, str] = field(default_factory=dict)
    # Running, once it has started.
    brokers: list[Mosquitto | EmbeddedBroker] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    buttons: list[VirtualButton] = field(default_factory=list)
    singles: list[VirtualButton] = field(default_factory=list)
    screens: dict[str, Screen] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    machine: Standstill = field(default_factory=Standstill)
    away: set[str] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _fingers: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    @property
    def every_button(self) -> list[VirtualButton]:
        """Those on all brokers, and those on one."""
        return [*self.buttons, *self.singles]

    async def press(self, button: VirtualButton) -> Press | None:
        """Press, one finger at a time; None where its agent could not say that it did."""
        async with self._fingers[button.device_id]:
            if button.device_id in self.away:
                return None
            try:
                pressed = await button.press()
            except ChildFailed:
                self.ledger.unanswered[button.device_id] += 1
                return None
            return self.ledger.made(button.device_id, pressed)

    def broker_part(self, n: int) -> Part:
        broker = self.brokers[n]
        return Part(
            name=f"broker {n + 1}",
            kill=broker.kill,
            start=broker.start,
            pids=lambda: [broker.pid] if broker.pid else [],
        )

    def replica_part(self, n: int) -> Part:
        server = self.servers[n]
        return Part(
            name=server.replica_id, kill=server.kill, start=server.start, pids=lambda: [server.pid]
        )

    def agent_part(self, button: VirtualButton) -> Part:
        """Its kill is noted: what the disk did not have yet, no lamp can know of."""

        def away(is_away: bool) -> None:
            (self.away.add if is_away else self.away.discard)(button.device_id)

        async def kill() -> None:
            away(True)
            self.ledger.killed(button.device_id)
            await button.kill()

        async def start() -> None:
            await button.start()
            away(False)

        return Part(
            name=f"the agent of {button.device_id}",
            kill=kill,
            start=start,
            pids=lambda: [button.pid] if button.pid else [],
            away=away,
        )

    def postgres_part(self) -> Part:
        """The postmaster and every process of its own."""
        postgres = self.database.postgres

        def family() -> list[int]:
            return [postgres.pid, *children(postgres.pid)] if postgres.pid else []

        return Part(name="PostgreSQL", kill=postgres.kill, start=postgres.start, pids=family)

    def house_parts(self) -> list[Part]:
        """The database, every broker, every replica."""
        return [
            self.postgres_part(),
            *map(self.broker_part, range(len(self.brokers))),
            *map(self.replica_part, range(len(self.servers))),
        ]

    async def start(self) -> None:
        """Everything, from the ground up; return when every button is connected and known."""
        async with self.database.connected() as connection:
            await parts.set_patience(connection, self.arrangement.patience_s)
        for port in self.deployment.broker_ports:
            broker = self.arrangement.broker_kind(
                self.deployment.folder / "broker",
                port=port,
                bind=self.broker_bind,
                prefix=self.broker_prefix,
            )
            await self.stack.enter_async_context(parts.running(broker))
            self.brokers.append(broker)
        ports = [free_port() for _ in range(self.arrangement.replicas)]
        self.phones.inbound_url = f"http://127.0.0.1:{ports[0]}/api/v1/twilio/inbound"
        await self.stack.enter_async_context(self.phones.running(port=self.deployment.phone_port))
        for n, port in enumerate(ports):
            config = self.deployment.server_config(
                replica_id=f"server-{n + 1}",
                port=port,
                dsn=self.dsn,
                brokers=self.own_server_urls.get(n, self.server_urls),
            )
            server = Server(config, prefix=self.server_prefixes.get(n, ()))
            await self.stack.enter_async_context(parts.running_server(server))
            self.servers.append(server)
        await self._start_buttons()
        for server, email in zip(self.servers, ADDRESSES, strict=False):
            await self._open_screen(server, email)
        self._watch(self._watch_phones())
        self._watch(self.machine.look())

    async def _start_buttons(self) -> None:
        homes: list[list[str]] = [self.button_urls] * self.arrangement.buttons
        if self.arrangement.single_homed:
            homes += [[url] for url in self.button_urls]
        made = [self.deployment.new_button(brokers=urls) for urls in homes]
        await parts.register(self.database, {button.device_id: key for button, key in made})
        for n, (button, _) in enumerate(made):
            button.prefix, button.environment = self.button_prefix, self.button_environment
            (self.buttons if n < self.arrangement.buttons else self.singles).append(button)
        self.stack.push_async_callback(self._stop_buttons)
        gate = asyncio.Semaphore(START_AT_ONCE)

        async def start(button: VirtualButton) -> None:
            async with gate:
                await button.start()
                await button.until_connected(timeout_s=parts.WAIT_S)

        await asyncio.gather(*[start(button) for button in self.every_button])
        for server in self.servers:
            await parts.until_known(server, {each.device_id for each in self.every_button})
        for button in self.every_button:
            self._watch(self._watch_lamp(button))

    async def _stop_buttons(self) -> None:
        await asyncio.gather(*[button.stop() for button in self.every_button])

    async def _open_screen(self, server: Server, email: str) -> None:
        screen = Screen(
            server.url,
            email=email,
            password=PASSWORD,
            on_frame=partial(self.ledger.frame, server.replica_id),
        )
        self.stack.push_async_callback(screen.close)
        await screen.open()
        self.screens[server.replica_id] = screen

    def _watch(self, watching: Awaitable[None]) -> None:
        task = asyncio.ensure_future(watching)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.stack.push_async_callback(end)

    async def _watch_lamp(self, button: VirtualButton) -> None:
        while True:
            async with aclosing(button.watch()) as states:
                async for state in states:
                    self.ledger.lamp(button.device_id, state)
            await asyncio.sleep(ASK_AGAIN_S)  # the agent is away; it may be started again

    async def _watch_phones(self) -> None:
        while True:
            for phone in self.phones.phones:
                for sms in phone.thread:
                    self.ledger.text(sms)
            await self.phones.changed()

    async def verify(self) -> bool:
        """What `tocsin verify` says of the record."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tocsin_server", "verify"),
            *("--config", str(self.servers[0].config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode != 0:
            self.findings.append(said.decode(errors="replace").strip())
        return process.returncode == 0


def children(pid: int) -> list[int]:
    """Every process that this one has started, and theirs."""
    mine = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        mine += [int(each) for each in task.read_text().split()]
    return [*mine, *(grandchild for child in mine for grandchild in children(child))]


@asynccontextmanager
async def standing(
    arrangement: Arrangement,
    folder: Path,
    *,
    postgres: EmbeddedPostgres | None = None,
    arrange: Callable[[Stand], Awaitable[None]] | None = None,
) -> AsyncIterator[Stand]:
    """A whole stand, gone with the block. `arrange` is called before anything starts.

    Without `postgres` it has one of its own; a given one must hold the templates.
    """
    async with AsyncExitStack() as stack:
        if postgres is None:
            postgres = await stack.enter_async_context(parts.own_postgres(folder / "p"))
        database = await stack.enter_async_context(parts.fresh_database(postgres, parts.EXAMPLE))
        deployment = Deployment(folder / "d", brokers=arrangement.brokers)
        stand = Stand(
            arrangement=arrangement,
            deployment=deployment,
            database=database,
            phones=deployment.phone_network(),
            button_urls=list(deployment.broker_urls),
            server_urls=list(deployment.broker_urls),
            dsn=database.dsn,
            stack=stack,
        )
        if arrange is not None:
            await arrange(stand)
        await stand.start()
        yield stand
