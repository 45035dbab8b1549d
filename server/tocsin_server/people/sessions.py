"""Sessions: who is reading, by a cookie whose digest is in the database.

A session that was good a moment ago stays good while the database is away, because the
worst minute of the database may be the worst minute of the county. For the same reason no
session ends by itself while an alert is open there, and one that is locked, because nobody sits
there, still answers alerts.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server.channels.channel import Language
from tocsin_server.people.account_record import record, record_refusal
from tocsin_server.people.accounts import Account
from tocsin_server.people.ending import in_words
from tocsin_server.people.passwords import SecondFactor
from tocsin_server.people.ways import SignInRefused
from tocsin_server.storage.database import COMMAND_S_MAX, DATABASE_ERRORS, Database, within

COOKIE = "tocsin_session"
HOURS = 16  # the longest election day, from opening to the last count
KEPT_DAYS_MAX = 7  # how long an alert that stays open may keep one whose hours are over
FRESH_S = 900  # how long whoever signed in is taken to sit there still
CHECKED_S = 5.0  # how long a revoked session may still read
FIND_S_MAX = 1.0  # who was known a moment ago doesn't wait longer for a database that hangs
KNOWN_MAX = 5_000

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, and for which jurisdiction.

    `second_factor`: set up, or not yet; `required`: and until it is, nothing else is open.
    `kept`: the session's hours are over, and an open alert keeps it. `locked`: it does no more
    than answer alerts; `lock_after_s`: a page that nobody touches for so long locks it.
    """

    person_id: UUID
    name: str
    email: str
    jurisdiction: str
    jurisdiction_name: str
    role: str
    language: Language = "en"
    second_factor: Literal["set", "offered", "required"] = "set"
    kept: bool = False
    locked: bool = False
    lock_after_s: float | None = None

    def is_same(self, other: "Reader") -> bool:
        """Say whether a screen of this reader may go on as the other's."""
        may_change = {"kept": other.kept, "language": other.language, "locked": other.locked}
        return msgspec.structs.replace(self, **may_change) == other


@dataclass(frozen=True, slots=True)
class _Known:
    reader: Reader
    checked: float


class Sessions:
    """The sessions of everybody."""

    def __init__(
        self, database: Database, *, second_factor: SecondFactor, lock_after_s: float | None = None
    ) -> None:
        self._database = database
        self._second_factor = second_factor
        self._lock_after_s = lock_after_s
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def begin(self, account: Account, *, way: str, source: str) -> tuple[str, Reader]:
        """Begin a session of whoever proved who they are; gives its token. Raises SignInRefused."""
        pool = self._database.pool
        if account.ended_on is not None:
            why = "the account has ended"
            await record_refusal(pool, account.person_id, why=why, source=source)
            raise SignInRefused(
                f"Your account ended on {in_words(account.ended_on)}. If you still work here, ask"
                " whoever runs Tocsin for a later end: your password stays the same."
            )
        token = secrets.token_urlsafe(32)
        await queries.begin(
            pool,
            token_digest=_digest(token),
            person_id=account.person_id,
            hours=HOURS,
            kept_days=KEPT_DAYS_MAX,
        )
        await record(pool, account.person_id, "signed_in", way=way, source=source)
        reader = await self.reader(token)
        if reader is None:  # it was ended in between
            raise SignInRefused("You were signed out at once: sign in again.")
        return token, reader

    async def reader(self, token: str | None) -> Reader | None:
        """Give who holds this token; None where nobody does."""
        if not token:
            return None
        digest = _digest(token)
        known = self._known.get(digest)
        if known is not None and self._holds(known):
            return known.reader
        patience_s = COMMAND_S_MAX if known is None else FIND_S_MAX
        finding = queries.find(
            self._database.pool, token_digest=digest, second_factor=self._second_factor
        )
        try:
            row = await within(patience_s, finding)
        except DATABASE_ERRORS:
            if known is None:
                raise
            self._known[digest] = _Known(known.reader, time.monotonic())
            return known.reader
        if row is None:
            self._known.pop(digest, None)
            return None
        reader = Reader(**dict(row), lock_after_s=self._lock_after_s)
        self._known[digest] = _Known(reader, time.monotonic())
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return reader

    async def is_fresh(self, token: str | None) -> bool:
        """Say whether somebody signed in a moment ago: a screen that was left open is nobody's."""
        return bool(
            await queries.is_fresh(
                self._database.pool, token_digest=_digest(token or ""), fresh_s=FRESH_S
            )
        )

    async def lock(self, token: str | None, *, source: str) -> None:
        """Have a session do no more than answer alerts; safe to repeat."""
        digest = _digest(token or "")
        self._known.pop(digest, None)
        person_id = await queries.lock(self._database.pool, token_digest=digest)
        if person_id is not None:
            await record(self._database.pool, person_id, "locked", source=source)

    async def unlock(
        self, token: str | None, account: Account, *, way: str, source: str
    ) -> Reader | None:
        """Open a locked session for whoever began it; None: it isn't theirs, or isn't locked."""
        digest = _digest(token or "")
        person_id = await queries.unlock(
            self._database.pool, token_digest=digest, person_id=account.person_id
        )
        if person_id is None:
            return None
        await record(self._database.pool, person_id, "unlocked", way=way, source=source)
        return await self.reader(token)

    async def sign_out(self, token: str | None) -> None:
        """End a session; safe to repeat."""
        if token:
            self._known.pop(_digest(token), None)
            await queries.end(self._database.pool, token_digest=_digest(token))

    async def sign_out_elsewhere(self, token: str | None, person_id: UUID) -> int:
        """End all other sessions of somebody; gives how many there were."""
        ended: int = await queries.end_others(
            self._database.pool, token_digest=_digest(token or ""), person_id=person_id
        )
        await record(self._database.pool, person_id, "signed_out_elsewhere", sessions=str(ended))
        self.forget(person_id)
        return ended

    def forget(self, person_id: UUID) -> None:
        """Ask the database about somebody's sessions anew: some of them were ended."""
        for digest, known in list(self._known.items()):
            if known.reader.person_id == person_id:
                del self._known[digest]

    def _holds(self, known: _Known) -> bool:
        """Whoever is to add a second factor, or to unlock, goes on as soon as that is done."""
        is_waited_for = known.reader.second_factor == "required" or known.reader.locked
        return not is_waited_for and time.monotonic() - known.checked < CHECKED_S


async def end_weaker(connection: asyncpg.Connection, *, person_id: UUID, token: str | None) -> None:
    """End the other sessions of whoever is about to add the first second factor.

    They were opened by the password alone, which somebody else may know.
    """
    digest = _digest(token or "")
    await queries.end_weaker(connection, token_digest=digest, person_id=person_id)


def _digest(token: str) -> bytes:
    # A cookie may hold any bytes; what is no UTF-8 is a lone surrogate here, and nobody's token.
    return hashlib.sha256(token.encode(errors="replace")).digest()
