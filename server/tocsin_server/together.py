"""Together: what many ask for at the same moment is read once.

Promise: whoever asks gets a reading that began after they asked, never one that was under way: what
changed in between is in it. Everybody who asks while one is under way shares the next one.

Refused: more than one reading at a time. Forty screens that come back at once must not keep the
database from an alert.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """One thing that many read. What a reading raises, all who share it get."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._under_way: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def read(self) -> T:
        """Give the next reading. Who no longer waits for it ends it for nobody else."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._under_way))
            self._next.add_done_callback(_seen)
        return await asyncio.shield(self._next)

    async def _after(self, before: "asyncio.Task[T] | None") -> T:
        if before is not None:
            await asyncio.wait([before])
        self._under_way, self._next = self._next, None
        return await self._read()


def _seen(reading: "asyncio.Task[T]") -> None:
    """Take note of what it raised, where nobody waits for it any more."""
    if not reading.cancelled():
        reading.exception()
