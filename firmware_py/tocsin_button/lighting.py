"""Lighting: drives the lamp's pin through its pattern. What to show, lamp.py decides."""

import asyncio
from collections.abc import Callable

from tocsin_button.lamp import NEVER_S, Pattern, level

STEP_S_MIN = 0.005  # rounding at the end of a step must not become a busy loop


class Lighting:
    """The lamp of one button. `switch` drives the pin, `changed` hears of every change."""

    def __init__(
        self, *, switch: Callable[[bool], None], changed: Callable[[], None], armed_blip: bool
    ) -> None:
        self.pattern = Pattern.ARMED
        self.drill = False
        self.lit = False
        self._switch, self._changed, self._armed_blip = switch, changed, armed_blip
        self._began_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def show(self, pattern: Pattern, *, drill: bool) -> None:
        """Show this from now on; a pattern that is already shown goes on undisturbed."""
        if (pattern, drill) == (self.pattern, self.drill) and self._timer is not None:
            return
        changed = (pattern, drill) != (self.pattern, self.drill)
        self.pattern, self.drill = pattern, drill
        self._began_s = asyncio.get_running_loop().time()
        self._step(told=not changed)

    def stop(self) -> None:
        """Put it out and leave it."""
        if self._timer is not None:
            self._timer.cancel()
        self._switch(False)

    def _step(self, *, told: bool = True) -> None:
        loop = asyncio.get_running_loop()
        lit, stays_s = level(
            self.pattern,
            t_s=loop.time() - self._began_s,
            drill=self.drill,
            armed_blip=self._armed_blip,
        )
        if self._timer is not None:
            self._timer.cancel()
        # A steady lamp is set again every minute all the same.
        pause_s = 60.0 if stays_s == NEVER_S else max(stays_s, STEP_S_MIN)
        self._timer = loop.call_later(pause_s, self._step)
        self._switch(lit)
        if lit != self.lit or not told:
            self.lit = lit
            self._changed()
