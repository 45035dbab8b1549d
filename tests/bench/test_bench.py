"""`tocsin bench`, small: it measures real parts from end to end and leaves nothing behind."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from tocsin_server.bench.report import Report

ENDS_S_MAX = 20.0
MARK = "TOCSIN_BENCH_TEST"


async def _start(folder: Path, *options: str) -> tuple[asyncio.subprocess.Process, str]:
    mark = secrets.token_hex(8)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tocsin_server.bench", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(folder), MARK: mark},
    )
    return process, mark


def _still_running(mark: str) -> list[str]:
    """Every process that was started, directly or not, by the one with this mark."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def _contents(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def _nothing_is_left(folder: Path, mark: str) -> None:
    """The kernel ends a child with us, but not in the same instant."""
    async with asyncio.timeout(ENDS_S_MAX):
        while True:
            if not _still_running(mark):
                break
            await asyncio.sleep(0.02)
    assert _contents(folder) == []


def _gots(report: Report) -> Mapping[str, float]:
    return {one.what: one.got for one in report.judged}


async def test_it_measures_every_part_and_leaves_nothing_behind(folder: Path) -> None:
    process, mark = await _start(
        folder,
        *("--blocks", "2", "--presses", "3", "--quiet-ms", "20"),
        *("--storm", "12", "--storms", "2", "--button-presses", "2", "--json"),
    )
    out, progress = await process.communicate()
    assert process.returncode == 0, progress.decode()
    report = msgspec.json.decode(out, type=Report)

    assert report.idle is not None
    assert (report.idle.floor.count, report.idle.product.count) == (6, 6)
    assert report.idle.receipt.count == 6
    assert len(report.idle.ratios.p50_of_blocks) == 2
    assert all(stage.floor.count == stage.product.count == 6 for stage in report.idle.stages)
    assert all(stage.floor.count == 6 for stage in report.idle.floor_stages)

    assert len(report.storms) == 2
    for storm in report.storms:
        assert (storm.buttons, storm.stored, storm.receipted, storm.on_screen) == (12,) * 4
        assert (storm.lost, storm.doubled, storm.disconnected) == (0, 0, 0)

    assert report.button is not None
    assert report.button.edge_to_publish.count == 2
    assert _gots(report)["button: memory"] == report.button.memory_mb > 0
    assert len(report.judged) == 10
    assert b"block 2 of 2" in progress
    await _nothing_is_left(folder, mark)


async def test_sustained_presses_are_stored_receipted_and_on_the_screen(folder: Path) -> None:
    process, mark = await _start(
        folder,
        *("ingest", "--seconds", "2", "--rate", "30", "--ingest-buttons", "6"),
        *("--quiet-ms", "0", "--json"),
    )
    out, progress = await process.communicate()
    assert process.returncode == 0, progress.decode()
    report = msgspec.json.decode(out, type=Report)
    assert report.idle is None
    ingest = report.ingest
    assert ingest is not None
    # A machine that is busy may not come to all of them within the two seconds.
    assert 6 < ingest.presses <= 60
    assert (ingest.stored, ingest.receipted, ingest.on_screen) == (ingest.presses,) * 3
    assert ingest.receipt.count == ingest.presses
    assert 0 < ingest.per_s <= 60
    assert {part.name for part in ingest.parts} >= {"server", "broker", "database", "buttons"}
    assert all(part.memory_mb > 0 for part in ingest.parts)
    gots = _gots(report)
    assert gots["ingest: stored and receipted a second"] == ingest.per_s
    lost = [name for name in gots if "not " in name or "doubled" in name]
    assert [gots[name] for name in lost] == [0, 0, 0, 0]
    await _nothing_is_left(folder, mark)


async def test_a_growing_fleet_is_supervised_goes_silent_and_connects_again(folder: Path) -> None:
    process, mark = await _start(
        folder,
        *("fleet", "--seconds", "0", "--buttons", "2,5", "--certified", "4", "--silent", "1"),
        *("--quiet-ms", "0"),
    )
    out, progress = await process.communicate()
    assert process.returncode == 0, progress.decode()
    said = out.decode()
    assert "up to 4 have a certificate and a connection each; the others share one" in said
    rows = [line.split()[0] for line in said.splitlines() if " MB" in line]
    assert rows == ["idle", "2", "5"]
    assert "1 buttons that fell silent were on the screen as lost" in said
    assert "4 connections were opened again, with TLS" in said
    assert "fleet of 5: p99 ÷ idle p99" in said
    assert "fleet of 5: lost one noticed" in said
    assert "fleet: 4 TLS reconnects" in said
    await _nothing_is_left(folder, mark)


async def test_every_message_is_timed_and_none_waits_for_those_that_hang(folder: Path) -> None:
    process, mark = await _start(
        folder,
        *("notify", "--alerts", "1", "--paging-storm", "3", "--storms", "1", "--ailing", "2"),
        *("--quiet-ms", "0", "--json"),
    )
    out, progress = await process.communicate()
    assert process.returncode == 0, progress.decode()
    paging = msgspec.json.decode(out, type=Report).paging
    assert paging is not None
    assert paging.floor.count == paging.product.count == 20
    (storm,) = paging.storms
    assert storm.floor.count == storm.product.count == 15
    hang, throttled, calls, stormed = paging.beside
    assert (hang.ailing, hang.well.count, hang.ill.count) == (20, 10, 10)
    assert (throttled.ailing, throttled.well.count, throttled.ill.count) == (20, 10, 10)
    assert (calls.ailing, calls.well.count, calls.ill.count) == (40, 20, 20)
    assert (stormed.ailing, stormed.well.count, stormed.ill.count) == (100, 10, 10)
    gots = _gots(msgspec.json.decode(out, type=Report))
    assert gots["notify: not taken in time"] == 0
    assert gots["notify: 20 recipients, p99"] == paging.product.p99_ms
    assert gots["notify: storm of 3 alerts, p99"] == storm.product.p99_ms
    await _nothing_is_left(folder, mark)


async def test_every_view_of_past_alerts_is_asked_for_beside_many(folder: Path) -> None:
    process, mark = await _start(folder, "history", "--past", "300", "--asked", "2", "--json")
    out, progress = await process.communicate()
    assert process.returncode == 0, progress.decode()
    report = msgspec.json.decode(out, type=Report)
    history = report.history
    assert history is not None
    assert history.alerts == 300
    assert {view.asked for view in history.views} == {2}
    assert all(0 < view.p50_ms <= view.p95_ms <= view.max_ms for view in history.views)
    size = {view.name: view.bytes for view in history.views}
    assert size["resolved: what nobody finds"] < 60 < size["resolved: the newest"]
    assert size["resolved: what never goes together"] < 60 < size["resolved: real emergencies"]
    slowest = max(view.p95_ms for view in history.views)
    assert _gots(report) == {"history: the slowest view, p95": slowest}
    await _nothing_is_left(folder, mark)


async def test_one_part_alone_is_told_in_a_table(folder: Path) -> None:
    process, mark = await _start(
        folder, "--only", "floor", "--blocks", "1", "--presses", "2", "--quiet-ms", "0"
    )
    out, progress = await process.communicate()
    assert process.returncode == 0, progress.decode()
    said = out.decode()
    assert "PRESS → FRAME, idle: 1 blocks of 2 presses" in said
    assert "idle: p50, product ÷ floor" in said
    assert "STORM" not in said
    assert "BUTTON" not in said
    await _nothing_is_left(folder, mark)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_stopped_in_the_middle_it_leaves_nothing_behind(
    folder: Path, number: signal.Signals
) -> None:
    process, mark = await _start(folder, "--only", "floor", "--presses", "2", "--blocks", "100")
    assert process.stderr is not None
    async for line in process.stderr:
        if line.startswith(b"block 1 "):
            break
    process.send_signal(number)
    await process.communicate()
    assert process.returncode == 1
    await _nothing_is_left(folder, mark)


async def test_what_cannot_be_measured_is_refused_in_words(folder: Path) -> None:
    process, _ = await _start(folder, "--only", "weather")
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"'weather' is none of floor, storm, button, ingest, fleet, notify, history" in said
