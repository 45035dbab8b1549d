"""A broker as a child process, for the demo, the benchmark and the tests.

Promise: `Mosquitto` runs the shipped configuration as it stands, TLS, client certificates and
ACL included; only the listener line is changed, in a copy beside it (`running-PORT.conf`). It is
ready when it says so itself, and it ends when we end. `EmbeddedBroker` has the same interface for
machines without Mosquitto, for evaluation only.

Refused: restarting a broker that ended; a port that somebody else listens on.
"""

import asyncio
import errno
import ipaddress
import os
import shutil
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from tocsin_server.demo.child import STOP_S_MAX, Child
from tocsin_server.demo.errors import ChildFailed
from tocsin_server.fleet.certificates import DeploymentError
from tocsin_server.fleet.deployment import configure_listener

READY_S_MAX = 20.0  # Mosquitto takes 0.02 s, amqtt half a second; a loaded machine more
ASK_AGAIN_S = 0.005  # a read of a log file a few lines long

# Debian keeps daemons where an ordinary user's PATH doesn't look.
_SBIN = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


class BrokerFailed(ChildFailed):
    """The broker would not start; the text says why and what to do."""


class PortTaken(BrokerFailed):
    """Another program listens on the broker's port."""


def find_mosquitto() -> Path | None:
    """The mosquitto program, on PATH or where systems keep daemons; None without it."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SBIN])
    found = shutil.which("mosquitto", path=path)
    return Path(found) if found else None


class _Broker(ABC):
    """What both brokers have in common. Nothing happens until `start`."""

    name: ClassVar[str]
    ready: ClassVar[bytes]

    def __init__(
        self, folder: Path, *, port: int, bind: str = "127.0.0.1", prefix: Sequence[str] = ()
    ) -> None:
        """`folder`: the deployment's `broker`, with certificates, keys, acl and mosquitto.conf.

        `prefix` is what runs it (`ip netns exec …`).
        """
        self.prefix = prefix
        self.folder = folder.absolute()
        self.port = port
        self.bind = bind
        self.log = self.folder / f"{self.name}-{port}.log"
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """As buttons and servers spell it."""
        return f"mqtts://{f'[{self.bind}]' if ':' in self.bind else self.bind}:{self.port}"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int | None:
        """Of the running broker, for those who stop it or measure it."""
        return self._child.pid if self._child is not None and self._child.running else None

    async def start(self) -> None:
        """Return when it accepts connections. Raises BrokerFailed, or PortTaken."""
        if self.running:
            return
        _refuse_taken_port(self.bind, self.port)
        try:
            command = [*self.prefix, *self._command()]
            said_before = self.log.stat().st_size if self.log.exists() else 0
            self._child = Child.start(self.name, command, log=self.log, cwd=self.folder)
        except OSError as error:
            raise BrokerFailed(
                f"{self.name} can't be run in {self.folder}: {error.strerror}: {error.filename}"
            ) from error
        try:
            await self._says_ready(self._child, said_before)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Everybody is disconnected, within 3 s or else it is killed."""
        if self._child is not None:
            await self._child.stop()
            self._child = None

    async def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self._child is not None:
            await self._child.kill()
            self._child = None

    async def exited(self) -> None:
        """Wait until it ends by itself."""
        if self._child is not None:
            await self._child.exited()

    @abstractmethod
    def _command(self) -> list[str | Path]:
        """What to run in the folder. May raise BrokerFailed or OSError."""

    async def _says_ready(self, child: Child, said_before: int) -> None:
        """Not by connecting: whoever answers on the port may be another program."""
        deadline = asyncio.get_running_loop().time() + READY_S_MAX
        while True:
            running = child.running
            said = self.log.read_bytes()
            said = said[said_before if said_before <= len(said) else 0 :]
            if not running:
                if b"Address already in use" in said or b"address already in use" in said:
                    raise _port_taken(self.bind, self.port)
                raise self._failed("would not start", said)
            if self.ready in said:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise self._failed(f"isn't ready after {READY_S_MAX:.0f} s", said)
            await asyncio.sleep(ASK_AGAIN_S)

    def _failed(self, what: str, said: bytes) -> BrokerFailed:
        """Mosquitto names the error first, and then what OpenSSL thinks of it."""
        lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "Error: " in line] or lines[-1:] or ["it said nothing"]
        return BrokerFailed(f"{self.name} {what}: {errors[0]} (all it said is in {self.log})")


class Mosquitto(_Broker):
    """The real broker, with the shipped configuration."""

    name = "mosquitto"
    ready = b" running\n"

    def _command(self) -> list[str | Path]:
        program = find_mosquitto()
        if program is None:
            raise BrokerFailed("Mosquitto isn't installed: on Debian, apt install mosquitto")
        config = self.folder / f"running-{self.port}.conf"
        try:
            text = configure_listener(
                (self.folder / "mosquitto.conf").read_text(), port=self.port, bind=self.bind
            )
        except DeploymentError as error:
            raise BrokerFailed(f"{self.folder / 'mosquitto.conf'}: {error}") from error
        if os.geteuid() == 0:
            # Mosquitto started by root becomes the user `mosquitto` before it reads its key,
            # which only the folder's owner may read.
            text += "\nuser root\n"
        config.write_text(text)
        return [program, "-c", config.name]


class EmbeddedBroker(_Broker):
    """A pure Python broker, for evaluation only; embedded_broker.py says what it cannot do."""

    name = "embedded-broker"
    ready = b"the embedded broker is ready\n"

    def _command(self) -> list[str | Path]:
        module = "tocsin_server.demo.embedded_broker"
        options = ["--port", str(self.port), "--bind", self.bind]
        return [sys.executable, "-m", module, self.folder, *options]


class Follower:
    """What keeps a Mosquitto's revocations up to date: `tocsin broker follow` as a child."""

    def __init__(self, folder: Path, *, servers: Sequence[str], name: str) -> None:
        """`folder` is the broker's own; `name` is what the server calls it."""
        self.folder = folder.absolute()
        self.log = self.folder / "follow.log"
        self.servers = servers
        self.name = name
        self._child: Child | None = None

    async def start(self) -> None:
        """Return at once: a server that isn't there yet is waited for."""
        command: list[str | Path] = [sys.executable, "-m", "tocsin_server", "broker", "follow"]
        for server in self.servers:
            command += ["--server", server]
        command += ["--name", self.name, self.folder]
        self._child = Child.start(f"the follower of {self.name}", command, log=self.log)

    async def exited(self) -> None:
        """Wait until it ends by itself."""
        if self._child is not None:
            await self._child.exited()

    async def stop(self, *, timeout_s: float = STOP_S_MAX) -> None:
        """Nothing is undone: what is revoked stays so."""
        if self._child is not None:
            await self._child.stop(timeout_s=timeout_s)
            self._child = None

    async def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self._child is not None:
            await self._child.kill()
            self._child = None


def broker_for(folder: Path, *, port: int, bind: str = "127.0.0.1") -> Mosquitto | EmbeddedBroker:
    """Mosquitto where it is installed, else the embedded broker; not started yet."""
    kind = Mosquitto if find_mosquitto() is not None else EmbeddedBroker
    return kind(folder, port=port, bind=bind)


def _refuse_taken_port(bind: str, port: int) -> None:
    """The broker would say so too, but in its own words and in its log."""
    if not 0 < port < 65536:
        raise BrokerFailed(f"{port} is no TCP port: give one between 1 and 65535")
    try:
        address = ipaddress.ip_address(bind)
    except ValueError:
        raise BrokerFailed(f"{bind!r} is no IP address to listen on") from None
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((bind, port))
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _port_taken(bind, port) from None
        raise BrokerFailed(f"can't listen on {bind} port {port}: {error.strerror}") from None


def _port_taken(bind: str, port: int) -> PortTaken:
    return PortTaken(
        f"another program listens on {bind} port {port}: end it, or choose another port"
    )
