"""`tocsin bench`: measure this machine, and say whether Tocsin keeps its limits on it.

Promise: it measures real parts in one run, prints what it got, whatever that is, and leaves
nothing behind. The exit code is 0 when it measured, also where a limit is missed: that is said in
the table and in the JSON. It is 1 when there is nothing to print.
"""

import argparse
import asyncio
import math
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import msgspec
import uvloop

from tocsin_server.bench import agent, fleet, history, ingest, notify, product, storm
from tocsin_server.bench.errors import BenchFailed
from tocsin_server.bench.machine import describe
from tocsin_server.bench.report import Report, judge, table
from tocsin_server.bench.stand import stand
from tocsin_server.demo.errors import DemoFailed
from tocsin_server.fleet.certificates import DeploymentError

PARTS = ("floor", "storm", "button", "ingest", "fleet", "notify", "history")
USUAL = ("floor", "storm", "button")  # the others take minutes, and the whole machine
WITHIN_S_MAX = 600.0
BUTTONS_MAX = 2_000  # each is a connection of this process; Mosquitto takes 4,000
FLEET_MAX = 100_000
SILENT_MAX = 100
ALERTS_MAX = 1_000  # of notify: each takes half a second
PAST_MAX = 10_000_000  # of history: 3 GB for each million


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen."""
    _add_usual(parser)
    _add_load(parser)
    _add_notify(parser)
    _add_history(parser)
    parser.add_argument(
        "--only",
        type=_parts,
        default=USUAL,
        metavar=",".join(PARTS),
        help="measure only these: floor (and product), storm, button, ingest, fleet, notify,"
        f" history ({','.join(USUAL)})",
    )
    parser.add_argument("part", nargs="?", type=_parts, metavar="PART", help="as --only")
    parser.add_argument(
        "--keep", action="store_true", help="keep the folder with everybody's logs, and name it"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_usual(parser: argparse.ArgumentParser) -> None:
    """Of floor, product, storm and button."""
    parser.add_argument(
        "--blocks",
        type=_between(1, 100),
        default=7,
        help="pairs of blocks, floor and product in turns (%(default)s)",
    )
    parser.add_argument(
        "--presses",
        type=_between(1, BUTTONS_MAX),
        default=100,
        help="presses in each block, each of another button (%(default)s)",
    )
    parser.add_argument(
        "--quiet-ms",
        type=_between(0, 5_000),
        default=100,
        help="the next press waits until nothing has moved for so long (%(default)s)",
    )
    parser.add_argument(
        "--storm",
        type=_between(1, BUTTONS_MAX),
        default=500,
        metavar="BUTTONS",
        help="how many press at once (%(default)s)",
    )
    parser.add_argument(
        "--within-s",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="spread the storm's presses over this time; 0: as fast as they can be written",
    )
    parser.add_argument(
        "--storms", type=_between(1, 20), default=3, help="how often it storms (%(default)s)"
    )
    parser.add_argument(
        "--button-presses",
        type=_between(1, 10_000),
        default=200,
        metavar="PRESSES",
        help="presses of the button's agent (%(default)s)",
    )


def _add_load(parser: argparse.ArgumentParser) -> None:
    """Of ingest and fleet."""
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=30.0,
        help="how long ingest presses, and at least how long each size of the fleet (%(default)g)",
    )
    parser.add_argument(
        "--rate",
        type=_between(1, 5_000),
        default=1_100,
        metavar="PRESSES",
        help="presses a second of ingest; above what is possible, the ceiling shows (%(default)s)",
    )
    parser.add_argument(
        "--ingest-buttons",
        type=_between(1, BUTTONS_MAX),
        default=ingest.BUTTONS,
        metavar="BUTTONS",
        help="how many press in turns for ingest (%(default)s)",
    )
    parser.add_argument(
        "--buttons",
        type=_sizes,
        default=(100, 1_000, 10_000, 50_000),
        metavar="N,N,…",
        help="the sizes of the fleet (100,1000,10000,50000)",
    )
    parser.add_argument(
        "--certified",
        type=_between(1, fleet.CERTIFIED_MAX),
        default=fleet.CERTIFIED_MAX,
        metavar="BUTTONS",
        help="how many of them have a connection each; the others share one (%(default)s)",
    )
    parser.add_argument(
        "--silent",
        type=_between(1, SILENT_MAX),
        default=10,
        metavar="BUTTONS",
        help="how many of the largest fleet fall silent (%(default)s)",
    )


def _add_notify(parser: argparse.ArgumentParser) -> None:
    """Of notify; how often it storms is the storm's own."""
    parser.add_argument(
        "--alerts",
        type=_between(1, ALERTS_MAX),
        default=20,
        help=f"how many alerts tell {notify.RECIPIENTS} people, one at a time (%(default)s)",
    )
    parser.add_argument(
        "--paging-storm",
        type=_between(1, BUTTONS_MAX),
        default=200,
        metavar="ALERTS",
        help=f"how many alerts tell {notify.STORM_RECIPIENTS} people at once (%(default)s)",
    )
    parser.add_argument(
        "--ailing",
        type=_between(1, ALERTS_MAX),
        default=8,
        metavar="ALERTS",
        help="how many alerts have messages that hang or are throttled (%(default)s),"
        f" and {notify.STORM_TIMES} times as many in a storm of them",
    )


def _add_history(parser: argparse.ArgumentParser) -> None:
    """Of history."""
    parser.add_argument(
        "--past",
        type=_between(10, PAST_MAX),
        default=1_000_000,
        metavar="ALERTS",
        help="how many alerts are over while each view is asked for (%(default)s)",
    )
    parser.add_argument(
        "--asked",
        type=_between(1, 10_000),
        default=40,
        metavar="TIMES",
        help="how often each view is asked for (%(default)s)",
    )


def run_bench(args: argparse.Namespace) -> int:
    """Measure and print."""
    args.only = args.part or args.only
    try:
        report = uvloop.run(_until_stopped(args))
    except (BenchFailed, DemoFailed, DeploymentError, asyncpg.PostgresError) as error:
        print(f"tocsin bench: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 1
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        print(table(report), end="")
    return 0


async def _until_stopped(args: argparse.Namespace) -> Report:
    task = asyncio.current_task()
    if task is not None:
        # Everything that was started is ended first. (Ctrl-C, too: a shell that starts something
        # in the background has it ignore SIGINT.)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await _measure(args)


async def _measure(args: argparse.Namespace) -> Report:
    report = Report(machine=describe())
    if set(args.only) - {"fleet", "notify", "history"}:
        report = await _measure_presses(args)
    if "fleet" in args.only:
        report = msgspec.structs.replace(report, fleet=await _measure_fleet(args))
    if "notify" in args.only:
        report = msgspec.structs.replace(report, paging=await _measure_notify(args))
    if "history" in args.only:
        report = msgspec.structs.replace(report, history=await _measure_history(args))
    judged = judge(
        report.idle,
        report.storms,
        report.button,
        report.ingest,
        report.fleet,
        paging=report.paging,
        history=report.history,
    )
    return msgspec.structs.replace(report, judged=judged)


async def _measure_presses(args: argparse.Namespace) -> Report:
    idle, button, pressed = None, None, None
    storms: tuple[storm.Storm, ...] = ()
    quiet_s = args.quiet_ms / 1000
    with _folder(keep=args.keep) as folder:
        # One more for the agent: a device that is connected twice is two that evict each other.
        async with stand(folder, buttons=_buttons(args) + 1, say=_say) as parts:
            if "floor" in args.only:
                idle = await product.measure(
                    parts, blocks=args.blocks, presses=args.presses, quiet_s=quiet_s, say=_say
                )
            if "button" in args.only:
                button = await agent.measure(parts, presses=args.button_presses, say=_say)
            if "storm" in args.only:
                storms = await storm.measure(
                    parts,
                    buttons=args.storm,
                    within_s=args.within_s,
                    storms=args.storms,
                    quiet_s=quiet_s,
                    say=_say,
                )
            if "ingest" in args.only:
                pressed = await ingest.measure(
                    parts,
                    buttons=args.ingest_buttons,
                    rate=args.rate,
                    seconds=args.seconds,
                    quiet_s=quiet_s,
                    say=_say,
                )
    return Report(machine=describe(), idle=idle, storms=storms, button=button, ingest=pressed)


async def _measure_fleet(args: argparse.Namespace) -> fleet.Fleet:
    """On a server of its own: what others left in its memory is no button's."""
    certified = min(args.certified, max(args.buttons))
    with _folder(keep=args.keep) as folder:
        first = min(fleet.PRESSING, certified, *args.buttons)
        async with stand(folder, buttons=certified, registered=first, say=_say) as parts:
            return await fleet.measure(
                parts,
                sizes=args.buttons,
                seconds=args.seconds,
                silent=args.silent,
                quiet_s=args.quiet_ms / 1000,
                say=_say,
            )


async def _measure_notify(args: argparse.Namespace) -> notify.Paging:
    """Beside a provider that doesn't yield: what it takes is what is measured."""
    buttons = max(args.paging_storm, args.ailing * notify.STORM_TIMES + args.alerts)
    with _folder(keep=args.keep) as folder:
        async with stand(folder, buttons=buttons, provider_is_measured=True, say=_say) as parts:
            return await notify.measure(
                parts,
                alerts=args.alerts,
                storm=args.paging_storm,
                storms=args.storms,
                ailing=args.ailing,
                quiet_s=args.quiet_ms / 1000,
                say=_say,
            )


async def _measure_history(args: argparse.Namespace) -> history.History:
    """In a database of its own: no other part is to be measured beside a million alerts."""
    with _folder(keep=args.keep) as folder:
        async with stand(folder, buttons=1, say=_say) as parts:
            return await history.measure(parts, alerts=args.past, times=args.asked, say=_say)


def _buttons(args: argparse.Namespace) -> int:
    wanted = {"floor": args.presses, "storm": args.storm, "ingest": args.ingest_buttons}
    return max((count for part, count in wanted.items() if part in args.only), default=1)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        yield folder
    finally:
        if keep:
            _say(f"everything that was written is in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _say(progress: str) -> None:
    """Raises CancelledError where it was asked to end, and something has swallowed that."""
    print(progress, file=sys.stderr, flush=True)
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _between(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} to {most}")
        return int(text)

    return read


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= WITHIN_S_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no time from 0 to {WITHIN_S_MAX:g} seconds")
    return seconds


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(map(_between(1, FLEET_MAX), text.split(",")))


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"{unknown.pop()!r} is none of {', '.join(PARTS)}")
    return parts
