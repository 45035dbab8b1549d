"""Config: `button.toml`, read once, checked whole.

Every bad value gets one line that names the file, the key and what to do. Paths are
relative to the file's folder. Secrets are files; this module reads none of them.
"""

import difflib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar, get_type_hints
from urllib.parse import SplitResult, urlsplit

import msgspec

from tocsin_button.errors import BadConfig
from tocsin_wire import topics
from tocsin_wire.messages import BROKERS_MAX, OTHER_NODES_MAX

DEFAULT_FILE = Path("/etc/tocsin/button.toml")
ENVIRONMENT = "TOCSIN_BUTTON_CONFIG"
CONFIG_BYTES_MAX = 16 * 1024  # ten times what device add writes; endless nesting needs more
HOLD_S_MAX = 30.0
DOUBLE_WITHIN_S_MAX = 3.0
PIN_MAX = 27  # the 40-pin header carries GPIO 0 to 27

T = TypeVar("T", bound=msgspec.Struct)

# scheme: (TLS, WebSocket, default port)
SCHEMES = {
    "mqtts": (True, False, 8883),
    "wss": (True, True, 443),
    "mqtt": (False, False, 1883),
}


class Broker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One broker; `persistent` keeps the session there (a RabbitMQ cluster needs it).

    `other_nodes` are further addresses of the *same* broker, a cluster: one connection at a time,
    to the next one whenever this one fails. (As brokers of their own they would each put out this
    button's connection to the others.)
    """

    url: str
    persistent: bool = False
    other_nodes: tuple[str, ...] = ()

    @property
    def nodes(self) -> "tuple[Broker, ...]":
        """Every address, each as a broker of one node."""
        return tuple(
            Broker(url=url, persistent=self.persistent) for url in (self.url, *self.other_nodes)
        )

    @property
    def parts(self) -> SplitResult:
        """The URL, taken apart."""
        return urlsplit(self.url)

    @property
    def tls(self) -> bool:
        """Whether the link is encrypted and certified."""
        return SCHEMES[self.parts.scheme][0]

    @property
    def websocket(self) -> bool:
        """Whether MQTT is carried by a WebSocket."""
        return SCHEMES[self.parts.scheme][1]

    @property
    def host(self) -> str:
        """The broker's name, as its certificate has it."""
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        """The port, or the scheme's own."""
        return self.parts.port or SCHEMES[self.parts.scheme][2]


class Pins(msgspec.Struct, frozen=True, kw_only=True):
    """BCM numbers; a pin that is absent isn't used. hardware/ draws `DEFAULT_PINS`."""

    button_no: int | None = None
    button_nc: int | None = None
    lamp: int | None = None
    tamper: int | None = None
    assist: int | None = None
    lamp_active_high: bool = True


DEFAULT_PINS = Pins(button_no=17, button_nc=27, lamp=22)
SUGGESTED_TAMPER_PIN = 23
SUGGESTED_ASSIST_PIN = 24


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What a jurisdiction may choose."""

    armed_blip: bool = False
    hold_is_cancel: bool = False
    hold_s: float = 3.0
    double_within_s: float = 0.8


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`button.toml` as it was read; `file` is where.

    `named_brokers`: those of the file, where others are in force (`reconfigured`).
    """

    file: Path
    named_brokers: tuple[Broker, ...] | None = None
    device_id: str
    jurisdiction: str
    brokers: tuple[Broker, ...]
    state_dir: str = "state"
    press_key_file: str = "press.key"
    certificate_file: str = "client.crt"
    certificate_key_file: str = "client.key"
    ca_file: str = "ca.crt"
    receipt_keys_file: str = "receipt_keys.json"
    site_key_file: str | None = None
    proxy: str | None = None
    pins: Pins = DEFAULT_PINS
    behaviour: Behaviour = Behaviour()

    def path(self, name: str) -> Path:
        """Resolve a file name of this config against its folder."""
        return self.file.parent / name

    @property
    def state_path(self) -> Path:
        """The folder for the outbox, the lock and the control socket."""
        return self.path(self.state_dir)

    @property
    def control_path(self) -> Path:
        """The running agent's socket."""
        return self.state_path / "control.sock"

    @property
    def digest(self) -> str:
        """Name what the file says, wherever its folder lies; drift shows in the heartbeat.

        What is as it always is isn't named: a release with one more setting is no drift.
        """
        content = msgspec.to_builtins(_chosen(self.as_named()), enc_hook=str)
        del content["file"]
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]

    def as_named(self) -> "Config":
        """Give what the file says."""
        if self.named_brokers is None:
            return self
        return msgspec.structs.replace(self, brokers=self.named_brokers, named_brokers=None)

    def with_brokers(self, brokers: tuple[Broker, ...]) -> "Config":
        """Put others in the place of those that the file names."""
        named = self.as_named().brokers
        return msgspec.structs.replace(self, brokers=brokers, named_brokers=named)


def _chosen(value: object) -> object:
    """Give the settings that are not what they are by themselves."""
    if isinstance(value, tuple):
        return [_chosen(each) for each in value]
    if not isinstance(value, msgspec.Struct):
        return value
    named = [(field, getattr(value, field.name)) for field in msgspec.structs.fields(value)]
    return {field.name: _chosen(given) for field, given in named if given != field.default}


def find(given: Path | None) -> Path:
    """Say which file to read: the given one, the environment's, or the system's."""
    return given or Path(os.environ.get(ENVIRONMENT) or DEFAULT_FILE)


def load(file: Path) -> Config:
    """Read and check a config. Raises BadConfig with a line for everything that is wrong."""
    try:
        table = msgspec.toml.decode(_read(file), type=dict[str, object])
    except OSError as error:
        raise BadConfig(
            [
                f"{file}: {error.strerror}: name the file with --config, or copy the folder here "
                "that 'tocsin device add' made"
            ]
        ) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadConfig([f"{file}: not TOML: {error}: correct that line"]) from None
    file = file.absolute()
    problems: list[str] = []
    brokers = read_brokers(table.pop("brokers", []), problems)
    pins = _read_table(Pins, table.pop("pins", None), "pins.", problems)
    behaviour = _read_table(Behaviour, table.pop("behaviour", None), "behaviour.", problems)
    top = _read_fields(Config, table, "", problems)
    top |= {"file": file, "brokers": brokers}
    top |= {} if pins is None else {"pins": pins}
    top |= {} if behaviour is None else {"behaviour": behaviour}
    problems += [
        f"{key}: is missing: copy it from the folder that 'tocsin device add' made"
        for key in ("device_id", "jurisdiction")
        if key not in table
    ]
    if not problems:
        config = msgspec.convert(top, type=Config)
        problems += _check(config)
        if not problems:
            return config
    raise BadConfig([f"{file}: {problem}" for problem in problems])


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        content = opened.read(CONFIG_BYTES_MAX + 1)
    if len(content) > CONFIG_BYTES_MAX:
        raise BadConfig([f"{file}: it has more than {CONFIG_BYTES_MAX} bytes: shorten it"])
    return content


def read_brokers(value: object, problems: list[str]) -> tuple[Broker, ...]:
    """Read a list of brokers; what is wrong with it is added to the problems."""
    try:
        found = msgspec.convert(value, type=list[str | Broker])
    except msgspec.ValidationError as error:
        problems.append(f'brokers: {error}: write brokers = ["mqtts://broker.example:8883"]')
        return ()
    brokers = tuple(each if isinstance(each, Broker) else Broker(url=each) for each in found)
    nodes = [node for broker in brokers for node in broker.nodes]
    for node in nodes:
        problem = _broker_problem(node)
        if problem:
            problems.append(f"brokers: {node.url!r} {problem}")
    if not 1 <= len(brokers) <= BROKERS_MAX:
        problems.append(f"brokers: {len(brokers)} are named: name 1 to {BROKERS_MAX}")
    if any(len(broker.other_nodes) > OTHER_NODES_MAX for broker in brokers):
        problems.append(f"brokers: other_nodes: name {OTHER_NODES_MAX} at most")
    if len({node.url for node in nodes}) < len(nodes):
        problems.append("brokers: one is named twice: name each once")
    return brokers


def _broker_problem(broker: Broker) -> str | None:
    try:
        parts = broker.parts
        port_is_fine = parts.port != 0
    except ValueError:
        return "is no URL: write mqtts://broker.example:8883"
    if parts.scheme not in SCHEMES:
        return f"starts with none of {', '.join(f'{scheme}://' for scheme in SCHEMES)}: use mqtts"
    if not parts.hostname or not port_is_fine:
        return "names no host and port: write mqtts://broker.example:8883"
    if parts.username or parts.password:
        return "holds a password: take it out, the client certificate signs in"
    return None


def _read_table(kind: type[T], value: object, prefix: str, problems: list[str]) -> T | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        problems.append(f"{prefix[:-1]}: is no table: write [{prefix[:-1]}] and its keys below")
        return None
    return msgspec.convert(_read_fields(kind, value, prefix, problems), type=kind)


def _read_fields(
    kind: type[msgspec.Struct], table: dict[str, object], prefix: str, problems: list[str]
) -> dict[str, object]:
    """Read each value by itself, so that one bad value doesn't hide another."""
    hints = get_type_hints(kind)
    known = [name for name in kind.__struct_fields__ if name not in {"file", "named_brokers"}]
    values: dict[str, object] = {}
    for key, value in table.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            advice = f"write {close[0]}" if close else f"known are {', '.join(known)}"
            problems.append(f"{prefix}{key}: there is no such key: {advice}, or delete it")
            continue
        try:
            values[key] = msgspec.convert(value, type=hints[key])
        except msgspec.ValidationError as error:
            problems.append(f"{prefix}{key}: {error}: correct the value {value!r}")
    return values


def _is_proxy(url: str) -> bool:
    try:
        proxy = urlsplit(url)
        return proxy.scheme in {"http", "socks5"} and bool(proxy.hostname and proxy.port)
    except ValueError:
        return False


def _check(config: Config) -> Iterator[str]:
    if not topics.is_device_id(config.device_id):
        yield f"device_id: {config.device_id!r} is none: copy it from the server, btn-0123456789"
    if not topics.is_jurisdiction(config.jurisdiction):
        yield f"jurisdiction: {config.jurisdiction!r} is none: use 1 to 40 of a-z, 0-9 and -"
    yield from _check_pins(config.pins)
    if not 0.5 <= config.behaviour.hold_s <= HOLD_S_MAX:
        yield f"behaviour.hold_s: {config.behaviour.hold_s}: choose 0.5 to {HOLD_S_MAX}"
    if not 0 <= config.behaviour.double_within_s <= DOUBLE_WITHIN_S_MAX:
        yield (
            f"behaviour.double_within_s: {config.behaviour.double_within_s}: "
            f"choose 0 to {DOUBLE_WITHIN_S_MAX}"
        )
    if config.proxy is not None and not _is_proxy(config.proxy):
        yield f"proxy: {config.proxy!r}: write http://proxy.example:3128"
    names = ["press_key_file", "receipt_keys_file"]
    if any(node.tls for broker in config.brokers for node in broker.nodes):
        names += ["certificate_file", "certificate_key_file", "ca_file"]
    if config.site_key_file is not None:
        names.append("site_key_file")
    for name in names:
        path = config.path(getattr(config, name))
        if not path.is_file():
            yield f"{name}: {path} isn't there: copy it from what 'tocsin device add' made"
        elif not os.access(path, os.R_OK):
            yield f"{name}: {path} can't be read: give this user the right to read it"


def _check_pins(pins: Pins) -> Iterator[str]:
    numbers = {
        name: number
        for name in ("button_no", "button_nc", "lamp", "tamper", "assist")
        if (number := getattr(pins, name)) is not None
    }
    for name, number in numbers.items():
        if not 0 <= number <= PIN_MAX:
            yield f"pins.{name}: {number} is no pin of the header: choose 0 to {PIN_MAX} (BCM)"
        twin = next(other for other, its in numbers.items() if its == number)
        if twin != name:
            yield f"pins.{name}: {number} is pins.{twin} already: give each its own pin"
    if pins.button_no is None and pins.button_nc is None:
        yield "pins.button_no: no contact of the button is named: write button_no = 17"
