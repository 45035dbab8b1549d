"""The auditor: silence is a fault to be found.

Every five seconds it walks what should be moving: open alerts, pending messages, the
listening connection, the brokers, the loops, the screens. What stands still becomes a
figure, a red line on the console, and after half a minute a message to whoever is on call.
It mends nothing, and it never ends: what it can't find out is itself a fault.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

import aiosql
import msgspec
import structlog

from tocsin_server import metrics
from tocsin_server.alert.lifecycle import PROVING_S
from tocsin_server.errors import because
from tocsin_server.fleet import oncall
from tocsin_server.fleet.directory import Directory
from tocsin_server.fleet.pulse import LinkState
from tocsin_server.people.ending import REMEDY, Vacancy, read_vacancies
from tocsin_server.ports import Show
from tocsin_server.storage.database import DATABASE_ERRORS, PROBE_LOST_S, PROBE_S, Database
from tocsin_wire.messages import timestamp

AUDIT_EVERY_S = 5.0
AUDIT_S_MAX = 4.0  # as long as any statement may take
TELL_AFTER_S = 30.0
DECISION_OVERDUE_S = 5.0
NOTIFICATION_STUCK_S = 15.0
WATCHING_FRESH_S = 12.0  # two of the reports that each replica makes every 5 s, and a little
PROVING_UNSEEN_S = PROVING_S / 2  # until then whoever proves a button answers on their own phone
PULSE_MISSING_S = 15.0  # a pulse and a half
LOOP_STOPPED_S = 10.0  # a loop turns every second, and one of its statements may take four
SETTLE_S = 10.0  # what stood still with the database gets going within this, once it is back
LISTEN_DEAF_S = PROBE_S + PROBE_LOST_S

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()

Check = Literal[
    "database_away",
    "no_next_decision",
    "decision_overdue",
    "notification_stuck",
    "nobody_watching",
    "listen_deaf",
    "broker_silent",
    "loop_stopped",
    "tier_empties",
]
CHECKS: tuple[Check, ...] = get_args(Check)

# Where the sending of messages is itself what may have stopped, they don't go through it.
PAST_NOTIFY: frozenset[Check] = frozenset({"database_away", "notification_stuck", "loop_stopped"})

# What is told days before is told once; the console shows it until somebody has seen to it.
TOLD_ONCE: frozenset[Check] = frozenset({"tier_empties"})


class FaultView(msgspec.Struct, frozen=True, kw_only=True):
    """A red line on the console."""

    check: str
    message: str
    since: str


class FaultsFrame(msgspec.Struct, frozen=True, tag="faults", tag_field="type"):
    """All faults of a jurisdiction, as they go to its screens."""

    faults: list[FaultView]


@dataclass(frozen=True, slots=True)
class Row:
    """What the database says is wrong: how many times, and the codes of some of the alerts."""

    check: Check
    jurisdiction: str
    times: int
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What one audit found. `rows` None: the database did not answer.

    `database_back_s`: for how long it has answered; infinite where it always did.
    """

    replica_id: str
    rows: tuple[Row, ...] | None
    database_back_s: float
    listen_age_s: float
    links: tuple[LinkState, ...]
    loops: Mapping[str, float]
    vacancies: tuple[Vacancy, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong, in a jurisdiction or (None) in all of them. `name` stays while it lasts."""

    check: Check
    jurisdiction: str | None
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A fault and since when: the monotonic clock decides, the other one is shown."""

    fault: Fault
    since: float
    since_at: str


def faults_in(facts: Facts, before: Sequence[Fault] = ()) -> list[Fault]:
    """Say what is wrong. What only the database knows stays as it was `before` while it is away."""
    found = []
    if facts.rows is None:
        found.append(
            Fault(
                "database_away",
                None,
                f"database {facts.replica_id}",
                "The database does not answer. New presses are shown as NOT YET STORED, and only"
                " the first tier is texted. Answer every press you see, keep a phone at hand, and"
                " have the database checked now.",
            )
        )
        found.extend(fault for fault in before if fault.check in {*_WORDS, *TOLD_ONCE})
    else:
        found.extend(_of_row(row) for row in facts.rows)
        found.extend(_of_vacancy(vacancy) for vacancy in facts.vacancies)
        if facts.database_back_s >= SETTLE_S:
            found.extend(_stopped(facts))
    return [*found, *_silent_brokers(facts)]


def _of_row(row: Row) -> Fault:
    one, many = _WORDS[row.check]
    named = f" (code {', '.join(row.codes)})" if row.codes else ""
    message = one.format(named=named) if row.times == 1 else many.format(row.times, named=named)
    return Fault(row.check, row.jurisdiction, row.check, message)


def _of_vacancy(vacancy: Vacancy) -> Fault:
    name = f"tier {vacancy.tier} of {vacancy.policy} empty from {vacancy.ends_on}"
    return Fault(
        "tier_empties",
        vacancy.jurisdiction,
        f"{name}, now" if vacancy.is_empty else name,
        f"{vacancy.sentence} {REMEDY}",
    )


def _stopped(facts: Facts) -> list[Fault]:
    found = []
    if facts.listen_age_s > LISTEN_DEAF_S:
        found.append(
            Fault(
                "listen_deaf",
                None,
                f"listen {facts.replica_id}",
                f"The server {facts.replica_id} does not hear what other servers do: its screens"
                " and lamps may be late. Tell each other by phone who has an alert, and have its"
                " connection to the database checked.",
            )
        )
    for name, age_s in facts.loops.items():
        if age_s > LOOP_STOPPED_S:
            does = _LOOPS.get(name, f"runs '{name}'")
            found.append(
                Fault(
                    "loop_stopped",
                    None,
                    f"loop {facts.replica_id} {name}",
                    f"The part of the server {facts.replica_id} that {does} has stopped: people"
                    " may not be told. Call them yourself for every open alert, and have the"
                    " server restarted.",
                )
            )
    return found


def _silent_brokers(facts: Facts) -> list[Fault]:
    # No pulse is sent while the database is away.
    pulses = facts.rows is not None and facts.database_back_s >= SETTLE_S
    silent = [
        link
        for link in facts.links
        if not link.connected or (pulses and link.silent_s > PULSE_MISSING_S)
    ]
    found = []
    for link in silent:
        host = urlsplit(link.url).netloc.rpartition("@")[2]
        if len(silent) == len(facts.links):
            means = (
                "No press reaches this server: have somebody take calls from every site, and have"
                " broker and network checked now."
            )
        else:
            means = "Presses still come by the other broker. Have it checked before that one fails."
        found.append(
            Fault(
                "broker_silent",
                None,
                f"broker {facts.replica_id} {link.url}",
                f"The broker {host} does not answer the server {facts.replica_id}. {means}",
            )
        )
    return found


_WORDS: Mapping[Check, tuple[str, str]] = {
    "no_next_decision": (
        "An open alert{named} has no next step: nobody else will be told by itself. Acknowledge it,"
        " or call the next people now.",
        "{} open alerts{named} have no next step: nobody else will be told by itself. Acknowledge"
        " them, or call the next people now.",
    ),
    "decision_overdue": (
        "An open alert{named} is overdue: the next people were not told in time. Acknowledge it, or"
        " call them now, and have the server checked.",
        "{} open alerts{named} are overdue: the next people were not told in time. Acknowledge"
        " them, or call these people now, and have the server checked.",
    ),
    "notification_stuck": (
        "A message has waited for more than 15 seconds: somebody was not told. Call the people of"
        " the open alerts yourself, and have the telephone provider checked.",
        "{} messages have waited for more than 15 seconds: people were not told. Call the people of"
        " the open alerts yourself, and have the telephone provider checked.",
    ),
    "nobody_watching": (
        "An alert{named} is open and no dispatcher's screen is watching. Open the console and"
        " answer it now.",
        "{} alerts{named} are open and no dispatcher's screen is watching. Open the console and"
        " answer them now.",
    ),
}
_LOOPS = {"escalate": "tells the next people", "notify": "sends messages"}


class Auditor:
    """What this replica finds wrong, and who was told."""

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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`loops`: seconds since each last turned. `watching`: this replica's screens of a
        jurisdiction. `send_directly(number, text)` goes past the database, and doesn't raise.
        """
        self._database = database
        self._directory = directory
        self._replica_id = replica_id
        self._links = links
        self._watching = watching
        self._show = show
        self._loops = loops
        self._send_directly = send_directly
        self._clock = clock
        self._standing: dict[tuple[str, str | None], Standing] = {}
        self._shown: dict[str, list[FaultView]] = {}
        self._told_directly: dict[str, float] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._database_back: float | None = None
        self._database_away = False

    def current(self, jurisdiction: str) -> list[FaultView]:
        """Give the red lines of a jurisdiction, the longest standing first."""
        return [
            FaultView(
                check=standing.fault.check, message=standing.fault.message, since=standing.since_at
            )
            for standing in sorted(self._standing.values(), key=lambda standing: standing.since)
            if standing.fault.jurisdiction in {None, jurisdiction}
        ]

    async def run(self) -> None:
        """Audit until cancelled."""
        while True:
            await asyncio.sleep(AUDIT_EVERY_S)
            await self.audit()

    async def audit(self) -> None:
        """Look at everything once, and say what is wrong."""
        rows = await self._rows()
        vacancies = await self._vacancies() if rows is not None else ()
        if self._database_away and rows is not None:
            self._database_back = self._clock()
        self._database_away = rows is None
        facts = Facts(
            replica_id=self._replica_id,
            rows=rows,
            database_back_s=(
                float("inf") if self._database_back is None else self._clock() - self._database_back
            ),
            listen_age_s=self._database.probe_age_s,
            links=tuple(self._links()),
            loops={name: age_s() for name, age_s in self._loops.items()},
            vacancies=vacancies,
        )
        before = [standing.fault for standing in self._standing.values()]
        self._note(faults_in(facts, before))
        self._show_changes()
        await self._tell()

    async def _rows(self) -> tuple[Row, ...] | None:
        jurisdictions = list(self._directory.entries.jurisdictions)
        try:
            async with asyncio.timeout(AUDIT_S_MAX):
                await queries.say_watching(
                    self._database.pool,
                    replica_id=self._replica_id,
                    jurisdictions=jurisdictions,
                    screens=[self._watching(jurisdiction) for jurisdiction in jurisdictions],
                )
                rows = queries.audit(
                    self._database.pool,
                    overdue_s=DECISION_OVERDUE_S,
                    stuck_s=NOTIFICATION_STUCK_S,
                    fresh_s=WATCHING_FRESH_S,
                    proving_s=PROVING_S,
                    proving_unseen_s=PROVING_UNSEEN_S,
                )
                found = [
                    Row(row["check"], row["jurisdiction"], row["times"], tuple(row["codes"]))
                    async for row in rows
                ]
                return tuple(found)
        except DATABASE_ERRORS as error:
            log.error("the audit can't read the database", because=because(error))
            return None

    async def _vacancies(self) -> tuple[Vacancy, ...]:
        """Read apart from the rest: nothing urgent waits for it, or falls with it."""
        try:
            async with asyncio.timeout(AUDIT_S_MAX):
                return tuple(await read_vacancies(self._database.pool))
        except DATABASE_ERRORS as error:
            log.error("the audit can't read whose accounts end", because=because(error))
            return ()

    def _note(self, faults: Sequence[Fault]) -> None:
        now, now_at = self._clock(), timestamp(self._database.now())
        before = self._standing
        self._standing = {}
        for fault in faults:
            key = (fault.name, fault.jurisdiction)
            known = before.get(key)
            if known is None:
                log.error("fault", check=fault.check, message=fault.message)
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
        for jurisdiction, number in self._on_call(fault.jurisdiction):
            directly = fault.check in PAST_NOTIFY
            claimed = self._claim_here(fault.name, jurisdiction)
            if claimed and not self._database_away:
                once = fault.check in TOLD_ONCE
                age_s = None if once else self._clock() - standing.since
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
