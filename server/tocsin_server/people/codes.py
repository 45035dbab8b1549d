"""Codes of an app on a phone (RFC 6238): once set up, a password opens nothing without one.

Promise: an app counts once a code of it came back; until then the one before does. A code is taken
once, whichever replica it reaches. Whoever has lost the phone has recovery codes, each taken once;
of these only digests are kept. Everything is on the account's record.

Refused: guessing. Tries are counted for the account itself, wherever they come from.
"""

import secrets
from base64 import b32encode
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import pyotp

from tocsin_server.errors import Refused
from tocsin_server.people import asked
from tocsin_server.people.account_record import record, record_refusal
from tocsin_server.people.accounts import Account, account_of
from tocsin_server.people.attempts import TooManyTries
from tocsin_server.people.sessions import end_weaker
from tocsin_server.people.ways import SignInRefused, StartOver
from tocsin_server.storage.database import Database

DIGITS = 6
STEP_S = 30  # RFC 6238, section 5.2
STEPS_EITHER_WAY = 1  # section 6: a phone's clock, and the time of typing
RECOVERY_CODES = 8
RECOVERY_BYTES = 10  # 80 bits: nobody finds them from their digests
TRIES_MAX = 6  # of one account in TRIES_S: 576 a day, each right three times in a million
TRIES_S = 900
OFFER_LASTS_S = 900

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


@dataclass(frozen=True, slots=True)
class CodeProof:
    """A code of the app, or a recovery code, from the browser whose password was right."""

    token: str | None = field(repr=False)
    code: str = field(repr=False)


class Codes:
    """The second half of the way that begins with a password."""

    name = "password and code"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prove(self, proof: CodeProof, *, source: str) -> Account:
        """Give whose account it opens. Raises SignInRefused, StartOver, TooManyTries."""
        pool = self._database.pool
        person_id = (await asked.look(pool, purpose="code", token=proof.token)).person_id
        if person_id is None:
            raise StartOver("Write your e-mail address and your password again.")
        code = _tidy(proof.code)
        if code.isdigit() and len(code) == DIGITS:
            await self._check_code(person_id, code, source)
        else:  # nobody guesses one of these: no limit keeps them from whoever is kept out by others
            await self._check_recovery_code(person_id, code, source)
        await asked.take(pool, purpose="code", token=proof.token)
        return await account_of(pool, person_id=person_id)

    async def _check_code(self, person_id: UUID, code: str, source: str) -> None:
        pool = self._database.pool
        row = await queries.spend_try(
            pool, person_id=person_id, tries_max=TRIES_MAX, tries_s=TRIES_S
        )
        if row is None:
            await self._refuse_more(person_id, source)
        step = _step_of(row["secret"], code, now_s=row["now_s"])
        if step is None:
            await record_refusal(pool, person_id, why="a wrong code", source=source)
            raise SignInRefused("That is not the code that your app shows now: write the next one.")
        if not await queries.take_step(pool, person_id=person_id, step=step):
            why = "a code that was used before"
            await record_refusal(pool, person_id, why=why, source=source)
            raise SignInRefused("This code was used already: wait for the next one.")

    async def _check_recovery_code(self, person_id: UUID, code: str, source: str) -> None:
        pool = self._database.pool
        left = await queries.take_recovery_code(
            pool, person_id=person_id, code_digest=_digest(person_id, code)
        )
        if left is None:
            why = "a wrong recovery code"
            await record_refusal(pool, person_id, why=why, source=source)
            raise SignInRefused(
                f"That is no code of your app, which has {DIGITS} digits, and no recovery code that"
                " you still have: each of these opens your account once."
            )
        await record(pool, person_id, "recovery_code_used", left=str(left), source=source)

    async def _refuse_more(self, person_id: UUID, source: str) -> None:
        why = "too many wrong codes"
        await record_refusal(self._database.pool, person_id, why=why, source=source)
        raise TooManyTries(
            f"Too many wrong codes for this account: wait {TRIES_S // 60} minutes, or use a"
            " passkey or a recovery code. If you did not write them, somebody knows your password:"
            " ask for a new one."
        )


async def offer(pool: asyncpg.Pool, *, person_id: UUID) -> str:
    """Give the secret for a new app, which counts once a code of it comes back."""
    secret = pyotp.random_base32()
    await queries.offer(pool, person_id=person_id, secret=secret)
    return secret


def address_of(secret: str, *, email: str) -> str:
    """Give what an app reads from a picture (the key URI format that all of them take)."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Tocsin")


async def confirm(
    pool: asyncpg.Pool, *, person_id: UUID, code: str, session: str | None
) -> list[str]:
    """Take the first code of a new app, which counts from now on. Gives new recovery codes.

    Raises Refused.
    """
    async with pool.acquire() as connection, connection.transaction():
        row = await queries.offered(connection, person_id=person_id, lasts_s=OFFER_LASTS_S)
        if row is None:
            raise Refused("The picture is too old, or another one was shown since: begin again.")
        step = _step_of(row["offered_secret"], _tidy(code), now_s=row["now_s"])
        if step is None:
            raise Refused(
                "That is not the code that the app shows for this picture: write the one that it"
                " shows now. If none is right, set the phone's clock by itself."
            )
        await end_weaker(connection, person_id=person_id, token=session)
        await queries.accept_offer(connection, person_id=person_id, step=step)
        await record(connection, person_id, "codes_added")
        return await _new_recovery_codes(connection, person_id)


async def renew_recovery_codes(pool: asyncpg.Pool, *, person_id: UUID) -> list[str]:
    """Give new recovery codes; those before hold no more. Raises Refused."""
    async with pool.acquire() as connection, connection.transaction():
        if not await queries.has_codes(connection, person_id=person_id):
            raise Refused("Recovery codes stand in for an app's codes: set these up first.")
        await record(connection, person_id, "recovery_codes_renewed")
        return await _new_recovery_codes(connection, person_id)


async def _new_recovery_codes(connection: asyncpg.Connection, person_id: UUID) -> list[str]:
    codes = [b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    await queries.set_recovery_codes(
        connection,
        person_id=person_id,
        code_digests=[_digest(person_id, code) for code in codes],
    )
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def _step_of(secret: str, code: str, *, now_s: float) -> int | None:
    """Give the time step whose code this is, near now; None where it is none of these."""
    app, now = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S), int(now_s) // STEP_S
    near = range(now - STEPS_EITHER_WAY, now + STEPS_EITHER_WAY + 1)
    return next((step for step in near if compare_digest(app.generate_otp(step), code)), None)


def _tidy(code: str) -> str:
    """Give what was meant: spaces and dashes are for the eye. ASCII, as digests are compared."""
    return "".join(each for each in code.upper() if each.isascii() and each.isalnum())


def _digest(person_id: UUID, code: str) -> bytes:
    return sha256(person_id.bytes + code.encode()).digest()
