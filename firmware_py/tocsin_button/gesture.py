"""Gestures: what the movements of one button mean, decided without clock, pin or timer.

The first edge is a press at that very moment; nothing is ever waited for before it.
A second press soon after is told as a double, a press that is kept down as a hold, once:
both are known only later and never take the press back. Bounce neither hides a press
nor multiplies it. The caller brings the time and the level, and calls again at `due_s`.
"""

from dataclasses import dataclass

# A worn panic button bounces for 5 to 20 ms; nobody lets go and presses again in 30 ms.
DEBOUNCE_S = 0.03


@dataclass(frozen=True, slots=True)
class Pressed:
    """Somebody pressed."""


@dataclass(frozen=True, slots=True)
class PressedTwice:
    """Somebody pressed again, soon after the first time."""


@dataclass(frozen=True, slots=True)
class Held:
    """The button has been down for the time of a hold."""


Order = Pressed | PressedTwice | Held


class Gestures:
    """The movements of one button. It starts up: a first level that is down is a press."""

    def __init__(
        self, *, hold_s: float, double_within_s: float, debounce_s: float = DEBOUNCE_S
    ) -> None:
        self._hold_s = hold_s
        self._double_within_s = double_within_s
        self._debounce_s = debounce_s
        self._down_since_s: float | None = None  # None while the button is up
        self._up_since_s: float | None = None  # the level rose; not yet long enough to be a release
        self._held = False
        self._pressed_at_s: float | None = None  # the first press that a double may follow

    @property
    def due_s(self) -> float | None:
        """When to feed the level again although no edge came; None if nothing is awaited."""
        if self._down_since_s is None:
            return None
        if self._up_since_s is not None:
            return self._up_since_s + self._debounce_s
        return None if self._held else self._down_since_s + self._hold_s

    def feed(self, *, at_s: float, down: bool) -> tuple[Order, ...]:
        """Take the level at this moment and say what it means."""
        if self._down_since_s is None:
            return (self._press(at_s),) if down else ()
        if self._up_since_s is not None and at_s >= self._up_since_s + self._debounce_s:
            # It has been up for long enough: what comes now, even this very edge, is new.
            self._down_since_s = self._up_since_s = None
            return (self._press(at_s),) if down else ()
        if not down:
            self._up_since_s = at_s if self._up_since_s is None else self._up_since_s
            return ()
        self._up_since_s = None
        if not self._held and at_s >= self._down_since_s + self._hold_s:
            self._held = True
            return (Held(),)
        return ()

    def _press(self, at_s: float) -> Order:
        self._down_since_s = at_s
        self._held = False
        first_s = self._pressed_at_s
        if first_s is not None and at_s - first_s <= self._double_within_s:
            self._pressed_at_s = None  # a third press begins anew
            return PressedTwice()
        self._pressed_at_s = at_s
        return Pressed()
