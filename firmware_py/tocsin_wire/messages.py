"""Messages: their fields, their limits, and how they are read and written.

Unknown fields are ignored and unknown kinds are kept as they are, so that a newer
button works with an older server and the other way round. Every number is clamped
and every text cut to its limit here, before anything else sees it.
"""

import os
import re
import time
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, TypeVar, get_type_hints
from uuid import UUID

import msgspec

from tocsin_wire import VERSION
from tocsin_wire.errors import MalformedMessage

MESSAGE_BYTES_MAX = 8 * 1024  # a Heartbeat with 64 open presses is under 6 KiB
WORD_CHARS_MAX = 40  # kinds, gestures, versions: single words, for people to read
SENTENCE_CHARS_MAX = 200  # one failure of a self-test
SELFTEST_FAILURES_MAX = 20  # more than the self-test has steps
OPEN_PRESSES_MAX = 64  # more than one pair of hands can press before anybody answers
INT32_MAX = 2**31 - 1  # what a PostgreSQL integer holds
AGE_MS_MAX = 30 * 24 * 3600 * 1000  # a press that lay a month in an outbox is told as a month old

# Control characters can't be stored (NUL) or would break a text message or a log line.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"

Time = Annotated[str, msgspec.Meta(pattern=_TIME, description="RFC 3339, UTC, milliseconds")]
State = Literal["stored", "acknowledged", "responding", "resolved"]

KINDS = ("duress", "assist", "cancel", "tamper", "test")
GESTURES = ("press", "hold", "double")
STATES: tuple[State, ...] = ("stored", "acknowledged", "responding", "resolved")  # rising rank


def timestamp(moment: datetime) -> str:
    """Write an aware datetime as the contract's times are written."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_press_id() -> UUID:
    """Draw a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What all messages share: they are tidied whether they are made here or read."""

    _LIMITS: ClassVar[dict[str, tuple[int, int]]] = {}

    def __post_init__(self) -> None:
        """Clamp the numbers and cut the texts; a number that isn't there stays None."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is int:
                low, high = self._LIMITS.get(name, (0, INT32_MAX))
                if not low <= value <= high:
                    msgspec.structs.force_setattr(self, name, min(max(value, low), high))
            elif type(value) is str:
                tidy = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value[:WORD_CHARS_MAX])
                if tidy != value:
                    msgspec.structs.force_setattr(self, name, tidy)


class Press(Message, frozen=True, kw_only=True):
    """One press of a button, as it was at one attempt to send it.

    `age_ms` runs on the monotonic clock from the edge to this sending; after a
    reboot it can't be known and `age_exact` is false.
    """

    _LIMITS = {"age_ms": (0, AGE_MS_MAX), "attempt": (1, INT32_MAX)}

    press_id: UUID
    device_id: str
    kind: str
    v: int = VERSION
    drill: bool = False
    gesture: str = "press"
    boot_id: UUID | None = None
    seq: int = 0
    attempt: int = 1
    age_ms: int = 0
    age_exact: bool = False
    device_clock: str | None = None
    cancels: UUID | None = None


class OpenPress(msgspec.Struct, frozen=True, kw_only=True):
    """A press that the button still keeps, and the state it knows (None: no receipt yet)."""

    press_id: UUID
    state: State | None = None


class Contacts(msgspec.Struct, frozen=True, kw_only=True):
    """Whether each contact of the button is closed; None where there is no such contact.

    At rest the normally open one is open and the normally closed one is closed.
    """

    no_closed: bool | None = None
    nc_closed: bool | None = None


class Heartbeat(Message, frozen=True, kw_only=True):
    """How a button is, every 15 seconds. What a board can't read is None."""

    _LIMITS = {
        "rssi_dbm": (-200, 100),
        "battery_pct": (0, 100),
    }

    boot_id: UUID
    v: int = VERSION
    connection: int = 0
    uptime_s: int | None = None
    firmware: str | None = None
    config_digest: str | None = None
    outbox_depth: int = 0
    open: list[OpenPress] = []
    network: str | None = None
    rssi_dbm: int | None = None
    cpu_temp_c: float | None = None
    undervoltage: bool | None = None
    battery_pct: int | None = None
    clock_synced: bool | None = None
    contacts: Contacts | None = None
    place: str | None = None
    selftest: Literal["ok"] | list[str] | None = None

    def __post_init__(self) -> None:
        """Also bound the lists."""
        super().__post_init__()
        msgspec.structs.force_setattr(self, "open", self.open[:OPEN_PRESSES_MAX])
        if isinstance(self.selftest, list):
            failures = [
                _CONTROL.sub("\N{REPLACEMENT CHARACTER}", failure[:SENTENCE_CHARS_MAX])
                for failure in self.selftest[:SELFTEST_FAILURES_MAX]
            ]
            msgspec.structs.force_setattr(self, "selftest", failures)


class Status(Message, frozen=True, kw_only=True):
    """Whether a button stands on this broker; the last will says that it doesn't."""

    online: bool
    boot_id: UUID
    v: int = VERSION
    connection: int = 0


class Pulse(Message, frozen=True, kw_only=True):
    """A replica whose database commits is here."""

    replica_id: str
    at: Time
    v: int = VERSION


class Receipt(Message, frozen=True, kw_only=True):
    """What has become of a press, signed by the server after the database committed."""

    press_id: UUID
    device_id: str
    alert_id: UUID
    state: State
    at: Time
    drill: bool = False
    v: int = VERSION


class CommandArguments(Message, frozen=True, kw_only=True):
    """What a command may carry; each name uses the fields that it needs."""

    until_s: int | None = None


class Command(Message, frozen=True, kw_only=True):
    """Something that the server asks of a button, in this boot only and in rising order."""

    command_id: UUID
    device_id: str
    boot_id: UUID
    command_seq: int
    name: str
    args: CommandArguments = CommandArguments()
    v: int = VERSION


M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """Write a message as UTF-8 JSON."""
    return msgspec.json.encode(message)


def decode(kind: type[M], body: bytes) -> M:
    """Read a message. Raises MalformedMessage, saying what is wrong with the body."""
    _check_size(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"not a {kind.__name__}: {error}") from None


def decode_press(body: bytes) -> tuple[Press, tuple[str, ...]]:
    """Read a Press, however strange, and name the fields that could not be read.

    Only `press_id`, `device_id` and `kind` are indispensable: whoever signed the rest
    badly has still pressed. Raises MalformedMessage where one of those is missing.
    """
    try:
        return decode(Press, body), ()
    except MalformedMessage:
        _check_size(body)
    try:
        loose = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"not a Press: {error}") from None

    readable: dict[str, object] = {}
    unreadable = []
    for name, type_ in _PRESS_FIELDS.items():
        if name in loose:
            try:
                readable[name] = msgspec.json.decode(loose[name], type=type_)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                unreadable.append(name)
    try:
        return msgspec.convert(readable, type=Press), tuple(unreadable)
    except msgspec.ValidationError as error:
        raise MalformedMessage(f"not a Press: {error}") from None


def _check_size(body: bytes) -> None:
    if len(body) > MESSAGE_BYTES_MAX:
        raise MalformedMessage(f"{len(body)} bytes; a message has at most {MESSAGE_BYTES_MAX}")


_PRESS_FIELDS = {
    name: type_ for name, type_ in get_type_hints(Press).items() if name in Press.__struct_fields__
}
