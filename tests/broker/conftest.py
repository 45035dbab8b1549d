"""One deployment and one Mosquitto for the module; every test has buttons of its own."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.broker.parties import JURISDICTION, Identity
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.deployment import add_device, create_deployment

NewButton = Callable[[], Identity]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployment")
    create_deployment(folder, jurisdiction=JURISDICTION, replicas=2)
    return folder


@pytest.fixture(scope="module")
def mosquitto(deployment: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(deployment / "broker", port=free_port())
    asyncio.run(broker.start())
    yield broker
    asyncio.run(broker.stop())


@pytest.fixture
def new_button(deployment: Path) -> NewButton:
    def new() -> Identity:
        added = add_device(
            deployment, jurisdiction=JURISDICTION, brokers=["mqtts://127.0.0.1:8883"]
        )
        return Identity.device(added.folder)

    return new


@pytest.fixture
def server_1(deployment: Path) -> Identity:
    return Identity.server(deployment, "server-1")


@pytest.fixture
def server_2(deployment: Path) -> Identity:
    return Identity.server(deployment, "server-2")
