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
    """Seconds of standing still since it began to look."""

    def __init__(self) -> None:
        self._past_s = 0.0
        self._due = math.inf

    @property
    def so_far_s(self) -> float:
        """Whoever was woken first after a standstill counts that one, too."""
        return self._past_s + self._late_s()

    async def look(self) -> None:
        """Look until cancelled."""
        while True:
            self._due = time.monotonic() + WAKE_S
            await asyncio.sleep(WAKE_S)
            self._past_s += self._late_s()

    def _late_s(self) -> float:
        late_s = time.monotonic() - self._due
        return late_s if late_s > NOTICED_S else 0.0


@asynccontextmanager
async def standstill() -> AsyncIterator[Standstill]:
    """From now on, until it is left."""
    standstill = Standstill()
    looking = asyncio.create_task(standstill.look())
    try:
        yield standstill
    finally:
        looking.cancel()
