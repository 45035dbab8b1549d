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
        self._connections: WeakKeyDictionary[asyncpg.Connection, str] = WeakKeyDictionary()

    async def connect(self, _dsn: str | None = None, /, **options: object) -> asyncpg.Connection:
        """Connect (the pool calls this with its DSN first). Raises one of DATABASE_ERRORS."""
        connection, server = await self._found(options)
        self._connections[connection] = server
        connection.add_query_logger(lambda asked: self._refused(connection, asked.exception))
        return connection

    async def connect_impatiently(
        self, _dsn: str | None = None, /, **options: object
    ) -> asyncpg.Connection:
        """Connect for the walk: whoever is silent once is given up, with every connection to it."""
        connection = await self.connect(**options)
        connection.add_query_logger(lambda asked: self._silent(connection, asked.exception))
        return connection

    def give_up(self, silent: asyncpg.Connection) -> None:
        """Drop every connection to the server of this one; nobody waits for its answers."""
        server = self._connections.get(silent)
        for connection in [each for each, its in self._connections.items() if its == server]:
            connection.terminate()

    async def _found(self, options: dict[str, object]) -> tuple[asyncpg.Connection, str]:
        patience_s = ASK_ONE_S_MAX if len(self._servers) == 1 else ASK_S_MAX
        asked = {
            asyncio.ensure_future(_ask(server, options, patience_s)): server
            for server in self._servers
        }
        best = None
        try:
            await _first_and_those_close_behind(set(asked))
            found = [task for task in asked if task.done() and task.exception() is None]
            if not found:
                raise _reason([task.exception() for task in asked if task.done()])
            best = max(found, key=lambda task: task.result().timeline)
            return best.result().connection, asked[best]
        finally:
            for task in asked:
                if task is not best:
                    task.add_done_callback(_end)
                    task.cancel()

    def _refused(self, connection: asyncpg.Connection, error: BaseException | None) -> None:
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            _soon(connection.terminate)

    def _silent(self, connection: asyncpg.Connection, error: BaseException | None) -> None:
        if isinstance(error, TimeoutError):
            _soon(lambda: self.give_up(connection))


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


def _reason(errors: list[BaseException | None]) -> BaseException:
    """What to tell of it: a server that refuses us says more than one that isn't there."""
    refusals: list[BaseException] = [
        error for error in errors if isinstance(error, asyncpg.PostgresError)
    ]
    if refusals:
        return refusals[0]
    if any(isinstance(error, asyncpg.TargetServerAttributeNotMatched) for error in errors):
        return NoPrimary("none of the database servers takes writes now")
    return errors[0] or NoPrimary("no database server is named")


def _soon(act: Callable[[], None]) -> None:
    """Act once the pool has begun to take the connection back, which it does next."""
    asyncio.get_running_loop().call_soon(act)
