"""The page of one alert for an officer on the way: it shows, on any phone, and does nothing.

Promise: it works without a sign-in and without a script; with one it is never more than seconds
old, or says in large letters that it is. Only a page that was really opened is put on record:
scanners of mail and previews of chats follow links, and run no script.

Refused: everything but looking. A key that is none is looked up before it is counted, so nobody
who knocks on wrong doors can keep an officer from an alert: a key has 122 random bits.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from aiohttp import web

from tocsin_server.alert import officer_link
from tocsin_server.alert.link_key import read_key
from tocsin_server.alert.officer_link import PATH, Scene
from tocsin_server.channels.channel import Language
from tocsin_server.errors import NotFound, because
from tocsin_server.fleet.floor_plans import read_picture
from tocsin_server.fleet.redeem import Guessing
from tocsin_server.storage.database import DATABASE_ERRORS
from tocsin_server.web import officer_page
from tocsin_server.web.answer_page import language_of
from tocsin_server.web.guesses import count_wrong
from tocsin_server.web.services import SERVICES

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}

_Show = Callable[[web.Request, Scene], Awaitable[web.Response]]

log = structlog.get_logger()
routes = web.RouteTableDef()


@routes.get(f"{PATH}{{key}}")
async def show_scene(request: web.Request) -> web.Response:
    """Show an alert to whoever goes there."""
    return await _look(request, _whole_page)


@routes.get(f"{PATH}{{key}}/now")
async def show_now(request: web.Request) -> web.Response:
    """Give what changes of it. Whoever asks for this has the page open."""
    return await _look(request, _now)


@routes.get(f"{PATH}{{key}}/plan")
async def show_plan(request: web.Request) -> web.Response:
    """Give the picture of the plan with the spot on it."""
    return await _look(request, _plan)


async def _whole_page(request: web.Request, scene: Scene) -> web.Response:
    key, language = request.match_info["key"], _language(request)
    return _page(HTTPStatus.OK, officer_page.show(scene, key=key, language=language))


async def _now(request: web.Request, scene: Scene) -> web.Response:
    if not scene.was_opened:
        await officer_link.record_opened(request.app[SERVICES].database.pool, scene.link_id)
    return _page(HTTPStatus.OK, officer_page.now(scene, language=_language(request)))


async def _plan(request: web.Request, scene: Scene) -> web.Response:
    if scene.plan is None or scene.standing != "open":
        raise NotFound("There is no plan to show.")
    picture = await read_picture(
        request.app[SERVICES].database.pool,
        jurisdiction=scene.jurisdiction,
        plan_id=scene.plan.plan_id,
    )
    return web.Response(body=picture, content_type="image/webp", headers=_HEADERS)


async def _look(request: web.Request, show: _Show) -> web.Response:
    """Find what a link shows, and show it."""
    written, language = request.match_info["key"], _language(request)
    key = read_key(written)
    if key is None:
        return _unknown(request)
    try:
        scene = await officer_link.look(request.app[SERVICES].database.pool, key)
        if scene is None:
            return _unknown(request)
        if scene.standing in {"over", "revoked"}:
            return _page(HTTPStatus.GONE, officer_page.over(scene, language=language))
        return await show(request, scene)
    except NotFound:
        return _page(HTTPStatus.NOT_FOUND, officer_page.unknown(language))
    except DATABASE_ERRORS as error:
        log.error("an officer's link can't be shown without the database", because=because(error))
        return _page(HTTPStatus.SERVICE_UNAVAILABLE, officer_page.away(language, key=written))


def _unknown(request: web.Request) -> web.Response:
    """Say that a link opens nothing; to whoever has tried many, to wait."""
    page = _page(HTTPStatus.NOT_FOUND, officer_page.unknown(_language(request)))
    try:
        who = count_wrong(request)
    except Guessing as error:
        page.set_status(HTTPStatus.TOO_MANY_REQUESTS)
        page.headers["Retry-After"] = str(error.wait_s)
        return page
    log.warning("an officer's link that opens nothing", source=who)
    return page


def _language(request: web.Request) -> Language:
    return language_of(request.headers.get("Accept-Language", ""))


def _page(status: HTTPStatus, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)
