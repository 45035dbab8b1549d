"""Asked: what a browser was asked for, until it answers.

Promise: an answer is taken once, within five minutes, from the browser that was asked, by whichever
replica it reaches. Of the token that shows which browser it is, only the digest is kept.
"""

import secrets
from hashlib import sha256
from pathlib import Path
from typing import Literal
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server.errors import Busy
from tocsin_server.people.ways import StartOver

Purpose = Literal["passkey", "new passkey", "code"]

LASTS_S = 300  # somebody looks for their phone, and reads
WAITING_MAX = 10_000  # of all browsers; whoever asks on and on must not fill the disk
CHALLENGE_BYTES = 32  # WebAuthn, section 13.4.3, asks for 16 at least

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `person_id` null: of whoever it may be."""

    person_id: UUID | None
    challenge: bytes | None


def new_token() -> str:
    """Give what shows later that it is the same browser."""
    return secrets.token_urlsafe(32)


async def ask(
    pool: asyncpg.Pool, *, purpose: Purpose, token: str, person_id: UUID | None = None
) -> bytes:
    """Ask a browser for something; what it was asked for before holds no more. Raises Busy.

    Gives the challenge.
    """
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    done = await queries.ask(
        pool,
        asker_digest=_digest(token),
        purpose=purpose,
        person_id=person_id,
        challenge=challenge,
        lasts_s=LASTS_S,
        waiting_max=WAITING_MAX,
    )
    if not done:
        raise Busy("Too many people are signing in at this moment: try again in a few minutes.")
    return challenge


async def look(pool: asyncpg.Pool, *, purpose: Purpose, token: str | None) -> Asked:
    """Say what was asked for, which still is. Raises StartOver."""
    row = await queries.look(pool, asker_digest=_digest(token), purpose=purpose)
    return _asked(row)


async def take(pool: asyncpg.Pool, *, purpose: Purpose, token: str | None) -> Asked:
    """Take an answer, right or not: nothing is asked for any more. Raises StartOver."""
    row = await queries.take(pool, asker_digest=_digest(token), purpose=purpose)
    return _asked(row)


def _asked(row: asyncpg.Record | None) -> Asked:
    if row is None:
        raise StartOver(
            "That took longer than five minutes, was answered already, or began in another browser:"
            " begin again."
        )
    return Asked(person_id=row["person_id"], challenge=row["challenge"])


def _digest(token: str | None) -> bytes:
    return sha256((token or "").encode(errors="replace")).digest()
