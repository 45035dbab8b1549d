"""A button is sent to another broker, by a key that lies on no server; the old one goes."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from tests import parts
from tests.cli.terminal import Terminal
from tests.parts import WAIT_S, Database, Deployment, Server
from tocsin_server.cli.keys import Keys
from tocsin_server.demo import example
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port


async def test_a_button_moves_to_another_broker_and_the_old_one_is_switched_off(
    folder: Path, example_database: Database
) -> None:
    deployment = Deployment(folder / "d", brokers=2)
    stick = folder / "command.key"
    (deployment.folder / "ca" / "command.key").rename(stick)
    old, new = deployment.broker_urls
    button, public_key = deployment.new_button(brokers=[old])
    async with AsyncExitStack() as stack:
        brokers = [
            Mosquitto(deployment.folder / "broker", port=port) for port in deployment.broker_ports
        ]
        for broker in brokers:
            await stack.enter_async_context(parts.running(broker))
        config = deployment.server_config(
            replica_id="server-1", port=free_port(), dsn=example_database.dsn, brokers=[old, new]
        )
        server = Server(config)
        await stack.enter_async_context(parts.running_server(server))
        async with example_database.pool() as pool:
            await example.add_button(pool, device_id=button.device_id, public_key=public_key)
        stack.push_async_callback(button.stop)
        await button.start()
        await button.until_connected()
        await parts.until_known(server, {button.device_id})

        office = Terminal(folder, config=config)
        where = ("--jurisdiction", example.JURISDICTION, "--broker", new)
        await office.good("keys", "sign", "--key", stick, *where, "-o", "brokers.jws")
        await office.good("keys", "send", "brokers.jws")
        await button.until(
            lambda state: [link.url for link in state.links] == [new], timeout_s=WAIT_S
        )
        async with asyncio.timeout(WAIT_S):
            while not (
                sent := (await office.run("keys", "list", "--json")).read(Keys).sent[0]
            ).adopted:
                assert (sent.waiting, sent.given_up) == (1, [])
        await brokers[0].stop()
        await button.press()
        await button.until_lamp("stored")
