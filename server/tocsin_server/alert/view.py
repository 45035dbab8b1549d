"""What a screen shows of an alert, as the SQL function `alert_view` writes it."""

from typing import Literal
from uuid import UUID

import msgspec

from tocsin_server.alert.geotag import Place
from tocsin_server.channels.channel import Method


class NotificationView(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one person, and what became of it."""

    notification_id: UUID
    name: str
    method: Method
    purpose: Literal["page", "stand_down", "hand_over", "ask", "officer"]
    tier: int
    state: Literal[
        "pending",
        "sending",
        "accepted",
        "delivered",
        "undelivered",
        "failed",
        "withdrawn",
        "declined",
    ]
    at: str
    error: str | None


class AlertView(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. A higher version is a later one; times are UTC with milliseconds."""

    alert_id: UUID
    version: int
    device_id: str
    kind: str
    drill: bool
    synthetic: bool  # a drill that no person pressed
    code: str
    state: Literal["open", "acknowledged", "responding", "resolved"]
    unanswered: bool
    presses: int
    cancelled: bool
    remarks: list[str]
    place: Place
    pressed_at: str
    received_at: str
    stored_at: str
    shown_at: str | None
    acknowledged_at: str | None
    acknowledged_by: str | None  # who has it now
    held_at: str | None  # since when
    asked_at: str | None  # whether they still have it
    again_at: str | None  # since when it climbs although somebody has it
    again_why: Literal["silent", "more_help"] | None
    offered_to: str | None
    responding_at: str | None
    on_scene_at: str | None
    resolved_at: str | None
    resolved_by: str | None
    outcome: str | None
    tier: int
    tiers: int
    next_decision_at: str | None
    previous_alert_id: UUID | None
    notifications: list[NotificationView]


class EventView(msgspec.Struct, frozen=True):
    """One entry of an alert's record; the payload is null once it was lawfully erased."""

    n: int
    at: str
    name: str
    payload: msgspec.Raw


class PressView(msgspec.Struct, frozen=True, kw_only=True):
    """One press of the button, as it was received."""

    press_id: UUID
    kind: str
    gesture: str
    seq: int
    attempt: int
    drill: bool
    pressed_at: str
    received_at: str
    age_exact: bool
    remarks: list[str]


class AlertDetail(msgspec.Struct, frozen=True):
    """An alert with everything on record about it."""

    alert: AlertView
    events: list[EventView]
    presses: list[PressView]
