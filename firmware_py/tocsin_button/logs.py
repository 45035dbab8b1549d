"""Logs: readable lines on stderr, for the journal. Nobody who logs ever waits.

A line that nobody takes (a terminal stopped, a pipe that is full) is dropped, counted,
and told of later; the event loop that sends a press must not stand behind it.
"""

import queue
import sys
import threading
from typing import TextIO

import structlog

LINES_MAX = 2000  # a minute of the worst chatter; then lines are dropped
FLUSH_WITHIN_S = 0.3


class Unhurried:
    """A file to print to; a thread of its own does the writing."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lines: queue.Queue[str | None] = queue.Queue(LINES_MAX)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Take a line and return at once."""
        try:
            if self._dropped:
                self._lines.put_nowait(f"({self._dropped} log lines dropped: nobody read them)\n")
                self._dropped = 0
            self._lines.put_nowait(text)
        except queue.Full:
            self._dropped += 1
        return len(text)

    def flush(self) -> None:
        """There is nothing to do: the thread flushes."""

    def close(self) -> None:
        """Write what is left, for a moment at most."""
        try:
            self._lines.put(None, timeout=FLUSH_WITHIN_S)
        except queue.Full:
            return
        self._thread.join(FLUSH_WITHIN_S)

    def _run(self) -> None:
        while (text := self._lines.get()) is not None:
            try:
                self._file.write(text)
                self._file.flush()
            except (OSError, ValueError):
                continue  # closed under us; later lines may fare better


def configure() -> Unhurried:
    """Send every log line of this process to stderr. Close what it returns at the end."""
    out = Unhurried(sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(
                colors=False,
                pad_event_to=0,
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=out),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    return out
