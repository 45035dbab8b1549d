"""The deployment's authority and what it issues."""

import ssl
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tocsin_server.fleet.certificates import (
    Authority,
    CertificateError,
    broker_names,
    client_context,
    names_in,
    write_new,
)

NOW = datetime(2026, 11, 3, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("Tocsin 48453", now=NOW)


def common_name(certificate: x509.Certificate) -> str | bytes:
    [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return name.value


def test_a_clients_certificate_says_who_it_is_and_nothing_more(authority: Authority) -> None:
    certificate = authority.certify_client("btn-0123456789", now=NOW).certificate
    assert common_name(certificate) == "btn-0123456789"
    assert len(certificate.subject.rdns) == 1
    extensions = certificate.extensions
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    key_usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert key_usage.critical
    assert key_usage.value.digital_signature
    assert not key_usage.value.key_cert_sign
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    with pytest.raises(x509.ExtensionNotFound):
        extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert isinstance(key := certificate.public_key(), ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    certificate.verify_directly_issued_by(authority.certificate)


def test_a_certificate_lasts_five_years_and_began_yesterday_for_clocks_that_are_behind(
    authority: Authority,
) -> None:
    for issued in (
        authority.certify_client("btn-0123456789", now=NOW),
        authority.certify_broker(["localhost"], now=NOW),
    ):
        assert issued.certificate.not_valid_before_utc == NOW - timedelta(days=1)
        assert issued.certificate.not_valid_after_utc == NOW.replace(year=2031)


def test_the_authority_lasts_twenty_years_and_nothing_it_issues_lasts_longer(
    authority: Authority,
) -> None:
    ends = NOW.replace(year=2046)
    assert authority.certificate.not_valid_after_utc == ends
    late = authority.certify_client("server-1", now=ends - timedelta(days=30)).certificate
    assert late.not_valid_after_utc == ends
    with pytest.raises(CertificateError, match="expired on 2046-11-03"):
        authority.certify_client("server-1", now=ends)


def constraints_of(authority: Authority) -> x509.BasicConstraints:
    found = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert found.critical
    return found.value


def test_the_root_vouches_for_one_authority_more_and_that_one_for_none(
    authority: Authority,
) -> None:
    issuing = authority.certify_issuing("Tocsin 48453 issuing", now=NOW)
    assert constraints_of(authority) == x509.BasicConstraints(ca=True, path_length=1)
    assert constraints_of(issuing) == x509.BasicConstraints(ca=True, path_length=0)
    issuing.certificate.verify_directly_issued_by(authority.certificate)
    assert issuing.certificate.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_who_is_certified_shows_the_issuing_authority_too_and_nobody_shows_the_root(
    authority: Authority, tmp_path: Path
) -> None:
    issuing = authority.certify_issuing("Tocsin 48453 issuing", now=NOW)
    authority.save(tmp_path / "ca.crt", tmp_path / "ca.key")
    issuing.save(tmp_path / "issuing.crt", tmp_path / "issuing.key")
    issuing.certify_client("server-1", now=NOW).save(tmp_path / "crt", tmp_path / "key")
    shown = x509.load_pem_x509_certificates((tmp_path / "crt").read_bytes())
    assert [common_name(each) for each in shown] == ["server-1", "Tocsin 48453 issuing"]
    assert len(x509.load_pem_x509_certificates((tmp_path / "issuing.crt").read_bytes())) == 1
    assert authority.certify_client("server-1", now=NOW).issuers == ()


def request_for(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, name: str = "anybody"
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_a_device_that_made_its_own_key_is_certified_under_the_name_it_is_given(
    authority: Authority,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issuing = authority.certify_issuing("Tocsin 48453 issuing", now=NOW)
    issued = issuing.certify_request("btn-0123456789", request_for(key, "server-1"), now=NOW)
    assert common_name(issued) == "btn-0123456789"
    assert issued.public_key() == key.public_key()
    issued.verify_directly_issued_by(issuing.certificate)
    shown = x509.load_pem_x509_certificates(issuing.shown_with(issued))
    assert shown == [issued, issuing.certificate]


def tampered_request() -> bytes:
    """Somebody else's public key in a request that this one signed."""
    request = x509.load_pem_x509_csr(request_for(ec.generate_private_key(ec.SECP256R1())))
    mine = request.public_bytes(serialization.Encoding.DER)
    point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    theirs = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*point)
    public = request.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    forged = x509.load_der_x509_csr(mine.replace(public.public_bytes(*point), theirs))
    return forged.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("request_pem", "complaint"),
    [
        (b"", "no certificate request"),
        (b"\x00\xff garbage", "no certificate request"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", "no certificate request"),
        (request_for(ec.generate_private_key(ec.SECP384R1())), "another kind"),
        (request_for(rsa.generate_private_key(65537, 2048)), "another kind"),
        (tampered_request(), "isn't signed with the key"),
    ],
)
def test_a_request_that_proves_no_key_of_its_own_is_refused_with_the_reason(
    authority: Authority, request_pem: bytes, complaint: str
) -> None:
    with pytest.raises(CertificateError, match=complaint):
        authority.certify_request("btn-0123456789", request_pem, now=NOW)


def test_a_brokers_certificate_is_good_for_its_names_as_server_only(
    authority: Authority, tmp_path: Path
) -> None:
    names = ["127.0.0.1", "Broker-A.county.example", "0:0:0:0:0:0:0:1", "127.0.0.1"]
    broker = authority.certify_broker(names, now=NOW)
    usage = broker.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    broker.save(tmp_path / "crt", tmp_path / "key")
    assert names_in(tmp_path / "crt") == {"127.0.0.1", "broker-a.county.example", "::1"}


@pytest.mark.parametrize(
    "names",
    [
        [],
        [""],
        ["two words"],
        ["*.county.example"],
        ["-dash.example"],
        ["dash-.example"],
        ["a..b"],
        ["trailing.dot."],
        ["10.0.0.256"],
        ["umlaut-ä.example"],
        ["new\nline"],
        ["x" * 64 + ".example"],
        [".".join(["label"] * 50)],
        [f"broker-{n}" for n in range(21)],
    ],
)
def test_a_broker_is_certified_only_for_names_one_can_reach(names: list[str]) -> None:
    with pytest.raises(CertificateError):
        broker_names(names)


@pytest.mark.parametrize(
    "name", ["", "+", "#", "btn-+", "a/b", "BTN-0123456789", "a b", "ä", "a\n", "x" * 65]
)
def test_a_client_is_certified_only_under_a_name_an_acl_cannot_misread(
    authority: Authority, name: str
) -> None:
    with pytest.raises(CertificateError):
        authority.certify_client(name, now=NOW)


def test_an_authority_read_back_issues_for_the_same_deployment(
    authority: Authority, tmp_path: Path
) -> None:
    authority.save(tmp_path / "crt", tmp_path / "key")
    again = Authority.load(tmp_path / "crt", tmp_path / "key")
    issued = again.certify_client("server-1", now=NOW).certificate
    issued.verify_directly_issued_by(authority.certificate)


def pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes | None = None
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        (lambda: None, "can't be read: No such file"),
        (lambda: b"", "holds no private key"),
        (lambda: b"\x00\xff garbage", "holds no private key"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1()), b"secret"), "without a password"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "is not the key of"),
        (lambda: pem(rsa.generate_private_key(65537, 2048)), "another kind"),
    ],
)
def test_an_authority_without_its_own_key_is_refused_with_the_reason(
    authority: Authority, tmp_path: Path, key: Callable[[], bytes | None], complaint: str
) -> None:
    authority.save(tmp_path / "ca.crt", tmp_path / "unused")
    if (content := key()) is not None:
        (tmp_path / "ca.key").write_bytes(content)
    with pytest.raises(CertificateError, match=complaint):
        Authority.load(tmp_path / "ca.crt", tmp_path / "ca.key")


def test_an_authority_whose_certificate_is_no_certificate_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    authority.save(tmp_path / "ca.crt", tmp_path / "ca.key")
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    with pytest.raises(CertificateError, match="holds no certificate"):
        Authority.load(tmp_path / "ca.crt", tmp_path / "ca.key")


def test_keys_are_for_their_owner_alone_and_certificates_for_everybody(
    authority: Authority, tmp_path: Path
) -> None:
    authority.certify_client("server-1", now=NOW).save(tmp_path / "crt", tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "crt").stat().st_mode) == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crt", "key"]


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("the old key")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "key", b"the new key", mode=0o600)
    assert (tmp_path / "key").read_text() == "the old key"
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]


def test_no_repr_shows_a_key(authority: Authority, tmp_path: Path) -> None:
    issued = authority.certify_client("server-1", now=NOW)
    issued.save(tmp_path / "crt", tmp_path / "key")
    assert repr(issued) == "Certified('CN=server-1')"
    assert repr(authority) == "Authority('CN=Tocsin 48453')"


def test_a_client_context_trusts_this_authority_alone_and_asks_for_the_hosts_name(
    tmp_path: Path,
) -> None:
    authority = Authority.create("Tocsin 48453", now=datetime.now(UTC))
    authority.save(tmp_path / "ca.crt", tmp_path / "ca.key")
    authority.certify_client("server-1", now=datetime.now(UTC)).save(
        tmp_path / "crt", tmp_path / "key"
    )
    context = client_context(
        ca_file=tmp_path / "ca.crt",
        certificate_file=tmp_path / "crt",
        key_file=tmp_path / "key",
    )
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("spoilt", ["ca.crt", "crt", "key"])
@pytest.mark.parametrize("missing", [True, False])
def test_a_client_context_names_the_file_it_cannot_use(
    authority: Authority, tmp_path: Path, spoilt: str, missing: bool
) -> None:
    authority.save(tmp_path / "ca.crt", tmp_path / "ca.key")
    authority.certify_client("server-1", now=NOW).save(tmp_path / "crt", tmp_path / "key")
    (tmp_path / spoilt).unlink()
    if not missing:
        (tmp_path / spoilt).write_text("nonsense")
    with pytest.raises(CertificateError, match=str(tmp_path / spoilt)):
        client_context(
            ca_file=tmp_path / "ca.crt",
            certificate_file=tmp_path / "crt",
            key_file=tmp_path / "key",
        )
