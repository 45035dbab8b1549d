"""Pauses: when this machine ran nobody, and what took longer for that alone.

Promise: only what the harness has missed itself is counted, so a part that is slow stays slow.
"""

import asyncio
import time

LOOK_EVERY_S = 0.05
PAUSE_S_MIN = 0.2  # less is what a busy machine takes anyway


class Pauses:
    """Of the whole machine, as far as this process can tell."""

    def __init__(self) -> None:
        self._noted: list[tuple[float, float]] = []

    async def watch(self) -> None:
        """Sleep a little, again and again: whoever wakes late was not run."""
        while True:
            due_s = time.monotonic() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            if (woke_s := time.monotonic()) - due_s >= PAUSE_S_MIN:
                self._noted.append((due_s, woke_s))

    def lasted_s(self, from_s: float, until_s: float) -> float:
        """For how long there were pauses between these moments."""
        parts = [min(end, until_s) - max(begin, from_s) for begin, end in self._noted]
        return sum(part for part in parts if part > 0)

    def took_s(self, from_s: float, until_s: float) -> float:
        """How long something took from the one to the other, without them."""
        return until_s - from_s - self.lasted_s(from_s, until_s)
