"""The endpoints of how somebody signs in: their passkeys, their app's codes, and its record.

Whose account it is changes it, a moment after they signed in; an administrator reads it and takes
second factors away. Every change is on the account's own record, and gives it anew.
"""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import asyncpg
import msgspec
import segno
import structlog

from tocsin_server.people import codes, factors
from tocsin_server.people.accounts import account_of
from tocsin_server.people.factors import SignInView
from tocsin_server.people.passkeys import NewCredential
from tocsin_server.people.sessions import COOKIE, FRESH_S
from tocsin_server.web.api import SESSIONS, Api, ApiError, Call, Handler, Nothing
from tocsin_server.web.services import SERVICES
from tocsin_server.web.sign_in import WAYS, PasskeyOptions

ADMINISTRATORS = frozenset({"administrator"})

log = structlog.get_logger()


class NewPasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A passkey that was just made, and what its owner calls it."""

    name: str
    credential: NewCredential


class NewApp(msgspec.Struct, frozen=True, kw_only=True):
    """What a new app has to know: by its camera, a data URI, or typed."""

    qr: str
    secret: str


class AppCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code that an app shows."""

    code: Annotated[str, msgspec.Meta(max_length=20)]


class RecoveryCodes(msgspec.Struct, frozen=True):
    """Codes for whoever has lost the phone. They are given this once."""

    codes: list[str]


def _pool(call: Call) -> asyncpg.Pool:
    return call.request.app[SERVICES].database.pool


def _token(call: Call) -> str | None:
    return call.request.cookies.get(COOKIE)


async def _view(call: Call) -> SignInView:
    app = call.request.app
    return await factors.read_sign_in(
        _pool(call),
        jurisdiction=call.reader.jurisdiction,
        person_id=call.path_id("person_id"),
        second_factor=app[SERVICES].config.sign_in.second_factor,
        passkeys_possible=app[WAYS].passkeys.party is not None,
    )


async def _own(call: Call) -> UUID:
    """Give whose account it is, who asks themselves. Raises ApiError (403), NotFound."""
    if call.path_id("person_id") != call.reader.person_id:
        await _view(call)
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "not_yours",
            "Only whose account it is may do this: ask them to do it themselves.",
        )
    return call.reader.person_id


async def _own_and_fresh(call: Call) -> UUID:
    """The same, of somebody who signed in a moment ago. Raises ApiError (403), NotFound."""
    person_id = await _own(call)
    if not await call.request.app[SESSIONS].is_fresh(_token(call)):
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "sign_in_again",
            "Nothing was changed: this screen may have been left open. Sign in again, and do it"
            f" within {FRESH_S // 60} minutes.",
        )
    return person_id


async def own_sign_in(call: Call, _query: Nothing, _body: None) -> SignInView:
    """Say how somebody signs in, and what happened to their account."""
    return await _view(call)


async def offer_passkey(call: Call, _query: Nothing, _body: Nothing) -> PasskeyOptions:
    """Ask this browser for a new passkey."""
    account = await account_of(_pool(call), person_id=await _own_and_fresh(call))
    options = await call.request.app[WAYS].passkeys.offer(account=account, session=_token(call))
    return PasskeyOptions(msgspec.Raw(options.encode()))


async def add_passkey(call: Call, _query: Nothing, body: NewPasskey) -> SignInView:
    """Take the new passkey: it opens this account from now on."""
    await call.request.app[WAYS].passkeys.add(
        person_id=await _own_and_fresh(call),
        session=_token(call),
        name=body.name,
        credential=body.credential,
    )
    call.request.app[SESSIONS].forget(call.reader.person_id)
    return await _view(call)


async def remove_passkey(call: Call, _query: Nothing, _body: None) -> SignInView:
    """Forget a passkey: it opens nothing any more."""
    await factors.remove_passkey(
        _pool(call),
        person_id=await _own_and_fresh(call),
        passkey_id=call.path_id("passkey_id"),
        second_factor=call.request.app[SERVICES].config.sign_in.second_factor,
    )
    return await _view(call)


async def offer_codes(call: Call, _query: Nothing, _body: Nothing) -> NewApp:
    """Give what an app has to know; it counts once a code of it comes back."""
    person_id = await _own_and_fresh(call)
    secret = await codes.offer(_pool(call), person_id=person_id)
    address = codes.address_of(secret, email=call.reader.email)
    picture = segno.make(address, micro=False).svg_data_uri(border=4, light="#fff")
    return NewApp(qr=picture, secret=secret)


async def confirm_codes(call: Call, _query: Nothing, body: AppCode) -> RecoveryCodes:
    """Take a code of the new app: from now on the password opens nothing without one."""
    person_id = await _own_and_fresh(call)
    given = await codes.confirm(
        _pool(call), person_id=person_id, code=body.code, session=_token(call)
    )
    call.request.app[SESSIONS].forget(person_id)
    return RecoveryCodes(given)


async def remove_codes(call: Call, _query: Nothing, _body: None) -> SignInView:
    """Forget the app and its recovery codes."""
    await factors.remove_codes(
        _pool(call),
        person_id=await _own_and_fresh(call),
        second_factor=call.request.app[SERVICES].config.sign_in.second_factor,
    )
    return await _view(call)


async def renew_recovery_codes(call: Call, _query: Nothing, _body: Nothing) -> RecoveryCodes:
    """Give new recovery codes; those before hold no more."""
    person_id = await _own_and_fresh(call)
    return RecoveryCodes(await codes.renew_recovery_codes(_pool(call), person_id=person_id))


async def sign_out_elsewhere(call: Call, _query: Nothing, _body: Nothing) -> SignInView:
    """Sign out on every other screen."""
    await call.request.app[SESSIONS].sign_out_elsewhere(_token(call), await _own(call))
    return await _view(call)


async def take_factors_away(call: Call, _query: Nothing, _body: Nothing) -> SignInView:
    """Take somebody's passkeys and codes away, who lost them: the password alone opens then."""
    reader, person_id = call.reader, call.path_id("person_id")
    if person_id == reader.person_id:
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "your_own",
            "Remove your own one by one, or ask another administrator.",
        )
    await factors.take_away(
        _pool(call), jurisdiction=reader.jurisdiction, person_id=person_id, by=reader.name
    )
    call.request.app[SESSIONS].forget(person_id)
    log.warning("second factors taken away", person_id=str(person_id), by=reader.name)
    return await _view(call)


def add_own_sign_in(api: Api) -> None:
    """Put these endpoints beside the others."""
    one, view, may = "/api/v1/people/{person_id}/sign-in", SignInView, ADMINISTRATORS

    def add(method: str, path: str, handler: Handler, answer: type, body: type = Nothing) -> None:
        path = f"{one}{path}"
        api.add(method, path, handler, answer=answer, body=body, roles=may, own=True, sets_up=True)

    add("GET", "", own_sign_in, view)
    add("POST", "/passkeys/options", offer_passkey, PasskeyOptions)
    add("POST", "/passkeys", add_passkey, view, NewPasskey)
    add("DELETE", "/passkeys/{passkey_id}", remove_passkey, view)
    add("POST", "/codes", offer_codes, NewApp)
    add("POST", "/codes/confirm", confirm_codes, RecoveryCodes, AppCode)
    add("DELETE", "/codes", remove_codes, view)
    add("POST", "/recovery-codes", renew_recovery_codes, RecoveryCodes)
    add("POST", "/sign-out-elsewhere", sign_out_elsewhere, view)
    api.add("POST", f"{one}/take-away", take_factors_away, answer=view, roles=may)
