"""The dead-man's word of a whole server, as whoever waits outside hears it."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.auditor.outside import Outside, listening_outside
from tests.cli.terminal import Terminal
from tests.parts import Deployment, Screen, Walk, running
from tocsin_server.cli.doctor import Findings
from tocsin_server.demo.broker import Mosquitto


@pytest_asyncio.fixture
async def outside() -> AsyncIterator[Outside]:
    async with listening_outside() as outside:
        yield outside


@pytest.fixture
def deployment(folder: Path, outside: Outside) -> Deployment:
    """With two brokers, and an address outside."""
    deployment = Deployment(folder / "d", brokers=2)
    deployment.add_dead_man(outside.url)
    return deployment


def checks(screen: Screen) -> set[str]:
    return {fault.check for fault in screen.faults}


async def test_the_word_stops_with_the_last_broker_and_comes_back_with_one(
    walk: Walk, outside: Outside
) -> None:
    server = await walk.another_server()  # on both brokers
    other = Mosquitto(walk.deployment.folder / "broker", port=walk.deployment.broker_ports[1])
    office = Terminal(walk.deployment.folder.parent, config=server.config)
    async with running(other):
        await walk.server.stop()
        screen = await walk.screen(server=server)
        await screen.until(lambda screen: not screen.faults)
        await outside.until_heard_again()
        said = await office.run("doctor", "--json")
        findings = msgspec.json.decode(said.out, type=Findings).findings
        (finding,) = [each for each in findings if each.check == "dead-man"]
        assert finding.ok
        assert "has answered" in finding.detail
    await screen.until(lambda screen: checks(screen) == {"broker_silent"})
    await outside.until_heard_again()

    await walk.broker.kill()
    await screen.until(lambda screen: "no_broker" in checks(screen))
    heard = outside.heard
    async with running(other):
        await screen.until(lambda screen: checks(screen) == {"broker_silent"})
        assert outside.heard - heard <= 1, "nothing while no press arrives; the first may be soon"
        await outside.until_heard_again()
