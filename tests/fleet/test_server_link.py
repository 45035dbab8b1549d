"""A replica's link to a broker outlives whatever its reader makes of a message."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.broker.parties import Identity, Party
from tests.parts import WAIT_S, Deployment
from tocsin_server.broker import Arrived, Broker
from tocsin_server.config import BrokerConfig, load_config
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_wire import topics
from tocsin_wire.topics import Leaf


async def test_a_message_that_its_reader_fails_on_is_left_behind(
    deployment: Deployment, broker: Mosquitto
) -> None:
    """paho would bring it again and again, and nothing after it."""
    config = load_config(
        deployment.server_config(
            replica_id="server-1", port=8480, dsn="postgresql://", brokers=[deployment.broker_url]
        )
    )
    heard: list[bytes] = []
    read = asyncio.Event()

    def fail_on_the_first(_link: Broker, arrived: Arrived) -> None:
        heard.append(arrived.body)
        if arrived.body == b"bad":
            raise ZeroDivisionError
        read.set()

    link = Broker(config, config.brokers[0], fail_on_the_first)
    running = asyncio.create_task(link.run())
    async with asyncio.timeout(WAIT_S):
        while link.subscribed_at is None:  # noqa: ASYNC110 (a link's coming up has no event here)
            await asyncio.sleep(0.02)
        for body in (b"bad", b"good"):
            link.publish(topics.pulse_topic("server-1"), body, qos=0)
        await read.wait()
    assert heard == [b"bad", b"good"]
    assert broker.running
    await link.close()
    running.cancel()


@asynccontextmanager
async def linked(
    deployment: Deployment, broker: BrokerConfig, on_message: Callable[[Broker, Arrived], None]
) -> AsyncIterator[Broker]:
    config = load_config(
        deployment.server_config(
            replica_id="server-1", port=8480, dsn="postgresql://", brokers=[broker.url]
        )
    )
    link = Broker(config, broker, on_message)
    running = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        await link.close()
        running.cancel()


async def test_a_replica_goes_on_to_the_next_node(
    deployment: Deployment, broker: Mosquitto
) -> None:
    """Past one that is off, and one whose kernel takes connections while it is frozen."""

    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    frozen = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    ports = (free_port(), frozen.sockets[0].getsockname()[1], broker.port)
    url, *others = [f"mqtts://127.0.0.1:{port}" for port in ports]
    nodes = BrokerConfig(url=url, other_nodes=tuple(others), persistent=True)
    async with linked(deployment, nodes, lambda _link, _arrived: None) as link:
        async with asyncio.timeout(WAIT_S):
            while link.subscribed_at is None:  # noqa: ASYNC110 (as above)
                await asyncio.sleep(0.02)
        assert link.url == url  # it is one broker, whichever node it stands at
    frozen.close()


async def test_a_message_is_not_acknowledged_on_a_later_connection(
    deployment: Deployment, broker: Mosquitto
) -> None:
    """A session that is kept brings it again, and by then its id may be another message's."""
    button, _ = deployment.new_button()
    device = Identity.device(button.folder)
    press = topics.topic("48453", device.name, Leaf.PRESS)
    arrivals: asyncio.Queue[Arrived] = asyncio.Queue()
    hears = asyncio.Event()

    def note(_link: Broker, arrived: Arrived) -> None:
        if arrived.topic == press:
            arrivals.put_nowait(arrived)
        else:
            hears.set()

    kept = BrokerConfig(url=deployment.broker_url, persistent=True)
    async with linked(deployment, kept, note) as link, asyncio.timeout(WAIT_S):
        while link.subscribed_at is None:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.02)
        link.publish(topics.pulse_topic("server-1"), b"behind the subscription", qos=0)
        await hears.wait()
        with Party(device, broker.port) as party:
            await asyncio.to_thread(party.publish, press, b"one")
        first = await arrivals.get()
        link.renew()
        second = await arrivals.get()
        first.accept()
        link.renew()
        third = await arrivals.get()
        assert first.body == second.body == third.body == b"one"
        third.accept()
