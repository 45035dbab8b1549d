"""Signing: JWS compact serialization (RFC 7515) with Ed25519 (RFC 8037).

Every message that somebody must answer for is signed end to end; a broker is only
a carrier. A key is named by its RFC 7638 thumbprint. Keys never appear in a repr.

PyJWT signs. What is verified is read here, once, in the one spelling that is allowed:
a server verifies every press of a storm, and PyJWT would read each header twice.
"""

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt import PyJWS

from tocsin_wire import messages
from tocsin_wire.claims import ClaimProof
from tocsin_wire.errors import BadSignature, MalformedMessage
from tocsin_wire.messages import (
    Command,
    Message,
    Press,
    Pulse,
    Receipt,
    Reconfigure,
    Release,
    Succession,
)

JWS_BYTES_MAX = 12 * 1024  # an 8 KiB message in base64, its header and its signature
KEYS_MAX = 8  # a current key, a successor, and room for a rotation that overlaps another
ALGORITHM = "EdDSA"
KEY_BYTES = 32  # of a public key (RFC 8032, section 5.1.5)

TYPES: dict[type[Message], str] = {
    Press: "tocsin-press+jws",
    Receipt: "tocsin-receipt+jws",
    Command: "tocsin-command+jws",
    Pulse: "tocsin-pulse+jws",
    Succession: "tocsin-succession+jws",
    Reconfigure: "tocsin-reconfigure+jws",
    Release: "tocsin-release+jws",
    ClaimProof: "tocsin-claim+jws",
}

# Base64url without padding or space (RFC 7515, section 2), and a signature of 64 bytes, which
# leaves 4 bits of its 86th character zero: a lenient reader would let one signed message
# travel in many spellings.
_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]")

M = TypeVar("M", bound=Message)
_jws = PyJWS(algorithms=[ALGORITHM])


class _Jwk(msgspec.Struct, frozen=True):
    kty: str
    crv: str
    x: str


class _JwkSet(msgspec.Struct, frozen=True):
    keys: list[_Jwk]


class VerifyKey:
    """The public half: says who signed.

    A server keeps tens of thousands, nearly all of which never have anything to verify: what is
    more than the 32 bytes is made when it is first asked for.
    """

    __slots__ = ("_kid", "_public", "raw")

    def __init__(self, raw: bytes) -> None:
        """Take the 32 raw bytes of an Ed25519 public key. Raises ValueError for others."""
        if len(raw) != KEY_BYTES:
            raise ValueError(f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(raw)}")
        self.raw = raw
        self._kid: str | None = None
        self._public: Ed25519PublicKey | None = None

    @classmethod
    def from_raw(cls, raw: bytes) -> "VerifyKey":
        """Read the 32 raw bytes. Raises ValueError."""
        return cls(raw)

    @property
    def kid(self) -> str:
        """Name it by its RFC 7638 thumbprint."""
        if self._kid is None:
            thumbprint = json.dumps(
                {"crv": "Ed25519", "kty": "OKP", "x": _base64url(self.raw)}, separators=(",", ":")
            )
            self._kid = _base64url(hashlib.sha256(thumbprint.encode()).digest())
        return self._kid

    def jwk(self) -> dict[str, str]:
        """Write it as a JSON Web Key (RFC 8037, section 2)."""
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(self.raw), "kid": self.kid}

    def payload(self, jws: bytes) -> bytes:
        """Give what was signed. Raises InvalidSignature, or ValueError where it isn't base64."""
        signed, _, signature = jws.rpartition(b".")
        if self._public is None:
            self._public = Ed25519PublicKey.from_public_bytes(self.raw)
        self._public.verify(_from_base64url(signature), signed)
        return _from_base64url(signed.partition(b".")[2])

    def __repr__(self) -> str:
        return f"VerifyKey(kid={self.kid!r})"


class SigningKey:
    """The private half. It is written to one file, mode 0600, and shown nowhere."""

    __slots__ = ("_private", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = VerifyKey(private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> "SigningKey":
        """Draw a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """Read a PEM file (PKCS 8). Raises OSError, or ValueError for another kind of file."""
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError(f"{path} holds no Ed25519 key in PEM form") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError(f"{path} holds a key of another kind than Ed25519")
        return cls(private)

    def save(self, path: Path) -> None:
        """Write it to a new file, readable by its owner alone, and there after a power cut, too.

        Raises FileExistsError.
        """
        pem = self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @property
    def kid(self) -> str:
        """Name it by the thumbprint of its public half."""
        return self.public.kid

    def sign(self, message: Message) -> bytes:
        """Sign a message as a compact JWS of its type."""
        headers = {"typ": TYPES[type(message)], "kid": self.kid}
        return _jws.encode(
            messages.encode(message), self._private, algorithm=ALGORITHM, headers=headers
        ).encode()

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r})"


def verified_payload(jws: bytes, kind: type[Message], keys: Mapping[str, VerifyKey]) -> bytes:
    """Give the signed bytes of a message of this type, once one of the keys vouches for it.

    Raises MalformedMessage where it is no JWS of this type, BadSignature where none of
    these keys signed it.
    """
    if len(jws) > JWS_BYTES_MAX:
        raise MalformedMessage(f"{len(jws)} bytes; a signed message has at most {JWS_BYTES_MAX}")
    if _COMPACT.fullmatch(jws) is None:
        raise MalformedMessage(
            "not a signed message: no three parts, the last an Ed25519 signature"
        )
    header = _header(jws)
    if header.get("typ") != TYPES[kind]:
        raise MalformedMessage(f"its typ is not {TYPES[kind]!r}")
    if "crit" in header or "b64" in header:
        # RFC 7515, section 4.1.11: refuse what is critical and not understood; `b64` (RFC 7797)
        # is critical by its nature, and would change what the signature is of.
        raise MalformedMessage("its header has critical extensions, of which we know none")
    kid = header.get("kid", "")
    if not isinstance(kid, str):
        raise MalformedMessage("its kid is no text")
    if header.get("alg") != ALGORITHM:
        raise BadSignature(f"signed by another algorithm than {ALGORITHM}")
    if kid not in keys:
        raise BadSignature("signed with a key that is not known here")
    try:
        return keys[kid].payload(jws)
    except (InvalidSignature, ValueError):
        raise BadSignature("the signature does not fit the message") from None


def verify(jws: bytes, kind: type[M], keys: Mapping[str, VerifyKey]) -> M:
    """Read a signed message. Raises BadSignature or MalformedMessage."""
    return messages.decode(kind, verified_payload(jws, kind, keys))


def claims_to_be(jws: bytes, kind: type[Message]) -> bool:
    """Say whether this may be a signed message of this type, where a topic carries several."""
    try:
        return _header(jws[:JWS_BYTES_MAX]).get("typ") == TYPES[kind]
    except MalformedMessage:
        return False


def read_unverified(jws: bytes) -> bytes | None:
    """Give what an unverified message claims to say, for a human's eyes; None if nothing."""
    parts = jws[:JWS_BYTES_MAX].split(b".")
    if len(parts) != 3:
        return None
    try:
        return _from_base64url(parts[1])
    except ValueError:
        return None


def load_keys(path: Path) -> dict[str, VerifyKey]:
    """Read a JWK set (RFC 7517). Raises OSError, or ValueError saying what is wrong with it."""
    try:
        jwks = msgspec.json.decode(path.read_bytes(), type=_JwkSet)
        keys = [_read_jwk(jwk) for jwk in jwks.keys]
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no set of Ed25519 keys: {error}") from None
    if not 0 < len(keys) <= KEYS_MAX:
        raise ValueError(f"{path} holds {len(keys)} keys; 1 to {KEYS_MAX} are expected")
    return {key.kid: key for key in keys}


def dump_keys(path: Path, keys: Iterable[VerifyKey]) -> None:
    """Write a JWK set, the current key first."""
    path.write_text(json.dumps({"keys": [key.jwk() for key in keys]}, indent=2) + "\n")


def _read_jwk(jwk: _Jwk) -> VerifyKey:
    if (jwk.kty, jwk.crv) != ("OKP", "Ed25519"):
        raise ValueError(f"a key of type {jwk.kty}/{jwk.crv}, not OKP/Ed25519")
    return VerifyKey.from_raw(_from_base64url(jwk.x.encode()))


def _header(jws: bytes) -> dict[str, object]:
    try:
        header = json.loads(_from_base64url(jws.partition(b".")[0]).decode())
    except (ValueError, RecursionError) as error:
        reason = messages.printable(str(error), chars_max=messages.REASON_CHARS_MAX)
        raise MalformedMessage(f"not a signed message: {reason}") from None
    if not isinstance(header, dict):
        raise MalformedMessage("not a signed message: its header is no JSON object")
    return header


def _from_base64url(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
