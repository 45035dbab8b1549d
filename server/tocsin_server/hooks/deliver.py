"""Deliver: send what other systems are to be told, and keep what they don't take.

Promise: at least once. A delivery is leased, never locked, while its receiver is asked; where this
replica dies meanwhile it is sent again, with the same id. The events of one alert go to a hook in
their order: a later one waits until the former is delivered or dead. A slow hook fills its own
places and no other's.

Refused: calling anything but 2xx delivered, following redirects, and reading what a receiver says
beyond its status.
"""

import asyncio
import random
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import __version__, metrics
from tocsin_server.config import Config, ConfigError, HooksConfig
from tocsin_server.errors import Invalid, because
from tocsin_server.hooks import hooks
from tocsin_server.hooks.addresses import AddressRefused, Resolver, check_url
from tocsin_server.hooks.message import (
    TEST,
    HookAlert,
    HookMessage,
    HookPlace,
    HookTest,
    signed,
)
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire.messages import timestamp

ANSWER_S_MAX = 10.0
LEASE_S = 15.0  # longer than any answer; a killed replica's deliveries are sent by another after it
# About a day in all: who repairs a receiver the next morning still gets what it missed.
RETRY_S = (5.0, 30.0, 120.0, 600.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0)
JITTER = 0.2  # of a pause, either way: a receiver that comes back isn't asked by all at once
AT_ONCE_OF_HOOK_MAX = 4  # of all replicas together
AT_ONCE_MAX = 400  # sockets of this replica; a hundred slow hooks fill them
FLOOR_S = 1.0
TURN_S_MIN = 0.1  # an alert has its screens, texts and lamps before
SWEEP_EVERY_S = 3600.0
MEASURE_EVERY_S = 10.0
DRAIN_S = 2.0

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking a receiver: its status, or why there is none."""

    status: int | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery. `retry_s` None: it isn't tried again."""

    state: hooks.State
    problem: str | None = None
    retry_s: float | None = None
    disables: bool = False


def judge(answer: Answer, *, tries: int, is_test: bool, jitter: float) -> Verdict:
    """Decide what becomes of a delivery; `jitter` lengthens its pause, from -1 to 1."""
    if answer.status is not None and answer.status // 100 == 2:
        return Verdict("delivered")
    problem = answer.problem or _in_words(answer.status or 0)
    if answer.status == HTTPStatus.GONE:
        return Verdict("dead", problem, disables=True)
    if is_test or tries > len(RETRY_S):
        return Verdict("dead", problem)
    return Verdict("pending", problem, RETRY_S[tries - 1] * (1 + JITTER * jitter))


def _in_words(status: int) -> str:
    if status == HTTPStatus.GONE:
        return "it answered 410 Gone: it wants no more messages"
    if status // 100 == 3:
        return f"it answered {status}: redirects are not followed, so give the webhook its new URL"
    return f"it answered {status}"


class Deliver:
    """Every delivery that is due, on every replica, each by one at a time."""

    def __init__(self, database: Database, config: HooksConfig, *, tls: ssl.SSLContext) -> None:
        """`tls`: whose certificates are believed."""
        self._database = database
        self._config = config
        self._tls = tls
        self._opened: aiohttp.ClientSession | None = None
        self._woken = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._sweep_at = self._measure_at = 0.0

    def wake(self) -> None:
        """Look soon: something was committed."""
        self._woken.set()

    async def run(self) -> None:
        """Look whenever woken, and every second besides, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLOOR_S):
                    await self._woken.wait()
            await asyncio.sleep(TURN_S_MIN)
            self._woken.clear()
            try:
                await self.turn()
                await self._keep_house(time.monotonic())
            except DATABASE_ERRORS as error:
                log.error("webhooks wait for the database", because=because(error))

    async def turn(self) -> None:
        """Start every delivery that is due, as many at once as there is room for."""
        room = AT_ONCE_MAX - len(self._sending)
        if room <= 0:
            return
        rows = queries.lease(
            self._database.pool,
            deliveries_max=room,
            of_hook_max=AT_ONCE_OF_HOOK_MAX,
            lease_s=LEASE_S,
            pause_s_max=RETRY_S[-1] * (1 + JITTER),
        )
        for row in [row async for row in rows]:
            sending = asyncio.create_task(self._deliver(row))
            self._sending.add(sending)
            sending.add_done_callback(self._delivered)

    async def drain(self) -> None:
        """Let what is on its way arrive; what is slower is sent again when its lease is over."""
        if self._sending:
            _, slow = await asyncio.wait(self._sending, timeout=DRAIN_S)
            for sending in slow:
                sending.cancel()

    async def close(self) -> None:
        """Close its connections."""
        if self._opened is not None:
            await self._opened.close()

    def _delivered(self, sending: asyncio.Task[None]) -> None:
        self._sending.discard(sending)
        self._woken.set()
        if not sending.cancelled() and sending.exception() is not None:
            log.error("a webhook went wrong", because=repr(sending.exception()))

    async def _deliver(self, row: asyncpg.Record) -> None:
        answer = await self._ask(row)
        verdict = judge(
            answer,
            tries=row["tries"],
            is_test=row["name"] == TEST,
            jitter=random.uniform(-1, 1),  # noqa: S311 (nobody gains by guessing it)
        )
        metrics.HOOKS.labels("retried" if verdict.state == "pending" else verdict.state).inc()
        if verdict.problem is not None:
            log.warning(
                "webhook not delivered",
                hook=row["hook"],
                jurisdiction=row["jurisdiction"],
                delivery_id=str(row["delivery_id"]),
                because=verdict.problem,
                again_in_s=verdict.retry_s,
            )
        try:
            await queries.record(
                self._database.pool,
                delivery_id=row["delivery_id"],
                tries=row["tries"],
                state=verdict.state,
                status=answer.status,
                problem=verdict.problem,
                retry_s=verdict.retry_s,
            )
            if verdict.disables:
                await hooks.queries.set_disabled(
                    self._database.pool, hook_id=row["hook_id"], because=verdict.problem
                )
                log.error("WEBHOOK DISABLED by its receiver", hook=row["hook"], url=row["url"])
        except DATABASE_ERRORS as error:
            # At least once: when the lease is over it is sent again.
            log.error("what became of a webhook is not recorded", because=because(error))

    async def _ask(self, row: asyncpg.Record) -> Answer:
        """Post one message; whatever goes wrong is a sentence."""
        body = msgspec.json.encode(message_of(row))
        headers = signed(
            body,
            message_id=str(row["delivery_id"]),
            sent_at_s=int(self._database.now().timestamp()),
            secrets=row["secrets"],
        )
        try:
            # Once more: what is allowed may have changed since the hook was set up.
            url = check_url(row["url"], self._config)
            async with self._session().post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return Answer(response.status)
        except TimeoutError:
            return Answer(None, f"it did not answer within {ANSWER_S_MAX:g} s")
        except Invalid as error:
            return Answer(None, str(error))
        except aiohttp.ClientConnectorCertificateError as error:
            return Answer(None, f"its certificate is not good: {error.certificate_error}"[:200])
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, AddressRefused)
            return Answer(None, str(error.os_error) if refused else f"not reached: {error}"[:200])
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(None, f"it broke off, or spoke no HTTP: {because(error)}"[:200])

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            connector = aiohttp.TCPConnector(
                ssl=self._tls,
                resolver=Resolver(self._config),
                use_dns_cache=False,
                force_close=True,
                limit=0,
            )
            self._opened = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=ANSWER_S_MAX),
                headers={"Content-Type": "application/json", "User-Agent": f"Tocsin/{__version__}"},
            )
        return self._opened

    async def _keep_house(self, now: float) -> None:
        if now >= self._measure_at:
            self._measure_at = now + MEASURE_EVERY_S
            row = await queries.measure(self._database.pool)
            metrics.HOOKS_OLDEST.set(row["oldest_s"])
            metrics.HOOKS_DISABLED.set(row["disabled"])
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY_S
            await queries.sweep(self._database.pool, days=hooks.KEPT_DAYS)


def message_of(row: asyncpg.Record) -> HookMessage:
    """Say what happened, and how the alert stands now."""
    happened_at = timestamp(row["at"])
    if row["name"] == TEST:
        return HookMessage(
            type=TEST, timestamp=happened_at, data=HookTest(jurisdiction=row["jurisdiction"])
        )
    fields = msgspec.json.decode(row["alert"])
    place = msgspec.json.decode(row["place"], type=HookPlace)
    alert = HookAlert(
        **fields, sequence=row["n"], by=row["by"], place=place, jurisdiction=row["jurisdiction"]
    )
    return HookMessage(type=row["name"], timestamp=happened_at, data=alert)


def trusted(config: Config) -> ssl.SSLContext:
    """Read whose certificates are believed. Raises ConfigError."""
    context = ssl.create_default_context()
    if config.hooks.ca_file is not None:
        try:
            context.load_verify_locations(config.path(config.hooks.ca_file))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"hooks.ca_file: can't read certificates in {config.hooks.ca_file}:"
                f" {error.strerror or error}"
            ) from None
    return context
