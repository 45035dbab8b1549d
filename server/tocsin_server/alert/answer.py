"""Answer: the page of a link, to the one person whom the link was sent to.

Promise: a key opens one message's alert and nothing else, for as long as an answer matters. Looking
changes nothing, however often a mail scanner does it.

Refused: the key of somebody who may not act. Whom a policy tells of an alert may see that one,
whatever their role.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server.alert.geotag import Place
from tocsin_server.channels.channel import Language

# Nobody has it; whoever has it is silent, or needs others; it is handed to you; you have it, and
# are asked whether you still do; you have it; somebody else has it; it is over.
Standing = Literal["open", "silent", "more_help", "offered", "asked", "yours", "theirs", "resolved"]
TO_TAKE: frozenset[Standing] = frozenset({"open", "silent", "more_help", "offered"})

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


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


async def look(pool: asyncpg.Pool, link_key: UUID) -> Answering | None:
    """Read what a link opens; None where it opens nothing."""
    row = await queries.answering(pool, link_key=link_key)
    if row is None:
        return None
    return _answering(row)


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
