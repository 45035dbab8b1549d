"""Contacts: one answer from a button's two contacts, and what their disagreement means.

The normally open contact closes and the normally closed one opens when the button goes
down. Either alone is a press at once; that both agree is checked afterwards. A contact
that stays at *pressed* against the other for a second is stuck (a cut or shorted wire):
that is a fault, and from then on the other contact alone is the button, so that a
broken wire can't hide the next press. Some broken wires look sound again as soon as the
button is let go, so the fault stays until a press moves both contacts (or the agent is
started anew). Decided without clock or pin.
"""

from dataclasses import dataclass

from tocsin_wire.messages import CONTACTS_DISAGREE

AGREE_WITHIN_S = 1.0  # a slow finger needs 0.3 s from the one contact to the other
HELD_S_MAX = 60.0  # nobody keeps a thumb on a button that long; a jammed one can't be pressed

DISAGREE = CONTACTS_DISAGREE
HELD_DOWN = "button is held down"


@dataclass(frozen=True, slots=True)
class Reading:
    """The button as one level, and what is wrong with it (None: nothing)."""

    down: bool
    fault: str | None


class Contacts:
    """The two contacts of one button; either may not be there (None at every reading)."""

    def __init__(self) -> None:
        self._started = False
        self._stuck: str | None = None
        self._unproven = False  # they have disagreed, and no press has moved both since
        self._rested = False  # ... but both have been at rest
        self._disagree_since_s: float | None = None
        self._down_since_s: float | None = None

    @property
    def due_s(self) -> float | None:
        """When to read again although no edge came; None if nothing is awaited."""
        if self._disagree_since_s is not None and self._stuck is None:
            return self._disagree_since_s + AGREE_WITHIN_S
        return None

    def feed(self, *, at_s: float, no_closed: bool | None, nc_closed: bool | None) -> Reading:
        """Take what both contacts say at this moment."""
        pressed = {"no": no_closed, "nc": None if nc_closed is None else not nc_closed}
        if no_closed is None or nc_closed is None:
            down = any(pressed.values())
        else:
            down = self._settle(at_s, pressed["no"] is True, pressed["nc"] is True)
        if not down:
            self._down_since_s = None
        elif self._down_since_s is None:
            self._down_since_s = at_s
        self._started = True
        return Reading(down=down, fault=self._fault(at_s))

    def _settle(self, at_s: float, no_pressed: bool, nc_pressed: bool) -> bool:
        if (self._stuck == "no" and not no_pressed) or (self._stuck == "nc" and not nc_pressed):
            self._stuck = None
        if no_pressed == nc_pressed:
            self._disagree_since_s = None
        elif self._disagree_since_s is None:
            self._disagree_since_s = at_s
        # A button that is found in disagreement has not been pressed before our eyes.
        if (
            self._stuck is None
            and self._disagree_since_s is not None
            and (not self._started or at_s - self._disagree_since_s >= AGREE_WITHIN_S)
        ):
            self._stuck = "no" if no_pressed else "nc"
            self._unproven, self._rested = True, False
        self._prove(no_pressed, nc_pressed)
        if self._stuck is not None:
            return nc_pressed if self._stuck == "no" else no_pressed
        return no_pressed or nc_pressed

    def _prove(self, no_pressed: bool, nc_pressed: bool) -> None:
        """A contact that stays at *pressed* does not move: a press counts from rest on."""
        if not no_pressed and not nc_pressed:
            self._rested = True
        elif no_pressed and nc_pressed and self._rested:
            self._unproven = False

    def _fault(self, at_s: float) -> str | None:
        if self._unproven:
            return DISAGREE
        if self._down_since_s is not None and at_s - self._down_since_s >= HELD_S_MAX:
            return HELD_DOWN
        return None
