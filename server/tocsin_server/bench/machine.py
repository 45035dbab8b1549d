"""The machine: what it is, and how much of it somebody else had while we measured.

Promise: a figure that was measured beside other people's work says so.
"""

import os
import platform
from pathlib import Path

import msgspec

_IDLE = slice(3, 5)  # of the fields after `cpu` in /proc/stat: idle and iowait
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CPU_FIELDS = 8  # up to steal; guest time is counted in user time already


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured."""

    processors: int
    python: str
    system: str


class _Moment(msgspec.Struct, frozen=True):
    total: int
    busy: int
    ours: int


class Others:
    """What share of the machine other programs had since this was made."""

    def __init__(self) -> None:
        self._before = _now()

    def share(self) -> float:
        """Give it, from 0 to 1 for all processors together."""
        now = _now()
        total = now.total - self._before.total
        others = (now.busy - self._before.busy) - (now.ours - self._before.ours)
        return min(1.0, max(0.0, others / total)) if total else 0.0


def describe() -> Machine:
    """Say what this machine is."""
    return Machine(
        processors=os.cpu_count() or 1,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
    )


def _now() -> _Moment:
    """Read proc(5): /proc/stat for everybody, /proc/PID/stat for us and those we started."""
    fields = [int(text) for text in Path("/proc/stat").read_text().split()[1 : 1 + _CPU_FIELDS]]
    total = sum(fields)
    return _Moment(total, total - sum(fields[_IDLE]), ticks_of(os.getpid()))


def ticks_of(pid: int) -> int:
    """Give the processor time of a process and of all that came from it and still run."""
    ticks = 0
    for one in descendants(pid):
        try:
            text = Path(f"/proc/{one}/stat").read_text()
        except OSError:  # it has just ended
            continue
        after_name = text.rpartition(")")[2].split()  # the third field on: a name may hold blanks
        ticks += int(after_name[11]) + int(after_name[12])  # user and system
    return ticks


def descendants(pid: int) -> list[int]:
    """Name a process and all that came from it and still run."""
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:  # it has just ended
        return []
    return [pid, *(one for child in children for one in descendants(child))]
