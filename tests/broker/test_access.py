"""Who may say and hear what, at a real Mosquitto with the shipped configuration.

The evidence is always what somebody heard, never what a SUBACK or PUBACK claims: Mosquitto
grants every subscription and acknowledges every publication, and then delivers nothing.
"""

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.broker.conftest import NewButton
from tests.broker.parties import (
    CONNACK_ACCEPTED,
    JURISDICTION,
    PATIENCE_S,
    Heard,
    Identity,
    Party,
    raw_connect,
    refused,
)
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.certificates import Authority
from tocsin_server.fleet.deployment import add_device, create_deployment, issuing_authority
from tocsin_wire.topics import PULSES, Leaf, every, pulse_topic, topic


def own(identity: Identity, leaf: Leaf) -> str:
    return topic(JURISDICTION, identity.name, leaf)


def test_a_button_is_heard_on_its_own_press_heartbeat_and_status(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity
) -> None:
    button = new_button()
    with Party(server_1, mosquitto.port) as server, Party(button, mosquitto.port) as device:
        for leaf in (Leaf.PRESS, Leaf.HEARTBEAT, Leaf.STATUS):
            server.subscribe(every(leaf))
            device.publish(own(button, leaf), leaf.encode())
            assert server.next() == Heard(own(button, leaf), leaf.encode(), retained=False)


def test_a_button_hears_its_own_receipts_and_commands_and_every_pulse(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity, server_2: Identity
) -> None:
    button = new_button()
    with (
        Party(server_1, mosquitto.port) as server,
        Party(server_2, mosquitto.port) as other_server,
        Party(button, mosquitto.port) as device,
    ):
        for filter_ in (own(button, Leaf.RECEIPT), own(button, Leaf.COMMAND), PULSES):
            device.subscribe(filter_)
        said = [
            (server, own(button, Leaf.RECEIPT)),
            (server, own(button, Leaf.COMMAND)),
            (server, pulse_topic("server-1")),
            (other_server, pulse_topic("server-2")),
        ]
        for who, where in said:
            who.publish(where, b"hear this")
            assert device.next().topic == where


def test_a_button_cannot_speak_for_another(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity
) -> None:
    victim, thief = new_button(), new_button()
    with Party(server_1, mosquitto.port) as server, Party(thief, mosquitto.port) as device:
        for leaf in (Leaf.PRESS, Leaf.HEARTBEAT, Leaf.STATUS):
            server.subscribe(every(leaf))
            device.publish(own(victim, leaf), b"forged")
            device.publish(f"tocsin/v1/{JURISDICTION}/nobody/{leaf}", b"forged")
            device.publish(own(thief, leaf), b"genuine")
            assert server.next() == Heard(own(thief, leaf), b"genuine", retained=False)


def test_a_button_cannot_answer_as_a_server(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity
) -> None:
    victim, thief = new_button(), new_button()
    with (
        Party(server_1, mosquitto.port) as server,
        Party(victim, mosquitto.port) as listener,
        Party(thief, mosquitto.port) as device,
    ):
        listener.subscribe(own(victim, Leaf.RECEIPT))
        listener.subscribe(own(victim, Leaf.COMMAND))
        listener.subscribe(PULSES)
        for where in (
            own(victim, Leaf.RECEIPT),
            own(victim, Leaf.COMMAND),
            pulse_topic("server-1"),
            pulse_topic(thief.name),
        ):
            device.publish(where, b"forged")
        server.publish(own(victim, Leaf.RECEIPT), b"genuine")
        assert listener.next() == Heard(own(victim, Leaf.RECEIPT), b"genuine", retained=False)


def test_a_button_cannot_forge_even_the_receipts_it_may_read(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity
) -> None:
    button = new_button()
    with Party(server_1, mosquitto.port) as server, Party(button, mosquitto.port) as device:
        device.subscribe(own(button, Leaf.RECEIPT))
        device.publish(own(button, Leaf.RECEIPT), b"forged")
        server.publish(own(button, Leaf.RECEIPT), b"genuine")
        assert device.next().payload == b"genuine"


@pytest.mark.parametrize(
    "wish",
    [
        "#",
        "tocsin/#",
        f"tocsin/v1/{JURISDICTION}/#",
        "tocsin/v1/+/+/press",
        "tocsin/v1/+/+/receipt",
        f"tocsin/v1/{JURISDICTION}/{{speaker}}/receipt",
        f"tocsin/v1/{JURISDICTION}/{{speaker}}/command",
        f"tocsin/v1/{JURISDICTION}/{{speaker}}/press",
        "$share/buttons/tocsin/v1/+/+/press",
        "$SYS/#",
    ],
)
def test_a_button_hears_nothing_of_what_others_say(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity, wish: str
) -> None:
    speaker, eavesdropper = new_button(), new_button()
    with (
        Party(server_1, mosquitto.port) as server,
        Party(speaker, mosquitto.port) as device,
        Party(eavesdropper, mosquitto.port) as listener,
    ):
        listener.subscribe(wish.format(speaker=speaker.name))
        listener.subscribe(own(eavesdropper, Leaf.RECEIPT))
        for leaf in (Leaf.PRESS, Leaf.HEARTBEAT, Leaf.STATUS):
            device.publish(own(speaker, leaf), b"private")
        for leaf in (Leaf.RECEIPT, Leaf.COMMAND):
            server.publish(own(speaker, leaf), b"private")
        server.publish(own(eavesdropper, Leaf.RECEIPT), b"yours")
        assert listener.next() == Heard(own(eavesdropper, Leaf.RECEIPT), b"yours", retained=False)


def test_a_server_pulses_under_its_own_name_alone(
    mosquitto: Mosquitto, server_1: Identity, server_2: Identity
) -> None:
    with Party(server_1, mosquitto.port) as server, Party(server_2, mosquitto.port) as other:
        server.subscribe(PULSES)
        other.publish(pulse_topic("server-1"), b"forged")
        other.publish(pulse_topic("server-2"), b"genuine")
        assert server.next() == Heard(pulse_topic("server-2"), b"genuine", retained=False)


def test_claiming_another_client_id_neither_evicts_nor_impersonates(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity
) -> None:
    victim, thief = new_button(), new_button()
    with (
        Party(server_1, mosquitto.port) as server,
        Party(victim, mosquitto.port) as device,
    ):
        server.subscribe(every(Leaf.PRESS))
        device.subscribe(own(victim, Leaf.RECEIPT))
        for claimed in (victim.name, server_1.name):
            with Party(thief, mosquitto.port, client_id=claimed) as impostor:
                impostor.publish(own(victim, Leaf.PRESS), b"forged")
                impostor.publish(own(thief, Leaf.PRESS), b"genuine")
                assert server.next().topic == own(thief, Leaf.PRESS)
        server.publish(own(victim, Leaf.RECEIPT), b"still here?")
        assert device.next().payload == b"still here?"
        assert not device.put_out.is_set()
        assert not server.put_out.is_set()


def test_a_certificate_of_this_deployment_is_accepted(
    mosquitto: Mosquitto, new_button: NewButton
) -> None:
    assert raw_connect(mosquitto.port, new_button().context()) == CONNACK_ACCEPTED


def test_nobody_connects_without_a_certificate_or_without_tls(
    mosquitto: Mosquitto, deployment: Path
) -> None:
    assert refused(mosquitto.port, ssl.create_default_context(cafile=deployment / "ca/ca.crt"))
    assert refused(mosquitto.port, None)


def test_a_certificate_of_another_authority_is_refused(
    mosquitto: Mosquitto, deployment: Path, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    stranger = Authority.create(f"Tocsin {JURISDICTION}", now=now)  # the same name, another key
    forged = Identity("server-1", tmp_path / "crt", tmp_path / "key", deployment / "ca/ca.crt")
    stranger.certify_client("server-1", now=now).save(forged.certificate, forged.key)
    assert refused(mosquitto.port, forged.context())


def test_an_authority_that_a_mere_client_calls_into_being_is_refused(
    mosquitto: Mosquitto, deployment: Path, tmp_path: Path
) -> None:
    button = add_device(deployment, jurisdiction=JURISDICTION, brokers=[mosquitto.url])
    as_authority = Authority.load(button.folder / "client.crt", button.folder / "client.key")
    forged = Identity("server-1", tmp_path / "crt", tmp_path / "key", deployment / "ca/ca.crt")
    as_authority.certify_client("server-1", now=datetime.now(UTC)).save(
        forged.certificate, forged.key
    )
    assert refused(mosquitto.port, forged.context())


def test_the_brokers_own_certificate_makes_nobody_a_client(
    mosquitto: Mosquitto, deployment: Path
) -> None:
    broker = deployment / "broker"
    as_client = Identity("broker", broker / "broker.crt", broker / "broker.key", broker / "ca.crt")
    assert refused(mosquitto.port, as_client.context())


def test_an_expired_certificate_is_refused(mosquitto: Mosquitto, deployment: Path) -> None:
    six_years_ago = datetime.now(UTC) - timedelta(days=6 * 365)
    expired = add_device(
        deployment,
        jurisdiction=JURISDICTION,
        brokers=["mqtts://127.0.0.1:8883"],
        now=six_years_ago,
    )
    assert refused(mosquitto.port, Identity.device(expired.folder).context())


def test_tls_1_1_is_refused_and_1_2_is_not(mosquitto: Mosquitto, new_button: NewButton) -> None:
    button = new_button()
    oldest = button.context()
    oldest.maximum_version = ssl.TLSVersion.TLSv1_2
    assert raw_connect(mosquitto.port, oldest) == CONNACK_ACCEPTED

    too_old = button.context()
    too_old.set_ciphers("ALL:@SECLEVEL=0")  # else our own side would not even offer it
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        too_old.minimum_version = too_old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="TLSV1_ALERT_PROTOCOL_VERSION"):
        raw_connect(mosquitto.port, too_old)


def test_a_buttons_certificate_cannot_pose_as_the_broker(
    deployment: Path, new_button: NewButton, server_1: Identity
) -> None:
    button = new_button()
    posing = deployment / "posing"
    shutil.copytree(deployment / "broker", posing)
    shutil.copy(button.certificate, posing / "broker.crt")
    shutil.copy(button.key, posing / "broker.key")
    broker = Mosquitto(posing, port=free_port())
    asyncio.run(broker.start())
    try:
        with pytest.raises(ssl.SSLCertVerificationError):
            raw_connect(broker.port, server_1.context())
    finally:
        asyncio.run(broker.stop())


DIES = """
import sys
from pathlib import Path
from tests.broker.parties import Identity, Party
port, folder, topic = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
party = Party(Identity.device(folder), port)
party.will(topic, b"offline")
with party:
    party.publish(topic, b"online", retain=True)
    sys.stdin.read()
"""


def test_the_last_will_of_a_killed_button_is_published_and_kept(
    mosquitto: Mosquitto, new_button: NewButton, server_1: Identity, server_2: Identity
) -> None:
    button = new_button()
    status = own(button, Leaf.STATUS)
    with Party(server_1, mosquitto.port) as server:
        server.subscribe(status)
        arguments = [str(mosquitto.port), str(button.certificate.parent), status]
        with subprocess.Popen(
            [sys.executable, "-c", DIES, *arguments], stdin=subprocess.PIPE
        ) as process:
            assert server.next() == Heard(status, b"online", retained=False)
            process.kill()
        assert server.next() == Heard(status, b"offline", retained=False)
        with Party(server_2, mosquitto.port) as newcomer:
            newcomer.subscribe(status)
            assert newcomer.next() == Heard(status, b"offline", retained=True)


def test_a_button_denied_in_the_acl_is_deaf_and_mute_after_a_reload(tmp_path: Path) -> None:
    create_deployment(tmp_path / "d", jurisdiction=JURISDICTION)
    folders = [
        add_device(
            tmp_path / "d", jurisdiction=JURISDICTION, brokers=["mqtts://127.0.0.1:8883"]
        ).folder
        for _ in range(2)
    ]
    lost, kept = map(Identity.device, folders)
    broker = Mosquitto(tmp_path / "d/broker", port=free_port())
    asyncio.run(broker.start())
    try:
        with (
            Party(Identity.server(tmp_path / "d", "server-1"), broker.port) as server,
            Party(lost, broker.port) as lost_device,
            Party(kept, broker.port) as kept_device,
        ):
            server.subscribe(every(Leaf.PRESS))
            lost_device.subscribe(own(lost, Leaf.RECEIPT))
            with (broker.folder / "acl").open("a") as acl:
                acl.write(f"\nuser {lost.name}\ntopic deny #\n")
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGHUP)
            wait_for_log(broker, "Reloading config")
            lost_device.publish(own(lost, Leaf.PRESS), b"from a thief")
            kept_device.publish(own(kept, Leaf.PRESS), b"from a poll worker")
            assert server.next().payload == b"from a poll worker"
            server.publish(own(lost, Leaf.RECEIPT), b"not for a thief")
            lost_device.publish(own(lost, Leaf.PRESS), b"the broker answers in order")
            assert lost_device.heard.empty()
    finally:
        asyncio.run(broker.stop())


def test_a_brokers_new_certificate_is_taken_up_by_a_reload_and_disconnects_nobody(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "d"
    create_deployment(folder, jurisdiction=JURISDICTION)
    button = Identity.device(
        add_device(folder, jurisdiction=JURISDICTION, brokers=["mqtts://127.0.0.1:8883"]).folder
    )
    broker = Mosquitto(folder / "broker", port=free_port())
    asyncio.run(broker.start())
    try:
        with Party(button, broker.port) as device:
            authority = issuing_authority(folder)
            for name in ("broker.crt", "broker.key"):
                (folder / "broker" / name).unlink()
            authority.certify_broker(["elsewhere.example"], now=datetime.now(UTC)).save(
                folder / "broker/broker.crt", folder / "broker/broker.key"
            )
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGHUP)
            wait_for_log(broker, "Reloading config")
            device.publish(own(button, Leaf.PRESS), b"dealt with after the reload")
            with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
                raw_connect(broker.port, button.context())
            assert not device.put_out.is_set()
    finally:
        asyncio.run(broker.stop())


def wait_for_log(broker: Mosquitto, words: str) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=PATIENCE_S)
    while words not in broker.log.read_text():
        assert datetime.now(UTC) < deadline, f"the broker never said {words!r}"
        time.sleep(0.005)
