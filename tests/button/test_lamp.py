"""The lamp's table, line by line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin_button.lamp import STEPS, Pattern, Showing, Subject, level, show
from tocsin_wire.messages import State


def lit_times(
    pattern: Pattern, seconds: float, *, drill: bool = False, armed_blip: bool = False
) -> list[tuple[float, float]]:
    """Follow the lamp from change to change: when it was lit, from and to."""
    spans: list[tuple[float, float]] = []
    t_s = 0.0
    while t_s < seconds:
        lit, stays_s = level(pattern, t_s=t_s + 1e-9, drill=drill, armed_blip=armed_blip)
        until_s = min(t_s + stays_s, seconds)
        if lit and spans and abs(spans[-1][1] - t_s) < 1e-6:
            spans[-1] = (spans[-1][0], round(until_s, 3))
        elif lit:
            spans.append((round(t_s, 3), round(until_s, 3)))
        t_s = until_s + 1e-9
    return spans


@pytest.mark.parametrize(
    ("pattern", "seconds", "spans"),
    [
        (Pattern.ARMED, 20, []),
        (Pattern.PRESSED, 0.5, [(0, 0.125), (0.25, 0.375)]),
        (Pattern.STORED, 4, [(0, 1), (2, 3)]),
        (Pattern.ACKNOWLEDGED, 20, [(0, 20)]),
        (Pattern.RESPONDING, 1.5, [(0, 0.15), (0.3, 0.45)]),
        (Pattern.FAULT, 4, [(0, 0.1), (2, 2.1)]),
    ],
)
def test_every_state_has_its_own_light(
    pattern: Pattern, seconds: float, spans: list[tuple[float, float]]
) -> None:
    assert lit_times(pattern, seconds) == spans


def test_sos_is_three_dots_three_dashes_three_dots() -> None:
    period_s = sum(seconds for seconds, _ in STEPS[Pattern.SOS])
    spans = lit_times(Pattern.SOS, period_s - 0.5)
    signs = ["dot" if until - since < 0.3 else "dash" for since, until in spans]
    assert signs == ["dot"] * 3 + ["dash"] * 3 + ["dot"] * 3


def test_armed_blips_only_where_it_is_wanted() -> None:
    assert lit_times(Pattern.ARMED, 20, armed_blip=True) == [(0, 0.05), (10, 10.05)]
    assert lit_times(Pattern.STORED, 2, armed_blip=True) == [(0, 1)]


def test_a_drill_inverts_every_fourth_second() -> None:
    assert lit_times(Pattern.ARMED, 8, drill=True) == [(3, 4), (7, 8)]
    assert lit_times(Pattern.ACKNOWLEDGED, 8, drill=True) == [(0, 3), (4, 7)]
    assert lit_times(Pattern.STORED, 4, drill=True) == [(0, 1), (2, 4)]


@given(
    pattern=st.sampled_from(Pattern),
    t_s=st.floats(0, 1e6),
    drill=st.booleans(),
    blip=st.booleans(),
)
def test_the_light_stays_as_it_is_until_it_said_so(
    pattern: Pattern, t_s: float, drill: bool, blip: bool
) -> None:
    lit, stays_s = level(pattern, t_s=t_s, drill=drill, armed_blip=blip)
    assert stays_s >= 0
    middle_s = t_s + min(stays_s, 100) / 2
    assert stays_s < 1e-6 or level(pattern, t_s=middle_s, drill=drill, armed_blip=blip)[0] == lit


def press(
    age_s: float,
    state: State | None = None,
    *,
    waiting_s: float | None = None,
    drill: bool = False,
) -> Subject:
    if waiting_s is None:
        waiting_s = age_s if state is None else 0.0
    return Subject(age_s=age_s, waiting_s=waiting_s, state=state, drill=drill)


@pytest.mark.parametrize(
    ("subject", "pattern"),
    [
        (press(0.0), Pattern.PRESSED),
        (press(14.9), Pattern.PRESSED),
        (press(15.0), Pattern.SOS),
        (press(0.39, waiting_s=60.0), Pattern.PRESSED),
        (press(0.4, waiting_s=60.0), Pattern.SOS),
        (press(0.4, "stored", waiting_s=60.0), Pattern.STORED),
        (press(0.39, "acknowledged"), Pattern.PRESSED),
        (press(0.4, "stored"), Pattern.STORED),
        (press(60.0, "stored"), Pattern.STORED),
        (press(1.0, "acknowledged"), Pattern.ACKNOWLEDGED),
        (press(1.0, "responding"), Pattern.RESPONDING),
        (press(1.0, "resolved"), Pattern.ARMED),
    ],
)
def test_an_open_press_shows_how_far_it_has_come(subject: Subject, pattern: Pattern) -> None:
    showing = show(subject=subject, identify=True, fault=True, drill=False)
    assert showing.pattern is pattern


def test_the_lamp_asks_again_when_time_alone_changes_it() -> None:
    shown = show(subject=press(0.1, "stored"), identify=False, fault=False, drill=False)
    assert shown.again_in_s == pytest.approx(0.3)
    shown = show(subject=press(5.0), identify=False, fault=False, drill=False)
    assert shown.again_in_s == pytest.approx(10.0)
    shown = show(subject=press(5.0, waiting_s=14.0), identify=False, fault=False, drill=False)
    assert shown.again_in_s == pytest.approx(1.0)
    shown = show(subject=press(0.1, waiting_s=60.0), identify=False, fault=False, drill=False)
    assert shown.again_in_s == pytest.approx(0.3)


def test_without_a_press_identify_goes_before_a_fault_and_that_before_armed() -> None:
    def pattern(*, identify: bool, fault: bool) -> Pattern:
        return show(subject=None, identify=identify, fault=fault, drill=False).pattern

    assert pattern(identify=True, fault=True) is Pattern.IDENTIFY
    assert pattern(identify=False, fault=True) is Pattern.FAULT
    assert pattern(identify=False, fault=False) is Pattern.ARMED


def test_a_press_shows_its_own_drill_and_an_idle_button_the_button_s() -> None:
    assert show(subject=None, identify=False, fault=False, drill=True).drill
    real = show(subject=press(1.0, "stored"), identify=False, fault=False, drill=True)
    assert real == Showing(Pattern.STORED, drill=False)
