"""The primary: which of the servers that a DSN names takes writes now.

Promise: whoever connects is connected to a server that takes writes; to the one of the later
timeline, where an old primary that nobody could stop still does. All servers are asked at once:
one that is gone without a word costs half a second, and none of the walk's patience. Once a
statement of the walk, or a probe, finds that a server fell silent, all connections to it are given
up together: the next look for the primary anew.

Refused: believing in the order of a DSN; asking a silent server to cancel what it was asked. A
commit that waits for its standbys would then be seen by all, on a server that may be lost with it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import asyncpg

ASK_ONE_S_MAX = 4.0  # there is no other to turn to
ASK_S_MAX = 2.0  # of several: one of the same county answers in milliseconds, or it is gone
BEHIND_S = 0.5  # how much later than the first another primary may answer, and be preferred

LOOK_AGAIN_S = 0.25  # a log-in at three servers takes 50 ms of a processor; presses wait meanwhile

_NONE_WRITES = "none of the database servers takes writes now"
_TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"


class NoPrimary(ConnectionError):
    """None of the servers takes writes now: a failover is under way, or none can take over."""


@dataclass(frozen=True, slots=True)
class _Found:
    timeline: str  # hexadecimal, of a fixed length
    connection: asyncpg.Connection


class Primary:
    """The way to whichever server takes writes."""

    def __init__(self, dsn: str) -> None:
        self._servers = servers_of(dsn)
        self._known: str | None = None
        self._looking: asyncio.Future[str] | None = None
        self._look_again_at = 0.0
        self._connections: WeakKeyDictionary[asyncpg.Connection, str] = WeakKeyDictionary()

    async def connect(self, _dsn: str | None = None, /, **options: object) -> asyncpg.Connection:
        """Connect (the pool calls this with its DSN first). Raises one of DATABASE_ERRORS."""
        connection = await self._connect(options)
        connection.add_query_logger(lambda asked: self._refused(connection, asked.exception))
        return connection

    async def connect_impatiently(
        self, _dsn: str | None = None, /, **options: object
    ) -> asyncpg.Connection:
        """Connect for the walk: whoever is silent once is given up, with every connection to it."""
        connection = await self._connect(options)
        connection.add_query_logger(
            lambda asked: self._refused_or_silent(connection, asked.exception)
        )
        return connection

    async def _connect(self, options: dict[str, object]) -> asyncpg.Connection:
        server = self._known or await self._look(options)
        try:
            connection = (await _ask(server, options, self._patience_s)).connection
        except BaseException as error:
            self._known = None
            if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
                raise NoPrimary(_NONE_WRITES) from None
            raise
        self._connections[connection] = server
        return connection

    def give_up(self, silent: asyncpg.Connection) -> None:
        """Drop every connection to the server of this one; nobody waits for its answers."""
        server = self._connections.get(silent)
        self._known = None
        for connection in [each for each, its in self._connections.items() if its == server]:
            connection.terminate()

    @property
    def _patience_s(self) -> float:
        return ASK_ONE_S_MAX if len(self._servers) == 1 else ASK_S_MAX

    async def _look(self, options: dict[str, object]) -> str:
        """Look for it once for all who ask meanwhile: each log-in costs a while of calculating."""
        if len(self._servers) == 1:
            return self._servers[0]
        now = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now >= self._look_again_at):
            self._look_again_at = now + LOOK_AGAIN_S
            self._looking = asyncio.ensure_future(self._find(options))
            self._looking.add_done_callback(_forget)
        return await asyncio.shield(self._looking)

    async def _find(self, options: dict[str, object]) -> str:
        asked = {
            asyncio.ensure_future(_ask(server, options, self._patience_s)): server
            for server in self._servers
        }
        try:
            await _first_and_those_close_behind(set(asked))
            found = [task for task in asked if task.done() and task.exception() is None]
            if not found:
                raise _reason([task.exception() for task in asked if task.done()])
            self._known = asked[max(found, key=lambda task: task.result().timeline)]
            return self._known
        finally:
            for task in asked:
                task.add_done_callback(_end)
                task.cancel()

    def _refused(self, connection: asyncpg.Connection, error: BaseException | None) -> None:
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            _soon(connection.terminate)

    def _refused_or_silent(
        self, connection: asyncpg.Connection, error: BaseException | None
    ) -> None:
        if isinstance(error, TimeoutError):
            _soon(lambda: self.give_up(connection))
        else:
            self._refused(connection, error)


def servers_of(dsn: str) -> list[str]:
    """Give a DSN of its own for each server that `user:password@one:5432,other:5432` names."""
    netloc = urlsplit(dsn).netloc
    login, at, hosts = netloc.rpartition("@")
    return [dsn.replace(netloc, login + at + host, 1) for host in hosts.split(",")]


async def _ask(server: str, options: dict[str, object], patience_s: float) -> _Found:
    async with asyncio.timeout(patience_s):
        connection = await asyncpg.connect(
            server, **{**options, "target_session_attrs": "read-write"}
        )
        try:
            return _Found(await connection.fetchval(_TIMELINE), connection)
        except BaseException:
            connection.terminate()
            raise


async def _first_and_those_close_behind(asking: set[asyncio.Future[_Found]]) -> None:
    while asking:
        done, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        if any(task.exception() is None for task in done):
            if asking:
                await asyncio.wait(asking, timeout=BEHIND_S)
            return


def _end(asked: asyncio.Future[_Found]) -> None:
    if not asked.cancelled() and asked.exception() is None:
        asked.result().connection.terminate()


def _forget(looking: asyncio.Future[str]) -> None:
    """Nobody may be left who asked."""
    if not looking.cancelled():
        looking.exception()


def _reason(errors: list[BaseException | None]) -> BaseException:
    """What to tell of it: a server that refuses us says more than one that isn't there."""
    refusals: list[BaseException] = [
        error for error in errors if isinstance(error, asyncpg.PostgresError)
    ]
    if refusals:
        return refusals[0]
    if any(isinstance(error, asyncpg.TargetServerAttributeNotMatched) for error in errors):
        return NoPrimary(_NONE_WRITES)
    return errors[0] or NoPrimary("no database server is named")


def _soon(act: Callable[[], None]) -> None:
    """Act once the pool has begun to take the connection back, which it does next."""
    asyncio.get_running_loop().call_soon(act)
