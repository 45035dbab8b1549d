"""The command `tocsin`: everything that is done from a terminal.

Promise: 0 it is done, 1 it can't be done (one line on stderr says what to do), 2 it was asked for
in a way nobody understands. A command loads what it needs, and no more.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast

from tocsin_server import __version__
from tocsin_server.cli.describe import Run, describe
from tocsin_server.config import ConfigError
from tocsin_server.errors import TocsinError

EXIT_DONE, EXIT_FAILED = 0, 1


class Module(Protocol):
    """One command's own file."""

    def arrange(self, parser: argparse.ArgumentParser) -> None:
        """Add its arguments, and set `run`."""


class Command(NamedTuple):
    """A line of `tocsin --help`; the module is loaded once the command is asked for."""

    module: str
    what: str
    example: str


COMMANDS = {
    "init": Command(
        "init",
        "make a deployment's folder: keys, certificates, configuration",
        "tocsin init /etc/tocsin --jurisdiction 48453 --broker-name tocsin.example.org",
    ),
    "migrate": Command(
        "migrate",
        "bring the database's tables to this release",
        "tocsin migrate --config /etc/tocsin/tocsin.toml",
    ),
    "serve": Command(
        "serve",
        "run the server until SIGTERM or Ctrl-C",
        "tocsin serve --config /etc/tocsin/tocsin.toml",
    ),
    "demo": Command(
        "demo",
        "show a whole Tocsin on this machine, with virtual buttons and phones",
        "tocsin demo --port 8480 --buttons 3",
    ),
    "jurisdiction": Command(
        "jurisdiction",
        "add and list jurisdictions: whose buttons and people they are",
        'tocsin jurisdiction add 48453 --name "Travis County" --time-zone America/Chicago',
    ),
    "person": Command(
        "person",
        "add and list the people who answer, and give them passwords",
        'tocsin person add "Dana Ortiz" --email dana@example.org --phone +15125550111'
        " --role dispatcher --sign-in",
    ),
    "policy": Command(
        "policy",
        "say who is told of an alert, in what order",
        "tocsin policy set --tier 30:dana@example.org,lee@example.org --tier 60:sam@example.org",
    ),
    "shift": Command(
        "shift",
        "say who answers when, by the week, and who does now",
        "tocsin shift who",
    ),
    "site": Command(
        "site",
        "add and list sites: the buildings that police know by name",
        'tocsin site add "County Clerk" --address "5501 Airport Blvd, Austin, TX 78751"',
    ),
    "device": Command(
        "device",
        "make a button's keys, say where it is, and list the buttons",
        'tocsin device add --site "County Clerk" --room "Front counter"',
    ),
    "broker": Command(
        "broker",
        "run beside each Mosquitto to keep out revoked buttons, and see where that holds",
        "tocsin broker follow --server https://tocsin.example.org /etc/tocsin-broker",
    ),
    "keys": Command(
        "keys",
        "change the keys that buttons believe, and send buttons to other brokers",
        "tocsin keys rotate",
    ),
    "doctor": Command(
        "doctor",
        "say what is wrong with this server and its brokers, and what to do",
        "tocsin doctor --config /etc/tocsin/tocsin.toml",
    ),
    "drill": Command(
        "drill",
        "begin, end and list drills",
        'tocsin drill start "County Clerk" --minutes 30',
    ),
    "hook": Command(
        "hook",
        "let other systems follow alerts: webhooks, and what each of them was told",
        'tocsin hook add "County CAD" https://cad.example.org/tocsin',
    ),
    "kiosk": Command(
        "kiosk",
        "make and revoke screens on a wall, which show alerts and can do nothing",
        'tocsin kiosk add "Wall, dispatch room"',
    ),
    "synthetic": Command(
        "synthetic",
        "press a button of nobody's through the whole path, every few minutes",
        "tocsin synthetic set-up --phone +15125550199",
    ),
    "export": Command(
        "export",
        "write the record of all alerts to a file",
        "tocsin export --redacted -o record.jsonl",
    ),
    "verify": Command(
        "verify",
        "check that nobody rewrote the record, in the database or in an export",
        "tocsin verify record.jsonl",
    ),
    "bench": Command(
        "bench",
        "measure this machine: a floor and the product in turns, a storm, a button",
        "tocsin bench --blocks 7 --presses 100",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; argparse itself exits with 2 or after --help."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser(given).parse_args(given)
        run: Run = options.run
        code = run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_FAILED
    except BrokenPipeError:
        # Whoever read our output went away. Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except (TocsinError, ConfigError, OSError) as error:
        print(f"tocsin: {_line(error)}", file=sys.stderr)
        return EXIT_FAILED
    return code


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _parser(given: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tocsin")
    describe(parser, "Duress buttons for people who run elections.", "tocsin demo")
    parser.add_argument("--version", action="version", version=f"tocsin {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    asked_for = next((word for word in given if not word.startswith("-")), None)
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.what)
        describe(one, command.what, command.example)
        if name == asked_for:
            _load(command.module).arrange(one)
    return parser


def _load(module: str) -> Module:
    try:
        return cast(Module, importlib.import_module(f"tocsin_server.cli.{module}"))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tocsin"):
            raise
        extra = "demo" if module == "demo" else "server"
        raise TocsinError(
            f"the Python package {error.name} is missing: pip install 'tocsin[{extra}]'"
        ) from None
