"""Doubt: presses that nobody can vouch for are kept apart, shown at once, and never dropped.

They never join, replace or de-duplicate a verified press. A flood is counted in one
row for each sender and reason, and a sender has few reasons, so that it can't bury
anything. What nobody has marked as seen in 30 seconds (at once, where no screen is
watching) goes to tier 1, UNVERIFIED. A press that was seen and comes again stays seen.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import metrics
from tocsin_server.alert.geotag import geotag
from tocsin_server.alert.press import Doubt, DoubtfulView
from tocsin_server.alert.wording import where
from tocsin_server.errors import NotFound, because
from tocsin_server.fleet.directory import Directory
from tocsin_server.storage.database import DATABASE_ERRORS, Database, within
from tocsin_wire import signing
from tocsin_wire.messages import OPEN_PRESSES_MAX, printable, timestamp

SEEN_WITHIN_S = 30.0
KEEP_EVERY_S = 0.25  # a flood is told to the screens four times a second
TOGETHER_S = 0.05  # several changes of one row are read once
SHOWN_MAX = 1_000  # rows of which the last view is remembered; of others an echo is shown again
KEEP_S_MAX = 1.0  # a database that takes longer is away, and the screens are told without it
SENDERS_MAX = 500  # in one turn: more buttons than that are not lost to one mistake
REASONS_MAX = 5  # of one sender: each names something to repair; beyond it there is an intruder
OTHER_REASONS = "more like this, for other reasons"
RAW_BYTES_MAX = 16 * 1024  # what the broker lets through
RAWS_MAX = 10  # bodies kept of one sender and reason
PRESS_IDS_MAX = 2 * OPEN_PRESSES_MAX  # remembered of one sender and reason: all that a button keeps
READ_CHARS_MAX = 120

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


_Sender = tuple[str | None, str]  # jurisdiction, and the button's id in the topic


@dataclass(frozen=True, slots=True)
class _Counted:
    """Everything of one sender and reason since the last turn."""

    first: Doubt
    raws: tuple[bytes, ...]
    times: int

    def and_another(self, raw: bytes) -> "_Counted":
        raws = (*self.raws, raw) if len(self.raws) < RAWS_MAX else self.raws
        return replace(self, raws=raws, times=self.times + 1)


class DoubtfulLane:
    """The lane beside the alerts."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        show: Callable[[str | None, DoubtfulView], None],
        watching: Callable[[str], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._directory = directory
        self._show = show
        self._watching = watching
        self._clock = clock
        self._unseen_since: dict[UUID, float] = {}
        self._waiting: dict[_Sender, dict[str, _Counted]] = {}
        self._shown_unstored: set[tuple[_Sender, str]] = set()
        self._overflowed = 0  # since the last turn
        self._filled = asyncio.Event()
        self._changed: set[UUID] = set()
        self._change_heard = asyncio.Event()
        self._shown: OrderedDict[UUID, DoubtfulView] = OrderedDict()
        database.on("tocsin_doubtful", self._heard)

    def add(self, doubt: Doubt) -> None:
        """Take one in. Never blocks."""
        sender = (doubt.jurisdiction, doubt.device_id)
        if sender not in self._waiting and len(self._waiting) >= SENDERS_MAX:
            metrics.OVERFLOWED.inc()
            self._overflowed += 1
            return
        reasons = self._waiting.setdefault(sender, {})
        if doubt.reason not in reasons and len(reasons) >= REASONS_MAX:
            doubt = replace(doubt, reason=OTHER_REASONS)
        raw = doubt.raw[:RAW_BYTES_MAX]
        known = reasons.get(doubt.reason)
        reasons[doubt.reason] = known.and_another(raw) if known else _Counted(doubt, (raw,), 1)
        self._filled.set()

    async def run(self) -> None:
        """Keep and show what came in, until cancelled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            waiting = self._take()
            if overflowed := self._overflowed:
                self._overflowed = 0
                log.error("DOUBTFUL PRESSES OF TOO MANY SENDERS", not_taken=overflowed)
            try:
                while waiting:
                    view = await within(KEEP_S_MAX, self._keep(waiting[-1]))
                    self._shown_unstored.discard(_key(waiting.pop()))
                    self._show_once(view)
            except DATABASE_ERRORS as error:
                log.error(
                    "DOUBTFUL PRESSES NOT STORED", because=because(error), senders=len(waiting)
                )
                self._show_unstored(waiting)
            await asyncio.sleep(KEEP_EVERY_S)

    async def show_changed(self) -> None:
        """Show what other replicas heard, or what was marked as seen there, until cancelled."""
        while True:
            await self._change_heard.wait()
            await asyncio.sleep(TOGETHER_S)
            self._change_heard.clear()
            changed, self._changed = self._changed, set()
            try:
                rows = queries.changed(self._database.pool, doubtful_ids=list(changed))
                for view in [self._view(row) async for row in rows]:
                    self._show_once(view)
            except DATABASE_ERRORS as error:
                log.warning("changed doubtful presses are shown later", because=because(error))
                self._changed |= changed
                self._change_heard.set()
                await asyncio.sleep(1)

    async def page_unseen(self) -> None:
        """Tell tier 1 of what no screen has marked as seen, until cancelled."""
        while True:
            await asyncio.sleep(1)
            try:
                await self.page_due()
            except DATABASE_ERRORS as error:
                log.warning("unseen doubtful presses wait", because=because(error))

    async def page_due(self) -> None:
        """Tell tier 1 of what has waited long enough by now. Raises DATABASE_ERRORS.

        The database's clock counts only until this replica first looks: it may step.
        """
        rows = [row async for row in queries.unpaged(self._database.pool)]
        now, since = self._clock(), self._unseen_since
        self._unseen_since = {
            row["doubtful_id"]: since.get(row["doubtful_id"], now - max(0.0, row["age_s"]))
            for row in rows
        }
        due: dict[str, list[UUID]] = {}
        for row in rows:
            after_s = SEEN_WITHIN_S if self._watching(row["jurisdiction"]) else 0.0
            if now - self._unseen_since[row["doubtful_id"]] >= after_s:
                due.setdefault(row["jurisdiction"], []).append(row["doubtful_id"])
        for jurisdiction, doubtful_ids in due.items():
            await self._page(jurisdiction, doubtful_ids)

    async def unseen(self, jurisdiction: str) -> list[DoubtfulView]:
        """Give what a person here has still to look at; while the database is away, what is new."""
        try:
            return await within(KEEP_S_MAX, self._read_unseen(jurisdiction))
        except DATABASE_ERRORS as error:
            log.warning("older doubtful presses can't be read", because=because(error))
            views = [
                self._unstored_view(counted)
                for reasons in self._waiting.values()
                for counted in reasons.values()
            ]
            return [view for view in views if view.jurisdiction in {jurisdiction, None}]

    async def _read_unseen(self, jurisdiction: str) -> list[DoubtfulView]:
        unseen = queries.unseen(self._database.pool, jurisdiction=jurisdiction)
        return [self._view(row) async for row in unseen]

    async def mark_seen(self, doubtful_id: UUID, *, jurisdiction: str, by: str) -> DoubtfulView:
        """Say that a person has looked; safe to repeat. Raises NotFound."""
        pool = self._database.pool
        row = await queries.mark_seen(
            pool, doubtful_id=doubtful_id, jurisdiction=jurisdiction, by=by
        )
        if row is None:
            row = await queries.one(pool, doubtful_id=doubtful_id, jurisdiction=jurisdiction)
        if row is None:
            raise NotFound(f"no doubtful press {doubtful_id}")
        view = self._view(row)
        self._show_once(view)
        return view

    def _heard(self, payload: str) -> None:
        self._changed.add(UUID(payload))
        self._change_heard.set()

    def _show_once(self, view: DoubtfulView) -> None:
        """Show it, unless it is the echo of what these screens were shown already."""
        if view.doubtful_id is None or self._shown.get(view.doubtful_id) == view:
            return
        self._shown[view.doubtful_id] = view
        if len(self._shown) > SHOWN_MAX:
            self._shown.popitem(last=False)
        self._show(view.jurisdiction, view)

    def _take(self) -> list[_Counted]:
        waiting, self._waiting = self._waiting, {}
        return [counted for reasons in waiting.values() for counted in reasons.values()]

    def _show_unstored(self, waiting: list[_Counted]) -> None:
        """Show at once what the database doesn't take, and try to keep it again."""
        for counted in waiting:
            key = sender, reason = _key(counted)
            if key not in self._shown_unstored:
                self._shown_unstored.add(key)
                view = self._unstored_view(counted)
                self._show(view.jurisdiction, view)
            reasons = self._waiting.setdefault(sender, {})
            newer = reasons.get(reason)
            times = counted.times + (newer.times if newer else 0)
            reasons[reason] = replace(counted, times=times)
        self._filled.set()

    async def _keep(self, counted: _Counted) -> DoubtfulView:
        first = counted.first
        claimed = [read_for_humans(raw) for raw in counted.raws]
        row = await queries.keep(
            self._database.pool,
            jurisdiction=first.jurisdiction,
            topic=first.topic,
            device_id=first.device_id,
            reason=first.reason,
            other_reasons=OTHER_REASONS,
            reasons_max=REASONS_MAX,
            read=msgspec.json.encode(claimed[0]).decode(),
            raws=list(counted.raws),
            press_ids=sorted({read["press_id"] for read in claimed if "press_id" in read}),
            press_ids_max=PRESS_IDS_MAX,
            times=counted.times,
            held_s=time.monotonic() - first.received,
        )
        return self._view(row)

    async def _page(self, jurisdiction: str, doubtful_ids: list[UUID]) -> None:
        entries = self._directory.entries
        situation = entries.situation(
            jurisdiction, kind="duress", drill=False, at=self._database.now()
        )
        first = entries.first_to_tell(entries.default_policy(jurisdiction), situation)
        if first is None:
            return  # it stays unpaged, until there is somebody
        tier, _ = first
        await queries.page_unseen(
            self._database.pool,
            jurisdiction=jurisdiction,
            doubtful_ids=doubtful_ids,
            people=msgspec.json.encode(entries.to_tell(tier, situation)).decode(),
        )

    def _view(self, row: asyncpg.Record) -> DoubtfulView:
        return DoubtfulView(
            doubtful_id=row["doubtful_id"],
            jurisdiction=row["jurisdiction"],
            received_at=timestamp(row["received_at"]),
            topic=row["topic"],
            device_id=row["device_id"],
            reason=row["reason"],
            read=msgspec.json.decode(row["read"] or "{}", type=dict[str, str]),
            times=row["times"],
            place=self._place(row["device_id"]),
            seen_at=timestamp(row["seen_at"]) if row["seen_at"] else None,
            seen_by=row["seen_by"],
        )

    def _unstored_view(self, counted: _Counted) -> DoubtfulView:
        first = counted.first
        return DoubtfulView(
            doubtful_id=None,
            jurisdiction=first.jurisdiction,
            received_at=None,
            topic=first.topic,
            device_id=first.device_id,
            reason=first.reason,
            read=read_for_humans(first.raw),
            times=counted.times,
            place=self._place(first.device_id),
        )

    def _place(self, device_id: str) -> str | None:
        device = self._directory.entries.devices.get(device_id)
        return where(geotag(device)) if device is not None and device.site is not None else None


def _key(counted: _Counted) -> tuple[_Sender, str]:
    first = counted.first
    return (first.jurisdiction, first.device_id), first.reason


def read_for_humans(raw: bytes) -> dict[str, str]:
    """Say what an unverified message claims, cut short and without control characters."""
    payload = signing.read_unverified(raw)
    try:
        claimed = msgspec.json.decode(payload or b"", type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    names = ("kind", "device_id", "press_id", "gesture", "drill", "device_clock")
    return {
        name: printable(bytes(claimed[name]).decode(errors="replace"), chars_max=READ_CHARS_MAX)
        for name in names
        if name in claimed
    }
