"""A replica's link to a broker outlives whatever its reader makes of a message."""

import asyncio

from tests.parts import WAIT_S, Deployment
from tocsin_server.broker import Arrived, Broker
from tocsin_server.config import load_config
from tocsin_server.demo.broker import Mosquitto
from tocsin_wire import topics


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
