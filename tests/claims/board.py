"""A board that is to become a button: `tocsin-button claim` as its keeper runs it."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.parts import WAIT_S


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    def refused(self, *words: str, code: int = 2) -> None:
        """It ended so, with these words on standard error and nothing else to read."""
        assert (self.code, self.out) == (code, ""), self
        for word in words:
            assert word in self.err, self


class Board:
    """One board; `folder` is where its keys and its config will be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)

    async def claim(self, *words: str | Path, environment: Mapping[str, str] | None = None) -> Said:
        """Run it to its end."""
        process = await self.begin(*words, environment=environment)
        async with asyncio.timeout(WAIT_S):
            out, err = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def begin(
        self, *words: str | Path, environment: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        """Start it, for a test that ends it before it is done."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tocsin_button", "claim"),
            *(*map(str, words), "--folder", str(self.folder)),
            env=os.environ | dict(environment or {}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    def files(self) -> dict[str, int]:
        """What lies in the folder, with its permissions."""
        return {each.name: each.stat().st_mode & 0o777 for each in self.folder.iterdir()}
