"""The condition of a button, decided from its silence without touching the world.

A message is always believed: whoever is heard is there. Silence is judged only by a
replica that would have heard: whose own canary comes back, and not in its first seconds.
A last will speaks for one broker and one connection; a retained message is a hint.
(wire contract, "Retry, links, supervision")
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import msgspec

from tocsin_wire.messages import Heartbeat, Status

LATE_S = 20.0
LOST_S = 45.0
LINKLESS_LOST_S = 5.0
JUDGE_AFTER_S = 45.0  # a button may keep silent that long without being lost
BOOTS_MAX = 4  # earlier boots of one button that are remembered
CLONE_WITHIN_S = 600.0

Condition = Literal["never_heard", "ok", "late", "lost"]
CONDITIONS: tuple[Condition, ...] = ("never_heard", "ok", "late", "lost")


@dataclass(frozen=True, slots=True)
class Silence:
    """How long nothing was heard of a button, and how well anybody listened.

    `silent_s`: since any replica heard it; None: nobody ever did. `linkless_s`: since the last
    of its links fell; None: one stands, or nobody can tell. `lost_s`: since it was called lost.
    `listening_s`: for how long this replica would have heard it on at least one broker.
    `hears_every_broker`: that long on every broker, so that wills tell the whole story.
    """

    silent_s: float | None
    linkless_s: float | None
    lost_s: float | None
    listening_s: float
    hears_every_broker: bool


def judge(condition: Condition, silence: Silence) -> Condition:
    """Say how a button is, given how it was."""
    silent_s = silence.silent_s
    if silent_s is None:
        return "never_heard"
    if condition == "lost" and (silence.lost_s is None or silent_s >= silence.lost_s):
        return "lost"  # only a message brings it back
    judges = silence.listening_s >= JUDGE_AFTER_S
    if judges and silent_s >= LOST_S:
        return "lost"
    # Counted from the fall of its last link, so that it has the time to connect again.
    linkless_s = min(silence.linkless_s or 0.0, silent_s)
    if judges and silence.hears_every_broker and linkless_s >= LINKLESS_LOST_S:
        return "lost"
    if silent_s < LATE_S:
        return "ok"
    return "late" if judges or condition != "ok" else "ok"


class Link(msgspec.Struct, frozen=True, gc=False):
    """What is known of a button's connection to one broker. `live`: not by a retained hint."""

    boot_id: UUID
    connection: int
    stands: bool
    live: bool


def after_status(known: Link | None, status: Status, *, retained: bool) -> Link:
    """Say what a status makes of a link. An older one, or an older boot's will, says nothing."""
    said = Link(status.boot_id, status.connection, status.online, live=not retained)
    if known is None:
        return said
    if status.boot_id != known.boot_id:
        is_old_will = not status.online and known.live and known.stands
        return known if is_old_will else said
    if status.connection < known.connection:
        return known
    if status.connection == known.connection and status.online and not known.stands:
        return known  # delivered late: its will was here already
    return said


def after_heartbeat(known: Link | None, heartbeat: Heartbeat) -> Link:
    """Say that a link stands, because a heartbeat came by it."""
    connection = heartbeat.connection
    if known is not None and known.boot_id == heartbeat.boot_id:
        connection = max(connection, known.connection)
    return Link(heartbeat.boot_id, connection, stands=True, live=True)


def is_linkless(links: list[Link]) -> bool:
    """Say whether none of a button's links stands; hints alone can't say so."""
    return any(link.live for link in links) and not any(link.stands for link in links)


class Boots:
    """The boots of one button, in the order in which they were heard.

    A boot that comes back after another one is a second board with the same identity,
    once it has happened twice: a single time may be a message that came late.
    """

    __slots__ = ("_earlier", "_returns", "current")

    def __init__(self, current: UUID | None = None) -> None:
        self.current = current
        # Made when needed: a deque takes 600 bytes, and nearly no button ever has a second boot.
        self._earlier: deque[UUID] | None = None
        self._returns: deque[float] | None = None

    def heard(self, boot_id: UUID, *, now: float) -> bool:
        """Note a boot; gives whether it is another one than before."""
        if boot_id == self.current:
            return False
        if self.current is not None:
            self._follow(self.current, boot_id, now)
        self.current = boot_id
        return True

    def _follow(self, before: UUID, boot_id: UUID, now: float) -> None:
        if self._earlier is None:
            self._earlier = deque(maxlen=BOOTS_MAX)
        if boot_id in self._earlier:
            self._earlier.remove(boot_id)
            self._returns = self._returns or deque(maxlen=2)
            self._returns.append(now)
        self._earlier.append(before)

    def interleave(self, *, now: float) -> bool:
        """Say whether two boards are using this identity."""
        returns = self._returns
        return returns is not None and len(returns) == 2 and now - returns[0] < CLONE_WITHIN_S
