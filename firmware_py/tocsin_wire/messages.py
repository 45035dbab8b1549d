"""Messages: their fields, their limits, and how they are read and written.

Unknown fields are ignored and unknown kinds are kept as they are, so that a newer
button works with an older server and the other way round. Every number is clamped
and every text cut to its limit here, before anything else sees it.
"""

import json
import os
import re
import time
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, TypeVar, get_type_hints
from uuid import UUID

import msgspec

from tocsin_wire import VERSION
from tocsin_wire.errors import MalformedMessage
from tocsin_wire.topics import DEVICE_ID

MESSAGE_BYTES_MAX = 8 * 1024  # the fullest Heartbeat that the limits below allow is 7.9 KiB
WORD_CHARS_MAX = 40  # kinds, gestures, versions: single words, for people to read
SENTENCE_CHARS_MAX = 100  # one failure of a self-test
REASON_CHARS_MAX = 200  # why a message was refused, for a log and a dispatcher's screen
SELFTEST_FAILURES_MAX = 10  # as many as the self-test has steps
UPDATE_FAILURES = 2  # whose room a heartbeat needs to say what became of an update
RELEASE_BYTES_MAX = 20 * 1024 * 1024  # twelve times what one has; a button keeps two beside it
STATEMENT_CHARS_MAX = 2048  # of a release, signed: four times what it has
OPEN_PRESSES_MAX = 32  # more than one pair of hands presses before anybody answers
BROKERS_MAX = 8  # of one button; two are the normal installation
OTHER_NODES_MAX = 6  # a cluster has three nodes, seven at the very most
NAMED_MAX = 32  # buttons that are named in one message, to try something with first
INT32_MAX = 2**31 - 1  # what a PostgreSQL integer holds
AGE_MS_MAX = 30 * 24 * 3600 * 1000  # a press that lay a month in an outbox is told as a month old

# NUL and lone surrogates can't be stored; other controls and line separators would break
# a text message or a log line; direction overrides would turn a dispatcher's screen around.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"

Time = Annotated[
    str,  # max_length, because `$` alone lets a newline follow
    msgspec.Meta(pattern=_TIME, max_length=24, description="RFC 3339, UTC, milliseconds"),
]
Key = Annotated[
    bytes, msgspec.Meta(min_length=32, max_length=32, description="A public key of Ed25519")
]
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32, description="SHA-256")]
Version = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}$", max_length=17)
]
Url = Annotated[str, msgspec.Meta(pattern="^[!-~]+$", max_length=200)]
DeviceId = Annotated[str, msgspec.Meta(pattern=f"^{DEVICE_ID.pattern}$", max_length=14)]
State = Literal["stored", "acknowledged", "responding", "resolved"]

KINDS = ("duress", "assist", "cancel", "tamper", "test")
GESTURES = ("press", "hold", "double")
NETWORKS = ("ethernet", "wifi", "cellular")
COMMANDS = (
    "identify",
    "selftest",
    "drill_begin",
    "drill_end",
    "renew_certificate",
    "reconfigure",
    "update",
)
UPDATE_STATES = ("fetching", "waiting", "trying", "kept", "failed")
# Failures of a self-test that a server knows by these words, beside any others.
CONTACTS_DISAGREE = "contacts disagree"
CASE_OPEN = "enclosure is open"
STATES: tuple[State, ...] = ("stored", "acknowledged", "responding", "resolved")  # rising rank


def timestamp(moment: datetime) -> str:
    """Write an aware datetime as the contract's times are written."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def printable(text: str, *, chars_max: int) -> str:
    """Cut a text to its limit and replace what must not reach a database, a log or a screen."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text[:chars_max])


def new_id() -> UUID:
    """Draw a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What all messages share: they are tidied whether they are made here or read."""

    LIMITS: ClassVar[dict[str, tuple[int, int]]] = {}

    def __post_init__(self) -> None:
        """Clamp the numbers and cut the texts; a number that isn't there stays None."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is int or type(value) is float:
                low, high = self.LIMITS.get(name, (0, INT32_MAX))
                if not low <= value <= high:  # in this order a NaN becomes the lowest, too
                    clamped = type(value)(min(high, max(low, value)))
                    msgspec.structs.force_setattr(self, name, clamped)
            elif type(value) is str:
                tidy = printable(value, chars_max=WORD_CHARS_MAX)
                if tidy != value:
                    msgspec.structs.force_setattr(self, name, tidy)


class Press(Message, frozen=True, kw_only=True):
    """One press of a button, as it was at one attempt to send it.

    `age_ms` runs on the monotonic clock from the edge to this sending; after a
    reboot it can't be known and `age_exact` is false.
    """

    LIMITS = {"age_ms": (0, AGE_MS_MAX), "attempt": (1, INT32_MAX)}

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
    """A press that the button still keeps, and what receipts said of it (None: nothing yet)."""

    press_id: UUID
    state: State | None = None
    drill: bool | None = None


class Contacts(msgspec.Struct, frozen=True, kw_only=True):
    """Whether each contact of the button is closed; None where there is no such contact.

    At rest the normally open one is open and the normally closed one is closed.
    """

    no_closed: bool | None = None
    nc_closed: bool | None = None


class Update(Message, frozen=True, kw_only=True):
    """What became of the last command to take up another release.

    `fetching`; `waiting`, until nobody needs the button for a moment; `trying`; `kept`; `failed`,
    and then `because` says why, in a sentence. No version: the command named none that is signed.
    """

    command_id: UUID
    version: str | None = None
    state: str = "fetching"
    because: str | None = None
    v: int = VERSION

    def __post_init__(self) -> None:
        """A sentence is longer than a word."""
        because = self.because
        super().__post_init__()
        if because is not None:
            because = printable(because, chars_max=SENTENCE_CHARS_MAX)
            msgspec.structs.force_setattr(self, "because", because)


class Heartbeat(Message, frozen=True, kw_only=True):
    """How a button is, every 15 seconds. What a board can't read is None.

    `open` is in the order of the presses; where there are too many, the newest are kept,
    for the lamp shows the newest.
    """

    LIMITS = {
        "rssi_dbm": (-200, 100),
        "battery_pct": (0, 100),
        "cpu_temp_c": (-100, 200),
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
    newest_key: str | None = None  # the beginning of its kid: `succession.short`
    reconfigure: int | None = None  # the number of the last one that was taken up
    reconfigure_adopted: bool | None = None  # None while it is tried
    update: Update | None = None
    selftest: Literal["ok"] | list[str] | None = None

    def __post_init__(self) -> None:
        """Also bound the lists."""
        super().__post_init__()
        msgspec.structs.force_setattr(self, "open", self.open[-OPEN_PRESSES_MAX:])
        if isinstance(self.selftest, list):
            room = SELFTEST_FAILURES_MAX - (UPDATE_FAILURES if self.update else 0)
            failures = [
                printable(failure, chars_max=SENTENCE_CHARS_MAX) for failure in self.selftest[:room]
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


class Succession(Message, frozen=True, kw_only=True):
    """Which key comes after the one that signs this."""

    next_key: Key
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


class Release(Message, frozen=True, kw_only=True):
    """One wheel of this distribution, which buttons may run; signed offline."""

    LIMITS = {"size_bytes": (0, RELEASE_BYTES_MAX)}

    version: Version
    sha256: Digest
    size_bytes: int
    at: Time
    v: int = VERSION


class ReleaseOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A Release as the offline key signed it, and where its wheel is."""

    statement: Annotated[str, msgspec.Meta(pattern="^[!-~]+$", max_length=STATEMENT_CHARS_MAX)]
    url: Url


class CommandArguments(Message, frozen=True, kw_only=True):
    """What a command may carry; each name uses the fields that it needs."""

    until_s: int | None = None
    release: ReleaseOffer | None = None


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


class BrokerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a button reaches one broker, as its `button.toml` says it."""

    url: Url
    persistent: bool = False
    other_nodes: Annotated[list[Url], msgspec.Meta(max_length=OTHER_NODES_MAX)] = []


class Reconfigure(Message, frozen=True, kw_only=True):
    """Other brokers, for all buttons of a jurisdiction or for those named; signed offline.

    Whoever signs it knows of no boot: `number` rises for ever instead.
    """

    number: int
    jurisdiction: str
    brokers: Annotated[list[BrokerAddress], msgspec.Meta(min_length=1, max_length=BROKERS_MAX)]
    at: Time
    device_ids: Annotated[list[DeviceId], msgspec.Meta(max_length=NAMED_MAX)] = []
    v: int = VERSION


def encode(message: Message) -> bytes:
    """Write a message as UTF-8 JSON."""
    return msgspec.json.encode(message)


def decode(kind: type[M], body: bytes) -> M:
    """Read a message. Raises MalformedMessage, saying what is wrong with the body."""
    _check_size(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _malformed(kind, error) from None


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
        # The standard library's reader is the more forgiving one: it takes NaN, lone
        # surrogates and control characters, which here are one field's fault, not the press's.
        loose = json.loads(body.decode(errors="replace"), strict=False, parse_int=_parse_int)
    except (ValueError, RecursionError) as error:
        raise _malformed(Press, error) from None
    if not isinstance(loose, dict):
        raise MalformedMessage("not a Press: no JSON object")

    readable: dict[str, object] = {}
    unreadable = []
    for name, type_ in _PRESS_FIELDS.items():
        if name in loose:
            try:
                readable[name] = msgspec.convert(loose[name], type=type_)
            except (msgspec.ValidationError, ValueError):
                unreadable.append(name)
    try:
        return msgspec.convert(readable, type=Press), tuple(unreadable)
    except msgspec.ValidationError as error:
        raise _malformed(Press, error) from None


def _check_size(body: bytes) -> None:
    if len(body) > MESSAGE_BYTES_MAX:
        raise MalformedMessage(f"{len(body)} bytes; a message has at most {MESSAGE_BYTES_MAX}")


def _malformed(kind: type[Message], error: Exception) -> MalformedMessage:
    """Tell why; the reader's own words may quote the sender's text, at its full length."""
    reason = printable(str(error), chars_max=REASON_CHARS_MAX)
    return MalformedMessage(f"not a {kind.__name__}: {reason}")


def _parse_int(digits: str) -> int:
    """Read an integer of any length; 20 characters are beyond every limit already."""
    return int(digits[:20])


_PRESS_FIELDS = {
    name: type_ for name, type_ in get_type_hints(Press).items() if name in Press.__struct_fields__
}
