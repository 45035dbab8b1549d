"""The harness's own relay, echo and namespaces, and a selection of the faults that they make."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import parts
from tests.button.test_link import broker, deployment, linked, until
from tests.failover.network import left_behind
from tests.faults import judge
from tests.faults.relay import Relay
from tests.faults.row import run_row
from tests.parts import WAIT_S
from tocsin_button import lamp
from tocsin_button import link as links
from tocsin_server import broker as server_broker
from tocsin_server.config import load_config
from tocsin_server.demo.postgres import EmbeddedPostgres
from tocsin_wire import topics
from tocsin_wire.topics import Leaf

BUTTONS = 5
NOBODY = "postgresql:///nobody"


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[Relay, list[bytes]]]:
    """A relay to somebody who says everything back, and all that reached him."""
    heard: list[bytes] = []

    async def say_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(100):
            heard.append(said)
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(say_back, "127.0.0.1", 0)
    async with Relay(server.sockets[0].getsockname()[1]).running() as relay:
        yield relay, heard
    server.close()


async def test_a_slow_relay_brings_everything_in_order_and_late_each_way() -> None:
    async with echo() as (relay, _), asyncio.timeout(WAIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        relay.late_s = 0.05
        began_s = time.monotonic()
        for n in range(100):
            writer.write(b"%02d" % n)
            await asyncio.sleep(0)
        said = await reader.readexactly(200)
        assert time.monotonic() - began_s >= 2 * relay.late_s
        assert said == b"".join(b"%02d" % n for n in range(100))
        writer.close()
        assert await reader.read() == b""


async def test_what_stands_when_a_relay_goes_silent_is_half_open_and_what_comes_later_is_not() -> (
    None
):
    async with echo() as (relay, heard), asyncio.timeout(WAIT_S):
        old, to_old = await asyncio.open_connection("127.0.0.1", relay.port)
        to_old.write(b"before")
        assert await old.readexactly(6) == b"before"
        relay.go_silent()
        to_old.write(b"lost")
        await to_old.drain()
        new, to_new = await asyncio.open_connection("127.0.0.1", relay.port)
        await relay.until_standing(1)
        to_new.write(b"after")
        assert await new.readexactly(5) == b"after"
        assert heard == [b"before", b"after"]
        assert not old.at_eof()
        to_old.close()
        to_new.close()


async def test_a_line_that_needs_longer_than_a_second_for_a_puback_is_not_dropped_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here everything is ten times as fast; the first connection is dropped, as it should be."""
    monkeypatch.setattr(links, "PUBACK_WITHIN_S", 0.1)
    monkeypatch.setattr(links, "TICK_S", 0.02)
    device, tls = deployment(folder / "d")
    async with (
        broker(folder / "d" / "broker") as running,
        Relay(running.port).running() as relay,
        linked(relay.url, device.device_id, tls) as link,
    ):
        relay.late_s = 0.1
        confirmed = False
        async with asyncio.timeout(WAIT_S):
            while not confirmed:
                await until(lambda: link.is_up)
                connection = link.connection
                link.publish(Leaf.PRESS, b"a press", qos=1)
                await until(lambda: link.unacknowledged == 0)
                confirmed = link.is_up and link.connection == connection
        assert link.connection > 1


async def test_a_replica_notices_a_half_open_link_before_a_lamp_tells_to_call_911(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within twice its keepalive, which is made shorter here."""
    assert 2 * server_broker.KEEPALIVE_S + 1 < lamp.SOS_AFTER_S
    monkeypatch.setattr(server_broker, "KEEPALIVE_S", 1)
    made = parts.Deployment(folder / "d")
    async with parts.running_broker(made) as running, Relay(running.port).running() as relay:
        config = load_config(
            made.server_config(
                replica_id="server-1", port=running.port, dsn=NOBODY, brokers=[relay.url]
            )
        )
        replica = server_broker.Broker(config, config.brokers[0], lambda *_: None)
        run = asyncio.create_task(replica.run())
        try:
            await until(lambda: replica.subscribed_at is not None)
            relay.go_silent()
            await relay.until_standing(1)
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)


class GivesUpOnce:
    """A loop that has closed its own handle of a socket, as uvloop can when its peer is gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.gave_up = False
        self._loop = loop

    def add_writer(self, *of: Any) -> None:
        if not self.gave_up:
            self.gave_up = True
            raise RuntimeError("unable to perform operation on <UVPoll>; the handler is closed")
        self._loop.add_writer(*of)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


async def test_a_replica_survives_a_socket_that_its_loop_has_given_up(folder: Path) -> None:
    made = parts.Deployment(folder / "d")
    async with parts.running_broker(made) as running:
        config = load_config(
            made.server_config(
                replica_id="server-1", port=running.port, dsn=NOBODY, brokers=made.broker_urls
            )
        )
        heard: list[str] = []
        replica = server_broker.Broker(
            config, config.brokers[0], lambda _, arrived: heard.append(arrived.topic)
        )
        run = asyncio.create_task(replica.run())
        try:
            await until(lambda: replica.subscribed_at is not None)
            loop = GivesUpOnce(asyncio.get_running_loop())
            replica._loop = loop  # type: ignore[assignment]
            async with asyncio.timeout(parts.WAIT_S):
                while not loop.gave_up:  # while it writes something else, it asks the loop nothing
                    heard.clear()
                    replica.publish(topics.pulse_topic("server-1"), b"{}", qos=0)
                    await asyncio.sleep(0)
            await until(lambda: bool(heard))
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)


def test_only_what_was_laid_by_a_process_that_is_no_more_is_taken_up() -> None:
    names = ["eth0", "lo", "tb7", "tv7-0", "tocsin-7-2", "tb8", "tocsin-8-0", "tb7x", "tocsin"]
    assert left_behind(names, runs=lambda pid: pid == 8) == ["tb7", "tv7-0", "tocsin-7-2"]


@pytest.mark.parametrize(
    ("slug", "lasts_s"), [("half-open-buttons", None), ("slow-buttons", 4.0), ("echo", 2.0)]
)
async def test_a_press_survives_what_a_network_does_to_it(
    slug: str, lasts_s: float | None, postgres: EmbeddedPostgres, folder: Path
) -> None:
    row = await run_row(
        slug,
        injections=1,
        seed=judge.seeded(slug).randrange(2**32),
        folder=folder,
        postgres=postgres,
        buttons=BUTTONS,
        lasts_s=lasts_s,
    )
    print(row)
    assert row.wrong == ()
    assert row.injections == 1
