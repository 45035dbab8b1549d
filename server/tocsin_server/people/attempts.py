"""Attempts: how often somebody may be wrong, as far as this replica knows."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from tocsin_server.errors import Busy, TocsinError
from tocsin_server.inputs import source_of
from tocsin_server.people.ways import StartOver
from tocsin_server.storage.database import DATABASE_ERRORS

FAILURES_MAX = 10  # of one account from one place
FAILURES_S = 600.0
KNOWN_MAX = 5_000


class TooManyTries(TocsinError):
    """Somebody is guessing."""


class Attempts:
    """The failures of the last while, by who is meant and whence they come."""

    def __init__(self, *, most: int = FAILURES_MAX) -> None:
        self._most = most
        self._failures: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def count(self, who: str, source: str, *, what: str) -> float:
        """Count one, and give its time. Raises TooManyTries, which counts nothing."""
        key, now = (who, source_of(source)), time.monotonic()
        failures = [at for at in self._failures.get(key, []) if now - at < FAILURES_S]
        if len(failures) >= self._most:
            raise TooManyTries(f"Too many {what}: wait ten minutes, or ask a colleague.")
        self._failures[key] = [*failures, now]
        if len(self._failures) > KNOWN_MAX:
            self._failures.popitem(last=False)
        return now

    @contextmanager
    def one(self, who: str, source: str, *, what: str) -> Iterator[None]:
        """Let somebody try; what ends without an error is forgiven. Raises TooManyTries."""
        key = (who, source_of(source))
        # Counted before it is known: many guesses at once are limited like one after another.
        counted = self.count(who, source, what=what)
        try:
            yield
        except (*DATABASE_ERRORS, Busy, StartOver):
            # No guess: nobody said whether it was right.
            self._failures[key] = [at for at in self._failures.get(key, []) if at != counted]
            raise
        self._failures.pop(key, None)
