"""Who may say and hear what, at a real RabbitMQ cluster with the shipped configuration.

The same claims as of Mosquitto, each across two nodes. What isn't granted ends the connection of
whoever tried it; the evidence is still what somebody else heard.
"""

import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.broker.parties import (
    CONNACK_ACCEPTED,
    PATIENCE_S,
    Heard,
    Identity,
    Party,
)
from tests.rabbitmq import walk
from tests.rabbitmq.conftest import Installation
from tocsin_server.demo import example
from tocsin_server.fleet.certificates import Authority
from tocsin_wire.topics import PULSES, Leaf, every, pulse_topic, topic

NOT_AUTHORIZED = b"\x20\x02\x00\x05"
BAD_USER_NAME = b"\x20\x02\x00\x04"


def own(identity: Identity, leaf: Leaf) -> str:
    return topic(example.JURISDICTION, identity.name, leaf)


def ports(installation: Installation) -> tuple[int, int, int]:
    one, two, three = (node.port for node in installation.cluster.nodes)
    return one, two, three


def connect(port: int, context: ssl.SSLContext, client_id: str, **credentials: str) -> bytes:
    """What a node answers to one CONNECT: four bytes, or none when it hangs up."""
    packet = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    if credentials:
        packet.username_pw_set(**credentials)
    here, there = socket.socketpair()
    with here, there:
        packet._sock = here
        packet._send_connect(10)
        packet.loop_write()
        asked = there.recv(1024)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(asked)
        return connection.recv(4)


def refused(port: int, context: ssl.SSLContext, client_id: str) -> bool:
    try:
        return connect(port, context, client_id) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def test_a_button_is_heard_at_another_node_on_its_own_topics(installation: Installation) -> None:
    one, two, _ = ports(installation)
    button = installation.button()
    with Party(installation.server("server-1"), one) as server, Party(button, two) as device:
        for leaf in (Leaf.PRESS, Leaf.HEARTBEAT, Leaf.STATUS):
            server.subscribe(every(leaf))
            device.publish(own(button, leaf), leaf.encode())
            assert server.next() == Heard(own(button, leaf), leaf.encode(), retained=False)


def test_a_button_hears_its_own_receipts_and_commands_and_every_pulse(
    installation: Installation,
) -> None:
    one, two, three = ports(installation)
    button = installation.button()
    with (
        Party(installation.server("server-1"), one) as server,
        Party(installation.server("server-2"), two) as other_server,
        Party(button, three) as device,
    ):
        for filter_ in (own(button, Leaf.RECEIPT), own(button, Leaf.COMMAND)):
            device.subscribe(filter_)
        device.subscribe(PULSES, 0)
        for who, where, qos in (
            (server, own(button, Leaf.RECEIPT), 1),
            (server, own(button, Leaf.COMMAND), 1),
            (server, pulse_topic("server-1"), 0),
            (other_server, pulse_topic("server-2"), 0),
        ):
            who.publish(where, b"hear this", qos=qos)
            assert device.next().topic == where


def test_a_button_speaks_neither_for_another_nor_as_a_server(installation: Installation) -> None:
    one, two, three = ports(installation)
    victim, thief = installation.button(), installation.button()
    with (
        Party(installation.server("server-1"), one) as server,
        Party(victim, two) as listener,
    ):
        for leaf in (Leaf.PRESS, Leaf.HEARTBEAT, Leaf.STATUS):
            server.subscribe(every(leaf))
        server.subscribe(PULSES, 0)
        listener.subscribe(own(victim, Leaf.RECEIPT))
        listener.subscribe(own(victim, Leaf.COMMAND))
        for where in (
            *(own(victim, leaf) for leaf in Leaf),
            own(thief, Leaf.RECEIPT),
            own(thief, Leaf.COMMAND),
            f"tocsin/v1/{example.JURISDICTION}/nobody/press",
            pulse_topic("server-1"),
            pulse_topic(thief.name),
            "anything",
        ):
            with Party(thief, three) as device:
                device.publish_and_go_on(where, b"forged")
                assert device.put_out.wait(PATIENCE_S), f"{where} was accepted"
        with Party(thief, three) as device:
            device.publish(own(thief, Leaf.PRESS), b"genuine")
        assert server.next() == Heard(own(thief, Leaf.PRESS), b"genuine", retained=False)
        server.publish(own(victim, Leaf.RECEIPT), b"genuine")
        assert listener.next() == Heard(own(victim, Leaf.RECEIPT), b"genuine", retained=False)


@pytest.mark.parametrize(
    "wish",
    [
        "#",
        "tocsin/#",
        f"tocsin/v1/{example.JURISDICTION}/#",
        "tocsin/v1/+/+/press",
        "tocsin/v1/+/+/receipt",
        "tocsin/v1/+/server-1/receipt",
    ],
)
def test_a_button_subscribes_to_nothing_that_others_say(
    installation: Installation, wish: str
) -> None:
    one, _, _ = ports(installation)
    eavesdropper = Identity.device(installation.devices[0].folder)
    with Party(eavesdropper, one) as listener:
        listener._client.subscribe(wish)
        assert listener.put_out.wait(PATIENCE_S)
        assert listener.heard.empty()


def test_a_server_pulses_under_its_own_name_alone_and_presses_for_nobody(
    installation: Installation,
) -> None:
    one, two, _ = ports(installation)
    button = installation.button()
    with Party(installation.server("server-1"), one) as server:
        server.subscribe(PULSES, 0)
        server.subscribe(every(Leaf.PRESS))
        for where in (pulse_topic("server-1"), own(button, Leaf.PRESS)):
            with Party(installation.server("server-2"), two) as other:
                other.publish_and_go_on(where, b"forged")
                assert other.put_out.wait(PATIENCE_S)
        with Party(installation.server("server-2"), two) as other:
            other.publish(pulse_topic("server-2"), b"genuine", qos=0)
            assert server.next() == Heard(pulse_topic("server-2"), b"genuine", retained=False)


def test_claiming_another_client_id_is_refused_and_evicts_nobody(
    installation: Installation,
) -> None:
    one, two, three = ports(installation)
    victim, thief = installation.button(), installation.button()
    with Party(installation.server("server-1"), one) as server, Party(victim, two) as device:
        device.subscribe(own(victim, Leaf.RECEIPT))
        for claimed in (victim.name, "server-1", "me-1"):
            assert connect(three, thief.context(), claimed) == NOT_AUTHORIZED
        server.publish(own(victim, Leaf.RECEIPT), b"still here?")
        assert device.next().payload == b"still here?"
        assert not device.put_out.is_set()
        assert not server.put_out.is_set()


def test_nobody_connects_without_a_certificate_of_this_deployment(
    installation: Installation, tmp_path: Path
) -> None:
    one, _, _ = ports(installation)
    button = installation.button()
    ca = installation.deployment.folder / "ca"
    assert refused(one, ssl.create_default_context(cafile=ca / "ca.crt"), button.name)
    stranger = Authority.create("Tocsin", now=datetime.now(UTC))
    forged = Identity("server-1", tmp_path / "crt", tmp_path / "key", ca / "ca.crt")
    stranger.certify_client("server-1", now=datetime.now(UTC)).save(forged.certificate, forged.key)
    assert refused(one, forged.context(), "server-1")
    with socket.create_connection(("127.0.0.1", one), timeout=PATIENCE_S) as plain:
        plain.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x0a\x00\x04me-1")
        with pytest.raises((ConnectionError, AssertionError)):
            assert plain.recv(4) == CONNACK_ACCEPTED


def test_a_certified_name_that_is_no_user_is_refused(
    installation: Installation, tmp_path: Path
) -> None:
    one, _, _ = ports(installation)
    ca = installation.deployment.folder / "ca"
    unknown = Identity("btn-0000000000", tmp_path / "crt", tmp_path / "key", ca / "ca.crt")
    authority = Authority.load(ca / "ca.crt", ca / "ca.key")
    authority.certify_client(unknown.name, now=datetime.now(UTC)).save(
        unknown.certificate, unknown.key
    )
    assert connect(one, unknown.context(), unknown.name) == BAD_USER_NAME


def test_no_password_opens_anything(installation: Installation) -> None:
    one, _, _ = ports(installation)
    button = installation.button()
    for username, password in (("guest", "guest"), ("server-1", ""), (button.name, "")):
        answer = connect(one, button.context(), username, username=username, password=password)
        assert answer == BAD_USER_NAME
    assert connect(one, button.context(), button.name) == CONNACK_ACCEPTED


def test_tls_1_1_is_refused_and_1_2_is_not(installation: Installation) -> None:
    one, _, _ = ports(installation)
    button = installation.button()
    oldest = button.context()
    oldest.maximum_version = ssl.TLSVersion.TLSv1_2
    assert connect(one, oldest, button.name) == CONNACK_ACCEPTED
    too_old = button.context()
    too_old.set_ciphers("ALL:@SECLEVEL=0")  # else our own side would not even offer it
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        too_old.minimum_version = too_old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refused(one, too_old, button.name)


def test_a_message_larger_than_the_contract_knows_reaches_nobody(
    installation: Installation,
) -> None:
    one, two, _ = ports(installation)
    button = installation.button()
    with Party(installation.server("server-1"), one) as server:
        server.subscribe(every(Leaf.PRESS))
        with Party(button, two) as device:
            device.publish_and_go_on(own(button, Leaf.PRESS), bytes(20_000))
        with Party(button, two) as device:
            device.publish(own(button, Leaf.PRESS), bytes(11_000))
        assert len(server.next().payload) == 11_000


def test_a_server_may_leave_more_messages_open_than_the_default_allows(
    installation: Installation,
) -> None:
    """With the default of 10, presses would stop here, as they do while a database hangs."""
    one, two, _ = ports(installation)
    button = installation.button()
    with (
        Party(installation.server("server-1"), one, manual_ack=True) as server,
        Party(button, two) as device,
    ):
        server.subscribe(every(Leaf.PRESS))
        for n in range(200):
            device.publish(own(button, Leaf.PRESS), str(n).encode())
        assert [int(server.next().payload) for _ in range(200)] == list(range(200))
        server.acknowledge_all()


def test_a_new_button_is_let_in_and_a_lost_one_put_out_while_the_cluster_runs(
    installation: Installation,
) -> None:
    """With the commands of README.md, at any one node."""
    one, two, _ = ports(installation)
    node = installation.cluster.nodes[2]
    (new,) = walk.new_buttons(installation.deployment, installation.cluster.urls, 1)
    lost = Identity.device(new.folder)
    assert connect(one, lost.context(), lost.name) == BAD_USER_NAME
    node.ctl("import_definitions", str(installation.cluster.write_definitions()))
    with Party(lost, two) as device:
        node.ctl("delete_user", lost.name)
        node.ctl("close_all_user_connections", lost.name, "lost")
        assert device.put_out.wait(PATIENCE_S)
    assert connect(one, lost.context(), lost.name) == BAD_USER_NAME
