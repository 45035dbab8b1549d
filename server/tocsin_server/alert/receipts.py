"""Receipts: tell a button, signed, what has become of its press.

A receipt speaks of what is committed and of nothing else. It goes out on every broker
that is connected; one that is lost is asked for again by the button's next heartbeat.
A press that the database doesn't know is not answered: the button keeps sending it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from uuid import UUID

import aiosql

from tocsin_server.ports import Carrier
from tocsin_server.storage.database import Database
from tocsin_wire import topics
from tocsin_wire.messages import OpenPress, Receipt, State, timestamp
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

PRESSES_MAX = 64  # of one alert: twice what a button keeps, older ones are settled
ANSWER_S_MIN = 1.0  # a button beats every 15 s; only a broken one asks more often than this
ANSWERED_MAX = 50_000  # devices whose last answer is remembered

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class Receipts:
    """What this replica tells the buttons."""

    def __init__(
        self,
        database: Database,
        key: SigningKey,
        brokers: Callable[[], Sequence[Carrier]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._key = key
        self._brokers = brokers
        self._clock = clock
        self._answered: OrderedDict[str, float] = OrderedDict()

    def send(  # noqa: PLR0917 (the order is that of a press's topic, then what became of it)
        self,
        jurisdiction: str,
        device_id: str,
        press_id: UUID,
        alert_id: UUID,
        state: State,
        drill: bool,
    ) -> None:
        """Sign a receipt and publish it. Only for what is committed."""
        receipt = Receipt(
            press_id=press_id,
            device_id=device_id,
            alert_id=alert_id,
            state=state,
            at=timestamp(self._database.now()),
            drill=drill,
        )
        body = self._key.sign(receipt)
        topic = topics.topic(jurisdiction, device_id, Leaf.RECEIPT)
        for broker in self._brokers():
            if broker.connected:
                broker.publish(topic, body, qos=1)

    async def send_for_alerts(self, alert_ids: Collection[UUID]) -> None:
        """Tell the buttons of these alerts what they have become. Raises DATABASE_ERRORS."""
        rows = [
            row
            async for row in queries.presses_of(
                self._database.walk, alert_ids=list(alert_ids), presses_max=PRESSES_MAX
            )
        ]
        if rows:
            await queries.wait_for_standbys(self._database.walk)
        for row in rows:
            self.send(**row)

    async def answer_heartbeat(
        self, jurisdiction: str, device_id: str, kept: Sequence[OpenPress]
    ) -> None:
        """Send again what a button doesn't know of the presses it keeps. Raises DATABASE_ERRORS."""
        if not kept or not self._may_answer(device_id):
            return
        known = {press.press_id: press for press in kept}
        rows = [
            row
            async for row in queries.states_of(
                self._database.pool,
                jurisdiction=jurisdiction,
                device_id=device_id,
                press_ids=list(known),
            )
        ]
        news = [
            row for row in rows if not _knows(known[row["press_id"]], row["state"], row["drill"])
        ]
        if news:
            await queries.wait_for_standbys(self._database.pool)
        for row in news:
            self.send(jurisdiction=jurisdiction, device_id=device_id, **row)

    def _may_answer(self, device_id: str) -> bool:
        now = self._clock()
        last = self._answered.get(device_id)
        if last is not None and now - last < ANSWER_S_MIN:
            return False
        self._answered[device_id] = now
        self._answered.move_to_end(device_id)
        if len(self._answered) > ANSWERED_MAX:
            self._answered.popitem(last=False)
        return True


def _knows(kept: OpenPress, state: State, drill: bool) -> bool:
    """Say whether a button knows this. An older one doesn't say what it takes for a drill."""
    return kept.state == state and kept.drill in {None, drill}
