"""What other systems are told: one JSON object for each event, signed as Standard Webhooks say.

Promise: a field of version 1 is never taken away or given another meaning; new ones may come.
`type` and `timestamp` say what happened and when; `data` is the alert as it stands when the message
is sent, so that one that was delayed sends nobody to an alert that is over.

Refused: the code, with which an alert is acknowledged; notes, phone numbers and who was told.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Literal, get_args
from uuid import UUID

import msgspec

VERSION = 1
SECRET_BYTES = 32  # the specification asks for 24 to 64
_PREFIX = "whsec_"

Event = Literal[
    "alert.pressed",
    "alert.pressed_again",
    "alert.cancelled_at_button",
    "alert.acknowledged",
    "alert.responding",
    "alert.on_scene",
    "alert.taken_over",
    "alert.climbs_again",
    "alert.unanswered",
    "alert.resolved",
    "alert.made_actual",
]
EVENTS: tuple[Event, ...] = get_args(Event)
TEST = "hook.test"


class HookPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is; null is not known. `missing` says in sentences what is doubtful."""

    site_id: UUID | None = None
    site: str | None = None
    building: str | None = None
    floor: str | None = None
    room: str | None = None
    spot: str | None = None
    address: str | None = None
    county: str | None = None
    county_fips: str | None = None
    state: str | None = None
    responding_agency: str | None = None
    time_zone: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    missing: list[str] = []


class HookAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it stands. `by`: who did what this message says; `sequence` rises by alert."""

    jurisdiction: str
    alert_id: UUID
    sequence: int
    by: str | None
    drill: bool
    kind: str
    state: str
    unanswered: bool
    cancelled: bool
    presses: int
    device_id: str
    place: HookPlace
    remarks: list[str]
    pressed_at: str
    received_at: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    responding_at: str | None
    resolved_at: str | None
    resolved_by: str | None
    outcome: str | None


class HookTest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody tries whether the hook works; nothing happened."""

    jurisdiction: str
    text: str = "This is a test of the webhook. Nobody has pressed a button."


class HookMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The body of one request."""

    version: int = VERSION
    type: str
    timestamp: str
    data: HookAlert | HookTest


def new_secret() -> str:
    """Draw a secret, written as receivers take it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed(
    body: bytes, *, message_id: str, sent_at_s: int, secrets: Sequence[str]
) -> dict[str, str]:
    """Give the headers of a message: one signature for each secret, the newest first."""
    content = f"{message_id}.{sent_at_s}.".encode() + body
    signatures = [
        base64.b64encode(
            hmac.digest(base64.b64decode(each.removeprefix(_PREFIX)), content, hashlib.sha256)
        ).decode()
        for each in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at_s),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
