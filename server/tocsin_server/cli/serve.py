"""`tocsin serve`: one replica, until it is asked to stop."""

import argparse
import asyncio
import errno
import signal

import uvloop

from tocsin_server.app import serve
from tocsin_server.cli.command import add_config, configuration, dsn_of
from tocsin_server.config import Config, ConfigError
from tocsin_server.errors import TocsinError
from tocsin_server.logging import configure
from tocsin_server.storage.schema import SchemaError


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
    named = {
        "mqtt.ca_file": config.mqtt.ca_file,
        "mqtt.certificate_file": config.mqtt.certificate_file,
        "mqtt.certificate_key_file": config.mqtt.certificate_key_file,
        "keys.receipt_key_file": config.keys.receipt_key_file,
        "keys.next_receipt_key_file": config.keys.next_receipt_key_file,
        "twilio.auth_token_file": config.twilio.auth_token_file if config.twilio else None,
    }
    for key, name in named.items():
        if name is None:
            continue
        try:
            with config.path(name).open("rb"):
                pass
        except OSError as error:
            raise ConfigError(f"{key}: can't read {config.path(name)}: {error.strerror}") from None
