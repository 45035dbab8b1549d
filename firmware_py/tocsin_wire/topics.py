"""Topics: where each message of the contract is published.

`tocsin/v1/{jurisdiction}/{device_id}/{leaf}`, so that a broker's ACL can hold a
device to its own topics, and a large deployment can be split by jurisdiction.
"""

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from tocsin_wire.errors import MalformedTopic

ROOT = "tocsin/v1"
PULSES = f"{ROOT}/server/+/pulse"

# Crockford's base32, lower case: no i, l, o or u to be misread from a label.
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
DEVICE_ID = re.compile(rf"btn-[{_CROCKFORD}]{{10}}")
JURISDICTION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
REPLICA_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Leaf(StrEnum):
    """The last word of a device's topic."""

    PRESS = "press"
    HEARTBEAT = "heartbeat"
    STATUS = "status"
    RECEIPT = "receipt"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Topic:
    """Whose topic it is, and what is said on it."""

    jurisdiction: str
    device_id: str
    leaf: Leaf


def new_device_id() -> str:
    """Draw a device id: `btn-` and 50 random bits in Crockford base32."""
    return "btn-" + "".join(secrets.choice(_CROCKFORD) for _ in range(10))


def is_device_id(text: str) -> bool:
    """Say whether this is a device id of the contract."""
    return DEVICE_ID.fullmatch(text) is not None


def is_jurisdiction(text: str) -> bool:
    """Say whether this is a jurisdiction's slug; `server` is none, its topics are the pulses'."""
    return JURISDICTION.fullmatch(text) is not None and text != "server"


def topic(jurisdiction: str, device_id: str, leaf: Leaf) -> str:
    """Name one device's topic. Raises MalformedTopic for a part that doesn't fit."""
    if not is_jurisdiction(jurisdiction):
        raise MalformedTopic(
            f"{jurisdiction!r} is no jurisdiction: use 1 to 40 of a-z, 0-9 and -, not 'server'"
        )
    if not is_device_id(device_id):
        raise MalformedTopic(f"{device_id!r} is no device id: btn- and 10 of {_CROCKFORD}")
    return f"{ROOT}/{jurisdiction}/{device_id}/{leaf}"


def every(leaf: Leaf) -> str:
    """Filter that subscribes one leaf of every device in every jurisdiction."""
    return f"{ROOT}/+/+/{leaf}"


def pulse_topic(replica_id: str) -> str:
    """Name the pulse topic of one server replica. Raises MalformedTopic."""
    if REPLICA_ID.fullmatch(replica_id) is None:
        raise MalformedTopic(f"{replica_id!r} is no replica id: use 1 to 40 of a-z, 0-9 and -")
    return f"{ROOT}/server/{replica_id}/pulse"


def parse(text: str) -> Topic:
    """Read a device's topic. Raises MalformedTopic."""
    parts = text.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT:
        raise MalformedTopic(f"{text[:120]!r} is not {ROOT}/jurisdiction/device/leaf")
    _, _, jurisdiction, device_id, leaf = parts
    if not is_jurisdiction(jurisdiction) or not is_device_id(device_id):
        raise MalformedTopic(f"{text[:120]!r} names no jurisdiction and device")
    try:
        return Topic(jurisdiction, device_id, Leaf(leaf))
    except ValueError:
        raise MalformedTopic(f"{leaf[:40]!r} is none of {', '.join(Leaf)}") from None
