"""The report: what was measured, beside what it may be.

Promise: every figure with a limit stands beside it, kept or not. A limit that is missed is said
in words.
"""

from collections.abc import Iterator, Sequence
from statistics import median

import msgspec

from tocsin_server.bench.agent import Agent
from tocsin_server.bench.figures import Judged, Spread
from tocsin_server.bench.fleet import Fleet, Size
from tocsin_server.bench.ingest import Ingest
from tocsin_server.bench.machine import Machine
from tocsin_server.bench.notify import Paging
from tocsin_server.bench.product import Idle
from tocsin_server.bench.storm import Storm
from tocsin_server.bench.usage import Part

RATIO_P50_MAX = 1.5
RATIO_P99_MAX = 2.0
STORM_P99_MS_MAX = 1000.0
EDGE_P99_MS_MAX = 10.0
MEMORY_MB_MAX = 64.0
ARMED_S_MAX = 5.0
INGEST_PER_S_MIN = 1000.0
FLEET_RATIO_MAX = 2.0
FLEET_RATIO_BUTTONS_MAX = 10_000  # up to so many buttons the ratio has to be kept
FLEET_KB_MAX = 2.0
FLEET_KB_BUTTONS_MIN = 10_000  # with fewer, what the server itself takes hides what a button does
LOST_S_MAX = 47.0
RECONNECT_S_MAX = 15.0
PAGED_P99_MS_MAX = 100.0
PAGED_STORM_P99_MS_MAX = 1000.0
BESIDE_RATIO_MAX = 2.0  # what an alert's texts may take beside others' that hang, or are throttled
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
    ingest: Ingest | None = None
    fleet: Fleet | None = None
    paging: Paging | None = None
    judged: tuple[Judged, ...] = ()


def judge(
    idle: Idle | None,
    storms: Sequence[Storm],
    button: Agent | None,
    ingest: Ingest | None = None,
    fleet: Fleet | None = None,
    *,
    paging: Paging | None = None,
) -> tuple[Judged, ...]:
    """Put each figure beside its limit."""
    judged: list[Judged] = []
    if idle is not None:
        judged += _judge_idle(idle)
    if storms:
        judged += _judge_storms(storms)
    if button is not None:
        judged += _judge_button(button)
    if ingest is not None:
        judged += _judge_ingest(ingest)
    if fleet is not None:
        judged += _judge_fleet(fleet)
    if paging is not None:
        judged += _judge_paging(paging)
    return tuple(judged)


def _judge_idle(idle: Idle) -> Iterator[Judged]:
    yield Judged(
        what="idle: p50, product ÷ floor",
        got=idle.ratios.p50,
        limit=RATIO_P50_MAX,
        unit=_TIMES,
    )
    yield Judged(
        what="idle: p99, product ÷ floor",
        got=idle.ratios.p99,
        limit=RATIO_P99_MAX,
        unit=_TIMES,
    )


def _judge_storms(storms: Sequence[Storm]) -> Iterator[Judged]:
    yield Judged(
        what="storm: press → frame, p99",
        got=median(storm.frame.p99_ms for storm in storms),
        limit=STORM_P99_MS_MAX,
        unit="ms",
    )
    yield Judged(
        what="storm: press → receipt, p99",
        got=median(storm.receipt.p99_ms for storm in storms),
        limit=STORM_P99_MS_MAX,
        unit="ms",
    )
    wrong = {
        "lost": sum(storm.lost for storm in storms),
        "not stored": sum(storm.buttons - storm.stored for storm in storms),
        "doubled": sum(storm.doubled for storm in storms),
    }
    for what, count in wrong.items():
        yield Judged(what=f"storm: {what}", got=count, limit=0, unit="")


def _judge_button(button: Agent) -> Iterator[Judged]:
    yield Judged(
        what="button: edge → PUBLISH, p99",
        got=button.edge_to_publish.p99_ms,
        limit=EDGE_P99_MS_MAX,
        unit="ms",
    )
    yield Judged(what="button: memory", got=button.memory_mb, limit=MEMORY_MB_MAX, unit="MB")
    yield Judged(
        what="button: start → armed",
        got=button.start_to_armed_s,
        limit=ARMED_S_MAX,
        unit="s",
    )


def _judge_ingest(ingest: Ingest) -> Iterator[Judged]:
    yield Judged(
        what="ingest: stored and receipted a second",
        got=ingest.per_s,
        limit=INGEST_PER_S_MIN,
        unit="",
        at_least=True,
    )
    lost = {
        "not stored": ingest.presses - ingest.stored,
        "not receipted": ingest.presses - ingest.receipted,
        "not on the screen": max(0, ingest.presses - ingest.on_screen),
        "doubled on the screen": max(0, ingest.on_screen - ingest.presses),
    }
    for what, count in lost.items():
        yield Judged(what=f"ingest: {what}", got=count, limit=0, unit="")


def _judge_fleet(fleet: Fleet) -> Iterator[Judged]:
    for size in [size for size in fleet.sizes if size.buttons <= FLEET_RATIO_BUTTONS_MAX][-1:]:
        yield Judged(
            what=f"fleet of {size.buttons}: p99 ÷ idle p99",
            got=size.frame.p99_ms / fleet.idle.frame.p99_ms,
            limit=FLEET_RATIO_MAX,
            unit=_TIMES,
        )
    largest = fleet.sizes[-1].buttons
    if largest >= FLEET_KB_BUTTONS_MIN:
        yield Judged(
            what=f"fleet of {largest}: server, per button",
            got=fleet.bytes_per_button / 1e3,
            limit=FLEET_KB_MAX,
            unit="KB",
        )
    yield Judged(
        what=f"fleet of {largest}: lost one noticed", got=fleet.lost_s, limit=LOST_S_MAX, unit="s"
    )
    yield Judged(
        what=f"fleet: {fleet.reconnected.buttons} TLS reconnects",
        got=fleet.reconnected.took_s,
        limit=RECONNECT_S_MAX,
        unit="s",
    )


def _judge_paging(paging: Paging) -> Iterator[Judged]:
    yield Judged(
        what=f"notify: {paging.recipients} recipients, p99",
        got=paging.product.p99_ms,
        limit=PAGED_P99_MS_MAX,
        unit="ms",
    )
    yield Judged(
        what=f"notify: storm of {paging.storms[0].alerts} alerts, p99",
        got=median(storm.product.p99_ms for storm in paging.storms),
        limit=PAGED_STORM_P99_MS_MAX,
        unit="ms",
    )
    for beside in paging.beside:
        yield Judged(
            what=f"notify: beside {beside.name}, p99",
            got=beside.ill.p99_ms / beside.well.p99_ms,
            limit=BESIDE_RATIO_MAX,
            unit=_TIMES,
        )
    not_taken = paging.not_taken
    not_taken += sum(storm.not_taken for storm in paging.storms)
    not_taken += sum(beside.not_taken for beside in paging.beside)
    yield Judged(what="notify: not taken in time", got=not_taken, limit=0, unit="")


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
    if report.ingest is not None:
        lines += ["", *_ingest(report.ingest)]
    if report.fleet is not None:
        lines += ["", *_fleet(report.fleet)]
    if report.paging is not None:
        lines += ["", *_paging(report.paging)]
    lines += ["", *judged_lines(report.judged)]
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


def _ingest(ingest: Ingest) -> Iterator[str]:
    yield (
        f"INGEST: {ingest.presses} presses from {ingest.buttons} buttons in"
        f" {ingest.sent_in_s:.1f} s ({ingest.rate} a second were asked for);"
        f" {ingest.per_s:.0f} a second"
    )
    yield "a button's first press opens an alert, which pages; its later ones join it"
    yield _COLUMNS
    yield _row("press → receipt", ingest.receipt)
    yield (
        f"stored {ingest.stored}, receipted {ingest.receipted}, on the screen {ingest.on_screen};"
        f" sent again {ingest.sent_again} times, connections lost {ingest.disconnected}"
    )
    yield from _parts(ingest.parts)
    yield _others(ingest.others)


def _parts(parts: Sequence[Part]) -> Iterator[str]:
    yield f"{'':{_NAME_CHARS}}{'processor':>10}{'memory':>10}"
    for part in parts:
        yield f"{part.name:{_NAME_CHARS}}{part.processor:>10.0%}{part.memory_mb:>7.0f} MB"


def _fleet(fleet: Fleet) -> Iterator[str]:
    yield "FLEET: press → frame, while so many buttons are supervised, each by a heartbeat in 15 s"
    connected = fleet.sizes[-1].connected
    yield (
        f"up to {connected} have a certificate and a connection each; the others share one, which"
        " an access list of this benchmark alone allows: supervision goes by topic"
    )
    names = [part.name for part in fleet.idle.parts]
    yield f"{'buttons':>9}{'p50':>8}{'p99':>8}{'max':>8}  ms" + "".join(f"{n:>18}" for n in names)
    yield _size("idle", fleet.idle)
    for size in fleet.sizes:
        yield _size(str(size.buttons), size)
    yield f"the server has grown by {fleet.bytes_per_button:.0f} bytes for each button"
    yield (
        f"{fleet.silent} buttons that fell silent were on the screen as lost after at most"
        f" {fleet.lost_s:.1f} s"
    )
    again = fleet.reconnected
    yield (
        f"{again.buttons} connections were opened again, with TLS, in {again.took_s:.1f} s;"
        f" {again.failed} attempts failed"
    )
    yield _others(max(size.others for size in (fleet.idle, *fleet.sizes)))


def _paging(paging: Paging) -> Iterator[str]:
    yield "NOTIFY: from an alert's commit until the provider has taken its messages"
    yield "floor: the bare Twilio client sends as many texts at once"
    yield _COLUMNS
    yield _row(f"{paging.recipients} recipients, {paging.alerts} alerts: floor", paging.floor)
    yield _row(f"{'':24}product", paging.product)
    for n, storm in enumerate(paging.storms, start=1):
        yield _row(f"storm {n}, {storm.alerts} alerts to {storm.recipients}: floor", storm.floor)
        yield _row(f"{'':24}product", storm.product)
    for beside in paging.beside:
        yield _row(f"all well, {beside.well.count} texts", beside.well)
        yield _row(f"beside {beside.ailing} {beside.name}", beside.ill)
    storms = [storm.product.p99_ms / storm.floor.p99_ms for storm in paging.storms]
    found = paging.ratios
    yield f"product ÷ floor, of each alert: p50 {found.p50:.2f}, p99 {found.p99:.2f} (medians)"
    yield f"product ÷ floor, of each storm: p99 {_several(storms)}"
    yield _others(paging.others)


def _size(name: str, size: Size) -> str:
    frame = size.frame
    parts = (f"{part.processor:>8.0%}{part.memory_mb:>7.0f} MB" for part in size.parts)
    return f"{name:>9}{frame.p50_ms:8.2f}{frame.p99_ms:8.2f}{frame.max_ms:8.2f}    " + "".join(
        parts
    )


def judged_lines(judged: Sequence[Judged]) -> Iterator[str]:
    for one in judged:
        got = f"{one.got:.0f}" if one.limit == 0 else f"{one.got:.2f}"
        verdict = "" if one.kept else "   MISSED"
        limit = f"at least {one.limit:g}" if one.at_least else f"limit {one.limit:g}"
        yield f"{one.what:{_NAME_CHARS}}{got:>9} {one.unit:2} ({limit}){verdict}"
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
