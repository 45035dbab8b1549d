"""Commands: what a server may ask of this button, and when it is refused.

Only in this run of the agent (its boot_id), only in rising order, only to this device.
A signature that holds is looked for before a command comes here. What would change
certificates is not supported by this firmware, and says so; another release (`updates`) and
other brokers (`reconfigured`) need the offline key, whatever a server's own key says.
"""

from dataclasses import dataclass, field
from uuid import UUID

from tocsin_wire.messages import Command, ReleaseOffer

DRILL_S_MAX = 60 * 60  # wire contract, rule 8: windows last 60 minutes at most
IDENTIFY_S = 30.0  # long enough to look under every counter of a room

_UNSUPPORTED = frozenset({"renew_certificate"})


@dataclass(frozen=True, slots=True)
class Identify:
    """Blink so that somebody finds this button."""

    for_s: float


@dataclass(frozen=True, slots=True)
class RunSelftest:
    """Test everything and tell the result in the next heartbeat."""


@dataclass(frozen=True, slots=True)
class BeginDrill:
    """Presses are drills from now on, for so long."""

    for_s: float


@dataclass(frozen=True, slots=True)
class EndDrill:
    """Presses are real again."""


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Take up another release, if the offline key signed it."""

    command_id: UUID
    offer: ReleaseOffer = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Do nothing, and log why."""

    because: str


Order = Identify | RunSelftest | BeginDrill | EndDrill | TakeUp | Refused


class Gate:
    """What has been admitted so far, in this run."""

    def __init__(self, *, device_id: str, boot_id: UUID) -> None:
        self._device_id = device_id
        self._boot_id = boot_id
        self._last_seq = -1

    def admit(self, command: Command) -> Order:
        """Judge a command whose signature holds."""
        if command.device_id != self._device_id:
            return Refused("it is for another device")
        if command.boot_id != self._boot_id:
            return Refused("it is of another boot")
        if command.command_seq <= self._last_seq:
            return Refused(f"command_seq {command.command_seq} does not rise")
        self._last_seq = command.command_seq
        return _order(command)


def _order(command: Command) -> Order:
    order: Order
    match command.name:
        case "identify":
            order = Identify(IDENTIFY_S)
        case "selftest":
            order = RunSelftest()
        case "drill_begin" if command.args.until_s:
            order = BeginDrill(float(min(command.args.until_s, DRILL_S_MAX)))
        case "drill_begin":
            order = Refused("drill_begin needs until_s, the seconds it lasts")
        case "drill_end":
            order = EndDrill()
        case "update" if command.args.release is not None:
            order = TakeUp(command.command_id, command.args.release)
        case "update":
            order = Refused("it names no release")
        case "reconfigure":
            order = Refused("it isn't signed by the offline key")
        case name if name in _UNSUPPORTED:
            order = Refused("not supported by this firmware")
        case _:
            order = Refused("unknown to this firmware")
    return order
