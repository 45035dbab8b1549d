"""The endpoints of screens that only show, and their page.

A key opens a screen where nobody is signed in: a dispatcher's console must not turn into one that
can do nothing.
"""

from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import msgspec
from aiohttp import web

from tocsin_server.fleet.redeem import Guessing
from tocsin_server.people import kiosks
from tocsin_server.people.kiosks import KioskLink, KioskList, KioskView, is_kiosk_token
from tocsin_server.people.sessions import COOKIE, Reader
from tocsin_server.web.api import (
    KIOSKS,
    SESSIONS,
    Api,
    ApiError,
    Call,
    Nothing,
    error_response,
    json_response,
    read_body,
)
from tocsin_server.web.guard import OPEN_PATH
from tocsin_server.web.guesses import count_wrong
from tocsin_server.web.services import SERVICES
from tocsin_server.web.sign_in import set_cookie

_PAGE = Path(__file__).parent / "kiosk" / "index.html"
# The longest that a browser keeps a cookie (RFC 6265bis, 5.5); each look at the page renews it.
COOKIE_S = 400 * 24 * 3600
KIOSK_ROLES = frozenset({"administrator", "supervisor"})

routes = web.RouteTableDef()


class NewKiosk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a screen is called: where it hangs."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class KioskKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key of a screen's link: what stands behind its #."""

    key: str


@routes.get(kiosks.PATH)
async def kiosk_page(request: web.Request) -> web.StreamResponse:
    """Give the page of a screen that only shows."""
    response = web.FileResponse(_PAGE, headers={"Cache-Control": "no-cache"})
    token = request.cookies.get(COOKIE)
    if is_kiosk_token(token):
        _keep(request, response, token)
    return response


@routes.post(OPEN_PATH)
async def open_kiosk(request: web.Request) -> web.Response:
    """Make this browser the screen of a key. Whichever was it before is put out."""
    wanted = await read_body(request, KioskKey)
    token = request.cookies.get(COOKIE)
    if not is_kiosk_token(token):
        person = await request.app[SESSIONS].reader(token)
        if person is not None:
            raise ApiError(
                HTTPStatus.CONFLICT,
                "somebody_is_signed_in",
                f"{person.name} is signed in here, and could do nothing any more. Sign out first,"
                " or open the link in another browser.",
            )
    opened = await request.app[KIOSKS].open(wanted.key)
    if opened is not None:
        response = json_response(opened[1])
        _keep(request, response, opened[0])
        return response
    try:
        count_wrong(request)
    except Guessing as error:
        refused = error_response(HTTPStatus.TOO_MANY_REQUESTS, "too_many_tries", str(error))
        refused.headers["Retry-After"] = str(error.wait_s)
        return refused
    raise ApiError(
        HTTPStatus.UNAUTHORIZED,
        "no_such_key",
        "This link opens no screen: it was revoked, or is not whole. Ask a supervisor for a new"
        " one.",
    )


def _keep(request: web.Request, response: web.StreamResponse, token: str) -> None:
    set_cookie(request, response, COOKIE, token, path="/", lasts_s=COOKIE_S)


async def list_kiosks(call: Call, _query: Nothing, _body: None) -> KioskList:
    """List the screens that only show, and when each was last seen."""
    pool = call.request.app[SERVICES].database.pool
    return KioskList(await kiosks.read_kiosks(pool, jurisdiction=call.reader.jurisdiction))


async def add_kiosk(call: Call, _query: Nothing, body: NewKiosk) -> KioskLink:
    """Make a screen that only shows. The answer has the link that opens it, this once."""
    services = call.request.app[SERVICES]
    return await kiosks.add_kiosk(
        services.database.pool,
        jurisdiction=call.reader.jurisdiction,
        name=body.name,
        by=call.reader.name,
        public_url=services.config.public_url,
    )


async def revoke_kiosk(call: Call, _query: Nothing, _body: Nothing) -> KioskView:
    """Take a screen's key back: it goes dark at once. Safe to repeat."""
    return await kiosks.revoke_kiosk(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        kiosk_id=call.path_id("kiosk_id"),
        by=call.reader.name,
    )


def add_kiosks(api: Api) -> None:
    """Put these endpoints beside the others."""
    path, roles = "/api/v1/kiosks", KIOSK_ROLES
    api.add("GET", path, list_kiosks, answer=KioskList, roles=roles)
    api.add("POST", path, add_kiosk, answer=KioskLink, body=NewKiosk, roles=roles)
    api.add("POST", f"{path}/{{kiosk_id}}/revoke", revoke_kiosk, answer=KioskView, roles=roles)
    api.add("POST", OPEN_PATH, open_kiosk, answer=Reader, body=KioskKey, described_only=True)
