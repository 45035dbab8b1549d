"""The revocation list: the signed paper that says which certificates brokers must refuse.

Promise: it is a CRL (RFC 5280, section 5), so every broker can read it. Each entry names its
button as well, for a broker must also refuse the session that a button has already. It is good
for ten years: where one runs out, nobody at all can connect.

Refused: a list that somebody else signed, or that this machine's clock says is over or not yet
good: a broker would lock everybody out. No clock, file, database or socket here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin_server.fleet.certificates import BACKDATED, Authority, DeploymentError
from tocsin_wire import topics

VALID = timedelta(days=10 * 365 + 2)
SIGNED_AGAIN = timedelta(days=1)
LIST_BYTES_MAX = 4 * 1024 * 1024  # 40,000 buttons; more than a state ever loses

# A UUID of our own under ITU-T X.667, so that the meaning is ours alone.
BUTTON = x509.ObjectIdentifier("2.25.311448264027961492076446571975444363953")
_IA5_STRING = 0x16  # X.690, 8.23: what a name of ASCII is encoded as

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----\n?", re.DOTALL)


class ListRefused(DeploymentError):
    """That is no revocation list of this deployment which holds now; the text says why."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that is good for nothing any more, and the button that has it."""

    serial: int
    device_id: str
    revoked_at: datetime


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list that was read and holds. `pem` is it as it was signed."""

    number: int
    signed_at: datetime
    serials: frozenset[int]
    device_ids: tuple[str, ...]  # each once, in order
    pem: bytes


def sign(
    authority: Authority,
    revoked: Iterable[Revoked],
    *,
    number: int,
    now: datetime,
    valid: timedelta = VALID,
) -> bytes:
    """Write the list down, as PEM."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .last_update(now - BACKDATED)
        .next_update(now + valid)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(_entry(one))
    return authority.sign_list(builder).public_bytes(serialization.Encoding.PEM)


def read(pem: bytes, *, issuer: x509.Certificate, now: datetime) -> RevocationList:
    """Read a list that this issuer must have signed. Raises ListRefused."""
    try:
        crl = x509.load_pem_x509_crl(pem)
        ends = crl.next_update_utc
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        genuine = _is_genuine(crl, issuer)
        entries = [(entry.serial_number, _button_of(entry)) for entry in crl]
    except (ValueError, TypeError, x509.ExtensionNotFound, x509.DuplicateExtension):
        raise ListRefused("it is no revocation list with a number, in PEM") from None
    if not genuine:
        raise ListRefused("it isn't signed by the authority of this deployment")
    if ends is None or ends <= now:
        raise ListRefused(f"it ended on {ends:%Y-%m-%d}" if ends else "it has no end")
    if crl.last_update_utc > now:
        raise ListRefused(
            f"it is from {crl.last_update_utc:%Y-%m-%d %H:%M}Z, which is yet to come by the clock"
            " of this machine: set that clock"
        )
    return RevocationList(
        number=number,
        signed_at=crl.last_update_utc + BACKDATED,
        serials=frozenset(serial for serial, _ in entries),
        device_ids=tuple(sorted({name for _, name in entries if name is not None})),
        pem=pem,
    )


def is_due(current: RevocationList | None, revoked: Iterable[Revoked], *, now: datetime) -> bool:
    """Say whether a new list must be signed: something changed, or the last is a day old."""
    return (
        current is None
        or current.serials != {one.serial for one in revoked}
        or now - current.signed_at >= SIGNED_AGAIN
    )


def next_number(newest: int | None, *, now: datetime) -> int:
    """Give a number above every earlier one, also after a database was restored: the seconds."""
    return max(int(now.timestamp()), (newest or 0) + 1)


def split(pem: bytes) -> list[bytes]:
    """Give each list of a file that holds several."""
    return _BLOCK.findall(pem)


def is_signed_by(pem: bytes, issuer: x509.Certificate) -> bool:
    """Say whether this is a list of that authority, of whatever time."""
    try:
        return _is_genuine(x509.load_pem_x509_crl(pem), issuer)
    except (ValueError, TypeError):
        return False


def _is_genuine(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if crl.issuer != issuer.subject or not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    return crl.is_signature_valid(key)


def _entry(revoked: Revoked) -> x509.RevokedCertificate:
    name = revoked.device_id.encode("ascii")
    button = x509.UnrecognizedExtension(BUTTON, bytes([_IA5_STRING, len(name)]) + name)
    return (
        x509.RevokedCertificateBuilder()
        .serial_number(revoked.serial)
        .revocation_date(revoked.revoked_at)
        .add_extension(button, critical=False)
        .build()
    )


def _button_of(entry: x509.RevokedCertificate) -> str | None:
    """Give the button that an entry names. Raises ValueError where it names something else."""
    try:
        value = entry.extensions.get_extension_for_oid(BUTTON).value
    except x509.ExtensionNotFound:
        return None
    if not isinstance(value, x509.UnrecognizedExtension):
        raise TypeError
    name = value.value[2:].decode("ascii")
    if value.value[:2] != bytes([_IA5_STRING, len(name)]) or not topics.is_device_id(name):
        raise ValueError(name)
    return name
