"""The deployment's own certificate authority, and the certificates it issues.

Promise: ECDSA P-256 throughout. Everybody trusts one root, whose key is needed once in years; it
vouches for the issuing authority, which certifies everybody else, and whose certificate they show
along with their own. A certificate says one thing: a client's common name is who it is at every
broker; a broker's alternative names are where it may be found. Neither can stand in for the other.
Private keys are shown nowhere, and written only to new files that their owner alone can read.

Refused: names that could be misread; certificates from an authority that has expired or whose key
is another's. Revocation is not done by dates (wire.md, Identity): a device's certificate lasts
five years, so that none ends on election day.
"""

import base64
import ipaddress
import os
import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# A Pi has no battery-backed clock and may believe it is yesterday when it first connects.
BACKDATED = timedelta(days=1)
VALID = timedelta(days=5 * 365 + 1)
AUTHORITY_VALID = timedelta(days=20 * 365 + 5)  # longer than the hardware lasts

BROKER_NAMES_MAX = 20  # a certificate is sent at every handshake
_CURVE = ec.SECP256R1.name
_COMMON_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")  # X.520 allows 64 characters
_HOST_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.IGNORECASE)  # RFC 1123, 2.1
_HOST_CHARACTERS_MAX = 253

# What a damaged file may turn into on its way through the reader.
UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)

PRIVATE = 0o600
PUBLIC = 0o644


class DeploymentError(Exception):
    """The deployment's files can't be made, read or changed so; the text says what to do."""


class CertificateError(DeploymentError):
    """A certificate or its key can't be made or used."""


class Certified:
    """A private key and the certificate that says whose it is.

    `issuers` are shown along with it: the authorities between it and the root.
    """

    __slots__ = ("_key", "certificate", "issuers")

    def __init__(
        self,
        certificate: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        *,
        issuers: Sequence[x509.Certificate] = (),
    ) -> None:
        self.certificate = certificate
        self.issuers = tuple(issuers)
        self._key = key

    @classmethod
    def load(cls, certificate_file: Path, key_file: Path) -> Self:
        """Read both back. Raises CertificateError saying which file is wrong, and how."""
        try:
            certificate, *issuers = x509.load_pem_x509_certificates(_read(certificate_file))
            certified = certificate.public_key()
        except UNREADABLE:
            raise CertificateError(f"{certificate_file} holds no certificate") from None
        try:
            key = serialization.load_pem_private_key(_read(key_file), password=None)
        except (*UNREADABLE, TypeError):  # TypeError: the key has a password
            raise CertificateError(
                f"{key_file} holds no private key that can be read without a password"
            ) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateError(f"{key_file} holds a key of another kind than ECDSA")
        if key.public_key() != certified:
            raise CertificateError(f"{key_file} is not the key of {certificate_file}")
        return cls(certificate, key, issuers=issuers)

    def save(self, certificate_file: Path, key_file: Path) -> None:
        """Write both to new files, the key for its owner alone. Raises FileExistsError."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_new(key_file, pem, mode=PRIVATE)
        write_new(certificate_file, _pem(self.certificate, *self.issuers), mode=PUBLIC)

    def state(self, claims: Mapping[str, object], *, kind: str) -> str:
        """Sign claims as this certificate's owner; it is shown with them (JWS, RFC 7515)."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        headers = {"typ": kind, "x5c": [base64.b64encode(der).decode()]}
        return jwt.encode(dict(claims), self._key, algorithm="ES256", headers=headers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.certificate.subject.rfc4514_string()!r})"


class Authority(Certified):
    """Who vouches for others: the root, or the issuing authority under it."""

    __slots__ = ()

    @classmethod
    def create(cls, name: str, *, now: datetime) -> "Authority":
        """A new root; `name` is for people who look at a certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _common_name(name)
        builder = _builder(subject, subject, key.public_key(), now=now, until=now + AUTHORITY_VALID)
        certificate = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    def certify_issuing(self, name: str, *, now: datetime) -> "Authority":
        """Vouch, as the root, for an authority that certifies everybody else."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._vouch(_common_name(name), key.public_key(), now=now, valid=AUTHORITY_VALID)
        certificate = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return Authority(certificate, key)

    def certify_broker(self, names: Iterable[str], *, now: datetime) -> Certified:
        """For a broker reached under these host names and IP addresses."""
        alternatives = x509.SubjectAlternativeName(broker_names(names))
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._certified("broker", key.public_key(), ExtendedKeyUsageOID.SERVER_AUTH, now=now)
            .add_extension(alternatives, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Certified(certificate, key, issuers=self._shown)

    def certify_client(self, common_name: str, *, now: datetime) -> Certified:
        """For a device or a server replica, known to every broker by this name."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._client(common_name, key.public_key(), now=now)
        return Certified(certificate, key, issuers=self._shown)

    def certify_request(
        self, common_name: str, request: bytes, *, now: datetime
    ) -> x509.Certificate:
        """For a device that made its key itself: `request` is its CSR (RFC 2986), as PEM.

        What the request says of a name is not read: `common_name` is who it is. Raises
        CertificateError where it is no request, or shows no possession of a P-256 key.
        """
        return self._client(common_name, requested_key(request), now=now)

    def sign_list(
        self, builder: x509.CertificateRevocationListBuilder
    ) -> x509.CertificateRevocationList:
        """Sign, as its issuer, a list of certificates that this authority takes back."""
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            builder.issuer_name(self.certificate.subject)
            .add_extension(issuer_key, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def shown_with(self, certificate: x509.Certificate) -> bytes:
        """Give a certificate that this authority issued as its owner shows it: with its issuers."""
        return _pem(certificate, *self._shown)

    @property
    def _shown(self) -> tuple[x509.Certificate, ...]:
        """The root is known to everybody, and not shown."""
        is_root = self.certificate.issuer == self.certificate.subject
        return () if is_root else (self.certificate,)

    def _client(
        self, common_name: str, public: ec.EllipticCurvePublicKey, *, now: datetime
    ) -> x509.Certificate:
        if _COMMON_NAME.fullmatch(common_name) is None:
            raise CertificateError(f"{common_name!r} is no client's name: use a-z, 0-9 and -")
        usage = ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._certified(common_name, public, usage, now=now)
        return builder.sign(self._key, hashes.SHA256())

    def _certified(
        self,
        common_name: str,
        public: ec.EllipticCurvePublicKey,
        usage: x509.ObjectIdentifier,
        *,
        now: datetime,
    ) -> x509.CertificateBuilder:
        return (
            self._vouch(_common_name(common_name), public, now=now, valid=VALID)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )

    def _vouch(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        *,
        now: datetime,
        valid: timedelta,
    ) -> x509.CertificateBuilder:
        """Begin a certificate that ends with this authority, at the latest."""
        ends = self.certificate.not_valid_after_utc
        if now >= ends:
            raise CertificateError(f"the deployment's authority expired on {ends:%Y-%m-%d}")
        until = min(now + valid, ends)
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return _builder(
            subject, self.certificate.subject, public, now=now, until=until
        ).add_extension(issuer_key, critical=False)


def requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    """Give the key that a CSR is for, as PEM. Raises CertificateError, as `certify_request`."""
    try:
        read = x509.load_pem_x509_csr(request)
        public = read.public_key()
        holds = read.is_signature_valid
    except UNREADABLE:
        raise CertificateError("that is no certificate request in PEM") from None
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != _CURVE:
        raise CertificateError("the request is for a key of another kind than ECDSA P-256")
    if not holds:
        raise CertificateError("the request isn't signed with the key that it is for")
    return public


def broker_names(names: Iterable[str]) -> list[x509.GeneralName]:
    """Read host names and IP addresses. Raises CertificateError for what is neither."""
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(_host_name(name)))
    if not 0 < len(found) <= BROKER_NAMES_MAX:
        raise CertificateError(
            f"a broker has 1 to {BROKER_NAMES_MAX} names under which buttons reach it, "
            f"not {len(found)}"
        )
    return found


def names_in(certificate_file: Path) -> set[str]:
    """Host names and IP addresses a broker's certificate is good for. Raises CertificateError."""
    try:
        certificate = x509.load_pem_x509_certificate(_read(certificate_file))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (*UNREADABLE, x509.ExtensionNotFound):
        raise CertificateError(f"{certificate_file} holds no broker's certificate") from None
    return names_of(names)


def names_of(names: Iterable[x509.GeneralName]) -> set[str]:
    """Spell names as one compares them: lower case, addresses in their short form."""
    return {str(name.value).lower() for name in names}


def read_certificate(certificate_file: Path) -> x509.Certificate:
    """Read one certificate. Raises CertificateError."""
    try:
        return x509.load_pem_x509_certificate(_read(certificate_file))
    except UNREADABLE:
        raise CertificateError(f"{certificate_file} holds no certificate") from None


def client_context(*, ca_file: Path, certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """TLS as a client of this deployment: trusts its own authority and nobody else's.

    Raises CertificateError saying which file can't be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise CertificateError(f"{ca_file} can't be used as authority: {_why(error)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate_file, key_file)
    except OSError as error:
        raise CertificateError(
            f"{certificate_file} and {key_file} can't be used together: {_why(error)}"
        ) from None
    return context


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file that must not exist yet; it appears whole or not at all."""
    begun = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(begun, path)
    finally:
        begun.unlink()


def write_over(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file in place of what is there; whoever reads it has the old or the new one whole."""
    begun = path.with_name(f"{path.name}.new")
    begun.unlink(missing_ok=True)
    write_new(begun, data, mode=mode)
    begun.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    *,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host_name(name: str) -> str:
    labels = name.split(".")
    fits = len(name) <= _HOST_CHARACTERS_MAX and all(map(_HOST_LABEL.fullmatch, labels))
    if not fits or labels[-1].isdigit():  # 10.0.0.256 is a mistake, not a name
        raise CertificateError(f"{name[:80]!r} is neither a host name nor an IP address")
    return name.lower()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path} can't be read: {error.strerror}") from None


def _why(error: OSError) -> str:
    """One phrase; OpenSSL's reason where there is one."""
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return reason or "it isn't readable"
