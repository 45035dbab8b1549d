"""One cluster for the session, with users enough for every test."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.broker.parties import Identity
from tests.conftest import LOG_CHARS_SHOWN
from tests.parts import Deployment
from tests.rabbitmq import walk
from tests.rabbitmq.cluster import Cluster
from tocsin_server.fleet.deployment import NewDevice

BUTTONS = 24  # certified before the nodes start, so that no test waits for an import


@dataclass(frozen=True, slots=True)
class Installation:
    """A deployment, its cluster, and buttons that nobody has used yet."""

    deployment: Deployment
    cluster: Cluster
    devices: list[NewDevice]

    def buttons(self, count: int) -> list[NewDevice]:
        return [self.devices.pop() for _ in range(count)]

    def button(self) -> Identity:
        return Identity.device(self.devices.pop().folder)

    def server(self, name: str) -> Identity:
        return Identity.server(self.deployment.folder, name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_installation(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Installation]:
    """Three nodes; they take 20 s to start."""
    folder = tmp_path_factory.mktemp("r")
    deployment = Deployment(folder / "d")
    cluster = Cluster(folder / "c", deployment=deployment.folder)
    devices = walk.new_buttons(deployment, cluster.urls, BUTTONS)
    cluster.write_definitions()
    try:
        await cluster.start()
        yield Installation(deployment, cluster, devices)
    except BaseException:
        for log in sorted(cluster.folder.glob("*.log")):
            print(log.name, log.read_text(errors="replace")[-LOG_CHARS_SHOWN:])
        raise
    finally:
        await cluster.stop()


@pytest_asyncio.fixture
async def installation(running_installation: Installation) -> Installation:
    """The session's cluster, whole again whatever the last test did to it."""
    await running_installation.cluster.repair()
    return running_installation
