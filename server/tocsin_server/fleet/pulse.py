"""Pulse: a replica whose database commits says so every 10 seconds, to buttons and to itself.

"Commits" is proved by a write of its own. The probe of the listening connection isn't
enough: it only shows that a notification passes, while a press needs a row on disk.
The pulse that comes back is the replica's canary: without it, a link that looks open
may be dead, so the link is renewed and nobody is called silent because of it.

Beside each pulse goes one statement of which key of receipts follows which, in turn, once there
are any: buttons that were away for a rotation catch up.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiosql
import structlog

from tocsin_server.broker import CANARY_LOST_S, Arrived
from tocsin_server.errors import because
from tocsin_server.ports import Carrier
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire import topics
from tocsin_wire.messages import Pulse, timestamp
from tocsin_wire.signing import SigningKey

PULSE_EVERY_S = 10.0
LOOK_S = 0.5  # a link that has just come up gets its first pulse this soon
AGAIN_S = 2.0  # while the database does not commit
COMMIT_S_MAX = 4.0  # as long as any statement may take
REMEMBERED = 4  # pulses that may still be on their way back

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the link to a broker is. `silent_s`: since our own pulse last came back."""

    url: str
    connected: bool
    silent_s: float


class Pulses:
    """The pulses of one replica."""

    def __init__(
        self,
        database: Database,
        key: SigningKey,
        brokers: Callable[[], Sequence[Carrier]],
        *,
        replica_id: str,
        statements: Sequence[bytes] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._key = key
        self._brokers = brokers
        self._replica_id = replica_id
        self._topic = topics.pulse_topic(replica_id)
        self._clock = clock
        self._statements = itertools.cycle(statements)
        self._sent: deque[bytes] = deque(maxlen=REMEMBERED)
        # By broker: since the oldest pulse of this connection that did not come back.
        self._missing: dict[str, float] = {}
        self._pulsed: dict[str, float] = {}  # by broker: the subscription that got a pulse
        self._began = self._next = self._not_before = self._clock()

    def heard(self, broker: Carrier, arrived: Arrived) -> None:
        """Take a message of a pulse topic; only our own recent ones are the canary."""
        if arrived.topic == self._topic and not arrived.retained and arrived.body in self._sent:
            broker.canary_at = arrived.received
            self._missing.pop(broker.url, None)

    def links(self) -> list[LinkState]:
        """Give how the link to each broker is; silence counts from our beginning at most."""
        now = self._clock()
        return [
            LinkState(broker.url, broker.connected, now - (broker.canary_at or self._began))
            for broker in self._brokers()
        ]

    async def run(self) -> None:
        """Pulse until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> None:
        """Renew what is half-open, and pulse where one is due."""
        self._renew_half_open()
        now = self._clock()
        if now < self._not_before:
            return
        regular = now >= self._next
        due = [broker for broker in self._brokers() if regular or self._is_new(broker)]
        if not due:
            return
        if regular:
            self._next = now + PULSE_EVERY_S
        try:
            async with asyncio.timeout(COMMIT_S_MAX):
                await queries.commit_something(
                    self._database.pool, replica_id=self._replica_id, receipt_kid=self._key.kid
                )
        except DATABASE_ERRORS as error:
            log.error("no pulse: the database does not commit", because=because(error))
            self._next = self._not_before = now + AGAIN_S
            return
        self._publish([broker for broker in due if broker.connected])

    def _publish(self, brokers: Sequence[Carrier]) -> None:
        pulse = Pulse(replica_id=self._replica_id, at=timestamp(self._database.now()))
        body = self._key.sign(pulse)
        self._sent.append(body)
        statement = next(self._statements, None)
        for broker in brokers:
            self._missing.setdefault(broker.url, self._clock())
            if broker.subscribed_at is not None:
                self._pulsed[broker.url] = broker.subscribed_at
            broker.publish(self._topic, body, qos=0)
            if statement is not None:
                broker.publish(self._topic, statement, qos=0)

    def _is_new(self, broker: Carrier) -> bool:
        return (
            broker.connected
            and broker.subscribed_at is not None
            and self._pulsed.get(broker.url) != broker.subscribed_at
        )

    def _renew_half_open(self) -> None:
        for broker in self._brokers():
            since = self._missing.get(broker.url)
            if not broker.connected or self._is_new(broker):
                self._missing.pop(broker.url, None)
            elif since is not None and self._clock() - since > CANARY_LOST_S:
                log.warning("no pulse came back: opening the link again", broker=broker.url)
                self._missing.pop(broker.url)
                broker.renew()
