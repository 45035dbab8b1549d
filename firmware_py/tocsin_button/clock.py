"""Clocks: the one that only ever runs forward, and what is known of the other.

A board without a battery wakes up with any date. Ages are therefore measured on
CLOCK_BOOTTIME, which counts through suspend and goes on when the agent restarts in
the same boot; the wall clock is only ever written down.
"""

import ctypes
import os
import time
from datetime import datetime
from pathlib import Path
from uuid import UUID

_KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised to a reliable server
_TIMEX_BYTES = 512  # struct timex has 208 bytes on 64 bit; room for any kernel's


def now_s() -> float:
    """Seconds since this board booted."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def kernel_boot_id() -> UUID:
    """Name this boot of the board; ages of one boot can't be compared with another's."""
    return UUID(_KERNEL_BOOT_ID.read_text().strip())


def clock_synced() -> bool | None:
    """Say whether the kernel holds the wall clock for right; None where it can't be asked."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else bool(state != _TIME_ERROR)


def ahead_s(of: str) -> float:
    """Say by how much the wall clock is ahead of a time that a server has just told (RFC 3339)."""
    return time.time() - datetime.fromisoformat(of).timestamp()


def process_age_s() -> float:
    """Seconds since this process began, its interpreter's start included (proc(5), starttime)."""
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return now_s() - int(after_name[19]) / os.sysconf("SC_CLK_TCK")
