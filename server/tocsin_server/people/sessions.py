"""Sessions: who is reading, by a cookie whose digest is in the database.

A session that was good a moment ago stays good while the database is away, because the
worst minute of the database may be the worst minute of the county.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import aiosql
import msgspec

from tocsin_server.errors import TocsinError
from tocsin_server.people.accounts import check_password
from tocsin_server.people.ending import in_words
from tocsin_server.storage.database import COMMAND_S_MAX, DATABASE_ERRORS, Database, within

COOKIE = "tocsin_session"
HOURS = 16  # the longest election day, from opening to the last count
CHECKED_S = 5.0  # how long a revoked session may still read
FIND_S_MAX = 1.0  # who was known a moment ago doesn't wait longer for a database that hangs
KNOWN_MAX = 5_000
FAILURES_MAX = 10  # of one address from one place
FAILURES_S = 600.0

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class SignInRefused(TocsinError):
    """The address and the password don't fit together, or the account has ended."""


class TooManyTries(TocsinError):
    """Somebody is guessing."""


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, and for which jurisdiction."""

    person_id: UUID
    name: str
    email: str
    jurisdiction: str
    jurisdiction_name: str
    role: str


@dataclass(frozen=True, slots=True)
class _Known:
    reader: Reader
    checked: float


class Sessions:
    """The sessions of everybody."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._failures: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    async def sign_in(self, *, email: str, password: str, source: str) -> tuple[str, Reader]:
        """Begin a session; gives its token. Raises SignInRefused, TooManyTries."""
        who = (email.strip().lower()[:200], source)
        now = time.monotonic()
        failures = [at for at in self._failures.get(who, []) if now - at < FAILURES_S]
        if len(failures) >= FAILURES_MAX:
            raise TooManyTries("Too many wrong passwords: wait ten minutes, or ask a colleague.")
        # Counted before it is known: many guesses at once are limited like one after another.
        self._failures[who] = [*failures, now]
        if len(self._failures) > KNOWN_MAX:
            self._failures.popitem(last=False)
        try:
            account = await check_password(self._database.pool, email=email, password=password)
        except DATABASE_ERRORS:
            # No guess: nobody could say whether it was right.
            self._failures[who] = [at for at in self._failures.get(who, []) if at != now]
            raise
        if account is None:
            raise SignInRefused("The e-mail address or the password is wrong.")
        self._failures.pop(who, None)
        if account.ended_on is not None:
            raise SignInRefused(
                f"Your account ended on {in_words(account.ended_on)}. If you still work here, ask"
                " whoever runs Tocsin for a later end: your password stays the same."
            )
        token = secrets.token_urlsafe(32)
        await queries.begin(
            self._database.pool,
            token_digest=_digest(token),
            person_id=account.person_id,
            hours=HOURS,
        )
        return token, Reader(
            person_id=account.person_id,
            name=account.name,
            email=account.email,
            jurisdiction=account.jurisdiction,
            jurisdiction_name=account.jurisdiction_name,
            role=account.role,
        )

    async def reader(self, token: str | None) -> Reader | None:
        """Give who holds this token; None where nobody does."""
        if not token:
            return None
        digest = _digest(token)
        known = self._known.get(digest)
        if known is not None and time.monotonic() - known.checked < CHECKED_S:
            return known.reader
        patience_s = COMMAND_S_MAX if known is None else FIND_S_MAX
        try:
            row = await within(patience_s, queries.find(self._database.pool, token_digest=digest))
        except DATABASE_ERRORS:
            if known is None:
                raise
            self._known[digest] = _Known(known.reader, time.monotonic())
            return known.reader
        if row is None:
            self._known.pop(digest, None)
            return None
        reader = Reader(**dict(row))
        self._known[digest] = _Known(reader, time.monotonic())
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return reader

    async def sign_out(self, token: str | None) -> None:
        """End a session; safe to repeat."""
        if token:
            self._known.pop(_digest(token), None)
            await queries.end(self._database.pool, token_digest=_digest(token))


def _digest(token: str) -> bytes:
    # A cookie may hold any bytes; what is no UTF-8 is a lone surrogate here, and nobody's token.
    return hashlib.sha256(token.encode(errors="replace")).digest()
