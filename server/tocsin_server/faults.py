"""Faults: what is wrong with the system itself, decided from the facts of one audit.

Promise: every fault has one sentence that says what happened, what it means for people, and what
to do now. What is mended stays in sight for a while: somebody should ask why it was needed.

Refused: a clock, a socket, a database. The auditor brings the facts and carries out the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from tocsin_server.fleet.pulse import LinkState
from tocsin_server.people.ending import REMEDY, Vacancy
from tocsin_server.storage.database import PROBE_LOST_S, PROBE_S

DECISION_OVERDUE_S = 5.0
# With the auditor's beat of 5 s: found within 15 s. A provider that is asked again has failed four
# times by then, and whoever was reached by another way meanwhile waits for nothing.
NOTIFICATION_STUCK_S = 9.0
REPLICA_SILENT_S = 8.0  # the same sum; one beat may come 3 s late
REPLICA_GONE_S = 24 * 3600.0  # whoever left it away for a day has taken it away
PULSE_MISSING_S = 15.0  # a pulse and a half
LOOP_STOPPED_S = 10.0  # a loop turns every second, and one of its statements may take four
SETTLE_S = 10.0  # what stood still with the database gets going within this, once it is back
LISTEN_DEAF_S = PROBE_S + PROBE_LOST_S
REPAIRED_SHOWN_S = 600.0  # as long as it takes until on-call is told of anything again

Check = Literal[
    "database_away",
    "no_next_decision",
    "decision_overdue",
    "notification_stuck",
    "nobody_watching",
    "listen_deaf",
    "broker_silent",
    "no_broker",
    "loop_stopped",
    "replica_hangs",
    "provider_trouble",
    "tier_empties",
    "shift_gap",
    "last_tier_unreachable",
    "synthetic_press",
]
CHECKS: tuple[Check, ...] = get_args(Check)

Severity = Literal["fault", "warning"]


@dataclass(frozen=True, slots=True)
class Row:
    """What the database says is wrong: how many times, and the codes of some of the alerts."""

    check: Check
    jurisdiction: str
    times: int
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """What another part finds wrong. `name` stays while it lasts, and `sentence` may change."""

    check: Check
    jurisdiction: str
    name: str
    sentence: str
    severity: Severity = "fault"


@dataclass(frozen=True, slots=True)
class Facts:
    """What one audit found. `rows` None: the database did not answer.

    `repaired`: what was mended a little while ago, by whichever replica. `silent_replicas`: the
    others that said a little while ago that they work, and no longer do. `database_back_s`: for how
    long it has answered; infinite where it always did. `deaf_s_ago`: since LISTEN was last found
    deaf and begun anew.
    """

    replica_id: str
    rows: tuple[Row, ...] | None
    database_back_s: float
    listen_age_s: float
    links: tuple[LinkState, ...]
    loops: Mapping[str, float]
    vacancies: tuple[Vacancy, ...] = ()
    repaired: tuple[Row, ...] = ()
    silent_replicas: tuple[str, ...] = ()
    deaf_s_ago: float = float("inf")
    trouble: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong, in a jurisdiction or (None) in all of them. `name` stays while it lasts."""

    check: Check
    jurisdiction: str | None
    name: str
    message: str
    severity: Severity = "fault"


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
        found.extend(fault for fault in before if fault.check in FROM_DATABASE)
    else:
        found.extend(_of_row(row) for row in facts.rows)
        found.extend(_of_repair(row) for row in facts.repaired if not _stands(row, facts.rows))
        found.extend(_of_vacancy(vacancy) for vacancy in facts.vacancies)
        if facts.database_back_s >= SETTLE_S:
            found.extend(_stopped(facts))
            found.extend(_silent_replica(replica_id) for replica_id in facts.silent_replicas)
    return [*found, *_silent_brokers(facts), *_from_elsewhere(facts)]


def _of_row(row: Row) -> Fault:
    return Fault(row.check, row.jurisdiction, row.check, _worded(row, _WORDS))


def _stands(repaired: Row, rows: Sequence[Row]) -> bool:
    key = repaired.check, repaired.jurisdiction
    return any((row.check, row.jurisdiction) == key for row in rows)


def _of_repair(row: Row) -> Fault:
    name = f"{row.check} repaired"
    return Fault(row.check, row.jurisdiction, name, _worded(row, _REPAIRED), "warning")


def _worded(row: Row, words: Mapping[Check, tuple[str, str]]) -> str:
    one, many = words[row.check]
    named = f" (code {', '.join(row.codes)})" if row.codes else ""
    return one.format(named=named) if row.times == 1 else many.format(row.times, named=named)


def _of_vacancy(vacancy: Vacancy) -> Fault:
    name = f"tier {vacancy.tier} of {vacancy.policy} empty from {vacancy.ends_on}"
    return Fault(
        "tier_empties",
        vacancy.jurisdiction,
        f"{name}, now" if vacancy.is_empty else name,
        f"{vacancy.sentence} {REMEDY}",
        "warning",
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
    elif facts.deaf_s_ago < REPAIRED_SHOWN_S:
        found.append(
            Fault(
                "listen_deaf",
                None,
                f"listen {facts.replica_id} repaired",
                f"The server {facts.replica_id} did not hear for some seconds what other servers"
                " do. It has connected to the database again and read everything anew. If that"
                " comes again, have its connection to the database checked.",
                "warning",
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


def _silent_replica(replica_id: str) -> Fault:
    return Fault(
        "replica_hangs",
        None,
        f"replica {replica_id}",
        f"The server {replica_id} has stopped without a word. The others tell people in its place."
        " If a console says NOT CONNECTED, open it again there. Have that server restarted.",
    )


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
        check: Check = "broker_silent"
        means = "Presses still come by the other broker. Have it checked before that one fails."
        if len(silent) == len(facts.links):
            check = "no_broker"
            means = (
                "No press reaches this server: have somebody take calls from every site, and have"
                " broker and network checked now."
            )
        found.append(
            Fault(
                check,
                None,
                f"broker {facts.replica_id} {link.url}",
                f"The broker {host} does not answer the server {facts.replica_id}. {means}",
            )
        )
    return found


def _from_elsewhere(facts: Facts) -> list[Fault]:
    found = [
        Fault(each.check, each.jurisdiction, each.name, each.sentence, each.severity)
        for each in facts.notices
    ]
    if facts.trouble:
        # One fault whatever it says today: a figure in it must not make it news to on-call.
        found.append(Fault("provider_trouble", None, "provider", " ".join(facts.trouble)))
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
        f"A message has waited for more than {NOTIFICATION_STUCK_S:g} seconds: somebody was not"
        " told. Call the people of the open alerts yourself, and have the telephone provider"
        " checked.",
        f"{{}} messages have waited for more than {NOTIFICATION_STUCK_S:g} seconds: people were not"
        " told. Call the people of the open alerts yourself, and have the telephone provider"
        " checked.",
    ),
    "nobody_watching": (
        "An alert{named} is open and no dispatcher's screen is watching. Open the console and"
        " answer it now.",
        "{} alerts{named} are open and no dispatcher's screen is watching. Open the console and"
        " answer them now.",
    ),
}
_REPAIRED: Mapping[Check, tuple[str, str]] = {
    "no_next_decision": (
        "An open alert{named} had no next step. It was given one, and people are being told, maybe"
        " late. See that somebody has it, and have the server's log looked at.",
        "{} open alerts{named} had no next step. They were given one, and people are being told,"
        " maybe late. See that somebody has them, and have the server's log looked at.",
    ),
    "decision_overdue": (
        "An alert{named} was overdue: its next people were told late. See that somebody has it, and"
        " have the server's log looked at.",
        "{} alerts{named} were overdue: their next people were told late. See that somebody has"
        " them, and have the server's log looked at.",
    ),
    "notification_stuck": (
        "A message was held up, and has been let go: somebody was told late. See that somebody has"
        " every open alert, and have the server's log looked at.",
        "{} messages were held up, and have been let go: people were told late. See that somebody"
        " has every open alert, and have the server's log looked at.",
    ),
}
_LOOPS = {"escalate": "tells the next people", "notify": "sends messages"}

# What only the database knows.
FROM_DATABASE: frozenset[Check] = frozenset(
    {*_WORDS, "replica_hangs", "tier_empties", "synthetic_press"}
)
