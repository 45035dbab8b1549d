"""`python -m tests.console_bench`: the console while hundreds press, beside its limits."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.console_bench import measures
from tests.console_bench.crowd import crowd
from tocsin_server.bench.figures import Judged
from tocsin_server.bench.machine import Others
from tocsin_server.bench.report import judged_lines

DESCRIPTION = """\
Opens the console in Chromium before a whole system, has hundreds of buttons pressed, and prints
what the page came to beside the limits it has to keep. Exits with 1 when one is missed."""

PARTS = ("painting", "storm", "memory")
SPARE = measures.PRESSES_A_ROUND


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.console_bench", description=DESCRIPTION)
    add = parser.add_argument
    add("--only", nargs="+", choices=PARTS, default=PARTS, help="measure these alone")
    add("--open", type=int, default=50, help="alerts that are open while one is pressed (50)")
    add("--presses", type=int, default=200, help="timed from the press until painted (200)")
    add("--storm", type=int, default=500, help="buttons that press at once (500)")
    add("--alerts", type=int, default=4000, help="that come and go while memory is watched (4000)")
    return parser


async def run(options: argparse.Namespace) -> int:
    buttons = max(options.storm if "storm" in options.only else 0, options.open + SPARE)
    say(f"starting it all, with {buttons} buttons")
    judged: list[Judged] = []
    others = Others()
    with tempfile.TemporaryDirectory(prefix="tcb") as folder:
        async with crowd(Path(folder), buttons=buttons) as room:
            judged += await measures.first_load(room)
            if "painting" in options.only:
                say(f"{options.presses} presses, while {options.open} alerts are open")
                open_before, presses = options.open, options.presses
                judged += await measures.painting(room, open_before=open_before, presses=presses)
            if "storm" in options.only:
                say(f"{options.storm} presses at once")
                judged += await measures.storm(room, alerts=options.storm)
            if "memory" in options.only:
                say(f"{options.alerts} alerts come and go")
                judged += await measures.memory(
                    room, alerts=options.alerts, at_once=options.open, say=say
                )
            share = others.share()  # while all that is ours still runs
    print(f"other programs had {share:.0%} of the machine meanwhile")
    print("\n".join(judged_lines(judged)))
    return 0 if all(one.kept for one in judged) else 1


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(run(arguments().parse_args())))
