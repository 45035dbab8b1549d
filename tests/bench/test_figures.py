"""Figures are what was measured: no average, no interpolation, no limit quietly missed."""

from uuid import uuid4

import pytest

from tocsin_server.bench import ingest, storm
from tocsin_server.bench.agent import Agent
from tocsin_server.bench.errors import BenchFailed
from tocsin_server.bench.figures import Judged, percentile, ratios, spread
from tocsin_server.bench.fleet import Fleet, Size
from tocsin_server.bench.machine import Machine
from tocsin_server.bench.notify import Beside, PagedStorm, Paging
from tocsin_server.bench.publisher import Reconnected, Sent, Sents
from tocsin_server.bench.report import Report, judge, table
from tocsin_server.bench.screen import SeenAlert
from tocsin_server.bench.usage import Part


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


def test_a_figure_that_has_to_be_reached_may_be_above_and_not_below() -> None:
    assert Judged(what="", got=1000.0, limit=1000, unit="", at_least=True).kept
    assert not Judged(what="", got=999.9, limit=1000, unit="", at_least=True).kept


def _ingest(sent: list[Sent], *, stored: int, on_screen: int) -> ingest.Ingest:
    return ingest.report(
        sent,
        buttons=2,
        rate=1000,
        stored=stored,
        on_screen=on_screen,
        disconnected=0,
        others=0.0,
        parts=(),
    )


def test_the_rate_counts_what_is_receipted_until_the_last_receipt() -> None:
    told = _ingest([_sent("a"), _sent("b"), _sent("c", receipted=False)], stored=3, on_screen=3)
    assert told.per_s == 500.0  # two in the 4 ms from the first press to the last receipt
    assert (told.presses, told.receipted) == (3, 2)


def test_presses_of_which_none_is_receipted_have_no_rate() -> None:
    with pytest.raises(BenchFailed, match="no press was receipted"):
        _ingest([_sent("a", receipted=False)], stored=0, on_screen=0)


def test_every_way_to_lose_a_sustained_press_is_missed_in_words() -> None:
    told = _ingest([_sent("a"), _sent("b", receipted=False)], stored=1, on_screen=3)
    judged = judge(None, (), None, told)
    missed = {one.what: one.got for one in judged if not one.kept}
    assert missed == {
        "ingest: stored and receipted a second": 250.0,
        "ingest: not stored": 1,
        "ingest: not receipted": 1,
        "ingest: doubled on the screen": 1,
    }


def _size(buttons: int, *, p99_ms: float, memory_mb: float) -> Size:
    return Size(
        buttons=buttons,
        connected=min(buttons, 2_000),
        frame=spread([p99_ms]),
        others=0.0,
        parts=(Part(name="server", processor=0.1, memory_mb=memory_mb),),
    )


def _fleet(*sizes: Size) -> Fleet:
    return Fleet(
        idle=_size(100, p99_ms=4.0, memory_mb=60.0),
        sizes=sizes,
        silent=1,
        lost_s=46.0,
        reconnected=Reconnected(buttons=2_000, took_s=4.0, failed=0),
    )


def test_a_fleet_is_judged_at_ten_thousand_and_by_what_its_largest_takes() -> None:
    fleet = _fleet(
        _size(10_000, p99_ms=8.0, memory_mb=80.0), _size(50_000, p99_ms=40.0, memory_mb=209.7)
    )
    judged = {one.what: (one.got, one.kept) for one in judge(None, (), None, None, fleet)}
    assert judged["fleet of 10000: p99 ÷ idle p99"] == (2.0, True)
    got, kept = judged["fleet of 50000: server, per button"]
    assert (round(got, 6), kept) == (3.0, False)
    assert judged["fleet of 50000: lost one noticed"] == (46.0, True)
    assert judged["fleet: 2000 TLS reconnects"] == (4.0, True)


def test_a_small_fleet_says_nothing_of_the_memory_for_a_button() -> None:
    judged = judge(None, (), None, None, _fleet(_size(1_000, p99_ms=4.0, memory_mb=90.0)))
    assert not [one.what for one in judged if "per button" in one.what]


def _beside(*, well_ms: float, ill_ms: float, is_storm: bool = False, not_taken: int = 0) -> Beside:
    return Beside(
        name="texts that hang",
        is_storm=is_storm,
        ailing=400,
        well=spread([well_ms]),
        ill=spread([ill_ms]),
        not_taken=not_taken,
    )


def _paging(beside: Beside, *, product_ms: float, storms_ms: tuple[float, ...]) -> Paging:
    return Paging(
        alerts=1,
        recipients=20,
        floor=spread([10.0]),
        product=spread([product_ms]),
        ratios=ratios([[10.0]], [[product_ms]]),
        not_taken=0,
        storms=tuple(
            PagedStorm(
                alerts=200,
                recipients=5,
                floor=spread([200.0]),
                product=spread([storm_ms]),
                not_taken=0,
            )
            for storm_ms in storms_ms
        ),
        beside=(beside,),
        others=0.0,
    )


def test_messages_within_their_limits_are_said_to_be() -> None:
    paging = _paging(_beside(well_ms=50, ill_ms=60), product_ms=80, storms_ms=(900, 800, 2000))
    judged = judge(None, (), None, paging=paging)
    assert all(one.kept for one in judged)
    assert {one.what: one.got for one in judged} == {
        "notify: 20 recipients, p99": 80,
        "notify: storm of 200 alerts, p99": 900,
        "notify: beside texts that hang, p99": 1.2,
        "notify: not taken in time": 0,
    }
    machine = Machine(processors=2, python="3.11", system="Linux")
    said = table(Report(machine=machine, paging=paging, judged=judged))
    assert "beside 400 texts that hang" in said
    assert "product ÷ floor, of each storm: p99 4.50  4.00  10.00" in said


def test_messages_that_wait_for_those_that_hang_are_missed_in_words() -> None:
    beside = _beside(well_ms=50, ill_ms=9_000, not_taken=3)
    paging = _paging(beside, product_ms=101, storms_ms=(1_001,))
    judged = judge(None, (), None, paging=paging)
    assert [one.got for one in judged if not one.kept] == [101, 1_001, 180, 3]
    assert len(judged) == 4


@pytest.mark.parametrize(("ill_ms", "kept"), [(1_000, True), (1_001, False)])
def test_beside_a_storm_that_hangs_a_text_may_take_as_long_as_in_any_storm(
    ill_ms: float, kept: bool
) -> None:
    beside = _beside(well_ms=50, ill_ms=ill_ms, is_storm=True)
    judged = judge(None, (), None, paging=_paging(beside, product_ms=80, storms_ms=(900,)))
    (one,) = [one for one in judged if "beside" in one.what]
    assert (one.got, one.limit, one.unit, one.kept) == (ill_ms, 1_000, "ms", kept)
