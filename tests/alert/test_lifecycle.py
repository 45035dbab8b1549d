"""The escalation policy, played against a clock that costs nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin_server.alert.lifecycle import (
    HOLDER_ANSWER_S,
    PATIENCE_S_MAX,
    PATIENCE_S_MIN,
    PROVING_S,
    AskHolder,
    ClimbAgain,
    Notify,
    Order,
    SayNobodyIsThere,
    Silence,
    StandDown,
    Standing,
    Tier,
    Wait,
    decide,
)

GUARD, SUPERVISOR, CHIEF = "guard", "supervisor", "chief"


def play(
    *names: str,
    patience_s: float = 30.0,
    acknowledged_after: float = float("inf"),
    unreached: frozenset[int] = frozenset(),
    turns_max: int = 12,
) -> list[str]:
    """Obey every order at once, jump to the next due moment, tell the story ('': an empty tier)."""
    tiers = tuple(Tier(patience_s, occupied=bool(name)) for name in names)
    story: list[str] = []
    now, began, attempt = 0.0, 0.0, 0
    for _ in range(turns_max):
        settled = now >= acknowledged_after
        match decide(Standing(attempt, now - began, settled, attempt in unreached), tiers):
            case Notify(attempt, tier, unanswered):
                story.append(f"{now:g}s {names[tier - 1]}{' unanswered' * unanswered}")
                began = now
            case SayNobodyIsThere(attempt):
                story.append(f"{now:g}s nobody")
                began = now
            case Wait(for_s):
                now += for_s
            case StandDown():
                return [*story, f"{now:g}s stand down"]
            case AskHolder() | ClimbAgain() as order:
                pytest.fail(f"nobody minds a silence here: {order}")
    return story


def test_an_unanswered_alert_climbs_and_then_the_last_tier_is_told_again_and_again() -> None:
    assert play(GUARD, SUPERVISOR, CHIEF, turns_max=10) == [
        "0s guard",
        "30s supervisor",
        "60s chief",
        "90s chief unanswered",
        "120s chief unanswered",
    ]


def test_an_empty_tier_falls_through_at_once() -> None:
    assert play("", SUPERVISOR, turns_max=3) == ["0s supervisor", "30s supervisor unanswered"]
    assert play(GUARD, "", CHIEF, turns_max=3) == ["0s guard", "30s chief"]


def test_when_the_last_tier_went_home_the_last_one_with_anybody_repeats() -> None:
    assert play(GUARD, "", turns_max=5) == [
        "0s guard",
        "30s guard unanswered",
        "60s guard unanswered",
    ]


def test_an_acknowledgement_stops_the_climb() -> None:
    assert play(GUARD, SUPERVISOR, acknowledged_after=45) == [
        "0s guard",
        "30s supervisor",
        "60s stand down",
    ]


def test_a_tier_that_no_message_reaches_is_not_waited_for() -> None:
    assert play(GUARD, SUPERVISOR, unreached=frozenset({1}), turns_max=3) == [
        "0s guard",
        "0s supervisor",
    ]


def test_a_last_tier_that_no_message_reaches_does_not_spin() -> None:
    story = play(GUARD, SUPERVISOR, unreached=frozenset({1, 2, 3, 4}), turns_max=6)
    assert story == [
        "0s guard",
        "0s supervisor",
        "30s supervisor unanswered",
        "60s supervisor unanswered",
    ]


def test_with_nobody_in_any_tier_the_screens_are_told_so_again_and_again() -> None:
    assert play("", "", turns_max=4) == ["0s nobody", "30s nobody"]


def test_patience_ends_exactly_when_it_says() -> None:
    tiers = (Tier(30.0, occupied=True), Tier(45.0, occupied=True))
    assert decide(Standing(1, 29.5, settled=False), tiers) == Wait(0.5)
    assert decide(Standing(1, 30.0, settled=False), tiers) == Notify(
        2, 2, unanswered=False, patience_s=45.0
    )


@pytest.mark.parametrize(
    ("attempt", "elapsed_s", "order"),
    [
        (0, 0.0, Wait(PROVING_S)),
        (0, PROVING_S - 1, Wait(1.0)),
        (0, PROVING_S, Notify(1, 1, unanswered=False, patience_s=30.0)),
        (1, 0.0, Wait(30.0)),
        (1, 30.0, Notify(2, 2, unanswered=False, patience_s=45.0)),
    ],
)
def test_a_press_that_proves_a_button_climbs_when_nobody_has_answered_it_for_ten_minutes(
    attempt: int, elapsed_s: float, order: Order
) -> None:
    tiers = (Tier(30.0, occupied=True), Tier(45.0, occupied=True))
    assert decide(Standing(attempt, elapsed_s, settled=False, proving=True), tiers) == order


@pytest.mark.parametrize("patience_s", [0.0, -1.0, PATIENCE_S_MIN / 2, PATIENCE_S_MAX * 2])
def test_a_patience_that_would_spin_or_wait_without_end_is_refused(patience_s: float) -> None:
    with pytest.raises(ValueError, match="patience is 1 to 3600 seconds"):
        Tier(patience_s, occupied=True)


def test_an_alert_without_a_tier_is_refused_unless_it_is_settled() -> None:
    with pytest.raises(ValueError, match="at least one tier"):
        decide(Standing(0, 0.0, settled=False), ())
    assert decide(Standing(0, 0.0, settled=True), ()) == StandDown()


tiers_of_any_kind = st.lists(
    st.builds(Tier, st.floats(PATIENCE_S_MIN, PATIENCE_S_MAX), st.booleans()),
    min_size=1,
    max_size=10,
).map(tuple)


@given(
    tiers=tiers_of_any_kind,
    attempt=st.integers(0, 10_000),
    elapsed_s=st.floats(0, 1e9),
    unreached=st.booleans(),
    proving=st.booleans(),
)
def test_an_unacknowledged_alert_always_has_a_next_decision(
    tiers: tuple[Tier, ...], attempt: int, elapsed_s: float, unreached: bool, proving: bool
) -> None:
    order: Order = decide(Standing(attempt, elapsed_s, False, unreached, proving), tiers)
    match order:
        case Notify():
            assert tiers[order.tier - 1].occupied, "an order to tell a tier with nobody in it"
            assert order.attempt > attempt, "an attempt that does not move the alert on"
            assert order.patience_s >= PATIENCE_S_MIN
            assert order.unanswered == (order.attempt > len(tiers))
        case SayNobodyIsThere():
            assert not any(tier.occupied for tier in tiers)
            assert order.attempt > attempt
        case Wait():
            assert 0 < order.for_s <= PATIENCE_S_MAX
        case StandDown() | AskHolder() | ClimbAgain():
            pytest.fail("nobody has it, and nothing more would happen")


@given(tiers=tiers_of_any_kind, attempt=st.integers(0, 100), elapsed_s=st.floats(0, 1e6))
def test_a_settled_alert_is_never_told_to_anybody(
    tiers: tuple[Tier, ...], attempt: int, elapsed_s: float
) -> None:
    assert decide(Standing(attempt, elapsed_s, settled=True), tiers) == StandDown()


def held(for_s: float, *, asked: bool = False, stood_down: bool = True) -> Standing:
    """Somebody has it and has said nothing for so long; a silence of 300 s is too long."""
    silence = Silence(for_s, 300.0, asked)
    return Standing(1, 0.0, settled=True, stood_down=stood_down, silence=silence)


@pytest.mark.parametrize(
    ("standing", "order"),
    [
        (held(0.0, stood_down=False), StandDown()),
        (held(900.0, stood_down=False), StandDown()),
        (held(0.0), Wait(300.0)),
        (held(299.0), Wait(1.0)),
        (held(300.0), AskHolder()),
        (held(0.0, asked=True), Wait(HOLDER_ANSWER_S)),
        (held(HOLDER_ANSWER_S, asked=True), ClimbAgain()),
        (Standing(1, 0.0, settled=True, stood_down=True), StandDown()),
    ],
)
def test_whoever_has_it_and_says_nothing_is_asked_and_then_others_are_told_again(
    standing: Standing, order: Order
) -> None:
    assert decide(standing, (Tier(30.0, occupied=True),)) == order


def test_whoever_wants_the_next_tier_at_once_waits_for_nobody() -> None:
    tiers = (Tier(30.0, occupied=True), Tier(45.0, occupied=True))
    hurried = Standing(1, 0.0, settled=False, hurried=True)
    assert decide(hurried, tiers) == Notify(2, 2, unanswered=False, patience_s=45.0)
    proving = Standing(0, 0.0, settled=False, proving=True, hurried=True)
    assert decide(proving, tiers) == Notify(1, 1, unanswered=False, patience_s=30.0)
