"""How long the machine stood still: what is held against seconds is not to blame for that.

Whoever wants to be woken in a moment, and is woken much later, was not alone in being left out:
so was everything that is measured meanwhile. What merely takes longer counts as it is.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

WAKE_S = 0.02
NOTICED_S = 0.2  # late; less is a busy machine, and its own affair


class Standstill:
    """When it stood still, as far as this process can tell, since it began to look."""

    def __init__(self) -> None:
        self._past: list[tuple[float, float]] = []
        self._due = math.inf

    @property
    def so_far_s(self) -> float:
        """How long in all. Whoever is woken first after a standstill counts that one, too."""
        return sum(until_s - from_s for from_s, until_s in [*self._past, *self._now()])

    def took_s(self, from_s: float, until_s: float) -> float:
        """How long something took between these moments, without what it stood still."""
        parts = [min(end, until_s) - max(begin, from_s) for begin, end in self._past]
        return until_s - from_s - sum(part for part in parts if part > 0)

    async def look(self) -> None:
        """Look until cancelled."""
        while True:
            self._due = time.monotonic() + WAKE_S
            await asyncio.sleep(WAKE_S)
            self._past += self._now()

    def _now(self) -> list[tuple[float, float]]:
        now = time.monotonic()
        return [(self._due, now)] if now - self._due > NOTICED_S else []


@asynccontextmanager
async def standstill() -> AsyncIterator[Standstill]:
    """From now on, until it is left."""
    standstill = Standstill()
    looking = asyncio.create_task(standstill.look())
    try:
        yield standstill
    finally:
        looking.cancel()
