"""Reconfigured: other brokers than `button.toml` names, by the word of the offline key. No network.

Promise: what that key signed is kept as it was signed, in the state folder, and judged anew at
every start: it holds only for this button, and only while `button.toml` names the brokers that it
replaced, so whoever edits that file on the board is obeyed. The number rises for ever: nothing that
was sent before is taken up again, in whatever boot.

Refused: a broker without TLS, and an address that no `button.toml` may hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from tocsin_button.config import Broker, Config, read_brokers
from tocsin_button.files import PRIVATE, put
from tocsin_wire import signing
from tocsin_wire.errors import WireError
from tocsin_wire.messages import Reconfigure
from tocsin_wire.signing import JWS_BYTES_MAX, VerifyKey, load_keys

FILE = "reconfigure.json"
KEYS_FILE = "command_keys.json"  # beside button.toml; without it nothing is taken up
FILE_BYTES_MAX = 4 * JWS_BYTES_MAX

State = Literal["trying", "adopted", "given_up"]

log = structlog.get_logger()


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken up last, what became of it, and what was adopted last, as it was signed."""

    jws: str
    state: State
    instead_of: tuple[Broker, ...]
    adopted: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The same, read. Brokers are None where there are none, or it does not hold any more."""

    kept: Kept
    number: int
    wanted: tuple[Broker, ...] | None = None
    in_force: tuple[Broker, ...] | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """Look whether a server is heard by way of these, and stay with them then."""

    brokers: tuple[Broker, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do nothing, and log why."""

    because: str


def command_keys(config: Config) -> Mapping[str, VerifyKey]:
    """Read the public half of the offline key; none where this button was given none."""
    file = config.path(KEYS_FILE)
    try:
        return load_keys(file) if file.exists() else {}
    except (OSError, ValueError) as error:
        # A press needs none of it.
        log.error("the offline key is not known", because=str(error))
        return {}


def judge(said: Reconfigure, config: Config, *, number: int) -> Try | Refuse:
    """Judge what the offline key signed; `number` is of what was taken up last."""
    named = said.device_ids
    if said.jurisdiction != config.jurisdiction or (named and config.device_id not in named):
        return Refuse("it is for others")
    if said.number <= number:
        return Refuse(f"its number {said.number} does not rise above {number}")
    problems: list[str] = []
    brokers = read_brokers(msgspec.to_builtins(said.brokers), problems)
    if problems:
        return Refuse("; ".join(problems))
    if not all(node.tls for broker in brokers for node in broker.nodes):
        return Refuse("it names a broker without TLS")
    return Try(brokers)


def read(config: Config) -> Taken | None:
    """Give what earlier runs took up; None where there is nothing that the offline key signed."""
    keys = command_keys(config)
    try:
        with (config.state_path / FILE).open("rb") as file:
            kept = msgspec.json.decode(file.read(FILE_BYTES_MAX), type=Kept)
        said = signing.verify(kept.jws.encode(), Reconfigure, keys)
        adopted = kept.adopted and signing.verify(kept.adopted.encode(), Reconfigure, keys)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, msgspec.DecodeError, WireError) as error:
        log.warning("what an earlier run was told of brokers is of no use", because=str(error))
        return None
    if kept.instead_of != config.as_named().brokers:
        return Taken(kept, said.number)
    in_force = _brokers_of(adopted, config) if adopted else None
    return Taken(kept, said.number, _brokers_of(said, config), in_force)


def keep(state: Path, kept: Kept) -> None:
    """Write it down. Blocks for an fsync. Raises OSError."""
    put(state / FILE, msgspec.json.encode(kept), mode=PRIVATE)


def applied(config: Config) -> Config:
    """Give the configuration with the brokers that are in force."""
    taken = read(config)
    if taken is None or taken.in_force is None:
        return config
    return config.with_brokers(taken.in_force)


def _brokers_of(said: Reconfigure, config: Config) -> tuple[Broker, ...] | None:
    order = judge(said, config, number=-1)
    return order.brokers if isinstance(order, Try) else None
