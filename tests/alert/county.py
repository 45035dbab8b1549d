"""A county in one process: real PostgreSQL, replicas of the alert path, the phone line at the edge.

Time passes on the replicas' monotonic clock when the test says so. The database's clock can't be
moved; where it is to step, what the database remembers is moved the other way.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec

from tests.parts import Database
from tocsin_server.alert.changes import Changes
from tocsin_server.alert.doubt import DoubtfulLane
from tocsin_server.alert.escalate import Escalate
from tocsin_server.alert.ingest import Ingest
from tocsin_server.alert.notify import Notify
from tocsin_server.alert.press import Doubt, DoubtfulView, Held, HeldView, Stored
from tocsin_server.broker import Arrived
from tocsin_server.channels.channel import Channel, Message, Method, SendFailed
from tocsin_server.fleet import policies, sites
from tocsin_server.fleet.directory import Directory, PolicyTier
from tocsin_server.people.accounts import add_person
from tocsin_server.storage.database import Database as Connection
from tocsin_wire import messages, topics
from tocsin_wire.messages import Press
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

JURISDICTION = "48453"
PUBLIC_URL = "https://tocsin.example.org"
TIERS_S = (30.0, 45.0, 60.0)
NAMES = ("Ana Guard", "Ben Supervisor", "Cem Chief")  # one in each tier
WAIT_S = 20.0


class Clock:
    """A monotonic clock that goes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Button:
    """A button's identity, and what it would sign."""

    device_id: str
    key: SigningKey = field(repr=False)
    boot_id: UUID = field(default_factory=uuid4)
    seq: int = 0

    def press(self, **fields: object) -> Press:
        """A new press; `fields` say otherwise."""
        self.seq += 1
        usual: dict[str, object] = {
            "press_id": messages.new_id(),
            "device_id": self.device_id,
            "kind": "duress",
            "boot_id": self.boot_id,
            "seq": self.seq,
            "age_exact": True,
        }
        return Press(**(usual | fields))  # type: ignore[arg-type]

    @property
    def topic(self) -> str:
        return topics.topic(JURISDICTION, self.device_id, Leaf.PRESS)


@dataclass
class Text:
    """A message that the provider was given."""

    to: str
    text: str
    notification_id: UUID | None


class Line:
    """The provider at the edge: it takes, refuses, or lets wait."""

    def __init__(self) -> None:
        self.sent: list[Text] = []
        self.refusals: list[SendFailed] = []  # one for each of the next sendings
        self.open = asyncio.Event()
        self.open.set()
        self.hung: frozenset[str] = frozenset()  # whom it never answers about
        self.asked = 0
        self._changed = asyncio.Event()

    async def send(self, message: Message) -> str:
        self.asked += 1
        self._changed.set()
        await self.open.wait()
        if message.to in self.hung:
            await asyncio.Event().wait()
        if self.refusals:
            raise self.refusals.pop(0)
        self.sent.append(Text(message.to, message.text, message.notification_id))
        self._changed.set()
        return f"SM{uuid4().hex}"

    async def close(self) -> None:
        """Nothing is open."""

    async def until(self, *, asked: int = 0, sent: int = 0) -> None:
        """It was asked, and has taken, so many messages."""
        async with asyncio.timeout(WAIT_S):
            while self.asked < asked or len(self.sent) < sent:
                self._changed.clear()
                await self._changed.wait()


class Server:
    """The alert path of one replica; loops run only where a test starts them."""

    def __init__(self, connection: Connection, directory: Directory, clock: Clock) -> None:
        self.connection = connection
        self.directory = directory
        self.line = Line()
        self.stored: list[Stored] = []
        self.doubts: list[Doubt] = []
        self.frames: list[tuple[str | None, bytes]] = []
        self.told_doubts: list[DoubtfulView] = []
        self.receipted: list[UUID] = []
        self.receipts_fail = 0  # so many times
        self.held: list[HeldView] = []
        self.paged_from_memory: list[Held] = []
        self.accepted = 0
        self.changed = asyncio.Event()
        self.ingest = Ingest(
            connection,
            directory,
            doubt=self._doubt,
            on_stored=self._on_stored,
            on_held=lambda view, _: self.held.append(view),
            on_held_gone=lambda _: None,
            page_from_memory=self._page,
        )
        self.escalate = Escalate(connection, directory, clock=clock)
        self.channels: dict[Method, Channel] = {"sms": self.line}
        self.notify = Notify(connection, directory, self.channels, public_url=PUBLIC_URL)
        self.doubt = DoubtfulLane(
            connection, directory, show=self._show_doubt, watching=lambda _: 1
        )
        self.changes = Changes(
            connection, show=self._show, wake=lambda: None, send_receipts=self._send_receipts
        )

    def take(self, *bodies: tuple[str, bytes]) -> None:
        """These messages arrive now: topic and body."""
        for topic, body in bodies:
            self.ingest.arrived(
                Arrived(
                    topic=topic,
                    body=body,
                    retained=False,
                    received=time.monotonic(),
                    accept=self._accept,
                )
            )

    def press(self, button: Button, *presses: Press) -> None:
        """A button's presses arrive now."""
        self.take(*[(button.topic, button.key.sign(press)) for press in presses])

    async def until_stored(self, count: int) -> None:
        """So many answers of the database."""
        async with asyncio.timeout(WAIT_S):
            while len(self.stored) < count:
                self.changed.clear()
                await self.changed.wait()

    @asynccontextmanager
    async def ingesting(self) -> AsyncIterator[None]:
        """Verify and store, in the background."""
        async with running(self.ingest.verify(), self.ingest.store(), self.ingest.watch()):
            yield

    async def send_all(self) -> None:
        """One turn of notify, to the end of everything it started."""
        await self.notify.turn()
        await self.notify.drain()

    def _on_stored(self, stored: list[Stored]) -> None:
        self.stored += stored
        self.changes.stored(stored)
        self.changed.set()

    def _doubt(self, doubt: Doubt) -> None:
        self.doubts.append(doubt)
        self.changed.set()

    def _show_doubt(self, _jurisdiction: str | None, view: DoubtfulView) -> None:
        self.told_doubts.append(view)
        self.changed.set()

    def _show(self, jurisdiction: str | None, frame: bytes, **_: object) -> None:
        self.frames.append((jurisdiction, frame))
        self.changed.set()

    def _page(self, held: Held) -> "asyncio.Future[list[str]]":
        self.paged_from_memory.append(held)
        paged = asyncio.get_running_loop().create_future()
        paged.set_result([NAMES[0]])
        return paged

    async def until_shown(self, alert_id: UUID, state: str) -> None:
        """A screen of this replica sees the alert in this state."""
        async with asyncio.timeout(WAIT_S):
            while state not in shown(self, alert_id):
                self.changed.clear()
                await self.changed.wait()

    async def until_receipted(self) -> list[UUID]:
        """The buttons of an alert were told of its new state; gives all of which they were."""
        async with asyncio.timeout(WAIT_S):
            while not self.receipted:
                self.changed.clear()
                await self.changed.wait()
        return self.receipted

    async def _send_receipts(self, alert_ids: Sequence[UUID]) -> None:
        if self.receipts_fail:
            self.receipts_fail -= 1
            raise ConnectionError("the database is away")
        self.receipted += alert_ids
        self.changed.set()

    def _accept(self) -> None:
        self.accepted += 1


class County:
    """One jurisdiction with three tiers of one person each, and replicas that serve it."""

    def __init__(self, database: Database, clock: Clock, stack: AsyncExitStack) -> None:
        self.database = database
        self.clock = clock
        self.people: dict[str, UUID] = {}
        self.place_id: UUID
        self._stack = stack

    async def server(self, name: str = "server-1") -> Server:
        connection = Connection(self.database.dsn, replica_id=name)
        await connection.open()
        self._stack.push_async_callback(connection.close)
        directory = Directory(connection)
        await directory.read()
        return Server(connection, directory, self.clock)

    async def buttons(self, pool: asyncpg.Pool, count: int) -> list[Button]:
        """New buttons. A replica that is to know them reads its directory after this."""
        made = [Button(topics.new_device_id(), SigningKey.generate()) for _ in range(count)]
        for button in made:
            await sites.register_device(
                pool,
                device_id=button.device_id,
                jurisdiction=JURISDICTION,
                public_key=button.key.public.raw,
            )
            await sites.place_device(
                pool,
                jurisdiction=JURISDICTION,
                device_id=button.device_id,
                place_id=self.place_id,
                confirmed_by="Sam Novak",
            )
        return sorted(made, key=lambda button: button.device_id)

    async def step(self, pool: asyncpg.Pool, by: timedelta) -> None:
        """The database's clock steps; every moment it remembers is so much further away."""
        for table, columns in _MOMENTS.items():
            moved = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
            await pool.execute(f"UPDATE {table} SET {moved}", by)  # noqa: S608 (names from below)


_MOMENTS = {
    "alert": ("attempted_at", "decide_at", "pressed_at", "received_at", "stored_at"),
    "notification": ("due_at", "lease_until", "created_at", "changed_at"),
}


@asynccontextmanager
async def opened_county(database: Database) -> AsyncIterator[County]:
    async with AsyncExitStack() as stack:
        county = County(database, Clock(), stack)
        async with database.pool() as pool:
            await sites.add_jurisdiction(
                pool,
                jurisdiction=JURISDICTION,
                name="Travis County",
                time_zone="America/Chicago",
                on_call_number="+15125550190",
            )
            for n, name in enumerate(NAMES, start=1):
                county.people[name] = await add_person(
                    pool,
                    jurisdiction=JURISDICTION,
                    name=name,
                    email=f"{n}@example.org",
                    phone=f"+1512555011{n}",
                    vouched_by="a test",
                    role="dispatcher",
                )
            await policies.set_policy(
                pool,
                jurisdiction=JURISDICTION,
                name=policies.FIRST_POLICY,
                tiers=[
                    PolicyTier(patience_s=patience_s, people=[county.people[name]])
                    for name, patience_s in zip(NAMES, TIERS_S, strict=True)
                ],
            )
            site_id = await sites.add_site(
                pool, jurisdiction=JURISDICTION, name="County Clerk", address="5501 Airport Blvd"
            )
            county.place_id = await sites.add_place(
                pool, jurisdiction=JURISDICTION, site_id=site_id, room="Counter", floor="1"
            )
        yield county


@asynccontextmanager
async def running(*loops: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Loops that end with the block; one that dies shows at its end."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def names_of_events(pool: asyncpg.Pool, alert_id: UUID) -> list[str]:
    rows = await pool.fetch("SELECT name FROM alert_event WHERE alert_id = $1 ORDER BY n", alert_id)
    return [row["name"] for row in rows]


async def tiers_told(pool: asyncpg.Pool, alert_id: UUID) -> list[int]:
    """The tier of each attempt on record."""
    rows = await pool.fetch(
        "SELECT payload->>'tier' AS tier FROM alert_event"
        " WHERE alert_id = $1 AND name = 'tier_told' ORDER BY n",
        alert_id,
    )
    return [int(row["tier"]) for row in rows]


async def acknowledge(pool: asyncpg.Pool, alert_id: UUID, county: County) -> bool:
    """Ana takes it on the console; whether she was the first."""
    won: bool = await pool.fetchval(
        "SELECT won FROM acknowledge($1, $2, $3, $4, 'console', NULL)",
        alert_id,
        JURISDICTION,
        county.people[NAMES[0]],
        NAMES[0],
    )
    return won


class AlertFrame(msgspec.Struct):
    """As much of an alert's frame as the tests here look at."""

    alert_id: UUID
    state: str
    version: int
    presses: int


class Frame(msgspec.Struct):
    """A frame of the live WebSocket."""

    type: str
    alert: AlertFrame


def shown(server: Server, alert_id: UUID) -> list[str]:
    """The states of an alert in the order in which a screen of this replica sees them."""
    frames = [msgspec.json.decode(body, type=Frame).alert for _, body in server.frames]
    return [frame.state for frame in frames if frame.alert_id == alert_id]


async def open_alerts(
    county: County, server: Server, pool: asyncpg.Pool, count: int = 1
) -> list[UUID]:
    """One press of each of so many new buttons, stored."""
    buttons = await county.buttons(pool, count)
    await server.directory.read()
    async with server.ingesting():
        for button in buttons:
            server.press(button, button.press())
        await server.until_stored(len(server.stored) + count)
    return [stored.alert_id for stored in server.stored[-count:]]
