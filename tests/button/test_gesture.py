"""What a finger does, and what it means."""

from hypothesis import given
from hypothesis import strategies as st

from tocsin_button.gesture import DEBOUNCE_S, Gestures, Held, Order, Pressed, PressedTwice

HOLD_S = 3.0
DOUBLE_S = 0.8


def play(*moves: tuple[float, bool], until_s: float = 100.0) -> list[tuple[float, str]]:
    """Move the button as told, obey every `due_s` between, tell the story."""
    gestures = Gestures(hold_s=HOLD_S, double_within_s=DOUBLE_S)
    story: list[tuple[float, str]] = []
    down = False

    def tell(at_s: float, orders: tuple[Order, ...]) -> None:
        story.extend((round(at_s, 6), type(order).__name__) for order in orders)

    for at_s, level in [*moves, (until_s, moves[-1][1])]:
        while (due_s := gestures.due_s) is not None and due_s < at_s:
            tell(due_s, gestures.feed(at_s=due_s, down=down))
        down = level
        tell(at_s, gestures.feed(at_s=at_s, down=down))
    return story


def test_the_first_edge_is_a_press_at_that_very_moment() -> None:
    assert play((1.0, True), (1.2, False)) == [(1.0, "Pressed")]


def test_a_second_press_within_the_window_is_told_as_a_double() -> None:
    assert play((1.0, True), (1.2, False), (1.5, True), (1.7, False)) == [
        (1.0, "Pressed"),
        (1.5, "PressedTwice"),
    ]


def test_a_third_press_begins_anew() -> None:
    moves = [(1.0, True), (1.1, False), (1.3, True), (1.4, False), (1.6, True), (1.7, False)]
    assert [what for _, what in play(*moves)] == ["Pressed", "PressedTwice", "Pressed"]


def test_a_press_after_the_window_is_a_press_of_its_own() -> None:
    assert play((1.0, True), (1.2, False), (1.81, True), (1.9, False)) == [
        (1.0, "Pressed"),
        (1.81, "Pressed"),
    ]


def test_a_press_that_is_kept_down_is_a_hold_once() -> None:
    assert play((1.0, True), (20.0, False)) == [(1.0, "Pressed"), (4.0, "Held")]


def test_bounce_neither_multiplies_a_press_nor_ends_a_hold() -> None:
    bounce = [(1.0 + n / 1000, n % 2 == 0) for n in range(21)]
    assert play(*bounce, (9.0, False)) == [(1.0, "Pressed"), (4.0, "Held")]


def test_a_release_that_only_the_next_press_reveals_loses_no_press() -> None:
    gestures = Gestures(hold_s=HOLD_S, double_within_s=0.0)
    assert gestures.feed(at_s=1.0, down=True) == (Pressed(),)
    assert gestures.feed(at_s=1.1, down=False) == ()
    assert gestures.feed(at_s=2.0, down=True) == (Pressed(),)


def test_a_button_that_is_found_down_counts_as_pressed() -> None:
    gestures = Gestures(hold_s=HOLD_S, double_within_s=DOUBLE_S)
    assert gestures.due_s is None
    assert gestures.feed(at_s=0.0, down=True) == (Pressed(),)


def test_feeding_the_same_level_again_changes_nothing() -> None:
    gestures = Gestures(hold_s=HOLD_S, double_within_s=DOUBLE_S)
    assert gestures.feed(at_s=0.0, down=False) == ()
    gestures.feed(at_s=1.0, down=True)
    assert gestures.feed(at_s=1.5, down=True) == ()
    gestures.feed(at_s=2.0, down=False)
    due_s = gestures.due_s
    assert gestures.feed(at_s=2.01, down=False) == ()
    assert gestures.due_s == due_s


fingers = st.lists(
    st.tuples(st.floats(0.001, 6.0, allow_nan=False), st.floats(0.1, 6.0, allow_nan=False)),
    min_size=1,
    max_size=8,
)
bounces = st.lists(st.floats(0.0001, 0.001), max_size=6)


@given(fingers=fingers, bounce=bounces)
def test_however_it_bounces_each_press_counts_once_at_its_first_edge(
    fingers: list[tuple[float, float]], bounce: list[float]
) -> None:
    moves: list[tuple[float, bool]] = []
    edges, at_s = [], 0.0
    for down_s, up_s in fingers:
        edges.append(round(at_s, 6))
        for level, stays_s in ((True, down_s), (False, up_s)):
            moves.append((at_s, level))
            chatter_s = at_s
            for step_s in bounce:
                moves += [(chatter_s + step_s / 2, not level), (chatter_s + step_s, level)]
                chatter_s += step_s
            at_s += max(stays_s, chatter_s - at_s + DEBOUNCE_S * 1.5)
    story = play(*moves, until_s=at_s + 1)
    assert [when for when, what in story if what != "Held"] == edges
    assert story[0] == (0.0, "Pressed")


@given(levels=st.lists(st.tuples(st.floats(0.0001, 2.0), st.booleans()), max_size=40))
def test_whatever_the_pin_says_no_press_is_held_twice_nor_twice_a_double(
    levels: list[tuple[float, bool]],
) -> None:
    gestures = Gestures(hold_s=HOLD_S, double_within_s=DOUBLE_S)
    at_s = 0.0
    orders: list[Order] = []
    for wait_s, level in levels:
        at_s += wait_s
        orders += gestures.feed(at_s=at_s, down=level)
    for before, after in zip([Held(), *orders], orders, strict=False):
        assert not (isinstance(before, Held) and isinstance(after, Held))
        assert not (isinstance(before, PressedTwice) and isinstance(after, PressedTwice))
    if any(level for _, level in levels):
        assert isinstance(orders[0], Pressed)
