"""The demo: a whole Tocsin on one machine, with nothing to install, sign up for, or configure.

Promise: everything in it is the real thing but the pins and the phone network. It keeps its data
in the folder it names, ends cleanly within 5 s, leaves nothing running however it ends, and says
in one line why it can't start.

Refused: a folder that another demo uses, or that holds somebody else's files; being reached from
another machine. It is for looking at, not for guarding anybody.
"""

import asyncio
import errno
import fcntl
import os
import shutil
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import (
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    redirect_stderr,
    suppress,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import msgspec
from aiohttp import web
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from tocsin_server.app import build_app
from tocsin_server.config import Config, ConfigError, load_config
from tocsin_server.demo import example, furnishing, responders, settings
from tocsin_server.demo.broker import EmbeddedBroker, Follower, Mosquitto, broker_for
from tocsin_server.demo.child import LOG_BYTES_MAX
from tocsin_server.demo.errors import ChildFailed, DemoFailed
from tocsin_server.demo.hook_receiver import HookReceiver
from tocsin_server.demo.mailbox import Mailbox
from tocsin_server.demo.page import Desk, mount_demo
from tocsin_server.demo.phone import PhoneNetwork
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_server.errors import TocsinError
from tocsin_server.fleet.certificates import DeploymentError
from tocsin_server.fleet.deployment import add_device, create_deployment
from tocsin_server.fleet.revocation import record_certificate
from tocsin_server.logging import configure
from tocsin_server.storage.migrate import migrate
from tocsin_server.web.services import SERVICES

HOST = "127.0.0.1"
READY_S_MAX = 20.0  # three agents start at once on two cores; each needs about 2 s of one
ASK_AGAIN_S = 0.05
# Together these stay below the 5 s in which Ctrl-C has to end everything.
SERVER_STOPS_S_MAX = 1.5
CHILDREN_STOP_S_MAX = 1.5
POSTGRES_STOPS_S_MAX = 1.5
RESTARTS_MAX = 5  # of one program within RESTARTS_WITHIN_S; more is no accident
RESTARTS_WITHIN_S = 60.0
PHONE_PACE_S = 0.3  # so that a person can see queued, sent, delivered
PORT_MAX = 65535
DATABASE = "tocsin"
MARK = "tocsin-demo.txt"


class Part(Protocol):
    """A program that the demo keeps running."""

    async def start(self) -> None: ...
    async def exited(self) -> None: ...


class _SignIn(msgspec.Struct, frozen=True, kw_only=True):
    role: str
    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class _Ready:
    """What to tell the person who started it; `failed` is done when a part can't be kept up."""

    console_url: str
    sign_ins: tuple[_SignIn, ...]
    failed: asyncio.Future[None]


async def run_demo(*, data: Path, port: int, buttons: int) -> int:
    """Run until Ctrl-C or SIGTERM. Gives the exit code.

    0, or 1 where it couldn't start or go on, or 2 for a port or a number that can't be.
    """
    if not (1 <= port <= PORT_MAX and 1 <= buttons <= example.BUTTONS_MAX):
        ranges = f"--port takes 1 to {PORT_MAX}, --buttons 1 to {example.BUTTONS_MAX}"
        print(f"tocsin demo: {ranges}", file=sys.stderr)
        return 2
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    stopping = asyncio.Event()

    def stop() -> None:
        # A second Ctrl-C must not cut the clearing up short: that has its own limits.
        if task is not None and not stopping.is_set():
            stopping.set()
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        async with _demo(data, port=port, buttons=buttons) as ready:
            _welcome(ready)
            await ready.failed
    except (DemoFailed, DeploymentError, ConfigError, TocsinError) as error:
        print(f"tocsin demo: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        if not stopping.is_set():
            raise
        print(f"Ended. Its data stays in {data}.")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return 0


@asynccontextmanager
async def _demo(folder: Path, *, port: int, buttons: int) -> AsyncIterator[_Ready]:
    """Everything, from the bottom up; it closes in reverse."""
    async with AsyncExitStack() as stack:
        data = stack.enter_context(_own_folder(folder))
        stack.enter_context(_logging_to(data / "server.log"))
        listener = stack.enter_context(_listener(port))
        print(f"Tocsin demo. Its data is kept in {data}", flush=True)

        postgres = EmbeddedPostgres(data / "postgres")
        stack.push_async_callback(postgres.stop, timeout_s=POSTGRES_STOPS_S_MAX)
        await postgres.start()
        sign_ins = _sign_ins(data / "sign-ins.json")
        deployment = data / "deployment"
        await _prepare_database(postgres, sign_ins, anew=not deployment.exists())

        url = f"http://{HOST}:{port}"
        config = _prepare_deployment(deployment, url=url, dsn=postgres.dsn())
        network = _phone_network(config)
        responders.prepare_phones(network)
        await stack.enter_async_context(network.running(port=_port_of(_api_url(config))))
        mailbox = Mailbox()
        await stack.enter_async_context(mailbox.running(port=_mail_port(config)))

        broker = broker_for(deployment / "broker", port=_port_of(config.brokers[0].url))
        desks = await _desks(deployment, config, count=buttons)
        virtual_buttons = [desk.button for desk in desks]
        follower = Follower(broker.folder, servers=[url], name="demo")
        stack.push_async_callback(_stop_children, broker, follower, virtual_buttons)
        await broker.start()
        print(_about(broker), flush=True)

        try:
            app = await build_app(config)
        except (OSError, ValueError) as error:
            raise DemoFailed(f"the keys in {deployment} can't be used: {error}") from None
        mount_demo(app, desks=desks, network=network, holders=responders.holders(), mailbox=mailbox)
        receiver = HookReceiver()
        receiver.mount(app)
        await stack.enter_async_context(receiver.running(app[SERVICES].database.pool))
        await _serve(stack, app, listener)
        if isinstance(broker, Mosquitto):
            await follower.start()
        await asyncio.gather(*(button.start() for button in virtual_buttons))
        await _all_ready(url, virtual_buttons)

        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        parts: dict[str, Part] = {"PostgreSQL": postgres, "the broker": broker}
        if isinstance(broker, Mosquitto):
            parts["the broker's follower"] = follower
        parts |= {f"the agent of {desk.name}": desk.button for desk in desks}
        await stack.enter_async_context(_keeping(parts, failed))
        yield _Ready(f"{url}/", sign_ins, failed)


@contextmanager
def _own_folder(data: Path) -> Iterator[Path]:
    """The folder, ours alone for as long as we run; the lock ends with us, however we end."""
    data = data.absolute()
    mark = data / MARK
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not mark.exists() and any(data.iterdir()):
            raise DemoFailed(
                f"{data} isn't a demo's folder and isn't empty: choose another with --data"
            )
        lock = mark.open("a+")
    except OSError as error:
        raise DemoFailed(f"the folder {data} can't be used: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoFailed(
                f"another demo uses {data}: end it, or choose another folder with --data"
            ) from None
        lock.truncate(0)
        lock.write("This folder belongs to `tocsin demo`. Delete all of it to begin anew.\n")
        lock.flush()
        yield data


@contextmanager
def _logging_to(file: Path) -> Iterator[None]:
    """The server's log, kept away from what the demo tells its visitor."""
    if file.exists() and file.stat().st_size > LOG_BYTES_MAX:
        file.unlink()
    with file.open("a") as output:
        with redirect_stderr(output):
            lines = configure()
        try:
            yield
        finally:
            lines.close()


@contextmanager
def _listener(port: int) -> Iterator[socket.socket]:
    """Taken before anything is started, so that a taken port costs nobody a minute."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(128)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise DemoFailed(
                    f"port {port} is taken by another program: choose another with --port"
                ) from None
            raise DemoFailed(f"can't listen on port {port}: {error.strerror}") from None
        yield listener


def _sign_ins(file: Path) -> tuple[_SignIn, ...]:
    """The same passwords at every start of this folder."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=tuple[_SignIn, ...])
    except FileNotFoundError:
        sign_ins = tuple(
            _SignIn(
                role=person.role,
                name=person.name,
                email=person.email,
                password=example.new_password(),
            )
            for person in example.PEOPLE
            if person.role in example.SIGN_INS
        )
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            output.write(msgspec.json.format(msgspec.json.encode(sign_ins)))
        return sign_ins
    except (OSError, msgspec.DecodeError) as error:
        raise DemoFailed(f"{file} can't be read ({error}): delete {file.parent}") from None


async def _prepare_database(
    postgres: EmbeddedPostgres, sign_ins: tuple[_SignIn, ...], *, anew: bool
) -> None:
    """`anew`: a first start that didn't get to its end has left nothing worth keeping."""
    try:
        if anew:
            await postgres.drop_database(DATABASE)
            await postgres.create_database(DATABASE)
        await migrate(postgres.dsn(DATABASE))
        if anew:
            passwords = {sign_in.email: sign_in.password for sign_in in sign_ins}
            async with asyncpg.create_pool(postgres.dsn(DATABASE), min_size=1, max_size=1) as pool:
                await responders.seed(pool, passwords=passwords)
                await furnishing.furnish(pool)
    except (SQLAlchemyError, CommandError, asyncpg.PostgresError) as error:
        reason = str(error).splitlines()[0]
        raise DemoFailed(f"the database can't be brought to this release: {reason}") from error


def _prepare_deployment(deployment: Path, *, url: str, dsn: str) -> Config:
    """Made at the first start; at every start its ports and paths are those of this one."""
    if not deployment.exists():
        fresh = deployment.with_name("deployment.new")
        shutil.rmtree(fresh, ignore_errors=True)
        create_deployment(
            fresh, jurisdiction=example.JURISDICTION, brokers=[f"mqtts://{HOST}:{free_port()}"]
        )
        settings.add_twilio(fresh, api_url=f"http://{HOST}:{free_port()}")
        fresh.rename(deployment)
    file = deployment / "tocsin.toml"
    config = load_config(file)
    broker_port = _free(_port_of(config.brokers[0].url))
    phone_port = _free(_port_of(_api_url(config)))
    settings.set_value(file, "listen", urlsplit(url).netloc)
    settings.set_value(file, "public_url", url)
    settings.set_value(file, "dsn", dsn)
    settings.set_value(file, "url", f"mqtts://{HOST}:{broker_port}")
    settings.set_value(file, "api_url", f"http://{HOST}:{phone_port}")
    settings.allow_local_hooks(file)
    if config.email is None:
        settings.add_email(file, port=free_port())
    elif port := _mail_port(config):
        settings.set_value(file, "port", _free(port))
    return load_config(file)


def _phone_network(config: Config) -> PhoneNetwork:
    if config.twilio is None:
        raise DemoFailed(f"{config.folder}/tocsin.toml has lost its [twilio] section")
    token = config.secret("twilio.auth_token_file", config.twilio.auth_token_file)
    return PhoneNetwork(
        account_sid=config.twilio.account_sid,
        auth_token=token.reveal(),
        from_number=config.twilio.from_number,
        inbound_url=f"{config.public_url}/api/v1/twilio/inbound",
        pace_s=PHONE_PACE_S,
        voice_takes_time=True,
    )


async def _desks(deployment: Path, config: Config, *, count: int) -> list[Desk]:
    """The first `count` buttons; those that lack are made."""
    url = config.brokers[0].url
    async with asyncpg.create_pool(config.dsn(), min_size=1, max_size=1) as pool:
        while len(known := await example.read_buttons(pool)) < count:
            new = add_device(deployment, jurisdiction=example.JURISDICTION, brokers=[url])
            await example.add_button(pool, device_id=new.device_id, public_key=new.public_key)
            await record_certificate(
                pool,
                jurisdiction=example.JURISDICTION,
                device_id=new.device_id,
                certificate=new.certificate,
            )
        await furnishing.mark_counter(pool)
    desks = []
    for number, button in enumerate(known[:count], start=1):
        folder = deployment / "devices" / button.device_id
        settings.set_value(folder / "button.toml", "brokers", [url])
        place = button.place or "not fixed anywhere yet"
        desks.append(Desk(VirtualButton(folder), f"Button {number}", place))
    return desks


async def _stop_children(
    broker: Mosquitto | EmbeddedBroker, follower: Follower, buttons: Sequence[VirtualButton]
) -> None:
    async def stop_broker() -> None:
        try:
            await asyncio.wait_for(broker.stop(), CHILDREN_STOP_S_MAX)
        except TimeoutError:
            await broker.kill()

    stops = [button.stop(timeout_s=CHILDREN_STOP_S_MAX) for button in buttons]
    await asyncio.gather(stop_broker(), follower.stop(timeout_s=CHILDREN_STOP_S_MAX), *stops)


async def _serve(stack: AsyncExitStack, app: web.Application, listener: socket.socket) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SERVER_STOPS_S_MAX / 2)

    async def stop() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(runner.cleanup(), SERVER_STOPS_S_MAX)

    stack.push_async_callback(stop)
    await runner.setup()
    await web.SockSite(runner, listener).start()


async def _all_ready(url: str, buttons: Sequence[VirtualButton]) -> None:
    """The server says so, and every button has its broker."""
    try:
        async with asyncio.timeout(READY_S_MAX), aiohttp.ClientSession() as session:
            await asyncio.gather(*(button.until_connected() for button in buttons))
            while True:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
                await asyncio.sleep(ASK_AGAIN_S)
    except TimeoutError:
        raise ChildFailed(
            f"the server and the buttons didn't come together within {READY_S_MAX:.0f} s; "
            "what they said is in the folder's *.log"
        ) from None


@asynccontextmanager
async def _keeping(parts: dict[str, Part], failed: asyncio.Future[None]) -> AsyncIterator[None]:
    """A visitor may kill any program, to see what happens; it is started again."""
    loop = asyncio.get_running_loop()
    keepers = [loop.create_task(_keep(name, part, failed)) for name, part in parts.items()]
    try:
        yield
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)


async def _keep(name: str, part: Part, failed: asyncio.Future[None]) -> None:
    ends: deque[float] = deque(maxlen=RESTARTS_MAX)
    try:
        while True:
            await part.exited()
            now = asyncio.get_running_loop().time()
            if len(ends) == RESTARTS_MAX and now - ends[0] < RESTARTS_WITHIN_S:
                raise ChildFailed(f"{name} ends again and again; its log is in the folder")
            ends.append(now)
            print(f"{name} ended; it is started again", flush=True)
            await part.start()
    except DemoFailed as error:
        if not failed.done():
            failed.set_exception(error)


def _welcome(ready: _Ready) -> None:
    print(f"ready {ready.console_url}\n\nSign in as")
    for sign_in in ready.sign_ins:
        print(f"  {sign_in.role:12}{sign_in.email:22}{sign_in.password}")
    print(
        f"\n1. Sign in at {ready.console_url}\n"
        f"2. Beside it, open {ready.console_url}demo and press a button\n"
        "3. Press A on the console, answer from a phone, or wait and see who is told next\n\n"
        "Ctrl-C ends it.",
        flush=True,
    )


def _about(broker: Mosquitto | EmbeddedBroker) -> str:
    if isinstance(broker, Mosquitto):
        return "The broker is Mosquitto, with TLS and a certificate for each button."
    return (
        "The broker is the embedded one, for evaluation only: it loses messages under load. "
        "Install mosquitto to see the real one."
    )


def _api_url(config: Config) -> str:
    return config.twilio.api_url if config.twilio is not None else ""


def _mail_port(config: Config) -> int:
    """Of the demo's own mail server; 0 where the file names another one, or none."""
    return config.email.port if config.email is not None and config.email.host == HOST else 0


def _port_of(url: str) -> int:
    return urlsplit(url).port or 0


def _free(port: int) -> int:
    """The port of the last start, unless somebody has it by now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return free_port()
    return port
