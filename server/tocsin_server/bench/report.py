"""The report: what was measured, beside what it may be.

Promise: every figure with a limit stands beside it, kept or not. A limit that is missed is said
in words.
"""

from collections.abc import Iterator, Sequence
from statistics import median

import msgspec

from tocsin_server.bench.agent import Agent
from tocsin_server.bench.figures import Judged, Spread
from tocsin_server.bench.machine import Machine
from tocsin_server.bench.product import Idle
from tocsin_server.bench.storm import Storm

RATIO_P50_MAX = 1.5
RATIO_P99_MAX = 2.0
STORM_P99_MS_MAX = 1000.0
EDGE_P99_MS_MAX = 10.0
MEMORY_MB_MAX = 64.0
ARMED_S_MAX = 5.0
OTHERS_MAX = 0.15  # of the machine; with more the ratios of one run and the next differ by half

_TIMES = "\N{MULTIPLICATION SIGN}"
_NAME_CHARS = 42
_COLUMNS = f"{'':{_NAME_CHARS}}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}  ms"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was asked for; what wasn't is null."""

    machine: Machine
    idle: Idle | None = None
    storms: tuple[Storm, ...] = ()
    button: Agent | None = None
    judged: tuple[Judged, ...] = ()


def judge(idle: Idle | None, storms: Sequence[Storm], button: Agent | None) -> tuple[Judged, ...]:
    """Put each figure beside its limit."""
    judged = []
    if idle is not None:
        judged += [
            Judged(
                what="idle: p50, product ÷ floor",
                got=idle.ratios.p50,
                limit=RATIO_P50_MAX,
                unit=_TIMES,
            ),
            Judged(
                what="idle: p99, product ÷ floor",
                got=idle.ratios.p99,
                limit=RATIO_P99_MAX,
                unit=_TIMES,
            ),
        ]
    if storms:
        judged += [
            Judged(
                what="storm: press → frame, p99",
                got=median(storm.frame.p99_ms for storm in storms),
                limit=STORM_P99_MS_MAX,
                unit="ms",
            ),
            Judged(
                what="storm: press → receipt, p99",
                got=median(storm.receipt.p99_ms for storm in storms),
                limit=STORM_P99_MS_MAX,
                unit="ms",
            ),
            Judged(what="storm: lost", got=sum(storm.lost for storm in storms), limit=0, unit=""),
            Judged(
                what="storm: not stored",
                got=sum(storm.buttons - storm.stored for storm in storms),
                limit=0,
                unit="",
            ),
            Judged(
                what="storm: doubled", got=sum(storm.doubled for storm in storms), limit=0, unit=""
            ),
        ]
    if button is not None:
        judged += [
            Judged(
                what="button: edge → PUBLISH, p99",
                got=button.edge_to_publish.p99_ms,
                limit=EDGE_P99_MS_MAX,
                unit="ms",
            ),
            Judged(what="button: memory", got=button.memory_mb, limit=MEMORY_MB_MAX, unit="MB"),
            Judged(
                what="button: start → armed",
                got=button.start_to_armed_s,
                limit=ARMED_S_MAX,
                unit="s",
            ),
        ]
    return tuple(judged)


def table(report: Report) -> str:
    """Write it for a person."""
    about = report.machine
    lines = [f"{about.processors} processors, {about.system}, Python {about.python}"]
    if report.idle is not None:
        lines += ["", *_idle(report.idle)]
    for n, storm in enumerate(report.storms, start=1):
        lines += ["", *_storm(storm, n=n)]
    if report.button is not None:
        lines += ["", *_button(report.button)]
    lines += ["", *_judged(report.judged)]
    return "\n".join(lines) + "\n"


def _idle(idle: Idle) -> Iterator[str]:
    yield (
        f"PRESS → FRAME, idle: {idle.blocks} blocks of {idle.presses} presses each, in turns;"
        " every product press opens a new alert"
    )
    yield _COLUMNS
    yield _row("floor", idle.floor)
    yield _row("product", idle.product)
    for stage in idle.stages:
        yield _row(f"  {stage.name}: floor", stage.floor)
        yield _row(f"  {stage.name}: product", stage.product)
    for finer in idle.floor_stages:
        yield _row(f"  of which {finer.name}: floor", finer.floor)
    yield _row("product, press → receipt", idle.receipt)
    ratios = idle.ratios
    yield f"product ÷ floor, of each pair of blocks: p50 {_several(ratios.p50_of_blocks)}"
    yield f"{'':41}p99 {_several(ratios.p99_of_blocks)}"
    yield f"product ÷ floor, all pooled: p50 {ratios.p50_of_pool:.2f}, p99 {ratios.p99_of_pool:.2f}"
    yield _others(idle.others)
    yield f"the very first press after the server's start took {idle.first_press_ms:.1f} ms"


def _storm(storm: Storm, *, n: int) -> Iterator[str]:
    yield (
        f"STORM {n}: {storm.buttons} presses from {storm.buttons} buttons in"
        f" {storm.sent_in_s:.2f} s"
    )
    yield _COLUMNS
    yield _row("press → frame", storm.frame)
    yield _row("press → receipt", storm.receipt)
    yield (
        f"stored {storm.stored}, receipted {storm.receipted}, on the screen {storm.on_screen};"
        f" lost {storm.lost}, doubled {storm.doubled}; sent again {storm.sent_again} times,"
        f" connections lost {storm.disconnected}"
    )
    yield _others(storm.others)


def _button(button: Agent) -> Iterator[str]:
    yield f"BUTTON: {button.edge_to_publish.count} presses of the agent, {button.starts} starts"
    yield _COLUMNS
    yield _row("edge → PUBLISH on the socket", button.edge_to_publish)


def _judged(judged: Sequence[Judged]) -> Iterator[str]:
    for one in judged:
        got = f"{one.got:.0f}" if one.limit == 0 else f"{one.got:.2f}"
        verdict = "" if one.kept else "   MISSED"
        yield f"{one.what:{_NAME_CHARS}}{got:>9} {one.unit:2} (limit {one.limit:g}){verdict}"
    missed = sum(not one.kept for one in judged)
    yield "every limit is kept" if not missed else f"{missed} of {len(judged)} limits are MISSED"


def _others(share: float) -> str:
    warning = "" if share < OTHERS_MAX else ": measure again when it is quiet"
    return f"other programs had {share:.0%} of the machine meanwhile{warning}"


def _row(name: str, figures: Spread) -> str:
    values = (figures.p50_ms, figures.p90_ms, figures.p99_ms, figures.max_ms)
    return f"{name:{_NAME_CHARS}}" + "".join(f"{value:9.2f}" for value in values)


def _several(ratios: Sequence[float]) -> str:
    return "  ".join(f"{ratio:.2f}" for ratio in ratios)
