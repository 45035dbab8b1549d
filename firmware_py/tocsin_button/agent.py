"""Agent: the whole button, composed; one event loop, from the edge to the receipt.

pins -> contacts -> gesture -> ledger -> (outbox beside) link -> broker ... receipt -> lamp.

Promise: at an edge the PUBLISH is written to every standing link before anything else
is done; disk, log and lamp come after it or beside it. Every loop that a press needs is
one task group: if one of them breaks, the agent ends and is started anew.

A run of the agent is a boot in the wire contract's sense: `boot_id` is drawn at every
start, and `seq`, `connection` and `command_seq` count from there. Nothing about them has
to survive on a disk that may be broken, none can ever fall or repeat, and a command
recorded before a restart is of another boot. A press keeps the boot_id and seq it was
made with; its age runs on the board's own clock and so stays exact over a restart of the
agent, and becomes inexact only when the board itself was rebooted.
"""

import asyncio
import contextlib
import dataclasses
import os
import random
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TypeVarTuple
from uuid import UUID, uuid4

import msgspec
import structlog

from tocsin_button import clock, commands, health, lamp, ledger, selftest, systemd
from tocsin_button.config import Config
from tocsin_button.contacts import Contacts
from tocsin_button.control import (
    AgentState,
    Answer,
    Desk,
    Done,
    Finding,
    Findings,
    LinkState,
    OpenState,
    PressAnswer,
    Refusal,
)
from tocsin_button.gesture import DEBOUNCE_S, Gestures, Held, Pressed, PressedTwice
from tocsin_button.ledger import Entry, Ledger, Moment
from tocsin_button.lighting import Lighting
from tocsin_button.link import Identity, Link
from tocsin_button.links import Links
from tocsin_button.materials import Materials
from tocsin_button.outbox import Outbox
from tocsin_button.pins import Board, Contact, Levels
from tocsin_button.renewal import Renewals, Standing
from tocsin_button.updates import Updates
from tocsin_wire import messages, signing
from tocsin_wire.errors import WireError
from tocsin_wire.messages import Command, Heartbeat, Pulse, Receipt, Reconfigure, Succession
from tocsin_wire.topics import Leaf

HEARTBEAT_EVERY_S = 15.0
HEARTBEAT_JITTER = 0.2
SETTLE_S = 0.05  # both contacts of one movement go into one heartbeat
CHATTER_S = 0.5  # a contact that chatters makes no flood of heartbeats
SERVER_SILENT_S = 30.0  # wire contract, Lamp: no pulse and no receipt for so long
TICK_S = 0.5  # for what no event announces: a lost edge, a silent server, the 12 hours
LINKLESS_S = 0.3  # how soon a press that no link took is tried again
FINGER_DOWN_S = 0.2
PRESS_MADE_WITHIN_S = 2.0
FIRMWARE = version("tocsin")

A = TypeVarTuple("A")

log = structlog.get_logger()


class Agent:
    """One button. `run` until told to stop."""

    def __init__(self, config: Config, materials: Materials) -> None:
        self._config, self._materials = config, materials
        self._digest = config.digest
        self._boot_id = uuid4()
        self._kernel_boot_id = clock.kernel_boot_id()
        self._seq = 0
        self._ledger = Ledger()
        self._not_on_disk: dict[UUID, float] = {}
        self._renewals = Renewals()
        self._server_keys, self._keeping = materials.server_keys, asyncio.Lock()
        self._gate = commands.Gate(device_id=config.device_id, boot_id=self._boot_id)
        self._contacts = Contacts()
        behaviour = config.behaviour
        self._button, self._assist, self._tamper = (
            Gestures(hold_s=behaviour.hold_s, double_within_s=behaviour.double_within_s)
            for _ in range(3)
        )
        self._faults: dict[str, str] = {}
        self._tested, self._testing = False, 0
        self._failures: tuple[str, ...] = ()
        self._health: health.Health | None = None
        self._server_heard_s: float | None = None
        self._clock_ahead_s: float | None = None
        self._tested_by_server_time = False
        self._started_s = clock.now_s()
        self._drill_until_s = self._identify_until_s = 0.0
        self._armed_after_s: float | None = None
        self._made: asyncio.Future[PressAnswer] | None = None
        self._last_press: dict[str, Entry] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._beat, self._owed, self._finger = asyncio.Event(), asyncio.Event(), asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Be the button until `stop` is set. The state folder must be held."""
        self._loop = asyncio.get_running_loop()
        config = self._config
        self._board = Board(config.pins, edge=self._edge_from_pin)
        self._desk = Desk(config.control_path, state=self.state, answer=self._answer)
        self._lighting = Lighting(
            switch=self._board.light,
            changed=self._desk.changed,
            armed_blip=config.behaviour.armed_blip,
        )
        self._outbox = Outbox(
            config.state_path / "outbox.db",
            found=lambda entries: self._from_thread(self._take_up, entries),
            stored=lambda ids: self._from_thread(self._on_disk, ids, clock.now_s()),
            fault=lambda fault: self._from_thread(self._set_fault, "outbox", fault),
        )
        self._links = Links(
            config,
            identity=Identity(config.jurisdiction, config.device_id, self._boot_id),
            listener=self,
            tls=self._materials.tls,
            changed=self._beat.set,
        )
        self._updates = Updates(
            config,
            FIRMWARE,
            is_needed=self._is_needed,
            is_unwell=self._is_unwell,
            spawn=self._spawn,
            changed=self._beat.set,
            end=stop.set,
        )
        self._outbox.start()
        try:
            await self._desk.open()
            self._feel(clock.now_s(), self._board.levels())
            self._show()
            log.info(
                "agent started",
                device=config.device_id,
                boot_id=str(self._boot_id),
                firmware=FIRMWARE,
                virtual=self._board.virtual,
                brokers=[broker.url for broker in config.brokers],
            )
            systemd.notify(READY="1", STATUS="started")
            await self._work(stop)
        finally:
            systemd.notify(STOPPING="1")
            self._desk.close()
            self._lighting.stop()
            self._board.close()
            self._outbox.close()
            log.info("agent ended")

    async def _work(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            works = (self._resend, self._heartbeats, self._tick, self._pet_watchdog)
            self._links.start(group)
            tasks = [group.create_task(work()) for work in works]
            self._spawn(self._test_self())
            await stop.wait()
            await self._links.end()
            for task in (*tasks, *self._background):
                task.cancel()

    def state(self) -> AgentState:
        """Say how the button is."""
        heard_s = self._server_heard_s
        return AgentState(
            device_id=self._config.device_id,
            pattern=self._lighting.pattern,
            drill=self._lighting.drill,
            lit=self._lighting.lit,
            armed=self._is_armed(),
            open=[
                OpenState(press_id=str(each.press_id), state=each.state or "pressed")
                for each in self._ledger.open_presses()
            ],
            links=[
                LinkState(
                    url=link.url,
                    connected=link.is_up,
                    connection=link.connection,
                    trouble=link.trouble,
                )
                for link in self._links
            ],
            faults=self._all_faults(),
            virtual=self._board.virtual,
            armed_after_s=self._armed_after_s,
            server_heard_s_ago=None if heard_s is None else clock.now_s() - heard_s,
            clock_ahead_s=self._clock_ahead_s,
            rss_kib=_rss_kib(),
        )

    # From the pin to the press.

    def _edge_from_pin(self, contact: Contact, closed: bool) -> None:
        """In gpiozero's thread: note the moment, leave the rest to the loop."""
        self._from_thread(self._edge, contact, closed, clock.now_s())

    def _edge(self, contact: Contact, closed: bool, at_s: float) -> None:
        levels = self._board.levels()
        # The edge counts even if the contact has moved back by now.
        self._feel(at_s, dataclasses.replace(levels, **{contact: closed}))
        self._feel(clock.now_s(), levels)
        self._beat.set()

    def _feel(self, at_s: float, levels: Levels) -> None:
        """Take the contacts as they are and do what they mean."""
        reading = self._contacts.feed(
            at_s=at_s, no_closed=levels.button_no, nc_closed=levels.button_nc
        )
        for order in self._button.feed(at_s=at_s, down=reading.down):
            self._obey(order, kind="duress", at_s=at_s)
        if levels.assist is not None:
            for order in self._assist.feed(at_s=at_s, down=levels.assist):
                self._obey(order, kind="assist", at_s=at_s)
        if levels.tamper is not None:
            for order in self._tamper.feed(at_s=at_s, down=not levels.tamper):
                if not isinstance(order, Held):
                    self._press(kind="tamper", gesture="press", at_s=at_s)
            self._set_fault("tamper", None if levels.tamper else messages.CASE_OPEN)
        self._set_fault("contacts", reading.fault)
        awaited = (self._contacts, self._button, self._assist, self._tamper)
        due_s = min((each.due_s for each in awaited if each.due_s is not None), default=None)
        if due_s is not None:
            self._after("feel", due_s - clock.now_s(), self._feel_again)

    def _feel_again(self) -> None:
        self._feel(clock.now_s(), self._board.levels())

    def _obey(self, order: Pressed | PressedTwice | Held, *, kind: str, at_s: float) -> None:
        match order:
            case Pressed():
                self._last_press[kind] = self._press(kind=kind, gesture="press", at_s=at_s)
            case PressedTwice():
                self._last_press[kind] = self._press(kind=kind, gesture="double", at_s=at_s)
            case Held():
                # A part of the press that is held: a drill where that was one, whatever came since.
                last = self._last_press.get(kind)
                drill = last.drill if last is not None else self._is_drill()
                if self._config.behaviour.hold_is_cancel and kind == "duress":
                    cancels = last.press_id if last is not None else None
                    self._press(
                        kind="cancel", gesture="hold", at_s=at_s, drill=drill, cancels=cancels
                    )
                else:
                    self._press(kind=kind, gesture="hold", at_s=at_s, drill=drill)

    def _press(
        self,
        *,
        kind: str,
        gesture: str,
        at_s: float,
        drill: bool | None = None,
        cancels: UUID | None = None,
    ) -> Entry:
        """Somebody pressed: on the sockets now, on the disk beside it. `drill`: as it is now."""
        self._seq += 1
        entry = Entry(
            press_id=messages.new_id(),
            kind=kind,
            gesture=gesture,
            drill=self._is_drill() if drill is None else drill,
            boot_id=self._boot_id,
            seq=self._seq,
            kernel_boot_id=self._kernel_boot_id,
            edge_s=at_s,
            edge_wall_s=time.time() - (clock.now_s() - at_s),
            cancels=cancels,
        )
        made_room = self._ledger.add(entry)
        self._not_on_disk[entry.press_id] = at_s
        self._outbox.keep(entry)
        published_on = self._send(entry.press_id, list(self._links))
        published_s = clock.now_s()
        self._show()
        self._owed.set()
        took_ms = (published_s - at_s) * 1000 if published_on else None
        log.info(
            "pressed",
            press_id=str(entry.press_id),
            kind=kind,
            gesture=gesture,
            drill=entry.drill,
            published_on=published_on,
            edge_to_publish_ms=None if took_ms is None else round(took_ms, 3),
        )
        self._let_go(made_room, "the outbox is full: an older press made room")
        if self._made is not None and not self._made.done():
            now_ns, now_s = time.monotonic_ns(), clock.now_s()
            self._made.set_result(
                PressAnswer(
                    press_id=str(entry.press_id),
                    edge_to_publish_ms=took_ms,
                    edge_monotonic_ns=now_ns - round((now_s - at_s) * 1e9),
                    published_monotonic_ns=now_ns - round((now_s - published_s) * 1e9)
                    if published_on
                    else None,
                    published_on=published_on,
                )
            )
        return entry

    def _send(self, press_id: UUID, links: list[Link]) -> list[str]:
        """Sign the press with its age of now and write it to these links; name those it went to."""
        standing = [link for link in links if link.is_up]
        if not standing:
            for link in links:
                link.hurry()
            return []
        press = self._ledger.attempt(
            press_id,
            self._moment(),
            device_id=self._config.device_id,
            jitter=random.random(),  # noqa: S311 (jitter)
        )
        body = self._materials.press_key.sign(press)
        published_on = [link.url for link in standing if link.publish(Leaf.PRESS, body, qos=1)]
        # Attempts 2, 4, 8, … are logged: the journal of a long outage stays readable.
        if press.attempt > 1 and press.attempt & (press.attempt - 1) == 0:
            log.info(
                "sent again",
                press_id=str(press_id),
                attempt=press.attempt,
                published_on=published_on,
            )
        return published_on

    async def _resend(self) -> None:
        """Send what no receipt names yet, again and again."""
        while True:
            self._owed.clear()
            now_s = clock.now_s()
            for press_id in self._ledger.due(now_s):
                self._send(press_id, list(self._links))
                self._links.unreceipted()
            next_s = self._ledger.next_due_s()
            pause_s = None if next_s is None else max(next_s - clock.now_s(), 0.0)
            if pause_s is not None and not any(link.is_up for link in self._links):
                pause_s = max(pause_s, LINKLESS_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._owed.wait()

    # What links bring.

    def link_up(self, link: Link) -> None:
        """Send over it what is owed, at once."""
        for press_id in self._ledger.unreceipted():
            self._send(press_id, [link])
        self._owed.set()
        self._beat.set()
        self._changed()

    def link_down(self, link: Link) -> None:
        """Show it."""
        self._links.went_down(link)
        self._changed()

    def heard(self, link: Link, topic: str, body: bytes, *, retained: bool) -> None:
        """Take a message, if one of the keys that are believed signed it."""
        keys = self._server_keys.believed
        try:
            match topic.rpartition("/")[2]:
                case "receipt":
                    self._receive(link, signing.verify(body, Receipt, keys))
                case "command" if signing.claims_to_be(body, Reconfigure):
                    self._links.hear(body)
                case "command":
                    self._command(signing.verify(body, Command, keys))
                case "pulse" if signing.claims_to_be(body, Succession):
                    self._learn(body)
                case "pulse" if not retained:  # a retained one may be of any age
                    pulse = signing.verify(body, Pulse, keys)
                    self._server_heard()
                    self._links.pulsed(link)
                    self._clock_ahead_s = clock.ahead_s(pulse.at)
                    if self._failures and not self._tested_by_server_time:
                        self._spawn(self._test_self())  # it may have been the clock alone
        except WireError as error:
            log.warning("message refused", broker=link.url, topic=topic, because=str(error))

    def _receive(self, link: Link, receipt: Receipt) -> None:
        press_id = str(receipt.press_id)
        if receipt.device_id != self._config.device_id:
            log.warning("receipt refused: for another device", press_id=press_id)
            return
        self._server_heard()
        now_s = clock.now_s()
        self._renewals.receipt_came(
            receipt.press_id,
            receipt.state,
            is_open=receipt.press_id in self._ledger,
            over=link.url,
            links=self._standing(),
            now_s=self._loop.time(),
        )
        match self._ledger.receive(receipt, now_s=now_s):
            case ledger.Advanced(entry):
                self._outbox.keep(entry)
                log.info("receipt", press_id=press_id, state=receipt.state, broker=link.url)
            case ledger.Resolved(entry):
                self._not_on_disk.pop(entry.press_id, None)
                self._outbox.forget(entry.press_id)
                log.info("receipt", press_id=press_id, state=receipt.state, broker=link.url)
            case ledger.Unchanged(because):
                log.debug("receipt changes nothing", press_id=press_id, because=because)
        self._changed()

    def _learn(self, statement: bytes) -> None:
        """Believe a further server key, from now on and after a restart."""
        if self._server_keys.learn(statement):
            log.info("a further server key", kid=self._server_keys.newest.kid)
        if not self._server_keys.are_kept:  # servers say it again and again: so is a write tried
            self._spawn(self._keep_keys())

    async def _keep_keys(self) -> None:
        """Only what is on disk is told."""
        async with self._keeping:
            if self._server_keys.are_kept:
                return
            try:
                await asyncio.to_thread(self._server_keys.keep)
            except OSError as error:
                log.error("a further server key is not kept", because=str(error))
        self._beat.set()

    def _server_heard(self) -> None:
        self._server_heard_s = clock.now_s()
        self._set_fault("server", None)

    def _command(self, command: Command) -> None:
        order = self._gate.admit(command)
        log.info("command", name=command.name, id=str(command.command_id), order=repr(order))
        now_s = clock.now_s()
        match order:
            case commands.Identify(for_s):
                self._identify_until_s = now_s + for_s
            case commands.BeginDrill(for_s):
                self._drill_until_s = now_s + for_s
            case commands.EndDrill():
                self._drill_until_s = 0.0
            case commands.RunSelftest():
                self._spawn(self._test_self())
            case commands.TakeUp(command_id, offer):
                self._updates.offered(command_id, offer)
            case commands.Refused(because):
                log.warning("command refused", name=command.name, because=because)
        for until_s in (self._identify_until_s, self._drill_until_s):
            if until_s > now_s:
                self._loop.call_later(until_s - now_s + 0.01, self._show)
        self._changed()

    # The disk.

    def _take_up(self, entries: list[Entry]) -> None:
        """Presses that an earlier run left."""
        made_room = self._ledger.restore(entries, self._moment())
        for entry in entries:
            log.warning(
                "press found in the outbox", press_id=str(entry.press_id), state=entry.state
            )
        self._let_go(made_room, "the outbox is full: an older press made room")
        for press_id in self._ledger.unreceipted():
            self._send(press_id, list(self._links))
        self._owed.set()
        self._beat.set()
        self._changed()

    def _on_disk(self, press_ids: list[UUID], at_s: float) -> None:
        for press_id in press_ids:
            edge_s = self._not_on_disk.pop(press_id, None)
            if edge_s is not None:
                took_ms = round((at_s - edge_s) * 1000, 3)
                log.debug("on disk", press_id=str(press_id), edge_to_disk_ms=took_ms)

    def _let_go(self, entries: tuple[Entry, ...], because: str) -> None:
        for entry in entries:
            self._not_on_disk.pop(entry.press_id, None)
            self._outbox.forget(entry.press_id)
            log.warning(because, press_id=str(entry.press_id), state=entry.state)

    # The lamp, and what is wrong.

    def _show(self) -> None:
        now_s = clock.now_s()
        showing = lamp.show(
            subject=self._ledger.subject(now_s),
            identify=now_s < self._identify_until_s,
            fault=bool(self._all_faults()),
            drill=self._is_drill(),
        )
        self._lighting.show(showing.pattern, drill=showing.drill)
        if showing.again_in_s is not None:
            self._after("show", showing.again_in_s, self._show)

    def _changed(self) -> None:
        self._show()
        if self._armed_after_s is None and self._is_armed():
            self._armed_after_s = clock.process_age_s()
            log.info("armed", after_s=round(self._armed_after_s, 3))
            systemd.notify(STATUS="armed")
        self._desk.changed()

    def _set_fault(self, name: str, fault: str | None) -> None:
        if self._faults.get(name) == fault:
            return
        if fault is None:
            log.info("fault is over", fault=self._faults.pop(name))
        else:
            self._faults[name] = fault
            log.error("fault", fault=fault)
        self._beat.set()
        systemd.notify(STATUS="; ".join(self._all_faults()) or "armed")
        self._changed()

    def _all_faults(self) -> list[str]:
        return [*self._faults.values(), *(f"self-test: {failure}" for failure in self._failures)]

    def _is_armed(self) -> bool:
        return any(link.is_up for link in self._links) and not self._all_faults()

    def _is_needed(self) -> str | None:
        """Say why this button can't be away for a moment."""
        if any(press.state in {None, "stored"} for press in self._ledger.open_presses()):
            return "nobody has answered a press yet"
        if self._is_drill():
            return "a drill is on"
        return "it tests itself" if self._testing or not self._tested else None

    def _is_unwell(self) -> str | None:
        """Say what this run has not shown yet, or is worse for."""
        if not any(link.is_up for link in self._links):
            return "no broker was reached"
        if self._server_heard_s is None:
            return "no server was heard"
        return self._faults.get("outbox") if self._tested else "it did not test itself"

    def _is_drill(self) -> bool:
        return clock.now_s() < self._drill_until_s

    async def _tick(self) -> None:
        """Look after what no event announces."""
        while True:
            now_s = clock.now_s()
            self._feel(now_s, self._board.levels())
            self._let_go(self._ledger.expire(now_s), "press acknowledged 12 h ago: let go")
            heard_s = self._server_heard_s or self._started_s
            if now_s - heard_s >= SERVER_SILENT_S:
                self._set_fault("server", "no server heard for 30 s")
            self._renew_a_link(now_s)
            pressed_s = self._ledger.unreceipted_since_s()
            self._links.look(now_s, unreceipted_s=0.0 if pressed_s is None else now_s - pressed_s)
            self._updates.look(now_s)
            self._show()
            await asyncio.sleep(TICK_S)

    def _renew_a_link(self, now_s: float) -> None:
        unanswered_s = self._ledger.unanswered_since_s()
        loop_s = self._loop.time()
        renewal = self._renewals.decide(
            now_s=loop_s,
            links=self._standing(),
            unanswered_since_s=None if unanswered_s is None else loop_s - (now_s - unanswered_s),
        )
        for link in self._links:
            if renewal is not None and link.url == renewal.url:
                link.drop(renewal.because)

    def _standing(self) -> list[Standing]:
        return [
            Standing(link.url, link.up_since_s)
            for link in self._links
            if link.up_since_s is not None
        ]

    # How it is.

    async def _heartbeats(self) -> None:
        while True:
            try:
                self._health = await asyncio.to_thread(
                    health.look, place_key=self._materials.place_key
                )
            except Exception:
                log.exception("the board's health can't be read")
            self._send_heartbeat()
            pause_s = HEARTBEAT_EVERY_S * random.uniform(  # noqa: S311 (jitter)
                1 - HEARTBEAT_JITTER, 1 + HEARTBEAT_JITTER
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    while True:
                        await self._beat.wait()
                        await asyncio.sleep(SETTLE_S)
                        self._beat.clear()
                        self._send_heartbeat()
                        await asyncio.sleep(CHATTER_S)

    def _send_heartbeat(self) -> None:
        levels, now = self._board.levels(), self._health
        faults = self._all_faults()
        heartbeat = Heartbeat(
            boot_id=self._boot_id,
            firmware=FIRMWARE,
            config_digest=self._digest,
            outbox_depth=len(self._ledger),
            open=self._ledger.open_presses(),
            contacts=messages.Contacts(no_closed=levels.button_no, nc_closed=levels.button_nc),
            selftest=faults or ("ok" if self._tested else None),
            newest_key=self._server_keys.kept,
            reconfigure=self._links.number,
            reconfigure_adopted=self._links.adopted,
            update=self._updates.said,
        )
        if now is not None:
            heartbeat = msgspec.structs.replace(
                heartbeat,
                uptime_s=now.uptime_s,
                network=now.network,
                rssi_dbm=now.rssi_dbm,
                cpu_temp_c=now.cpu_temp_c,
                undervoltage=now.undervoltage,
                clock_synced=now.clock_synced,
                place=now.place,
            )
        for link in self._links:
            mine = msgspec.structs.replace(heartbeat, connection=link.connection)
            link.send_plain(Leaf.HEARTBEAT, mine, qos=0)

    async def _test_self(self) -> None:
        findings = await self._find()
        self._failures = tuple(finding.check for finding in findings if not finding.ok)
        self._tested = True
        for finding in findings:
            if not finding.ok:
                log.error("self-test failed", check=finding.check, detail=finding.detail)
        log.info("self-test done", failures=list(self._failures))
        self._beat.set()
        self._changed()

    async def _find(self) -> list[Finding]:
        """Test what this run doesn't watch anyway: its own faults are told as such."""
        wired = self._config.pins.lamp is not None
        lamp_finding = selftest.check_lamp(self._board) if wired else None
        self._tested_by_server_time = self._clock_ahead_s is not None
        today = datetime.now(UTC) - timedelta(seconds=self._clock_ahead_s or 0.0)
        self._testing += 1
        try:
            found = await asyncio.to_thread(
                selftest.check_files, self._config, self._materials, now=today
            )
        finally:
            self._testing -= 1
        return [*([] if lamp_finding is None else [lamp_finding]), *found]

    async def _pet_watchdog(self) -> None:
        """The loop turns and the outbox's thread lives: tell the service manager."""
        every_s = systemd.watchdog_s()
        while every_s is not None:
            if self._outbox.is_alive():
                systemd.notify(WATCHDOG="1")
            await asyncio.sleep(every_s)

    # The control socket.

    async def _answer(self, do: str) -> Answer:
        match do:
            case "state":
                return self.state()
            case "press":
                return await self._press_by_hand()
            case "down" | "up":
                return self._move(down=do == "down")
            case "selftest":
                return Findings(findings=await self._all_findings())
            case _:
                return Refusal(
                    error=f"there is no {do[:40]!r}: ask press, down, up, state, watch or selftest"
                )

    def _move(self, *, down: bool) -> Answer:
        if not self._board.virtual:
            return Refusal(error="these are real pins: press the button with your finger")
        for contact, closed in ((Contact.BUTTON_NO, down), (Contact.BUTTON_NC, not down)):
            if self._board.wired(contact):
                self._board.move(contact, closed=closed)
        return Done()

    async def _press_by_hand(self) -> Answer:
        await self._finger.acquire()  # until _lift gives it back
        self._made = self._loop.create_future()
        try:
            if self._board.virtual:
                self._move(down=True)
            else:
                self._obey(Pressed(), kind="duress", at_s=clock.now_s())
            async with asyncio.timeout(PRESS_MADE_WITHIN_S):
                return await self._made
        except TimeoutError:
            return Refusal(error="the button is down already: do 'up' first")
        finally:
            self._made = None
            self._spawn(self._lift())

    async def _lift(self) -> None:
        """Let the virtual button go, and let it come to rest before the next press."""
        try:
            if self._board.virtual:
                await asyncio.sleep(FINGER_DOWN_S)
                self._move(down=False)
                await asyncio.sleep(2 * DEBOUNCE_S)
        finally:
            self._finger.release()

    async def _all_findings(self) -> list[Finding]:
        findings = await self._find()
        findings.insert(0, selftest.check_levels(self._board.levels()))
        for link in self._links:
            findings.append(
                Finding(
                    check=f"broker {link.url}",
                    ok=link.is_up,
                    detail="the link stands" if link.is_up else link.trouble or "not yet reached",
                    remedy=None if link.is_up else "look at the network and the broker",
                )
            )
        heard_s = self._server_heard_s
        silent_s = None if heard_s is None else clock.now_s() - heard_s
        fresh = silent_s is not None and silent_s < SERVER_SILENT_S
        findings.append(selftest.check_server(silent_s if fresh else None))
        return findings

    # Odds and ends.

    def _moment(self) -> Moment:
        return Moment(clock.now_s(), time.time(), self._kernel_boot_id)

    def _after(self, name: str, pause_s: float, then: Callable[[], None]) -> None:
        """One timer of each name, the latest."""
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self._loop.call_later(max(pause_s, 0.0) + 0.001, then)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _from_thread(self, then: Callable[[*A], None], *arguments: *A) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: there is nobody to tell
            self._loop.call_soon_threadsafe(then, *arguments)


def _rss_kib() -> int:
    """How much memory this process holds (proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
