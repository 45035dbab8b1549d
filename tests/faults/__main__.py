"""`python -m tests.faults`: break every part while people press, and print what came of it."""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.faults import fault, table
from tests.faults.row import CAUGHT_MIN, LONG_FAULT_S, Row, is_long, run_row

INJECTIONS = 20
INJECTIONS_OF_LONG = 5  # of a fault that lasts 15 s or more

DESCRIPTION = """\
Breaks every part of Tocsin while people press, and prints a row for each fault: how often it was
injected, how many presses there were, how many were without a receipt at the moment it hit, and how
many were lost, doubled, or never receipted. A row begins with a stand of its own: two brokers,
PostgreSQL, replicas, agents, signed-in screens, phones. Judged is what those show.

Exits with 1 when any row fails; its lines then say why, and its stand's logs are kept."""

EXAMPLES = """\
examples:
  python -m tests.faults                                  every row, the whole table
  python -m tests.faults --only kill-replica --injections 3
  python -m tests.faults --only mixture --seed 4711       that mixture again
  python -m tests.faults --minutes 150 --write            what docs/reliability.md is made of"""


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", nargs="+", metavar="NAME", choices=list(fault.every()), help="these rows alone")
    add("--list", action="store_true", help="name every row, and run none")
    add(
        "--injections",
        type=int,
        metavar="N",
        help=f"of each fault (default: {INJECTIONS}, or {INJECTIONS_OF_LONG} of one that lasts"
        f" {LONG_FAULT_S:.0f} s, and more until {CAUGHT_MIN} presses were caught)",
    )
    add("--seed", type=int, metavar="S", help="repeat the chances of a run (default: drawn)")
    add("--minutes", type=float, metavar="M", help="begin no injection after so long")
    add("--write", action="store_true", help="keep each row, and write docs/reliability.md")
    return parser


async def run(options: argparse.Namespace) -> int:
    seed = secrets.randbits(32) if options.seed is None else options.seed
    until_s = time.monotonic() + 60 * (options.minutes or float("inf"))
    print(f"seed {seed}", flush=True)
    rows: list[Row] = []
    broken = False
    for slug in options.only or fault.every():
        if time.monotonic() > until_s:
            print(f"{slug}: no time left", flush=True)
            continue
        try:
            row = await run_in_own_folder(slug, options.injections, seed=seed, until_s=until_s)
        except Exception:  # noqa: BLE001 (whatever ends one row, the others are still to be run)
            traceback.print_exc()
            print(f"{slug}: could not be run to its end", flush=True)
            broken = True
            continue
        rows.append(row)
        say(row)
        if options.write:
            table.keep(row)
    print(f"\n{table.markdown(rows)}")
    return 0 if all(row.holds for row in rows) and not broken else 1


async def run_in_own_folder(slug: str, injections: int | None, *, seed: int, until_s: float) -> Row:
    """Run a row; its folder stays where it failed, for whoever wants to read the logs."""
    long = is_long(fault.every()[slug])
    folder = Path(tempfile.mkdtemp(prefix="tf"))
    row = await run_row(
        slug,
        injections=injections or (INJECTIONS_OF_LONG if long else INJECTIONS),
        caught_min=0 if injections else CAUGHT_MIN,
        seed=seed,
        folder=folder,
        until_s=until_s,
    )
    if row.holds:
        shutil.rmtree(folder)
    else:
        print(f"{slug}: logs are in {folder}")
    return row


def say(row: Row) -> None:
    """A row as it ends; the table comes when all have."""
    late = "" if row.told_late_s is None else f", told at most {row.told_late_s:.2f} s late"
    shown = "" if row.shown_s is None else f", on other screens within {row.shown_s:.2f} s"
    print(
        f"{row.slug}: {row.injections} injections, {row.presses} presses on {row.alerts} alerts,"
        f" {row.caught} caught, {row.lost} lost, {row.doubled} doubled, {row.unreceipted} without a"
        f" receipt; recovered in {table.seconds(row.recovered_median_s)},"
        f" {table.seconds(row.recovered_max_s)} at most{shown}{late};"
        f" {row.second_texts} second texts, {row.from_memory} from memory; {row.took_s:.0f} s",
        flush=True,
    )
    for finding in (*row.wrong, *row.late):
        print(f"  FAILED: {finding}", flush=True)


def main(words: Sequence[str] | None = None) -> int:
    options = arguments().parse_args(words)
    if options.list:
        for slug, each in fault.every().items():
            print(f"{slug:20} {each.name}")
        return 0
    return asyncio.run(run(options))


if __name__ == "__main__":
    sys.exit(main())
