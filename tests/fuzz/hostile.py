"""Hostile messages: mutations of signed ones, and genuine signatures over absurd payloads.

Promise: every message is known by its number and the seed. Of each is known beforehand whether it
has to become an alert (`press_id` is then that of the press), has to be doubted, or may be either.
What a genuine key signed and what names its press has to become an alert, whatever else it says.
"""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple
from uuid import UUID, uuid4

from tocsin_wire import messages, signing, topics
from tocsin_wire.asyncapi import EXAMPLES
from tocsin_wire.messages import Message, Press, new_id
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_BODY_BYTES_MAX = 16 * 1024  # what the broker lets through

# What broken memories, other JSON writers and ill will put where a value should be.
TOKENS = (
    "null",
    "true",
    "{}",
    "[]",
    "0",
    "-1",
    "1.5",
    "-0.0",
    "1e308",
    "1e400",
    "-1e400",
    "NaN",
    "-Infinity",
    "2147483648",
    "-9223372036854775809",
    "18446744073709551616",
    "9" * 400,
    "-" + "9" * 5000,
    '""',
    '"\\u0000"',
    '"a\\u0000b\\n\\u2028\\u202e\\u0085"',
    '"\\ud800"',
    '"\\udc00 and more text"',
    '"\\ud83d\\ude00"',
    '"' + "A" * 3000 + '"',
    '"' + "\N{GRINNING FACE}" * 700 + '"',
    '"\x07 raw"',
    '"\x00 raw"',
    '"\u202eesrever"',
    '"cancel"',
    '"DURESS"',
    '"2026-02-30T25:61:61.000Z"',
    '"0001-01-01T00:00:00.000Z"',
    '"9999-12-31T23:59:59.999+99:99"',
    '"00000000-0000-0000-0000-000000000000"',
    '"ffffffff-ffff-ffff-ffff-ffffffffffff"',
    '"' + "\\ud800" * 36 + '"',
    "[" * 2500 + "]" * 2500,
    '{"a":' * 900 + "1" + "}" * 900,
    "[" + ",".join(["1"] * 2000) + "]",
    "unquoted",
    "",
    '"',
    "}",
)

# Where a token alone leaves the rest of the object readable: no press may be lost to one of them.
_WHOLE_TOKENS = tuple(token for token in TOKENS if token not in {"unquoted", "", '"', "}"})
_OPTIONAL = tuple(
    name for name in Press.__struct_fields__ if name not in {"press_id", "device_id", "kind"}
)
_OTHER_NAMES = ("note", "v2", "Drill", "\\u0000", "\\ud800", "__proto__", "press_id ", "")


class Fate(Enum):
    """What has to become of a message."""

    ALERT = "alert"
    DOUBTFUL = "doubtful"
    EITHER = "either"


class Shot(NamedTuple):
    """One message as it is published, and what has to become of it."""

    topic: str
    body: bytes
    fate: Fate
    press_id: UUID | None = None


@dataclass(eq=False)
class Thrower:
    """A genuine button in the wrong hands."""

    jurisdiction: str
    device_id: str = field(default_factory=topics.new_device_id)
    key: SigningKey = field(default_factory=SigningKey.generate, repr=False)
    boot_id: UUID = field(default_factory=uuid4)
    seq: int = 0
    last: Shot | None = None

    @property
    def topic(self) -> str:
        return topics.topic(self.jurisdiction, self.device_id, Leaf.PRESS)

    def press(self, chance: random.Random) -> Press:
        """A press as an honest button sends it."""
        self.seq += 1
        return Press(
            press_id=new_id(),
            device_id=self.device_id,
            kind=chance.choice(messages.KINDS[:2]),
            boot_id=self.boot_id,
            seq=self.seq,
            age_exact=True,
        )

    def sign(self, payload: bytes, head: bytes | None = None) -> bytes:
        """Sign any bytes under any header, by hand: a library would refuse most of them."""
        head = header(self.key.kid) if head is None else head
        signed = b64(head) + b"." + b64(payload)
        return signed + b"." + b64(self.key._private.sign(signed))


def b64(raw: bytes) -> bytes:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def header(kid: object, **changes: object) -> bytes:
    """A header as ours is, but for these changes; None takes a name away."""
    fields = {"alg": "EdDSA", "kid": kid, "typ": signing.TYPES[Press]} | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def fields_of(message: Message) -> list[tuple[str, str]]:
    """A message's fields as JSON tokens, in order."""
    loose = json.loads(messages.encode(message))
    return [(name, json.dumps(value)) for name, value in loose.items()]


def written(fields: Sequence[tuple[str, str]]) -> bytes:
    """Write an object as it stands: doubled names, odd tokens, surrogates and all."""
    text = "{" + ",".join(f'"{name}":{token}' for name, token in fields) + "}"
    return text.encode(errors="surrogatepass")


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """Flip, cut, double, swap or insert something."""
    body = bytearray(raw)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        at = chance.randrange(len(body) + 1)
        match chance.randrange(7):
            case 0 if at < len(body):
                body[at] ^= 1 << chance.randrange(8)
            case 1:
                del body[at:]
            case 2:
                del body[at : at + chance.randrange(1, 40)]
            case 3:
                body[at:at] = body[at : at + chance.randrange(1, 80)]
            case 4:
                body[at:at] = chance.choice(
                    (b"\x00", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf8\x88\x80\x80\x80", b".")
                )
            case 5 if at < len(body):
                body[at] = chance.choice(_ALPHABET)
            case _:
                body[at:at] = chance.randbytes(chance.randrange(1, 16))
    return bytes(body[:_BODY_BYTES_MAX])


# Genuine signatures over absurd payloads. All of these are alerts.


def _honest(by: Thrower, chance: random.Random) -> Shot:
    press = by.press(chance)
    return Shot(by.topic, by.key.sign(press), Fate.ALERT, press.press_id)


def _strange_fields(by: Thrower, chance: random.Random) -> Shot:
    """Any of the fields that a press can do without is absurd, doubled, unknown or gone."""
    press = by.press(chance)
    fields = fields_of(press)
    for _ in range(chance.randrange(1, 5)):
        name = chance.choice(_OPTIONAL if chance.random() < 0.8 else _OTHER_NAMES)
        change = (name, chance.choice(_WHOLE_TOKENS))
        if chance.random() < 0.3:
            fields = [each for each in fields if each[0] != name]
        fields.insert(chance.randrange(len(fields) + 1), change)
    payload = written(fields)
    if len(payload) > messages.MESSAGE_BYTES_MAX or _is_too_deep(payload):
        return Shot(by.topic, by.sign(payload), Fate.EITHER, press.press_id)
    return Shot(by.topic, by.sign(payload), Fate.ALERT, press.press_id)


def _is_too_deep(payload: bytes) -> bool:
    return b"[" * 900 in payload or b'{"a":' * 900 in payload


def _strange_kind(by: Thrower, chance: random.Random) -> Shot:
    press = by.press(chance)
    kind = chance.choice(
        ("", "lockdown", "DURESS", "\\u0000", "\\u202eevil", "\\ud83d\\ude00", "x" * 2000, "test")
    )
    fields = [(n, f'"{kind}"' if n == "kind" else token) for n, token in fields_of(press)]
    return Shot(by.topic, by.sign(written(fields)), Fate.ALERT, press.press_id)


def _cancel(by: Thrower, chance: random.Random) -> Shot:
    """A cancel of something, of itself, of what another button pressed, or of nothing."""
    press = by.press(chance)
    target = chance.choice((press.press_id, uuid4(), by.last and by.last.press_id, None))
    fields = [*fields_of(press), ("kind", '"cancel"')]
    fields.append(("cancels", "null" if target is None else f'"{target}"'))
    return Shot(by.topic, by.sign(written(fields)), Fate.ALERT, press.press_id)


def _odd_header(by: Thrower, chance: random.Random) -> Shot:
    """Names in the header that others might add, and that change nothing."""
    press = by.press(chance)
    extra: dict[str, object] = {"cty": "\ud800", "jwk": by.key.public.jwk(), "x": [1] * 50}
    name = chance.choice(list(extra))
    head = header(by.key.kid, **{name: extra[name]})
    return Shot(by.topic, by.sign(messages.encode(press), head), Fate.ALERT, press.press_id)


def _spaced(by: Thrower, chance: random.Random) -> Shot:
    """The same words, laid out otherwise."""
    press = by.press(chance)
    loose = json.loads(messages.encode(press))
    names = list(loose)
    chance.shuffle(names)
    text = json.dumps({name: loose[name] for name in names}, indent=chance.randrange(40))
    return Shot(by.topic, by.sign(text.encode()), Fate.ALERT, press.press_id)


def _again(by: Thrower, chance: random.Random) -> Shot:
    """The same message once more: one press, and no second alert."""
    return by.last or _honest(by, chance)


# What nobody can vouch for, or nobody can read. All of these are doubted.


def _flipped(by: Thrower, chance: random.Random) -> Shot:
    good = by.key.sign(by.press(chance))
    bad = mutated(good, chance)
    return Shot(by.topic, bad, Fate.EITHER if bad == good else Fate.DOUBTFUL)


def _stranger(by: Thrower, chance: random.Random) -> Shot:
    other = Thrower(by.jurisdiction, device_id=by.device_id)
    head = header(chance.choice((by.key.kid, other.key.kid, "", "../../x", 7, None, "\ud800")))
    return Shot(by.topic, other.sign(messages.encode(by.press(chance)), head), Fate.DOUBTFUL)


def _algorithm(by: Thrower, chance: random.Random) -> Shot:
    """An `alg` that a careless reader would believe."""
    payload = b64(messages.encode(by.press(chance)))
    alg: object = chance.choice(("none", "None", "HS256", "HS512", "RS256", "eddsa", "", None, 7))
    head = b64(header(by.key.kid, alg=alg))
    signed = head + b"." + payload
    secret = hmac.new(by.key.public.raw, signed, hashlib.sha512).digest()
    end = chance.choice((b64(secret), b"", b"A" * 86, b64(by.key._private.sign(signed + b"x"))))
    return Shot(by.topic, signed + b"." + end, Fate.DOUBTFUL)


def _type(by: Thrower, chance: random.Random) -> Shot:
    """Genuine, but signed as something else, or with an extension that is critical."""
    odd: tuple[dict[str, object], ...] = (
        {"typ": "tocsin-receipt+jws"},
        {"typ": None},
        {"typ": ["tocsin-press+jws"]},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
    )
    changes = chance.choice(odd)
    payload = messages.encode(by.press(chance))
    return Shot(by.topic, by.sign(payload, header(by.key.kid, **changes)), Fate.DOUBTFUL)


def _spelling(by: Thrower, chance: random.Random) -> Shot:
    """The same message in another base64: one signature must not travel in many spellings."""
    head, body, end = by.key.sign(by.press(chance)).split(b".")
    spare = _ALPHABET[_ALPHABET.index(end[-1:]) + 1 :][:1]
    bad = chance.choice(
        (
            b".".join((head, body, end[:-1] + spare)),
            b".".join((head, body, end + b"==")),
            b".".join((head + b"=", body, end)),
            b".".join((head, body[:9] + b"\n" + body[9:], end)),
            b" " + b".".join((head, body, end)),
            b".".join((head, body, end, end)),
            b".".join((head, body)),
            b".".join((head, body.replace(b"_", b"/").replace(b"-", b"+"), end)) + b"\n",
        )
    )
    return Shot(by.topic, bad, Fate.DOUBTFUL)


def _unreadable(by: Thrower, chance: random.Random) -> Shot:
    """A genuine signature over what names no press."""
    press = by.press(chance)
    payload = chance.choice(
        (
            b"",
            b"null",
            b"[]",
            b"\xff\xfe",
            b"\x00" * 40,
            b"[" * 6000,
            b'{"kind":' * 900,
            b" " * 8193,
            written([each for each in fields_of(press) if each[0] != "press_id"]),
            written([*fields_of(press), ("press_id", '"not a uuid"')]),
            written([*fields_of(press), ("device_id", f'"{topics.new_device_id()}"')]),
            written([*fields_of(press), ("device_id", f'"{by.device_id}\\u0000"')]),
            written([*fields_of(press), ("kind", chance.choice(("7", "null", "[]", "{}")))]),
            written([*fields_of(press), ("press_id", chance.choice(("7", "null", "[[]]", '""')))]),
        )
    )
    return Shot(by.topic, by.sign(payload), Fate.DOUBTFUL)


def _mangled_payload(by: Thrower, chance: random.Random) -> Shot:
    """A genuine signature over JSON that broke before it was signed."""
    press = by.press(chance)
    return Shot(by.topic, by.sign(mutated(messages.encode(press), chance)), Fate.EITHER)


def _noise(by: Thrower, chance: random.Random) -> Shot:
    size = chance.choice((0, 1, 7, 64, 700, 13 * 1024))
    text = bytes(chance.choices(_ALPHABET, k=size))
    body = chance.choice(
        (chance.randbytes(size), b64(chance.randbytes(20)) + b"." + text + b"." + b"A" * 86, text)
    )
    return Shot(by.topic, body, Fate.DOUBTFUL)


def _elsewhere(by: Thrower, chance: random.Random) -> Shot:
    """Genuine, but on a topic that isn't this button's."""
    odd = chance.choice(
        (
            topics.topic("99999", by.device_id, Leaf.PRESS),
            topics.topic(by.jurisdiction, topics.new_device_id(), Leaf.PRESS),
            f"tocsin/v1/{by.jurisdiction}/\ufffd\u202e/press",
            f"tocsin/v1/{by.jurisdiction}/{'x' * 900}/press",
            f"tocsin/v1/server/{by.device_id}/press",
            f"tocsin/v2/{by.jurisdiction}/{by.device_id}/press",
            f"tocsin/v1/{by.jurisdiction}/{by.device_id.upper()}/press",
        )
    )
    return Shot(odd, by.key.sign(by.press(chance)), Fate.DOUBTFUL)


Maker = Callable[[Thrower, random.Random], Shot]

_SHARES: dict[Maker, int] = {
    _honest: 4,
    _strange_fields: 20,
    _strange_kind: 3,
    _cancel: 4,
    _odd_header: 3,
    _spaced: 3,
    _again: 4,
    _flipped: 20,
    _stranger: 5,
    _algorithm: 6,
    _type: 5,
    _spelling: 6,
    _unreadable: 6,
    _mangled_payload: 6,
    _noise: 3,
    _elsewhere: 2,
}
_MAKERS, _WEIGHTS = tuple(_SHARES), tuple(_SHARES.values())


def shot(by: Thrower, chance: random.Random) -> Shot:
    """The next message of a button in the wrong hands."""
    (make,) = chance.choices(_MAKERS, _WEIGHTS)
    made = make(by, chance)
    if made.fate is Fate.ALERT:
        by.last = made
    return made


def unsigned(kind: type[Message], chance: random.Random, *, boot_id: UUID | None = None) -> bytes:
    """A body of any type of message, with absurd, doubled, missing or broken fields."""
    fields = fields_of(EXAMPLES[kind])
    if boot_id is not None:
        fields.append(("boot_id", f'"{boot_id}"'))
    for _ in range(chance.randrange(4)):
        name = chance.choice([*kind.__struct_fields__, "note"])
        fields.insert(chance.randrange(len(fields) + 1), (name, chance.choice(TOKENS)))
    if chance.random() < 0.2:
        fields.pop(chance.randrange(len(fields)))
    body = written(fields)
    return mutated(body, chance) if chance.random() < 0.3 else body
