"""Messages: whatever arrives, what comes out is within its limits, or is refused."""

import json
import math
import re
import time
from datetime import UTC, datetime, timedelta, timezone
from uuid import RFC_4122, UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin_wire import messages
from tocsin_wire.asyncapi import EXAMPLES
from tocsin_wire.errors import MalformedMessage
from tocsin_wire.messages import (
    INT32_MAX,
    Command,
    CommandArguments,
    Contacts,
    Heartbeat,
    Message,
    OpenPress,
    Press,
    Pulse,
    Receipt,
    Status,
    Update,
    decode,
    decode_press,
    encode,
)

PRESS_ID = "01980a2f-3c00-7a5b-8c1d-2e3f4a5b6c7d"
AT = "2026-11-03T13:00:00.250Z"
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# What other JSON writers, broken memories and ill will put where a value should be.
NASTY = (
    "null",
    "true",
    "{}",
    "[]",
    "0",
    "-1",
    "1.0",
    "1.5",
    "1e5",
    "-0.0",
    "1e308",
    "1e400",
    "-1e400",
    "1e-400",
    "NaN",
    "-Infinity",
    "9" * 400,
    "-" + "9" * 400,
    "9" * 5000,
    "2147483648",
    "-9223372036854775809",
    "18446744073709551616",
    '""',
    '"\\u0000"',
    '"a\\u0000b\\n\\u2028\\u202e\\u0085"',
    '"\\ud800"',
    '"\\udc00 and more text after it"',
    '"\\ud83d\\ude00"',
    '"' + "A" * 5000 + '"',
    '"' + "\N{GRINNING FACE}" * 1000 + '"',
    '"' + "\\u0007" * 500 + '"',
    '"\x07 raw"',
    '"duress"',
    '"ok"',
    '"stored"',
    f'"{PRESS_ID}"',
    f'"{AT}"',
    f'"{AT}\\n"',
    '"' + "\\ud800" * 36 + '"',
    "[" * 3500 + "]" * 3500,
    '{"a":' * 1200 + "1" + "}" * 1200,
    "[" + ",".join(['"step failed"'] * 300) + "]",
    "[" + ",".join([f'{{"press_id":"{PRESS_ID}"}}'] * 80) + "]",
    '[{"press_id":"x"}]',
    "[1]",
    '{"no_closed":1}',
    '{"until_s":-5}',
    '{"until_s":' + "9" * 30 + "}",
    "unquoted",
    "",
)

kinds = st.sampled_from(tuple(EXAMPLES))


@st.composite
def bodies(draw: st.DrawFn, kind: type[Message]) -> bytes:
    """Write a body of this type in which some fields are strange, missing or there twice."""
    example = json.loads(encode(EXAMPLES[kind]))
    fields = [(name, json.dumps(value)) for name, value in example.items()]
    names = st.sampled_from([*example, "unheard_of"])
    tokens = st.sampled_from(NASTY) | st.text().map(json.dumps) | st.integers().map(str)
    changes = draw(st.lists(st.tuples(names, tokens), max_size=3))
    missing = draw(st.sets(names, max_size=1))
    kept = [(name, token) for name, token in [*fields, *changes] if name not in missing]
    text = "{" + ",".join(f'"{name}":{token}' for name, token in kept) + "}"
    body = text.encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.sampled_from([b"\xff", b"\xed\xa0\x80", b"\x00"])) + body[at:]
    return draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"])) + body


@st.composite
def strange_bodies(draw: st.DrawFn) -> tuple[type[Message], bytes]:
    kind = draw(kinds)
    return kind, draw(bodies(kind) | st.binary(max_size=200))


def assert_within_limits(message: msgspec.Struct) -> None:
    """Hold every number, text and list of a message to what a column and a screen can take."""
    for name in message.__struct_fields__:
        value = getattr(message, name)
        match value:
            case bool() | UUID() | None:
                pass
            case int() | float():
                limits = message.LIMITS if isinstance(message, Message) else {}
                low, high = limits.get(name, (0, INT32_MAX))
                assert low <= value <= high, name
            case bytes():
                assert len(value) == 32
            case str():
                assert_printable(value, 40)
            case list():
                assert len(value) <= 32
                for part in value:
                    if isinstance(part, str):
                        assert_printable(part, 100)
                    else:
                        assert_within_limits(part)
            case _:
                assert_within_limits(value)


def assert_printable(text: str, chars_max: int) -> None:
    assert len(text) <= chars_max
    assert UNPRINTABLE.search(text) is None
    text.encode()


@settings(max_examples=500, deadline=None)
@given(strange_bodies())
def test_any_bytes_are_a_message_within_its_limits_or_malformed(
    strange: tuple[type[Message], bytes],
) -> None:
    kind, body = strange
    try:
        message = decode(kind, body)
    except MalformedMessage as refusal:
        assert_printable(str(refusal), 250)
    else:
        assert_within_limits(message)
        assert decode(kind, encode(message)) == message


@settings(max_examples=500, deadline=None)
@given(bodies(Press) | st.binary(max_size=200))
def test_any_bytes_are_a_press_within_its_limits_or_malformed(body: bytes) -> None:
    try:
        press, unreadable = decode_press(body)
    except MalformedMessage as refusal:
        assert_printable(str(refusal), 250)
    else:
        assert_within_limits(press)
        assert set(unreadable) <= set(Press.__struct_fields__)
        assert decode_press(encode(press)) == (press, ())


@pytest.mark.parametrize("token", NASTY, ids=lambda token: token[:20])
@pytest.mark.parametrize("name", ["seq", "gesture", "drill", "cancels", "age_ms", "device_clock"])
def test_a_press_outlives_one_strange_field(name: str, token: str) -> None:
    body = f'{{"press_id":"{PRESS_ID}","device_id":"d","kind":"duress","{name}":{token}}}'.encode()
    broken = token in {"", "unquoted"} or token.startswith(("[[", '{"a":{'))
    if broken or len(body) > messages.MESSAGE_BYTES_MAX:  # no JSON, or beyond any reader's depth
        with pytest.raises(MalformedMessage):
            decode_press(body)
        return
    press, unreadable = decode_press(body)
    assert (press.press_id, press.kind) == (UUID(PRESS_ID), "duress")
    assert_within_limits(press)
    assert unreadable in ((), (name,))


def test_a_press_with_a_field_that_can_t_be_read_names_it() -> None:
    body = f'{{"press_id":"{PRESS_ID}","device_id":"d","kind":"duress","age_ms":1.5,"seq":7}}'

    press, unreadable = decode_press(body.encode())

    assert (press.seq, press.age_ms, unreadable) == (7, 0, ("age_ms",))


@pytest.mark.parametrize("name", ["press_id", "device_id", "kind"])
@pytest.mark.parametrize("token", [None, "null", "7", "[]"])
def test_a_press_without_an_indispensable_field_is_malformed(name: str, token: str | None) -> None:
    fields = {"press_id": f'"{PRESS_ID}"', "device_id": '"d"', "kind": '"duress"'}
    del fields[name]
    if token is not None:
        fields[name] = token
    body = "{" + ",".join(f'"{key}":{value}' for key, value in fields.items()) + "}"

    with pytest.raises(MalformedMessage, match="not a Press"):
        decode_press(body.encode())


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"press"'])
def test_a_press_is_an_object(body: bytes) -> None:
    with pytest.raises(MalformedMessage, match="no JSON object"):
        decode_press(body)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_body_over_8_kib_is_not_read(kind: type[Message]) -> None:
    body = encode(EXAMPLES[kind])
    fits = body + b" " * (8 * 1024 - len(body))

    assert decode(kind, fits) == EXAMPLES[kind]
    with pytest.raises(MalformedMessage, match="8193 bytes; a message has at most 8192"):
        decode(kind, fits + b" ")
    with pytest.raises(MalformedMessage, match="8193 bytes"):
        decode_press(fits + b" ")


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_message_is_read_as_it_was_written(kind: type[Message]) -> None:
    assert decode(kind, encode(EXAMPLES[kind])) == EXAMPLES[kind]


def test_a_reason_never_quotes_more_than_a_line_of_the_sender_s_text() -> None:
    text = "A" * 5000
    body = f'{{"boot_id":"{PRESS_ID}","selftest":"{text}"}}'.encode()

    with pytest.raises(MalformedMessage) as refusal:
        decode(Heartbeat, body)

    assert_printable(str(refusal.value), 250)


def test_unknown_fields_are_ignored_and_unknown_kinds_are_kept() -> None:
    body = (
        f'{{"press_id":"{PRESS_ID}","device_id":"d","kind":"flood","gesture":"triple",'
        '"v":2,"wind":{"speed":[1,2,3]}}'
    )

    press = decode(Press, body.encode())

    assert (press.kind, press.gesture, press.v) == ("flood", "triple", 2)


def test_of_a_field_that_is_there_twice_the_last_one_counts() -> None:
    body = f'{{"press_id":"{PRESS_ID}","device_id":"d","kind":"test","kind":"duress"}}'.encode()

    assert decode(Press, body).kind == "duress"
    assert decode_press(body)[0].kind == "duress"


def press(**fields: object) -> Press:
    return Press(**(msgspec.structs.asdict(EXAMPLES[Press]) | fields))


@pytest.mark.parametrize(
    ("field", "given_value", "kept"),
    [
        ("seq", -1, 0),
        ("seq", 2**70, INT32_MAX),
        ("attempt", 0, 1),
        ("age_ms", -5, 0),
        ("age_ms", 10**12, 30 * 24 * 3600 * 1000),
        ("kind", "x" * 99, "x" * 40),
        ("kind", "a\x00b\ud800", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"),
        ("device_clock", "\u202e", "\N{REPLACEMENT CHARACTER}"),
        ("age_exact", True, True),
    ],
)
def test_a_press_made_here_is_held_to_the_limits_too(
    field: str, given_value: object, kept: object
) -> None:
    assert getattr(press(**{field: given_value}), field) == kept


@pytest.mark.parametrize(
    ("temperature", "kept"),
    [(48.3, 48.3), (1e308, 200.0), (math.inf, 200.0), (-math.inf, -100.0), (math.nan, -100.0)],
)
def test_a_temperature_is_a_number_that_every_column_can_hold(
    temperature: float, kept: float
) -> None:
    heartbeat = Heartbeat(boot_id=UUID(PRESS_ID), cpu_temp_c=temperature)

    assert heartbeat.cpu_temp_c == kept
    assert type(heartbeat.cpu_temp_c) is float


def test_the_newest_open_presses_are_kept() -> None:
    opened = [OpenPress(press_id=UUID(int=n)) for n in range(40)]

    assert Heartbeat(boot_id=UUID(PRESS_ID), open=opened).open == opened[8:]


def test_the_fullest_heartbeat_fits_in_a_message() -> None:
    wide = "\N{GRINNING FACE}" * 200
    heartbeat = Heartbeat(
        boot_id=UUID(PRESS_ID),
        v=2**40,
        connection=2**40,
        uptime_s=2**40,
        firmware=wide,
        config_digest=wide,
        outbox_depth=2**40,
        open=[OpenPress(press_id=UUID(PRESS_ID), state="acknowledged", drill=False)] * 100,
        network=wide,
        rssi_dbm=-999,
        cpu_temp_c=-99.99999999999999,
        undervoltage=False,
        battery_pct=999,
        clock_synced=False,
        contacts=Contacts(no_closed=False, nc_closed=False),
        place=wide,
        selftest=[wide] * 100,
        newest_key=wide,
        reconfigure=2**40,
        reconfigure_adopted=False,
        update=Update(command_id=UUID(PRESS_ID), version=wide, state=wide, because=wide, v=2**40),
    )

    assert len(encode(heartbeat)) <= messages.MESSAGE_BYTES_MAX
    assert decode(Heartbeat, encode(heartbeat)) == heartbeat


@given(st.text(), st.integers(), st.lists(st.text(), max_size=12))
def test_whatever_is_said_is_written_so_that_it_can_be_read(
    text: str, number: int, failures: list[str]
) -> None:
    anything: list[Message] = [
        press(kind=text, gesture=text, device_id=text, device_clock=text, seq=number),
        Heartbeat(
            boot_id=UUID(PRESS_ID), place=text, rssi_dbm=number, selftest=failures, uptime_s=number
        ),
        Status(online=True, boot_id=UUID(PRESS_ID), connection=number),
        Pulse(replica_id=text, at=AT, v=number),
        Receipt(
            press_id=UUID(PRESS_ID),
            device_id=text,
            alert_id=UUID(PRESS_ID),
            state="resolved",
            at=AT,
        ),
        Command(
            command_id=UUID(PRESS_ID),
            device_id=text,
            boot_id=UUID(PRESS_ID),
            command_seq=number,
            name=text,
            args=CommandArguments(until_s=number),
        ),
    ]
    for message in anything:
        assert_within_limits(message)
        assert decode(type(message), encode(message)) == message


@pytest.mark.parametrize(
    "at",
    [
        f"{AT}\\n",
        "2026-11-03T13:00:00Z",
        "2026-11-03 13:00:00.250Z",
        "2026-11-03T13:00:00.250+00:00",
        "\u0662\u0660\u0662\u0666-11-03T13:00:00.250Z",
    ],
)
def test_a_time_is_utc_with_milliseconds_and_nothing_else(at: str) -> None:
    with pytest.raises(MalformedMessage, match="not a Pulse"):
        decode(Pulse, f'{{"replica_id":"server-1","at":"{at}"}}'.encode())


def test_a_timestamp_is_written_in_utc_wherever_the_clock_stands() -> None:
    austin = datetime(2026, 11, 3, 7, 0, 0, 250_999, tzinfo=timezone(timedelta(hours=-6)))

    assert messages.timestamp(austin) == AT
    pulse = Pulse(replica_id="server-1", at=messages.timestamp(datetime.now(UTC)))
    assert decode(Pulse, encode(pulse)) == pulse


def test_a_press_id_is_a_uuid_of_version_7_and_rises_with_the_clock() -> None:
    before = time.time_ns() // 1_000_000
    drawn = [messages.new_id() for _ in range(200)]
    after = time.time_ns() // 1_000_000

    assert {(press_id.version, press_id.variant) for press_id in drawn} == {(7, RFC_4122)}
    assert len(set(drawn)) == 200
    stamps = [press_id.int >> 80 for press_id in drawn]
    assert stamps == sorted(stamps)
    assert before <= stamps[0] <= stamps[-1] <= after
