"""Materials: the keys and certificates of one button, read once from its config's files."""

import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

from tocsin_button.config import Config
from tocsin_button.errors import BadConfig
from tocsin_button.learned import ServerKeys
from tocsin_button.link import TlsFiles
from tocsin_wire.signing import SigningKey, load_keys


@dataclass(frozen=True, slots=True)
class Materials:
    """What this button signs with, whom it believes, and who it is to a broker."""

    press_key: SigningKey
    server_keys: ServerKeys
    place_key: bytes = field(repr=False)
    tls: TlsFiles | None = None


def load(config: Config) -> Materials:
    """Read the files. Raises BadConfig with a line for each that is unusable."""
    problems = []
    press_key, server_keys, place_key = None, None, b""
    try:
        press_key_file = config.path(config.press_key_file)
        press_key = SigningKey.load(press_key_file)
        place_key = _place_key(config, press_key_file)
    except (OSError, ValueError) as error:
        problems.append(
            f"{config.file}: press_key_file: {error}: copy it from the folder that "
            "'tocsin device add' made"
        )
    try:
        given = load_keys(config.path(config.receipt_keys_file))
        server_keys = ServerKeys(given, config.state_path)
    except (OSError, ValueError) as error:
        problems.append(
            f"{config.file}: receipt_keys_file: {error}: copy receipt_keys.json from the server"
        )
    if press_key is None or server_keys is None:
        raise BadConfig(problems)
    return Materials(press_key, server_keys, place_key, tls_files(config))


def tls_files(config: Config) -> TlsFiles | None:
    """Name the files for TLS, where a broker is reached by it. None of them is read."""
    if not any(node.tls for broker in config.brokers for node in broker.nodes):
        return None
    return TlsFiles(
        ca=config.path(config.ca_file),
        certificate=config.path(config.certificate_file),
        key=config.path(config.certificate_key_file),
    )


def _place_key(config: Config, press_key_file: Path) -> bytes:
    """The site's key; without one a key of this button's own, so that a move still shows."""
    if config.site_key_file is not None:
        return config.path(config.site_key_file).read_bytes()
    return hmac.new(press_key_file.read_bytes(), b"tocsin place", hashlib.sha256).digest()
