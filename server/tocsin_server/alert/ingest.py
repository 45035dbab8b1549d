"""Ingest: verify what arrives, and commit it before anything is done about it.

A press with a valid signature of an active device is a full alert, whatever else is
strange about it. What can't be verified goes to the doubtful lane. A press that the
database doesn't take within a second is shown as NOT YET STORED, and after five it is
paged from memory: nothing may delay telling a human. Only a commit is receipted.
"""

import asyncio
import secrets
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import metrics
from tocsin_server.alert.geotag import Place, geotag, in_doubt
from tocsin_server.alert.press import Doubt, Held, HeldView, Key, Stored
from tocsin_server.alert.view import AlertView
from tocsin_server.broker import Arrived
from tocsin_server.errors import because
from tocsin_server.fleet.directory import Device, Directory, PolicyTier
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire import messages, signing, topics
from tocsin_wire.errors import BadSignature, MalformedMessage, MalformedTopic
from tocsin_wire.messages import KINDS, OPEN_PRESSES_MAX, Press, timestamp

BATCH_MAX = 256  # one commit of this many takes about as long as a person's blink
SENDERS_SHARE_MAX = 16  # of a batch, so that one flooding device can't fill it
INBOX_PER_SENDER_MAX = 4 * OPEN_PRESSES_MAX  # all a button keeps, twice, by each of two brokers
HELD_PER_SENDER_MAX = 2 * OPEN_PRESSES_MAX  # beyond either, the button keeps it and sends it again
BLOCKED_MAX = 2  # presses in a row whose locks somebody else holds, at 2 s each
DRAWS_MAX = 5  # two replicas in a storm of 500 draw the same code about once
LOOK_AT_ONCE_S = 0.005  # one message in so long needn't wait for its turn: a flood gains nothing
HELD_MAX = 20_000  # about 40 MB of presses, while the database is away
NOT_STORED_S = 1.0
PAGE_FROM_MEMORY_S = 5.0
PAGE_AGAIN_S = 60.0  # whoever goes on pressing is told of once a minute, not once a press
WATCH_S = 0.1
RETRY_S = 0.25
CLOCK_OFF_S = 300.0
SALT_BYTES = 16  # of an event's digest, so that an erased payload can't be guessed from it
SEQUENCES_MAX = 50_000  # devices whose last sequence number is remembered

# SQLSTATE classes of what can be otherwise the next time: connections, transactions, resources,
# locks, an operator. Whatever else PostgreSQL says is about the row, and it would say it again.
_MAY_PASS = frozenset({"08", "25", "28", "40", "53", "55", "57", "58"})

# Of these, what passes once somebody lets go of a lock: the others of a batch need not wait for it.
_OF_ONE_ROW = frozenset({"55"})

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class Inbox:
    """What arrived and was not looked at yet, served sender by sender in turn.

    A sender is the button that the broker let publish there, whatever jurisdiction it names.
    """

    def __init__(self) -> None:
        self._senders: OrderedDict[str, deque[Arrived]] = OrderedDict()
        self.filled = asyncio.Event()

    def put(self, arrived: Arrived) -> None:
        """Take a message in; one that a flooding sender overfills is left to its button."""
        waiting = self._senders.setdefault(_sender(arrived.topic), deque())
        if len(waiting) >= INBOX_PER_SENDER_MAX:
            metrics.OVERFLOWED.inc()
            arrived.accept()
            return
        waiting.append(arrived)
        self.filled.set()

    def take(self, most: int) -> list[Arrived]:
        """Give up to this many, a fair share of each sender's."""
        taken: list[Arrived] = []
        while self._senders and len(taken) < most:
            sender, waiting = self._senders.popitem(last=False)
            share = min(len(waiting), SENDERS_SHARE_MAX, most - len(taken))
            taken.extend(waiting.popleft() for _ in range(share))
            if waiting:
                self._senders[sender] = waiting
        if not self._senders:
            self.filled.clear()
        return taken


class Ingest:
    """The way of a press from the broker into the database."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        doubt: Callable[[Doubt], None],
        on_stored: Callable[[list[Stored]], None],
        on_held: Callable[[HeldView, str], None],
        on_held_gone: Callable[[Held], None],
        page_from_memory: Callable[[Held], "asyncio.Future[list[str]]"],
        place_doubtful: Callable[[str], bool] = lambda _device_id: False,
    ) -> None:
        self._database = database
        self._directory = directory
        self._doubt = doubt
        self._on_stored = on_stored
        self._on_held = on_held
        self._on_held_gone = on_held_gone
        self._page_from_memory = page_from_memory
        self._place_doubtful = place_doubtful
        self._inbox = Inbox()
        self._held: OrderedDict[Key, Held] = OrderedDict()
        self._held_by: Counter[str] = Counter()
        self._paged: dict[tuple[str, str, bool], tuple[float, asyncio.Future[list[str]]]] = {}
        self._to_store = asyncio.Event()
        self._looked_at = 0.0
        self._pages_recorded: set[tuple[UUID, asyncio.Future[list[str]]]] = set()
        self._recording: set[asyncio.Task[None]] = set()
        self._last_seq: OrderedDict[tuple[str, UUID], tuple[int, UUID]] = OrderedDict()

    def arrived(self, arrived: Arrived) -> None:
        """Take a message of a press topic. Never blocks: it is called from the broker's link."""
        metrics.ARRIVED.inc()
        waits = self._held or self._inbox.filled.is_set()
        if waits or arrived.received - self._looked_at < LOOK_AT_ONCE_S:
            self._inbox.put(arrived)
            return
        self._looked_at = arrived.received
        self._look_at(arrived)

    def held_of(self, jurisdiction: str) -> list[HeldView]:
        """Give the presses that screens must show as NOT YET STORED."""
        return [
            _held_view(held)
            for held in self._held.values()
            if held.shown and held.device.jurisdiction == jurisdiction
        ]

    async def verify(self) -> None:
        """Look at what arrived, fairly, until cancelled."""
        while True:
            await self._inbox.filled.wait()
            for arrived in self._inbox.take(BATCH_MAX):
                self._look_at(arrived)
            # Lets the store and the screens in between two batches of a flood.
            await asyncio.sleep(0)

    async def store(self) -> None:
        """Commit what is held, as much as there is and never waiting for more, until cancelled."""
        while True:
            await self._to_store.wait()
            try:
                async with self._database.walk.acquire() as connection:
                    await self._store_over(connection)
            except DATABASE_ERRORS as error:
                log.error("NOT STORED", presses=len(self._held), because=because(error))
                metrics.STORE_FAILURES.inc()
                await asyncio.sleep(RETRY_S)
                self._to_store.set()

    async def _store_over(self, connection: asyncpg.Connection) -> None:
        """Store over one connection while it lives: taking one anew would delay every press."""
        while True:
            await self._to_store.wait()
            if connection.is_closed():
                return
            self._to_store.clear()
            while self._held:
                await self._commit(connection, list(islice(self._held.values(), BATCH_MAX)))

    async def watch(self) -> None:
        """Show and page what the database doesn't take in time, until cancelled."""
        looked, was_stopped = time.monotonic(), False
        while True:
            await asyncio.sleep(WATCH_S)
            before, looked = looked, time.monotonic()
            # A replica that was stopped for a while first tries to store what it holds.
            was_stopped = not was_stopped and looked - before > NOT_STORED_S
            if was_stopped:
                continue
            for held in list(self._held.values()):
                if looked - held.received < NOT_STORED_S:
                    continue
                if not held.shown:
                    self._show_not_stored(held)
                if looked - held.received >= PAGE_FROM_MEMORY_S and held.paging is None:
                    held.paging = self._page(held, looked)

    def _page(self, held: Held, now: float) -> "asyncio.Future[list[str]]":
        """Tell tier 1 of what would be one alert, were there a database."""
        alert = (held.device.device_id, held.press.kind, held.drill)
        paged = self._paged.get(alert)
        if paged is None or now - paged[0] >= PAGE_AGAIN_S:
            paged = self._paged[alert] = (now, self._page_from_memory(held))
        return paged[1]

    def _look_at(self, arrived: Arrived) -> None:
        if self._held_by[_sender(arrived.topic)] >= HELD_PER_SENDER_MAX:
            # Not worth a verification: nothing of it would go ahead of what is held already.
            metrics.OVERFLOWED.inc()
            arrived.accept()
            return
        try:
            held = self._verified(arrived)
        except (MalformedTopic, MalformedMessage, BadSignature) as error:
            metrics.DOUBTFUL.inc()
            self._doubt(self._doubtful(arrived, str(error)))
            arrived.accept()
            return
        except Exception as error:
            # Our own mistake. It must not end the replica, for the button would send it again.
            log.exception("a press that this server can't read", topic=arrived.topic)
            reason = f"this server failed on it: {type(error).__name__}"
            self._doubt(self._doubtful(arrived, reason))
            arrived.accept()
            return
        known = self._held.get(held.key)
        if known is not None:
            known.came_again(held)
            if known.shown:
                arrived.accept()
            else:
                known.accepts.append(arrived.accept)
        elif len(self._held) >= HELD_MAX:
            # Not receipted: the button keeps it and sends it again. Accepted all the same, because
            # the broker stops telling us anything once too much is left with it.
            metrics.OVERFLOWED.inc()
            arrived.accept()
        else:
            self._held[held.key] = held
            self._held_by[held.device.device_id] += 1
            self._to_store.set()

    def _verified(self, arrived: Arrived) -> Held:
        topic = topics.parse(arrived.topic)
        entries = self._directory.entries
        device = entries.devices.get(topic.device_id)
        if device is None:
            raise BadSignature("no button of this name is known here")
        if not device.active:
            raise BadSignature("this button was revoked")
        if device.jurisdiction != topic.jurisdiction:
            raise BadSignature("this button belongs to another jurisdiction than its topic")
        body = signing.verified_payload(arrived.body, Press, {device.key.kid: device.key})
        press, unreadable = messages.decode_press(body)
        if press.device_id != device.device_id:
            raise BadSignature("the signed message names another button than its topic")
        now = datetime.now(UTC)
        return Held(
            press=press,
            device=device,
            place=self._place(device),
            drill=_says_drill(press) and entries.drill_open(device),
            remarks=_remarks(press, unreadable, now) + self._sequence_remarks(press),
            jws=arrived.body,
            received=arrived.received,
            received_at=now,
            accepts=[arrived.accept],
        )

    def _place(self, device: Device) -> Place:
        place = geotag(device)
        return in_doubt(place) if self._place_doubtful(device.device_id) else place

    def _sequence_remarks(self, press: Press) -> list[str]:
        if press.boot_id is None:
            return []
        boot = (press.device_id, press.boot_id)
        this = (press.seq, press.press_id)
        last = self._last_seq.pop(boot, this)
        self._last_seq[boot] = max(this, last)
        if len(self._last_seq) > SEQUENCES_MAX:
            self._last_seq.popitem(last=False)
        skipped = press.seq - last[0] - 1
        if press.attempt == 1 and skipped > 0:
            return [f"{skipped} earlier presses of this button have not arrived yet."]
        if press.seq == last[0] and press.press_id != last[1]:
            return ["The number of this press was used before: two boards may bear this name."]
        return []

    def _doubtful(self, arrived: Arrived, reason: str) -> Doubt:
        entries = self._directory.entries
        parts = arrived.topic.split("/")
        jurisdiction = parts[2] if len(parts) == 5 else ""
        device = entries.devices.get(parts[3]) if len(parts) == 5 else None
        if device is not None:
            jurisdiction = device.jurisdiction
        return Doubt(
            jurisdiction=jurisdiction if jurisdiction in entries.jurisdictions else None,
            topic=arrived.topic[:200],
            device_id=parts[3][:40] if len(parts) == 5 else "unknown",
            reason=reason,
            raw=arrived.body,
            received=arrived.received,
        )

    async def _commit(self, connection: asyncpg.Connection, batch: list[Held]) -> None:
        sent = [held.press for held in batch]
        try:
            stored = await self._store(connection, batch)
        except asyncpg.PostgresError as error:
            if len(batch) > 1 and _is_of_one_row(error):
                await self._commit_one_by_one(connection, batch)
                return
            if _may_pass(error):
                raise
            (held,) = batch
            self._let_go(held)
            topic = topics.topic(held.device.jurisdiction, held.device.device_id, topics.Leaf.PRESS)
            self._doubt(
                Doubt(
                    jurisdiction=held.device.jurisdiction,
                    topic=topic,
                    device_id=held.device.device_id,
                    reason=f"verified, but it can't be stored: {because(error)}",
                    raw=held.jws,
                    received=held.received,
                )
            )
            return
        self._on_stored(stored)
        metrics.BATCH.observe(len(batch))
        self._record_memory_pages(batch, stored)
        for held, press in zip(batch, sent, strict=True):
            if held.press is press:  # else an attempt came meanwhile that knows better when it was
                self._let_go(held)

    async def _commit_one_by_one(self, connection: asyncpg.Connection, batch: list[Held]) -> None:
        """Whatever keeps one press from being stored keeps no other from it."""
        blocked = 0
        for held in batch:
            try:
                await self._commit(connection, [held])
            except asyncpg.PostgresError as error:
                self._held.move_to_end(held.key)
                blocked += 1
                if blocked == BLOCKED_MAX:
                    raise
                log.error("NOT STORED", presses=1, because=because(error))

    async def _store(self, connection: asyncpg.Connection, batch: list[Held]) -> list[Stored]:
        """Store; where another replica drew one of the same codes just now, draw again."""
        with suppress(asyncpg.UniqueViolationError):
            opened = await self._store_opening(connection, batch)
            if opened is not None:
                return [opened]
        for _ in range(DRAWS_MAX - 1):
            with suppress(asyncpg.UniqueViolationError):
                return await self._store_many(connection, batch)
        return await self._store_many(connection, batch)

    async def _store_opening(
        self, connection: asyncpg.Connection, batch: list[Held]
    ) -> Stored | None:
        """Store a press that opens an alert, in half the time; None: it is another case."""
        held = batch[0]
        press, device = held.press, held.device
        if len(batch) > 1 or press.kind == "cancel" or _says_drill(press):
            return None
        tiers = self._tiers(device, press.kind)
        alert_id = messages.new_id()
        # In the statement's order: to sort names out would take a tenth of a millisecond.
        opened = await connection.fetchrow(
            queries.store_opening.sql,
            alert_id,
            secrets.token_bytes(SALT_BYTES),
            device.device_id,
            press.kind,
            press.press_id,
            (time.monotonic() - held.received) * 1000,
            press.age_ms,
            device.jurisdiction,
            press.gesture,
            press.boot_id,
            press.seq,
            press.attempt,
            press.age_exact,
            press.device_clock,
            held.remarks,
            held.jws,
            _json(held.place),
            _json(tiers),
        )
        if opened is None:
            return None
        return Stored(
            device_id=device.device_id,
            jurisdiction=device.jurisdiction,
            press_id=press.press_id,
            alert_id=alert_id,
            state="stored",
            drill=False,
            version=1,
            view=_json(_opened_view(held, alert_id, opened, tiers=len(tiers))),
        )

    async def _store_many(self, connection: asyncpg.Connection, batch: list[Held]) -> list[Stored]:
        now = time.monotonic()
        batch = sorted(batch, key=lambda held: (held.device.device_id, held.press.press_id.bytes))
        kinds = {"duress", *(held.press.kind for held in batch)}
        devices = {
            held.device.device_id: _DeviceRow(
                jurisdiction=held.device.jurisdiction,
                site_id=held.device.site.site_id if held.device.site else None,
                place=held.place,
                tiers={kind: self._tiers(held.device, kind) for kind in kinds},
            )
            for held in batch
        }
        rows = await connection.fetch(
            queries.store_presses.sql, _json([_row(held, now) for held in batch]), _json(devices)
        )
        return [Stored(**row) for row in rows]

    def _tiers(self, device: Device, kind: str) -> list[PolicyTier]:
        policy = self._directory.entries.policy_for(device, kind)
        # No policy is no reason to be silent: the alert is shown, and says that nobody is told.
        return list(policy.tiers) if policy else [PolicyTier(patience_s=30, people=[])]

    def _let_go(self, held: Held) -> None:
        if self._held.pop(held.key, None) is not None:
            self._held_by[held.device.device_id] -= 1
            if not self._held_by[held.device.device_id]:
                del self._held_by[held.device.device_id]
        if not self._held:
            self._paged.clear()
            self._pages_recorded.clear()
        self._accept_soon(held)
        if held.shown:
            self._on_held_gone(held)

    def _show_not_stored(self, held: Held) -> None:
        held.shown = True
        metrics.NOT_STORED.inc()
        log.error(
            "NOT YET STORED", device_id=held.device.device_id, press_id=str(held.press.press_id)
        )
        self._on_held(_held_view(held), held.device.jurisdiction)
        self._accept_soon(held)

    def _accept_soon(self, held: Held) -> None:
        """The broker can wait for its PUBACK until what is shown of the press is on its way."""
        for accept in held.accepts:
            asyncio.get_running_loop().call_soon(accept)
        held.accepts.clear()

    def _record_memory_pages(self, batch: list[Held], stored: list[Stored]) -> None:
        alerts = {(row.device_id, row.press_id): row.alert_id for row in stored}
        pages = {
            (alerts[held.key], held.paging)
            for held in batch
            if held.paging is not None and held.key in alerts
        } - self._pages_recorded
        self._pages_recorded |= pages
        for alert_id, paging in pages:
            recording = asyncio.create_task(self._record_page(alert_id, paging))
            self._recording.add(recording)
            recording.add_done_callback(self._recording.discard)

    async def _record_page(self, alert_id: UUID, paging: "asyncio.Future[list[str]]") -> None:
        try:
            names = await paging
            if names:
                await queries.record_paged_from_memory(
                    self._database.pool, alert_id=alert_id, names=names
                )
        except DATABASE_ERRORS as error:
            log.error("a page from memory is not on record", because=because(error))


def _sender(topic: str) -> str:
    """Name the button that publishes there: the broker's ACL vouches for it."""
    parts = topic.split("/")
    return parts[3] if len(parts) == 5 else topic


class _PressRow(msgspec.Struct):
    device_id: str
    press_id: UUID
    kind: str
    said_drill: bool
    gesture: str
    boot_id: UUID | None
    seq: int
    attempt: int
    age_ms: int
    age_exact: bool
    device_clock: str | None
    cancels: UUID | None
    remarks: list[str]
    jws: str
    held_ms: float


class _DeviceRow(msgspec.Struct):
    jurisdiction: str
    site_id: UUID | None
    place: Place
    tiers: dict[str, list[PolicyTier]]  # by kind


def _row(held: Held, now: float) -> _PressRow:
    press = held.press
    return _PressRow(
        device_id=held.device.device_id,
        press_id=press.press_id,
        kind=press.kind,
        said_drill=_says_drill(press),
        gesture=press.gesture,
        boot_id=press.boot_id,
        seq=press.seq,
        attempt=press.attempt,
        age_ms=press.age_ms,
        age_exact=press.age_exact,
        device_clock=press.device_clock,
        cancels=press.cancels,
        remarks=held.remarks,
        jws=held.jws.decode("ascii"),
        held_ms=(now - held.received) * 1000,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _opened_view(held: Held, alert_id: UUID, opened: asyncpg.Record, *, tiers: int) -> AlertView:
    """Show an alert that has just opened: what `alert_view` would say, without asking for it."""
    stored_at = timestamp(opened["stored_at"])
    return AlertView(
        alert_id=alert_id,
        version=1,
        device_id=held.device.device_id,
        kind=held.press.kind,
        drill=False,
        synthetic=False,
        code=opened["code"],
        state="open",
        unanswered=False,
        presses=1,
        cancelled=False,
        remarks=held.remarks,
        place=held.place,
        pressed_at=timestamp(opened["pressed_at"]),
        received_at=timestamp(opened["received_at"]),
        stored_at=stored_at,
        shown_at=None,
        acknowledged_at=None,
        acknowledged_by=None,
        held_at=None,
        asked_at=None,
        again_at=None,
        again_why=None,
        offered_to=None,
        responding_at=None,
        on_scene_at=None,
        resolved_at=None,
        resolved_by=None,
        outcome=None,
        tier=0,
        tiers=tiers,
        next_decision_at=stored_at,
        previous_alert_id=opened["previous_alert_id"],
        notifications=[],
    )


def _says_drill(press: Press) -> bool:
    return press.drill or press.kind == "test"


def _remarks(press: Press, unreadable: tuple[str, ...], now: datetime) -> list[str]:
    """Say in sentences what is strange about a press; none of it makes it less of an alert."""
    remarks = []
    if press.kind not in KINDS:
        remarks.append(f"This server does not know the kind {press.kind!r}: treat it as duress.")
    if unreadable:
        remarks.append(f"The button sent values that can't be read: {', '.join(unreadable)}.")
    if not press.age_exact:
        remarks.append("The button restarted with this press unsent: it may be older than shown.")
    if _clock_is_off(press, now):
        remarks.append("The button's own clock is wrong; the times shown are the server's.")
    return remarks


def _clock_is_off(press: Press, now: datetime) -> bool:
    """Say so of the clock at the edge; how long ago that was must be known."""
    if press.device_clock is None or not press.age_exact:
        return False
    pressed = now - timedelta(milliseconds=press.age_ms)
    try:
        off_s = (datetime.fromisoformat(press.device_clock) - pressed).total_seconds()
        return abs(off_s) > CLOCK_OFF_S
    except (ValueError, TypeError, OverflowError):
        return True


def _held_view(held: Held) -> HeldView:
    pressed = held.received_at.timestamp() - held.press.age_ms / 1000
    return HeldView(
        device_id=held.device.device_id,
        press_id=held.press.press_id,
        kind=held.press.kind,
        drill=held.drill,
        place=held.place,
        pressed_at=timestamp(datetime.fromtimestamp(pressed, UTC)),
        received_at=timestamp(held.received_at),
    )


def _is_of_one_row(error: asyncpg.PostgresError) -> bool:
    return not _may_pass(error) or (error.sqlstate or "")[:2] in _OF_ONE_ROW


def _may_pass(error: asyncpg.PostgresError) -> bool:
    return (error.sqlstate or "08")[:2] in _MAY_PASS
