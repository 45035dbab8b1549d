"""Passwords: a way of signing in, with a code of an app behind it where somebody has set one up.

Promise: a wrong password and an unknown address cost the same time and give the same answer, which
the account's record holds all the same. Whether a code is wanted is said to whoever knows the
password, and to nobody else.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiosql
import structlog

from tocsin_server.errors import because
from tocsin_server.people import asked
from tocsin_server.people.account_record import record_refusal
from tocsin_server.people.accounts import Account, check_password
from tocsin_server.people.attempts import Attempts
from tocsin_server.people.ways import CodeWanted, SignInRefused
from tocsin_server.storage.database import DATABASE_ERRORS, Database

SecondFactor = Literal["offered", "required"]

RECORDING_MAX = 100  # refusals that are written down at one time; of a flood some are enough

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PasswordProof:
    """An address and a password."""

    email: str
    password: str = field(repr=False)


class Passwords:
    """The way for whoever has no passkey at hand."""

    name = "password"

    def __init__(self, database: Database, *, second_factor: SecondFactor) -> None:
        self._database = database
        self._second_factor = second_factor
        self._attempts = Attempts()
        self._recording: set[asyncio.Task[None]] = set()

    async def prove(self, proof: PasswordProof, *, source: str) -> Account | CodeWanted:
        """Give whose account these open. Raises SignInRefused, TooManyTries."""
        pool = self._database.pool
        who = proof.email.strip().lower()[:200]
        with self._attempts.one(who, source, what="wrong passwords"):
            account = await check_password(pool, email=proof.email, password=proof.password)
            if account is None:
                self._record_refusal(who, source)
                raise SignInRefused("The e-mail address or the password is wrong.")
        factors = await queries.factors(pool, person_id=account.person_id)
        if factors["has_codes"]:
            token = asked.new_token()
            await asked.ask(pool, purpose="code", token=token, person_id=account.person_id)
            return CodeWanted(token)
        if factors["has_passkeys"] and self._second_factor == "required":
            why = "the password alone does not open it"
            await record_refusal(pool, account.person_id, why=why, source=source)
            raise SignInRefused(
                "Your password alone does not open this account: use your passkey. If you have lost"
                " it, ask an administrator to take it away."
            )
        return account

    def _record_refusal(self, email: str, source: str) -> None:
        """Beside the answer: the time it takes would tell whose address is known."""
        if len(self._recording) >= RECORDING_MAX:
            return
        task = asyncio.create_task(self._write_refusal(email, source))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def _write_refusal(self, email: str, source: str) -> None:
        try:
            why = "the password is wrong"
            await record_refusal(self._database.pool, email, why=why, source=source)
        except DATABASE_ERRORS as error:
            log.warning("a wrong password is not on the record", because=because(error))
