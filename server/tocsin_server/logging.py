"""Logs: lines on stderr, for the journal or a terminal. Nobody who logs ever waits.

Promise: on a terminal lines are made to be read, elsewhere they are logfmt, or JSON where
TOCSIN_LOG=json. TOCSIN_LOG_LEVEL says from which level on. A line that nobody takes (a terminal
stopped, a pipe that is full) is dropped, counted and told of later: the event loop that stores a
press must not stand behind it.

Refused: what libraries say below WARNING. There they tell of requests with phone numbers and
texts in them. Control characters, too: what a stranger sent can't forge a line.
"""

import json
import logging
import os
import queue
import re
import sys
import threading
from collections.abc import Callable
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from tocsin_server.config import ConfigError

LINES_MAX = 10_000  # a storm of 500 presses with room to spare; then lines are dropped
FLUSH_WITHIN_S = 0.3
FORMATS = ("console", "logfmt", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


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


def configure(*, default_level: str = "INFO") -> Unhurried:
    """Send every log line of this process to stderr. Close what it returns at the end.

    Raises ConfigError where TOCSIN_LOG or TOCSIN_LOG_LEVEL is nothing known.
    """
    readable = "console" if sys.stderr.isatty() else "logfmt"
    written = _chosen("TOCSIN_LOG", readable, FORMATS, str.lower)
    level = getattr(logging, _chosen("TOCSIN_LOG_LEVEL", default_level, LEVELS, str.upper))
    out = Unhurried(sys.stderr)
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_control_characters,
    ]
    after = _renderer(written)
    structlog.configure(
        processors=[*before, *after],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=out),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    logging.captureWarnings(capture=True)
    return out


def _chosen(name: str, default: str, known: tuple[str, ...], spell: Callable[[str], str]) -> str:
    given = os.environ.get(name) or default
    if spell(given) not in known:
        raise ConfigError(f"{name}={given!r} is nothing known: set it to one of {', '.join(known)}")
    return spell(given)


def _renderer(written: str) -> list[Processor]:
    match written:
        case "json":
            dumps = json.JSONEncoder(default=str).encode
            return [
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=lambda line, **_: dumps(line)),
            ]
        case "logfmt":
            return [
                structlog.processors.format_exc_info,
                structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
            ]
        case _:
            return [
                structlog.dev.ConsoleRenderer(
                    colors=sys.stderr.isatty(),
                    pad_event_to=0,
                    # The default one shows the variables of every frame, passwords among them.
                    exception_formatter=structlog.dev.plain_traceback,
                )
            ]


def _without_control_characters(
    _logger: WrappedLogger, _method: str, event_dict: EventDict
) -> EventDict:
    for key, value in event_dict.items():
        if isinstance(value, str) and _CONTROL.search(value):
            event_dict[key] = _CONTROL.sub(lambda found: ascii(found[0])[1:-1], value)
    return event_dict
