"""`tocsin verify`: did anybody rewrite the record?"""

import argparse
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tocsin_server.cli.command import add_config, add_json, add_jurisdiction, answer, done
from tocsin_server.cli.office import office
from tocsin_server.record import Verdict, verify_database, verify_export


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="an export (default: the database)"
    )
    parser.add_argument("--head", metavar="HEX", help="the head of all chains, as it was published")
    parser.add_argument(
        "--as-of",
        type=_moment,
        metavar="TIME",
        help="the head is of the record as it was then, as a report says: 2026-11-03T19:52:07.5Z",
    )
    add_config(parser)
    add_jurisdiction(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check it: 0 where it holds, 1 where it doesn't."""
    if options.file is not None:
        verdict = verify_export(options.file, expected_head=options.head, as_of=options.as_of)
    else:
        verdict = done(_verify(options))
    answer(options, verdict, described(verdict))
    return 0 if verdict.holds else 1


def described(verdict: Verdict) -> str:
    """Say a verdict in sentences."""
    counted = f"{verdict.alerts} alerts, {verdict.events} events of {verdict.jurisdiction}"
    if verdict.without_payload:
        counted += f", {verdict.without_payload} of them without what was said"
    if verdict.holds:
        return f"the record holds: {counted}\nhead {verdict.head}"
    lines = [f"THE RECORD DOES NOT HOLD: {counted}", *verdict.findings]
    if verdict.findings_left_off:
        lines.append(f"and {verdict.findings_left_off} more")
    return "\n".join([*lines, f"head {verdict.head}"])


async def _verify(options: argparse.Namespace) -> Verdict:
    async with office(options) as here:
        return await verify_database(
            here.pool,
            jurisdiction=here.jurisdiction,
            expected_head=options.head,
            as_of=options.as_of,
        )


def _moment(given: str) -> datetime:
    with suppress(ValueError):
        moment = datetime.fromisoformat(given)
        if moment.tzinfo is not None:
            return moment
    raise argparse.ArgumentTypeError(
        f"{given!r} is no moment: write it as the report does, as 2026-11-03T19:52:07.500000Z"
    )
