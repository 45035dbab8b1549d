"""Kiosks: screens on a wall, which show what a dispatcher sees, and can do nothing.

Promise: a kiosk's link is given once, when it is made; its key is kept as a digest. A link is one
browser at a time: whoever opens it a second time puts the first screen out, so nobody watches along
unnoticed. Nothing but revoking it signs a kiosk out, and that holds within a second.

Refused: everything but looking, and the numbers and addresses of people, which a wall tells to
whoever walks by.
"""

import hashlib
import re
import secrets
import time
from collections import OrderedDict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeGuard
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.errors import NotFound, Refused
from tocsin_server.people.sessions import CHECKED_S, FIND_S_MAX, Reader
from tocsin_server.storage.database import COMMAND_S_MAX, DATABASE_ERRORS, Database, within

KIOSK = "kiosk"  # the role that no person has
PATH = "/kiosk"
KIOSKS_MAX = 50  # of a jurisdiction: several in each of its dispatch rooms
KNOWN_MAX = 500
SEEN_EVERY = timedelta(seconds=20)
ONLY_SHOWS = "This screen only shows. Act on a dispatcher's console, or by phone."
_TOKEN = "kiosk-"  # noqa: S105 (by it a kiosk's cookie is told from a person's)
_KEY_CHARS_MAX = 200

# Wherever it stands in what goes to a kiosk: an error may say to which number something went.
_NUMBER = re.compile(rb"\+[1-9][0-9]{6,14}")
_ADDRESS = re.compile(rb"[^\s\"\\@:,;<>()]{1,64}@[^\s\"\\@:,;<>()]{1,200}")

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class KioskView(msgspec.Struct, frozen=True, kw_only=True):
    """A screen that only shows. `seen_at`: when it last asked; it does so every while."""

    kiosk_id: UUID
    name: str
    made_by: str
    made_at: datetime
    opened_at: datetime | None
    seen_at: datetime | None
    revoked_by: str | None
    revoked_at: datetime | None


class KioskList(msgspec.Struct, frozen=True):
    """The screens of a jurisdiction, and those that were revoked in the last month."""

    kiosks: list[KioskView]


class KioskLink(msgspec.Struct, frozen=True, kw_only=True):
    """A new screen and the link that opens it, which is shown this once."""

    kiosk: KioskView
    link: str

    def __repr__(self) -> str:
        return "KioskLink(…)"


async def add_kiosk(
    pool: asyncpg.Pool, *, jurisdiction: str, name: str, by: str, public_url: str
) -> KioskLink:
    """Make a screen. Raises Invalid, Refused."""
    key = secrets.token_urlsafe(32)
    kiosk_id: UUID | None = await queries.add(
        pool,
        jurisdiction=jurisdiction,
        name=(name := inputs.text("the name", name)),
        key_digest=_digest(key),
        by=by,
        kiosks_max=KIOSKS_MAX,
    )
    if kiosk_id is None:
        raise Refused(
            f"There is a screen named {name!r} already, or there are {KIOSKS_MAX}, the most: take"
            " another name, or revoke one first."
        )
    log.warning("kiosk made", jurisdiction=jurisdiction, kiosk=name, by=by)
    kiosk = await read_kiosk(pool, jurisdiction=jurisdiction, kiosk_id=kiosk_id)
    # What stands behind # never leaves the browser: no proxy and no log has it.
    return KioskLink(kiosk=kiosk, link=f"{public_url.rstrip('/')}{PATH}#{key}")


async def read_kiosks(pool: asyncpg.Pool, *, jurisdiction: str) -> list[KioskView]:
    """List the screens, by name; the revoked ones last."""
    return [KioskView(**row) async for row in queries.kiosks(pool, jurisdiction=jurisdiction)]


async def read_kiosk(pool: asyncpg.Pool, *, jurisdiction: str, kiosk_id: UUID) -> KioskView:
    """Give one screen. Raises NotFound."""
    for kiosk in await read_kiosks(pool, jurisdiction=jurisdiction):
        if kiosk.kiosk_id == kiosk_id:
            return kiosk
    raise NotFound("There is no such screen in your jurisdiction.")


async def revoke_kiosk(
    pool: asyncpg.Pool, *, jurisdiction: str, kiosk_id: UUID, by: str
) -> KioskView:
    """Take a screen's key back: it goes dark at once. Safe to repeat. Raises NotFound."""
    await queries.revoke(pool, jurisdiction=jurisdiction, kiosk_id=kiosk_id, by=by)
    kiosk = await read_kiosk(pool, jurisdiction=jurisdiction, kiosk_id=kiosk_id)
    log.warning("kiosk revoked", jurisdiction=jurisdiction, kiosk=kiosk.name, by=by)
    return kiosk


def is_kiosk_token(token: str | None) -> TypeGuard[str]:
    """Say whether a cookie is a kiosk's, if it is anybody's."""
    return token is not None and token.startswith(_TOKEN)


def without_numbers(frame: bytes) -> bytes:
    """Leave every phone number and address of a person out of what a kiosk is shown."""
    if b"@" in frame:
        frame = _ADDRESS.sub("…".encode(), frame)
    return _NUMBER.sub("…".encode(), frame)


class Kiosks:
    """The screens that are open, by their cookies; as Sessions does it for people."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[bytes, tuple[Reader, float]] = OrderedDict()

    async def open(self, key: str) -> tuple[str, Reader] | None:
        """Make a browser the screen of this key; gives its token. None: the key opens nothing."""
        if len(key) > _KEY_CHARS_MAX:
            return None
        token = f"{_TOKEN}{secrets.token_urlsafe(32)}"
        opened = await queries.open(
            self._database.pool, key_digest=_digest(key), token_digest=_digest(token)
        )
        reader = await self.reader(token) if opened is not None else None
        if reader is None:
            return None
        log.warning("kiosk opened", jurisdiction=reader.jurisdiction, kiosk=reader.name)
        return token, reader

    async def reader(self, token: str) -> Reader | None:
        """Give which screen holds this token; None where none does. Holds on without a database."""
        digest, now = _digest(token), time.monotonic()
        known, checked = self._known.get(digest, (None, now))
        if known is not None and now - checked < CHECKED_S:
            return known
        patience_s = COMMAND_S_MAX if known is None else FIND_S_MAX
        try:
            row = await within(
                patience_s,
                queries.find(self._database.pool, token_digest=digest, seen_every=SEEN_EVERY),
            )
        except DATABASE_ERRORS:
            if known is None:
                raise
            self._known[digest] = known, now
            return known
        if row is None:
            self._known.pop(digest, None)
            return None
        reader = Reader(**dict(row), email="", role=KIOSK)
        self._known[digest] = reader, now
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return reader

    def forget(self, kiosk_id: UUID) -> None:
        """Ask anew who this screen is."""
        for digest, (reader, _) in list(self._known.items()):
            if reader.person_id == kiosk_id:
                del self._known[digest]


def _digest(secret: str) -> bytes:
    # A cookie may hold any bytes; what is no UTF-8 is a lone surrogate here, and nobody's token.
    return hashlib.sha256(secret.encode(errors="replace")).digest()
