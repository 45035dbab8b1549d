"""definitions.py: who RabbitMQ's users are, and what each may do, from a deployment's folder."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.broker.parties import JURISDICTION
from tests.rabbitmq.cluster import SHIPPED
from tocsin_server.fleet.deployment import add_device, broker_config, create_deployment
from tocsin_wire.topics import PULSES, Leaf, every, pulse_topic, topic

DEVICE, OTHER = "btn-0123456789", "btn-zzzzzzzzzz"


class User(msgspec.Struct, frozen=True):
    name: str
    password_hash: str
    tags: str


class Permission(msgspec.Struct, frozen=True):
    user: str
    configure: str
    write: str
    read: str


class TopicPermission(msgspec.Struct, frozen=True):
    user: str
    exchange: str
    write: str
    read: str


class Definitions(msgspec.Struct, frozen=True):
    """What RabbitMQ reads of the file, as far as these claims go."""

    users: list[User]
    permissions: list[Permission]
    topic_permissions: list[TopicPermission]


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(SHIPPED / "definitions.py"), str(folder)]
    return subprocess.run(script, check=False, capture_output=True, text=True)


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    create_deployment(tmp_path / "d", jurisdiction=JURISDICTION, replicas=2)
    add_device(
        tmp_path / "d",
        jurisdiction=JURISDICTION,
        brokers=["mqtts://127.0.0.1:8883"],
        device_id=DEVICE,
    )
    return tmp_path / "d"


@pytest.fixture
def definitions(deployment: Path) -> Definitions:
    return msgspec.json.decode(run(deployment).stdout, type=Definitions)


def test_every_certificate_is_a_user_without_a_password(definitions: Definitions) -> None:
    assert [user.name for user in definitions.users] == ["server-1", "server-2", DEVICE]
    assert all(user.password_hash == "" and user.tags == "" for user in definitions.users)


def may(definitions: Definitions, user: str, what: str, where: str) -> bool:
    """As RabbitMQ asks: the topic with dots, a + as a star, the user's name filled in."""
    (found,) = (each for each in definitions.topic_permissions if each.user == user)
    pattern = (found.write if what == "write" else found.read).replace("{username}", user)
    return re.search(pattern, where.replace("/", ".").replace("+", "*")) is not None


def test_the_rights_are_those_of_the_mosquitto_acl(definitions: Definitions) -> None:
    """Every right of the other broker's file, for a button and for a server, and no other."""
    leaves = [topic(JURISDICTION, device, leaf) for device in (DEVICE, OTHER) for leaf in Leaf]
    wheres = [
        *leaves,
        *(every(leaf) for leaf in Leaf),
        *(f"tocsin/v1/+/{device}/{leaf}" for device in (DEVICE, OTHER) for leaf in Leaf),
        *(pulse_topic(name) for name in ("server-1", "server-2", DEVICE)),
        *(PULSES, "#", "tocsin/#", "tocsin/v1/#", f"tocsin/v1/{JURISDICTION}/#", "anything"),
        *(f"{leaf}/more" for leaf in leaves),
        *(f"x/{leaf}" for leaf in leaves),
    ]
    acl = (broker_config() / "acl").read_text()
    for user in (DEVICE, "server-1"):
        for what in ("write", "read"):
            for where in wheres:
                if what == "write" and ("+" in where or "#" in where):
                    continue  # nobody can publish to a filter
                assert may(definitions, user, what, where) == mosquitto_says(
                    acl, user, what, where
                ), (user, what, where)


def mosquitto_says(acl: str, user: str, what: str, where: str) -> bool:
    """The shipped file, read as Mosquitto does; a filter counts when all it asks for is granted."""
    section = None
    for line in acl.splitlines():
        words = line.split()
        if words[:1] == ["user"]:
            section = words[1]
        elif words[:2] == ["pattern", what] and (user == DEVICE or "%u" not in words[2]):
            if matches(words[2].replace("%u", user), where):
                return True
        elif words[:2] == ["topic", what] and section == user and matches(words[2], where):
            return True
    return False


def matches(granted: str, where: str) -> bool:
    asked, given = where.split("/"), granted.split("/")
    return len(asked) == len(given) and all(
        level in ("+", wish) and wish != "#" for level, wish in zip(given, asked, strict=True)
    )


def test_a_user_owns_its_own_session_and_no_other(definitions: Definitions) -> None:
    for permission in definitions.permissions:
        for pattern in (permission.configure, permission.write, permission.read):
            assert re.search(pattern, f"mqtt-subscription-{permission.user}qos1")
            for other in ("server-1", "server-2", DEVICE, OTHER, f"{permission.user}0"):
                if other != permission.user:
                    assert not re.search(pattern, f"mqtt-subscription-{other}qos1")
        assert not re.search(permission.configure, "amq.topic")


def test_a_folder_that_is_no_deployment_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.returncode == 1
    assert "name the folder that tocsin init made" in result.stderr


def test_a_name_that_could_be_misread_is_refused(deployment: Path) -> None:
    (deployment / "devices" / "btn-.*").mkdir()
    result = run(deployment)
    assert result.returncode == 1
    assert "'btn-.*' is no button's and no server's name" in result.stderr
    assert json.dumps("users") not in result.stdout
