"""What the shipped configuration limits, and what it deliberately doesn't."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.broker.conftest import NewButton
from tests.broker.parties import JURISDICTION, Identity, Party
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.deployment import broker_config
from tocsin_wire.signing import JWS_BYTES_MAX
from tocsin_wire.topics import Leaf, every, topic

UNACKNOWLEDGED = 200  # ten times what Mosquitto lets through by default


def heard_before_marker(broker: Mosquitto, button: Identity, server_identity: Identity) -> int:
    """How many presses reach a server that acknowledges none, before a QoS 0 heartbeat does."""
    with (
        Party(server_identity, broker.port, manual_ack=True) as server,
        Party(button, broker.port) as device,
    ):
        server.subscribe(every(Leaf.PRESS))
        server.subscribe(every(Leaf.HEARTBEAT), qos=0)
        for n in range(UNACKNOWLEDGED):
            device.publish(topic(JURISDICTION, button.name, Leaf.PRESS), b"%d" % n)
        device.publish(topic(JURISDICTION, button.name, Leaf.HEARTBEAT), b"last", qos=0)
        heard = 0
        while server.next().payload != b"last":
            heard += 1
        return heard


def test_unacknowledged_presses_do_not_stop_the_flow(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity
) -> None:
    assert heard_before_marker(mosquitto, new_button(), server_1) == UNACKNOWLEDGED


def test_without_our_setting_twenty_unacknowledged_presses_would_stop_it(
    deployment: Path, new_button: NewButton, server_1: Identity
) -> None:
    config = deployment / "broker" / "mosquitto.conf"
    shipped = config.read_text()
    config.write_text(re.sub(r"(?m)^max_inflight_(messages|bytes) .*$", "", shipped))
    broker = Mosquitto(deployment / "broker", port=free_port())
    try:
        asyncio.run(broker.start())
        assert heard_before_marker(broker, new_button(), server_1) == 20
    finally:
        asyncio.run(broker.stop())
        config.write_text(shipped)


def test_a_server_that_stops_acknowledging_costs_bounded_memory_and_then_hears_on(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity
) -> None:
    button = new_button()
    press = topic(JURISDICTION, button.name, Leaf.PRESS)
    with (
        Party(server_1, mosquitto.port, manual_ack=True) as server,
        Party(button, mosquitto.port) as device,
    ):
        server.subscribe(press)
        for _ in range(3000):  # 36 MB
            device.publish_and_go_on(press, b"x" * 12_000)
        device.publish(press, b"dropped: 32 MiB are unacknowledged")
        assert (
            "Outgoing messages are being dropped for client server-1" in mosquitto.log.read_text()
        )
        server.next()
        server.acknowledge_all()
        server.subscribe(every(Leaf.STATUS))  # answered after the acknowledgements were read
        device.publish(press, b"heard")
        while server.next().payload != b"heard":
            pass


def test_the_largest_signed_message_passes(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity
) -> None:
    button = new_button()
    press = topic(JURISDICTION, button.name, Leaf.PRESS)
    with Party(server_1, mosquitto.port) as server, Party(button, mosquitto.port) as device:
        server.subscribe(press)
        device.publish(press, b"x" * JWS_BYTES_MAX)
        assert len(server.next().payload) == JWS_BYTES_MAX


@pytest.mark.parametrize("size", [17_000, 5_000_000])
def test_whoever_sends_more_than_a_message_can_hold_is_put_out_and_nobody_else(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity, size: int
) -> None:
    glutton, good = new_button(), new_button()
    with (
        Party(server_1, mosquitto.port) as server,
        Party(good, mosquitto.port) as device,
        Party(glutton, mosquitto.port) as sender,
    ):
        server.subscribe(every(Leaf.PRESS))
        sender.publish_and_go_on(topic(JURISDICTION, glutton.name, Leaf.PRESS), b"x" * size)
        assert sender.put_out.wait(20)
        device.publish(topic(JURISDICTION, good.name, Leaf.PRESS), b"help")
        assert server.next().payload == b"help"
        assert not device.put_out.is_set()
    assert f"Client {glutton.name} disconnected due to oversize packet" in mosquitto.log.read_text()


def test_qos_2_which_the_contract_does_not_know_is_refused(
    mosquitto: Mosquitto, new_button: NewButton
) -> None:
    button = new_button()
    with Party(button, mosquitto.port) as device:
        device.publish_and_go_on(topic(JURISDICTION, button.name, Leaf.PRESS), b"x", qos=2)
        assert device.put_out.wait(20)


def test_the_broker_names_in_its_log_who_came_and_went(
    mosquitto: Mosquitto, new_button: NewButton
) -> None:
    button = new_button()
    with Party(button, mosquitto.port):
        pass
    with Party(button, mosquitto.port):  # the broker has dealt with the first going by now
        said = mosquitto.log.read_text()
    line = rf"(?m)^\S+T\S+: New client connected from 127\.0\.0\.1:\d+ as {button.name} "
    assert re.search(line, said)
    assert f"Client {button.name} disconnected." in said


def test_mosquitto_runs_the_shipped_file_with_only_the_listener_line_changed(
    mosquitto: Mosquitto,
) -> None:
    shipped = (broker_config() / "mosquitto.conf").read_text().splitlines()
    running = (mosquitto.folder / f"running-{mosquitto.port}.conf").read_text().splitlines()
    expected = [
        f"listener {mosquitto.port} 127.0.0.1" if line == "listener 8883" else line
        for line in shipped
    ]
    # As root Mosquitto would become another user, who cannot read the key.
    assert [line for line in running if line not in ("", "user root")] == list(
        filter(None, expected)
    )


def test_mosquitto_complains_of_nothing_in_the_configuration(mosquitto: Mosquitto) -> None:
    """But for the one pattern that is meant, and for being root where the tests are."""
    said = mosquitto.log.read_text()
    complaints = [line for line in said.splitlines() if re.search(r"Warning|Error|Note:", line)]
    assert [
        line
        for line in complaints
        if "tocsin/v1/server/+/pulse" not in line and "should not be run as root" not in line
    ] == []
