"""`tocsin export`: the record of all alerts, in a file that anybody can check."""

import argparse
import sys
from pathlib import Path

from tocsin_server.cli.command import add_config, add_json, add_jurisdiction, answer, done
from tocsin_server.cli.office import office
from tocsin_server.cli.verify import described
from tocsin_server.errors import Invalid
from tocsin_server.record import Verdict, export_record

_STANDARD_OUTPUT = Path("-")


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="a new file, or - for standard output",
    )
    parser.add_argument(
        "--redacted",
        action="store_true",
        help="leave out what was said: names, places, notes; it verifies all the same",
    )
    add_config(parser)
    add_jurisdiction(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write it. A record that doesn't hold is written too, and the exit code is 1."""
    to_stdout = options.output == _STANDARD_OUTPUT
    if to_stdout and options.json:
        raise Invalid("--json and -o - would mix in standard output: name a file")
    verdict = done(_export(options))
    if to_stdout:
        print(described(verdict), file=sys.stderr)
    else:
        answer(options, verdict, f"{options.output} is written: {described(verdict)}")
    return 0 if verdict.holds else 1


async def _export(options: argparse.Namespace) -> Verdict:
    to_stdout = options.output == _STANDARD_OUTPUT
    async with office(options) as here:
        return await export_record(
            here.pool,
            jurisdiction=here.jurisdiction,
            redacted=options.redacted,
            out=sys.stdout.buffer if to_stdout else options.output,
        )
