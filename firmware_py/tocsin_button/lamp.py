"""Lamp: what the lamp shows, decided without clock or pin.

The newest open press goes before being asked to identify, that before a fault, a fault
before armed. The lamp never tells of an acknowledgement that no signed receipt told of.
Patterns are steps of (seconds, lit) that repeat; the wire contract's table says which.
"""

from dataclasses import dataclass
from enum import StrEnum

from tocsin_wire.messages import State

PRESSED_S_MIN = 0.4  # a receipt that comes in 5 ms must not hide that the press was felt
SOS_AFTER_S = 15.0  # wire contract, Lamp: not receipted for 15 s
DRILL_TURN_S = 4.0  # of every 4 seconds the last one is inverted
DRILL_INVERTED_S = 1.0
NEVER_S = float("inf")


class Pattern(StrEnum):
    """What the lamp says."""

    ARMED = "armed"
    PRESSED = "pressed"
    SOS = "sos"
    STORED = "stored"
    ACKNOWLEDGED = "acknowledged"
    RESPONDING = "responding"
    FAULT = "fault"
    IDENTIFY = "identify"


Step = tuple[float, bool]

_DOT: tuple[Step, ...] = ((0.15, True), (0.15, False))
_DASH: tuple[Step, ...] = ((0.45, True), (0.15, False))
_PAUSE: tuple[Step, ...] = ((0.3, False),)  # with the gap after a sign: three dots long

STEPS: dict[Pattern, tuple[Step, ...]] = {
    Pattern.ARMED: ((NEVER_S, False),),
    Pattern.PRESSED: ((0.125, True), (0.125, False)),
    Pattern.SOS: (*_DOT * 3, *_PAUSE, *_DASH * 3, *_PAUSE, *_DOT * 3, (0.9, False)),
    Pattern.STORED: ((1.0, True), (1.0, False)),
    Pattern.ACKNOWLEDGED: ((NEVER_S, True),),
    Pattern.RESPONDING: ((0.15, True), (0.15, False), (0.15, True), (1.05, False)),
    Pattern.FAULT: ((0.1, True), (1.9, False)),
    Pattern.IDENTIFY: ((0.5, True), (0.1, False), (0.1, True), (0.1, False)),
}
ARMED_BLIP: tuple[Step, ...] = ((0.05, True), (9.95, False))

_RECEIPTED: dict[State, Pattern] = {
    "stored": Pattern.STORED,
    "acknowledged": Pattern.ACKNOWLEDGED,
    "responding": Pattern.RESPONDING,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The newest open press, as far as the lamp is concerned. `age_s` counts from its edge.

    `waiting_s` counts from the oldest press that no receipt names yet (0 if none waits):
    whoever presses again and again must see SOS no later than who pressed once.
    """

    age_s: float
    waiting_s: float
    state: State | None
    drill: bool


@dataclass(frozen=True, slots=True)
class Showing:
    """What the lamp is to show from now on, and when to ask again (None: at the next event)."""

    pattern: Pattern
    drill: bool
    again_in_s: float | None = None


def show(*, subject: Subject | None, identify: bool, fault: bool, drill: bool) -> Showing:
    """Say what the lamp shows. `drill`: the button's own drill mode, for when nothing is open."""
    if subject is not None:
        return _show_press(subject)
    if identify:
        return Showing(Pattern.IDENTIFY, drill)
    return Showing(Pattern.FAULT if fault else Pattern.ARMED, drill)


def _show_press(subject: Subject) -> Showing:
    if subject.age_s < PRESSED_S_MIN:
        return Showing(Pattern.PRESSED, subject.drill, PRESSED_S_MIN - subject.age_s)
    if subject.state is None:
        if subject.waiting_s < SOS_AFTER_S:
            return Showing(Pattern.PRESSED, subject.drill, SOS_AFTER_S - subject.waiting_s)
        return Showing(Pattern.SOS, subject.drill)
    # `resolved` ends a press: it is open no more, and only its last blinks come here.
    return Showing(_RECEIPTED.get(subject.state, Pattern.ARMED), subject.drill)


def level(pattern: Pattern, *, t_s: float, drill: bool, armed_blip: bool) -> tuple[bool, float]:
    """Say whether the lamp is lit `t_s` seconds into a pattern, and for how much longer."""
    steps = ARMED_BLIP if armed_blip and pattern is Pattern.ARMED else STEPS[pattern]
    lit, stays_s = _step_at(steps, t_s)
    if drill:
        inverted, turns_s = _step_at(
            ((DRILL_TURN_S - DRILL_INVERTED_S, False), (DRILL_INVERTED_S, True)), t_s
        )
        lit, stays_s = lit != inverted, min(stays_s, turns_s)
    return lit, stays_s


def _step_at(steps: tuple[Step, ...], t_s: float) -> tuple[bool, float]:
    period_s = sum(seconds for seconds, _ in steps)
    phase_s = t_s if period_s == NEVER_S else t_s % period_s
    for seconds, lit in steps:
        if phase_s < seconds:
            return lit, seconds - phase_s
        phase_s -= seconds
    return steps[-1][1], 0.0  # the rounding of the last step's end
