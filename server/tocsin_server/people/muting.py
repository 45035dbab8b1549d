"""Muting: somebody switches off the sound of their consoles for a moment, and everybody sees it.

Promise: it ends by itself after MUTE_S, it is on the record of every alert that called then, and
every screen of the jurisdiction is told who is muted and until when.

Refused: muting anybody else. That a new alert ends it is up to the console, which hears that first.
"""

import asyncio
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server.errors import because
from tocsin_server.ports import Show
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire.messages import timestamp

MUTE_S = 120.0  # to speak with somebody in peace; a room may not be silent for longer
AGAIN_S = 1.0

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class MutedView(msgspec.Struct, frozen=True, kw_only=True):
    """Whose consoles make no sound, and until when."""

    name: str
    until: str


class MutedFrame(msgspec.Struct, frozen=True, tag="muted", tag_field="type"):
    """All of a jurisdiction who are muted, as they go to its screens."""

    muted: list[MutedView]


async def mute(pool: asyncpg.Pool, *, jurisdiction: str, person_id: UUID, name: str) -> MutedView:
    """Mute this person's consoles from now on. Raises DATABASE_ERRORS."""
    until: datetime = await queries.mute(
        pool, jurisdiction=jurisdiction, person_id=person_id, name=name, for_s=MUTE_S
    )
    log.warning("muted", by=name, until=timestamp(until))
    return MutedView(name=name, until=timestamp(until))


async def end_mute(pool: asyncpg.Pool, *, person_id: UUID) -> None:
    """Let this person's consoles sound again; safe to repeat. Raises DATABASE_ERRORS."""
    await queries.end_mute(pool, person_id=person_id)


class Muting:
    """Who is muted, as this replica's screens are told."""

    def __init__(self, database: Database, *, show: Show) -> None:
        self._database = database
        self._show = show
        self._woken = asyncio.Event()
        self._muted: dict[str, list[MutedView]] = {}
        database.on("tocsin_muting", lambda _: self._woken.set())
        database.on_listening(self._wake)

    def views(self, jurisdiction: str) -> list[MutedView]:
        """Give who is muted in a jurisdiction."""
        now = timestamp(self._database.now())
        return [each for each in self._muted.get(jurisdiction, []) if each.until > now]

    async def run(self) -> None:
        """Tell screens what changes, until cancelled. A page ends by itself what is over."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._read()
            except DATABASE_ERRORS as error:
                log.warning("screens are told later who is muted", because=because(error))
                await asyncio.sleep(AGAIN_S)
                self._woken.set()

    async def _read(self) -> None:
        read: dict[str, list[MutedView]] = defaultdict(list)
        async for row in queries.muted(self._database.pool):
            view = MutedView(name=row["name"], until=timestamp(row["until"]))
            read[row["jurisdiction"]].append(view)
        before, self._muted = self._muted, dict(read)
        for jurisdiction in before.keys() | read.keys():
            if before.get(jurisdiction, []) != read.get(jurisdiction, []):
                frame = MutedFrame(self.views(jurisdiction))
                self._show(jurisdiction, msgspec.json.encode(frame))

    async def _wake(self) -> None:
        self._woken.set()
