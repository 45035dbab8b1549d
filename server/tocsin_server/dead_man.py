"""The dead-man: a word outside, for as long as a press would reach a person.

Promise: each replica asks its own address outside (of healthchecks.io, or of any service that calls
people when it is *not* asked) every few seconds, while its own look at the alert path is clean.
When that word stays away, whoever watches there is told by ways that need none of ours.

Refused: stopping for anything that does not break the alert path. A lost button, a gap in the
shifts, one of two brokers: all that is told by the system itself, which works. An alarm outside
that also rings for these would soon be one that nobody hears. And nothing waits for the answer.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import aiosql
import structlog

from tocsin_server import metrics
from tocsin_server.config import Secret
from tocsin_server.faults import Check, Fault
from tocsin_server.storage.database import DATABASE_ERRORS, Database, within

LOOK_S = 1.0  # it is asked again this soon once all is clean
AUDIT_OLD_S = 15.0  # three audits that did not come: nobody knows what stands still
ANSWER_S_MAX = 10.0
RECORD_S_MAX = 2.0

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a fault breaks the alert path, and why."""

    stops: bool
    because: str


VERDICTS: Mapping[Check, Verdict] = {
    "database_away": Verdict(True, "no press is stored, and only tier 1 is told"),
    "no_next_decision": Verdict(True, "nobody else is told of an open alert"),
    "decision_overdue": Verdict(True, "the next people are not told in time"),
    "notification_stuck": Verdict(True, "somebody was not told"),
    "nobody_watching": Verdict(False, "phones are told all the same"),
    "listen_deaf": Verdict(True, "what other replicas do isn't heard: screens and lamps are late"),
    "broker_silent": Verdict(False, "presses still come by another broker"),
    "no_broker": Verdict(True, "no press arrives here"),
    "loop_stopped": Verdict(True, "nobody else is told, or nothing is sent"),
    "replica_hangs": Verdict(False, "this one works in its place, and the other's word stays away"),
    "provider_trouble": Verdict(True, "messages may not leave"),
    "tier_empties": Verdict(False, "an empty tier falls through to the next"),
    "shift_gap": Verdict(False, "the other people of the tier, and the next tiers, are told"),
    "last_tier_unreachable": Verdict(False, "it is told where a policy is edited, and on-call"),
    "synthetic_press": Verdict(False, "its own process may be what has stopped"),
}


def what_stops_it(faults: Sequence[Fault], *, audited_s_ago: float) -> list[str]:
    """Name what breaks the alert path; none: it is clean. What is a warning breaks nothing."""
    found = {
        fault.check: VERDICTS[fault.check].because
        for fault in faults
        if fault.severity == "fault" and VERDICTS[fault.check].stops
    }
    if audited_s_ago > AUDIT_OLD_S:
        return [*found.values(), "the auditor does not look"]
    return list(found.values())


class DeadMan:
    """One replica's word outside."""

    def __init__(
        self,
        database: Database,
        url: Secret,
        *,
        every_s: float,
        replica_id: str,
        standing: Callable[[], Sequence[Fault]],
        audited_s_ago: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._url = url
        self._every_s = every_s
        self._replica_id = replica_id
        self._standing = standing
        self._audited_s_ago = audited_s_ago
        self._clock = clock
        self._next = clock()
        self._said: str | None = None

    async def run(self) -> None:
        """Give the word until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_S_MAX)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                await asyncio.sleep(LOOK_S)
                await self.turn(session)

    async def turn(self, session: aiohttp.ClientSession) -> None:
        """Give the word if it is due, and all is clean."""
        now = self._clock()
        if now < self._next:
            return
        stopped_by = what_stops_it(self._standing(), audited_s_ago=self._audited_s_ago())
        if stopped_by:
            # Looked at again at once: it isn't kept back for longer than it must be.
            self._say("withheld", "; ".join(stopped_by))
            return
        self._next = now + self._every_s
        problem = await self._ask(session)
        if problem is not None:
            metrics.DEAD_MAN.labels("failed").inc()
            self._say("failed", problem)
            return
        metrics.DEAD_MAN.labels("answered").inc()
        metrics.DEAD_MAN_AT.set_to_current_time()
        self._say("answered", "")
        with suppress(*DATABASE_ERRORS):
            record = queries.say_answered(self._database.pool, replica_id=self._replica_id)
            await within(RECORD_S_MAX, record)

    async def _ask(self, session: aiohttp.ClientSession) -> str | None:
        """Give what went wrong, in words that don't give the address away: it is a secret."""
        try:
            async with session.get(self._url.reveal()) as answer:
                return None if answer.ok else f"it answered {answer.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return f"it was not reached ({type(error).__name__})"

    def _say(self, what: str, why: str) -> None:
        """Log what changed, once. A word that is kept back is counted once as well."""
        if self._said == f"{what} {why}":
            return
        if what == "withheld":
            metrics.DEAD_MAN.labels("withheld").inc()
        if what != "answered":
            log.error("the dead-man's word did not go out", outcome=what, because=why)
        elif self._said is not None:
            log.info("the dead-man's word goes out again")
        self._said = f"{what} {why}"
