"""A replica's surroundings in tests: its clock, its links to brokers, and its screens.

The database is a real one. Its clock can't be moved, so when time passes here, what the
database remembers is made older by as much.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec

from tests.offices import Office, add_button, open_office
from tests.parts import Database
from tocsin_server.broker import Arrived
from tocsin_server.fleet.directory import Directory
from tocsin_server.fleet.moved import Whereabouts
from tocsin_server.fleet.supervise import DeviceView, Supervisor
from tocsin_server.storage.database import Database as Connection
from tocsin_wire import messages, topics
from tocsin_wire.messages import Contacts, Heartbeat, Message, OpenPress, Status
from tocsin_wire.topics import Leaf

BROKER = "mqtts://broker-1:8883"
SECOND_BROKER = "mqtts://broker-2:8883"


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Sent:
    """What was published."""

    topic: str
    body: bytes
    qos: int


class Wire:
    """A link to a broker at the edge: it keeps what is published."""

    def __init__(self, clock: Clock, url: str = BROKER) -> None:
        self.url = url
        self.connected = True
        self.canary_at = 0.0
        self.subscribed_at: float | None = clock()
        self.sent: list[Sent] = []
        self.renewed = 0
        self.deaf = False  # its own pulses don't come back
        self._clock = clock

    def judges_for_s(self) -> float:
        if self.deaf or not self.connected or self.subscribed_at is None:
            return 0.0
        return self._clock() - self.subscribed_at

    def publish(self, topic: str, body: bytes, *, qos: int) -> None:
        self.sent.append(Sent(topic, body, qos))

    def renew(self) -> None:
        self.renewed += 1
        self.subscribed_at = self._clock()


class Frame(msgspec.Struct):
    """A frame about a button."""

    type: str
    device: DeviceView | None = None


class Wall:
    """The screens at the edge: it keeps what each jurisdiction is shown."""

    def __init__(self) -> None:
        self.frames: list[tuple[str | None, bytes]] = []

    def show(self, jurisdiction: str | None, frame: bytes) -> None:
        self.frames.append((jurisdiction, frame))

    def states_of(self, device_id: str) -> list[str]:
        """The states of a button in the order in which they were shown, each change once."""
        states: list[str] = []
        for _, body in self.frames:
            device = msgspec.json.decode(body, type=Frame).device
            if device and device.device_id == device_id and states[-1:] != [device.state]:
                states.append(device.state)
        return states


@dataclass(eq=False)
class Replica:
    """One replica as far as supervision goes."""

    supervisor: Supervisor
    clock: Clock
    wires: list[Wire]
    wall: Wall
    asked: asyncio.Queue[tuple[str, list[OpenPress]]]
    connected: list[str]
    whereabouts: Whereabouts

    def hear(
        self,
        office: Office,
        device_id: str,
        message: Message,
        *,
        wire: int = 0,
        retained: bool = False,
    ) -> None:
        """A button says something on its topic, at this moment."""
        leaf = Leaf.STATUS if isinstance(message, Status) else Leaf.HEARTBEAT
        topic = topics.topic(office.jurisdiction, device_id, leaf)
        self.hear_raw(topic, messages.encode(message), wire=wire, retained=retained)

    def hear_raw(self, topic: str, body: bytes, *, wire: int = 0, retained: bool = False) -> None:
        self.supervisor.heard(
            self.wires[wire],
            Arrived(
                topic=topic,
                body=body,
                retained=retained,
                received=self.clock(),
                accept=lambda: None,
            ),
        )


class Site:
    """An office with its database, and replicas that share one clock."""

    def __init__(self, office: Office, connection: Connection, directory: Directory) -> None:
        self.office = office
        self.connection = connection
        self.directory = directory
        self.clock = Clock()
        self.boots: dict[str, UUID] = {}
        self.replicas: list[Replica] = []

    @property
    def pool(self) -> asyncpg.Pool:
        return self.connection.pool

    def replica(self, *, brokers: int = 1, listening_s: float = 60.0) -> Replica:
        wires = [Wire(self.clock, url) for url in [BROKER, SECOND_BROKER][:brokers]]
        for wire in wires:
            wire.subscribed_at = self.clock() - listening_s
        wall = Wall()
        asked: asyncio.Queue[tuple[str, list[OpenPress]]] = asyncio.Queue()
        connected: list[str] = []

        async def answer(_jurisdiction: str, device_id: str, kept: list[OpenPress]) -> None:
            asked.put_nowait((device_id, kept))

        whereabouts = Whereabouts(self.connection)
        supervisor = Supervisor(
            self.connection,
            self.directory,
            brokers=lambda: wires,
            show=wall.show,
            answer_heartbeat=answer,
            on_connected=connected.append,
            whereabouts=whereabouts,
            clock=self.clock,
        )
        replica = Replica(supervisor, self.clock, wires, wall, asked, connected, whereabouts)
        self.replicas.append(replica)
        return replica

    def heartbeat(self, device_id: str, **fields: object) -> Heartbeat:
        """A heartbeat of a button that is well, but for the given fields."""
        if device_id not in self.boots:
            self.boots[device_id] = uuid4()
        well: dict[str, object] = {
            "boot_id": self.boots[device_id],
            "connection": 1,
            "contacts": Contacts(no_closed=False, nc_closed=True),
            "selftest": "ok",
        }
        return Heartbeat(**(well | fields))  # type: ignore[arg-type]

    def beat(self, *device_ids: str, **fields: object) -> None:
        """Every replica hears a heartbeat of these buttons."""
        for device_id in device_ids:
            heartbeat = self.heartbeat(device_id, **fields)
            for replica in self.replicas:
                replica.hear(self.office, device_id, heartbeat)

    async def turn(self) -> None:
        for replica in self.replicas:
            await replica.supervisor.turn()

    async def leap(self, seconds: float) -> None:
        """Time passes, and nothing happens in it."""
        self.clock.now += seconds
        await self.step(seconds)

    async def step(self, seconds: float) -> None:
        """The database's clock steps, and no time passes."""
        for older in _OLDER:
            await self.pool.execute(older, timedelta(seconds=seconds))

    async def pass_time(self, seconds: float, *, alive: tuple[str, ...] = ()) -> None:
        """Second by second; `alive` buttons beat every ten."""
        for second in range(1, int(seconds) + 1):
            await self.leap(1)
            if second % 10 == 0:
                self.beat(*alive)
            await self.turn()

    async def add_button(self) -> str:
        """One more button at the office's place."""
        office = self.office
        device_id = await add_button(
            self.pool, jurisdiction=office.jurisdiction, place_id=office.place_id
        )
        await self.directory.read()
        return device_id

    async def told(self) -> list[str]:
        """The messages to whoever is on call, as they are left for the phone."""
        rows = await self.pool.fetch(
            "SELECT body FROM notification WHERE purpose = 'fault' ORDER BY created_at"
        )
        return [row["body"] for row in rows]


_OLDER = (
    "UPDATE device_health SET last_heard_at = last_heard_at - $1::interval,"
    " lost_at = lost_at - $1::interval",
    "UPDATE fault_told SET at = at - $1::interval, began_at = began_at - $1::interval",
)


@asynccontextmanager
async def opened_site(database: Database) -> AsyncIterator[Site]:
    """An office with one button, read by a directory."""
    connection = Connection(database.dsn, replica_id="server-1")
    await connection.open()
    try:
        office = await open_office(connection.pool)
        directory = Directory(connection)
        await directory.read()
        yield Site(office, connection, directory)
    finally:
        await connection.close()
