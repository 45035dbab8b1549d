"""Claims: how a board becomes a button, by a code that a person types or copies.

Over HTTPS and once: the board makes its keys, and asks with the code, its press key and a request
for a certificate. The answer is everything a button needs but the keys, which never leave it.
What it signs proves that it holds the press key and means this very request; the request itself
(RFC 2986) proves that it holds the other one.
"""

import base64
import hashlib
import secrets
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from tocsin_wire import VERSION
from tocsin_wire.messages import Message

REDEEM_PATH = "/api/v1/redemptions"
BOARD_PAGE = "http://tocsin-button.local/"  # by mDNS, as docs/facilities.md names a new board
ANSWER_BYTES_MAX = 64 * 1024  # three times what the longest configuration and chain come to

# Crockford's base32: no I, L, O or U to be misread. 40 bits: see `Guesses` in the server's
# fleet/redeem.py for how many may be tried.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_CHARS = 8
_MISREAD = str.maketrans("ILO", "110")
_SEPARATORS = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014\u00a0\t")

REQUEST_CHARS_MAX = 4096  # a request for a P-256 key has 500
PROOF_CHARS_MAX = 1024
TEXT_CHARS_MAX = 100  # a serial number, a model, a version, a folder's path

# The 32 raw bytes of an Ed25519 key, as a JWK's `x` writes them (RFC 8037, section 2).
_Key = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", max_length=43)]
_Text = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX, pattern=r"^[\x20-\x7e]*$")]


class ClaimProof(Message, frozen=True, kw_only=True):
    """What a board signs with its press key: this code, and this request (its SHA-256)."""

    code: str
    request_digest: bytes
    v: int = VERSION


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a board asks with: `press_key` is its Ed25519 key, in base64url.

    `request` is a PKCS 10 request in PEM for its P-256 key, `proof` the JWS of a ClaimProof.
    `state_dir` is where its agent will keep its state, for the configuration that it gets.
    """

    code: Annotated[str, msgspec.Meta(max_length=40)]
    request: Annotated[str, msgspec.Meta(max_length=REQUEST_CHARS_MAX)]
    press_key: _Key
    proof: Annotated[str, msgspec.Meta(max_length=PROOF_CHARS_MAX)]
    state_dir: _Text = "state"
    board_serial: _Text | None = None
    model: _Text | None = None
    firmware: _Text | None = None
    v: int = VERSION


class ClaimAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a board a button. PEM and TOML are as its files are to be."""

    device_id: str
    jurisdiction: str
    config: str
    certificate: str  # with those of its issuers
    authority: str  # the root that brokers and servers are certified under
    receipt_keys: list[_Key]  # the current one first
    command_keys: list[_Key] = []  # of what changes brokers; their private halves are on no server
    site: str | None = None
    place: str | None = None
    v: int = VERSION


def key_text(raw: bytes) -> str:
    """Write an Ed25519 public key."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_key(text: str) -> bytes:
    """Read what `key_text` writes and a message's type has checked."""
    return base64.urlsafe_b64decode(text + "=")


def new_code() -> str:
    """Draw a claim code, as people read it: XXXX-XXXX."""
    return _shown("".join(secrets.choice(_ALPHABET) for _ in range(_CODE_CHARS)))


def read_code(text: str) -> str:
    """Read a code as people type it. Raises ValueError, saying what a code looks like."""
    code = text.upper().translate(_SEPARATORS).translate(_MISREAD)
    if len(code) != _CODE_CHARS or set(code) - set(_ALPHABET):
        given = f"{text[:40]!r} is" if text.strip() else "nothing was given, which is"
        raise ValueError(f"{given} no claim code: it has eight letters and digits, as 7K2M-X9QR")
    return _shown(code)


def request_digest(request: str) -> bytes:
    """Name a certificate request."""
    return hashlib.sha256(request.encode()).digest()


def claim_file(*, server: str, code: str) -> str:
    """Write what a board reads from its boot partition, and a QR code carries."""
    return f"server = {server}\ncode = {code}\n"


def board_page(*, server: str, code: str) -> str:
    """Address the set-up page of a board in the same network, with both in its form."""
    return f"{BOARD_PAGE}?{urlencode({'server': server, 'code': code}, safe=':/')}"


def _shown(code: str) -> str:
    return f"{code[:4]}-{code[4:]}"
