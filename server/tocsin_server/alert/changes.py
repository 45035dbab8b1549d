"""Changes: whatever is committed about an alert reaches every screen, lamp and loop.

PostgreSQL tells every replica of each commit (but of an opening with its first decision).
A replica that stored a press shows it at once and skips its own echo; everything else is
read back, so a screen never shows what isn't stored. After a lost connection all open
alerts are read again.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from uuid import UUID

import aiosql
import msgspec
import structlog

from tocsin_server import metrics
from tocsin_server.alert.press import Stored
from tocsin_server.alert.view import AlertDetail, AlertView, EventView, PressView
from tocsin_server.errors import NotFound, because
from tocsin_server.ports import ShowAlert
from tocsin_server.storage.database import DATABASE_ERRORS, Database, within
from tocsin_wire.messages import timestamp

VERSIONS_MAX = 20_000  # alerts whose last shown version is remembered
PAINTED_MAX = 20_000  # alerts whose first painting is remembered
OPEN_ALERTS_MAX = 2_000  # on one screen
OPEN_S_MAX = 1.0  # a screen that opens is given what is in memory, sooner than nothing
READ_AT_ONCE_MAX = 200
PAINTED_AT_ONCE_MAX = 100  # of one statement: its locks must not stand in a new press's way
READ_AGAIN_S = 0.25  # after a failure: who looks at a screen waits for it
TOGETHER_S = 0.02  # several changes of one alert are read once

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()

_Painting = tuple[UUID, str]  # an alert, and the jurisdiction of the page that painted it
_Standing = tuple[str, bool]  # what a lamp shows of an alert: its state, and whether it is a drill


class Changes:
    """What changed, and who must know."""

    def __init__(
        self,
        database: Database,
        *,
        show: ShowAlert,
        wake: Callable[[], None],
        send_receipts: Callable[[list[UUID]], Awaitable[None]],
    ) -> None:
        self._database = database
        self._show = show
        self._wake = wake
        self._send_receipts = send_receipts
        self._versions: OrderedDict[UUID, int] = OrderedDict()
        self._told: OrderedDict[UUID, _Standing] = OrderedDict()
        self._open: OrderedDict[UUID, tuple[str, str]] = OrderedDict()
        self._changed: dict[UUID, int] = {}
        self._filled = asyncio.Event()
        self._shown: OrderedDict[_Painting, None] = OrderedDict()
        self._painted: dict[_Painting, float] = {}
        self._painted_filled = asyncio.Event()
        database.on("tocsin_alert", self._heard)
        database.on_listening(self._read_open_again)

    def stored(self, stored: list[Stored]) -> None:
        """Show what this replica has just committed, without waiting for its echo."""
        for one in stored:
            if one.state == "stored":
                self._told.setdefault(one.alert_id, ("open", one.drill))
            if not self._is_news(one.alert_id, one.version):
                continue
            if one.view is None:
                # Another replica stored it. Where nobody listens just now, we know it all the same.
                self._changed[one.alert_id] = max(one.version, self._changed.get(one.alert_id, 0))
                self._filled.set()
                continue
            if one.state == "stored":  # else lamps are still to be told, by reading it back
                self._remember(one.alert_id, one.version)
            if one.state != "resolved":
                self._keep_open(one.alert_id, one.jurisdiction, one.view)
            self._show(one.jurisdiction, alert_frame(one.view), drill=one.drill)

    def painted(self, alert_id: str, *, jurisdiction: str) -> None:
        """Note that a page of a jurisdiction has painted an alert; the first one counts."""
        try:
            painting = UUID(alert_id), jurisdiction
        except ValueError:
            return
        if painting[0] in self._versions and painting not in self._shown:
            self._shown[painting] = None
            self._painted[painting] = time.monotonic()
            if len(self._shown) > PAINTED_MAX:
                self._shown.popitem(last=False)
            self._painted_filled.set()

    async def run(self) -> None:
        """Show what others committed, until cancelled."""
        took_s = 0.0
        while True:
            await self._filled.wait()
            # In a storm reading takes long: half of the time is left to who tells people.
            await asyncio.sleep(max(TOGETHER_S, took_s))
            began = time.monotonic()
            self._filled.clear()
            changed, self._changed = self._changed, {}
            news = [alert for alert, version in changed.items() if self._is_news(alert, version)]
            for first in range(0, len(news), READ_AT_ONCE_MAX):
                part = news[first : first + READ_AT_ONCE_MAX]
                try:
                    await self._read(part)
                except DATABASE_ERRORS as error:
                    log.warning("changes are read again", because=because(error))
                    self._changed.update(dict.fromkeys(part, 0) | self._changed)
                    self._filled.set()
                    await asyncio.sleep(READ_AGAIN_S)
            took_s = min(READ_AGAIN_S, time.monotonic() - began)

    async def record_painted(self) -> None:
        """Put on record when alerts were first painted, until cancelled."""
        while True:
            await self._painted_filled.wait()
            await asyncio.sleep(TOGETHER_S)
            self._painted_filled.clear()
            painted = dict(islice(self._painted.items(), PAINTED_AT_ONCE_MAX))
            now = time.monotonic()
            try:
                await queries.shown(
                    self._database.pool,
                    alert_ids=[alert for alert, _ in painted],
                    jurisdictions=[jurisdiction for _, jurisdiction in painted],
                    ages_ms=[(now - at) * 1000 for at in painted.values()],
                )
            except DATABASE_ERRORS as error:
                log.warning("painted alerts are recorded later", because=because(error))
                await asyncio.sleep(1)
            else:
                for painting in painted:
                    del self._painted[painting]
            if self._painted:
                self._painted_filled.set()

    @property
    def anything_open(self) -> bool:
        """Say whether any alert is open, as far as this replica knows."""
        return bool(self._open)

    async def open_alerts(
        self, jurisdiction: str, *, only_drills: bool = False
    ) -> list[msgspec.Raw]:
        """Give what a screen begins with; from memory, where the database is away."""
        try:
            views = await within(OPEN_S_MAX, self._read_views(jurisdiction))
        except DATABASE_ERRORS:
            views = [view for owner, view in self._open.values() if owner == jurisdiction]
        seen = [(msgspec.json.decode(view, type=_Seen), view) for view in views]
        for alert, _ in seen:
            # Known, but not shown: the other screens may still have to see this version.
            self._remember(alert.alert_id, 0)
        return [
            msgspec.Raw(view.encode()) for alert, view in seen if alert.drill or not only_drills
        ]

    async def _read_views(self, jurisdiction: str) -> list[str]:
        query = queries.open(
            self._database.pool,
            jurisdiction=jurisdiction,
            alerts_max=OPEN_ALERTS_MAX,
            only_drills=False,
        )
        return [row["view"] async for row in query]

    async def alerts(
        self, jurisdiction: str, *, only_open: bool, most: int, only_drills: bool = False
    ) -> list[AlertView]:
        """List alerts for the API, newest first (open ones: unacknowledged first)."""
        query = queries.open if only_open else queries.recent
        rows = query(
            self._database.pool,
            jurisdiction=jurisdiction,
            alerts_max=most,
            only_drills=only_drills,
        )
        return [msgspec.json.decode(row["view"], type=AlertView) async for row in rows]

    async def detail(
        self, jurisdiction: str, alert_id: UUID, *, only_drills: bool = False
    ) -> AlertDetail:
        """Give one alert with its record. Raises NotFound."""
        pool = self._database.pool
        row = await queries.one(pool, jurisdiction=jurisdiction, alert_id=alert_id)
        if row is None or (only_drills and not row["drill"]):
            raise NotFound(f"no alert {alert_id}")
        events = [
            EventView(
                event["n"],
                timestamp(event["at"]),
                event["name"],
                msgspec.Raw((event["payload"] or "null").encode()),
            )
            async for event in queries.events(pool, alert_id=alert_id)
        ]
        presses = [
            PressView(
                **dict(press)
                | {name: timestamp(press[name]) for name in ("pressed_at", "received_at")}
            )
            async for press in queries.presses(pool, alert_id=alert_id)
        ]
        return AlertDetail(msgspec.json.decode(row["view"], type=AlertView), events, presses)

    def _heard(self, payload: str) -> None:
        alert_id, _, version = payload.partition(" ")
        alert = UUID(alert_id)
        self._changed[alert] = max(int(version), self._changed.get(alert, 0))
        self._filled.set()
        self._wake()

    def _is_news(self, alert: UUID, version: int) -> bool:
        return version == 0 or version > self._versions.get(alert, -1)

    def _remember(self, alert: UUID, version: int) -> None:
        self._versions[alert] = max(version, self._versions.pop(alert, 0))
        if len(self._versions) > VERSIONS_MAX:
            self._versions.popitem(last=False)

    def _keep_open(self, alert: UUID, jurisdiction: str, view: str) -> None:
        self._open[alert] = (jurisdiction, view)
        if len(self._open) > OPEN_ALERTS_MAX:
            self._open.popitem(last=False)

    async def _read_open_again(self) -> None:
        rows = await self._database.pool.fetch(
            "SELECT alert_id FROM alert WHERE resolved_at IS NULL"
        )
        # Also what screens still show as open: another replica may have resolved it meanwhile.
        again = [row["alert_id"] for row in rows] + list(self._open)
        self._changed.update(dict.fromkeys(again, 0))
        self._filled.set()
        self._wake()

    async def _read(self, alerts: list[UUID]) -> None:
        standings: dict[UUID, _Standing] = {}
        moved: dict[UUID, str] = {}
        async for row in queries.views(self._database.walk, alert_ids=alerts):
            self._remember(row["alert_id"], row["version"])
            if row["state"] == "resolved":
                self._open.pop(row["alert_id"], None)
            else:
                self._keep_open(row["alert_id"], row["jurisdiction"], row["view"])
            drill = row["drill"]
            _, was_drill = self._told.get(row["alert_id"], ("open", drill))
            gone = alert_gone(row["alert_id"]) if was_drill and not drill else None
            self._show(row["jurisdiction"], alert_frame(row["view"]), drill=drill, gone=gone)
            standing = standings[row["alert_id"]] = (row["state"], drill)
            if self._told.get(row["alert_id"], ("open", drill)) != standing:
                moved[row["alert_id"]] = row["view"]
        if moved:
            await self._send_receipts(list(moved))
        # Only now: where the presses could not be read, their buttons are still to be told.
        for alert, standing in standings.items():
            self._told.pop(alert, None)
            self._told[alert] = standing
        for alert, view in moved.items():
            _observe_stages(view, standings[alert][0])
        while len(self._told) > VERSIONS_MAX:
            self._told.popitem(last=False)


class _Seen(msgspec.Struct):
    alert_id: UUID
    drill: bool


class _AlertGone(msgspec.Struct, tag="alert_gone", tag_field="type"):
    alert_id: UUID


class _Times(msgspec.Struct):
    drill: bool
    pressed_at: str
    acknowledged_at: str | None


def alert_frame(view: str) -> bytes:
    """Make the frame of an alert from its view, as PostgreSQL wrote it."""
    return b'{"type":"alert","alert":' + view.encode() + b"}"


def alert_gone(alert_id: UUID) -> bytes:
    """Make the frame that takes a drill that became real off a page that may only see drills."""
    return msgspec.json.encode(_AlertGone(alert_id))


def _observe_stages(view: str, state: str) -> None:
    times = msgspec.json.decode(view, type=_Times)
    if state == "acknowledged" and times.acknowledged_at and not times.drill:
        took = datetime.fromisoformat(times.acknowledged_at) - datetime.fromisoformat(
            times.pressed_at
        )
        metrics.STAGE.labels("acknowledged").observe(took.total_seconds())
