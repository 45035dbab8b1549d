"""Answer: the page of a link, to the one person whom the link was sent to.

Promise: a key opens one message's alert and nothing else, for as long as an answer matters. Looking
changes nothing, however often a mail scanner does it. The first to take an alert wins, here as by
every other way.

Refused: the key of somebody who may not act, or may not see this alert (people/sight.py).
"""

from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server.alert.geotag import Place
from tocsin_server.channels.channel import Language
from tocsin_server.people.sight import may_see

KEY_CHARS = 22  # 16 bytes as base64url (RFC 4648, section 5) without padding

# Nobody has it; whoever has it is silent, or needs others; it is handed to you; you have it, and
# are asked whether you still do; you have it; somebody else has it; it is over.
Standing = Literal["open", "silent", "more_help", "offered", "asked", "yours", "theirs", "resolved"]
TO_TAKE: frozenset[Standing] = frozenset({"open", "silent", "more_help", "offered"})

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """An alert as whoever may answer for it sees it. `holder` has it, since `held_at`."""

    name: str
    language: Language
    kind: str
    drill: bool
    place: Place
    presses: int
    cancelled: bool
    pressed_at: datetime
    age_s: float
    standing: Standing
    holder: str | None = None
    held_at: datetime | None = None
    resolved_at: datetime | None = None


def read_key(text: str) -> UUID | None:
    """Read a link's key; None for what is none."""
    if len(text) != KEY_CHARS or not text.isascii():
        return None
    try:
        key = UUID(bytes=b64decode(f"{text}==", altchars=b"-_", validate=True))
    except ValueError:
        return None
    # The last character has four bits to spare: spelled otherwise, it is another address.
    return key if write_key(key) == text else None


def write_key(link_key: UUID) -> str:
    """Write a link's key, as an address has it."""
    return urlsafe_b64encode(link_key.bytes).rstrip(b"=").decode()


async def look(pool: asyncpg.Pool, link_key: UUID) -> Answering | None:
    """Read what a link opens; None where it opens nothing."""
    row = await _row(pool, link_key)
    return _answering(row) if row is not None else None


async def take(pool: asyncpg.Pool, link_key: UUID) -> Answering | None:
    """Take the alert for whoever the link was sent to; gives what has come of it."""
    return await _act(pool, link_key, passes_on=False)


async def pass_on(pool: asyncpg.Pool, link_key: UUID) -> Answering | None:
    """Say that this person can't: the next are told at once. Gives what has come of it."""
    return await _act(pool, link_key, passes_on=True)


async def _act(pool: asyncpg.Pool, link_key: UUID, *, passes_on: bool) -> Answering | None:
    async with pool.acquire() as connection, connection.transaction():
        await queries.hold(connection, link_key=link_key)
        row = await _row(connection, link_key)
        before = _answering(row) if row is not None else None
        if row is None or before is None or before.standing == "resolved":
            return before
        if passes_on and before.standing not in TO_TAKE:
            return before
        await queries.key(connection, notification_id=row["notification_id"], passes_on=passes_on)
        won = False
        if not passes_on:
            who = {name: row[name] for name in ("alert_id", "jurisdiction", "person_id", "name")}
            won = await queries.take(connection, **who)
        now = await _row(connection, link_key)
    log.info(
        "passed on" if passes_on else "acknowledged",
        alert_id=str(row["alert_id"]),
        by=row["name"],
        path="link",
        won=won,
    )
    return _answering(now) if now is not None else None


async def _row(
    connection: asyncpg.Connection | asyncpg.Pool, link_key: UUID
) -> asyncpg.Record | None:
    row = await queries.answering(connection, link_key=link_key)
    return row if row is not None and may_see(row["role"], drill=row["drill"]) else None


def _answering(row: asyncpg.Record) -> Answering:
    return Answering(
        name=row["name"],
        language=row["language"],
        kind=row["kind"],
        drill=row["drill"],
        place=msgspec.json.decode(row["place"], type=Place),
        presses=row["presses"],
        cancelled=row["cancelled"],
        pressed_at=row["pressed_at"],
        age_s=row["age_s"],
        standing=_standing(row),
        holder=row["acknowledged_by"],
        held_at=row["held_at"],
        resolved_at=row["resolved_at"],
    )


def _standing(row: asyncpg.Record) -> Standing:
    if row["resolved_at"] is not None:
        return "resolved"
    if row["held_at"] is None:
        return "open"
    if row["acknowledged_person"] == row["person_id"]:
        is_asked = row["asked_at"] is not None or row["again_why"] == "silent"
        return "asked" if is_asked else "yours"
    if row["offered_to"] == row["person_id"]:
        return "offered"
    if row["again_at"] is not None:
        return "silent" if row["again_why"] == "silent" else "more_help"
    return "theirs"
