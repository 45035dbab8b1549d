"""Ledger: every press that is still open, and what is owed to it, decided without I/O.

Law 1: a press stays until it is resolved, or 12 hours after it was acknowledged.
Law 2: until a signed receipt names it, it is due again and again, without end.
Law 3: what is known of a press never falls: a late receipt changes nothing. A drill that was
made real goes before all that was said of the drill: nobody has it yet, and nothing makes it a
drill again.
Law 4: a receipt for an unknown press changes nothing.
Law 5: where there is no room for all, a duress is the last to go; of those without a
receipt the first and the newest stay, however much a contact chatters.

Times are seconds of the clock that runs forward (`clock.now_s`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from tocsin_button.lamp import Subject
from tocsin_wire import messages
from tocsin_wire.messages import OpenPress, Press, Receipt, State

PRESSES_MAX = messages.OPEN_PRESSES_MAX  # as many as one heartbeat can name
KEPT_AFTER_ACKNOWLEDGED_S = 12 * 3600.0
FIRST_RESENDS_S = (0.3, 0.5)
EAGER_FOR_S = 60.0
EAGER_EVERY_S = 1.0
STEADY_EVERY_S = 2.0

# Of these the lamp says nothing: a cancel may be coerced, and a tamper is shown as a fault.
_SILENT_KINDS = frozenset({"cancel", "tamper"})
# These make room before a duress does. A kind that is not known here counts as a duress.
_YIELDING_KINDS = _SILENT_KINDS | {"assist", "test"}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One press as the button keeps it, in memory and on disk."""

    press_id: UUID
    kind: str
    gesture: str
    drill: bool
    boot_id: UUID
    seq: int
    kernel_boot_id: UUID
    edge_s: float
    edge_wall_s: float
    cancels: UUID | None = None
    attempt: int = 0
    state: State | None = None
    state_drill: bool | None = None
    acknowledged_s: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """The time on both clocks, and in which boot of the board."""

    now_s: float
    wall_s: float
    kernel_boot_id: UUID


@dataclass(frozen=True, slots=True)
class Advanced:
    """The receipt told something new: keep this."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Resolved:
    """The press is over: forget it."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The receipt changes nothing."""

    because: str


Order = Advanced | Resolved | Unchanged


@dataclass(slots=True)
class _Open:
    entry: Entry
    begun_s: float  # the edge; for a press from before a reboot, when it was found
    next_s: float
    resends: int = 0
    sent_s: float | None = None  # when it first went out over a link


def age_of(entry: Entry, moment: Moment, *, found_s: float) -> tuple[int, bool]:
    """Give a press's age in milliseconds and whether it is exact.

    After a reboot nobody knows how long the board was without power: the wall clock is
    asked, and at least the time since this agent found the press counts.
    """
    if entry.kernel_boot_id == moment.kernel_boot_id:
        return round((moment.now_s - entry.edge_s) * 1000), True
    seconds = max(moment.wall_s - entry.edge_wall_s, moment.now_s - found_s, 0.0)
    return round(seconds * 1000), False


def _is_drill(entry: Entry) -> bool:
    """Say whether it is a drill: by the server's word, and before that by the button's own."""
    return entry.drill if entry.state_drill is None else entry.state_drill


def _rank(state: State, drill: bool) -> tuple[bool, int]:
    """Order what a receipt may say. A server makes a drill real, and never the other way round."""
    return not drill, messages.STATES.index(state)


_LOSS_MAX = 3


def _loss(entry: Entry) -> int:
    """Rank what is lost with a press that makes room."""
    receipted = entry.state is not None
    if entry.kind in _YIELDING_KINDS:
        return 0 if receipted else 1
    return 2 if receipted else _LOSS_MAX


class Ledger:
    """The open presses of one button, oldest first."""

    def __init__(self) -> None:
        self._open: dict[UUID, _Open] = {}

    def __contains__(self, press_id: UUID) -> bool:
        return press_id in self._open

    def __len__(self) -> int:
        return len(self._open)

    def add(self, entry: Entry) -> tuple[Entry, ...]:
        """Keep a new press from now on; say which older ones had to make room."""
        self._open[entry.press_id] = _Open(entry, begun_s=entry.edge_s, next_s=entry.edge_s)
        return self._make_room()

    def restore(self, entries: list[Entry], moment: Moment) -> tuple[Entry, ...]:
        """Take up what an earlier run left in the outbox; say which ones had to make room.

        They go before what was pressed since. After a reboot the 12 hours begin anew.
        """
        newer, self._open = self._open, {}
        boot = moment.kernel_boot_id
        before = [found for found in entries if found.kernel_boot_id != boot]
        since = [found for found in entries if found.kernel_boot_id == boot]
        for found in (
            *sorted(before, key=lambda found: found.edge_wall_s),
            *sorted(since, key=lambda found: found.edge_s),
        ):
            entry, begun_s = found, found.edge_s
            if found.kernel_boot_id != boot:
                begun_s = moment.now_s
                if found.acknowledged_s is not None:
                    entry = msgspec.structs.replace(found, acknowledged_s=moment.now_s)
            if entry.press_id not in newer:
                self._open[entry.press_id] = _Open(entry, begun_s=begun_s, next_s=moment.now_s)
        self._open.update(newer)
        return self._make_room()

    def _make_room(self) -> tuple[Entry, ...]:
        """Let go of what is too much, the least of a loss first and of equals the oldest.

        The newest press never leaves, whatever its kind: it has yet to be sent once. Of
        duresses without a receipt the first stays, too: it says when it began.
        """
        gone = []
        while len(self._open) > PRESSES_MAX:
            *older, _newest = (each.entry for each in self._open.values())
            leaving = min(older, key=_loss)
            if _loss(leaving) == _LOSS_MAX:  # then all of them are duresses without a receipt
                leaving = older[1]
            del self._open[leaving.press_id]
            gone.append(leaving)
        return tuple(gone)

    def unreceipted(self) -> list[UUID]:
        """Every press that no receipt names yet, oldest first."""
        return [press_id for press_id, each in self._open.items() if each.entry.state is None]

    def due(self, now_s: float) -> list[UUID]:
        """The presses to be sent now, oldest first."""
        return [press_id for press_id in self.unreceipted() if self._open[press_id].next_s <= now_s]

    def next_due_s(self) -> float | None:
        """When the next press is to be sent; None if none is owed."""
        return min((self._open[press_id].next_s for press_id in self.unreceipted()), default=None)

    def unreceipted_since_s(self) -> float | None:
        """Since when the oldest press without a receipt has been there; None if none is."""
        begun_s = [self._open[press_id].begun_s for press_id in self.unreceipted()]
        return min(begun_s, default=None)

    def unanswered_since_s(self) -> float | None:
        """Since when the oldest press without a receipt is being sent; None if none is."""
        sent_s = [self._open[press_id].sent_s for press_id in self.unreceipted()]
        return min((at_s for at_s in sent_s if at_s is not None), default=None)

    def attempt(self, press_id: UUID, moment: Moment, *, device_id: str, jitter: float) -> Press:
        """Give the press as it is to be signed for one more sending, and plan the next one.

        `jitter` is a random number from 0 to 1.
        """
        each = self._open[press_id]
        each.entry = msgspec.structs.replace(each.entry, attempt=each.entry.attempt + 1)
        each.next_s = moment.now_s + self._pause_s(each, moment.now_s, jitter)
        each.resends += 1
        each.sent_s = moment.now_s if each.sent_s is None else each.sent_s
        entry = each.entry
        age_ms, age_exact = age_of(entry, moment, found_s=each.begun_s)
        return Press(
            press_id=entry.press_id,
            device_id=device_id,
            kind=entry.kind,
            drill=entry.drill,
            gesture=entry.gesture,
            boot_id=entry.boot_id,
            seq=entry.seq,
            attempt=entry.attempt,
            age_ms=age_ms,
            age_exact=age_exact,
            device_clock=messages.timestamp(datetime.fromtimestamp(entry.edge_wall_s, UTC)),
            cancels=entry.cancels,
        )

    def receive(self, receipt: Receipt, *, now_s: float) -> Order:
        """Take a receipt whose signature holds."""
        each = self._open.get(receipt.press_id)
        if each is None:
            return Unchanged("the press is not known here")
        entry = each.entry
        if entry.state is not None:
            told, known = _rank(receipt.state, receipt.drill), _rank(entry.state, _is_drill(entry))
            if told < known:
                return Unchanged(f"it says {receipt.state}, the press is {entry.state} already")
            if told == known:
                return Unchanged("it is known")
        acknowledged_s = None
        if _rank(receipt.state, drill=True) >= _rank("acknowledged", drill=True):
            acknowledged_s = now_s if entry.acknowledged_s is None else entry.acknowledged_s
        each.entry = msgspec.structs.replace(
            entry,
            state=receipt.state,
            state_drill=receipt.drill,
            acknowledged_s=acknowledged_s,
        )
        if receipt.state == "resolved":
            del self._open[receipt.press_id]
            return Resolved(each.entry)
        return Advanced(each.entry)

    def expire(self, now_s: float) -> tuple[Entry, ...]:
        """Let go of what was acknowledged 12 hours ago, and say what that was."""
        over = tuple(
            each.entry
            for each in self._open.values()
            if each.entry.acknowledged_s is not None
            and now_s - each.entry.acknowledged_s >= KEPT_AFTER_ACKNOWLEDGED_S
        )
        for entry in over:
            del self._open[entry.press_id]
        return over

    def subject(self, now_s: float) -> Subject | None:
        """Give the newest open press that the lamp speaks of, and how long any waits."""
        spoken = [each for each in self._open.values() if each.entry.kind not in _SILENT_KINDS]
        if not spoken:
            return None
        # How old a press from before a reboot is nobody knows: it counts from its finding.
        waiting_since_s = [each.begun_s for each in spoken if each.entry.state is None]
        newest = spoken[-1]
        entry = newest.entry
        return Subject(
            age_s=now_s - newest.begun_s,
            waiting_s=now_s - min(waiting_since_s, default=now_s),
            state=entry.state,
            drill=_is_drill(entry),
        )

    def open_presses(self) -> list[OpenPress]:
        """List what is open and what receipts said of each, as a heartbeat tells it."""
        return [
            OpenPress(press_id=press_id, state=each.entry.state, drill=each.entry.state_drill)
            for press_id, each in self._open.items()
        ]

    @staticmethod
    def _pause_s(each: _Open, now_s: float, jitter: float) -> float:
        if each.resends < len(FIRST_RESENDS_S):
            return FIRST_RESENDS_S[each.resends]
        if now_s - each.begun_s < EAGER_FOR_S:
            return EAGER_EVERY_S
        return STEADY_EVERY_S * (0.8 + 0.4 * jitter)
