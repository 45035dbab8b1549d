"""What a screen shows of a message that nobody can vouch for: whatever is in it, words only."""

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from tocsin_server.alert.doubt import READ_CHARS_MAX, read_for_humans
from tocsin_wire import messages
from tocsin_wire.messages import Press
from tocsin_wire.signing import SigningKey

KEY = SigningKey.generate()
NAMES = {"kind", "device_id", "press_id", "gesture", "drill", "device_clock"}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def assert_harmless(read: dict[str, str]) -> None:
    assert read.keys() <= NAMES
    for text in read.values():
        assert len(text) <= READ_CHARS_MAX
        assert text == messages.printable(text, chars_max=READ_CHARS_MAX)
        text.encode()  # no lone surrogate
    assert json.loads(json.dumps(read)) == read


def jws_of(payload: bytes) -> bytes:
    return b"e30." + base64.urlsafe_b64encode(payload).rstrip(b"=") + b".AAAA"


@given(st.binary(max_size=2000))
def test_any_bytes_can_be_read(raw: bytes) -> None:
    assert_harmless(read_for_humans(raw))


@given(st.binary(max_size=500))
def test_any_payload_can_be_read(payload: bytes) -> None:
    assert_harmless(read_for_humans(jws_of(payload)))


@given(st.dictionaries(st.sampled_from(sorted(NAMES)) | st.text(), anything, max_size=8))
def test_any_claim_can_be_read(claims: dict[str, object]) -> None:
    assert_harmless(read_for_humans(jws_of(json.dumps(claims).encode())))


def test_what_a_press_claims_is_there_to_be_looked_at() -> None:
    press = Press(press_id=messages.new_id(), device_id="btn-0123456789", kind="duress")
    read = read_for_humans(KEY.sign(press))
    assert read["kind"].strip('"') == "duress"
    assert read["device_id"].strip('"') == "btn-0123456789"
    assert str(press.press_id) in read["press_id"]


def test_depth_and_size_break_nothing() -> None:
    assert read_for_humans(jws_of(b"[" * 9000)) == {}
    assert read_for_humans(jws_of(b'{"kind":' + b"[" * 9000)) == {}
    assert_harmless(read_for_humans(jws_of(b'{"kind":"' + b"A" * 9000 + b'"}')))
    assert_harmless(read_for_humans(jws_of(b'{"kind":"a\\u0000b\\ud800\\u202e"}')))
