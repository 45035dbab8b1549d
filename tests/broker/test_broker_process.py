"""The brokers as child processes: ready when they say so, gone when we are."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from amqtt.contexts import Action

from tests.broker.conftest import NewButton
from tests.broker.parties import (
    CONNACK_ACCEPTED,
    JURISDICTION,
    PATIENCE_S,
    Heard,
    Identity,
    Party,
    raw_connect,
)
from tocsin_server.demo import broker as broker_module
from tocsin_server.demo.broker import (
    BrokerFailed,
    EmbeddedBroker,
    Mosquitto,
    PortTaken,
    broker_for,
    find_mosquitto,
)
from tocsin_server.demo.embedded_broker import granted, read_acl
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.deployment import broker_config, create_deployment
from tocsin_wire.topics import PULSES, Leaf, every, pulse_topic, topic

Kind = type[Mosquitto] | type[EmbeddedBroker]
both = pytest.mark.parametrize("kind", [Mosquitto, EmbeddedBroker])


@both
async def test_a_started_broker_accepts_at_once_and_a_stopped_one_no_more(
    deployment: Path, new_button: NewButton, kind: Kind
) -> None:
    button = new_button()
    broker = kind(deployment / "broker", port=free_port())
    assert not broker.running
    await broker.start()
    await broker.start()  # once is enough
    assert broker.running
    assert broker.url == f"mqtts://127.0.0.1:{broker.port}"
    with Party(button, broker.port):
        pass
    await broker.stop()
    await broker.stop()
    assert not broker.running
    assert broker.pid is None
    with pytest.raises(ConnectionRefusedError):
        raw_connect(broker.port, button.context())


@both
async def test_a_killed_broker_starts_again_on_its_port(
    deployment: Path, new_button: NewButton, kind: Kind
) -> None:
    button = new_button()
    broker = kind(deployment / "broker", port=free_port())
    await broker.start()
    with Party(button, broker.port) as device:
        await broker.kill()
        assert device.put_out.wait(PATIENCE_S)
    await broker.start()
    with Party(button, broker.port):
        pass
    await broker.stop()


@both
async def test_a_taken_port_is_said_in_one_line(deployment: Path, kind: Kind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        with pytest.raises(PortTaken) as error:
            await kind(deployment / "broker", port=port).start()
    assert str(error.value) == (
        f"another program listens on 127.0.0.1 port {port}: end it, or choose another port"
    )


@both
@pytest.mark.parametrize(
    ("port", "bind", "complaint"),
    [
        (0, "127.0.0.1", "no TCP port"),
        (65536, "127.0.0.1", "no TCP port"),
        (8883, "localhost", "no IP address"),
        (8883, "192.0.2.1", "can't listen on 192.0.2.1 port 8883"),
    ],
)
async def test_an_address_one_cannot_listen_on_is_refused(
    deployment: Path, kind: Kind, port: int, bind: str, complaint: str
) -> None:
    with pytest.raises(BrokerFailed, match=complaint):
        await kind(deployment / "broker", port=port, bind=bind).start()


@both
async def test_a_broker_without_its_files_says_what_is_missing(tmp_path: Path, kind: Kind) -> None:
    with pytest.raises(BrokerFailed, match="No such file or directory"):
        await kind(tmp_path / "nothing", port=free_port()).start()
    create_deployment(tmp_path / "d", jurisdiction=JURISDICTION)
    (tmp_path / "d/broker/broker.key").unlink()
    broker = kind(tmp_path / "d/broker", port=free_port())
    with pytest.raises(BrokerFailed, match=r"would not start: .*broker\.key"):
        await broker.start()
    assert not broker.running


async def test_a_configuration_with_two_listeners_is_refused(tmp_path: Path) -> None:
    create_deployment(tmp_path / "d", jurisdiction=JURISDICTION)
    with (tmp_path / "d/broker/mosquitto.conf").open("a") as config:
        config.write("listener 1883\n")
    with pytest.raises(BrokerFailed, match="expected one `listener` line"):
        await Mosquitto(tmp_path / "d/broker", port=free_port()).start()


async def test_a_broker_that_ends_by_itself_is_noticed(deployment: Path) -> None:
    broker = Mosquitto(deployment / "broker", port=free_port())
    await broker.start()
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    await asyncio.wait_for(broker.exited(), PATIENCE_S)
    assert not broker.running


STARTS_ONE = """
import asyncio, sys
from pathlib import Path
from tocsin_server.demo import broker as brokers
async def main():
    broker = getattr(brokers, sys.argv[1])(Path(sys.argv[2]), port=int(sys.argv[3]))
    await broker.start()
    print(broker.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@both
def test_a_broker_does_not_outlive_a_killed_parent(deployment: Path, kind: Kind) -> None:
    arguments = [kind.__name__, str(deployment / "broker"), str(free_port())]
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE, *arguments], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        orphan = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        gone, _, _ = select.select([orphan], [], [], PATIENCE_S)
        assert gone
    finally:
        os.close(orphan)


def test_mosquitto_is_found_off_the_path_and_the_embedded_broker_stands_in_for_it(
    deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert find_mosquitto() is not None
    assert isinstance(broker_for(deployment / "broker", port=8883), Mosquitto)
    monkeypatch.setattr(broker_module, "_SBIN", ())
    assert find_mosquitto() is None
    assert isinstance(broker_for(deployment / "broker", port=8883), EmbeddedBroker)


async def test_without_mosquitto_one_is_told_how_to_get_it(
    deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(broker_module, "_SBIN", ())
    with pytest.raises(BrokerFailed, match="apt install mosquitto"):
        await Mosquitto(deployment / "broker", port=free_port()).start()


@pytest.fixture
async def embedded(deployment: Path) -> AsyncIterator[EmbeddedBroker]:
    broker = EmbeddedBroker(deployment / "broker", port=free_port())
    await broker.start()
    yield broker
    await broker.stop()


async def test_the_embedded_broker_says_that_it_is_for_evaluation_only(
    embedded: EmbeddedBroker,
) -> None:
    assert "for evaluation only" in embedded.log.read_text()


async def test_the_embedded_broker_carries_a_press_and_its_receipt(
    embedded: EmbeddedBroker, new_button: NewButton, server_1: Identity
) -> None:
    button = new_button()
    press = topic(JURISDICTION, button.name, Leaf.PRESS)
    receipt = topic(JURISDICTION, button.name, Leaf.RECEIPT)
    with Party(server_1, embedded.port) as server, Party(button, embedded.port) as device:
        server.subscribe(every(Leaf.PRESS))
        device.subscribe(receipt)
        device.subscribe(PULSES)
        device.publish(press, b"help")
        assert server.next() == Heard(press, b"help", retained=False)
        server.publish(receipt, b"stored")
        assert device.next() == Heard(receipt, b"stored", retained=False)
        server.publish(pulse_topic("server-1"), b"here")
        assert device.next().topic == pulse_topic("server-1")


async def test_the_embedded_broker_keeps_to_the_acl_and_to_certificates(
    embedded: EmbeddedBroker, deployment: Path, new_button: NewButton, server_1: Identity
) -> None:
    victim, thief = new_button(), new_button()
    with (
        Party(server_1, embedded.port) as server,
        Party(victim, embedded.port) as listener,
        Party(thief, embedded.port) as device,
    ):
        server.subscribe(every(Leaf.PRESS))
        listener.subscribe(topic(JURISDICTION, victim.name, Leaf.RECEIPT))
        for wish in ("#", every(Leaf.PRESS), topic(JURISDICTION, victim.name, Leaf.RECEIPT)):
            device.subscribe(wish)
        device.subscribe(topic(JURISDICTION, thief.name, Leaf.RECEIPT))
        device.publish(topic(JURISDICTION, victim.name, Leaf.RECEIPT), b"forged")
        device.publish(topic(JURISDICTION, victim.name, Leaf.PRESS), b"forged")
        device.publish(topic(JURISDICTION, thief.name, Leaf.PRESS), b"genuine")
        assert server.next().payload == b"genuine"
        server.publish(topic(JURISDICTION, victim.name, Leaf.RECEIPT), b"yours")
        assert listener.next().payload == b"yours"
        server.publish(topic(JURISDICTION, thief.name, Leaf.RECEIPT), b"yours, too")
        assert device.next().payload == b"yours, too"
    assert raw_connect(embedded.port, thief.context()) != CONNACK_ACCEPTED  # as client id me-1


def test_the_embedded_broker_reads_the_acl_as_mosquitto_does() -> None:
    rules = read_acl((broker_config() / "acl").read_text() + "user btn-x\ntopic deny #\n")
    press, receipt = "tocsin/v1/48453/btn-a/press", "tocsin/v1/48453/btn-a/receipt"
    cases = [
        ("btn-a", Action.PUBLISH, press, True),
        ("btn-a", Action.RECEIVE, press, False),
        ("btn-a", Action.SUBSCRIBE, receipt, True),
        ("btn-a", Action.SUBSCRIBE, "tocsin/v1/+/btn-a/receipt", True),
        ("btn-a", Action.SUBSCRIBE, "tocsin/v1/+/+/receipt", False),
        ("btn-a", Action.SUBSCRIBE, "tocsin/v1/#", False),
        ("btn-a", Action.SUBSCRIBE, "#", False),
        ("btn-a", Action.PUBLISH, receipt, False),
        ("btn-b", Action.PUBLISH, press, False),
        ("btn-x", Action.PUBLISH, "tocsin/v1/48453/btn-x/press", False),
        ("btn-x", Action.RECEIVE, "tocsin/v1/48453/btn-x/receipt", False),
        ("server-2", Action.SUBSCRIBE, "tocsin/v1/+/+/press", True),
        ("server-2", Action.PUBLISH, receipt, True),
        ("server-2", Action.PUBLISH, "tocsin/v1/server/server-2/pulse", True),
        ("server-2", Action.PUBLISH, "tocsin/v1/server/server-1/pulse", False),
        ("btn-a", Action.SUBSCRIBE, PULSES, True),
        ("btn-a", Action.PUBLISH, "tocsin/v1/server/btn-a/pulse", False),
    ]
    for user, action, where, expected in cases:
        assert granted(rules, user, action, where) is expected, (user, action, where)


@pytest.mark.parametrize("line", ["topic read #", "user", "pattern all x", "topic x", "nonsense"])
def test_an_acl_the_embedded_broker_does_not_understand_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="line 1 of the acl"):
        read_acl(line)
