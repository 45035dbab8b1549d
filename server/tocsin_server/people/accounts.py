"""Accounts: the people of a jurisdiction, and whether a password is theirs.

Promise: a wrong password and an unknown address cost the same time and give the same answer.
A password is never kept, logged or put in an error; its hash is renewed at a sign-in when
argon2's parameters have changed. Hashing has two threads of its own, so that any number of
sign-ins leaves the alert path alone.

Refused: people who couldn't be told apart, reached, or shown on a screen.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import aiosql
import asyncpg
import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tocsin_server import inputs
from tocsin_server.channels.channel import Language
from tocsin_server.errors import Busy, Invalid, NotFound, Refused
from tocsin_server.people.contacts import ContactView, add_contact, shown_address
from tocsin_server.people.ending import check_end
from tocsin_server.storage.database import borrowed

ROLES = ("dispatcher", "supervisor", "facilities", "auditor", "administrator", "responder")
PASSWORD_CHARS_MIN = 12
PASSWORD_CHARS_MAX = 256  # more is no safer, and somebody would send a megabyte
HASHES_WAITING_MAX = 40  # two seconds' worth; a flood of guesses must not fill the memory
HASHES_AT_ONCE_MAX = 2  # each takes 64 MiB and a core for about 50 ms

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")

_hasher = PasswordHasher()
_waiting = 0
_threads = ThreadPoolExecutor(HASHES_AT_ONCE_MAX, thread_name_prefix="password")
_T = TypeVar("_T")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who proved who they are. `ended_on`: but whose account has ended, on that day."""

    person_id: UUID
    jurisdiction: str
    jurisdiction_name: str
    name: str
    email: str
    role: str
    ended_on: date | None = None


class PersonView(msgspec.Struct, frozen=True, kw_only=True):
    """What the people of a jurisdiction may read of each other."""

    person_id: UUID
    name: str
    email: str
    role: str
    outside_agency: bool
    language: Language
    contacts: list[ContactView]  # in the order in which they are tried
    can_sign_in: bool
    ends_on: date | None  # the last day, in the jurisdiction; null: it has no end
    has_ended: bool


async def hash_password(password: str) -> str:
    """Give what may be stored of a password. Raises Invalid."""
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise Invalid(
            f"a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters,"
            f" not {len(password)}: a sentence of four or more words is easy to remember"
        )
    secret = _encoded(password)
    if secret is None:
        raise Invalid("the password holds characters that can't be typed again: choose another")
    return await _in_thread(lambda: _hasher.hash(secret))


async def check_password(pool: asyncpg.Pool, *, email: str, password: str) -> Account | None:
    """Give the account that this address and this password open together, else None."""
    address = email.strip()
    secret = _encoded(password)
    if secret is None or len(password) > PASSWORD_CHARS_MAX or not address.isprintable():
        return None
    row = await queries.account(pool, email=address)
    stored = row["password_hash"] if row is not None else None
    if stored is None:
        # The same work as for a known person, so that the time doesn't tell who is known.
        await _in_thread(lambda: _hasher.hash(secret))
        return None
    if not await _in_thread(lambda: _is_right(stored, secret)):
        return None
    if _hasher.check_needs_rehash(stored):
        renewed = await _in_thread(lambda: _hasher.hash(secret))
        await queries.rehash(pool, person_id=row["person_id"], old_hash=stored, new_hash=renewed)
    return _account(row)


async def account_of(pool: asyncpg.Pool, *, person_id: UUID) -> Account:
    """Give the account of somebody who proved who they are in another way. Raises NotFound."""
    row = await queries.account_of(pool, person_id=person_id)
    if row is None:
        raise NotFound("this account is there no more: ask whoever runs Tocsin")
    return _account(row)


async def add_person(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    name: str,
    email: str,
    phone: str | None,
    role: str,
    password: str | None = None,
    outside_agency: bool = False,
    ends_on: date | None = None,
    language: Language = "en",
    vouched_by: str | None = None,
) -> UUID:
    """Add somebody. Without a phone nobody is paged, without a password nobody signs in.

    A code is texted to the number, which counts once it comes back, or at once where somebody
    vouches for it. `ends_on`: the last day of a temporary account. Raises Invalid, NotFound (no
    such jurisdiction), Refused (the e-mail address is taken).
    """
    if role not in ROLES:
        raise Invalid(f"{role!r} is no role: write one of {', '.join(ROLES)}")
    name = inputs.text("the name", name)
    email = inputs.email(email)
    phone = inputs.phone(phone) if phone is not None else None
    if ends_on is not None:
        await check_end(pool, jurisdiction=jurisdiction, ends_on=ends_on)
    password_hash = await hash_password(password) if password is not None else None
    try:
        async with borrowed(pool) as connection, connection.transaction():
            person_id: UUID = await queries.add_person(
                connection,
                jurisdiction=jurisdiction,
                name=name,
                email=email,
                role=role,
                outside_agency=outside_agency,
                password_hash=password_hash,
                ends_on=ends_on,
                language=language,
            )
            if phone is not None:
                await add_contact(
                    connection,
                    jurisdiction=jurisdiction,
                    person_id=person_id,
                    method="sms",
                    address=phone,
                    vouched_by=vouched_by,
                )
    except asyncpg.UniqueViolationError:
        raise Refused(f"somebody has the address {email} already: use another one") from None
    except asyncpg.ForeignKeyViolationError:
        raise NotFound(f"no jurisdiction {jurisdiction}: add it first") from None
    return person_id


async def set_password(
    pool: asyncpg.Pool, *, jurisdiction: str, person_id: UUID, password: str
) -> None:
    """Give somebody a new password. Raises Invalid, NotFound."""
    password_hash = await hash_password(password)
    found = await queries.set_password(
        pool, jurisdiction=jurisdiction, person_id=person_id, password_hash=password_hash
    )
    if found is None:
        raise NotFound(f"nobody here has the id {person_id}")


async def set_end(
    pool: asyncpg.Pool, *, jurisdiction: str, person_id: UUID, ends_on: date | None
) -> bool:
    """Let an account end with a day (None: never), also one that is over. Gives whether it has.

    Raises Invalid (more than a year away), NotFound.
    """
    if ends_on is not None:
        await check_end(pool, jurisdiction=jurisdiction, ends_on=ends_on, may_be_over=True)
    row = await queries.set_end(
        pool, jurisdiction=jurisdiction, person_id=person_id, ends_on=ends_on
    )
    if row is None:
        raise NotFound(f"nobody here has the id {person_id}")
    return bool(row["has_ended"])


async def set_language(
    pool: asyncpg.Pool, *, jurisdiction: str, person_id: UUID, language: Language
) -> None:
    """Say in which language somebody is told, and reads the pages. Raises NotFound."""
    found = await queries.set_language(
        pool, jurisdiction=jurisdiction, person_id=person_id, language=language
    )
    if found is None:
        raise NotFound(f"nobody here has the id {person_id}")


async def read_people(pool: asyncpg.Pool, *, jurisdiction: str) -> list[PersonView]:
    """List the people of a jurisdiction by name."""
    rows = [row async for row in queries.people(pool, jurisdiction=jurisdiction)]
    return [_view(row) for row in rows]


def _account(row: asyncpg.Record) -> Account:
    return Account(
        person_id=row["person_id"],
        jurisdiction=row["jurisdiction"],
        jurisdiction_name=row["jurisdiction_name"],
        name=row["name"],
        email=row["email"],
        role=row["role"],
        ended_on=row["ends_on"] if row["has_ended"] else None,
    )


def _view(row: asyncpg.Record) -> PersonView:
    person = dict(row)
    contacts = msgspec.json.decode(person.pop("contacts"), type=list[ContactView])
    shown = [
        msgspec.structs.replace(each, address=shown_address(each.method, each.address))
        for each in contacts
    ]
    return PersonView(**person, contacts=shown)


def _encoded(password: str) -> bytes | None:
    """Give the same bytes for the same keys, whichever keyboard composed them."""
    try:
        return unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        return None


def _is_right(stored: str, secret: bytes) -> bool:
    try:
        return _hasher.verify(stored, secret)
    except (VerificationError, InvalidHashError):
        return False


async def _in_thread(work: Callable[[], _T]) -> _T:
    global _waiting  # noqa: PLW0603 (one count for the two threads that all share)
    if _waiting >= HASHES_WAITING_MAX:
        raise Busy("Too many people are signing in at this moment: try again in a few seconds.")
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _waiting -= 1
