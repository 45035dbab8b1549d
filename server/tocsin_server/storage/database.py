"""The database: a pool for all, a few connections for the walk alone, and one that listens.

All of them go to the primary (see `primary`), wherever a failover has taken it.

In a storm everybody's reports and answers queue for a connection. What stores, decides, sends
and shows an alert must not stand in that queue, and has connections of its own.

A LISTEN can go deaf without an error (a failover, a half-open connection), so a probe
is sent through it and must come back; where it doesn't, the connection is opened again
and everybody who listens reads anew. Nobody may rely on a notification alone.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import asyncpg
import structlog

from tocsin_server.errors import because
from tocsin_server.storage.primary import Primary

CONNECTIONS_MIN = 4
CONNECTIONS_MAX = 8  # a replica works with a handful; the rest is room for slow reports
WALK_CONNECTIONS = 4  # ingest, escalate, notify and changes: loops with one statement at a time
COMMAND_S_MAX = 4.0  # longer than any statement here takes, shorter than a tier's patience
PROBE_S = 2.0
PROBE_LOST_S = 4.0
RECONNECT_S = 0.5

# What the database or the way to it can raise; everything else is our own mistake.
# (InternalClientError is what asyncpg makes of a server that dies in the middle of an answer.)
DATABASE_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

# A stopped replica may block nobody: its locks and its open transactions end by themselves.
_SETTINGS = {
    "application_name": "tocsin",
    "idle_in_transaction_session_timeout": "2s",
    "lock_timeout": "2s",
    "tcp_user_timeout": "5s",
    "timezone": "UTC",
}
# The walk asks the same few look-ups by index again and again: planned once, not five times anew
# on each connection, while somebody waits. The first plans are made on empty tables, and would
# read whole tables later.
_WALK_SETTINGS = _SETTINGS | {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "jit": "off",
}

# A search or a report is planned for what it asks: one plan for all of them reads everything.
_READING = """
SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL jit = off;
SET LOCAL work_mem = '32MB'
"""

log = structlog.get_logger()

_T = TypeVar("_T")


async def within(seconds: float, query: Coroutine[Any, Any, _T]) -> _T:
    """Ask, and stop waiting after so long. Raises TimeoutError, and what the query raises.

    Where the database hangs, a query that is cancelled holds on until its connection is given
    up, seconds later: so it is left to itself, which `asyncio.wait_for` would not do.
    """
    asking = asyncio.ensure_future(query)
    try:
        done, _ = await asyncio.wait({asking}, timeout=seconds)
    finally:
        if not asking.done():
            asking.add_done_callback(_forget)
            asking.cancel()
    if not done:
        raise TimeoutError(f"the database did not answer within {seconds:g} s")
    return asking.result()


def _forget(asked: asyncio.Future[Any]) -> None:
    if not asked.cancelled():
        asked.exception()


class Database:
    """One replica's way to PostgreSQL."""

    def __init__(self, dsn: str, *, replica_id: str) -> None:
        self._primary = Primary(dsn)
        self._replica_id = replica_id
        self._pool: asyncpg.Pool | None = None
        self._walk: asyncpg.Pool | None = None
        self._handlers: dict[str, Callable[[str], None]] = {}
        self._on_listening: list[Callable[[], Awaitable[None]]] = []
        self._probed_at = time.monotonic()
        self._deaf_at = -math.inf
        self._clock_offset = timedelta()
        self.listening = asyncio.Event()

    @property
    def pool(self) -> asyncpg.Pool:
        """Give the pool; it is there once `open` has returned."""
        if self._pool is None:
            raise RuntimeError("the database is not open yet")
        return self._pool

    @property
    def walk(self) -> asyncpg.Pool:
        """Give the connections of an alert's walk; who takes one here waits for nobody else."""
        if self._walk is None:
            raise RuntimeError("the database is not open yet")
        return self._walk

    async def open(self) -> None:
        """Connect. Raises one of DATABASE_ERRORS."""
        primary = self._primary
        self._pool = await _pool(CONNECTIONS_MIN, CONNECTIONS_MAX, primary.connect, _SETTINGS)
        self._walk = await _pool(
            WALK_CONNECTIONS, WALK_CONNECTIONS, primary.connect_impatiently, _WALK_SETTINGS
        )

    async def close(self) -> None:
        """Close every connection; a dead server is not waited for."""
        for pool in (self._walk, self._pool):
            if pool is not None:
                try:
                    await asyncio.wait_for(pool.close(), 1)
                except DATABASE_ERRORS:
                    pool.terminate()

    def on(self, channel: str, handler: Callable[[str], None]) -> None:
        """Call this with every notification of a channel."""
        self._handlers[channel] = handler

    def on_listening(self, handler: Callable[[], Awaitable[None]]) -> None:
        """Call this whenever listening began anew: what came before was not heard."""
        self._on_listening.append(handler)

    def now(self) -> datetime:
        """Say what time it is by the database's clock, the one that all times are told by."""
        return datetime.now(UTC) + self._clock_offset

    @property
    def probe_age_s(self) -> float:
        """Say how long ago a probe last came back; a new connection alone proves nothing."""
        return time.monotonic() - self._probed_at

    @property
    def deaf_s_ago(self) -> float:
        """Say how long ago listening was last begun anew because a probe did not come back."""
        return time.monotonic() - self._deaf_at

    async def listen(self) -> None:
        """Listen until cancelled, opening the connection again whenever it fails or goes deaf."""
        while True:
            try:
                await self._listen_once()
            except DATABASE_ERRORS as error:
                log.warning("listening again", because=because(error))
            self.listening.clear()
            await asyncio.sleep(RECONNECT_S)

    async def _listen_once(self) -> None:
        connection = await self._primary.connect(
            command_timeout=COMMAND_S_MAX, server_settings=_SETTINGS
        )
        probes = f"tocsin_probe_{self._replica_id.replace('-', '_')}"
        closed = asyncio.Event()
        began = time.monotonic()
        connection.add_termination_listener(lambda _: closed.set())
        try:
            for channel in self._handlers:
                await connection.add_listener(channel, self._heard)
            await connection.add_listener(probes, self._heard)
            await self._probe(probes)
            for handler in self._on_listening:
                await handler()
            self.listening.set()
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PROBE_S):
                        await closed.wait()
                if closed.is_set():
                    raise ConnectionError("the connection that listens was closed")
                if time.monotonic() - max(self._probed_at, began) > PROBE_LOST_S + PROBE_S:
                    self._deaf_at = time.monotonic()
                    raise TimeoutError("a probe did not come back")
                await self._probe(probes)
        except TimeoutError:
            self._primary.give_up(connection)
            raise
        finally:
            with suppress(*DATABASE_ERRORS):
                await connection.close(timeout=1)

    async def _probe(self, channel: str) -> None:
        before = datetime.now(UTC)
        there: datetime = await self.pool.fetchval(
            "SELECT clock_timestamp() FROM pg_notify($1, '')", channel
        )
        self._clock_offset = there - before - (datetime.now(UTC) - before) / 2

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        handler = self._handlers.get(channel)
        if handler is None:
            self._probed_at = time.monotonic()
        else:
            handler(str(payload))


@asynccontextmanager
async def borrowed(
    pool: asyncpg.Pool | asyncpg.Connection,
) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection of the pool, or the one that the caller has a transaction on already."""
    if isinstance(pool, asyncpg.Pool):
        async with pool.acquire() as connection:
            yield connection
    else:
        yield pool


@asynccontextmanager
async def reading(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection for a search or a report: all that it asks is of one moment."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(_READING)
        yield connection


async def _pool(
    least: int,
    most: int,
    connect: Callable[..., Awaitable[asyncpg.Connection]],
    settings: dict[str, str],
) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        min_size=least,
        max_size=most,
        connect=connect,
        command_timeout=COMMAND_S_MAX,
        server_settings=settings,
        reset=_leave_as_it_is,
    )


async def _leave_as_it_is(_connection: asyncpg.Connection) -> None:
    """Nothing here changes a session, so cleaning one up would be a round trip for nothing.

    asyncpg itself still rolls back what a statement left open.
    """
