"""Outcomes: what became of messages, put on record many at a time.

Promise: whoever brings an outcome hears once it is on record. Those of the same moment share a
transaction, and while messages are being sent they wait a little: telling people goes first. What a
replica that is killed meanwhile has not recorded is sent again: twice is the lesser harm.

Refused: letting one outcome that the database doesn't take keep another from the record.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from uuid import UUID

import aiosql
import structlog

from tocsin_server.channels.channel import Report
from tocsin_server.errors import because
from tocsin_server.storage.database import DATABASE_ERRORS, Database

TOGETHER_S = 0.02
WAIT_S_MAX = 1.0  # for those who are being told: far from the end of a lease
AT_ONCE_MAX = 50  # of one statement: its locks must not stand in a new press's way
AGAIN_S = 1.0

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Accepted:
    provider_id: str


@dataclass(frozen=True, slots=True)
class _Failed:
    problem: str
    retry_s: float | None
    unreachable: str | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one message, and who waits until it is on record."""

    notification_id: UUID
    what: _Accepted | _Failed | Report
    is_known: asyncio.Future[bool] = field(default_factory=asyncio.Future)


class Outcomes:
    """The one writer of this replica. `is_telling`: whether messages are being sent just now."""

    def __init__(self, database: Database, *, is_telling: Callable[[], bool]) -> None:
        self._database = database
        self._is_telling = is_telling
        self._waiting: list[_Outcome] = []
        self._writing: asyncio.Task[None] | None = None

    async def accepted(self, notification_id: UUID, provider_id: str) -> None:
        """Record that the provider took a message; returns once it is recorded."""
        await self._keep_trying(notification_id, _Accepted(provider_id))

    async def failed(
        self, notification_id: UUID, problem: str, *, retry_s: float | None, unreachable: str | None
    ) -> None:
        """Record that it didn't: again after `retry_s`, or, None, never. Returns as `accepted`."""
        await self._keep_trying(notification_id, _Failed(problem, retry_s, unreachable))

    async def reported(self, notification_id: UUID, report: Report) -> bool:
        """Record a report; False where it is of no message of ours. Raises DATABASE_ERRORS."""
        return await self._record(_Outcome(notification_id, report))

    async def _keep_trying(self, notification_id: UUID, what: _Accepted | _Failed) -> None:
        while True:
            try:
                await self._record(_Outcome(notification_id, what))
            except DATABASE_ERRORS as error:
                log.error("a message's outcome is not recorded yet", because=because(error))
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def _record(self, outcome: _Outcome) -> bool:
        self._waiting.append(outcome)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        return await outcome.is_known

    async def _write_all(self) -> None:
        until = time.monotonic() + WAIT_S_MAX
        await asyncio.sleep(TOGETHER_S)
        while self._is_telling() and time.monotonic() < until:  # noqa: ASYNC110 (it ends by itself)
            await asyncio.sleep(TOGETHER_S)
        while self._waiting:
            # One kind after the other, and reports last: they only ever move forward.
            kind = min((type(each.what) for each in self._waiting), key=_ORDER.index)
            part = [each for each in self._waiting if type(each.what) is kind][:AT_ONCE_MAX]
            taken = set(map(id, part))
            self._waiting = [each for each in self._waiting if id(each) not in taken]
            await self._write(part)

    async def _write(self, part: list[_Outcome]) -> None:
        try:
            known = await self._ask(part)
        except DATABASE_ERRORS as error:
            is_away = isinstance(error, OSError)  # TimeoutError is one, too
            if is_away or len(part) == 1:
                _fail(part, error)
            else:
                for one in part:
                    await self._write([one])
        else:
            for one in part:
                if not one.is_known.done():
                    one.is_known.set_result(one.notification_id in known)

    async def _ask(self, part: list[_Outcome]) -> set[UUID]:
        """Record outcomes of one kind; gives the messages that are ours."""
        whats = [each.what for each in part]
        values: dict[str, list[object]] = {
            f.name: [getattr(what, f.name) for what in whats] for f in fields(whats[0])
        }
        query = _QUERIES[type(whats[0])]
        rows = query(
            self._database.pool,
            notification_id=[each.notification_id for each in part],
            **values,
        )
        return {row["notification_id"] async for row in rows}


_QUERIES = {
    _Accepted: queries.record_accepted,
    _Failed: queries.record_failures,
    Report: queries.record_reports,
}
_ORDER = list(_QUERIES)


def _fail(part: list[_Outcome], error: Exception) -> None:
    for one in part:
        if not one.is_known.done():
            one.is_known.set_exception(error)
