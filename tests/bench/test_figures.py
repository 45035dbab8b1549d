"""Figures are what was measured: no average, no interpolation, no limit quietly missed."""

from uuid import uuid4

import pytest

from tocsin_server.bench import storm
from tocsin_server.bench.agent import Agent
from tocsin_server.bench.figures import Judged, percentile, ratios, spread
from tocsin_server.bench.machine import Machine
from tocsin_server.bench.publisher import Sent, Sents
from tocsin_server.bench.report import Report, judge, table
from tocsin_server.bench.screen import SeenAlert


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(1, 1.0), (50, 50.0), (90, 90.0), (99, 99.0), (99.5, 100.0), (100, 100.0)],
)
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    shuffled = [float(n) for n in (*range(51, 101), *range(1, 51))]
    assert percentile(shuffled, percent) == expected


def test_the_99th_percentile_of_few_presses_is_the_slowest() -> None:
    assert spread([3.0, 1.0, 2.0]).p99_ms == 3.0


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="0 values"):
        spread([])


def test_ratios_are_taken_block_by_block_and_their_median_is_told() -> None:
    floor = [[1.0], [2.0], [4.0]]
    product = [[2.0], [3.0], [40.0]]
    told = ratios(floor, product)
    assert told.p50_of_blocks == (2.0, 1.5, 10.0)
    assert told.p50 == told.p99 == 2.0
    assert told.p50_of_pool == 1.5
    assert told.p99_of_pool == 10.0


def test_blocks_that_were_not_measured_in_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios([[1.0]], [[1.0], [1.0]])


def _sent(device_id: str, *, receipted: bool = True) -> Sent:
    return Sent(
        device_id=device_id,
        press_id=uuid4(),
        began_wall_s=0.0,
        began_ns=1_000_000,
        sent_ns=2_000_000,
        confirmed_ns=3_000_000,
        receipted_ns=5_000_000 if receipted else None,
        alert_id=uuid4() if receipted else None,
        receipts=int(receipted),
        attempts=1,
    )


def _alert(name: str, device_id: str, *, presses: int = 1) -> SeenAlert:
    return SeenAlert(alert_id=name, device_id=device_id, version=1, presses=presses, state="open")


def _report(account: Sents, alerts: list[SeenAlert]) -> storm.Storm:
    first_ns = {alert.alert_id: 4_000_000 for alert in alerts}
    return storm.report(account, alerts, first_ns, stored=len(account.sent), others=0.0)


def test_a_storm_in_which_all_is_well_loses_and_doubles_nothing() -> None:
    account = Sents(sent=[_sent("a"), _sent("b")], lost=0)
    told = _report(account, [_alert("1", "a"), _alert("2", "b")])
    assert (told.on_screen, told.receipted, told.lost, told.doubled) == (2, 2, 0, 0)
    assert told.frame.max_ms == 3.0
    assert told.receipt.max_ms == 4.0


def test_a_press_without_a_frame_or_without_a_receipt_is_lost() -> None:
    account = Sents(sent=[_sent("a"), _sent("b"), _sent("c", receipted=False)], lost=0)
    told = _report(account, [_alert("1", "a"), _alert("3", "c")])
    assert (told.on_screen, told.receipted, told.lost) == (2, 2, 2)


def test_a_second_alert_and_a_press_counted_twice_are_doubled() -> None:
    account = Sents(sent=[_sent("a"), _sent("b")], lost=0)
    told = _report(account, [_alert("1", "a"), _alert("2", "a"), _alert("3", "b", presses=3)])
    assert told.doubled == 3


def _button(*, memory_mb: float) -> Agent:
    return Agent(edge_to_publish=spread([1.0]), memory_mb=memory_mb, start_to_armed_s=1.0, starts=1)


def test_a_missed_limit_is_said_in_words() -> None:
    button = _button(memory_mb=70.0)
    judged = judge(None, (), button)
    assert [one.what for one in judged if not one.kept] == ["button: memory"]
    machine = Machine(processors=2, python="3.11", system="Linux")
    said = table(Report(machine=machine, button=button, judged=judged))
    assert "70.00 MB (limit 64)   MISSED" in said
    assert "1 of 3 limits are MISSED" in said


def test_kept_limits_are_said_to_be_kept() -> None:
    button = _button(memory_mb=10.0)
    machine = Machine(processors=2, python="3.11", system="Linux")
    said = table(Report(machine=machine, button=button, judged=judge(None, (), button)))
    assert "MISSED" not in said
    assert said.endswith("every limit is kept\n")


def test_a_figure_at_its_limit_keeps_it() -> None:
    assert Judged(what="", got=1.5, limit=1.5, unit="").kept
    assert not Judged(what="", got=1.51, limit=1.5, unit="").kept
