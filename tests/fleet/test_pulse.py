"""The pulse of a replica: who hears it, when it stops, and what its absence does."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.fleet.station import SECOND_BROKER, Clock, Site, Wire
from tests.parts import Database, Deployment
from tocsin_server.broker import CANARY_LOST_S, Arrived, Broker
from tocsin_server.config import load_config
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.fleet.pulse import PULSE_EVERY_S, Pulses
from tocsin_server.storage.database import Database as Connection
from tocsin_wire import signing
from tocsin_wire.messages import Pulse
from tocsin_wire.signing import SigningKey

KEY = SigningKey.generate()
TOPIC = "tocsin/v1/server/server-1/pulse"


class Heart:
    """One replica's pulses on two links at the edge."""

    def __init__(self, site: Site, *, statements: tuple[bytes, ...] = ()) -> None:
        self.clock = Clock()
        self.wires = [Wire(self.clock), Wire(self.clock, SECOND_BROKER)]
        self.pulses = Pulses(
            site.connection,
            KEY,
            lambda: self.wires,
            replica_id="server-1",
            statements=statements,
            clock=self.clock,
        )

    def bring_back(self, wire: Wire, body: bytes, *, topic: str = TOPIC) -> None:
        self.pulses.heard(wire, Arrived(topic, body, False, self.clock(), lambda: None))

    async def pass_time(self, seconds: float, *, answering: tuple[int, ...] = ()) -> None:
        """Half second by half second; the wires in `answering` bring every pulse back."""
        for _ in range(int(seconds * 2)):
            self.clock.now += 0.5
            before = [len(wire.sent) for wire in self.wires]
            await self.pulses.turn()
            for n in answering:
                for sent in self.wires[n].sent[before[n] :]:
                    self.bring_back(self.wires[n], sent.body)


@pytest.fixture
def heart(site: Site) -> Heart:
    return Heart(site)


async def test_a_pulse_is_signed_and_goes_to_every_broker_every_ten_seconds(heart: Heart) -> None:
    await heart.pass_time(31, answering=(0, 1))
    for wire in heart.wires:
        assert [(sent.topic, sent.qos) for sent in wire.sent] == [(TOPIC, 0)] * 4
        pulse = signing.verify(wire.sent[0].body, Pulse, {KEY.kid: KEY.public})
        assert pulse.replica_id == "server-1"


async def test_beside_each_pulse_goes_the_next_statement_of_a_key_that_follows(
    site: Site,
) -> None:
    heart = Heart(site, statements=(b"first", b"second"))
    await heart.pass_time(31, answering=(0, 1))
    for wire in heart.wires:
        bodies = [sent.body for sent in wire.sent]
        assert bodies[1::2] == [b"first", b"second"] * 2
        assert {sent.topic for sent in wire.sent} == {TOPIC}
    assert await site.pool.fetchval("SELECT receipt_kid FROM replica") == KEY.kid


async def test_a_link_that_comes_up_gets_its_first_pulse_at_once(heart: Heart) -> None:
    heart.wires[1].connected = False
    await heart.pass_time(3)
    assert len(heart.wires[1].sent) == 0
    heart.wires[1].connected = True
    heart.wires[1].subscribed_at = heart.clock()
    await heart.pass_time(1)
    assert [len(wire.sent) for wire in heart.wires] == [1, 1]


async def test_no_pulse_while_the_database_does_not_commit(heart: Heart, site: Site) -> None:
    await heart.pass_time(1)
    await site.pool.execute("ALTER TABLE replica RENAME TO gone")
    await heart.pass_time(60)
    assert len(heart.wires[0].sent) == 1
    await site.pool.execute("ALTER TABLE gone RENAME TO replica")
    await heart.pass_time(3)
    assert len(heart.wires[0].sent) == 2


async def test_a_database_that_takes_no_rows_is_no_database(heart: Heart, site: Site) -> None:
    """The probe of a listening connection would pass here."""
    await site.pool.execute("ALTER TABLE replica ADD CHECK (false) NOT VALID")
    await heart.pass_time(60)
    assert heart.wires[0].sent == []
    assert heart.wires[0].renewed == 0


async def test_a_link_whose_pulses_do_not_come_back_is_opened_again(heart: Heart) -> None:
    await heart.pass_time(CANARY_LOST_S - 1, answering=(0,))
    assert [wire.renewed for wire in heart.wires] == [0, 0]
    await heart.pass_time(3, answering=(0,))
    assert [wire.renewed for wire in heart.wires] == [0, 1]
    await heart.pass_time(CANARY_LOST_S + 2, answering=(0,))
    assert [wire.renewed for wire in heart.wires] == [0, 2]
    good, silent = heart.pulses.links()
    assert good.silent_s < PULSE_EVERY_S
    assert silent.silent_s > 2 * CANARY_LOST_S


async def test_a_link_that_is_down_is_not_opened_again_by_us(heart: Heart) -> None:
    heart.wires[0].connected = False
    await heart.pass_time(60)
    assert heart.wires[0].renewed == 0
    assert not heart.pulses.links()[0].connected


async def test_only_our_own_recent_pulse_is_the_canary(heart: Heart) -> None:
    await heart.pass_time(1)
    wire = heart.wires[0]
    mine = wire.sent[0].body
    heart.bring_back(wire, mine, topic="tocsin/v1/server/server-2/pulse")
    heart.bring_back(wire, KEY.sign(Pulse(replica_id="server-1", at="2026-11-03T13:00:00.250Z")))
    heart.bring_back(wire, b"")
    heart.pulses.heard(wire, Arrived(TOPIC, mine, True, heart.clock(), lambda: None))
    assert wire.canary_at == 0.0
    heart.bring_back(wire, mine)
    assert wire.canary_at == heart.clock()
    await heart.pass_time(60, answering=(0,))
    heart.bring_back(heart.wires[1], mine)
    assert heart.wires[1].canary_at == 0.0  # a minute old


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 (what a real broker does has no event here)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(*parts: Broker | Pulses) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_pulse_comes_back_from_a_real_broker_and_a_half_open_link_is_renewed(
    deployment: Deployment, broker: Mosquitto, database: Database
) -> None:
    config = load_config(
        deployment.server_config(
            replica_id="server-1", port=8480, dsn=database.dsn, brokers=[deployment.broker_url]
        )
    )
    connection = Connection(database.dsn, replica_id="server-1")
    await connection.open()
    leap_s = 0.0
    links: list[Broker] = []
    pulses = Pulses(
        connection,
        SigningKey.load(config.path(config.keys.receipt_key_file)),
        lambda: links,
        replica_id="server-1",
        clock=lambda: time.monotonic() + leap_s,
    )
    deaf = False

    def heard(link: Broker, arrived: Arrived) -> None:
        if not deaf:
            pulses.heard(link, arrived)

    links.append(Broker(config, config.brokers[0], heard))
    (link,) = links
    try:
        async with running(link, pulses):
            await until(lambda: link.canary_at > 0)
            assert link.judges_for_s() > 0
            deaf = True  # nothing comes back, and TCP doesn't say so
            before, canary = link.subscribed_at, link.canary_at
            leap_s += PULSE_EVERY_S + 1  # a pulse goes out, and is missed
            await pulses.turn()
            leap_s += CANARY_LOST_S + 1
            await pulses.turn()
            deaf = False
            await until(lambda: link.subscribed_at not in {None, before})
            await until(lambda: link.canary_at > canary)
            assert link.connected
        await link.close()
    finally:
        await connection.close()
    assert broker.running
