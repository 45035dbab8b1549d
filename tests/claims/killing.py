"""`tocsin-button claim` in a process of its own that can die at each of its steps.

A step is what the interpreter tells its audit hooks of (PEP 578): a file of the board's folder that
is opened, given its name or taken away, and a connection that is opened or written to. The process
is killed just before it: by SIGKILL, which nothing can catch.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from pathlib import Path

from tocsin_button.__main__ import main

_EVENTS = {"open", "os.rename", "os.remove", "http.client.connect", "http.client.send"}

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__, "tocsin_button.claim", "tocsin_button.asking"])


async def claim(
    words: list[str], folder: Path, *, kill_at: int | None = None, trace: Path | None = None
) -> int:
    """Run it, and give its exit code: -9 where it was killed before its step `kill_at`."""
    process = _forks.Process(target=_run, args=(words, folder, kill_at, trace))
    process.start()
    await asyncio.to_thread(process.join)
    code = process.exitcode
    assert code is not None
    process.close()
    return code


def _run(words: list[str], folder: Path, kill_at: int | None, trace: Path | None) -> None:
    steps: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event not in _EVENTS or not _is_ours(event, arguments[0], folder):
            return
        if len(steps) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        steps.append(f"{event} {arguments[0]}")

    sys.addaudithook(hook)
    code = main(["claim", *words, "--folder", str(folder)])
    if trace is not None:
        trace.write_text("\n".join(steps))
    sys.exit(code)


def _is_ours(event: str, path: object, folder: Path) -> bool:
    """Whether it is of the board's folder, or of the way to the server."""
    if event.startswith("http."):
        return True
    if isinstance(path, int):  # a file that was opened a moment ago, and is still empty
        path = Path(f"/proc/self/fd/{path}").readlink()
    return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(f"{folder}/")
