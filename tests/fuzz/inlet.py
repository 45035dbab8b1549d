"""The inlet of one replica under hostile messages: real steps, a real database, all counted.

Promise: of every message it is known what became of it. A message that had to become an alert is a
row of the database, one that had to be doubted is counted in the doubtful lane, and what was left
to its button is counted too. Loops that die, loops that hang, and memory that grows are found.

Refused: flooding. That a sender who sends too much costs only himself is what the tests of the
inbox show; here every message is to be looked at.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg
from prometheus_client import REGISTRY

from tests.alert.county import JURISDICTION, NAMES, opened_county
from tests.fuzz import hostile, stand
from tests.fuzz.hostile import Fate, Shot, Thrower
from tests.parts import EMPTY, Database, fresh_database
from tocsin_server.alert import acknowledge
from tocsin_server.alert.changes import Changes
from tocsin_server.alert.doubt import DoubtfulLane
from tocsin_server.alert.ingest import Ingest
from tocsin_server.alert.press import Doubt, Held, HeldView, Stored
from tocsin_server.alert.receipts import Receipts
from tocsin_server.broker import Arrived
from tocsin_server.demo.postgres import EmbeddedPostgres
from tocsin_server.fleet.directory import Directory
from tocsin_server.fleet.moved import Whereabouts
from tocsin_server.fleet.supervise import Supervisor
from tocsin_server.record import verify_database
from tocsin_server.storage.database import Database as Connection
from tocsin_wire.messages import Heartbeat, Status
from tocsin_wire.signing import SigningKey

THROWERS = 64
PER_ROUND = 24  # of each: well below what the inbox and the store take of one sender
ROUND_S_MAX = 120.0  # for 1,536 messages, on a busy machine: whoever needs longer hangs
LANE_S_MAX = 60.0  # the lane keeps row by row
TIDY_EVERY = 100  # rounds: people resolve what is open and look at what is doubtful
BEATS_PER_ROUND = 64
GROWTH_MIB_MAX = 48  # beyond the first tenth: caches fill, and then stay as they are
WARM = 0.1
WRONG_SHOWN_MAX = 20  # whoever reads that many knows enough


@dataclass
class Tally:
    """What was sent, and what became of it."""

    messages: int = 0
    heartbeats: int = 0
    presses: int = 0
    alerts: int = 0
    doubtful: int = 0
    left_to_button: int = 0
    not_yet_stored: int = 0
    by_fate: Counter[Fate] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    warm_mib: int = 0
    end_mib: int = 0
    peak_mib: int = 0

    @property
    def holds(self) -> bool:
        return not self.wrong

    def lines(self) -> list[str]:
        """Say it for people."""
        return [
            f"{self.messages:,} messages on press topics in {self.seconds:.0f} s"
            f" ({self.messages / max(self.seconds, 0.001):,.0f}/s),"
            f" and {self.heartbeats:,} heartbeats and statuses",
            f"  that had to be alerts {self.by_fate[Fate.ALERT]:,}, doubted"
            f" {self.by_fate[Fate.DOUBTFUL]:,}, either {self.by_fate[Fate.EITHER]:,}",
            f"  became {self.presses:,} presses of {self.alerts:,} alerts,"
            f" {self.doubtful:,} doubtful, {self.left_to_button:,} left to their button;"
            f" {self.not_yet_stored:,} took longer than a second",
            f"  resident memory {self.warm_mib} MiB after a tenth, {self.end_mib} MiB at the end,"
            f" {self.peak_mib} MiB at most",
            *[f"  WRONG: {each}" for each in self.wrong[:WRONG_SHOWN_MAX]],
        ]


class Wire:
    """A link to a broker at the edge: it takes what is published."""

    url = "mqtts://broker-1:8883"
    connected = True
    canary_at = 0.0
    subscribed_at: float | None = 0.0

    def judges_for_s(self) -> float:
        return time.monotonic()

    def publish(self, topic: str, body: bytes, *, qos: int) -> None:
        """Nobody listens."""

    def renew(self) -> None:
        """It always stands."""


class Inlet:
    """One replica, from what its brokers bring to what it commits and shows."""

    def __init__(self, connection: Connection, directory: Directory) -> None:
        self.connection = connection
        self.directory = directory
        self.mistakes: list[str] = []
        self.waiting = 0
        self.unstored = 0  # shown as NOT YET STORED: a busy machine takes longer than a second
        self.were_unstored = 0
        self._settled = asyncio.Event()
        self._wire = Wire()
        receipts = Receipts(connection, SigningKey.generate(), lambda: [self._wire])
        self._changes = Changes(
            connection,
            show=lambda *_, **__: None,
            wake=lambda: None,
            send_receipts=receipts.send_for_alerts,
        )
        self.lane = DoubtfulLane(connection, directory, show=lambda *_: None, watching=lambda _: 1)
        self._ingest = Ingest(
            connection,
            directory,
            doubt=self._doubt,
            on_stored=self._on_stored,
            on_held=self._shown_unstored,
            on_held_gone=self._stored_after_all,
            page_from_memory=_nobody,
        )
        self._supervisor = Supervisor(
            connection,
            directory,
            brokers=lambda: [self._wire],
            show=lambda *_: None,
            answer_heartbeat=receipts.answer_heartbeat,
            on_connected=lambda _: None,
            whereabouts=Whereabouts(connection),
        )
        self._receipts = receipts

    def loops(self) -> list[asyncio.Task[None]]:
        """Everything that runs in a replica on the way of a press."""
        runs = (
            self._ingest.verify,
            self._ingest.store,
            self._ingest.watch,
            self.lane.run,
            self.lane.page_unseen,
            self._supervisor.run,
        )
        return [asyncio.create_task(run(), name=run.__qualname__) for run in runs]

    def take(self, shot: Shot) -> None:
        """A broker brings this."""
        self.waiting += 1
        arrived = self._arrived(shot.topic, shot.body, self._accept)
        self._ingest.arrived(arrived)
        self._supervisor.heard(self._wire, arrived)

    def hear(self, topic: str, body: bytes, *, retained: bool) -> None:
        """A broker brings a heartbeat or a status."""
        self._supervisor.heard(
            self._wire, self._arrived(topic, body, lambda: None, retained=retained)
        )

    async def settled(self) -> None:
        """Every message was accepted: it is committed, in the lane, or left to its button."""
        async with asyncio.timeout(ROUND_S_MAX):
            while self.waiting or self.unstored:
                self._settled.clear()
                await self._settled.wait()

    def _arrived(
        self, topic: str, body: bytes, accept: Callable[[], None], *, retained: bool = False
    ) -> Arrived:
        return Arrived(topic, body, retained, time.monotonic(), accept)

    def _accept(self) -> None:
        self.waiting -= 1
        self._settled.set()

    def _shown_unstored(self, _view: HeldView, _jurisdiction: str) -> None:
        self.unstored += 1
        self.were_unstored += 1

    def _stored_after_all(self, _held: Held) -> None:
        self.unstored -= 1
        self._settled.set()

    def _doubt(self, doubt: Doubt) -> None:
        if "this server failed" in doubt.reason or "can't be stored" in doubt.reason:
            self.mistakes.append(f"{doubt.reason}: {doubt.raw[:300]!r}")
        self.lane.add(doubt)

    def _on_stored(self, stored: list[Stored]) -> None:
        self._changes.stored(stored)
        for one in stored:
            self._receipts.send(
                one.jurisdiction, one.device_id, one.press_id, one.alert_id, one.state, one.drill
            )


def _nobody(_held: Held) -> "asyncio.Future[list[str]]":
    nobody: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    nobody.set_result([])
    return nobody


@asynccontextmanager
async def running_inlet(database: Database) -> AsyncIterator[tuple[Inlet, list[Thrower]]]:
    """An inlet with its buttons; a loop that died shows at the end."""
    async with opened_county(database) as county, database.pool() as pool:
        buttons = await county.buttons(pool, THROWERS)
        throwers = [Thrower(JURISDICTION, each.device_id, each.key) for each in buttons]
        connection = Connection(database.dsn, replica_id="fuzz")
        await connection.open()
        try:
            directory = Directory(connection)
            await directory.read()
            inlet = Inlet(connection, directory)
            tasks = inlet.loops()
            try:
                yield inlet, throwers
                inlet.mistakes += [f"the loop {each.get_name()} ended" for each in _dead(tasks)]
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await connection.close()


def _dead(tasks: Sequence[asyncio.Task[None]]) -> list[asyncio.Task[None]]:
    return [task for task in tasks if task.done()]


async def fuzz(
    postgres: EmbeddedPostgres,
    *,
    messages: int,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> Tally:
    """Send so many messages, and hold what became of each against what had to."""
    tally, chance, began = Tally(), random.Random(seed), time.monotonic()
    async with (
        fresh_database(postgres, EMPTY) as database,
        running_inlet(database) as (inlet, throwers),
        database.pool() as pool,
    ):
        rounds = max(1, -(-messages // (THROWERS * PER_ROUND)))
        for number in range(1, rounds + 1):
            most = min(THROWERS * PER_ROUND, messages - tally.messages)
            await _round(inlet, throwers, pool, tally, chance, most)
            if number % TIDY_EVERY == 0 or number == rounds:
                await _tidy(pool)
                say(f"{tally.messages:,} messages, {stand.memory_now_mib()} MiB")
            if number == max(1, round(rounds * WARM)):
                tally.warm_mib = stand.memory_now_mib()
            if tally.wrong or inlet.mistakes:
                break
        tally.seconds = time.monotonic() - began
        tally.end_mib, tally.peak_mib = stand.memory_now_mib(), stand.peak_mib()
        tally.not_yet_stored = inlet.were_unstored
        await _judge_the_end(inlet, pool, tally)
    tally.wrong += inlet.mistakes
    return tally


async def _round(  # noqa: PLR0917 (what a round works with)
    inlet: Inlet,
    throwers: Sequence[Thrower],
    pool: asyncpg.Pool,
    tally: Tally,
    chance: random.Random,
    most: int,
) -> None:
    """Send one volley, wait until everything is settled, and judge it."""
    shots = [hostile.shot(throwers[n % len(throwers)], chance) for n in range(most)]
    doubted, left = _doubted(), _left()
    for shot in shots:
        inlet.take(shot)
    for _ in range(min(most, BEATS_PER_ROUND)):
        by, kind = chance.choice(throwers), chance.choice((Heartbeat, Status))
        leaf = "heartbeat" if kind is Heartbeat else "status"
        body = hostile.unsigned(kind, chance, boot_id=uuid4())
        inlet.hear(f"tocsin/v1/{JURISDICTION}/{by.device_id}/{leaf}", body, retained=False)
        tally.heartbeats += 1
    try:
        await inlet.settled()
    except TimeoutError:
        tally.wrong.append(f"{inlet.waiting} messages were not settled in {ROUND_S_MAX:g} s")
        return
    tally.messages += len(shots)
    tally.by_fate.update(shot.fate for shot in shots)
    doubted, left = _doubted() - doubted, _left() - left
    tally.doubtful += doubted
    tally.left_to_button += left
    await _judge(shots, doubted, left, pool, tally)


async def _judge(
    shots: Sequence[Shot], doubted: int, left: int, pool: asyncpg.Pool, tally: Tally
) -> None:
    fates = Counter(shot.fate for shot in shots)
    low, high = fates[Fate.DOUBTFUL], fates[Fate.DOUBTFUL] + fates[Fate.EITHER]
    if not low <= doubted <= high:
        tally.wrong.append(f"{doubted} were doubted, and {low} to {high} had to be")
    if left:
        tally.wrong.append(f"{left} were left to their button without a flood")
    wanted = {shot.press_id: shot for shot in shots if shot.fate is Fate.ALERT}
    stored = await pool.fetch(
        "SELECT p.press_id FROM press p JOIN alert a USING (alert_id)"
        " WHERE p.press_id = ANY ($1::uuid[])",
        list(wanted),
    )
    for press_id in wanted.keys() - {row["press_id"] for row in stored}:
        tally.wrong.append(f"a signed press is no alert: {wanted[press_id].body[:2000]!r}")


async def _judge_the_end(inlet: Inlet, pool: asyncpg.Pool, tally: Tally) -> None:
    """What can only be said of all of it."""
    tally.presses = await pool.fetchval("SELECT count(*) FROM press WHERE alert_id IS NOT NULL")
    tally.alerts = await pool.fetchval("SELECT count(*) FROM alert")
    if await pool.fetchval("SELECT count(*) FROM press WHERE alert_id IS NULL"):
        tally.wrong.append("a press is stored without an alert")
    kept = await _kept_in_lane(pool, tally.doubtful)
    if kept < tally.doubtful:
        tally.wrong.append(f"the doubtful lane counts {kept} of {tally.doubtful}")
    verdict = await verify_database(pool, jurisdiction=JURISDICTION)
    tally.wrong += verdict.findings[:3]
    if tally.end_mib - tally.warm_mib > GROWTH_MIB_MAX:
        tally.wrong.append(f"memory grew from {tally.warm_mib} to {tally.end_mib} MiB")


async def _kept_in_lane(pool: asyncpg.Pool, doubted: int) -> int:
    """What the lane has counted, once that is all: it keeps what it is given a moment later.

    It may count more than it was given: where the database answers too late, it asks again.
    """
    kept, deadline = 0, time.monotonic() + LANE_S_MAX
    while kept < doubted and time.monotonic() < deadline:
        kept = await pool.fetchval("SELECT coalesce(sum(times), 0) FROM doubtful")
        await asyncio.sleep(0.02)
    return kept


async def _tidy(pool: asyncpg.Pool) -> None:
    """What people do meanwhile."""
    for row in await pool.fetch("SELECT alert_id FROM alert WHERE resolved_at IS NULL"):
        await acknowledge.queries.resolve(
            pool,
            alert_id=row["alert_id"],
            jurisdiction=JURISDICTION,
            name=NAMES[0],
            outcome="test",
            note="",
            only_drills=False,
        )
    await pool.execute(
        "UPDATE doubtful SET seen_at = clock_timestamp(), seen_by = $1 WHERE seen_at IS NULL",
        NAMES[0],
    )


def _doubted() -> int:
    return int(REGISTRY.get_sample_value("tocsin_presses_doubtful_total") or 0)


def _left() -> int:
    return int(REGISTRY.get_sample_value("tocsin_presses_overflowed_total") or 0)
