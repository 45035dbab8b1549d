"""Fuzzing for minutes: `python -m tests.fuzz --minutes 10 --seed 7`, or `--messages 1000000`.

Promise: a line for each part with its figures; the seed is printed and repeats the same input.
0: nothing was found. 1: something was, and it is printed.

The parts: `decoder` (the readers of the wire), `inlet` (ingest, lane and supervision on a real
database), `files` (everything that a command reads), `plans` (what is brought as a floor plan),
`web` (webhooks and HTTP at large), `api` (schemathesis as nobody and as each role). Minutes are
shared between those that run by the clock.
"""

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from tests.fuzz import api, decoder, files, inlet, plans, stand, webhook
from tests.parts import own_postgres

PARTS = ("decoder", "inlet", "files", "plans", "web", "api")
INLET_PER_S = 1_500  # a careful guess of what this machine's inlet takes, for --minutes
WEB_PER_S = 60
EXAMPLES_MIN = 20
EXAMPLES_PER_MINUTE = 60  # for each endpoint and role


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--messages", type=int, help="for the inlet, instead of its minutes")
    parser.add_argument("--examples", type=int, help="for schemathesis, instead of its minutes")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--only", action="append", choices=PARTS, help="may be repeated")
    options = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(f"seed {options.seed}")
    parts = options.only or PARTS
    held = asyncio.run(_run(options, parts, options.minutes * 60 / len(parts)))
    print("nothing was found" if held else "SOMETHING WAS FOUND")
    return 0 if held else 1


async def _run(options: argparse.Namespace, parts: Sequence[str], share_s: float) -> bool:
    held, seed = True, options.seed
    if "decoder" in parts:
        read = decoder.fuzz(seed=seed, until=time.monotonic() + share_s, say=_progress)
        held &= _tell(read.lines(), read.holds)
    if "files" in parts:
        opened = files.fuzz(seed=seed, until=time.monotonic() + share_s)
        held &= _tell(opened.lines(), opened.holds)
    if "plans" in parts:
        brought = await plans.fuzz(seed=seed, until=time.monotonic() + share_s)
        held &= _tell(brought.lines(), brought.holds)
    if "inlet" in parts:
        messages = options.messages or int(share_s * INLET_PER_S)
        with tempfile.TemporaryDirectory(prefix="tf") as folder:
            async with own_postgres(Path(folder)) as postgres:
                taken = await inlet.fuzz(postgres, messages=messages, seed=seed, say=_progress)
        held &= _tell(taken.lines(), taken.holds)
    if "web" in parts or "api" in parts:
        async with stand.own_house() as house:
            if "web" in parts:
                asked = await webhook.fuzz(house, requests=int(share_s * WEB_PER_S), seed=seed)
                held &= _tell(asked.lines(), asked.holds)
            if "api" in parts:
                by_clock = EXAMPLES_MIN + int(share_s / 60 * EXAMPLES_PER_MINUTE)
                examples = options.examples or by_clock
                held &= _tell(*await api.report(house, seed=seed, examples=examples))
    return held


def _progress(said: str) -> None:
    print(f"  … {said}", flush=True)


def _tell(lines: Sequence[str], holds: bool) -> bool:
    print("\n".join(lines), flush=True)
    return holds


if __name__ == "__main__":
    sys.exit(main())
