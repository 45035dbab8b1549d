"""The server's configuration: one TOML file, read once, with secrets kept in files of their own.

Every error names the file, the key, and what to write there. Secrets are in no repr.
"""

import ipaddress
import math
import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from tocsin_server import inputs
from tocsin_server.errors import Invalid
from tocsin_wire.errors import MalformedTopic
from tocsin_wire.topics import pulse_topic

CONFIG_BYTES_MAX = 16 * 1024  # ten times what init writes; endless nesting needs more
BROKERS_MAX = 4  # two independent ones are the normal installation
PORT_MAX = 65535
OLDER_TOKENS_MAX = 3  # Twilio itself has a primary and a secondary one
# Twilio takes a validity period of 1 s to 36000 s, and recommends more than 5 s.
VALIDITY_S_MIN = 10
VALIDITY_S_MAX = 36_000
TWILIO_URL = "https://api.twilio.com"
DEAD_MAN_S_MIN = 1.0  # less is of no use to whoever waits a minute
DEAD_MAN_S_MAX = 600.0  # more, and nobody hears of a dead system for a quarter of an hour
LOCK_AFTER_S_MIN = 60.0  # less locks the screen of whoever reads a long record
LOCK_AFTER_S_MAX = 57_600.0  # no session lasts longer
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_PLACE = re.compile(r"[a-z][a-z0-9-]{0,30}")


class ConfigError(Exception):
    """The configuration can't be used; the text says what to change."""


class Secret:
    """A text that is only ever shown to the part that needs it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; a misspelt key is an error and no silence."""


class DatabaseConfig(Section, frozen=True, kw_only=True):
    """Where PostgreSQL is: `dsn`, or `dsn_file` where it holds a password."""

    dsn: str | None = None
    dsn_file: str | None = None

    def __repr__(self) -> str:
        return "DatabaseConfig(…)"


class BrokerConfig(Section, frozen=True, kw_only=True):
    """One broker. `persistent` only where a RabbitMQ cluster keeps quorum sessions.

    `other_nodes` are the further addresses of that cluster: one connection at a time, to the next
    node whenever this one fails.
    """

    url: str
    persistent: bool = False
    other_nodes: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """Give every address."""
        return (self.url, *self.other_nodes)


class MqttConfig(Section, frozen=True, kw_only=True):
    """How this replica proves itself to the brokers."""

    ca_file: str | None = None
    certificate_file: str | None = None
    certificate_key_file: str | None = None


class AuthorityConfig(Section, frozen=True, kw_only=True):
    """Who certifies the buttons that are claimed here. Without it none can be."""

    certificate_file: str
    key_file: str


class ButtonsConfig(Section, frozen=True, kw_only=True):
    """Where new buttons reach the brokers, where that isn't where this server does."""

    brokers: tuple[str | BrokerConfig, ...] = ()


class KeysConfig(Section, frozen=True, kw_only=True):
    """The key that signs receipts, and what buttons pin: its public half and its successor's.

    The successor itself is needed for the next rotation only, and may lie in a safe until then;
    `next_receipt_key_file` is where it lies as long as it is here. `command_keys_file` holds the
    public half of the offline key; a deployment of an earlier release has none.
    """

    receipt_key_file: str
    next_receipt_key_file: str | None = None
    receipt_keys_file: str = "server/receipt_keys.json"
    command_keys_file: str = "server/command_keys.json"


class TwilioAccountConfig(Section, frozen=True, kw_only=True):
    """One account and the number it sends from. `api_url` is Twilio's unless a test speaks for it.

    `messaging_service_sid`: texts go through that service, which chooses among its numbers; calls
    always come from `from_number`. While a token is rotated, `older_auth_token_files` still verify.
    """

    account_sid: str
    auth_token_file: str
    from_number: str
    older_auth_token_files: tuple[str, ...] = ()
    messaging_service_sid: str | None = None
    api_url: str = TWILIO_URL
    edge: str | None = None
    region: str | None = None


class TwilioConfig(TwilioAccountConfig, frozen=True, kw_only=True):
    """The account that texts and calls.

    `validity_s`: a text that has not left Twilio by then is not sent: the tier is told again by
    then, and an old call for help misleads. `public` false: Twilio can't reach this server, so
    replies and reports are fetched. `balance_min`: below it, in the account's currency, the auditor
    says so; a thousand texts to the United States cost about half of the default.
    `look_up_numbers`: once a day, whether each number takes texts at all, for about a cent each.
    """

    validity_s: int = 300
    public: bool = True
    balance_min: float = 25.0
    look_up_numbers: bool = True


class EmailConfig(Section, frozen=True, kw_only=True):
    """The mail server that takes our mail. `tls` none is for one on this machine alone.

    `ca_file` is for a mail server whose certificate the machine itself does not know.
    """

    host: str
    from_address: str
    port: int = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str | None = None
    password_file: str | None = None
    reply_to: str | None = None
    ca_file: str | None = None


class PushConfig(Section, frozen=True, kw_only=True):
    """How this deployment proves itself to the push services of browsers' makers.

    `subject` is whom they write to (mailto: or https:), `public_url` unless given. `services` are
    hosts, and every host below them, to which a browser may have us send; or the origin of one on
    a test's own machine, as http://127.0.0.1:8481.
    """

    vapid_key_file: str
    subject: str | None = None
    services: tuple[str, ...] = (
        "fcm.googleapis.com",  # Chrome, Edge on Android, Samsung
        "push.services.mozilla.com",  # Firefox
        "push.apple.com",  # Safari
        "notify.windows.com",  # Edge
    )


class HooksConfig(Section, frozen=True, kw_only=True):
    """Where webhooks may go: to the internet over https:// unless more is allowed.

    `allow_private`: to the server's own network as well. `allow_http`: without TLS to a program on
    this very machine. `ca_file`: certificates of a county's own authority, besides the public ones.
    """

    allow_private: bool = False
    allow_http: bool = False
    ca_file: str | None = None


class SignInConfig(Section, frozen=True, kw_only=True):
    """How people sign in. `second_factor` required: until one is set up, nothing else is open.

    `lock_after_s`: a page that nobody touches for so long locks its session; 0: none does.
    """

    second_factor: Literal["offered", "required"] = "offered"
    lock_after_s: float = 1800.0


class MapConfig(Section, frozen=True, kw_only=True):
    """What the map shows besides outlines: streets, from a file of Protomaps' vector tiles."""

    pmtiles_file: str | None = None


class DeadManConfig(Section, frozen=True, kw_only=True):
    """Where this replica says that all is well: `url_file`, or `url` where it is no secret.

    Whoever knows the address can say so in its place. Each replica has one of its own.
    """

    url: str | None = None
    url_file: str | None = None
    every_s: float = 30.0

    def __repr__(self) -> str:
        return "DeadManConfig(…)"


class Config(Section, frozen=True, kw_only=True):
    """The whole file. `folder` is where it lies; relative paths start there."""

    replica_id: str
    public_url: str
    database: DatabaseConfig
    brokers: list[BrokerConfig]
    keys: KeysConfig
    listen: str = "127.0.0.1:8480"
    mqtt: MqttConfig = MqttConfig()
    authority: AuthorityConfig | None = None
    buttons: ButtonsConfig = ButtonsConfig()
    twilio: TwilioConfig | None = None
    email: EmailConfig | None = None
    push: PushConfig | None = None
    twilio_second: TwilioAccountConfig | None = None
    hooks: HooksConfig = HooksConfig()
    dead_man: DeadManConfig | None = None
    sign_in: SignInConfig = SignInConfig()
    map: MapConfig = MapConfig()
    folder: str = "."

    def path(self, name: str) -> Path:
        """Give a file that the configuration names."""
        return Path(self.folder) / name

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Give where the pages and the API are served."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def button_brokers(self) -> tuple[list[str], list[tuple[str, ...]]]:
        """Give a new button's brokers, and its clusters: each by the URLs of all its nodes."""
        named = [
            each if isinstance(each, BrokerConfig) else BrokerConfig(url=each)
            for each in self.buttons.brokers or self.brokers
        ]
        return (
            [broker.url for broker in named if not broker.persistent],
            [broker.nodes for broker in named if broker.persistent],
        )

    @property
    def twilio_accounts(self) -> dict[str, TwilioAccountConfig]:
        """Give the accounts by their table's name, the first one first."""
        both = {"twilio": self.twilio, "twilio_second": self.twilio_second}
        return {name: account for name, account in both.items() if account is not None}

    @property
    def token_files(self) -> dict[str, str]:
        """Give the files of all tokens by their key, numbered where a key has several."""
        return {
            key: file
            for name, account in self.twilio_accounts.items()
            for key, file in (
                (f"{name}.auth_token_file", account.auth_token_file),
                *(
                    (f"{name}.older_auth_token_files, no. {number}", older)
                    for number, older in enumerate(account.older_auth_token_files, start=1)
                ),
            )
        }

    def dsn(self) -> str:
        """Give the database's address. Raises ConfigError."""
        if self.database.dsn:
            return self.database.dsn
        return self.secret("database.dsn_file", self.database.dsn_file or "").reveal()

    def dead_man_url(self) -> Secret | None:
        """Give the address outside, if there is one. Raises ConfigError."""
        if self.dead_man is None:
            return None
        named = self.dead_man
        url = (
            Secret(named.url)
            if named.url
            else self.secret("dead_man.url_file", named.url_file or "")
        )
        if not _is_web_address(url.reveal()):
            raise ConfigError(
                "dead_man: the address is no http:// or https:// URL; copy the one that the"
                " service outside gave you, alone on one line"
            )
        return url

    def secret(self, key: str, name: str) -> Secret:
        """Read a secret from its file. Raises ConfigError."""
        try:
            return Secret(self.path(name).read_text().strip())
        except OSError as error:
            raise ConfigError(f"{key}: can't read {name}: {error.strerror}") from None
        except ValueError:
            raise ConfigError(f"{key}: {name!r} names no file of text") from None


def load_config(path: Path) -> Config:
    """Read a configuration file. Raises ConfigError with one line that says what to do."""
    try:
        config = msgspec.toml.decode(_read(path), type=Config)
    except OSError as error:
        raise ConfigError(
            f"can't read {path}: {error.strerror}; name the file with --config or TOCSIN_CONFIG"
        ) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from None
    config = msgspec.structs.replace(config, folder=str(path.resolve().parent))
    try:
        _check(config)
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from None
    return config


def config_path(named: str | None) -> Path:
    """Find the file: what was named, else TOCSIN_CONFIG. Raises ConfigError."""
    path = named or os.environ.get("TOCSIN_CONFIG")
    if not path:
        raise ConfigError("no configuration: name the file with --config or TOCSIN_CONFIG")
    return Path(path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(CONFIG_BYTES_MAX + 1)
    if len(content) > CONFIG_BYTES_MAX:
        raise ConfigError(f"{path}: a configuration has at most {CONFIG_BYTES_MAX} bytes")
    return content


def _url(key: str, text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        good = url.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"{key}: {text!r} is no URL with a host and a port from 1 to 65535")
    return url


def _is_web_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def _check_dead_man(named: DeadManConfig) -> None:
    if bool(named.url) == bool(named.url_file):
        raise ConfigError("dead_man: set url_file, or url, and not both")
    if not DEAD_MAN_S_MIN <= named.every_s <= DEAD_MAN_S_MAX:
        raise ConfigError(
            f"dead_man.every_s: {DEAD_MAN_S_MIN:g} to {DEAD_MAN_S_MAX:g} seconds are possible, not"
            f" {named.every_s:g}"
        )


def _check_sign_in(named: SignInConfig) -> None:
    after_s = named.lock_after_s
    if after_s and not LOCK_AFTER_S_MIN <= after_s <= LOCK_AFTER_S_MAX:
        raise ConfigError(
            f"sign_in.lock_after_s: 0 (never), or {LOCK_AFTER_S_MIN:g} to {LOCK_AFTER_S_MAX:g}"
            f" seconds are possible, not {after_s:g}"
        )


def _check(config: Config) -> None:
    try:
        pulse_topic(config.replica_id)
    except MalformedTopic as error:
        raise ConfigError(f"replica_id: {error}") from None
    if not re.fullmatch(r".+:[0-9]{1,5}", config.listen) or config.host_and_port[1] > PORT_MAX:
        raise ConfigError(f"listen: {config.listen!r} is not host:port")
    if _url("public_url", config.public_url).scheme not in {"http", "https"}:
        raise ConfigError("public_url: use the https:// address that phones and Twilio can reach")
    if bool(config.database.dsn) == bool(config.database.dsn_file):
        raise ConfigError("database: set dsn, or dsn_file, and not both")
    _check_brokers(config)
    _check_sign_in(config.sign_in)
    if config.twilio and not _PHONE.fullmatch(config.twilio.from_number):
        raise ConfigError("twilio.from_number: write it as +15125550100")
    if config.email:
        _check_email(config.email)
    if config.push:
        _check_push(config.push)


def _check_brokers(config: Config) -> None:
    if not 1 <= len(config.brokers) <= BROKERS_MAX:
        raise ConfigError(f"brokers: 1 to {BROKERS_MAX} are possible, {len(config.brokers)} given")
    nodes = [node for broker in config.brokers for node in broker.nodes]
    if len(set(nodes)) < len(nodes):
        raise ConfigError("brokers: the same address is given twice: name each once")
    for node in nodes:
        url = _url("brokers.url", node)
        if url.scheme not in {"mqtt", "mqtts"} or not url.hostname:
            raise ConfigError(f"brokers.url: {node!r} is not mqtts://host:port")
        mqtt = config.mqtt
        if url.scheme == "mqtts" and not (
            mqtt.ca_file and mqtt.certificate_file and mqtt.certificate_key_file
        ):
            raise ConfigError(
                "mqtt: mqtts:// needs ca_file, certificate_file and certificate_key_file,"
                " as tocsin init writes them"
            )
    _check_twilio(config)
    if config.dead_man:
        _check_dead_man(config.dead_man)


def _check_twilio(config: Config) -> None:
    for name, account in config.twilio_accounts.items():
        _check_account(name, account)
    first, second = config.twilio, config.twilio_second
    if first is None:
        if second is not None:
            raise ConfigError("twilio_second: it steps in for [twilio], which is missing: add it")
        return
    if not VALIDITY_S_MIN <= first.validity_s <= VALIDITY_S_MAX:
        raise ConfigError(
            f"twilio.validity_s: {first.validity_s} is not possible:"
            f" give {VALIDITY_S_MIN} to {VALIDITY_S_MAX} seconds"
        )
    if not 0 <= first.balance_min < math.inf:
        raise ConfigError("twilio.balance_min: give an amount of money, 0 or more")
    if second is not None and (first.account_sid, first.from_number) == (
        second.account_sid,
        second.from_number,
    ):
        raise ConfigError(
            "twilio_second: it is the account and number of [twilio] once more:"
            " give another number, better of another account"
        )


def _check_account(name: str, account: TwilioAccountConfig) -> None:
    if not _ACCOUNT.fullmatch(account.account_sid):
        raise ConfigError(f"{name}.account_sid: write the AC and 32 digits of Twilio's console")
    if not _PHONE.fullmatch(account.from_number):
        raise ConfigError(f"{name}.from_number: write it as +15125550100")
    service = account.messaging_service_sid
    if service is not None and not _SERVICE.fullmatch(service):
        raise ConfigError(f"{name}.messaging_service_sid: write its MG and 32 digits, or leave it")
    if len(account.older_auth_token_files) > OLDER_TOKENS_MAX:
        raise ConfigError(
            f"{name}.older_auth_token_files: at most {OLDER_TOKENS_MAX}:"
            " take out those that Twilio no longer signs with"
        )
    url = _url(f"{name}.api_url", account.api_url)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path not in {"", "/"}:
        raise ConfigError(f"{name}.api_url: {account.api_url!r} is not https://host")
    for key, place in (("edge", account.edge), ("region", account.region)):
        if place is not None and not _PLACE.fullmatch(place):
            raise ConfigError(f"{name}.{key}: {place!r} is not a name such as dublin or ie1")
    if account.region not in {None, "us1"} and account.edge is None:
        # https://www.twilio.com/docs/global-infrastructure: PRODUCT.REGION.twilio.com is no more.
        raise ConfigError(
            f"{name}.region: {account.region!r} needs an edge as well, such as dublin"
        )


def _check_email(email: EmailConfig) -> None:
    for key, address in ("from_address", email.from_address), ("reply_to", email.reply_to):
        try:
            inputs.email(address or email.from_address)
        except Invalid as error:
            raise ConfigError(f"email.{key}: {error}") from None
    if not 0 < email.port <= PORT_MAX:
        raise ConfigError(f"email.port: {email.port} is no port: use 1 to {PORT_MAX}")
    if not email.host or not email.host.isprintable() or " " in email.host:
        raise ConfigError(f"email.host: {email.host!r} names no mail server")
    if email.tls == "none" and not _is_loopback(email.host):
        raise ConfigError(
            "email.tls: none is for a mail server on this machine (127.0.0.1): what alerts say,"
            " and the password, would cross the network readable; use starttls or implicit"
        )
    if bool(email.username) != bool(email.password_file):
        raise ConfigError("email: set username and password_file, or neither")


def _check_push(push: PushConfig) -> None:
    if push.subject is None:
        return
    url = _url("push.subject", push.subject)
    if url.scheme not in {"mailto", "https"} or not (url.netloc or url.path):
        raise ConfigError("push.subject: write it as mailto:tocsin@example.org")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
