"""What the commands have in common: how they are described, and how they answer."""

import argparse
import asyncio
import re
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from tocsin_server.cli.describe import describe
from tocsin_server.config import Config, ConfigError, config_path, load_config
from tocsin_server.logging import configure

_HOST = r"(\[[0-9a-f:.]+\]|[^:@/?#,\[\]\s]*)(:[0-9]{1,5})?"
DSN = re.compile(rf"postgres(ql)?://([^@/?#\s]*@)?{_HOST}(,{_HOST})*(/[^#\s]*)?(\?[^#\s]*)?")

Answer = TypeVar("Answer")
Act = Callable[[argparse.Namespace], Coroutine[None, None, None]]


def add_action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    act: Act,
    what: str,
    *,
    example: str,
    in_jurisdiction: bool = True,
) -> argparse.ArgumentParser:
    """Add one action of a group, with --config, --jurisdiction and --json.

    `act` does it to the end; the exit code is 0 unless it raises.
    """

    def run(options: argparse.Namespace) -> int:
        done(act(options))
        return 0

    parser = actions.add_parser(name, help=what)
    describe(parser, what, example)
    add_config(parser)
    if in_jurisdiction:
        add_jurisdiction(parser)
    add_json(parser)
    parser.set_defaults(run=run)
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    """Let the configuration be named."""
    parser.add_argument(
        "--config", metavar="FILE", help="the deployment's tocsin.toml (default: $TOCSIN_CONFIG)"
    )


def add_jurisdiction(parser: argparse.ArgumentParser) -> None:
    """Let the jurisdiction be named."""
    parser.add_argument(
        "--jurisdiction", metavar="SLUG", help="whose it is (default: the only one there is)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let the answer be JSON."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_minutes(parser: argparse.ArgumentParser, *, what: str, default: int, most: int) -> None:
    """Let it be said how long it lasts."""

    def minutes(given: str) -> int:
        if not (given.isascii() and given.isdigit() and 1 <= int(given) <= most):
            raise argparse.ArgumentTypeError(f"{what} lasts 1 to {most} minutes, not {given!r}")
        return int(given)

    parser.add_argument(
        "--minutes", type=minutes, default=default, help=f"1 to {most} (default: %(default)s)"
    )


def configuration(options: argparse.Namespace) -> Config:
    """Read the configuration that is meant. Raises ConfigError."""
    return load_config(config_path(options.config))


def dsn_of(config: Config) -> str:
    """Give the database's address. Raises ConfigError, in which no password is shown."""
    dsn = config.dsn()
    if not DSN.fullmatch(dsn):
        raise ConfigError(
            "database.dsn: write it as postgresql://USER@HOST/DATABASE, and what isn't a letter or"
            " a digit in a password as %23 for #, %2F for /, %40 for @"
        )
    return dsn


def done(work: Coroutine[None, None, Answer]) -> Answer:
    """Do it, to the end. Only errors are logged: the answer says the rest."""
    try:
        out = configure(default_level="ERROR")
    except ConfigError:
        work.close()
        raise
    try:
        return asyncio.run(work)
    finally:
        out.close()


def answer(options: argparse.Namespace, data: msgspec.Struct, text: str) -> None:
    """Print what was asked for: as JSON, or as text for people."""
    sys.stdout.write((msgspec.json.encode(data).decode() if options.json else text) + "\n")


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, none: str) -> str:
    """Lay out rows under headings; what isn't known is a hyphen, and `none` says there are none."""
    if not rows:
        return none
    texts = [[str(cell) if cell is not None else "-" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *texts, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (headings, *texts)
    ]
    return "\n".join(lines)


def folder_of(config: Config) -> Path:
    """Give the deployment's folder: where its tocsin.toml lies."""
    return Path(config.folder)
