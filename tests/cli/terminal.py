"""A terminal: `tocsin` as a person runs it, with what it says on both streams."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

Shape = TypeVar("Shape")

COMMAND_S_MAX = 60.0


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
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tocsin_server",
            *words,
            cwd=self.folder,
            env=self.environment | dict(environment or {}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(COMMAND_S_MAX):
                out, err = await process.communicate(typed.encode())
        except BaseException:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def good(self, *words: str | Path, typed: str = "") -> str:
        """Run it to a good end and give what it printed."""
        said = await self.run(*words, typed=typed)
        assert (said.code, said.err) == (0, ""), said
        return said.out
