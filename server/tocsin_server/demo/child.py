"""Programs that run beside us and cannot outlive us.

Promise: a child gets its last signal from the kernel when we end, whatever ended us, SIGKILL
included. It has a session of its own, so a Ctrl-C in the terminal reaches us alone and the
children are stopped in order. Its output goes to a file that cannot grow without end.

Refused: starting a child from any thread but the main one. Linux ties the last signal to the
*thread* that started the child, so a child of a pool's thread would end with that thread.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tocsin_server.demo.errors import ChildFailed

LOG_BYTES_MAX = 4 * 1024 * 1024  # a forgotten demo must not fill a disk; older output is dropped
LOG_TAIL_BYTES = 4096  # enough for the last words of a program that would not start
STOP_S_MAX = 3.0  # Ctrl-C has to end everything within 5 s, so one child gets 3

# Runs in a new interpreter between fork and exec, because code run inside a fork of a threaded
# process can deadlock. The second line closes the gap in which we died before the first took hold.
_LAUNCHER = """
import ctypes, os, sys
parent, last_signal, *command = sys.argv[1:]
ctypes.CDLL(None, use_errno=True).prctl(1, int(last_signal), 0, 0, 0)
if os.getppid() != int(parent):
    sys.exit(1)
os.execvp(command[0], command)
"""


class Child:
    """One running program. `name` is what messages call it."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        last_signal: signal.Signals = signal.SIGKILL,
        pass_fds: Sequence[int] = (),
    ) -> Self:
        """Start `command`; `environment` is added to ours. `last_signal` is for when we die."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(f"{name} must be started from the main thread")
        if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
            log.unlink()
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*launcher, str(os.getpid()), str(int(last_signal)), *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                pass_fds=pass_fds,
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """A signal to a child that has ended goes nowhere."""
        self._process.send_signal(number)

    async def exited(self) -> int:
        """Wait until it ends; its exit code, or minus the signal that ended it."""
        if self._process.poll() is None:
            ended = asyncio.Event()
            loop = asyncio.get_running_loop()
            descriptor = os.pidfd_open(self._process.pid)
            try:
                loop.add_reader(descriptor, ended.set)
                await ended.wait()
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)
        return self._process.wait()

    async def stop(
        self, *, first: signal.Signals = signal.SIGTERM, timeout_s: float = STOP_S_MAX
    ) -> int:
        """Ask, then insist."""
        self.send(first)
        try:
            return await asyncio.wait_for(self.exited(), timeout_s)
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        self.send(signal.SIGKILL)
        return await self.exited()

    def last_words(self) -> str:
        """The end of its output."""
        with self.log.open("rb") as output:
            output.seek(0, os.SEEK_END)
            output.seek(max(0, output.tell() - LOG_TAIL_BYTES))
            return output.read().decode(errors="replace")

    def failure(self, what: str) -> ChildFailed:
        """An error made of what it said last."""
        lines = [line.strip() for line in self.last_words().splitlines() if line.strip()]
        said = lines[-1] if lines else "it said nothing"
        return ChildFailed(f"{self.name} {what}: {said} (all it said is in {self.log})")
