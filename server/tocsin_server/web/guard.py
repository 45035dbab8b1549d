"""Guard: what is refused before any handler is asked, whichever route it is for.

Promise: no page of another site changes anything here, also where a browser would let it ask. And a
screen that only shows changes nothing, whatever it sends and wherever to.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from tocsin_server.people.kiosks import is_kiosk_token
from tocsin_server.people.sessions import COOKIE
from tocsin_server.web.api import KIOSKS, ApiError, only_shows
from tocsin_server.web.origin import is_ours

OPEN_PATH = "/api/v1/kiosk"  # a kiosk's link opened once more: its key is what counts there
_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Let a request pass to its handler, or refuse it. Raises ApiError (403)."""
    if request.method not in _LOOKS and request.path.startswith("/api/"):
        if not is_ours(request):
            raise ApiError(
                HTTPStatus.FORBIDDEN,
                "other_origin",
                "This was not sent from a page of this server. Nothing was done.",
            )
        token = request.cookies.get(COOKIE)
        opens = request.path == OPEN_PATH
        if is_kiosk_token(token) and not opens and await request.app[KIOSKS].reader(token):
            raise only_shows()
    return await handler(request)
