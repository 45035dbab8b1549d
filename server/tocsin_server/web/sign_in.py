"""Signing in and out: the endpoints of whoever isn't signed in yet, one for each way.

Promise: every way ends in the same place, a new session and its cookie. A step in between (a code,
a passkey's challenge) holds for the browser that was asked, by a cookie of five minutes.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from tocsin_server.people.asked import LASTS_S
from tocsin_server.people.codes import CodeProof, Codes
from tocsin_server.people.passkeys import Assertion, PasskeyProof, Passkeys
from tocsin_server.people.passwords import PasswordProof, Passwords
from tocsin_server.people.sessions import COOKIE, KEPT_DAYS_MAX, Reader
from tocsin_server.people.ways import CodeWanted, Way
from tocsin_server.web.api import (
    SESSIONS,
    Api,
    Nothing,
    error_response,
    json_response,
    read_body,
    signed_in,
)
from tocsin_server.web.origin import source
from tocsin_server.web.services import SERVICES

SESSION = "/api/v1/session"
ASKED_COOKIE = "tocsin_asked"
DAY_S = 24 * 3600

Proof = TypeVar("Proof")


@dataclass(frozen=True, slots=True)
class Ways:
    """All ways of signing in to this server."""

    passwords: Passwords
    codes: Codes
    passkeys: Passkeys


WAYS = web.AppKey("ways", Ways)

routes = web.RouteTableDef()


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants in."""

    email: str
    password: str


class SignInCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code of the app, or a recovery code."""

    code: Annotated[str, msgspec.Meta(max_length=60)]


class SignInPasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A passkey's answer."""

    credential: Assertion


class PasskeyOptions(msgspec.Struct, frozen=True, rename="camel"):
    """What a browser hands to a passkey: WebAuthn's options as JSON, section 5.1.8 to 5.1.10."""

    public_key: msgspec.Raw


@routes.post(SESSION)
async def sign_in(request: web.Request) -> web.Response:
    """Begin a session with a password. 401 with the code second_step: a code is wanted, too."""
    wanted = await read_body(request, SignIn)
    proof = PasswordProof(wanted.email, wanted.password)
    return await _enter(request, request.app[WAYS].passwords, proof)


@routes.post(f"{SESSION}/code")
async def sign_in_code(request: web.Request) -> web.Response:
    """Begin a session with the code of an app, or a recovery code, after the password."""
    wanted = await read_body(request, SignInCode)
    proof = CodeProof(request.cookies.get(ASKED_COOKIE), wanted.code)
    return await _enter(request, request.app[WAYS].codes, proof)


@routes.post(f"{SESSION}/passkey/options")
async def sign_in_passkey_options(request: web.Request) -> web.Response:
    """Ask this browser for a passkey, whosever it is."""
    await read_body(request, Nothing)
    token, options = await request.app[WAYS].passkeys.ask(source=source(request))
    response = json_response(PasskeyOptions(msgspec.Raw(options.encode())))
    set_cookie(request, response, ASKED_COOKIE, token, path=SESSION, lasts_s=LASTS_S)
    return response


@routes.post(f"{SESSION}/passkey")
async def sign_in_passkey(request: web.Request) -> web.Response:
    """Begin a session with a passkey."""
    wanted = await read_body(request, SignInPasskey)
    proof = PasskeyProof(request.cookies.get(ASKED_COOKIE), wanted.credential)
    return await _enter(request, request.app[WAYS].passkeys, proof)


@routes.post(f"{SESSION}/lock")
async def lock(request: web.Request) -> web.Response:
    """Have a session do no more than answer alerts, until its reader signs in anew."""
    await signed_in(request, sets_up=True, while_locked=True)
    await read_body(request, Nothing)
    sessions, token = request.app[SESSIONS], request.cookies.get(COOKIE)
    await sessions.lock(token, source=source(request))
    return json_response(await sessions.reader(token))


@routes.delete(SESSION)
async def sign_out(request: web.Request) -> web.Response:
    """End a session."""
    await request.app[SESSIONS].sign_out(request.cookies.get(COOKIE))
    response = json_response(Nothing())
    response.del_cookie(COOKIE, path="/")
    return response


def add_sign_in(api: Api) -> None:
    """Describe these beside the others."""
    for path, begin, body in (
        (SESSION, sign_in, SignIn),
        (f"{SESSION}/code", sign_in_code, SignInCode),
        (f"{SESSION}/passkey", sign_in_passkey, SignInPasskey),
    ):
        api.add("POST", path, begin, body=body, answer=Reader, described_only=True)
    api.add("POST", f"{SESSION}/lock", lock, answer=Reader, described_only=True)
    path = f"{SESSION}/passkey/options"
    api.add("POST", path, sign_in_passkey_options, answer=PasskeyOptions, described_only=True)
    api.add("DELETE", SESSION, sign_out, answer=Nothing, described_only=True)


async def _enter(request: web.Request, way: Way[Proof], proof: Proof) -> web.Response:
    whence = source(request)
    proven = await way.prove(proof, source=whence)
    if isinstance(proven, CodeWanted):
        said = "Now the code that your app shows, or one of your recovery codes."
        response = error_response(HTTPStatus.UNAUTHORIZED, "second_step", said)
        set_cookie(request, response, ASKED_COOKIE, proven.token, path=SESSION, lasts_s=LASTS_S)
        return response
    sessions = request.app[SESSIONS]
    token = None
    reader = await sessions.unlock(request.cookies.get(COOKIE), proven, way=way.name, source=whence)
    if reader is None:
        token, reader = await sessions.begin(proven, way=way.name, source=whence)
    response = json_response(reader)
    response.del_cookie(ASKED_COOKIE, path=SESSION)
    if token is not None:
        set_cookie(request, response, COOKIE, token, path="/", lasts_s=KEPT_DAYS_MAX * DAY_S)
    return response


def set_cookie(
    request: web.Request,
    response: web.StreamResponse,
    name: str,
    value: str,
    *,
    path: str,
    lasts_s: int,
) -> None:
    """Have the browser keep something that no script and no other site gets at."""
    response.set_cookie(
        name,
        value,
        httponly=True,
        samesite="Strict",
        secure=request.app[SERVICES].config.public_url.startswith("https:"),
        max_age=lasts_s,
        path=path,
    )
