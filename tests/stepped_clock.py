"""A wall clock that is wrong, of the processes that are started with its environment alone.

A preloaded library (stepped_clock.c, made with cc) moves CLOCK_REALTIME, and leaves the clocks that
only run forward, and every wait, as they are; libfaketime breaks sleeps. It also answers whether
that clock is synced, which else the kernel of this machine would, whatever it is.
"""

import struct
import subprocess
import time
from datetime import datetime
from pathlib import Path

BUILD_S_MAX = 60.0
_STATE = struct.Struct("=qq")
_SOURCE = Path(__file__).with_suffix(".c")


class SteppedClock:
    """The wall clock of whoever is given `environment`; right until it is stepped."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._file.write_bytes(bytes(_STATE.size))
        library = file.with_suffix(".so")
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"]
        subprocess.run([*map(str, command)], check=True, timeout=BUILD_S_MAX)
        self.environment = {"LD_PRELOAD": str(library), "STEPPED_CLOCK": str(file)}

    @property
    def prefix(self) -> list[str]:
        """What runs a program with this clock, where no environment can be given."""
        return ["env", *(f"{name}={value}" for name, value in self.environment.items())]

    def step(self, by_s: int, *, synced: bool | None = None) -> None:
        """So far before, or behind, this machine's. `synced`: what the kernel says of it.

        Written in place: it is mapped.
        """
        answer = {None: 0, True: 1, False: 2}[synced]
        with self._file.open("r+b", buffering=0) as file:
            file.write(_STATE.pack(by_s, answer))

    def say(self, moment: datetime, *, synced: bool) -> None:
        """It is this moment by it now."""
        self.step(round(moment.timestamp() - time.time()), synced=synced)
