"""Second factors: what of them somebody has, and how they are taken away.

Promise: whoever has none signs in with the password alone, and is told to add one, or let nowhere
else, as tocsin.toml says. An administrator can take all of somebody's away, who then begins anew
with the password. Each is on the account's record, by name.

Refused: to take one's own last one away where one is required.
"""

from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server.errors import NotFound, Refused
from tocsin_server.people.account_record import AccountEvent, read_record, record
from tocsin_server.people.passkeys import PasskeyView, read_passkeys
from tocsin_server.people.passwords import SecondFactor
from tocsin_server.storage.database import borrowed

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class SignInView(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody signs in. `codes_since` null: no app gives codes. `events`: the newest first."""

    person_id: UUID
    name: str
    email: str
    second_factor: SecondFactor
    passkeys_possible: bool
    passkeys: list[PasskeyView]
    codes_since: datetime | None
    recovery_codes: int
    sessions: int
    events: list[AccountEvent]


async def read_sign_in(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    person_id: UUID,
    second_factor: SecondFactor,
    passkeys_possible: bool,
) -> SignInView:
    """Say how somebody signs in. Raises NotFound."""
    row = await queries.sign_in_of(pool, jurisdiction=jurisdiction, person_id=person_id)
    if row is None:
        raise _nobody(person_id)
    return SignInView(
        **row,
        second_factor=second_factor,
        passkeys_possible=passkeys_possible,
        passkeys=await read_passkeys(pool, person_id=person_id),
        events=await read_record(pool, person_id=person_id),
    )


async def remove_passkey(
    pool: asyncpg.Pool, *, person_id: UUID, passkey_id: UUID, second_factor: SecondFactor
) -> None:
    """Forget a passkey of one's own: it opens nothing any more. Raises NotFound, Refused."""
    async with pool.acquire() as connection, connection.transaction():
        await queries.lock(connection, person_id=person_id)  # the last two don't go at once
        name = await queries.remove_passkey(connection, person_id=person_id, passkey_id=passkey_id)
        if name is None:
            raise NotFound("This passkey is not here: it may have been removed already.")
        await _check_last(connection, person_id, second_factor)
        await record(connection, person_id, "passkey_removed", passkey=name)


async def remove_codes(pool: asyncpg.Pool, *, person_id: UUID, second_factor: SecondFactor) -> None:
    """Forget one's own app and its recovery codes. Raises NotFound, Refused."""
    async with pool.acquire() as connection, connection.transaction():
        await queries.lock(connection, person_id=person_id)
        if not await queries.remove_codes(connection, person_id=person_id):
            raise NotFound("There is no app that gives codes: it may have been removed already.")
        await _check_last(connection, person_id, second_factor)
        await record(connection, person_id, "codes_removed")


async def take_away(
    pool: asyncpg.Pool | asyncpg.Connection, *, jurisdiction: str, person_id: UUID, by: str
) -> None:
    """Take somebody's passkeys, app and recovery codes away, and sign them out. Raises NotFound."""
    async with borrowed(pool) as connection, connection.transaction():
        if not await queries.take_away(connection, jurisdiction=jurisdiction, person_id=person_id):
            raise _nobody(person_id)
        await record(connection, person_id, "second_factors_taken_away", by=by)


async def _check_last(
    connection: asyncpg.Connection, person_id: UUID, second_factor: SecondFactor
) -> None:
    if second_factor == "required" and not await queries.has_any(connection, person_id=person_id):
        raise Refused(
            "This is your last one, and a second factor is required here: add another one first."
        )


def _nobody(person_id: UUID) -> NotFound:
    return NotFound(f"nobody here has the id {person_id}")
