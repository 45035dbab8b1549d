"""Pins: the button's contacts, the enclosure's contact, the lamp, by gpiozero.

gpiozero's own GPIOZERO_PIN_FACTORY chooses the board: lgpio on a Pi, `mock` for a
virtual button; everything else is one code path. Edges are told as they come, without
debouncing (gestures are our own pure code) and from gpiozero's thread; the level can
be read at any time, for an edge may be lost.
"""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, cast

import gpiozero
import structlog
from gpiozero.pins.mock import MockFactory

from tocsin_button.config import Pins
from tocsin_button.errors import PinsUnusable


class Contact(StrEnum):
    """The contacts that may be wired."""

    BUTTON_NO = "button_no"
    BUTTON_NC = "button_nc"
    TAMPER = "tamper"
    ASSIST = "assist"


# Closed at rest; the others are open at rest. All connect to ground against a pull-up.
CLOSED_AT_REST = frozenset({Contact.BUTTON_NC, Contact.TAMPER})

log = structlog.get_logger()

Edge = Callable[[Contact, bool], None]


class _Pin(Protocol):
    """What of a gpiozero pin is used here; gpiozero has no types of its own."""

    state: float
    edges: str
    bounce: float | None
    when_changed: Callable[[float, int], None] | None

    def input_with_pull(self, pull: str) -> None: ...
    def output_with_state(self, state: int) -> None: ...
    def close(self) -> None: ...


class _MockPin(_Pin, Protocol):
    def drive_low(self) -> None: ...
    def drive_high(self) -> None: ...


class _Factory(Protocol):
    def pin(self, name: int) -> _Pin: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Levels:
    """Which contacts are closed at this moment; None where there is no such contact."""

    button_no: bool | None
    button_nc: bool | None
    tamper: bool | None
    assist: bool | None


def _factory() -> _Factory:
    """Let gpiozero choose; what it says about libraries it can't use goes to the log."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        gpiozero.Device.ensure_pin_factory()
    for warning in said:
        log.warning("gpiozero", says=str(warning.message))
    return cast("_Factory", gpiozero.Device.pin_factory)


class Board:
    """The pins of this button, open until `close`."""

    def __init__(self, pins: Pins, *, edge: Edge) -> None:
        """Open the pins. Raises PinsUnusable, saying what to do."""
        self._active_high = pins.lamp_active_high
        self._contacts: dict[Contact, _Pin] = {}
        self._edge = edge
        # gpiozero keeps its callbacks by weak reference.
        self._callbacks: list[Callable[[float, int], None]] = []
        try:
            self._factory = _factory()
            self.virtual = isinstance(self._factory, MockFactory)
            for contact in Contact:
                number = getattr(pins, contact)
                if number is not None:
                    self._contacts[contact] = self._open_contact(contact, number)
            self._lamp = None if pins.lamp is None else self._factory.pin(pins.lamp)
            if self._lamp is not None:
                self._lamp.output_with_state(int(not self._active_high))
        # gpiozero passes on whatever its pin library raises, and lgpio's error is a bare one.
        except Exception as error:
            raise PinsUnusable(
                f"the pins can't be opened ({type(error).__name__}: {error}): run this on a "
                "Raspberry Pi as a user of the group gpio, or set GPIOZERO_PIN_FACTORY=mock"
                f" (it is {os.environ.get('GPIOZERO_PIN_FACTORY', 'not set')})"
            ) from error

    def levels(self) -> Levels:
        """Read every contact now."""
        return Levels(**{contact: self._closed(contact) for contact in Contact})

    def light(self, lit: bool) -> None:
        """Switch the lamp; nothing happens where there is none."""
        if self._lamp is not None:
            self._lamp.state = int(lit == self._active_high)

    def is_lit(self) -> bool:
        """Read back whether the lamp's pin drives it."""
        return self._lamp is not None and bool(self._lamp.state) == self._active_high

    def move(self, contact: Contact, *, closed: bool) -> None:
        """Close or open a contact of a virtual button, as a finger would."""
        pin = cast("_MockPin", self._contacts[contact])
        if closed:
            pin.drive_low()
        else:
            pin.drive_high()

    def wired(self, contact: Contact) -> bool:
        """Say whether there is such a contact."""
        return contact in self._contacts

    def close(self) -> None:
        """Put the lamp out and give the pins back."""
        for pin in self._contacts.values():
            pin.when_changed = None
        self.light(False)
        self._factory.close()
        gpiozero.Device.pin_factory = None

    def _open_contact(self, contact: Contact, number: int) -> _Pin:
        pin = self._factory.pin(number)
        pin.input_with_pull("up")
        if self.virtual and contact in CLOSED_AT_REST:
            cast("_MockPin", pin).drive_low()  # a virtual button starts at rest
        pin.bounce = None
        pin.edges = "both"

        def changed(_ticks: float, state: int) -> None:
            self._edge(contact, not state)

        self._callbacks.append(changed)
        pin.when_changed = changed
        return pin

    def _closed(self, contact: Contact) -> bool | None:
        pin = self._contacts.get(contact)
        return None if pin is None else not pin.state
