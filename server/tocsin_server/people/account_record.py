"""The record of an account: who signed in, how and whence, and what was added or taken away.

Promise: it is chained like an alert's record (record.py), so that nobody rewrites it quietly;
`tocsin verify` checks it where it lies. Whose account it is may read it, and administrators.

Refused: to fill up. Of refused sign-ins it keeps REFUSALS_PER_HOUR_MAX an hour.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec

REFUSALS_PER_HOUR_MAX = 50  # more say no more
SHOWN_MAX = 30  # the last ones; the others are in the database

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class AccountEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, as its owner reads it. `what`: which passkey, from which address and so on."""

    at: datetime
    name: str
    what: dict[str, str]


async def record(
    pool: asyncpg.Pool | asyncpg.Connection, person_id: UUID, name: str, **what: str
) -> None:
    """Put something on the record of an account."""
    await queries.append(pool, person_id=person_id, name=name, payload=_payload(what))


async def record_refusal(pool: asyncpg.Pool, who: UUID | str, **what: str) -> None:
    """Put a refused sign-in on an account's record: its id, or an address that may be none's."""
    await queries.append_refusal(
        pool,
        person_id=who if isinstance(who, UUID) else None,
        email=who if isinstance(who, str) else None,
        payload=_payload(what),
        refusals_max=REFUSALS_PER_HOUR_MAX,
    )


async def read_record(pool: asyncpg.Pool, *, person_id: UUID) -> list[AccountEvent]:
    """Give the last entries, the newest first. What was erased says nothing."""
    rows = queries.newest(pool, person_id=person_id, most=SHOWN_MAX)
    return [
        AccountEvent(at=row["at"], name=row["name"], what=msgspec.json.decode(row["payload"]))
        async for row in rows
    ]


def _payload(what: Mapping[str, str]) -> str:
    return msgspec.json.encode(what).decode()
