"""A broker of several nodes: one connection at a time, to the next node whenever one fails."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from tests.button.station import JURISDICTION, PATIENCE_S
from tocsin_button.config import Broker
from tocsin_button.link import Identity, Link, TlsFiles
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.deployment import add_device, create_deployment


class Ear:
    """Notes when a link stands."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.down = asyncio.Event()

    def link_up(self, _link: Link) -> None:
        self.up.set()

    def link_down(self, _link: Link) -> None:
        self.down.set()

    def heard(self, _link: Link, topic: str, body: bytes, *, retained: bool) -> None:
        """Nothing is noted."""


async def _say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("first", ["closed", "silent"])
async def test_a_link_goes_on_to_the_next_node(tmp_path: Path, first: str) -> None:
    """Also past a frozen one, whose kernel still takes connections; and on from one that dies."""
    create_deployment(tmp_path / "d", jurisdiction=JURISDICTION)
    device = add_device(
        tmp_path / "d", jurisdiction=JURISDICTION, brokers=["mqtts://127.0.0.1:8883"]
    )
    nodes = [Mosquitto(tmp_path / "d/broker", port=free_port()) for _ in range(2)]
    silent = await asyncio.start_server(_say_nothing, "127.0.0.1", 0)
    bad = free_port() if first == "closed" else silent.sockets[0].getsockname()[1]
    urls = [f"mqtts://127.0.0.1:{port}" for port in (bad, *(node.port for node in nodes))]
    ear = Ear()
    link = Link(
        broker=Broker(url=urls[0], other_nodes=tuple(urls[1:]), persistent=True),
        identity=Identity(JURISDICTION, device.device_id, UUID(int=1)),
        listener=ear,
        tls=TlsFiles(
            ca=device.folder / "ca.crt",
            certificate=device.folder / "client.crt",
            key=device.folder / "client.key",
        ),
        clock_synced=lambda: True,
    )
    await nodes[0].start()
    running = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await ear.up.wait()
            ear.up.clear()
            await nodes[1].start()
            await nodes[0].kill()
            await ear.down.wait()
            await ear.up.wait()
        assert link.url == urls[0]  # it is one broker, whichever node it stands at
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        silent.close()
        for node in nodes:
            await node.stop()
