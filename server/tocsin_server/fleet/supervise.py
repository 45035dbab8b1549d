"""Supervision: notice within seconds that a button would not be heard, and say so.

Every replica judges by its own monotonic clock what it hears, and reads every few
seconds what the others heard. That a button is lost, and that this was told, is decided
in the database, so that it is told once. What arrives here is not signed: it can make a
button look well or ill, and never an alert.
"""

import asyncio
import math
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import prometheus_client
import structlog

from tocsin_server import metrics
from tocsin_server.broker import Arrived
from tocsin_server.errors import because
from tocsin_server.fleet import condition, health, oncall, telling
from tocsin_server.fleet.condition import Boots, Condition, Link, Silence
from tocsin_server.fleet.directory import Device, Directory, Entries
from tocsin_server.fleet.health import Finding, Waiting, update_in_words
from tocsin_server.fleet.moved import Whereabouts
from tocsin_server.fleet.proof import Calendar, Proof, ProofState, zone_named
from tocsin_server.fleet.quiet import Quiet
from tocsin_server.ports import Carrier, Show
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire import messages, topics
from tocsin_wire.errors import MalformedMessage, MalformedTopic
from tocsin_wire.messages import Heartbeat, OpenPress, Status, timestamp
from tocsin_wire.topics import Leaf

TURN_S = 1.0
SYNC_EVERY_S = 5.0
FORGET_EVERY_S = 60.0
SYNC_S_MAX = 1e9  # the first time: whatever was proven in the last 30 years
OTHERS_HEAR_S = condition.LATE_S - SYNC_EVERY_S  # others are asked before it is called late here
FRAMES_PER_TURN_MAX = 300  # a county's buttons; a screen that reads slowly must not be cut off
CHUNK = 200  # buttons looked at before the loop gets to breathe: a tenth of a millisecond
FRAMES_CHUNK = 10  # the same, for frames
KEEP_AT_ONCE_MAX = 200  # buttons whose last word is stored by one statement: half a millisecond
ODD_LOG_S = 10.0
# Faults that a screen shows at once: a cut wire must be there within a second, which is a turn.
AT_ONCE = frozenset({"contacts", "tamper"})
ROUNDING_S = 1.0  # between two clocks and over a network

MALFORMED = prometheus_client.Counter(
    "tocsin_heartbeats_malformed", "Heartbeats and statuses that can't be used"
)

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()

Answer = Callable[[str, str, list[OpenPress]], Awaitable[None]]


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """What a screen shows of a button."""

    device_id: str
    label: str
    site_id: UUID | None
    site: str | None
    room: str | None
    state: Condition
    last_heard_at: str | None
    health: list[str]
    faults: list[str]  # the same by name: contacts, tamper, settings, firmware, …
    advice: list[str]  # whom to call about it, and why; what only shows has none
    last_proven_at: (
        str | None
    )  # null: nobody has answered a press of it where it is, so it isn't armed
    last_proven_by: str | None
    proof: ProofState  # by the rule of its jurisdiction; it pages nobody
    prove_by: str | None  # when its time ends; overdue: when that ended
    firmware: str | None
    update: str | None = None  # how far it is with another release; null: it was asked for none
    battery_pct: int | None
    network: str | None
    moved_at: str | None = None
    place_doubtful_since: str | None = None
    network_changed_at: str | None = None  # of its whole site: one notice for all its buttons
    maintenance_until: str | None = None  # nobody is texted about it, but of its alerts
    told_from: str | None = None  # its site is closed: nobody was told of this, nor is before then
    clock_synced: bool | None  # no fault: whatever is shown is timed by the database's clock


class DeviceFrame(msgspec.Struct, frozen=True, tag="device", tag_field="type"):
    """A change of one button, as it goes to the screens."""

    device: DeviceView


class DeviceGoneFrame(msgspec.Struct, frozen=True, tag="device_gone", tag_field="type"):
    """A button that was taken out, as its screens are told."""

    device_id: str


_WELL: dict[str, tuple[Finding, float | None]] = {}  # what nearly every button has: no findings


class Button(msgspec.Struct, eq=False, gc=False):
    """What this replica knows of one button. Moments are of the monotonic clock.

    There are tens of thousands: what nearly none of them needs isn't kept for each, and Python's
    search for cycles, of which there are none here, leaves them out.
    """

    device: Device
    state: Condition = "never_heard"
    stored: Condition = "never_heard"  # as the database has it
    heard: float | None = None
    last_heard_at: datetime | None = None
    lost: float | None = None
    linkless: float | None = None
    links: tuple[tuple[str, Link], ...] = ()  # by the broker's URL
    boots: Boots = msgspec.field(default_factory=Boots)
    heartbeat: bytes | None = None  # as it is stored: one piece, where its parts would take more
    waiting: Waiting = msgspec.field(default_factory=Waiting)
    findings: dict[str, tuple[Finding, float | None]] = msgspec.field(default_factory=lambda: _WELL)
    last_proven_at: datetime | None = None
    last_proven_by: str | None = None
    to_show: bool = False
    shown: int | None = None  # the hash of its last frame

    @property
    def proven_here_at(self) -> datetime | None:
        """Say when it was last proven where it is now."""
        proven_at, moved_at = self.last_proven_at, self.device.moved_at
        moved_since = proven_at is not None and moved_at is not None and proven_at < moved_at
        return None if moved_since else proven_at


@dataclass(frozen=True, slots=True)
class Census:
    """What a look at every button came to. `troubled`: lost, or with findings."""

    counts: Counter[Condition] = field(default_factory=Counter)
    troubled: list[Button] = field(default_factory=list)
    to_lose: list[Button] = field(default_factory=list)
    to_bring_back: list[Button] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ears:
    """How well this replica listens at this moment."""

    listening_s: float
    every_broker: bool


class Supervisor:
    """All buttons as this replica sees them."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        brokers: Callable[[], Sequence[Carrier]],
        show: Show,
        answer_heartbeat: Answer,
        on_connected: Callable[[str], None],
        whereabouts: Whereabouts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_connected` gets a device id once its boot is stored, so that commands reach it."""
        self._database = database
        self._directory = directory
        self._brokers = brokers
        self._show = show
        self._answer_heartbeat = answer_heartbeat
        self._on_connected = on_connected
        self._whereabouts = whereabouts
        self._calendars: dict[str, Calendar] = {}
        self._quiet = Quiet()
        self._clock = clock
        self._entries: Entries | None = None
        self._buttons: dict[str, Button] = {}
        self._changed: deque[Button] = deque()
        self._unsaved: dict[str, Button] = {}
        self._connected_anew: dict[str, None] = {}
        self._told: dict[telling.Key, float] = {}
        self._returned: dict[str, float] = {}
        self._to_answer: OrderedDict[str, list[OpenPress]] = OrderedDict()
        self._asked = asyncio.Event()
        self._synced = self._forgot = -math.inf
        self._odd_logged = -math.inf

    def heard(self, broker: Carrier, arrived: Arrived) -> None:
        """Take a message of any of a button's topics. Never blocks, and never raises.

        A press counts as a sign of life, and as nothing else: it is ingest's.
        """
        try:
            topic = topics.parse(arrived.topic)
            device = self._directory.entries.devices.get(topic.device_id)
            if device is None or not device.active or device.jurisdiction != topic.jurisdiction:
                self._odd(arrived, "no active button of this name is known there")
                return
            button = self._button(device)
            if topic.leaf is Leaf.HEARTBEAT and not arrived.retained:
                heartbeat = messages.decode(Heartbeat, arrived.body)
                self._heard_heartbeat(button, broker, arrived, heartbeat)
            elif topic.leaf is Leaf.PRESS and not arrived.retained:
                self._heard_from(button, arrived)
            elif topic.leaf is Leaf.STATUS and arrived.body:
                status = messages.decode(Status, arrived.body)
                self._heard_status(button, broker, arrived, status)
        except (MalformedTopic, MalformedMessage) as error:
            self._odd(arrived, str(error))

    def views(self, jurisdiction: str) -> list[DeviceView]:
        """Give the buttons of a jurisdiction as screens show them."""
        self._adopt_directory()
        self._adopt_calendars()
        return [
            self._view(button)
            for button in self._buttons.values()
            if button.device.jurisdiction == jurisdiction
        ]

    def settings_of(self, device_id: str) -> str | None:
        """Give the digest of the settings that a button last said it has."""
        button = self._buttons.get(device_id)
        heartbeat = _heartbeat_of(button) if button is not None else None
        return heartbeat.config_digest if heartbeat is not None else None

    async def run(self) -> None:
        """Supervise until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._turns())
            tasks.create_task(self._answers())

    async def turn(self) -> None:
        """Judge every button once, keep and tell what changed, and show it."""
        self._adopt_directory()
        self._adopt_calendars()
        await self._adopt_quiet()
        try:
            if self._sync_is_due() or await self._would_lose():
                await self._sync()
        except DATABASE_ERRORS as error:
            log.warning("what was heard of the buttons is kept later", because=because(error))
        census = await self._judge()
        try:
            await self._store_conditions(census)
            await self._judge_places()
            await self._tell(census.troubled)
        except DATABASE_ERRORS as error:
            log.warning("what became of the buttons is told later", because=because(error))
        await self._show_changes()
        for name in condition.CONDITIONS:
            metrics.BUTTONS.labels(name).set(census.counts[name])

    async def _turns(self) -> None:
        while True:
            await self.turn()
            await asyncio.sleep(TURN_S)

    async def _answers(self) -> None:
        while True:
            await self._asked.wait()
            while self._to_answer:
                device_id, kept = self._to_answer.popitem(last=False)
                device = self._directory.entries.devices.get(device_id)
                if device is None:
                    continue
                try:
                    await self._answer_heartbeat(device.jurisdiction, device_id, kept)
                except DATABASE_ERRORS as error:
                    log.warning("the next heartbeat is answered", because=because(error))
            self._asked.clear()

    # What arrives.

    def _heard_heartbeat(
        self, button: Button, broker: Carrier, arrived: Arrived, heartbeat: Heartbeat
    ) -> None:
        link = condition.after_heartbeat(_link_of(button, broker), heartbeat)
        self._whereabouts.heard(
            button.device, heartbeat.place, now=arrived.received, unheard=button.heard
        )
        self._heard_from(button, arrived)
        self._heard_boot(button, heartbeat.boot_id, arrived.received)
        self._set_link(button, broker, link, arrived.received)
        button.heartbeat = messages.encode(heartbeat)
        button.waiting.heard(heartbeat, at=arrived.received)
        before = button.findings.keys()
        self._note_findings(button, heartbeat, arrived.received)
        if (button.findings.keys() ^ before) & AT_ONCE:
            self._show_button(button)
        if heartbeat.open:
            self._to_answer[button.device.device_id] = heartbeat.open
            self._asked.set()

    def _heard_status(
        self, button: Button, broker: Carrier, arrived: Arrived, status: Status
    ) -> None:
        if status.online and not arrived.retained:
            self._heard_from(button, arrived)
            self._heard_boot(button, status.boot_id, arrived.received)
            self._connected_anew[button.device.device_id] = None
        link = condition.after_status(_link_of(button, broker), status, retained=arrived.retained)
        self._set_link(button, broker, link, arrived.received)

    def _heard_from(self, button: Button, arrived: Arrived) -> None:
        button.heard = max(arrived.received, button.heard or arrived.received)
        button.last_heard_at = self._database.now()
        self._unsaved[button.device.device_id] = button
        self._to_show(button)

    def _heard_boot(self, button: Button, boot_id: UUID, now: float) -> None:
        if button.boots.heard(boot_id, now=now):
            self._connected_anew[button.device.device_id] = None
            self._note_findings(button, _heartbeat_of(button), now)

    def _set_link(self, button: Button, broker: Carrier, link: Link, now: float) -> None:
        if link != _link_of(button, broker):
            others = [known for known in button.links if known[0] != broker.url]
            button.links = (*others, (broker.url, link))
        if not condition.is_linkless([known for _, known in button.links]):
            button.linkless = None
        elif button.linkless is None:
            button.linkless = now

    def _note_findings(
        self, button: Button, heartbeat: Heartbeat | None, since: float | None
    ) -> None:
        """Take what is wrong with a button; what was wrong before keeps its beginning."""
        interleave = button.boots.interleave(now=self._clock())
        where = self._whereabouts.verdict(button.device.device_id)
        found = health.findings(
            heartbeat,
            cloned=interleave,
            waiting=button.waiting.count,
            moved=where is not None and where.verdict == "doubtful",
            accepted=button.device.config_digest,
        )
        button.findings = {
            finding.name: (finding, button.findings.get(finding.name, (finding, since))[1])
            for finding in found
        } or _WELL

    def _odd(self, arrived: Arrived, reason: str) -> None:
        MALFORMED.inc()
        if arrived.received - self._odd_logged >= ODD_LOG_S:
            self._odd_logged = arrived.received
            log.warning("can't use what a button said", topic=arrived.topic[:120], because=reason)

    # What is known.

    def _button(self, device: Device) -> Button:
        button = self._buttons.get(device.device_id)
        if button is None:
            button = self._buttons[device.device_id] = Button(device)
        return button

    def _to_show(self, button: Button, *, first: bool = False) -> None:
        """Have the screens see it in its turn; `first`: before whatever waits."""
        if first:
            self._changed.appendleft(button)  # where it waits already, it is found to be done
        elif not button.to_show:
            self._changed.append(button)
        button.to_show = True

    def _adopt_directory(self) -> None:
        entries = self._directory.entries
        if entries is self._entries:
            return
        self._entries = entries
        active = {name: device for name, device in entries.devices.items() if device.active}
        for gone in self._buttons.keys() - active.keys():
            jurisdiction = self._buttons.pop(gone).device.jurisdiction
            self._show(jurisdiction, msgspec.json.encode(DeviceGoneFrame(gone)))
            self._unsaved.pop(gone, None)
            self._whereabouts.forget(gone)
            self._connected_anew.pop(gone, None)
        for name, device in active.items():
            known = self._buttons.get(name)
            if known is None or known.device is not device:
                button = self._button(device)
                button.device = device
                self._whereabouts.adopt(device)
                if button.heartbeat is not None:
                    self._note_findings(button, _heartbeat_of(button), self._clock())
                self._to_show(button)

    async def _adopt_quiet(self) -> None:
        """Note which sites are worked on or closed; where that changes, the screens see it."""
        changed = await self._quiet.look(self._directory.entries, self._database.now())
        for button in self._buttons.values() if changed else ():
            if button.device.site is not None and button.device.site.site_id in changed:
                self._to_show(button)

    def _adopt_calendars(self) -> None:
        """Where another day begins, or another rule holds, the screens see it of every button."""
        now, outdated = self._database.now(), set()
        for name, known in self._directory.entries.jurisdictions.items():
            before = self._calendars.get(name)
            zone = zone_named(known.time_zone)
            if (
                before is None
                or now >= before.valid_until
                or (before.rule, before.zone) != (known.proof_rule, zone)
            ):
                self._calendars[name] = Calendar(known.proof_rule, zone, now)
                outdated.add(name)
        for button in self._buttons.values() if outdated else ():
            if button.device.jurisdiction in outdated:
                self._to_show(button)

    def _proof_of(self, button: Button) -> Proof:
        calendar = self._calendars.get(button.device.jurisdiction)
        if calendar is None:  # it was read in this moment; the next turn knows its rule
            return Proof("never" if button.proven_here_at is None else "proven", None)
        return calendar.proof_of(button.proven_here_at)

    async def _in_chunks(self, buttons: Iterable[Button]) -> AsyncIterator[list[Button]]:
        """Give buttons, some at a time, and let the loop breathe in between."""
        everybody = list(buttons)
        for first in range(0, len(everybody), CHUNK):
            yield everybody[first : first + CHUNK]
            await asyncio.sleep(0)

    def _sync_is_due(self) -> bool:
        return self._clock() - self._synced >= SYNC_EVERY_S or bool(self._connected_anew)

    async def _would_lose(self) -> bool:
        """Say whether somebody looks lost: then it counts what the other replicas heard."""
        ears = self._ears()
        async for chunk in self._in_chunks(self._buttons.values()):
            now = self._clock()
            if any(
                button.state != "lost" and _judged(button, ears, now) == "lost" for button in chunk
            ):
                return True
        return False

    async def _sync(self) -> None:
        await self._keep_heard()
        now = self._clock()
        unheard: list[str] = []
        async for chunk in self._in_chunks(self._buttons.values()):
            unheard += [
                button.device.device_id
                for button in chunk
                if button.heard is None or now - button.heard > OTHERS_HEAR_S
            ]
        query = queries.healths(
            self._database.pool,
            unheard=unheard,
            since_s=min(now - self._synced + ROUNDING_S, SYNC_S_MAX),
        )
        rows = [row async for row in query]
        told = [row async for row in oncall.queries.told(self._database.pool, prefix="button ")]
        now = self._clock()
        for count, row in enumerate(rows, start=1):
            button = self._buttons.get(row["device_id"])
            if button is not None:
                self._merge(button, row, now)
            if count % CHUNK == 0:
                await asyncio.sleep(0)
        self._told = {(row["jurisdiction"], row["fault"]): now - row["age_s"] for row in told}
        await self._whereabouts.sync(now, self._directory.entries.devices)
        self._synced = now
        for name in [name for name in self._connected_anew if name not in self._unsaved]:
            del self._connected_anew[name]
            self._on_connected(name)

    async def _keep_heard(self) -> None:
        waiting = list(self._unsaved)
        for first in range(0, len(waiting), KEEP_AT_ONCE_MAX):
            # Sorted, as every replica's: rows that are locked in one order can't deadlock.
            names = sorted(waiting[first : first + KEEP_AT_ONCE_MAX])
            await self._keep([self._unsaved[name] for name in names if name in self._unsaved])

    async def _keep(self, buttons: Sequence[Button]) -> None:
        now = self._clock()
        heard = [button.heard for button in buttons]
        await queries.keep_heard(
            self._database.pool,
            device_ids=[button.device.device_id for button in buttons],
            silents_s=[now - (at or now) for at in heard],
            boot_ids=[button.boots.current for button in buttons],
            heartbeats=[
                button.heartbeat.decode() if button.heartbeat else None for button in buttons
            ],
        )
        for button, at in zip(buttons, heard, strict=True):
            if button.heard == at:
                self._unsaved.pop(button.device.device_id, None)

    def _merge(self, button: Button, row: asyncpg.Record, now: float) -> None:
        before = (button.last_heard_at, button.last_proven_at)
        button.stored = row["condition"]
        button.last_proven_at = row["last_proven_at"]
        button.last_proven_by = row["last_proven_by"]
        if row["silent_s"] is not None:
            heard = now - max(0.0, row["silent_s"])
            if button.heard is None or heard > button.heard:
                button.heard = heard
                button.last_heard_at = row["last_heard_at"]
                self._merge_heartbeat(button, row, heard)
        if button.boots.current is None and row["boot_id"] is not None:
            button.boots.heard(row["boot_id"], now=now)
        if button.stored == "lost" and button.state != "lost":
            lost = now - row["lost_s"]
            if button.heard is None or button.heard < lost:
                button.state, button.lost = "lost", lost
                self._to_show(button)
        elif button.state == "never_heard" and button.stored == "ok":
            button.state = "ok"
        if before != (button.last_heard_at, button.last_proven_at):
            self._to_show(button)

    def _merge_heartbeat(self, button: Button, row: asyncpg.Record, heard: float) -> None:
        if row["heartbeat"] is None:
            return
        heartbeat: Heartbeat | None
        try:
            heartbeat = messages.decode(Heartbeat, row["heartbeat"].encode())
        except MalformedMessage as error:
            log.info("an older heartbeat can't be read", because=because(error))
            heartbeat = _heartbeat_of(button)
        else:
            said = messages.encode(heartbeat)
            if said != button.heartbeat:  # else something else was heard since
                button.waiting.heard(heartbeat, at=heard)
            button.heartbeat = said
        # Since when it has been so, nobody here knows: it isn't told anew after a restart.
        self._note_findings(button, heartbeat, None)

    # What follows.

    def _ears(self) -> Ears:
        listening = [broker.judges_for_s() for broker in self._brokers()]
        return Ears(
            listening_s=max(listening, default=0.0),
            every_broker=min(listening, default=0.0) >= condition.JUDGE_AFTER_S,
        )

    async def _judge(self) -> Census:
        ears, census = self._ears(), Census()
        async for chunk in self._in_chunks(self._buttons.values()):
            now = self._clock()
            for button in chunk:
                state = _judged(button, ears, now)
                if state != button.state:
                    self._becomes(button, state, now)
                census.counts[state] += 1
                if state == "lost" or button.findings:
                    census.troubled.append(button)
                if state == "lost" and button.stored != "lost" and button.heard is not None:
                    census.to_lose.append(button)
                elif state in {"ok", "late"} and button.stored != "ok":
                    census.to_bring_back.append(button)
        return census

    def _becomes(self, button: Button, state: Condition, now: float) -> None:
        log.info("button", device_id=button.device.device_id, was=button.state, now=state)
        if state == "lost":
            button.lost = now
        button.state = state
        self._to_show(button, first=True)

    async def _store_conditions(self, census: Census) -> None:
        now = self._clock()
        if census.to_lose:
            lost = sorted(census.to_lose, key=_device_id)
            await queries.lose(
                self._database.pool,
                device_ids=[button.device.device_id for button in lost],
                silents_s=[max(0.0, now - (button.heard or now) - ROUNDING_S) for button in lost],
            )
            for button in lost:
                button.stored = "lost"
        if census.to_bring_back:
            await self._keep_heard()
            back = sorted(census.to_bring_back, key=_device_id)
            rows = queries.bring_back(
                self._database.pool, device_ids=[button.device.device_id for button in back]
            )
            self._note_back([row async for row in rows])
            for button in back:
                button.stored = "ok"

    def _note_back(self, rows: Sequence[asyncpg.Record]) -> None:
        now = self._clock()
        for row in rows:
            button = self._buttons.get(row["device_id"])
            if button is None or row["was"] != "lost":
                continue
            fault = telling.fault_name(row["device_id"], "lost")
            told = self._told.get((button.device.jurisdiction, fault))
            if told is not None and now - told <= row["lost_s"] + ROUNDING_S:
                self._returned[row["device_id"]] = now

    async def _judge_places(self) -> None:
        """Learn, decide and show what the buttons say of the network. Raises DATABASE_ERRORS."""
        now, where = self._clock(), self._whereabouts
        await where.learn()
        sites: dict[UUID, list[Button]] = {site_id: [] for site_id in where.due(now)}
        if sites:
            async for chunk in self._in_chunks(self._buttons.values()):
                for button in chunk:
                    if button.device.site is not None and button.device.site.site_id in sites:
                        sites[button.device.site.site_id].append(button)
        for buttons in sites.values():
            seen = [where.seen(each.device, tells=_tells(each), now=now) for each in buttons]
            await where.decide(seen, now, self._directory.entries.devices)
        for name in list(where.changed):
            del where.changed[name]
            changed = self._buttons.get(name)
            if changed is not None:
                verdict = where.verdict(name)
                since = verdict.since if verdict is not None else now
                self._note_findings(changed, _heartbeat_of(changed), since)
                self._to_show(changed, first=True)
        for site_id, notice in where.notices(now, quiet=self._quiet.sites):
            await self._tell_on_call(notice)
            where.noticed(site_id)

    async def _tell(self, troubled: Sequence[Button]) -> None:
        now = self._clock()
        if troubled:
            told = {key: now - at for key, at in self._told.items()}
            seen = [
                _seen(button, now)
                for button in troubled
                if self._quiet.maintenance_of(button.device) is None  # told when it ends
            ]
            seen += await self._neighbours(seen, told, now)
            for news in telling.to_tell(seen, told, closed=self._quiet.closed):
                await self._tell_on_call(news)
        await self._tell_back(now)
        if now - self._forgot >= FORGET_EVERY_S:
            standing = [
                telling.fault_name(button.device.device_id, name)
                for button in troubled
                for name in [*button.findings, *(["lost"] if button.state == "lost" else [])]
            ]
            await oncall.queries.forget(
                self._database.pool, prefix="button ", standing=standing, forget_s=oncall.AGAIN_S
            )
            self._forgot = now

    async def _neighbours(
        self, seen: Sequence[telling.Button], told: dict[telling.Key, float], now: float
    ) -> list[telling.Button]:
        """Give the others of each site where a loss is to be told: it may be that of them all."""
        sites = {
            button.device.site.site_id
            for button in seen
            if button.device.site is not None and telling.is_untold(button, told)
        } - self._quiet.closed
        neighbours: list[telling.Button] = []
        if sites:
            known = {button.device.device_id for button in seen}
            async for chunk in self._in_chunks(self._buttons.values()):
                neighbours += [
                    _seen(button, now)
                    for button in chunk
                    if button.device.site is not None
                    and button.device.site.site_id in sites
                    and button.device.device_id not in known
                ]
        return neighbours

    async def _tell_on_call(self, news: oncall.Telling) -> None:
        number = self._number(news.jurisdiction)
        if number is None:
            log.warning("nobody is on call", jurisdiction=news.jurisdiction, text=news.body)
        else:
            told = await oncall.tell(self._database.pool, news, number=number, repeat=False)
            log.warning("on-call", told_here=told, text=news.body)
        for fault in news.faults:
            self._told[news.jurisdiction, fault.name] = self._clock()

    async def _tell_back(self, now: float) -> None:
        """Tell who is heard again, together: a site's power brings its buttons back one by one."""
        for name in list(self._returned):
            if name not in self._buttons or self._buttons[name].state == "lost":
                del self._returned[name]
        if not self._returned or now - min(self._returned.values()) < telling.GATHER_S:
            return
        devices = [self._buttons[name].device for name in sorted(self._returned)]
        self._returned.clear()
        for jurisdiction in sorted({device.jurisdiction for device in devices}):
            number = self._number(jurisdiction)
            if number is not None:
                theirs = [device for device in devices if device.jurisdiction == jurisdiction]
                await oncall.queries.say(
                    self._database.pool,
                    jurisdiction=jurisdiction,
                    address=number,
                    body=telling.heard_again(theirs)[: oncall.BODY_CHARS_MAX],
                )

    def _number(self, jurisdiction: str) -> str | None:
        known = self._directory.entries.jurisdictions.get(jurisdiction)
        return known.on_call_number if known else None

    async def _show_changes(self) -> None:
        shown = 0
        while self._changed and shown < FRAMES_PER_TURN_MAX:
            button = self._changed.popleft()
            if not button.to_show or self._buttons.get(button.device.device_id) is not button:
                continue
            self._show_button(button)
            shown += 1
            if shown % FRAMES_CHUNK == 0:
                await asyncio.sleep(0)

    def _show_button(self, button: Button) -> None:
        button.to_show = False
        frame = msgspec.json.encode(DeviceFrame(self._view(button)))
        if hash(frame) != button.shown:
            button.shown = hash(frame)
            self._show(button.device.jurisdiction, frame)

    def _told_from(self, button: Button) -> datetime | None:
        """Say when its site opens, where until then something about it is kept back."""
        opens = self._quiet.opens(button.device)
        is_well = button.state != "lost" and not button.findings
        if opens is None or is_well or self._quiet.maintenance_of(button.device):
            return None
        now, device = self._clock(), button.device
        names = (telling.fault_name(device.device_id, what) for what in (*button.findings, "lost"))
        keys = [(device.jurisdiction, name) for name in names]
        told = {key: now - self._told[key] for key in keys if key in self._told}
        return opens if telling.waits(_seen(button, now), told) else None

    def _view(self, button: Button) -> DeviceView:
        device, heartbeat = button.device, _heartbeat_of(button)
        where = self._whereabouts.verdict(device.device_id)
        verdict_at = timestamp(where.at) if where is not None and where.at is not None else None
        doubtful = where is not None and where.verdict == "doubtful"
        maintenance = self._quiet.maintenance_of(device)
        told_from = self._told_from(button)
        proof, proven_at = self._proof_of(button), button.proven_here_at
        return DeviceView(
            device_id=device.device_id,
            label=device.spot or device.device_id,
            site_id=device.site.site_id if device.site else None,
            site=device.site.name if device.site else None,
            room=device.room,
            state=button.state,
            last_heard_at=timestamp(button.last_heard_at) if button.last_heard_at else None,
            health=[finding.sentence for finding, _ in button.findings.values()],
            faults=list(button.findings),
            advice=[finding.means for finding, _ in button.findings.values() if finding.means],
            last_proven_at=timestamp(proven_at) if proven_at else None,
            last_proven_by=button.last_proven_by if proven_at else None,
            proof=proof.state,
            prove_by=timestamp(proof.by) if proof.by is not None else None,
            firmware=heartbeat.firmware if heartbeat else None,
            update=update_in_words(heartbeat),
            battery_pct=heartbeat.battery_pct if heartbeat else None,
            network=heartbeat.network if heartbeat else None,
            moved_at=timestamp(device.moved_at) if device.moved_at else None,
            place_doubtful_since=verdict_at if doubtful else None,
            network_changed_at=None if doubtful else verdict_at,
            maintenance_until=timestamp(maintenance.closes_at) if maintenance else None,
            told_from=timestamp(told_from) if told_from is not None else None,
            clock_synced=heartbeat.clock_synced if heartbeat else None,
        )


def _device_id(button: Button) -> str:
    return button.device.device_id


def _link_of(button: Button, broker: Carrier) -> Link | None:
    for url, link in button.links:
        if url == broker.url:
            return link
    return None


def _heartbeat_of(button: Button) -> Heartbeat | None:
    return messages.decode(Heartbeat, button.heartbeat) if button.heartbeat else None


def _tells(button: Button) -> bool:
    """Say whether a button is heard now, and its board can tell where it hangs on the network."""
    heartbeat = _heartbeat_of(button) if button.state == "ok" else None
    return heartbeat is not None and heartbeat.place is not None


def _judged(button: Button, ears: Ears, now: float) -> Condition:
    silent_s = None if button.heard is None else now - button.heard
    if button.state == "ok" and button.linkless is None and (silent_s or 0.0) < condition.LATE_S:
        return "ok"  # nearly all of them, nearly always
    return condition.judge(
        button.state,
        Silence(
            silent_s=silent_s,
            linkless_s=None if button.linkless is None else now - button.linkless,
            lost_s=None if button.lost is None else now - button.lost,
            listening_s=ears.listening_s,
            hears_every_broker=ears.every_broker,
        ),
    )


def _seen(button: Button, now: float) -> telling.Button:
    return telling.Button(
        device=button.device,
        condition=button.state,
        silent_s=None if button.heard is None else now - button.heard,
        lost_s=None if button.lost is None else now - button.lost,
        findings=tuple(
            (finding, None if since is None else now - since)
            for finding, since in button.findings.values()
        ),
    )
