"""The page of a link that was sent to one person: it shows an alert and takes a tap.

Promise: it works on any phone without a sign-in and without a script. Only its button acknowledges,
in the name of whoever the link was sent to; the key in the address is the secret.

Refused: to acknowledge by looking. Scanners of mail, previews of chats and browsers that are ahead
of their time all follow links. And a key that is none is looked up before it is counted, so nobody
who knocks on wrong doors can keep others from an alert: a key has 122 random bits.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from uuid import UUID

import structlog
from aiohttp import web

from tocsin_server.alert import answer
from tocsin_server.alert.answer import TO_TAKE, Answering
from tocsin_server.alert.link_key import read_key
from tocsin_server.errors import NotFound, because
from tocsin_server.fleet.redeem import Guessing
from tocsin_server.storage.database import DATABASE_ERRORS
from tocsin_server.web import answer_page
from tocsin_server.web.api import read_bytes
from tocsin_server.web.guesses import count_wrong
from tocsin_server.web.origin import is_ours
from tocsin_server.web.services import SERVICES, Services

PATH = "/answer/{key}"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # To nobody else; with no-referrer a browser would not say, either, that the form is ours.
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}

_Act = Callable[[Services, UUID], Awaitable[Answering | None]]

log = structlog.get_logger()
routes = web.RouteTableDef()


@routes.get(PATH)
async def show_answer(request: web.Request) -> web.Response:
    """Show an alert to whom it may concern. Changes nothing."""
    return await _answer(request, _look)


@routes.post(PATH)
async def take_answer(request: web.Request) -> web.Response:
    """Take the alert in the name of whoever the link was sent to."""
    return await _answer(request, _take)


@routes.post(f"{PATH}/pass")
async def pass_answer(request: web.Request) -> web.Response:
    """Say that this person can't: the next ones are told."""
    return await _answer(request, _pass_on)


async def _look(services: Services, key: UUID) -> Answering | None:
    return await answer.look(services.database.pool, key)


async def _take(services: Services, key: UUID) -> Answering | None:
    before = await _look(services, key)
    if before is None or before.standing == "resolved":
        return before
    await services.acknowledge.by_link(key)
    return await _look(services, key)


async def _pass_on(services: Services, key: UUID) -> Answering | None:
    before = await _look(services, key)
    if before is None or before.standing not in TO_TAKE:
        return before
    await services.notify.pass_on(link_key=key)
    return await _look(services, key)


async def _answer(request: web.Request, act: _Act) -> web.Response:
    """Do what was asked of a link, and show what the alert has come to."""
    language = answer_page.language_of(request.headers.get("Accept-Language", ""))
    if not is_ours(request):
        return _page(HTTPStatus.FORBIDDEN, answer_page.elsewhere(language))
    await read_bytes(request)  # there is nothing in it; what is too long is refused
    written = request.match_info["key"]
    key = read_key(written)
    if key is None:
        return _unknown(request)
    try:
        found = await act(request.app[SERVICES], key)
    except NotFound:
        return _unknown(request)
    except DATABASE_ERRORS as error:
        log.error("a link can't be answered without the database", because=because(error))
        return _page(HTTPStatus.SERVICE_UNAVAILABLE, answer_page.away(language, key=written))
    if found is None:
        return _unknown(request)
    passed_on = act is _pass_on
    return _page(HTTPStatus.OK, answer_page.show(found, key=written, passed_on=passed_on))


def _unknown(request: web.Request) -> web.Response:
    """Say that a link opens nothing; to whoever has tried many, to wait."""
    language = answer_page.language_of(request.headers.get("Accept-Language", ""))
    try:
        who = count_wrong(request)
    except Guessing as error:
        page = _page(HTTPStatus.TOO_MANY_REQUESTS, answer_page.unknown(language))
        page.headers["Retry-After"] = str(error.wait_s)
        return page
    log.warning("a link that opens nothing", source=who)
    return _page(HTTPStatus.NOT_FOUND, answer_page.unknown(language))


def _page(status: HTTPStatus, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)
