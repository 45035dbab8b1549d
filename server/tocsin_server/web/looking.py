"""Looking: which alert each person has before them, for their colleagues to see.

Promise: kept in memory alone, on no record, and forgotten as soon as the page goes away, or its
replica has been silent for a moment. Replicas tell each other by NOTIFY, whole and again and
again, so that what one of them misses it hears the next time.

Refused: holding anything up. Where the database is away, a screen sees those of its own replica.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

import msgspec
import structlog

from tocsin_server.errors import because
from tocsin_server.people.kiosks import KIOSK
from tocsin_server.people.sight import may_see
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_server.web.live import Looks, Screen, Screens

CHANNEL = "tocsin_looking"
TOGETHER_S = 0.1  # of somebody who steps through a list, the others see where they stop
TELL_EVERY_S = 2.0
SILENT_S_MAX = 5.0  # a replica that has not told for so long has nobody who looks any more
NOTIFY_BYTES_MAX = 7_900  # PostgreSQL takes less than 8,000

log = structlog.get_logger()


class Looker(msgspec.Struct, frozen=True, order=True):
    """Somebody, and the alert they have before them."""

    alert_id: UUID
    name: str


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """What one replica tells the others of a jurisdiction."""

    replica_id: str
    jurisdiction: str
    lookers: list[Looker]


class _Looking(msgspec.Struct, tag="looking", tag_field="type"):
    lookers: list[Looker]


class Looking:
    """Who looks at what, on every replica as far as this one knows."""

    def __init__(self, database: Database, screens: Screens, *, replica_id: str) -> None:
        self._database = database
        self._screens = screens
        self._replica_id = replica_id
        self._here: dict[Screen, Looker] = {}
        self._elsewhere: dict[tuple[str, str], tuple[float, list[Looker]]] = {}
        self._shown: dict[str, list[Looker]] = {}
        self._changed: set[str] = set()
        self._filled = asyncio.Event()
        screens.on_looking(self._looks)
        database.on(CHANNEL, self._heard)

    def lookers(self, jurisdiction: str) -> list[Looker]:
        """Give everybody who looks at an alert of a jurisdiction, each of them once."""
        here = self._of(jurisdiction)
        elsewhere = (
            looker
            for (_, theirs), (_, lookers) in self._elsewhere.items()
            if theirs == jurisdiction
            for looker in lookers
        )
        return sorted({*here, *elsewhere})

    async def run(self) -> None:
        """Show what changed here, tell the other replicas, and forget silent ones."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TELL_EVERY_S):
                    await self._filled.wait()
            await asyncio.sleep(TOGETHER_S)
            self._filled.clear()
            changed, self._changed = self._changed, set()
            self._show(changed | self._forget_silent())
            looked = {screen.reader.jurisdiction for screen in self._here}
            await self._tell(changed | looked)

    def _looks(self, screen: Screen, message: Looks) -> None:
        reader = screen.reader
        is_somebody = may_see(reader.role, drill=False) and reader.role != KIOSK
        if message.alert_id is not None and is_somebody:
            self._here[screen] = Looker(message.alert_id, reader.name)
        elif self._here.pop(screen, None) is None:
            return
        self._changed.add(reader.jurisdiction)
        self._filled.set()

    def _heard(self, payload: str) -> None:
        told = msgspec.json.decode(payload, type=_Told)
        if told.replica_id == self._replica_id:
            return
        self._elsewhere[told.replica_id, told.jurisdiction] = time.monotonic(), told.lookers
        self._show({told.jurisdiction})

    def _forget_silent(self) -> set[str]:
        since = time.monotonic() - SILENT_S_MAX
        silent = [key for key, (heard_at, _) in self._elsewhere.items() if heard_at < since]
        for key in silent:
            del self._elsewhere[key]
        return {jurisdiction for _, jurisdiction in silent}

    def _show(self, jurisdictions: Iterable[str]) -> None:
        for jurisdiction in jurisdictions:
            lookers = self.lookers(jurisdiction)
            if lookers != self._shown.get(jurisdiction, []):
                self._shown[jurisdiction] = lookers
                frame = msgspec.json.encode(_Looking(lookers))
                self._screens.show_alert(jurisdiction, frame, drill=False)

    async def _tell(self, jurisdictions: Iterable[str]) -> None:
        for jurisdiction in jurisdictions:
            payload = self._written(jurisdiction, self._of(jurisdiction))
            try:
                await self._database.pool.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
            except DATABASE_ERRORS as error:
                log.debug("nobody is told who looks at what", because=because(error))
                return

    def _written(self, jurisdiction: str, lookers: list[Looker]) -> str:
        """Write it, as far as it fits."""
        told = _Told(replica_id=self._replica_id, jurisdiction=jurisdiction, lookers=lookers)
        payload = msgspec.json.encode(told)
        if len(payload) > NOTIFY_BYTES_MAX:
            return self._written(jurisdiction, lookers[: len(lookers) // 2])
        return payload.decode()

    def _of(self, jurisdiction: str) -> list[Looker]:
        of_screen = self._here.items()
        return [each for screen, each in of_screen if screen.reader.jurisdiction == jurisdiction]
