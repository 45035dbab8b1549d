"""The list of revocations, for brokers. It needs no sign-in: it is signed, and holds no secret."""

from http import HTTPStatus

from aiohttp import web

from tocsin_server.fleet import following
from tocsin_server.fleet.revocation import Revocations
from tocsin_server.web.api import ApiError, read_bytes
from tocsin_server.web.services import SERVICES

STATEMENT_BYTES_MAX = 4096  # a certificate, a signature, a name and a number

routes = web.RouteTableDef()


@routes.get("/api/v1/revocations")
async def revocations(request: web.Request) -> web.Response:
    """Give the newest list, as PEM; 304 to whoever has it."""
    current = _revocations(request).current
    if current is None:
        raise ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "no_list_yet",
            "No list of revocations is signed yet: keep the one you have, and ask again.",
        )
    tag = str(current.number)
    known = {each.value for each in request.if_none_match or ()}
    if tag in known:
        response = web.Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        response = web.Response(body=current.pem, content_type="application/x-pem-file")
    response.etag = tag
    response.headers["Cache-Control"] = "no-cache"
    return response


@routes.post("/api/v1/revocations/following")
async def take_following(request: web.Request) -> web.Response:
    """Take a broker's signed word of which list holds there."""
    issuer = _revocations(request).issuer
    statement = (await read_bytes(request))[: STATEMENT_BYTES_MAX + 1]
    if len(statement) > STATEMENT_BYTES_MAX:
        raise ApiError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_long", "That is no statement of a broker."
        )
    said = following.verified(statement.decode("ascii", errors="replace"), issuer=issuer)
    await following.record_following(request.app[SERVICES].database.pool, said)
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _revocations(request: web.Request) -> Revocations:
    found = request.app[SERVICES].revocations
    if found is None:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            "no_authority",
            "This server can't sign revocations: tocsin.toml has no [authority]. Add it, as"
            " tocsin init writes it.",
        )
    return found
