"""A press on its way through the server: held, stored, or doubtful; and as screens show it.

Only shapes: the steps that hand them on never import each other.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from tocsin_server.alert.geotag import Place
from tocsin_server.fleet.directory import Device
from tocsin_wire.messages import Press, State

Key = tuple[str, UUID]


@dataclass(eq=False, slots=True)
class Held:
    """A verified press that the database has not taken yet."""

    press: Press
    device: Device
    place: Place
    drill: bool
    remarks: list[str]
    jws: bytes
    received: float  # monotonic
    received_at: datetime
    accepts: list[Callable[[], None]]
    shown: bool = False
    paging: "asyncio.Future[list[str]] | None" = None

    @property
    def key(self) -> Key:
        """Name it as the database does."""
        return self.device.device_id, self.press.press_id

    def came_again(self, again: "Held") -> None:
        """Take the earlier of two moments of one press: its first delivery may have been slow."""
        earlier_s = self.received - again.received
        earlier_ms = round(earlier_s * 1000) + again.press.age_ms - self.press.age_ms
        if earlier_ms > 0:
            older = self.press.age_ms + earlier_ms
            self.press = msgspec.structs.replace(self.press, age_ms=older)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database made of a press."""

    device_id: str
    jurisdiction: str
    press_id: UUID
    alert_id: UUID
    state: State
    drill: bool
    version: int
    view: str | None


class HeldView(msgspec.Struct, frozen=True):
    """What a screen shows of a press that is NOT YET STORED."""

    device_id: str
    press_id: UUID
    kind: str
    drill: bool
    place: Place
    pressed_at: str
    received_at: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A press that can't be believed, and why."""

    jurisdiction: str | None
    topic: str
    device_id: str
    reason: str
    raw: bytes
    received: float  # monotonic


class DoubtfulView(msgspec.Struct, frozen=True):
    """What a screen shows of an unverified sender; without an id it is not stored yet."""

    doubtful_id: UUID | None
    jurisdiction: str | None
    received_at: str | None
    topic: str
    device_id: str
    reason: str
    read: dict[str, str]
    times: int
    place: str | None  # where the button of that topic is; nobody vouches that it came from there
    seen_at: str | None = None
    seen_by: str | None = None
