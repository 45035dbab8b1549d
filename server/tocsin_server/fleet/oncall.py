"""On call: tell the people who keep the system running that something is wrong with it.

A fault is told once, by whichever replica claims it first; the claim and the pending
message commit together. Sending is the notify step's.
"""

from dataclasses import dataclass
from pathlib import Path

import aiosql
import asyncpg

AGAIN_S = 600.0  # a fault that lasts, or flickers, is told every ten minutes at most
BODY_CHARS_MAX = 480  # three segments of a text message

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by its lasting name. `age_s`: for how long it stands; None: nobody here knows."""

    name: str
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Telling:
    """One message about some faults of one jurisdiction."""

    jurisdiction: str
    faults: tuple[Fault, ...]
    body: str


async def tell(
    pool: asyncpg.Pool, telling: Telling, *, number: str, repeat: bool, queue: bool = True
) -> bool:
    """Claim the faults and queue the message; False where they were told already.

    `repeat`: tell it again while it lasts. `queue` False: claim only, the caller sends it.
    Raises DATABASE_ERRORS.
    """
    told: bool = await queries.tell(
        pool,
        jurisdiction=telling.jurisdiction,
        faults=[fault.name for fault in telling.faults],
        ages_s=[fault.age_s for fault in telling.faults],
        address=number,
        body=telling.body[:BODY_CHARS_MAX] if queue else None,
        repeat=repeat,
        again_s=AGAIN_S,
    )
    return told
