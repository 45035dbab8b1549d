"""Escalate: carry out what lifecycle.decide orders, for every alert that needs it.

Nothing is sent from here: an attempt and its pending notifications commit together, and
only where nobody else has moved the alert on, so replicas need no lock. The monotonic
clock triggers; the database's gives the elapsed time only of alerts whose last decision
this replica did not see made, so a clock that steps neither freezes nor rushes a climb.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server.alert.lifecycle import (
    HOLDER_ANSWER_S,
    PATIENCE_S_MAX,
    PATIENCE_S_MIN,
    AskHolder,
    ClimbAgain,
    Notify,
    Order,
    SayNobodyIsThere,
    Silence,
    StandDown,
    Standing,
    Tier,
    Wait,
    decide,
)
from tocsin_server.errors import because
from tocsin_server.fleet.directory import Directory, Entries, PolicyTier, Recipient, Situation
from tocsin_server.storage.database import DATABASE_ERRORS, Database

FLOOR_S = 1.0  # how often everything is looked at, woken or not
TURN_S_MIN = 0.01  # a storm wakes us for each press; one look serves many
ORDERS_MAX = 50  # of one statement: its locks must not stand in a new press's way

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Begun:
    """When what an alert waits for began, by this replica's monotonic clock.

    `what`: the attempt of a round, or the last sign of whoever has it, or the question to them.
    """

    what: object
    at: float


@dataclass(frozen=True, slots=True)
class _Told:
    """An attempt that is to begin."""

    alert_id: UUID
    round: int
    attempt: int
    order: Notify | SayNobodyIsThere
    people: list[Recipient]


class Escalate:
    """The climb of every open alert, on every replica, never twice."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._begun: dict[UUID, _Begun] = {}
        self._woken = asyncio.Event()
        self._looked_at = -math.inf  # at everything
        self.turned_at = self._due_at = clock()

    def wake(self) -> None:
        """Look soon: something was committed."""
        self._woken.set()

    async def run(self) -> None:
        """Look at what is new whenever woken, and at everything every second, until cancelled."""
        wait_s = 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
            # Screens first: what woke us is on its way to them, and pages can wait for a blink.
            await asyncio.sleep(TURN_S_MIN)
            self._woken.clear()
            try:
                if self._clock() < self._due_at:
                    await self.glance()
                else:
                    await self.turn()
                wait_s = max(0.0, self._due_at - self._clock())
            except DATABASE_ERRORS as error:
                log.error("escalation waits for the database", because=because(error))
                wait_s = FLOOR_S

    async def glance(self) -> None:
        """Carry out the orders of alerts that the database calls due: new ones, and answered ones.

        What it is wrong about, having a clock that steps, the next turn decides.
        """
        _, next_s = await self._carry_out(every=False)
        self._due_at = min(self._due_at, self._clock() + next_s)

    async def turn(self) -> float:
        """Carry out every order that is due. Gives the seconds until the next one."""
        looking_at = self._clock()
        undecided, next_s = await self._carry_out(every=True)
        self._looked_at = looking_at
        self._begun = {alert: begun for alert, begun in self._begun.items() if alert in undecided}
        self.turned_at = self._clock()
        self._due_at = self.turned_at + next_s
        return next_s

    async def _carry_out(self, *, every: bool) -> tuple[set[UUID], float]:
        """Gives which alerts it has looked at, and the seconds until one of them is due."""
        begin: list[_Told] = []
        settled: list[UUID] = []
        silent: list[UUID] = []
        lost: list[UUID] = []
        next_s = FLOOR_S
        rows = [row async for row in queries.undecided(self._database.walk, every=every)]
        entries = self._directory.entries
        now = self._database.now()
        for row in rows:
            situation = entries.situation(
                row["jurisdiction"], kind=row["kind"], drill=row["drill"], at=now
            )
            match self._decide(row, entries, situation):
                case Notify() | SayNobodyIsThere() as order:
                    people = entries.to_tell(_tiers(row)[order.tier - 1], situation)
                    begin.append(
                        _Told(row["alert_id"], row["round"], row["attempt"], order, people)
                    )
                case Wait(for_s):
                    next_s = min(next_s, for_s)
                case StandDown():
                    settled.append(row["alert_id"])
                case AskHolder():
                    silent.append(row["alert_id"])
                case ClimbAgain():
                    lost.append(row["alert_id"])
                case order:
                    assert_never(order)
        for first in range(0, len(begin), ORDERS_MAX):
            await self._begin(begin[first : first + ORDERS_MAX])
        if settled:
            await queries.stand_down(self._database.walk, alert_ids=settled)
        if silent:
            await queries.ask_holders(
                self._database.walk, alert_ids=silent, answer_s=HOLDER_ANSWER_S
            )
        if lost:
            await queries.climb_again(self._database.walk, alert_ids=lost)
        return {row["alert_id"] for row in rows}, next_s

    def _decide(self, row: asyncpg.Record, entries: Entries, situation: Situation) -> Order:
        now = self._clock()
        held = row["silent_s"] is not None
        what = ("held", row["silent_from"]) if held else (row["round"], row["attempt"])
        begun = self._begun.get(row["alert_id"])
        elapsed_s = max(0.0, row["silent_s"] if held else row["elapsed_s"])
        if begun is None or begun.what != what:
            # It began since we last looked at everything, maybe long ago: we may have been stopped.
            begun = _Begun(what, now - min(elapsed_s, now - self._looked_at))
        self._begun[row["alert_id"]] = begun
        tiers = tiers_now(_tiers(row), entries, situation)
        standing = Standing(
            attempt=row["attempt"],
            elapsed_s=now - begun.at,
            settled=row["settled"],
            unreached=row["unreached"],
            proving=row["proving"],
            hurried=row["hurried"],
            stood_down=row["stood_down"],
            silence=(
                Silence(now - begun.at, row["holder_silent_s"], row["asked"])
                if held and row["holder_silent_s"] is not None
                else None
            ),
        )
        return decide(standing, tiers)

    async def _begin(self, told: list[_Told]) -> None:
        rows = queries.begin_attempts(
            self._database.walk,
            alert_ids=[one.alert_id for one in told],
            attempts=[one.attempt for one in told],
            next_attempts=[one.order.attempt for one in told],
            tiers=[one.order.tier for one in told],
            people=[msgspec.json.encode(one.people).decode() for one in told],
            patiences_s=[one.order.patience_s for one in told],
            unanswered=[_is_unanswered(one.order) for one in told],
        )
        begun = {row["alert_id"] async for row in rows if row["begun"]}
        now = self._clock()
        for one in (one for one in told if one.alert_id in begun):
            self._begun[one.alert_id] = _Begun((one.round, one.order.attempt), now)
            log.info(
                "told" if one.people else "NOBODY TO TELL",
                alert_id=str(one.alert_id),
                tier=one.order.tier,
                attempt=one.order.attempt,
                people=sorted({person.name for person in one.people}),
            )


def tiers_now(
    tiers: Sequence[PolicyTier], entries: Entries, situation: Situation
) -> tuple[Tier, ...]:
    """Say of each tier whether anybody in it can be told at this moment."""
    return tuple(
        Tier(
            patience_s=min(max(tier.patience_s, PATIENCE_S_MIN), PATIENCE_S_MAX),
            occupied=bool(entries.in_tier(tier, situation)),
        )
        for tier in tiers
    )


def _is_unanswered(order: Notify | SayNobodyIsThere) -> bool:
    return isinstance(order, SayNobodyIsThere) or order.unanswered


def _tiers(row: asyncpg.Record) -> tuple[PolicyTier, ...]:
    return msgspec.json.decode(row["tiers"], type=tuple[PolicyTier, ...])
