"""What the fuzzing stands on: the whole system with real parts, and a look at its memory.

Promise: nothing here is judged by the fuzzed part's own word alone. A server's end, its log and its
memory are read from outside.
"""

import os
import re
import resource
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests import parts
from tests.parts import Server
from tests.walk.house import House, open_house
from tocsin_server.demo import example
from tocsin_server.people.accounts import add_person

# Sentences of the server's log that are never right, whatever was sent to it.
_OWN_MISTAKE = re.compile(r"our own mistake|its reader failed|can't read|a loop died|Traceback")


@asynccontextmanager
async def own_house() -> AsyncIterator[House]:
    """A whole system of this run's own."""
    with tempfile.TemporaryDirectory(prefix="th") as name:
        folder = Path(name)
        async with (
            parts.own_postgres(folder / "p") as postgres,
            open_house(postgres, folder) as house,
        ):
            yield house


async def sign_ins(house: House, roles: Sequence[str]) -> dict[str, str]:
    """Somebody who can sign in for each role: role and e-mail address."""
    emails = {role: f"{role}.fuzz@example.org" for role in roles}
    async with house.walk.database.pool() as pool:
        for role, email in emails.items():
            await add_person(
                pool,
                jurisdiction=example.JURISDICTION,
                name=f"Fuzz {role}",
                email=email,
                phone=None,
                role=role,
                password=parts.PASSWORD,
            )
    return emails


def own_mistakes(server: Server) -> list[str]:
    """Lines of the server's log in which it says that it failed."""
    lines = server.log.read_text(errors="replace").splitlines()
    return [line for line in lines if _OWN_MISTAKE.search(line) and not _is_refusal(line)]


def _is_refusal(line: str) -> bool:
    """aiohttp answers what is no HTTP by itself, and logs that with a traceback of its own.

    So it does where it reads the rest of a body that can't be decoded, after our answer.
    """
    ours = "tocsin_server" in line and "payload.readany()" not in line
    return "logger=aiohttp.server" in line and not ours


def memory_mib(pid: int) -> tuple[int, int]:
    """What a process holds now, and the most that it ever held; MiB of resident memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, most = (re.search(rf"{name}:\s+(\d+)", status) for name in ("VmRSS", "VmHWM"))
    assert now is not None
    assert most is not None
    return int(now[1]) // 1024, int(most[1]) // 1024


def memory_now_mib() -> int:
    """What this process holds now; MiB of resident memory."""
    return memory_mib(os.getpid())[0]


def peak_mib() -> int:
    """The most that this process ever held; MiB of resident memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
