"""Room: how many requests to each channel's provider may begin now.

Promise: what is slow makes room for what isn't. A request that has no answer after SLOW_S no longer
counts among those at once, so however many hang, the next alert's messages begin within that time;
what failed or hangs never takes all the room of what is new; and one channel's requests never count
for another's.

Refused: requests without end. Where OPEN_MAX of a channel hang, it is down, and only then do
others wait until one of them is given up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from tocsin_server.channels.channel import METHODS, Method

AT_ONCE_MAX = 100  # of a channel; Twilio takes a hundred or so of an account
OPEN_MAX = 1000  # of a channel, with those that hang; each is a connection and some 50 kB
YIELDING_AT_ONCE_MAX = 40  # of those: a crowd that hangs or fails together is due together again
ALERT_AT_ONCE_MAX = 60  # of an alert by one channel, its own throttle: two of the largest tiers
SLOW_S = 0.5  # a provider that is well has answered by then


@dataclass(slots=True)
class Asking:
    """A request that is open. `answered`: its outcome is only still to be recorded."""

    notification_id: UUID
    method: Method
    began_at: float
    yields: bool = False  # it was tried before, or its alert has another one that hangs
    answered: bool = False


def is_quick(asking: Asking, *, now: float) -> bool:
    """Say whether an answer may come any moment; `now` by the clock of `began_at`."""
    return not asking.answered and now - asking.began_at < SLOW_S


@dataclass(slots=True)
class Room:
    """How many requests may begin, and how many of those may be such that yield to others."""

    any: int
    yielding: int


def free(asking: Iterable[Asking], *, now: float) -> dict[Method, Room]:
    """Say what room each method has."""
    rooms = {method: Room(AT_ONCE_MAX, YIELDING_AT_ONCE_MAX) for method in METHODS}
    unanswered = dict.fromkeys(METHODS, 0)
    for one in asking:
        if is_quick(one, now=now):
            take(rooms[one.method], yields=one.yields)
        unanswered[one.method] += not one.answered
    for method, room in rooms.items():
        room.any = max(0, min(room.any, OPEN_MAX - unanswered[method]))
        room.yielding = max(0, room.yielding)
    return rooms


def take(room: Room, *, yields: bool) -> None:
    """Count one more request."""
    room.any -= 1
    room.yielding -= yields
