"""`tocsin serve`: one replica, until it is asked to stop."""

import argparse
import asyncio
import errno
import signal
import ssl
from pathlib import Path

import uvloop

from tocsin_server.app import serve
from tocsin_server.cli.command import add_config, configuration, dsn_of
from tocsin_server.config import Config, ConfigError
from tocsin_server.errors import TocsinError
from tocsin_server.fleet import receipt_keys
from tocsin_server.fleet.certificates import DeploymentError
from tocsin_server.logging import configure
from tocsin_server.storage.schema import SchemaError
from tocsin_wire.signing import SigningKey


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_config(parser)
    parser.description = (
        f"{parser.description}\n\nIt waits for a database that isn't there yet. TOCSIN_LOG says how"
        " it logs\n(console, logfmt, json), and TOCSIN_LOG_LEVEL from where on (debug … critical)."
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve. The files it needs are looked at first: later a missing one is harder to see."""
    config = configuration(options)
    dsn_of(config)
    _check_files(config)
    out = configure()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(config))
    finally:
        out.close()
    return 0


async def _serve(config: Config) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        # Until it serves, and `serve` listens for these itself: it may be waiting for a database.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
    try:
        await serve(config)
    except asyncio.CancelledError:
        return
    except SchemaError as error:
        raise TocsinError(str(error)) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise TocsinError(
                f"{config.listen} is taken by another program: end that one, or change `listen`"
            ) from None
        raise TocsinError(f"can't serve on {config.listen}: {error.strerror or error}") from None


def _check_files(config: Config) -> None:
    mqtt, keys = config.mqtt, config.keys
    named = {
        "mqtt.ca_file": mqtt.ca_file,
        "mqtt.certificate_file": mqtt.certificate_file,
        "mqtt.certificate_key_file": mqtt.certificate_key_file,
        "keys.receipt_key_file": keys.receipt_key_file,
        "keys.receipt_keys_file": keys.receipt_keys_file,
        **config.token_files,
    }
    for key, name in named.items():
        if name is not None:
            _check_readable(key, config.path(name))
    try:
        public = receipt_keys.read(config.path(keys.receipt_keys_file))
        current = SigningKey.load(config.path(keys.receipt_key_file))
        receipt_keys.check_current(public, current, config=config)
    except (DeploymentError, ValueError) as error:
        raise ConfigError(f"keys: {error}") from None
    context = ssl.create_default_context()
    if mqtt.ca_file:
        try:
            context.load_verify_locations(config.path(mqtt.ca_file))
        except ssl.SSLError:
            raise ConfigError(
                f"mqtt.ca_file: {config.path(mqtt.ca_file)} holds no certificate"
            ) from None
    if mqtt.certificate_file and mqtt.certificate_key_file:
        certificate, key_file = map(config.path, (mqtt.certificate_file, mqtt.certificate_key_file))
        try:
            context.load_cert_chain(certificate, key_file)
        except ssl.SSLError:
            raise ConfigError(
                f"mqtt: {certificate} and {key_file} are no certificate and its key"
            ) from None


def _check_readable(key: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigError(f"{key}: can't read {path}: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"{key}: {str(path)!r} names no file") from None
