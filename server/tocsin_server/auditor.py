"""The auditor: silence is a fault to be found.

Promise: every five seconds it walks what should be moving: open alerts, pending messages, the
listening connection, the brokers, the loops, the other replicas, the provider, the screens. What
stands still becomes a figure, a line on the console, and after half a minute a message to whoever
is on call. What can be got going again it gets going: an alert without a next decision gets one,
a message that is held up is let go, whoever is late is woken. It says so, for ten minutes.

Refused: ending. What it can't find out is itself a fault. It acts on no alert but through the
steps that do: it decides nothing of an alert's life.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import metrics
from tocsin_server.alert.lifecycle import PROVING_S
from tocsin_server.errors import because
from tocsin_server.faults import (
    CHECKS,
    DECISION_OVERDUE_S,
    NOTIFICATION_STUCK_S,
    REPAIRED_SHOWN_S,
    REPLICA_GONE_S,
    REPLICA_SILENT_S,
    Check,
    Facts,
    Fault,
    Notice,
    Row,
    Severity,
    faults_in,
)
from tocsin_server.fleet import oncall
from tocsin_server.fleet.directory import Directory
from tocsin_server.fleet.pulse import LinkState
from tocsin_server.people.ending import Vacancy, read_vacancies
from tocsin_server.ports import Show
from tocsin_server.storage.database import DATABASE_ERRORS, Database, within
from tocsin_server.synthetic import notices_of, read_states, show_figures
from tocsin_wire.messages import timestamp

AUDIT_EVERY_S = 5.0
AUDIT_S_MAX = 4.0  # as long as any statement may take
AGAIN_S = 1.0  # where the database did not answer
GOODBYE_S_MAX = 1.0
TELL_AFTER_S = 30.0
WATCHING_FRESH_S = 12.0  # two of the reports that each replica makes every 5 s, and a little
PROVING_UNSEEN_S = PROVING_S / 2  # until then whoever proves a button answers on their own phone
LEASE_OVER_S = 3.0  # whoever sends looks every second
FAR_S = 20.0  # beyond any lease, and any wait for the next try

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()

# Where the sending of messages is itself what may have stopped, they don't go through it.
PAST_NOTIFY: frozenset[Check] = frozenset({"database_away", "notification_stuck", "loop_stopped"})

# What can be got going again from here.
MENDED: frozenset[Check] = frozenset({"no_next_decision", "decision_overdue", "notification_stuck"})

# A warning is told once; one of these stands for days, and not anew where a replica starts.
LASTING: frozenset[Check] = frozenset({"tier_empties", "shift_gap", "last_tier_unreachable"})


class FaultView(msgspec.Struct, frozen=True, kw_only=True):
    """A line on the console: red, or amber where it is a warning."""

    check: str
    severity: Severity
    message: str
    since: str


class FaultsFrame(msgspec.Struct, frozen=True, tag="faults", tag_field="type"):
    """All faults of a jurisdiction, as they go to its screens."""

    faults: list[FaultView]


@dataclass(frozen=True, slots=True)
class Standing:
    """A fault and since when: the monotonic clock decides, the other one is shown."""

    fault: Fault
    since: float
    since_at: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What the database said in one audit."""

    rows: tuple[Row, ...]
    repaired: tuple[Row, ...]
    silent_replicas: tuple[str, ...]


async def no_trouble() -> Sequence[str]:
    """Say nothing of a provider that nobody has: that it is missing is in the log and in doctor."""
    return ()


class Auditor:
    """What this replica finds wrong, what it mended, and who was told."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        replica_id: str,
        links: Callable[[], Sequence[LinkState]],
        loops: Mapping[str, Callable[[], float]],
        watching: Callable[[str], int],
        show: Show,
        send_directly: Callable[[str, str], Awaitable[None]],
        wake: Callable[[], None],
        trouble: Callable[[], Awaitable[Sequence[str]]] = no_trouble,
        notices: Callable[[], Sequence[Notice]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`loops`: seconds since each last turned. `watching`: this replica's screens of a
        jurisdiction. `send_directly(number, text)` goes past the database, and doesn't raise.
        `wake` has the next people told, and messages sent, if any are due. `trouble`: sentences
        about the provider. `notices`: what other parts find wrong, from what they know already.
        """
        self._database = database
        self._directory = directory
        self._replica_id = replica_id
        self._links = links
        self._watching = watching
        self._show = show
        self._loops = loops
        self._send_directly = send_directly
        self._wake = wake
        self._trouble = trouble
        self._notices = notices
        self._clock = clock
        self._standing: dict[tuple[str, str | None], Standing] = {}
        self._shown: dict[str, list[FaultView]] = {}
        self._told_directly: dict[str, float] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._database_back: float | None = None
        self._database_away = False
        self.audited_at = -math.inf

    @property
    def standing(self) -> list[Fault]:
        """Give what is wrong, everywhere, as of the last audit."""
        return [standing.fault for standing in self._standing.values()]

    def current(self, jurisdiction: str) -> list[FaultView]:
        """Give the lines of a jurisdiction, the red ones first, the longest standing first."""
        return [
            FaultView(
                check=standing.fault.check,
                severity=standing.fault.severity,
                message=standing.fault.message,
                since=standing.since_at,
            )
            for standing in sorted(
                self._standing.values(),
                key=lambda standing: (standing.fault.severity == "warning", standing.since),
            )
            if standing.fault.jurisdiction in {None, jurisdiction}
        ]

    async def run(self) -> None:
        """Audit until cancelled."""
        with suppress(*DATABASE_ERRORS):
            await within(AUDIT_S_MAX, self._say_alive())  # who hangs at once is missed, too
        while True:
            await asyncio.sleep(AGAIN_S if self._database_away else AUDIT_EVERY_S)
            await self.audit()

    async def say_goodbye(self) -> None:
        """Tell the others that this replica ends, once it audits no more. Never raises."""
        try:
            async with asyncio.timeout(GOODBYE_S_MAX):
                await queries.say_goodbye(self._database.pool, replica_id=self._replica_id)
        except DATABASE_ERRORS as error:
            log.warning("the others will miss this replica", because=because(error))

    async def audit(self) -> None:
        """Look at everything once, say what is wrong, and mend what can be mended."""
        read = await self._read()
        vacancies = await self._vacancies() if read is not None else ()
        synthetic = await self._synthetic() if read is not None else ()
        if self._database_away and read is not None:
            self._database_back = self._clock()
        self._database_away = read is None
        facts = Facts(
            replica_id=self._replica_id,
            rows=read.rows if read is not None else None,
            repaired=read.repaired if read is not None else (),
            silent_replicas=read.silent_replicas if read is not None else (),
            database_back_s=(
                float("inf") if self._database_back is None else self._clock() - self._database_back
            ),
            listen_age_s=self._database.probe_age_s,
            deaf_s_ago=self._database.deaf_s_ago,
            links=tuple(self._links()),
            loops={name: age_s() for name, age_s in self._loops.items()},
            vacancies=vacancies,
            trouble=await self._provider(),
            notices=(*self._notices(), *synthetic),
        )
        self._note(faults_in(facts, self.standing))
        self._show_changes()
        await self._repair(facts.rows or ())
        self.audited_at = self._clock()
        await self._tell()

    async def _say_alive(self) -> None:
        await queries.say_alive(self._database.pool, replica_id=self._replica_id)

    async def _read(self) -> _Read | None:
        pool = self._database.pool
        jurisdictions = list(self._directory.entries.jurisdictions)
        try:
            async with asyncio.timeout(AUDIT_S_MAX):
                await self._say_alive()
                await queries.say_watching(
                    pool,
                    replica_id=self._replica_id,
                    jurisdictions=jurisdictions,
                    screens=[self._watching(jurisdiction) for jurisdiction in jurisdictions],
                )
                audited = queries.audit(
                    pool,
                    overdue_s=DECISION_OVERDUE_S,
                    stuck_s=NOTIFICATION_STUCK_S,
                    fresh_s=WATCHING_FRESH_S,
                    proving_s=PROVING_S,
                    proving_unseen_s=PROVING_UNSEEN_S,
                )
                repaired = queries.repaired(pool, shown_s=REPAIRED_SHOWN_S)
                silent = queries.silent_replicas(
                    pool,
                    replica_id=self._replica_id,
                    silent_s=REPLICA_SILENT_S,
                    gone_s=REPLICA_GONE_S,
                )
                return _Read(
                    rows=tuple([_row(row) async for row in audited]),
                    repaired=tuple([_row(row) async for row in repaired]),
                    silent_replicas=tuple([row["replica_id"] async for row in silent]),
                )
        except DATABASE_ERRORS as error:
            log.error("the audit can't read the database", because=because(error))
            return None

    async def _provider(self) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(AUDIT_S_MAX):
                return tuple(await self._trouble())
        except TimeoutError:
            return ("Whether the telephone provider works can't be found out: have it looked at.",)

    async def _repair(self, rows: Sequence[Row]) -> None:
        """Get going what stands still. Whatever of it another replica did is not done twice."""
        pool = self._database.pool
        found = {row.check for row in rows}
        try:
            async with asyncio.timeout(AUDIT_S_MAX):
                if "no_next_decision" in found:
                    async for row in queries.restore_decisions(pool):
                        _mended("no_next_decision", row["jurisdiction"], row["code"])
                if "notification_stuck" in found:
                    released = queries.release_messages(pool, over_s=LEASE_OVER_S, far_s=FAR_S)
                    async for row in released:
                        _mended("notification_stuck", row["jurisdiction"], row["subject"])
                for late in (row for row in rows if row.check == "decision_overdue"):
                    await queries.say_overdue(
                        pool, jurisdiction=late.jurisdiction, codes=late.codes
                    )
                    for code in late.codes:
                        _mended("decision_overdue", late.jurisdiction, code)
        except DATABASE_ERRORS as error:
            log.error("what stands still is mended later", because=because(error))
        if found & MENDED:
            self._wake()

    async def _vacancies(self) -> tuple[Vacancy, ...]:
        """Read apart from the rest: nothing urgent waits for it, or falls with it."""
        try:
            async with asyncio.timeout(AUDIT_S_MAX):
                return tuple(await read_vacancies(self._database.pool))
        except DATABASE_ERRORS as error:
            log.error("the audit can't read whose accounts end", because=because(error))
            return ()

    async def _synthetic(self) -> tuple[Notice, ...]:
        try:
            async with asyncio.timeout(AUDIT_S_MAX):
                states = await read_states(self._database.pool)
        except DATABASE_ERRORS as error:
            log.error("the audit can't read of the synthetic press", because=because(error))
            return ()
        show_figures(states)
        return tuple(notices_of(states))

    def _note(self, faults: Sequence[Fault]) -> None:
        now, now_at = self._clock(), timestamp(self._database.now())
        before = self._standing
        self._standing = {}
        for fault in faults:
            key = (fault.name, fault.jurisdiction)
            known = before.get(key)
            if known is None:
                log.error(fault.severity, check=fault.check, message=fault.message)
                self._standing[key] = Standing(fault, now, now_at)
            else:
                self._standing[key] = Standing(fault, known.since, known.since_at)
        for key in before.keys() - self._standing.keys():
            log.info("fault gone", fault=key[0], jurisdiction=key[1])
        counts = Counter(standing.fault.check for standing in self._standing.values())
        for check in CHECKS:
            metrics.FAULTS.labels(check).set(counts[check])

    def _show_changes(self) -> None:
        for jurisdiction in self._directory.entries.jurisdictions:
            views = self.current(jurisdiction)
            if views != self._shown.get(jurisdiction, []):
                self._shown[jurisdiction] = views
                self._show(jurisdiction, msgspec.json.encode(FaultsFrame(views)))

    async def _tell(self) -> None:
        now = self._clock()
        for standing in list(self._standing.values()):
            if now - standing.since >= TELL_AFTER_S:
                try:
                    await self._tell_of(standing)
                except DATABASE_ERRORS as error:
                    log.error("on-call is told later", because=because(error))

    async def _tell_of(self, standing: Standing) -> None:
        fault = standing.fault
        body = f"Tocsin: {fault.message}"
        numbers: set[str] = set()
        once = fault.severity == "warning"
        age_s = None if once and fault.check in LASTING else self._clock() - standing.since
        for jurisdiction, number in self._on_call(fault.jurisdiction):
            directly = fault.check in PAST_NOTIFY and not once
            claimed = self._claim_here(fault.name, jurisdiction)
            if claimed and not self._database_away:
                telling = oncall.Telling(jurisdiction, (oncall.Fault(fault.name, age_s),), body)
                claimed = await oncall.tell(
                    self._database.pool,
                    telling,
                    number=number,
                    repeat=not once,
                    queue=not directly and number not in numbers,
                )
                self._told_here(fault.name, jurisdiction)
            if claimed and directly and number not in numbers:
                self._told_here(fault.name, jurisdiction)
                self._send(number, body)
            numbers.add(number)

    def _on_call(self, jurisdiction: str | None) -> list[tuple[str, str]]:
        """Give each jurisdiction that is concerned and has somebody on call, and the number."""
        return [
            (known.jurisdiction, known.on_call_number)
            for known in self._directory.entries.jurisdictions.values()
            if known.on_call_number and jurisdiction in {None, known.jurisdiction}
        ]

    def _claim_here(self, name: str, jurisdiction: str) -> bool:
        """Say whether this replica has not told it for long enough."""
        told = self._told_directly.get(f"{jurisdiction} {name}")
        return told is None or self._clock() - told >= oncall.AGAIN_S

    def _told_here(self, name: str, jurisdiction: str) -> None:
        self._told_directly[f"{jurisdiction} {name}"] = self._clock()

    def _send(self, number: str, text: str) -> None:
        # Beside the audit: a provider that hangs must not hold it up.
        sending = asyncio.ensure_future(self._send_directly(number, text))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)


def _row(row: asyncpg.Record) -> Row:
    return Row(row["check"], row["jurisdiction"], row["times"], tuple(row["codes"]))


def _mended(check: Check, jurisdiction: str, subject: str) -> None:
    log.error("mended", check=check, jurisdiction=jurisdiction, subject=subject)
    metrics.REPAIRS.labels(check).inc()
