"""Usage: what each part takes of the machine: server, broker, database, and the benchmark itself.

Promise: a part is a process with everything that came from it, so a database counts with all its
backends. Memory that processes share is counted once (proc(5), Pss).

Refused: what has ended in between. None of these parts starts anything for a moment only.
"""

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tocsin_server.bench.machine import TICKS_PER_S, descendants, ticks_of

_PSS = re.compile(r"(?m)^Pss: +([0-9]+) kB$")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the whole: processor time, as a share of one processor, and memory."""

    name: str
    processor: float
    memory_mb: float


class Meter:
    """What each part has taken since this was made."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._began_s = time.monotonic()
        self._own_s = time.process_time()
        self._ticks = {name: ticks_of(pid) for name, pid in pids.items()}

    def read(self) -> tuple[Part, ...]:
        """Give it, in the order in which the parts were named; this process, a screen, is last."""
        took_s = time.monotonic() - self._began_s
        parts = [
            Part(
                name=name,
                processor=(ticks_of(pid) - self._ticks[name]) / TICKS_PER_S / took_s,
                memory_mb=memory_mb(pid),
            )
            for name, pid in self._pids.items()
        ]
        ours = (time.process_time() - self._own_s) / took_s
        return (*parts, Part(name="screen", processor=ours, memory_mb=_pss_mb(os.getpid())))


def memory_mb(pid: int) -> float:
    """Give the memory of a process and of all that came from it and still run."""
    return sum(_pss_mb(one) for one in descendants(pid))


def _pss_mb(pid: int) -> float:
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:  # it has just ended
        return 0.0
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def parent_of(pid: int) -> int:
    """Say who started a process. Raises OSError where it has ended."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    return int(after_name.split()[1])
