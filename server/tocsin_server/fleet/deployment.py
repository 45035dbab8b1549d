"""A deployment's folder: what `tocsin init` and `tocsin device add` write.

Promise: a folder that `create_deployment` returns from runs as it stands: certificates, keys,
broker and server configuration. Nothing that exists is ever overwritten, and what was begun and
failed is taken away again. Secrets are readable by the folder's owner alone.

Refused: a folder that isn't empty; names that a certificate, an ACL or a topic could misread; a
button whose brokers' names aren't in the broker's certificate, for it could never connect.
"""

import ipaddress
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from tocsin_server.channels import vapid
from tocsin_server.fleet import certificates, revocation_list
from tocsin_server.fleet.certificates import (
    AUTHORITY_VALID,
    PRIVATE,
    PUBLIC,
    Authority,
    CertificateError,
    DeploymentError,
    write_new,
)
from tocsin_wire import topics
from tocsin_wire.signing import SigningKey, dump_keys, load_keys

REPLICAS_MAX = 9  # broker_config/mosquitto/acl names server-1 to server-9
BROKERS_MAX = 8  # a button keeps a connection to each
COMMAND_KEYS = "command_keys.json"  # the public half of ca/command.key, which is on no server
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TEXT_MAX = 500  # of a DSN or a URL

_LISTENER = re.compile(r"(?m)^listener[ \t].*$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FOLDER_MODE = 0o700

_SERVER_CONFIG = """\
replica_id = "server-1"
listen = {listen}
public_url = {public_url}           # as responders' phones and Twilio see it

[database]
dsn = {dsn}
{brokers}
[mqtt]
ca_file = "ca/ca.crt"
certificate_file = "server/server-1.crt"
certificate_key_file = "server/server-1.key"

[authority]                 # certifies buttons; the root's key, ca/ca.key, is needed by nobody here
certificate_file = "ca/issuing.crt"
key_file = "ca/issuing.key"

# [buttons]                 # where they reach the brokers, if not where this server does
# brokers = ["mqtts://broker-a.example.org:8883"]

[keys]
receipt_key_file = "server/receipt.key"
receipt_keys_file = "server/receipt_keys.json"       # what buttons pin: this one, and the next
next_receipt_key_file = "server/next_receipt.key"    # needed by tocsin keys rotate alone

[push]                      # alerts in browsers: the same key on every server
vapid_key_file = "server/vapid.key"
# subject = "mailto:tocsin@example.org"   # whom browsers' makers write to, if not to public_url

# Without Twilio nobody is told by phone. Put the token into a file of its own.
# [twilio]
# account_sid = "AC..."
# auth_token_file = "server/twilio_token"
# from_number = "+15125550100"
# public = false            # if Twilio can't reach public_url; the rest is in docs/operations.md

# [email]
# host = "mail.example.org"
# port = 587
# tls = "starttls"          # or "implicit"; "none" on this machine alone
# username = "tocsin"
# password_file = "server/email_password"
# from_address = "tocsin@example.org"

# Webhooks go to https:// on the internet alone, unless more is allowed: see docs/operations.md.
# [hooks]
# allow_private = true        # to this server's own network, too
# ca_file = "county_ca.crt"   # certificates of the county's own authority are good, too

# Where this server says every 30 s that all is well: somebody outside notices when it doesn't.
# [dead_man]
# url_file = "server/dead_man_url"

# Streets on the map: a county's own extract of OpenStreetMap (docs/operations.md).
# [map]
# pmtiles_file = "county.pmtiles"
"""

_BUTTON_CONFIG = """\
device_id = {device_id}
jurisdiction = {jurisdiction}
brokers = [{brokers}]
state_dir = {state_dir}
press_key_file = "press.key"
certificate_file = "client.crt"
certificate_key_file = "client.key"
ca_file = "ca.crt"
receipt_keys_file = "receipt_keys.json"

[pins]                     # BCM numbers; a pin that is absent isn't used
button_no = 17             # normally open contact to ground, pull-up
button_nc = 27             # normally closed contact to ground, pull-up
lamp = 22                  # drives the lamp through a transistor
lamp_active_high = true

[behaviour]
armed_blip = false         # a faint blip every 10 s while all is well
hold_is_cancel = false     # holding the button cancels the press it began with
"""


@dataclass(frozen=True, slots=True)
class NewDevice:
    """What the database must know of a device to believe it, and where its files are."""

    device_id: str
    jurisdiction: str
    kid: str
    public_key: bytes  # 32 bytes, Ed25519
    certificate: x509.Certificate
    folder: Path


def create_deployment(
    folder: Path,
    *,
    jurisdiction: str,
    broker_names: Sequence[str] = LOOPBACK,
    broker_port: int = 8883,
    broker_bind: str | None = None,
    brokers: Sequence[str] | None = None,
    replicas: int = 1,
    listen: str = "127.0.0.1:8480",
    public_url: str = "http://127.0.0.1:8480",
    dsn: str = "postgresql:///tocsin",
    now: datetime | None = None,
) -> Path:
    """Make a deployment in a new or empty folder; gives the path of its tocsin.toml.

    `broker_names` are the host names and addresses under which buttons and servers reach the
    brokers, `brokers` the URLs at which this server does (the first name, unless given).
    `replicas` are certified as server-1 and up. Raises DeploymentError.
    """
    now = now or datetime.now(UTC)
    _check_jurisdiction(jurisdiction)
    known = certificates.names_of(certificates.broker_names(broker_names))
    brokers = brokers or [f"mqtts://{_bracketed(broker_names[0])}:{broker_port}"]
    _check_brokers(brokers, known)
    if not 1 <= replicas <= REPLICAS_MAX:
        raise DeploymentError(f"a deployment has 1 to {REPLICAS_MAX} replicas, not {replicas}")
    config = _SERVER_CONFIG.format(
        listen=_toml(listen),
        public_url=_toml(public_url),
        dsn=_toml(dsn),
        brokers="".join(
            f"\n[[brokers]]\nurl = {_toml(url)}\npersistent = false\n" for url in brokers
        ),
    )
    with _new_contents(folder):
        root = Authority.create(f"Tocsin {jurisdiction}", now=now)
        authority = root.certify_issuing(f"Tocsin {jurisdiction} issuing", now=now)
        (ca := folder / "ca").mkdir(mode=_FOLDER_MODE)
        root.save(ca / "ca.crt", ca / "ca.key")
        authority.save(ca / "issuing.crt", ca / "issuing.key")
        command_key = SigningKey.generate()
        command_key.save(ca / "command.key")
        _write_broker(folder, authority, broker_names, port=broker_port, bind=broker_bind, now=now)
        write_new(folder / "broker" / "crl.pem", _empty_lists(root, authority, now), mode=PUBLIC)
        _write_server(folder / "server", authority, replicas=replicas, now=now)
        dump_keys(folder / "server" / COMMAND_KEYS, [command_key.public])
        (folder / "devices").mkdir(mode=_FOLDER_MODE)
        write_new(folder / "tocsin.toml", config.encode(), mode=PRIVATE)
    return folder / "tocsin.toml"


def add_device(
    folder: Path,
    *,
    jurisdiction: str,
    brokers: Sequence[str],
    clusters: Sequence[Sequence[str]] = (),
    device_id: str | None = None,
    now: datetime | None = None,
) -> NewDevice:
    """Make a button's keys, certificate and configuration in `devices/ID`, complete or not at all.

    `brokers` are the URLs at which the button reaches the brokers; each of `clusters` is a further
    one, by the URLs of all its nodes, which keeps the button's session. Raises DeploymentError.
    """
    now = now or datetime.now(UTC)
    if not (folder / "ca").is_dir():
        raise DeploymentError(f"{folder} is no deployment: make one with tocsin init {folder}")
    _check_jurisdiction(jurisdiction)
    broker_certificate = folder / "broker" / "broker.crt"  # may have moved to its own machine
    known = certificates.names_in(broker_certificate) if broker_certificate.exists() else None
    _check_brokers([*brokers, *(node for nodes in clusters for node in nodes)], known)
    device_id = device_id or topics.new_device_id()
    check_device_id(device_id)
    final = folder / "devices" / device_id
    if final.exists():
        raise DeploymentError(f"{final} exists already: a device id is given only once")
    authority = issuing_authority(folder)
    press_key = SigningKey.generate()
    config = button_config(
        device_id=device_id, jurisdiction=jurisdiction, brokers=brokers, clusters=clusters
    )
    begun = final.with_name(f".{device_id}.new")
    with _new_contents(begun):
        press_key.save(begun / "press.key")
        client = authority.certify_client(device_id, now=now)
        client.save(begun / "client.crt", begun / "client.key")
        _copy(folder / "ca" / "ca.crt", begun / "ca.crt")
        _copy_keys(folder / "server" / "receipt_keys.json", begun / "receipt_keys.json")
        if (folder / "server" / COMMAND_KEYS).exists():  # an older deployment has none
            _copy_keys(folder / "server" / COMMAND_KEYS, begun / COMMAND_KEYS)
        write_new(begun / "button.toml", config.encode(), mode=PUBLIC)
        begun.rename(final)
    return NewDevice(
        device_id=device_id,
        jurisdiction=jurisdiction,
        kid=press_key.kid,
        public_key=press_key.public.raw,
        certificate=client.certificate,
        folder=final,
    )


def button_config(
    *,
    device_id: str,
    jurisdiction: str,
    brokers: Sequence[str],
    clusters: Sequence[Sequence[str]] = (),
    state_dir: str = "state",
) -> str:
    """Write a button.toml. Raises DeploymentError for what no button could use."""
    _check_brokers([*brokers, *(node for nodes in clusters for node in nodes)], None)
    return _BUTTON_CONFIG.format(
        device_id=_toml(device_id),
        jurisdiction=_toml(jurisdiction),
        brokers=", ".join([*map(_toml, brokers), *map(_cluster, clusters)]),
        state_dir=_toml(state_dir),
    )


def check_device_id(text: str) -> None:
    """Make sure that this is how a button can be called. Raises DeploymentError."""
    if not topics.is_device_id(text):
        raise DeploymentError(
            f"{text[:80]!r} is no device id: btn- and 10 of 0-9 and a-z without i, l, o, u"
        )


def issuing_authority(folder: Path) -> Authority:
    """Read who certifies everybody in this deployment. Raises CertificateError."""
    return Authority.load(folder / "ca" / "issuing.crt", folder / "ca" / "issuing.key")


def configure_listener(text: str, *, port: int, bind: str | None = None) -> str:
    """Change the one listener line of a mosquitto.conf, and nothing else.

    `bind` is an IP address, or None for all of them. Raises DeploymentError.
    """
    if not 0 < port < 65536:
        raise DeploymentError(f"{port} is no TCP port: give one between 1 and 65535")
    if bind is not None:
        try:
            ipaddress.ip_address(bind)
        except ValueError:
            raise DeploymentError(f"{bind!r} is no IP address to listen on") from None
    if (lines := len(_LISTENER.findall(text))) != 1:
        raise DeploymentError(f"expected one `listener` line in mosquitto.conf, found {lines}")
    line = f"listener {port}" if bind is None else f"listener {port} {bind}"
    return _LISTENER.sub(line, text)


def broker_config() -> Path:
    """Find the shipped Mosquitto files: mosquitto.conf and acl."""
    found = Path(__file__).resolve().parents[3] / "broker_config" / "mosquitto"
    if not (found / "mosquitto.conf").is_file():
        raise DeploymentError(
            f"the broker's configuration isn't at {found}: run Tocsin from its repository"
        )
    return found


def _write_broker(
    folder: Path,
    authority: Authority,
    names: Iterable[str],
    *,
    port: int,
    bind: str | None,
    now: datetime,
) -> None:
    shipped = broker_config()
    (broker := folder / "broker").mkdir(mode=_FOLDER_MODE)
    authority.certify_broker(names, now=now).save(broker / "broker.crt", broker / "broker.key")
    _copy(folder / "ca" / "ca.crt", broker / "ca.crt")
    _copy(shipped / "acl", broker / "acl")
    config = configure_listener((shipped / "mosquitto.conf").read_text(), port=port, bind=bind)
    write_new(broker / "mosquitto.conf", config.encode(), mode=PUBLIC)


def _empty_lists(root: Authority, authority: Authority, now: datetime) -> bytes:
    """Nothing is revoked yet. The root's key is put away: its list lasts as long as itself."""
    number = revocation_list.next_number(None, now=now)
    of_root = revocation_list.sign(root, [], number=number, now=now, valid=AUTHORITY_VALID)
    return of_root + revocation_list.sign(authority, [], number=number, now=now)


def _write_server(server: Path, authority: Authority, *, replicas: int, now: datetime) -> None:
    server.mkdir(mode=_FOLDER_MODE)
    for n in range(1, replicas + 1):
        replica = authority.certify_client(f"server-{n}", now=now)
        replica.save(server / f"server-{n}.crt", server / f"server-{n}.key")
    current, successor = SigningKey.generate(), SigningKey.generate()
    current.save(server / "receipt.key")
    write_new(server / "vapid.key", vapid.new_key(), mode=PRIVATE)
    successor.save(server / "next_receipt.key")
    dump_keys(server / "receipt_keys.json", [current.public, successor.public])


def _copy_keys(source: Path, target: Path) -> None:
    """A button pins what it gets here, so it is read once before it is believed."""
    try:
        keys = load_keys(source)
    except OSError as error:
        raise DeploymentError(f"{source} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise DeploymentError(str(error)) from None
    dump_keys(target, keys.values())


def _copy(source: Path, target: Path) -> None:
    write_new(target, source.read_bytes(), mode=PUBLIC)


@contextmanager
def _new_contents(folder: Path) -> Iterator[None]:
    """Fill a new or empty folder, or leave it as it was; trouble with files is explained."""
    created = not folder.exists()
    try:
        if created:
            folder.mkdir(mode=_FOLDER_MODE, parents=True)
        elif any(folder.iterdir()):
            raise DeploymentError(f"{folder} isn't empty: choose a new or an empty folder")
    except OSError as error:
        raise DeploymentError(f"{folder} can't be used: {error.strerror}") from None
    try:
        yield
    except BaseException as error:
        _take_away(folder, itself=created)
        if isinstance(error, OSError):
            where = f" ({error.filename})" if error.filename else ""
            raise DeploymentError(
                f"can't write into {folder}: {error.strerror or error}{where}"
            ) from None
        raise


def _take_away(folder: Path, *, itself: bool) -> None:
    """Only ever called for what was made a moment ago."""
    if itself:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for child in folder.iterdir():
        if child.is_dir():
            shutil.rmtree(child, ignore_errors=True)
        else:
            child.unlink(missing_ok=True)


def _check_jurisdiction(jurisdiction: str) -> None:
    if not topics.is_jurisdiction(jurisdiction):
        raise DeploymentError(
            f"{jurisdiction[:80]!r} is no jurisdiction: use 1 to 40 of a-z, 0-9 and -, "
            "such as a county's FIPS code; 'server' is taken"
        )


def _check_brokers(brokers: Sequence[str], known: set[str] | None) -> None:
    """`known`: the names the broker's certificate is good for, where that can be told."""
    if not 1 <= len(brokers) <= BROKERS_MAX:
        raise DeploymentError(f"give 1 to {BROKERS_MAX} broker URLs, not {len(brokers)}")
    if len(set(brokers)) != len(brokers):
        raise DeploymentError("the same broker is given twice")
    for url in brokers:
        host = _host_of(url)
        if known is not None and url.startswith("mqtts:") and host not in known:
            raise DeploymentError(
                f"the broker's certificate isn't good for {host!r}, so nobody could connect to "
                f"{url}; it is for {', '.join(sorted(known))}"
            )


def _host_of(url: str) -> str:
    """Give the host of a broker's URL, as certificates spell it."""
    _check_text(url)
    try:
        parts = urlsplit(url)
        fits = (
            parts.scheme in ("mqtts", "wss")
            and parts.port != 0
            and not (parts.username or parts.password or parts.query or parts.fragment)
            and (parts.scheme == "wss" or parts.path in ("", "/"))
        )
        names = certificates.broker_names([parts.hostname or ""])
    except (ValueError, CertificateError):
        fits = False
    if not fits:
        raise DeploymentError(
            f"{url!r} is no broker URL: use mqtts://HOST:8883, or wss://HOST/PATH through a proxy"
        )
    return certificates.names_of(names).pop()


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _check_text(text: str) -> None:
    if not 0 < len(text) <= TEXT_MAX or _CONTROL.search(text):
        raise DeploymentError(
            f"{text[:80]!r} can't be written into a configuration file: "
            f"1 to {TEXT_MAX} characters on one line"
        )


def _cluster(nodes: Sequence[str]) -> str:
    url, *others = map(_toml, nodes)
    return f"{{url = {url}, other_nodes = [{', '.join(others)}], persistent = true}}"


def _toml(text: str) -> str:
    """Quote a TOML basic string; JSON's escapes are all TOML's, once there is no control."""
    _check_text(text)
    return json.dumps(text, ensure_ascii=False)
