"""Signing: only a known key's word counts, in one spelling, for one type of message."""

import base64
import hmac
import json
import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tocsin_wire import messages, signing
from tocsin_wire.asyncapi import EXAMPLES
from tocsin_wire.claims import ClaimProof
from tocsin_wire.errors import BadSignature, MalformedMessage, WireError
from tocsin_wire.messages import Message, Press, Pulse, Receipt
from tocsin_wire.signing import SigningKey, VerifyKey

PRESS = EXAMPLES[Press]
SIGNED: dict[type[Message], Message] = dict(EXAMPLES) | {
    ClaimProof: ClaimProof(code="7K2M-X9QR", request_digest=bytes(32))
}
KEY = SigningKey.generate()
KEYS = {KEY.kid: KEY.public}
STRANGER = SigningKey.generate()

# RFC 8037, appendix A: the example key, its thumbprint (A.3) and a signature by it (A.4).
RFC_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
RFC_JWS = (
    b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    b"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)

Signer = Callable[[bytes], bytes]


def b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def header(**changes: object) -> bytes:
    """Write a header as ours is, but for these changes; None takes a name away."""
    fields = {"typ": "tocsin-press+jws", "alg": "EdDSA", "kid": KEY.kid} | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def jws(head: bytes, body: bytes | None = None, *, by: Signer | None = None) -> bytes:
    """Put a JWS together by hand, signed by the known key unless told otherwise."""
    signer = by or KEY._private.sign
    signed = b64(head) + b"." + b64(messages.encode(PRESS) if body is None else body)
    return signed + b"." + b64(signer(signed))


def hmac_with(digest: str, secret: bytes) -> Signer:
    return lambda signed: hmac.new(secret, signed, digest).digest()


def public_pem() -> bytes:
    return KEY._private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def respell(signed: bytes) -> bytes:
    """Set one of the four spare bits of the signature's last character."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signed[:-1] + bytes([alphabet[alphabet.index(signed[-1:]) + 1]])


GOOD = KEY.sign(PRESS)
HEAD, BODY, SIGNATURE = GOOD.split(b".")

REFUSED: dict[str, tuple[type[WireError], bytes]] = {
    "nothing": (MalformedMessage, b""),
    "no JWS": (MalformedMessage, b"press"),
    "two parts": (MalformedMessage, HEAD + b"." + BODY),
    "four parts": (MalformedMessage, GOOD + b"." + BODY),
    "no payload": (MalformedMessage, HEAD + b".." + SIGNATURE),
    "padded base64": (MalformedMessage, GOOD + b"=="),
    "a newline after it": (MalformedMessage, GOOD + b"\n"),
    "spaces in the payload": (MalformedMessage, HEAD + b". " + BODY + b"." + SIGNATURE),
    "base64 with + and /": (MalformedMessage, HEAD + b".+/+/." + SIGNATURE),
    "invalid UTF-8": (MalformedMessage, b"\xff\xfe." + BODY + b"." + SIGNATURE),
    "one character of base64": (MalformedMessage, b"A.A.A"),
    "header is a list": (MalformedMessage, jws(b"[]")),
    "header is a number": (MalformedMessage, jws(b"7")),
    "header is no JSON": (MalformedMessage, jws(b"{")),
    "header is not UTF-8": (MalformedMessage, jws(b'{"typ":"\xff"}')),
    "header is deep": (MalformedMessage, jws(b"[" * 3000)),
    "header has a huge number": (MalformedMessage, jws(b'{"typ":' + b"9" * 5000 + b"}")),
    "no typ": (MalformedMessage, jws(header(typ=None))),
    "typ is a list": (MalformedMessage, jws(header(typ=[["x"]]))),
    "typ is deep": (MalformedMessage, jws(b'{"typ":' + b"[" * 900 + b"]" * 900 + b"}")),
    "typ is another message's": (MalformedMessage, jws(header(typ="tocsin-receipt+jws"))),
    "kid is no text": (MalformedMessage, jws(header(kid=7))),
    "kid is a lone surrogate": (BadSignature, jws(header(kid="\ud800"))),
    "no kid": (BadSignature, jws(header(kid=None))),
    "kid of a stranger": (BadSignature, STRANGER.sign(PRESS)),
    "signed by a stranger": (BadSignature, jws(header(), by=STRANGER._private.sign)),
    "a stranger's key in the header": (
        BadSignature,
        jws(header(jwk=STRANGER.public.jwk()), by=STRANGER._private.sign),
    ),
    "critical extension": (MalformedMessage, jws(header(crit=["exp"], exp=1))),
    "endless critical extension": (MalformedMessage, jws(header(crit=["x" * 5000]))),
    "empty crit": (MalformedMessage, jws(header(crit=[]))),
    "crit is no list": (MalformedMessage, jws(header(crit="b64"))),
    "crit holds a list": (MalformedMessage, jws(header(crit=[["b64"]]))),
    "b64 declared critical": (MalformedMessage, jws(header(crit=["b64"], b64=True))),
    "b64 is false": (MalformedMessage, jws(header(crit=["b64"], b64=False))),
    "b64 is false, not declared": (WireError, jws(header(b64=False))),
    "alg none, no signature": (MalformedMessage, jws(header(alg="none"), by=lambda _: b"")),
    "alg none, signed": (BadSignature, jws(header(alg="none"))),
    "no alg": (BadSignature, jws(header(alg=None))),
    "alg is a list": (BadSignature, jws(header(alg=["EdDSA"]))),
    "alg HS256 with the public key as secret": (
        MalformedMessage,
        jws(header(alg="HS256"), by=hmac_with("sha256", KEY.public.raw)),
    ),
    "alg HS512, as long as ours, with the public key as secret": (
        BadSignature,
        jws(header(alg="HS512"), by=hmac_with("sha512", KEY.public.raw)),
    ),
    "alg HS512 with the public PEM as secret": (
        BadSignature,
        jws(header(alg="HS512"), by=hmac_with("sha512", public_pem())),
    ),
    "signature stripped": (MalformedMessage, HEAD + b"." + BODY + b"."),
    "signature cut": (MalformedMessage, GOOD[:-1]),
    "signature too long": (MalformedMessage, GOOD + b"A"),
    "signature in another spelling": (MalformedMessage, respell(GOOD)),
    "payload of another message": (
        BadSignature,
        HEAD + b"." + b64(b'{"kind":"test"}') + b"." + SIGNATURE,
    ),
    "signed, but no press": (MalformedMessage, jws(header(), b"[]")),
    "signed, but deep": (MalformedMessage, jws(header(), b"[" * 6000)),
    "signed, but over 8 KiB": (MalformedMessage, jws(header(), b" " * 8193)),
    "over 12 KiB": (MalformedMessage, jws(header(), b" " * 9300)),
}


@pytest.mark.parametrize(("refusal", "forged"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_signed_as_it_should_be_is_refused(
    refusal: type[WireError], forged: bytes
) -> None:
    with pytest.raises(refusal) as refused:
        signing.verify(forged, Press, KEYS)

    assert len(str(refused.value)) <= 250
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("kind", signing.TYPES)
def test_what_a_known_key_signed_is_read(kind: type[Message]) -> None:
    message = SIGNED[kind]
    signed = KEY.sign(message)

    assert signing.verify(signed, kind, KEYS) == message
    assert signing.verified_payload(signed, kind, KEYS) == messages.encode(message)


def test_a_header_that_others_might_add_to_is_read() -> None:
    assert signing.verify(jws(header(cty="json", x5t="abc")), Press, KEYS) == PRESS


def test_a_signature_for_one_type_is_none_for_another() -> None:
    signed = KEY.sign(EXAMPLES[Pulse])

    with pytest.raises(MalformedMessage, match="its typ is not"):
        signing.verify(signed, Receipt, KEYS)


@given(st.binary(max_size=300) | st.lists(st.binary(max_size=80), max_size=4).map(b".".join))
def test_any_bytes_are_refused_as_a_wire_error(forged: bytes) -> None:
    with pytest.raises((BadSignature, MalformedMessage)):
        signing.verify(forged, Press, KEYS)
    claimed = signing.read_unverified(forged)
    assert claimed is None or len(claimed) <= len(forged)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_no_byte_of_a_signed_message_can_be_changed(at: int, byte: int) -> None:
    forged = GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    if forged == GOOD:
        assert signing.verify(forged, Press, KEYS) == PRESS
    else:
        with pytest.raises((BadSignature, MalformedMessage)):
            signing.verify(forged, Press, KEYS)


@given(
    st.dictionaries(
        st.sampled_from(["typ", "alg", "kid", "jwk", "crit", "b64", "zip"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_no_header_brings_another_exception(changes: dict[str, object]) -> None:
    fields = {"typ": "tocsin-press+jws", "alg": "EdDSA", "kid": KEY.kid} | changes
    signed = jws(json.dumps(fields).encode())
    try:
        assert signing.verify(signed, Press, KEYS) == PRESS
    except (BadSignature, MalformedMessage) as refusal:
        assert len(str(refusal)) <= 250  # noqa: PT017  # either outcome is right, a third is not


def test_an_unverified_press_can_be_read_for_a_human_s_eyes() -> None:
    claimed = signing.read_unverified(STRANGER.sign(PRESS))

    assert claimed is not None
    assert messages.decode(Press, claimed) == PRESS


@pytest.mark.parametrize("forged", [b"", b"press", b"a.b", b"a.b.c.d", b"a.b.c"])
def test_where_nothing_can_be_read_nothing_is_claimed(forged: bytes) -> None:
    assert signing.read_unverified(forged) is None


def test_what_is_read_unverified_is_never_long() -> None:
    claimed = signing.read_unverified(b"a." + b"QUFB" * 10_000 + b".c")

    assert claimed is None or len(claimed) <= signing.JWS_BYTES_MAX


def test_a_key_is_named_by_its_thumbprint_as_rfc_8037_shows() -> None:
    key = VerifyKey.from_raw(base64.urlsafe_b64decode(RFC_X + "="))

    assert key.kid == RFC_THUMBPRINT
    assert key.jwk() == {"kty": "OKP", "crv": "Ed25519", "x": RFC_X, "kid": RFC_THUMBPRINT}
    assert key.payload(RFC_JWS) == b"Example of Ed25519 signing"


@pytest.mark.parametrize("raw", [b"", b"x" * 31, b"x" * 33])
def test_a_public_key_has_32_bytes(raw: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        VerifyKey.from_raw(raw)


def test_a_saved_key_is_its_owner_s_alone_and_signs_as_before(tmp_path: Path) -> None:
    path = tmp_path / "press.key"
    umask = os.umask(0)
    try:
        KEY.save(path)
    finally:
        os.umask(umask)

    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path).sign(PRESS) == GOOD


def test_a_key_is_never_written_over_another(tmp_path: Path) -> None:
    path = tmp_path / "press.key"
    KEY.save(path)

    with pytest.raises(FileExistsError):
        STRANGER.save(path)

    assert SigningKey.load(path).kid == KEY.kid


def test_no_repr_tells_a_secret() -> None:
    seed = KEY._private.private_bytes_raw()
    shown = repr(KEY) + str(KEY) + repr(KEY.public) + repr(KEYS)

    assert KEY.kid in shown
    for secret in (repr(seed), seed.hex(), b64(seed).decode(), base64.b64encode(seed).decode()):
        assert secret not in shown


def pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


def unheard_of_pem() -> bytes:
    """Write a well-formed PKCS 8 key of an algorithm (1.2.3.4) that nobody implements."""
    der = bytes.fromhex("3011020100300506032a0304040530030101ff"[:38])
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(der) + b"\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no Ed25519 key in PEM form"),
        (b"\xff\x00not a key", "no Ed25519 key in PEM form"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no Ed25519 key"),
        (pem(Ed25519PrivateKey.generate(), b"secret"), "no Ed25519 key in PEM form"),
        (unheard_of_pem(), "no Ed25519 key in PEM form"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "another kind than Ed25519"),
    ],
    ids=["empty", "noise", "no DER", "encrypted", "unheard-of algorithm", "EC"],
)
def test_another_file_is_no_signing_key(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "press.key"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=reason) as refused:
        SigningKey.load(path)

    assert str(path) in str(refused.value)


def test_a_missing_key_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SigningKey.load(tmp_path / "press.key")
    with pytest.raises(FileNotFoundError):
        signing.load_keys(tmp_path / "receipt_keys.json")


def test_a_key_set_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "receipt_keys.json"
    signing.dump_keys(path, [KEY.public, STRANGER.public])

    keys = signing.load_keys(path)

    assert list(keys) == [KEY.kid, STRANGER.kid]
    assert signing.verify(GOOD, Press, keys) == PRESS


def test_a_key_set_names_its_keys_itself(tmp_path: Path) -> None:
    path = tmp_path / "receipt_keys.json"
    path.write_text(json.dumps({"keys": [STRANGER.public.jwk() | {"kid": KEY.kid}]}))

    assert list(signing.load_keys(path)) == [STRANGER.kid]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no set of Ed25519 keys"),
        (b"[]", "is no set of Ed25519 keys"),
        (b'{"keys":7}', "is no set of Ed25519 keys"),
        (b'{"keys":[{}]}', "is no set of Ed25519 keys"),
        (b'{"keys":[{"kty":"EC","crv":"P-256","x":"AA"}]}', "type EC/P-256, not OKP/Ed25519"),
        (b'{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}', "32 bytes"),
        (b'{"keys":[{"kty":"OKP","crv":"Ed25519","x":"A"}]}', "is no set of Ed25519 keys"),
        ('{"keys":[{"kty":"OKP","crv":"Ed25519","x":"é"}]}'.encode(), "is no set of Ed25519 keys"),
        (b'{"keys":[{"kty":"\xff"}]}', "is no set of Ed25519 keys"),
        (b'{"keys":' + b"[" * 5000, "is no set of Ed25519 keys"),
        (b'{"a":' * 5000, "is no set of Ed25519 keys"),
        (b'{"keys":[]}', "holds 0 keys; 1 to 8 are expected"),
    ],
)
def test_another_file_is_no_key_set(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "receipt_keys.json"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=reason):
        signing.load_keys(path)


@pytest.mark.parametrize(("count", "fits"), [(1, True), (8, True), (9, False)])
def test_a_key_set_holds_one_to_eight_keys(tmp_path: Path, count: int, fits: bool) -> None:
    path = tmp_path / "receipt_keys.json"
    signing.dump_keys(path, [SigningKey.generate().public for _ in range(count)])

    if fits:
        assert len(signing.load_keys(path)) == count
    else:
        with pytest.raises(ValueError, match="holds 9 keys; 1 to 8 are expected"):
            signing.load_keys(path)


def test_the_fullest_signed_message_fits_on_the_wire() -> None:
    body = b'{"press_id":"%s","device_id":"d","kind":"duress"' % str(UUID(int=7)).encode()
    body += b" " * (messages.MESSAGE_BYTES_MAX - len(body) - 1) + b"}"

    assert signing.verify(jws(header(), body), Press, KEYS).kind == "duress"


def test_a_new_key_is_on_disk_before_anything_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, int]] = []

    def note(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced.append((status.st_ino, status.st_size))

    monkeypatch.setattr(os, "fsync", note)
    file = tmp_path / "next.key"
    SigningKey.generate().save(file)
    whole, folder = file.stat(), tmp_path.stat()
    assert synced == [(whole.st_ino, whole.st_size), (folder.st_ino, folder.st_size)]
