"""The stand: everything a measurement needs, started on free ports in a folder of its own.

Promise: the same Mosquitto and the same PostgreSQL server serve floor and product, each of which
is a process of its own; the product is `tocsin serve`, with an example jurisdiction, a provider
that takes its messages, and a place for every button. All of it ends with the block.
"""

import asyncio
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
import msgspec

from tocsin_server.bench import crowd, floor, publisher
from tocsin_server.bench.errors import BenchFailed
from tocsin_server.bench.provider import Provider
from tocsin_server.bench.publisher import (
    Account,
    Begin,
    Connect,
    Failed,
    FallSilent,
    LastWord,
    LastWords,
    Order,
    PressAll,
    PressOn,
    PressOne,
    Reconnect,
    Reconnected,
    Sents,
    Speak,
)
from tocsin_server.bench.screen import FloorScreen, ProductScreen
from tocsin_server.bench.usage import Meter, parent_of
from tocsin_server.config import load_config
from tocsin_server.demo import example, settings
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.child import Child
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_server.fleet import sites
from tocsin_server.fleet.deployment import (
    NewDevice,
    add_device,
    create_deployment,
    issuing_authority,
)
from tocsin_server.storage.migrate import migrate

HOST = "127.0.0.1"
DATABASE = "tocsin"
READY_S_MAX = 60.0
ASK_AGAIN_S = 0.02
LOOK_AGAIN_S = 0.1
SETTLED_S_MAX = 180.0  # a storm's thousand messages, one after the other
PATIENCE_S = (600.0, 600.0, 600.0)  # so that no alert climbs while another one is measured
DISPATCHER = example.PEOPLE[0]

Say = Callable[[str], None]

_UNSETTLED = """
SELECT (SELECT count(*) FROM notification WHERE state IN ('pending', 'sending'))
     + (SELECT count(*) FROM alert WHERE attempt = 0 AND resolved_at IS NULL)
"""


class Publisher:
    """The process that is every button."""

    def __init__(self, child: Child, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._child = child
        self._reader = reader
        self._writer = writer

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    def press(self, button: int, lane: publisher.Lane) -> None:
        """Press one button; nothing comes back until `account`."""
        self._write(PressOne(button=button, lane=lane))

    async def connect(self, count: int) -> None:
        """Have the first `count` buttons connected. Raises BenchFailed."""
        await self._ask(Connect(count=count))

    async def press_all(self, count: int, *, within_s: float) -> None:
        """Press so many buttons; returns when all have a receipt, or it has been too long."""
        await self._ask(PressAll(count=count, within_s=within_s))

    async def press_on(self, buttons: int, *, rate: int, seconds: float) -> None:
        """Press the first `buttons` in turns; returns when all are receipted, or too late."""
        await self._ask(PressOn(buttons=buttons, rate=rate, seconds=seconds))

    async def speak(self, device_ids: Sequence[str], deployment: Path) -> None:
        """Have these beat too, by the crowd's one connection. Raises BenchFailed."""
        certificate, key = _certificate_of(crowd.NAME, deployment)
        await self._ask(
            Speak(
                device_ids=list(device_ids),
                ca_file=str(deployment / "ca" / "ca.crt"),
                certificate_file=str(certificate),
                key_file=str(key),
            )
        )

    async def fall_silent(self, count: int) -> list[LastWord]:
        """Have some say nothing more; gives when each of them was last heard."""
        reply = await self._ask(FallSilent(count=count))
        if not isinstance(reply, LastWords):
            raise BenchFailed("the publisher didn't say who fell silent")
        return reply.words

    async def reconnect(self) -> Reconnected:
        """Have all who are connected drop their connections and open them again at once."""
        reply = await self._ask(Reconnect())
        if not isinstance(reply, Reconnected):
            raise BenchFailed("the publisher didn't say how it connected again")
        return reply

    async def account(self) -> Sents:
        """Give what was pressed since the last time."""
        reply = await self._ask(Account())
        if not isinstance(reply, Sents):
            raise BenchFailed("the publisher gave no account")
        return reply

    async def begin(self, order: Begin) -> None:
        """Tell it who the buttons are."""
        await self._ask(order)

    async def _ask(self, order: Order) -> publisher.Reply:
        self._write(order)
        line = await self._reader.readline()
        if not line:
            raise self._child.failure("ended")
        reply: publisher.Reply = msgspec.json.decode(line, type=publisher.Reply)
        if isinstance(reply, Failed):
            raise BenchFailed(reply.because)
        return reply

    def _write(self, order: Order) -> None:
        self._writer.write(msgspec.json.encode(order) + b"\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """The parts that measurements use."""

    folder: Path
    deployment: Path
    broker_url: str
    devices: tuple[NewDevice, ...]
    broker: Mosquitto
    publisher: Publisher
    provider: Provider
    pool: asyncpg.Pool
    floor_pool: asyncpg.Pool
    floor_screen: FloorScreen
    screen: ProductScreen
    server: Child

    async def meter(self) -> Meter:
        """Begin to measure what each part takes of the machine."""
        backend = await self.pool.fetchval("SELECT pg_backend_pid()")
        return Meter(
            {
                "server": self.server.pid,
                "broker": self.broker.pid or 0,
                "database": parent_of(backend),
                "buttons": self.publisher.pid,
            }
        )

    async def settle(self, *, quiet_s: float) -> None:
        """Resolve every alert and wait until nobody is told anything any more."""
        await self.screen.resolve_all()
        try:
            async with asyncio.timeout(SETTLED_S_MAX):
                while True:
                    if not await self.pool.fetchval(_UNSETTLED):
                        break
                    await asyncio.sleep(LOOK_AGAIN_S)
        except TimeoutError:
            raise BenchFailed("the server didn't come to rest") from None
        await self.screen.until_quiet(quiet_s)


@asynccontextmanager
async def stand(
    folder: Path,
    *,
    buttons: int,
    registered: int | None = None,
    provider_is_measured: bool = False,
    say: Say,
) -> AsyncIterator[Stand]:
    """Start it all, from the bottom up; it ends in reverse. Raises BenchFailed and DemoFailed.

    The server knows the first `registered` buttons; the others are only certified.
    """
    async with AsyncExitStack() as stack:
        say("starting PostgreSQL and Mosquitto")
        postgres = EmbeddedPostgres(folder / "p")
        stack.push_async_callback(postgres.stop)
        await postgres.start()
        deployment, url = folder / "d", f"mqtts://{HOST}:{free_port()}"
        config_file = _deploy(deployment, broker_url=url, dsn=postgres.dsn(DATABASE))
        say(f"making {buttons} buttons, each with its keys and its certificate")
        devices = tuple(
            add_device(deployment, jurisdiction=example.JURISDICTION, brokers=[url])
            for _ in range(buttons)
        )
        broker = Mosquitto(deployment / "broker", port=_port_of(url))
        stack.push_async_callback(broker.stop)
        await broker.start()

        password = secrets.token_urlsafe(16)
        await _prepare_product(postgres, devices[:registered], password=password)
        await _prepare_floor(postgres)
        pool = await stack.enter_async_context(_pool(postgres.dsn(DATABASE)))
        floor_pool = await stack.enter_async_context(_pool(postgres.dsn(floor.NAME)))

        say("starting the floor, the product, its provider and the buttons' process")
        desk = free_port()
        _start(
            stack,
            "the provider",
            "tocsin_server.bench.provider",
            config_file,
            str(desk),
            *(["measured"] if provider_is_measured else []),
            folder=folder,
        )
        floor_url = await _start_floor(stack, deployment, devices, dsn=postgres.dsn(floor.NAME))
        server_url = load_config(config_file).public_url
        server = _start(
            stack, "the server", "tocsin_server", "serve", "--config", config_file, folder=folder
        )
        await _ready(server, server_url)
        floor_screen = await stack.enter_async_context(FloorScreen(floor_url))
        screen = await stack.enter_async_context(
            ProductScreen(server_url, email=DISPATCHER.email, password=password)
        )
        yield Stand(
            folder=folder,
            deployment=deployment,
            broker_url=url,
            devices=devices,
            broker=broker,
            publisher=await start_publisher(stack, devices, broker_url=url, folder=folder),
            provider=await stack.enter_async_context(Provider(desk)),
            pool=pool,
            floor_pool=floor_pool,
            floor_screen=floor_screen,
            screen=screen,
            server=server,
        )


async def place_devices(pool: asyncpg.Pool, devices: Sequence[NewDevice]) -> None:
    """Register buttons and fix each at one of the example's places, in one transaction."""
    known = await sites.read_sites(pool, jurisdiction=example.JURISDICTION)
    site_ids = {site.name: site.site_id for site in known}
    async with pool.acquire() as connection, connection.transaction():
        places = [
            await sites.add_place(
                connection,
                jurisdiction=example.JURISDICTION,
                site_id=site_ids[place.site.name],
                building=place.building,
                floor=place.floor,
                room=place.room,
                spot=place.spot,
            )
            for place in example.PLACES
        ]
        for n, device in enumerate(devices):
            await sites.register_device(
                connection,
                device_id=device.device_id,
                jurisdiction=example.JURISDICTION,
                public_key=device.public_key,
            )
            await sites.place_device(
                connection,
                jurisdiction=example.JURISDICTION,
                device_id=device.device_id,
                place_id=places[n % len(places)],
                confirmed_by="Sam Novak",
            )


def _deploy(deployment: Path, *, broker_url: str, dsn: str) -> Path:
    url = f"http://{HOST}:{free_port()}"
    config_file = create_deployment(
        deployment,
        jurisdiction=example.JURISDICTION,
        brokers=[broker_url],
        listen=url.removeprefix("http://"),
        public_url=url,
        dsn=dsn,
    )
    settings.add_twilio(deployment, api_url=f"http://{HOST}:{free_port()}")
    with (deployment / "broker" / "acl").open("a") as acl:
        acl.write(floor.ACL + crowd.ACL)
    authority = issuing_authority(deployment)
    for name in (floor.NAME, crowd.NAME):
        certified = authority.certify_client(name, now=datetime.now(UTC))
        certified.save(*_certificate_of(name, deployment))
    return config_file


def _certificate_of(name: str, deployment: Path) -> tuple[Path, Path]:
    return deployment / "server" / f"{name}.crt", deployment / "server" / f"{name}.key"


async def _prepare_product(
    postgres: EmbeddedPostgres, devices: Sequence[NewDevice], *, password: str
) -> None:
    await postgres.create_database(DATABASE)
    await migrate(postgres.dsn(DATABASE))
    async with _pool(postgres.dsn(DATABASE)) as pool:
        await example.seed(pool, passwords={DISPATCHER.email: password}, patience_s=PATIENCE_S)
        await place_devices(pool, devices)


async def _prepare_floor(postgres: EmbeddedPostgres) -> None:
    await postgres.create_database(floor.NAME)
    async with _pool(postgres.dsn(floor.NAME)) as pool:
        await pool.execute(floor.TABLE)


@asynccontextmanager
async def _pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        yield pool


async def _start_floor(
    stack: AsyncExitStack, deployment: Path, devices: Sequence[NewDevice], *, dsn: str
) -> str:
    certificate, key = _certificate_of(floor.NAME, deployment)
    config = floor.Config(
        broker=load_config(deployment / "tocsin.toml").brokers[0].url,
        ca_file=str(deployment / "ca" / "ca.crt"),
        certificate_file=str(certificate),
        certificate_key_file=str(key),
        dsn=dsn,
        port=free_port(),
        keys={device.device_id: device.public_key for device in devices},
    )
    file = deployment / "floor.json"
    file.write_bytes(msgspec.json.encode(config))
    child = _start(stack, "the floor", "tocsin_server.bench.floor", file, folder=deployment.parent)
    url = f"http://{floor.HOST}:{config.port}"
    await _ready(child, url)
    return url


async def start_publisher(
    stack: AsyncExitStack, devices: Sequence[NewDevice], *, broker_url: str, folder: Path
) -> Publisher:
    """Start the process that is these buttons; none of them is connected yet."""
    ours, theirs = socket.socketpair()
    with theirs:
        child = Child.start(
            "the buttons' process",
            [sys.executable, "-m", "tocsin_server.bench.publisher", str(theirs.fileno())],
            log=folder / "publisher.log",
            pass_fds=[theirs.fileno()],
        )
    stack.push_async_callback(child.stop)
    reader, writer = await asyncio.open_unix_connection(sock=ours, limit=publisher.ORDER_BYTES_MAX)
    stack.callback(writer.close)
    started = Publisher(child, reader, writer)
    await started.begin(
        Begin(
            broker=broker_url,
            jurisdiction=example.JURISDICTION,
            folders=[str(device.folder) for device in devices],
        )
    )
    return started


def _start(
    stack: AsyncExitStack, name: str, module: str, *arguments: str | Path, folder: Path
) -> Child:
    child = Child.start(
        name,
        [sys.executable, "-m", module, *arguments],
        log=folder / f"{name.rsplit(maxsplit=1)[-1]}.log",
    )
    stack.push_async_callback(child.stop)
    return child


async def _ready(child: Child, url: str) -> None:
    """Ask until /readyz says so."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_S_MAX), aiohttp.ClientSession() as session:
            while child.running:
                with suppress(aiohttp.ClientError):
                    async with session.get(f"{url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(ASK_AGAIN_S)
    raise child.failure("isn't ready" if child.running else "would not start")


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
