"""The life of an alert, decided without touching the world.

Rule 1: every change in an alert's standing is decided in this file.
Rule 2: no clock, socket or database here. The caller brings the elapsed time, as
measured by its monotonic clock, and carries out the order.
Rule 3: an alert that nobody has acknowledged always has a next decision.
"""

from dataclasses import dataclass

PATIENCE_S_MIN = 1.0  # less would page faster than a phone can ring
PATIENCE_S_MAX = 3600.0
PROVING_S = 600.0  # whoever proves a button stands there; by then they have left, or need help
TIERS_MAX = 10  # a state's whole chain of command is shorter
NO_REPORT_S = 10.0  # a message that nobody reports on for so long starts the next method
HOLDER_ANSWER_S = 60.0  # what whoever has it gets to say that they still do


@dataclass(frozen=True, slots=True)
class Tier:
    """How long this tier may take, and whether anybody is in it at this moment."""

    patience_s: float
    occupied: bool

    def __post_init__(self) -> None:
        """Refuse what would spin, or wait without end."""
        if not PATIENCE_S_MIN <= self.patience_s <= PATIENCE_S_MAX:
            raise ValueError(
                f"a tier's patience is {PATIENCE_S_MIN:g} to {PATIENCE_S_MAX:g} seconds,"
                f" not {self.patience_s:g}"
            )


@dataclass(frozen=True, slots=True)
class Silence:
    """Somebody has it and has said nothing for so long; `may_last_s`: how long they may.

    `asked`: they were asked whether they still have it, and `for_s` counts from then on.
    """

    for_s: float
    may_last_s: float
    asked: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What has been done for one alert so far. Attempt 0: nobody told yet.

    `settled`: a human has it and needs nobody else, or it is resolved; `stood_down`: everybody was
    told so. `silence`: of whoever has it; None where nobody minds it. `unreached`: every message
    of this attempt has failed for good, or twice. `hurried`: somebody wants the next tier at once.
    `proving`: the press proves a button, just claimed or in a walk test; whoever pressed it stands
    there and sees it answered.
    """

    attempt: int
    elapsed_s: float
    settled: bool
    unreached: bool = False
    proving: bool = False
    hurried: bool = False
    stood_down: bool = False
    silence: Silence | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell this tier (counted from 1) now. `unanswered`: every tier has had its time."""

    attempt: int
    tier: int
    unanswered: bool
    patience_s: float


@dataclass(frozen=True, slots=True)
class SayNobodyIsThere:
    """No tier has anybody: the screens must say so, and it is looked at again after this long."""

    attempt: int
    tier: int
    patience_s: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for this long."""

    for_s: float


@dataclass(frozen=True, slots=True)
class StandDown:
    """A human has it, or it is resolved. Only this order leaves an alert without a decision."""


@dataclass(frozen=True, slots=True)
class AskHolder:
    """Ask whoever has it whether they still do."""


@dataclass(frozen=True, slots=True)
class ClimbAgain:
    """Whoever has it doesn't answer: begin anew at tier 1, and say why."""


Order = Notify | SayNobodyIsThere | Wait | StandDown | AskHolder | ClimbAgain


def decide(standing: Standing, tiers: tuple[Tier, ...]) -> Order:
    """Say what one alert needs at this moment.

    An empty tier falls through at once, and so does one whose every message failed;
    the last tier with anybody in it repeats until somebody answers. A press that proves a button
    is told to nobody for PROVING_S: the screens show it. Then it climbs like any other.
    """
    if standing.settled:
        return _of_holder(standing)
    if not tiers:
        raise ValueError("an alert begins with at least one tier")
    if not standing.hurried and (waiting := _still_waiting(standing, tiers)):
        return waiting
    last = len(tiers)
    occupied = [tier for tier in range(1, last + 1) if tiers[tier - 1].occupied]
    if not occupied:
        return SayNobodyIsThere(max(standing.attempt, last) + 1, last, tiers[-1].patience_s)
    attempt = standing.attempt + 1
    while attempt < last and not tiers[attempt - 1].occupied:
        attempt += 1
    if attempt <= last and tiers[attempt - 1].occupied:
        return Notify(attempt, attempt, unanswered=False, patience_s=tiers[attempt - 1].patience_s)
    return Notify(
        max(attempt, last + 1), occupied[-1], unanswered=True, patience_s=tiers[last - 1].patience_s
    )


def _still_waiting(standing: Standing, tiers: tuple[Tier, ...]) -> Wait | None:
    """Give the rest of the time that whoever was told has; None: it is over."""
    if standing.attempt == 0:
        proves = standing.proving and standing.elapsed_s < PROVING_S
        return Wait(PROVING_S - standing.elapsed_s) if proves else None
    last = len(tiers)
    told = tiers[min(standing.attempt, last) - 1]
    climbs_early = standing.unreached and standing.attempt < last
    if standing.elapsed_s < told.patience_s and not climbs_early:
        return Wait(told.patience_s - standing.elapsed_s)
    return None


def _of_holder(standing: Standing) -> Order:
    """Say what an alert needs that somebody has: at last, that they don't fall silent."""
    silence = standing.silence
    if silence is None or not standing.stood_down:
        return StandDown()
    left_s = (HOLDER_ANSWER_S if silence.asked else silence.may_last_s) - silence.for_s
    if left_s > 0:
        return Wait(left_s)
    return ClimbAgain() if silence.asked else AskHolder()
