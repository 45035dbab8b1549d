"""Supervision: notice within seconds that a button would not be heard, and say so.

Every replica judges by its own monotonic clock what it hears, and reads every few
seconds what the others heard. That a button is lost, and that this was told, is decided
in the database, so that it is told once. What arrives here is not signed: it can make a
button look well or ill, and never an alert.
"""

import asyncio
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
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
from tocsin_server.fleet import condition, health, oncall, telling
from tocsin_server.fleet.condition import Boots, Condition, Link, Silence
from tocsin_server.fleet.directory import Device, Directory, Entries
from tocsin_server.fleet.health import Finding, Waiting
from tocsin_server.ports import Carrier, Show
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire import messages, topics
from tocsin_wire.errors import MalformedMessage, MalformedTopic
from tocsin_wire.messages import Heartbeat, OpenPress, Status, timestamp
from tocsin_wire.topics import Leaf

TURN_S = 1.0
SYNC_EVERY_S = 5.0
FORGET_EVERY_S = 60.0
OTHERS_HEAR_S = 20.0  # what this replica hasn't heard for so long, it takes from the others
FRAMES_PER_TURN_MAX = 300  # a county's buttons; a screen that reads slowly must not be cut off
CHUNK = 200  # buttons judged before the loop gets to breathe
ODD_LOG_S = 10.0
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
    last_proven_at: str | None
    firmware: str | None
    battery_pct: int | None
    network: str | None
    clock_synced: bool | None  # no fault: whatever is shown is timed by the database's clock


class DeviceFrame(msgspec.Struct, frozen=True, tag="device", tag_field="type"):
    """A change of one button, as it goes to the screens."""

    device: DeviceView


@dataclass(eq=False, slots=True)
class Button:
    """What this replica knows of one button. Moments are of the monotonic clock."""

    device: Device
    state: Condition = "never_heard"
    stored: Condition = "never_heard"  # as the database has it
    heard: float | None = None
    last_heard_at: datetime | None = None
    lost: float | None = None
    linkless: float | None = None
    links: dict[str, Link] = field(default_factory=dict)
    boots: Boots = field(default_factory=Boots)
    heartbeat: Heartbeat | None = None
    waiting: Waiting = field(default_factory=Waiting)
    findings: dict[str, tuple[Finding, float | None]] = field(default_factory=dict)
    last_proven_at: datetime | None = None
    unsaved: bool = False
    connected_anew: bool = False
    view: DeviceView | None = None


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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_connected` gets a device id once its boot is stored, so that commands reach it."""
        self._database = database
        self._directory = directory
        self._brokers = brokers
        self._show = show
        self._answer_heartbeat = answer_heartbeat
        self._on_connected = on_connected
        self._clock = clock
        self._entries: Entries | None = None
        self._buttons: dict[str, Button] = {}
        self._changed: OrderedDict[str, None] = OrderedDict()
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
        return [
            self._view(button)
            for button in self._buttons.values()
            if button.device.jurisdiction == jurisdiction
        ]

    async def run(self) -> None:
        """Supervise until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._turns())
            tasks.create_task(self._answers())

    async def turn(self) -> None:
        """Judge every button once, keep and tell what changed, and show it."""
        self._adopt_directory()
        try:
            if self._sync_is_due() or self._would_lose():
                await self._sync()
        except DATABASE_ERRORS as error:
            log.warning("what was heard of the buttons is kept later", because=_because(error))
        await self._judge()
        try:
            await self._store_conditions()
            await self._tell()
        except DATABASE_ERRORS as error:
            log.warning("what became of the buttons is told later", because=_because(error))
        self._show_changes()
        counts = Counter(button.state for button in self._buttons.values())
        for name in condition.CONDITIONS:
            metrics.BUTTONS.labels(name).set(counts[name])

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
                    log.warning("the next heartbeat is answered", because=_because(error))
            self._asked.clear()

    # What arrives.

    def _heard_heartbeat(
        self, button: Button, broker: Carrier, arrived: Arrived, heartbeat: Heartbeat
    ) -> None:
        link = condition.after_heartbeat(button.links.get(broker.url), heartbeat)
        self._heard_from(button, arrived)
        self._heard_boot(button, heartbeat.boot_id, arrived.received)
        self._set_link(button, broker, link, arrived.received)
        button.heartbeat = heartbeat
        button.waiting.heard(heartbeat, at=arrived.received)
        self._note_findings(button, arrived.received)
        if heartbeat.open:
            self._to_answer[button.device.device_id] = heartbeat.open
            self._asked.set()

    def _heard_status(
        self, button: Button, broker: Carrier, arrived: Arrived, status: Status
    ) -> None:
        if status.online and not arrived.retained:
            self._heard_from(button, arrived)
            self._heard_boot(button, status.boot_id, arrived.received)
            button.connected_anew = True
        link = condition.after_status(
            button.links.get(broker.url), status, retained=arrived.retained
        )
        self._set_link(button, broker, link, arrived.received)

    def _heard_from(self, button: Button, arrived: Arrived) -> None:
        button.heard = max(arrived.received, button.heard or arrived.received)
        button.last_heard_at = self._database.now()
        button.unsaved = True
        self._changed[button.device.device_id] = None

    def _heard_boot(self, button: Button, boot_id: UUID, now: float) -> None:
        if button.boots.heard(boot_id, now=now):
            button.connected_anew = True
            self._note_findings(button, now)

    def _set_link(self, button: Button, broker: Carrier, link: Link, now: float) -> None:
        button.links[broker.url] = link
        if not condition.is_linkless(list(button.links.values())):
            button.linkless = None
        elif button.linkless is None:
            button.linkless = now

    def _note_findings(self, button: Button, since: float | None) -> None:
        """Take what is wrong with a button; what was wrong before keeps its beginning."""
        interleave = button.boots.interleave(now=self._clock())
        found = health.findings(button.heartbeat, cloned=interleave, waiting=button.waiting.count)
        button.findings = {
            finding.name: (finding, button.findings.get(finding.name, (finding, since))[1])
            for finding in found
        }

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

    def _adopt_directory(self) -> None:
        entries = self._directory.entries
        if entries is self._entries:
            return
        self._entries = entries
        active = {name: device for name, device in entries.devices.items() if device.active}
        for gone in self._buttons.keys() - active.keys():
            del self._buttons[gone]
        for name, device in active.items():
            self._button(device).device = device
            self._changed[name] = None

    def _sync_is_due(self) -> bool:
        return self._clock() - self._synced >= SYNC_EVERY_S or any(
            button.connected_anew for button in self._buttons.values()
        )

    def _would_lose(self) -> bool:
        """Say whether somebody looks lost: then it counts what the other replicas heard."""
        now, ears = self._clock(), self._ears()
        return any(
            button.state != "lost" and _judged(button, ears, now) == "lost"
            for button in self._buttons.values()
        )

    async def _sync(self) -> None:
        await self._keep_heard()
        now = self._clock()
        unheard = [
            name
            for name, button in self._buttons.items()
            if button.heard is None or now - button.heard > OTHERS_HEAR_S
        ]
        rows = [row async for row in queries.healths(self._database.pool, unheard=unheard)]
        told = [row async for row in oncall.queries.told(self._database.pool, prefix="button ")]
        now = self._clock()
        for count, row in enumerate(rows, start=1):
            button = self._buttons.get(row["device_id"])
            if button is not None:
                self._merge(button, row, now)
            if count % CHUNK == 0:
                await asyncio.sleep(0)
        self._told = {(row["jurisdiction"], row["fault"]): now - row["age_s"] for row in told}
        self._synced = now
        for name, button in self._buttons.items():
            if button.connected_anew and not button.unsaved:
                button.connected_anew = False
                self._on_connected(name)

    async def _keep_heard(self) -> None:
        unsaved = {
            name: (button, button.heard, button.heartbeat)
            for name, button in sorted(self._buttons.items())
            if button.unsaved and button.heard is not None
        }
        if not unsaved:
            return
        now = self._clock()
        await queries.keep_heard(
            self._database.pool,
            device_ids=list(unsaved),
            silents_s=[now - (heard or now) for _, heard, _ in unsaved.values()],
            boot_ids=[button.boots.current for button, _, _ in unsaved.values()],
            heartbeats=[
                messages.encode(heartbeat).decode() if heartbeat else None
                for _, _, heartbeat in unsaved.values()
            ],
        )
        for button, heard, _ in unsaved.values():
            button.unsaved = button.heard != heard

    def _merge(self, button: Button, row: asyncpg.Record, now: float) -> None:
        before = (button.last_heard_at, button.last_proven_at)
        button.stored = row["condition"]
        button.last_proven_at = row["last_proven_at"]
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
                self._changed[button.device.device_id] = None
        elif button.state == "never_heard" and button.stored == "ok":
            button.state = "ok"
        if before != (button.last_heard_at, button.last_proven_at):
            self._changed[button.device.device_id] = None

    def _merge_heartbeat(self, button: Button, row: asyncpg.Record, heard: float) -> None:
        if row["heartbeat"] is None:
            return
        try:
            heartbeat = messages.decode(Heartbeat, row["heartbeat"].encode())
        except MalformedMessage as error:
            log.info("an older heartbeat can't be read", because=str(error))
        else:
            if heartbeat != button.heartbeat:  # else something else was heard since
                button.waiting.heard(heartbeat, at=heard)
            button.heartbeat = heartbeat
        # Since when it has been so, nobody here knows: it isn't told anew after a restart.
        self._note_findings(button, None)

    # What follows.

    def _ears(self) -> Ears:
        listening = [broker.judges_for_s() for broker in self._brokers()]
        return Ears(
            listening_s=max(listening, default=0.0),
            every_broker=min(listening, default=0.0) >= condition.JUDGE_AFTER_S,
        )

    async def _judge(self) -> None:
        ears = self._ears()
        for count, button in enumerate(list(self._buttons.values()), start=1):
            now = self._clock()
            state = _judged(button, ears, now)
            if state != button.state:
                log.info("button", device_id=button.device.device_id, was=button.state, now=state)
                if state == "lost":
                    button.lost = now
                button.state = state
                self._changed[button.device.device_id] = None
                self._changed.move_to_end(button.device.device_id, last=False)
            if count % CHUNK == 0:
                await asyncio.sleep(0)

    async def _store_conditions(self) -> None:
        now = self._clock()
        lost = {
            name: now - button.heard
            for name, button in sorted(self._buttons.items())
            if button.state == "lost" and button.stored != "lost" and button.heard is not None
        }
        back = [
            name
            for name, button in sorted(self._buttons.items())
            if button.state in {"ok", "late"} and button.stored != "ok"
        ]
        if lost:
            await queries.lose(
                self._database.pool,
                device_ids=list(lost),
                silents_s=[max(0.0, silent_s - ROUNDING_S) for silent_s in lost.values()],
            )
            for name in lost:
                self._buttons[name].stored = "lost"
        if back:
            await self._keep_heard()
            rows = queries.bring_back(self._database.pool, device_ids=back)
            self._note_back([row async for row in rows])
            for name in back:
                self._buttons[name].stored = "ok"

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

    async def _tell(self) -> None:
        now = self._clock()
        if any(button.state == "lost" or button.findings for button in self._buttons.values()):
            seen = [_seen(button, now) for button in self._buttons.values()]
            told = {key: now - at for key, at in self._told.items()}
            for news in telling.to_tell(seen, told):
                await self._tell_on_call(news)
        await self._tell_back(now)
        if now - self._forgot >= FORGET_EVERY_S:
            standing = [
                telling.fault_name(button.device.device_id, name)
                for button in self._buttons.values()
                for name in [*button.findings, *(["lost"] if button.state == "lost" else [])]
            ]
            await oncall.queries.forget(
                self._database.pool, prefix="button ", standing=standing, forget_s=oncall.AGAIN_S
            )
            self._forgot = now

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

    def _show_changes(self) -> None:
        for _ in range(min(len(self._changed), FRAMES_PER_TURN_MAX)):
            name, _ = self._changed.popitem(last=False)
            button = self._buttons.get(name)
            if button is None:
                continue
            view = self._view(button)
            if view != button.view:
                button.view = view
                frame = msgspec.json.encode(DeviceFrame(view))
                self._show(button.device.jurisdiction, frame)

    def _view(self, button: Button) -> DeviceView:
        device, heartbeat = button.device, button.heartbeat
        return DeviceView(
            device_id=device.device_id,
            label=device.spot or device.device_id,
            site_id=device.site.site_id if device.site else None,
            site=device.site.name if device.site else None,
            room=device.room,
            state=button.state,
            last_heard_at=timestamp(button.last_heard_at) if button.last_heard_at else None,
            health=[finding.sentence for finding, _ in button.findings.values()],
            last_proven_at=timestamp(button.last_proven_at) if button.last_proven_at else None,
            firmware=heartbeat.firmware if heartbeat else None,
            battery_pct=heartbeat.battery_pct if heartbeat else None,
            network=heartbeat.network if heartbeat else None,
            clock_synced=heartbeat.clock_synced if heartbeat else None,
        )


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


def _because(error: BaseException) -> str:
    return str(error) or type(error).__name__
