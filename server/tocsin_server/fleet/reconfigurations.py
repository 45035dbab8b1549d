"""Other brokers for buttons: signed on a machine that hangs on no network, and forwarded from here.

Promise: the newest that is for a button is said to it, by every replica, as long as its heartbeats
don't tell that it knows: it may be away for months. Buttons try new addresses beside the old ones,
and what became of it at each is known here.

Refused: what the deployment's offline key did not sign, and a number that does not rise, which no
button would take up.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.config import Config
from tocsin_server.errors import Invalid, NotFound, Refused, because
from tocsin_server.fleet.certificates import DeploymentError
from tocsin_server.ports import Carrier
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire import signing, topics
from tocsin_wire.errors import WireError
from tocsin_wire.messages import Reconfigure
from tocsin_wire.signing import VerifyKey
from tocsin_wire.topics import Leaf

LOOK_S = 10.0
AGAIN_S = 60.0  # to one that doesn't answer: firmware of before, or without the key
AT_ONCE_MAX = 200  # buttons told in one look
HEARD_S_MAX = 60.0

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class SentView(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent, and to how many of its buttons what became of it.

    No brokers: another key signed it than those that this server has.
    """

    jurisdiction: str
    number: int
    brokers: list[str]
    device_ids: list[str]
    sent_by: str
    sent_at: datetime
    adopted: int
    given_up: list[str]
    waiting: int


def keys_of(config: Config) -> Mapping[str, VerifyKey]:
    """Read the public half of the offline key; none where there is none. Raises DeploymentError."""
    file = config.path(config.keys.command_keys_file)
    try:
        return signing.load_keys(file) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise DeploymentError(f"{file}: {because(error)}") from None


async def send(
    pool: asyncpg.Pool, body: bytes, *, keys: Mapping[str, VerifyKey], by: str
) -> Reconfigure:
    """Have it said to its buttons. Raises Invalid, NotFound, Refused."""
    try:
        said = signing.verify(body, Reconfigure, keys)
    except WireError as error:
        raise Invalid(
            f"that isn't what tocsin keys sign wrote with this deployment's offline key: {error}"
        ) from None
    if not await queries.is_jurisdiction(pool, jurisdiction=said.jurisdiction):
        raise NotFound(f"no jurisdiction {said.jurisdiction!r} is known here")
    unknown = [
        row["device_id"]
        async for row in queries.unknown_devices(
            pool, jurisdiction=said.jurisdiction, device_ids=said.device_ids
        )
    ]
    if unknown:
        raise NotFound(f"no button of {said.jurisdiction} is {', '.join(unknown)}")
    added = await queries.add(
        pool,
        jurisdiction=said.jurisdiction,
        number=said.number,
        device_ids=said.device_ids,
        jws=body.decode(),
        sent_by=inputs.text("the name of who sends it", by),
    )
    if added is None:
        raise Refused(
            f"number {said.number} does not rise above what was sent before, so no button would"
            " take it up: sign it again, or with a higher --number"
        )
    return said


async def sent(pool: asyncpg.Pool, keys: Mapping[str, VerifyKey]) -> list[SentView]:
    """Say what was sent, the newest first, and what became of it."""
    views = []
    async for row in queries.sent(pool):
        facts = dict(row)
        try:
            said = signing.verify(facts.pop("jws").encode(), Reconfigure, keys)
            urls = [broker.url for broker in said.brokers]
        except WireError:
            urls = []
        views.append(SentView(brokers=urls, **facts))
    return views


class Reconfigurations:
    """What one replica forwards."""

    def __init__(
        self,
        database: Database,
        brokers: Callable[[], Sequence[Carrier]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._brokers = brokers
        self._clock = clock
        self._said: dict[str, float] = {}  # when, by button

    async def run(self) -> None:
        """Forward until cancelled."""
        while True:
            try:
                await self.turn()
            except DATABASE_ERRORS as error:
                log.warning("buttons are told of other brokers later", because=because(error))
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> None:
        """Say it to those who are heard and don't know it. Raises DATABASE_ERRORS."""
        now = self._clock()
        self._said = {each: at for each, at in self._said.items() if now - at < AGAIN_S}
        rows = queries.to_forward(
            self._database.pool,
            heard_s=HEARD_S_MAX,
            but=list(self._said),
            at_once=AT_ONCE_MAX,
        )
        async for row in rows:
            self._said[row["device_id"]] = now
            topic = topics.topic(row["jurisdiction"], row["device_id"], Leaf.COMMAND)
            for broker in self._brokers():
                if broker.connected:
                    broker.publish(topic, row["jws"].encode(), qos=1)
