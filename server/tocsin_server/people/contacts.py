"""Contacts: the ways in which a person is reached, in the order in which they are tried.

Promise: a contact counts only once a message has been seen to arrive there (a code comes back), or
somebody vouches for it by name. One that fails for good says why, and is shown where policies are
edited. A call for help in danger never waits for a quiet hour.

Refused: an address that can't be one, the same one twice, and guessing codes.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypedDict
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server import inputs
from tocsin_server.channels.apprise import read_address
from tocsin_server.channels.channel import METHODS, Language, Method
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.storage.database import borrowed

CONTACTS_MAX = 10  # of one person; whoever isn't reached by these isn't reached
ADDRESS_CHARS_MAX = 2000  # a browser's push subscription has some hundred
CODE_DIGITS = 6
CODE_TRIES_MAX = 5  # one in 200,000
CODE_LASTS_S = 24 * 3600.0  # whoever starts on Monday is set up on Sunday
CODE_AGAIN_S = 60.0  # texts take some seconds, and nobody's phone is to be flooded
CODES_PER_HOUR_MAX = 10  # to one address, whoever asks for them
CHECK_EVERY = timedelta(days=1)
CHECK_AT_ONCE_MAX = 50
OPTED_OUT = "opted out: this number has texted STOP"

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")

_CODE_WORDS: dict[Language, str] = {
    "en": "Tocsin: your code is {code}. It shows that alerts reach you here: reply with it, or tell"
    " it to whoever added you.",
    "es": "Tocsin: su código es {code}. Muestra que las alertas le llegan aquí: responda con él, o"
    " dígalo a quien le dio de alta.",
}


class Quiet(msgspec.Struct, frozen=True):
    """When a contact is left alone, but for danger; may pass midnight. Local time."""

    start: time
    end: time


class OfContact(TypedDict):
    """Which contact is meant, and whose it is: what every change of one asks for."""

    jurisdiction: str
    person_id: UUID
    contact_id: UUID


class ContactView(msgspec.Struct, frozen=True, kw_only=True):
    """One way to reach somebody. `unreachable`: why nothing arrives there.

    A push subscription and a service's URL hold secrets: `address` names these only in part.
    """

    contact_id: UUID
    method: Method
    address: str
    verified_at: datetime | None
    verified_by: str | None
    code_until: datetime | None  # until when a code that was sent there is waited for
    unreachable: str | None
    quiet_from: time | None
    quiet_to: time | None


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a code. `right` None: there is none that holds any more."""

    right: bool | None
    language: Language


async def add_contact(
    pool: asyncpg.Pool | asyncpg.Connection,
    *,
    jurisdiction: str,
    person_id: UUID,
    method: str,
    address: str,
    vouched_by: str | None = None,
    quiet: Quiet | None = None,
) -> UUID:
    """Add a way to reach somebody, behind their others; a code goes there unless somebody vouches.

    Raises Invalid, NotFound, Refused (it is there already, or there are too many).
    """
    method, address = _checked(method, address)
    if method == "apprise":  # in a thread: what reads it is large, and may not be loaded yet
        address = await asyncio.to_thread(read_address, address)
    _check_quiet(quiet)
    async with borrowed(pool) as connection, connection.transaction():
        try:
            row = await queries.add(
                connection,
                jurisdiction=jurisdiction,
                person_id=person_id,
                method=method,
                address=address,
                quiet_from=quiet.start if quiet else None,
                quiet_to=quiet.end if quiet else None,
                verified_by=f"{vouched_by}, who vouches for it" if vouched_by else None,
                contacts_max=CONTACTS_MAX,
            )
        except asyncpg.UniqueViolationError:
            shown = shown_address(method, address)
            raise Refused(f"{shown} is among their contacts already") from None
        if row is None:
            await _refuse(connection, jurisdiction, person_id)
        contact_id: UUID = row["contact_id"]
        if vouched_by is None:
            await _send_code(connection, jurisdiction, person_id, contact_id)
        return contact_id


async def send_code(
    pool: asyncpg.Pool, *, jurisdiction: str, person_id: UUID, contact_id: UUID
) -> None:
    """Send a new code; one that was sent before holds no more. Raises NotFound, Refused."""
    async with pool.acquire() as connection, connection.transaction():
        await _send_code(connection, jurisdiction, person_id, contact_id)


async def confirm(
    pool: asyncpg.Pool, *, jurisdiction: str, person_id: UUID, contact_id: UUID, code: str
) -> None:
    """Take a code that came back: the contact counts from now on. Raises NotFound, Refused."""
    row = await queries.try_code(
        pool,
        jurisdiction=jurisdiction,
        person_id=person_id,
        contact_id=contact_id,
        code_digest=_digest(code.strip().replace(" ", "")),
        tries_max=CODE_TRIES_MAX,
    )
    if row is None:
        raise _no_contact(contact_id)
    if row["right"] is None:
        raise Refused("There is no code that holds any more for this contact: send a new one.")
    if not row["right"]:
        raise Refused("That is not the code that was sent: look at it and write it again.")


async def confirm_by_text(pool: asyncpg.Pool, *, phone: str, code: str) -> Tried | None:
    """Take a code that somebody texts back from the number it was sent to. None: none was sent."""
    if len(code) != CODE_DIGITS:
        return None
    waiting = [row async for row in queries.waiting_for_code(pool, address=phone)]
    found: Tried | None = None
    for row in waiting:
        tried = await queries.try_code(
            pool,
            jurisdiction=row["jurisdiction"],
            person_id=row["person_id"],
            contact_id=row["contact_id"],
            code_digest=_digest(code),
            tries_max=CODE_TRIES_MAX,
        )
        if tried is not None and (found is None or tried["right"] is not None):
            found = Tried(tried["right"], row["language"])
        if found is not None and found.right:
            break
    return found


async def vouch(
    pool: asyncpg.Pool, *, jurisdiction: str, person_id: UUID, contact_id: UUID, by: str
) -> None:
    """Say by name that a contact is right, and let it count. Raises NotFound."""
    done = await queries.vouch(
        pool,
        jurisdiction=jurisdiction,
        person_id=person_id,
        contact_id=contact_id,
        by=f"{by}, who vouches for it",
    )
    if done is None:
        raise _no_contact(contact_id)


async def remove_contact(
    pool: asyncpg.Pool, *, jurisdiction: str, person_id: UUID, contact_id: UUID
) -> None:
    """Forget a way to reach somebody. Raises NotFound."""
    done = await queries.remove(
        pool, jurisdiction=jurisdiction, person_id=person_id, contact_id=contact_id
    )
    if done is None:
        raise _no_contact(contact_id)


async def set_order(
    pool: asyncpg.Pool, *, jurisdiction: str, person_id: UUID, contact_ids: Sequence[UUID]
) -> None:
    """Say which contact is tried first, second and so on. Raises Invalid, NotFound."""
    if len(set(contact_ids)) < len(contact_ids):
        raise Invalid("a contact is named twice: name each of them once, the first to try first")
    async with pool.acquire() as connection, connection.transaction():
        found = await queries.set_order(
            connection,
            jurisdiction=jurisdiction,
            person_id=person_id,
            contact_ids=list(contact_ids),
        )
        if found != len(contact_ids):
            raise NotFound("one of these contacts is not theirs: nothing was changed")


async def set_quiet(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    person_id: UUID,
    contact_id: UUID,
    quiet: Quiet | None,
) -> None:
    """Say when a contact is to be left alone, but for danger. Raises Invalid, NotFound."""
    _check_quiet(quiet)
    done = await queries.set_quiet(
        pool,
        jurisdiction=jurisdiction,
        person_id=person_id,
        contact_id=contact_id,
        quiet_from=quiet.start if quiet else None,
        quiet_to=quiet.end if quiet else None,
    )
    if done is None:
        raise _no_contact(contact_id)


def shown_address(method: Method, address: str) -> str:
    """Give as much of an address as people may read."""
    match method:
        case "push":
            return "a browser"
        case "apprise":
            return f"{address.partition('://')[0]}://…"
        case _:
            return address


def _check_quiet(quiet: Quiet | None) -> None:
    if quiet is not None and quiet.start == quiet.end:
        raise Invalid("a quiet time that begins when it ends is none: leave it out")


def _checked(method: str, address: str) -> tuple[Method, str]:
    match method:
        case "sms" | "voice":
            return method, inputs.phone(address)
        case "email":
            return method, inputs.email(address)
        case "push" | "apprise":
            address = address.strip()
            if not 0 < len(address) <= ADDRESS_CHARS_MAX or not address.isprintable():
                raise Invalid(f"that is no address for {method}: 1 to {ADDRESS_CHARS_MAX} letters")
            return method, address
        case _:
            raise Invalid(f"{method!r} is no way to reach people: write one of {METHODS}")


async def _send_code(
    connection: asyncpg.Connection, jurisdiction: str, person_id: UUID, contact_id: UUID
) -> None:
    code = _new_code()
    row = await queries.renew_code(
        connection,
        jurisdiction=jurisdiction,
        person_id=person_id,
        contact_id=contact_id,
        code_digest=_digest(code),
        code_lasts_s=CODE_LASTS_S,
        code_again_s=CODE_AGAIN_S,
    )
    if row is None:
        raise _no_contact(contact_id)
    if row["too_soon"]:
        raise Refused("A code was sent there within this minute: wait for it before you ask again.")
    # Digits apart: a voice would read a number of six figures.
    body = _CODE_WORDS[row["language"]].format(code=f"{code[:3]} {code[3:]}")
    said = await queries.say_code(
        connection, contact_id=contact_id, body=body, codes_max=CODES_PER_HOUR_MAX
    )
    if said is None:
        raise Refused(
            f"{CODES_PER_HOUR_MAX} codes were sent there within an hour: try again later, or let a"
            " supervisor vouch for it."
        )


async def _refuse(connection: asyncpg.Connection, jurisdiction: str, person_id: UUID) -> None:
    known = await connection.fetchval(
        "SELECT true FROM person WHERE person_id = $1 AND jurisdiction = $2",
        person_id,
        jurisdiction,
    )
    if not known:
        raise NotFound(f"nobody here has the id {person_id}")
    raise Refused(f"nobody has more than {CONTACTS_MAX} contacts: remove one first")


def _new_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def _digest(code: str) -> bytes:
    return sha256(b"tocsin contact " + code.encode(errors="replace")).digest()


def _no_contact(contact_id: UUID) -> NotFound:
    return NotFound(f"no contact {contact_id}")
