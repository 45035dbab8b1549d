"""Passkeys (WebAuthn, level 3): a way of signing in with a finger, a face or a PIN, in one tap.

Promise: the key never leaves its device, and opens nothing at another address than the server's
own. What a browser is asked to sign is new each time, taken once, and of five minutes at most.
Whoever uses a passkey is verified by its device. A passkey whose count of uses has not gone up was
copied, or replayed: it is refused, and the account's record says so.

Refused: an address without a name. A passkey belongs to a name, and an IP address has none.
"""

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from tocsin_server import inputs
from tocsin_server.errors import NotFound, Refused, because
from tocsin_server.people import asked
from tocsin_server.people.account_record import record, record_refusal
from tocsin_server.people.accounts import Account, account_of
from tocsin_server.people.attempts import Attempts
from tocsin_server.people.sessions import end_weaker
from tocsin_server.people.ways import SignInRefused
from tocsin_server.storage.database import Database

PASSKEYS_MAX = 10  # of one person: their phones, keys and desks
ASKED_MAX = (
    600  # in ten minutes from one address; a whole county may come by one at a shift's change
)
FIELD_CHARS_MAX = 12_000  # base64url; an attestation with its certificates has some thousand

_PORTS = {"http": 80, "https": 443}
# What the package lets through of a credential that is none.
_MALFORMED = (WebAuthnException, ValueError, TypeError, KeyError, IndexError, OverflowError)

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")

log = structlog.get_logger()

Field = Annotated[str, msgspec.Meta(max_length=FIELD_CHARS_MAX)]


class Signed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a passkey has signed; base64url, as browsers write it."""

    client_data_json: Field = msgspec.field(name="clientDataJSON")
    authenticator_data: Field
    signature: Field
    user_handle: Field | None = None


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a passkey (WebAuthn, section 5.2.2)."""

    id: Field
    type: Literal["public-key"]
    response: Signed


class Attested(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a new passkey says of itself; base64url."""

    client_data_json: Field = msgspec.field(name="clientDataJSON")
    attestation_object: Field


class NewCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey that was just made (WebAuthn, section 5.2.1)."""

    id: Field
    type: Literal["public-key"]
    response: Attested


class PasskeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey, as its owner knows it."""

    passkey_id: UUID
    name: str
    added_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """To whom passkeys belong: the name of the server, and its whole origin."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class PasskeyProof:
    """A passkey's answer, from the browser that was asked."""

    token: str | None = field(repr=False)
    assertion: Assertion


def relying_party(public_url: str) -> RelyingParty | None:
    """Say to whom passkeys of this server belong; None where its address is an IP address."""
    url = urlsplit(public_url)
    name = url.hostname or ""
    try:
        ip_address(name)
    except ValueError:
        # RFC 6454, section 6.2: an origin doesn't name its scheme's own port.
        port = "" if url.port in {None, _PORTS.get(url.scheme)} else f":{url.port}"
        return RelyingParty(name, f"{url.scheme}://{name}{port}") if name else None
    return None


class Passkeys:
    """The first way: nothing is typed, and nothing can be given away."""

    name = "passkey"

    def __init__(self, database: Database, *, public_url: str) -> None:
        self._database = database
        self._attempts = Attempts()
        self._asked = Attempts(most=ASKED_MAX)
        self.party = relying_party(public_url)

    async def ask(self, *, source: str) -> tuple[str, str]:
        """Ask a browser for any passkey of this server: its token, and the options as JSON.

        Raises NotFound, TooManyTries, Busy.
        """
        party = self._of_name()
        self._asked.count("passkey", source, what="sign-ins from your address")
        token = asked.new_token()
        challenge = await asked.ask(self._database.pool, purpose="passkey", token=token)
        options = generate_authentication_options(
            rp_id=party.name,
            challenge=challenge,
            timeout=asked.LASTS_S * 1000,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return token, options_to_json(options)

    async def prove(self, proof: PasskeyProof, *, source: str) -> Account:
        """Give whose account it opens. Raises SignInRefused, StartOver, TooManyTries."""
        party = self._of_name()
        with self._attempts.one(
            proof.assertion.id[:200], source, what="wrong answers of this passkey"
        ):
            return await self._prove(proof, party, source)

    async def _prove(self, proof: PasskeyProof, party: RelyingParty, source: str) -> Account:
        pool, assertion = self._database.pool, proof.assertion
        taken = await asked.take(pool, purpose="passkey", token=proof.token)
        row = await queries.of_credential(pool, credential_id=_bytes(assertion.id))
        if row is None:
            raise SignInRefused(
                "This passkey opens no account here: it was removed, or is of another server. Sign"
                " in with your password."
            )
        person_id: UUID = row["person_id"]
        handle = assertion.response.user_handle
        try:
            if handle is not None and base64url_to_bytes(handle) != person_id.bytes:
                raise ValueError("it is of another account")
            verified = verify_authentication_response(
                credential=_as_package_wants(assertion),
                expected_challenge=taken.challenge or b"",
                expected_rp_id=party.name,
                expected_origin=party.origin,
                credential_public_key=row["public_key"],
                credential_current_sign_count=0,  # compared where two replicas can't both take it
                require_user_verification=True,
            )
        except _MALFORMED as error:
            log.warning("a passkey that does not fit", because=because(error), source=source)
            why = f"the passkey {row['name']} gave an answer that does not fit"
            await record_refusal(pool, person_id, why=why, source=source)
            raise SignInRefused(
                "The passkey's answer does not fit this server. Nobody is signed in: begin again"
                f" at {party.origin}, or use your password."
            ) from None
        if not await queries.use(
            pool, passkey_id=row["passkey_id"], sign_count=verified.new_sign_count
        ):
            why = f"the passkey {row['name']} counts fewer uses than before: it may be copied"
            await record_refusal(pool, person_id, why=why, source=source)
            raise SignInRefused(
                "This passkey counts fewer uses than it had, as a copy would. Use your password,"
                " remove the passkey, and tell whoever runs Tocsin."
            )
        return await account_of(pool, person_id=person_id)

    async def offer(self, *, account: Account, session: str | None) -> str:
        """Ask a browser for a new passkey for whoever is signed in there: the options as JSON."""
        party, pool = self._of_name(), self._database.pool
        rows = queries.ids(pool, person_id=account.person_id)
        known = [row["credential_id"] async for row in rows]
        if len(known) >= PASSKEYS_MAX:
            raise Refused(f"{PASSKEYS_MAX} passkeys are the most: remove one that you use no more.")
        challenge = await asked.ask(
            pool, purpose="new passkey", token=session or "", person_id=account.person_id
        )
        options = generate_registration_options(
            rp_id=party.name,
            rp_name="Tocsin",
            user_id=account.person_id.bytes,
            user_name=account.email,
            user_display_name=account.name,
            challenge=challenge,
            timeout=asked.LASTS_S * 1000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
        )
        return options_to_json(options)

    async def add(
        self, *, person_id: UUID, session: str | None, name: str, credential: NewCredential
    ) -> None:
        """Take the new passkey that was asked for. Raises Invalid, Refused, StartOver."""
        party, pool = self._of_name(), self._database.pool
        name = inputs.text("the passkey's name", name)
        taken = await asked.take(pool, purpose="new passkey", token=session)
        try:
            if taken.person_id != person_id:
                raise ValueError("it was asked of somebody else")
            made = verify_registration_response(
                credential=_as_package_wants(credential),
                expected_challenge=taken.challenge or b"",
                expected_rp_id=party.name,
                expected_origin=party.origin,
                require_user_verification=True,
            )
        except _MALFORMED as error:
            log.warning("a new passkey that does not fit", because=because(error))
            raise Refused(
                "What the browser sent is no passkey of this server, so none was added: begin again"
                f" at {party.origin}."
            ) from None
        async with pool.acquire() as connection, connection.transaction():
            await end_weaker(connection, person_id=person_id, token=session)
            try:
                await queries.add(
                    connection,
                    person_id=person_id,
                    credential_id=made.credential_id,
                    public_key=made.credential_public_key,
                    sign_count=made.sign_count,
                    name=name,
                )
            except asyncpg.UniqueViolationError:
                raise Refused("This passkey is here already: none was added.") from None
            await record(connection, person_id, "passkey_added", passkey=name)

    def _of_name(self) -> RelyingParty:
        if self.party is None:
            raise NotFound(
                "Passkeys need an address with a name, and this server's (public_url) is a number:"
                " sign in with your password."
            )
        return self.party


async def read_passkeys(pool: asyncpg.Pool, *, person_id: UUID) -> list[PasskeyView]:
    """List somebody's passkeys, the oldest first."""
    return [PasskeyView(**row) async for row in queries.of_person(pool, person_id=person_id)]


def _bytes(text: str) -> bytes:
    try:
        return base64url_to_bytes(text)
    except ValueError:
        return b""


def _as_package_wants(credential: Assertion | NewCredential) -> dict[str, object]:
    said: dict[str, object] = msgspec.to_builtins(credential)
    return {**said, "rawId": credential.id}
