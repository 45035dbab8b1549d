"""The readers of the wire: topics, every type of message, and the JWS around some of them.

Promise: whatever the bytes, a reader gives a message within its limits, which is then written and
read as the same message, or refuses with one short line that can be shown and logged.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fuzz import hostile, stand
from tests.fuzz.hostile import Thrower
from tocsin_server.alert.doubt import read_for_humans
from tocsin_wire import messages, signing, topics
from tocsin_wire.asyncapi import EXAMPLES
from tocsin_wire.errors import MalformedTopic, WireError
from tocsin_wire.messages import Message, Press
from tocsin_wire.signing import VerifyKey

REASON_CHARS_MAX = 400  # a line on a dispatcher's screen
LOOK_EVERY = 50_000
_KINDS = tuple(EXAMPLES)
_SIGNED = tuple(kind for kind in _KINDS if kind in signing.TYPES)


@dataclass
class DecoderTally:
    """What was read."""

    messages: int = 0
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    warm_mib: int = 0
    peak_mib: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.wrong

    def lines(self) -> list[str]:
        """Say it for people."""
        return [
            f"{self.messages:,} bodies and topics for the readers in {self.seconds:.0f} s:"
            f" {self.read:,} read, {self.refused:,} refused",
            f"  resident memory at most {self.peak_mib} MiB ({self.warm_mib} MiB at the beginning)",
            *[f"  WRONG: {each}" for each in self.wrong],
        ]


class _Reader:
    """One key's owner, and whoever reads what is said in that name."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.thrower = Thrower("48453")
        key = self.thrower.key
        self.keys: dict[str, VerifyKey] = {key.kid: key.public}

    def topic(self) -> None:
        whole = f"tocsin/v1/48453/{self.thrower.device_id}/press"
        raw = hostile.mutated(whole.encode(), self.chance)
        try:
            topics.parse(raw.decode(errors=self.chance.choice(("replace", "surrogateescape"))))
        except MalformedTopic as error:
            _check_reason(error)
            raise

    def plain(self) -> None:
        kind = self.chance.choice(_KINDS)
        _check(messages.decode(kind, hostile.unsigned(kind, self.chance)))

    def press(self) -> None:
        press, unreadable = messages.decode_press(hostile.unsigned(Press, self.chance))
        assert set(unreadable) <= set(Press.__struct_fields__)
        _check(press)

    def signed(self) -> None:
        """Receipts, commands and pulses as a button reads them, presses as a server does."""
        kind = self.chance.choice(_SIGNED)
        payload = hostile.unsigned(kind, self.chance)
        head = hostile.header(self.thrower.key.kid, typ=signing.TYPES[kind])
        body = self.thrower.sign(payload, head)
        if self.chance.random() < 0.4:
            body = hostile.mutated(body, self.chance)
        _check(signing.verify(body, kind, self.keys))

    def thrown(self) -> None:
        body = hostile.shot(self.thrower, self.chance).body
        for said in read_for_humans(body).values():
            assert len(said) <= 120
            said.encode()
        press, _ = messages.decode_press(signing.verified_payload(body, Press, self.keys))
        _check(press)


def _check(message: Message) -> None:
    written = messages.encode(message)
    assert b"\\u0000" not in written
    written.decode()
    assert messages.decode(type(message), written) == message


def _check_reason(error: WireError) -> None:
    reason = str(error)
    assert len(reason) <= REASON_CHARS_MAX
    assert reason.isprintable()
    reason.encode()


def fuzz(
    *, seed: int, bodies: int = 0, until: float = 0.0, say: Callable[[str], None] = lambda _: None
) -> DecoderTally:
    """Read so many bodies, or until this moment of the monotonic clock."""
    chance, began, tally = random.Random(seed), time.monotonic(), DecoderTally()
    reader = _Reader(chance)
    reads = (reader.topic, reader.plain, reader.press, reader.signed, reader.thrown)
    tally.warm_mib = stand.memory_now_mib()
    while tally.messages < bodies or time.monotonic() < until:
        read = chance.choice(reads)
        tally.messages += 1
        try:
            read()
            tally.read += 1
        except WireError as error:
            tally.refused += 1
            try:
                _check_reason(error)
            except AssertionError:
                tally.wrong.append(f"{read.__name__} gives the reason {str(error)[:300]!r}")
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the finding)
            tally.wrong.append(f"{read.__name__} number {tally.messages}: {error!r:.300}")
        if tally.messages % LOOK_EVERY == 0:
            say(f"{tally.messages:,} bodies, {stand.memory_now_mib()} MiB")
    tally.seconds, tally.peak_mib = time.monotonic() - began, stand.peak_mib()
    return tally
