"""A terminal: `tocsin` as a person runs it, with what it says on both streams.

Each command is a process of its own, forked from one that has loaded its modules before: they
take half a second, which dozens of commands in a row should not take each.
"""

import asyncio
import multiprocessing
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from tocsin_server.cli import COMMANDS, main

Shape = TypeVar("Shape")

COMMAND_S_MAX = 60.0

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    ["pytest", __name__]
    + [f"tocsin_server.cli.{each.module}" for each in COMMANDS.values() if each.module != "demo"]
)


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    def read(self, shape: type[Shape]) -> Shape:
        """Read its --json, after a good end."""
        assert (self.code, self.err) == (0, ""), self
        return msgspec.json.decode(self.out, type=shape)

    def refused(self, *words: str) -> None:
        """It ended with 1, and one line that holds these words."""
        assert self.code == 1, self
        assert re.fullmatch(r"tocsin: .*\n", self.err), self
        assert self.out == "", self
        for word in words:
            assert word in self.err, self

    def not_understood(self, *words: str) -> None:
        """It ended with 2, and says how it is used."""
        assert self.code == 2, self
        assert "usage: tocsin" in self.err, self
        for word in words:
            assert word in self.err, self


class Terminal:
    """Where commands are typed; `config` is TOCSIN_CONFIG."""

    def __init__(self, folder: Path, *, config: Path | None = None) -> None:
        self.folder = folder
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")
        }
        if config is not None:
            self.environment["TOCSIN_CONFIG"] = str(config)

    async def run(
        self, *words: str | Path, typed: str = "", environment: Mapping[str, str] | None = None
    ) -> Said:
        """Run `tocsin` with these words; `typed` is its standard input."""
        streams = [self.folder / name for name in ("typed.txt", "out.txt", "err.txt")]
        streams[0].write_text(typed)
        process = _forks.Process(
            target=_type,
            args=(
                [str(word) for word in words],
                self.folder,
                self.environment | dict(environment or {}),
                streams,
            ),
        )
        process.start()
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(process.sentinel, ended.set)
        try:
            await asyncio.wait_for(ended.wait(), COMMAND_S_MAX)
        except BaseException:
            process.kill()
            raise
        finally:
            loop.remove_reader(process.sentinel)
            process.join()
        code = process.exitcode
        assert code is not None
        process.close()
        return Said(code, streams[1].read_text(), streams[2].read_text())

    async def good(self, *words: str | Path, typed: str = "") -> str:
        """Run it to a good end and give what it printed."""
        said = await self.run(*words, typed=typed)
        assert (said.code, said.err) == (0, ""), said
        return said.out


def _type(
    words: list[str], folder: Path, environment: Mapping[str, str], streams: list[Path]
) -> None:
    """Be the process of one command."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, (path, mode) in enumerate(zip(streams, ("r", "w", "w"), strict=True)):
        with path.open(mode) as stream:
            os.dup2(stream.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    sys.exit(main(words))
