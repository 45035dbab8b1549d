"""The real parts of Tocsin, each started and ended by one `async with`.

Promise: every part is the program that runs in the field, or on the demo's desk: PostgreSQL,
Mosquitto with the shipped configuration, the server and the agent as child processes. Fakes stand
at the edges only (the pin, the phone network). Whatever waits, waits for an event.

Refused: looking into tables to judge a walk. Screens, phones and lamps tell.
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import aiohttp
import asyncpg
import msgspec
from playwright.async_api import Browser, async_playwright

from tocsin_server.config import load_config
from tocsin_server.demo import example, settings
from tocsin_server.demo.broker import EmbeddedBroker, Mosquitto
from tocsin_server.demo.child import Child
from tocsin_server.demo.phone import Phone, PhoneNetwork
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_server.fleet import sites
from tocsin_server.fleet.deployment import LOOPBACK, add_device, create_deployment
from tocsin_server.storage.migrate import migrate

Each = TypeVar("Each", bound=msgspec.Struct)

EMPTY = "tocsin_empty"
EXAMPLE = "tocsin_example"
PASSWORD = "a password for the tests"
# Of Chromium: each window has an address bar of two pages more, that nobody sees; and a page that
# closes may be told that its icon is in a more private network. Of these flags the last
# one holds, so what Playwright switches off stands here, too.
UNUSED_FEATURES = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    *("AimEnabled", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose"),
    *("HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay", "MediaRouter"),
    *("NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "LocalNetworkAccessChecks"),
    "ThirdPartyStoragePartitioning",
)
DANA, LUIS, MAYA, RAY, SAM = example.PEOPLE

REPLICAS_MAX = 3  # for whom a deployment has certificates
SECOND_NUMBER = "+15125550101"  # of the second account
WAIT_S = 30.0  # how long anything may take on a busy machine before a test gives up
ASK_AGAIN_S = 0.02


class Database:
    """One test's own database in the session's PostgreSQL."""

    def __init__(self, postgres: EmbeddedPostgres, name: str) -> None:
        self.postgres = postgres
        self.name = name

    @property
    def dsn(self) -> str:
        return self.postgres.dsn(self.name)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the test's own."""
        connection = await asyncpg.connect(self.dsn)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[asyncpg.Pool]:
        """A small pool of the test's own."""
        async with asyncpg.create_pool(self.dsn, min_size=1, max_size=4) as pool:
            yield pool


async def make_templates(postgres: EmbeddedPostgres) -> None:
    """Make what every test's database is copied from, in 0.03 s: an empty and a seeded one."""
    await postgres.create_database(EMPTY)
    await migrate(postgres.dsn(EMPTY))
    await postgres.create_database(EXAMPLE, template=EMPTY)
    passwords = {
        person.email: PASSWORD for person in example.PEOPLE if person.role in example.SIGN_INS
    }
    async with asyncpg.create_pool(postgres.dsn(EXAMPLE), min_size=1, max_size=1) as pool:
        await example.seed(pool, passwords=passwords)


@asynccontextmanager
async def own_postgres(
    folder: Path, *, environment: Mapping[str, str] | None = None
) -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL with the templates of all databases in it."""
    server = EmbeddedPostgres(folder, environment=environment)
    try:
        await server.start()
        await make_templates(server)
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def fresh_database(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[Database]:
    """A database that goes with the test, which may stop PostgreSQL or kill it."""
    await postgres.start()
    name = f"test_{secrets.token_hex(6)}"
    await postgres.create_database(name, template=template)
    try:
        yield Database(postgres, name)
    finally:
        await postgres.start()
        await postgres.drop_database(name)


_SECOND_ACCOUNT = """
[twilio_second]
account_sid = "AC{account_sid}"
auth_token_file = "server/second_token"
from_number = "{from_number}"
api_url = "{api_url}"
"""


class Deployment:
    """A deployment's folder with ports of its own, and the account of a phone network."""

    def __init__(
        self,
        folder: Path,
        *,
        brokers: int = 1,
        broker_names: Sequence[str] = LOOPBACK,
        public: bool = True,
        second_account: bool = False,
        streets: str | None = None,
    ) -> None:
        """`broker_names`: under which every broker is reached; the first is what URLs have.

        `public`: the phone network can reach the server. `second_account`: with a second number.
        `streets`: the file that the map's streets are named to be in.
        """
        self.folder = folder
        self.broker_ports = [free_port() for _ in range(brokers)]
        self.broker_urls = [f"mqtts://{broker_names[0]}:{port}" for port in self.broker_ports]
        self.phone_port = free_port()
        self.config = create_deployment(
            folder,
            jurisdiction=example.JURISDICTION,
            broker_names=broker_names,
            brokers=self.broker_urls,
            replicas=REPLICAS_MAX,
        )
        settings.add_twilio(folder, api_url=f"http://127.0.0.1:{self.phone_port}")
        with self.config.open("a") as config:
            if not public:
                config.write("public = false\n")
            if second_account:
                config.write(self._second_account())
            if streets is not None:
                config.write(f"\n[map]\npmtiles_file = {json.dumps(streets)}\n")
        self.push_port = free_port()
        self._let_browsers_be_reached_here()

    def _second_account(self) -> str:
        (self.folder / "server" / "second_token").write_text(secrets.token_hex(16))
        return _SECOND_ACCOUNT.format(
            account_sid=secrets.token_hex(16),
            from_number=SECOND_NUMBER,
            api_url=f"http://127.0.0.1:{self.phone_port}",
        )

    @property
    def broker_port(self) -> int:
        """Of the first broker; most tests have no other."""
        return self.broker_ports[0]

    @property
    def broker_url(self) -> str:
        return self.broker_urls[0]

    def server_config(
        self, *, replica_id: str, port: int, dsn: str, brokers: Sequence[str]
    ) -> Path:
        """A config file for one replica, beside the first."""
        path = self.folder / f"{replica_id}.toml"
        text = self.config.read_text().replace("server/server-1.", f"server/{replica_id}.")
        head, _, tail = text.partition("[[brokers]]")
        tables = "".join(f"[[brokers]]\nurl = {json.dumps(url)}\n\n" for url in brokers)
        path.write_text(head + tables + tail[tail.index("[mqtt]") :])
        url = f"http://127.0.0.1:{port}"
        values = {"replica_id": replica_id, "listen": f"127.0.0.1:{port}", "public_url": url}
        for key, value in (values | {"dsn": dsn}).items():
            settings.set_value(path, key, value)
        return path

    def add_dead_man(self, url: str) -> None:
        """Where servers whose config is made from now on say that all is well, every second."""
        with self.config.open("a") as config:
            config.write(f"\n[dead_man]\nurl = {json.dumps(url)}\nevery_s = 1\n")

    def _let_browsers_be_reached_here(self) -> None:
        """Beside their makers' push services there is one at `push_port`, if a test starts it."""
        key = 'vapid_key_file = "server/vapid.key"\n'
        here = f'services = ["http://127.0.0.1:{self.push_port}"]\n'
        self.config.write_text(self.config.read_text().replace(key, key + here))

    def new_button(self, *, brokers: Sequence[str] = ()) -> tuple[VirtualButton, bytes]:
        """A button's folder, not started, and its public key."""
        new = add_device(
            self.folder, jurisdiction=example.JURISDICTION, brokers=brokers or self.broker_urls
        )
        return VirtualButton(new.folder), new.public_key

    def phone_network(self) -> PhoneNetwork:
        """The provider that the config names, not started."""
        config = load_config(self.config)
        first, *others = [
            (account, config.secret(name, account.auth_token_file).reveal())
            for name, account in config.twilio_accounts.items()
        ]
        account, token = first
        network = PhoneNetwork(
            account_sid=account.account_sid, auth_token=token, from_number=account.from_number
        )
        for account, token in others:
            network.add_account(
                sid=account.account_sid, auth_token=token, from_number=account.from_number
            )
        return network


class Server:
    """One replica: `tocsin serve` as a child process.

    `prefix` is what runs it (`ip netns exec …`), `environment` is added to ours.
    """

    def __init__(
        self,
        config: Path,
        *,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.config = config
        self._prefix = prefix
        self._environment = environment
        loaded = load_config(config)
        self.url = loaded.public_url
        self.replica_id = loaded.replica_id
        self.log = config.with_suffix(".log")
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    async def start(self, *, until_ready: bool = True) -> None:
        """Return when /readyz says so (or, without the database, when it answers at all)."""
        command: list[str | Path] = [
            *self._prefix,
            sys.executable,
            "-m",
            "tocsin_server",
            "serve",
            "--config",
            self.config,
        ]
        self._child = Child.start(
            f"the server {self.replica_id}", command, log=self.log, environment=self._environment
        )
        async with asyncio.timeout(WAIT_S), aiohttp.ClientSession() as session:
            while True:
                with suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200 or not until_ready:
                            return
                if not self._child.running:
                    raise self._child.failure("would not start")
                await asyncio.sleep(ASK_AGAIN_S)

    async def stop(self) -> int:
        """SIGTERM, as a service manager does it; the exit code."""
        assert self._child is not None
        return await self._child.stop(timeout_s=WAIT_S)

    def ask_to_end(self) -> None:
        """SIGTERM, without waiting for what comes of it."""
        assert self._child is not None
        self._child.send(signal.SIGTERM)

    async def kill(self) -> None:
        assert self._child is not None
        await self._child.kill()

    async def exited(self) -> int:
        assert self._child is not None
        return await self._child.exited()

    def pause(self) -> None:
        """Stop it in the middle of whatever it does, without ending it."""
        assert self._child is not None
        self._child.send(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._child is not None
        self._child.send(signal.SIGCONT)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alert is, as a screen is told."""

    site: str | None
    building: str | None
    floor: str | None
    room: str | None
    spot: str | None
    address: str | None
    county: str | None
    county_fips: str | None
    state: str | None
    responding_agency: str | None
    time_zone: str | None
    latitude: float | None
    longitude: float | None
    missing: tuple[str, ...] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One notification of an alert."""

    notification_id: str
    name: str
    method: str
    purpose: str
    tier: int
    state: str
    error: str | None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as a screen is told of it."""

    alert_id: str
    version: int
    device_id: str
    kind: str
    drill: bool
    synthetic: bool
    code: str
    state: str
    unanswered: bool
    presses: int
    cancelled: bool
    remarks: tuple[str, ...]
    place: Place
    pressed_at: str
    received_at: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    held_at: str | None
    asked_at: str | None
    again_at: str | None
    again_why: str | None
    offered_to: str | None
    responding_at: str | None
    on_scene_at: str | None
    resolved_at: str | None
    resolved_by: str | None
    outcome: str | None
    tier: int
    tiers: int
    next_decision_at: str | None
    previous_alert_id: str | None
    notifications: tuple[Told, ...]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A press that is NOT YET STORED."""

    device_id: str
    press_id: str
    kind: str
    drill: bool


class Doubtful(msgspec.Struct, frozen=True, kw_only=True):
    """A press whose sender nobody can vouch for."""

    doubtful_id: str
    device_id: str | None
    reason: str
    times: int
    seen_at: str | None
    seen_by: str | None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A button's health."""

    device_id: str
    state: str
    health: tuple[str, ...] = ()
    told_from: str | None = None
    last_proven_by: str | None = None


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the auditor: red, or a warning."""

    check: str
    severity: str
    message: str


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """An open drill window."""

    drill_id: str
    site_id: str | None
    device_id: str | None


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Any frame of the live WebSocket; what a type doesn't have is empty."""

    type: str
    replica_id: str | None = None
    alerts: tuple[Alert, ...] = ()
    devices: tuple[Device, ...] = ()
    faults: tuple[Fault, ...] | None = None
    drills: tuple[Drill, ...] | None = None
    alert: Alert | None = None
    held: tuple[Held, ...] | Held = ()
    doubtful: tuple[Doubtful, ...] | Doubtful = ()
    device: Device | None = None
    device_id: str | None = None
    press_id: str | None = None
    now: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a request came to."""

    status: int
    body: bytes

    def json(self) -> Mapping[str, object]:
        return msgspec.json.decode(self.body, type=dict[str, object])


class Screen:
    """A signed-in dispatcher's page without the page: the live WebSocket and the API.

    It says `painted` for every alert as the console does, unless `paints` is switched off.
    """

    def __init__(
        self,
        url: str,
        *,
        email: str,
        password: str,
        paints: bool = True,
        on_frame: Callable[[Frame], None] = lambda _: None,
    ) -> None:
        """`on_frame` is called with every frame but a pulse, at once."""
        self.url = url
        self.paints = paints
        self._on_frame = on_frame
        self.alerts: dict[str, Alert] = {}
        self.held: dict[tuple[str, str], Held] = {}
        self.doubtful: dict[str, Doubtful] = {}
        self.devices: dict[str, Device] = {}
        self.faults: tuple[Fault, ...] = ()
        self.drills: tuple[Drill, ...] = ()
        self.frames: list[Frame] = []
        self.live = False
        self.clock_ahead_s = 0.0  # the server's, before our monotonic one, as last told
        self._sign_in = {"email": email, "password": password}
        self._changed = asyncio.Event()
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._task: asyncio.Task[None] | None = None

    async def sign_in(self) -> None:
        """Without the live WebSocket: for requests alone."""
        answer = await self.post("session", self._sign_in)
        assert answer.status == 200, f"could not sign in: {answer.body!r}"

    async def open(self) -> None:
        """Sign in and return when the first snapshot is here."""
        await self.sign_in()
        self._task = asyncio.get_running_loop().create_task(self._listen())
        await self.until(lambda screen: screen.live)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._session.close()

    async def get(self, path: str) -> Answer:
        """GET below /api/v1/."""
        async with self._session.get(f"{self.url}/api/v1/{path}") as response:
            return Answer(status=response.status, body=await response.read())

    async def post(self, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """POST JSON below /api/v1/."""
        async with self._session.post(f"{self.url}/api/v1/{path}", json=body or {}) as response:
            return Answer(status=response.status, body=await response.read())

    async def acknowledge(self, alert: Alert) -> Answer:
        return await self.post(f"alerts/{alert.alert_id}/acknowledge")

    async def resolve(self, alert: Alert, outcome: str = "actual") -> Answer:
        return await self.post(f"alerts/{alert.alert_id}/resolve", {"outcome": outcome, "note": ""})

    def age_s(self, alert: Alert) -> float:
        """How long ago it was pressed, as the console reckons it."""
        pressed_s = datetime.fromisoformat(alert.pressed_at).timestamp()
        return time.monotonic() + self.clock_ahead_s - pressed_s

    async def until(
        self, holds: Callable[["Screen"], object], *, timeout_s: float = WAIT_S
    ) -> None:
        """Look after every frame until it holds; TimeoutError says what was there instead."""
        try:
            async with asyncio.timeout(timeout_s):
                while not holds(self):
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(
                f"not on the screen within {timeout_s:g} s; there: {list(self.alerts.values())}, "
                f"held {list(self.held)}, doubtful {list(self.doubtful)}, faults {self.faults}"
            ) from None

    async def until_device(self, device_id: str, holds: Callable[[Device], object]) -> None:
        """Until it holds of this button."""
        await self.until(
            lambda screen: device_id in screen.devices and holds(screen.devices[device_id])
        )

    async def until_alert(
        self,
        holds: Callable[[Alert], object] = lambda _: True,
        *,
        timeout_s: float = WAIT_S,
    ) -> Alert:
        """The first alert on the screen of which it holds."""
        await self.until(
            lambda screen: any(holds(alert) for alert in screen.alerts.values()),
            timeout_s=timeout_s,
        )
        return next(alert for alert in self.alerts.values() if holds(alert))

    async def _listen(self) -> None:
        """As the console: connect again and again, a snapshot replaces everything."""
        while True:
            try:
                async with self._session.ws_connect(f"{self.url}/api/v1/live") as socket:
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            await self._hear(socket, msgspec.json.decode(message.data, type=Frame))
            except (aiohttp.ClientError, ConnectionError):
                await asyncio.sleep(ASK_AGAIN_S)
            self.live = False
            self._touch()

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse, frame: Frame) -> None:
        if frame.type != "pulse":
            self.frames.append(frame)
            self._on_frame(frame)
        self._apply(frame)
        self._touch()
        if self.paints:
            shown = frame.alerts if frame.type == "snapshot" else (frame.alert,)
            for alert in shown:
                if alert is not None:
                    said = {"type": "painted", "alert_id": alert.alert_id}
                    await socket.send_json(said | {"version": alert.version})

    def _apply(self, frame: Frame) -> None:
        match frame.type:
            case "snapshot":
                self.alerts = {alert.alert_id: alert for alert in frame.alerts}
                self.held = {(each.device_id, each.press_id): each for each in _many(frame.held)}
                self.doubtful = {each.doubtful_id: each for each in _many(frame.doubtful)}
                self.devices = {device.device_id: device for device in frame.devices}
                self.live = True
            case "alert" if frame.alert is not None:
                known = self.alerts.get(frame.alert.alert_id)
                if known is None or known.version <= frame.alert.version:
                    self.alerts[frame.alert.alert_id] = frame.alert
            case "held":
                self.held |= {(each.device_id, each.press_id): each for each in _many(frame.held)}
            case "held_gone":
                self.held.pop((frame.device_id or "", frame.press_id or ""), None)
            case "doubtful":
                self.doubtful |= {each.doubtful_id: each for each in _many(frame.doubtful)}
            case "device" if frame.device is not None:
                self.devices[frame.device.device_id] = frame.device
            case _:
                pass
        if frame.now is not None:
            self.clock_ahead_s = datetime.fromisoformat(frame.now).timestamp() - time.monotonic()
        self.faults = self.faults if frame.faults is None else frame.faults
        self.drills = self.drills if frame.drills is None else frame.drills

    def _touch(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Walk:
    """The whole system. Parts that a test wants more of are started by name."""

    def __init__(
        self,
        *,
        stack: AsyncExitStack,
        deployment: Deployment,
        database: Database,
        broker: Mosquitto | EmbeddedBroker,
        phones: PhoneNetwork,
        server: Server,
    ) -> None:
        self.deployment = deployment
        self.database = database
        self.broker = broker
        self.phones = phones
        self.server = server
        self._stack = stack

    async def screen(
        self, *, email: str = DANA.email, server: Server | None = None, paints: bool = True
    ) -> Screen:
        """A dispatcher's screen, signed in and live."""
        screen = Screen((server or self.server).url, email=email, password=PASSWORD, paints=paints)
        self._stack.push_async_callback(screen.close)
        await screen.open()
        return screen

    async def button(self) -> VirtualButton:
        """A button at the next place of the example, connected, and known to the server."""
        button, public_key = self.deployment.new_button()
        async with self.database.pool() as pool:
            await example.add_button(pool, device_id=button.device_id, public_key=public_key)
        self._stack.push_async_callback(button.stop)
        await button.start()
        await button.until_connected()
        await until_known(self.server, {button.device_id})
        return button

    async def another_server(self, number: int = 2) -> Server:
        """A further replica on the same database and broker, at most REPLICAS_MAX in all."""
        config = self.deployment.server_config(
            replica_id=f"server-{number}",
            port=free_port(),
            dsn=self.database.dsn,
            brokers=self.deployment.broker_urls,
        )
        server = Server(config)
        await self._stack.enter_async_context(running_server(server))
        return server

    async def set_patience(self, *patience_s: float) -> None:
        """Seconds for each tier. It holds from the next `button` on: that one is waited for."""
        async with self.database.connected() as connection:
            await set_patience(connection, patience_s)

    def phone(self, person: example.Person) -> Phone:
        assert person.phone is not None
        return self.phones.phone(person.phone)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window. Sounds may play before anybody has touched the page."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path is not None, "the browser tests need Chromium: apt install chromium"
    flags = ["--autoplay-policy=no-user-gesture-required", "--disable-gpu"]
    flags.append(f"--disable-features={','.join(UNUSED_FEATURES)}")
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium's own refuses to run as root
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def running_broker(deployment: Deployment) -> AsyncIterator[Mosquitto]:
    broker = Mosquitto(deployment.folder / "broker", port=deployment.broker_port)
    async with running(broker):
        yield broker


@asynccontextmanager
async def running(broker: Mosquitto | EmbeddedBroker) -> AsyncIterator[None]:
    await broker.start()
    try:
        yield
    finally:
        await broker.stop()


@asynccontextmanager
async def running_server(server: Server) -> AsyncIterator[Server]:
    """Ends with the block, whatever the test did to it."""
    try:
        await server.start()
        yield server
    finally:
        if server._child is not None:
            server.resume()
            await server._child.stop()


@asynccontextmanager
async def running_phones(
    deployment: Deployment, *, inbound_url: str
) -> AsyncIterator[PhoneNetwork]:
    network = deployment.phone_network()
    twilio = load_config(deployment.config).twilio
    assert twilio is not None
    for account in network.accounts:
        account.inbound_url = inbound_url if twilio.public else None
    async with network.running(port=deployment.phone_port):
        yield network


@asynccontextmanager
async def whole_walk(
    deployment: Deployment,
    database: Database,
    *,
    patience_s: Sequence[float] = example.PATIENCE_S,
    kind: type[Mosquitto | EmbeddedBroker] = Mosquitto,
) -> AsyncIterator[Walk]:
    """Broker, phones and server; buttons and screens come as the test asks for them."""
    async with database.connected() as connection:
        await set_patience(connection, patience_s)
    async with AsyncExitStack() as stack:
        broker = kind(deployment.folder / "broker", port=deployment.broker_port)
        await stack.enter_async_context(running(broker))
        port = free_port()
        config = deployment.server_config(
            replica_id="server-1",
            port=port,
            dsn=database.dsn,
            brokers=[deployment.broker_url],
        )
        server = Server(config)
        phones = await stack.enter_async_context(
            running_phones(deployment, inbound_url=f"{server.url}/api/v1/twilio/inbound")
        )
        await stack.enter_async_context(running_server(server))
        yield Walk(
            stack=stack,
            deployment=deployment,
            database=database,
            broker=broker,
            phones=phones,
            server=server,
        )


async def set_patience(connection: asyncpg.Connection, patience_s: Sequence[float]) -> None:
    """Change the tiers' seconds in place; who is in them stays."""
    tiers = json.loads(await connection.fetchval("SELECT tiers::text FROM policy"))
    for tier, patience in zip(tiers, patience_s, strict=True):
        tier["patience_s"] = patience
    await connection.execute("UPDATE policy SET tiers = $1::jsonb", json.dumps(tiers))


async def register(database: Database, keys: Mapping[str, bytes]) -> None:
    """Register buttons, by their ids and public keys, and fix all of them in one room."""
    async with database.pool() as pool:
        known = await sites.read_sites(pool, jurisdiction=example.JURISDICTION)
        place_id = await sites.add_place(
            pool,
            jurisdiction=example.JURISDICTION,
            site_id=known[0].site_id,
            building="Main building",
            floor="1",
            room="Hall",
        )
        for device_id, public_key in keys.items():
            await sites.register_device(
                pool,
                device_id=device_id,
                jurisdiction=example.JURISDICTION,
                public_key=public_key,
            )
            await sites.place_device(
                pool,
                jurisdiction=example.JURISDICTION,
                device_id=device_id,
                place_id=place_id,
                confirmed_by="Sam Novak",
            )


async def until_known(server: Server, device_ids: Set[str]) -> None:
    """The server has read its directory anew; before, a press would be doubtful."""
    asker = Screen(server.url, email=DANA.email, password=PASSWORD)
    try:
        await asker.sign_in()
        async with asyncio.timeout(WAIT_S):
            while True:
                body = (await asker.get("devices")).body.decode()
                if all(device_id in body for device_id in device_ids):
                    return
                await asyncio.sleep(ASK_AGAIN_S)
    finally:
        await asker.close()


def _many(one_or_many: tuple[Each, ...] | Each) -> tuple[Each, ...]:
    return one_or_many if isinstance(one_or_many, tuple) else (one_or_many,)
