"""What every request goes through: errors become clear sentences, answers get safe headers.

What is posted by whoever isn't signed in, and is refused, is counted here, by its reason.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.hdrs import ALLOW
from aiohttp.http_exceptions import HttpProcessingError

from tocsin_server import metrics
from tocsin_server.errors import Busy, Invalid, NotFound, Refused, because
from tocsin_server.people.attempts import TooManyTries
from tocsin_server.people.ways import SignInRefused, StartOver
from tocsin_server.storage.database import DATABASE_ERRORS
from tocsin_server.web.api import ApiError, error_response
from tocsin_server.web.services import SERVICES
from tocsin_wire.claims import REDEEM_PATH

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
}
HTTPS_FOR_S = 180 * 24 * 3600  # by the next election it has come again
_STATUSES: dict[type[Exception], tuple[HTTPStatus, str]] = {
    NotFound: (HTTPStatus.NOT_FOUND, "not_found"),
    Refused: (HTTPStatus.CONFLICT, "refused"),
    Invalid: (HTTPStatus.BAD_REQUEST, "invalid"),
    SignInRefused: (HTTPStatus.UNAUTHORIZED, "sign_in_refused"),
    StartOver: (HTTPStatus.CONFLICT, "start_over"),
    Busy: (HTTPStatus.TOO_MANY_REQUESTS, "busy"),
    TooManyTries: (HTTPStatus.TOO_MANY_REQUESTS, "too_many_tries"),
}
_ANSWERED: tuple[type[Exception], ...] = (ApiError, *_STATUSES)

PATH_CHARS_MAX = 200  # in a log

# Where somebody is believed for a signature, a key or a code, and not for who signed in.
_WEBHOOKS = (
    "/api/v1/twilio/",
    "/api/v1/push/received",
    "/api/v1/revocations/following",
    REDEEM_PATH,
    "/answer/",
)
_REFUSED: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "unreadable",
    HTTPStatus.FORBIDDEN: "forged",
    HTTPStatus.NOT_FOUND: "unknown",
    HTTPStatus.METHOD_NOT_ALLOWED: "wrong_method",
    HTTPStatus.CONFLICT: "out_of_place",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "oversized",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unreadable",
    HTTPStatus.TOO_MANY_REQUESTS: "too_many",
}

log = structlog.get_logger()


@web.middleware
async def count_refused(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Count what is refused of those who aren't signed in. A page that is only looked at isn't."""
    try:
        answer = await handler(request)
    except web.HTTPException as error:
        _count(request, error.status)
        raise
    _count(request, answer.status)
    return answer


def _count(request: web.Request, status: int) -> None:
    is_posted = request.method not in {"GET", "HEAD"} or status == HTTPStatus.METHOD_NOT_ALLOWED
    because = _REFUSED.get(status)
    if because is not None and is_posted and request.path.startswith(_WEBHOOKS):
        metrics.WEBHOOKS_REFUSED.labels(because).inc()


@web.middleware
async def answer_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn what a handler raises into an answer that says what to do."""
    try:
        return await handler(request)
    except _ANSWERED as error:
        if isinstance(error, ApiError):
            status, code = error.status, error.code
        else:
            status, code = _STATUSES[type(error)]
        return error_response(status, code, str(error))
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST or not request.path.startswith("/api/"):
            raise
        answer = error_response(error.status, "http", f"{error.reason}: {request.path}")
        if ALLOW in error.headers:  # RFC 9110, section 15.5.6: a 405 names what is served
            answer.headers[ALLOW] = error.headers[ALLOW]
        return answer
    except (HttpProcessingError, web.RequestPayloadError):
        return error_response(
            HTTPStatus.BAD_REQUEST,
            "bad_encoding",
            "The body can't be decoded as its headers say. Nothing was done.",
        )
    except DATABASE_ERRORS as error:
        if not request.path.startswith("/api/"):
            # No page asks the database: a file that has such a name can't be there.
            log.warning(
                "no such file", path=request.path[:PATH_CHARS_MAX], because=because(error)[:200]
            )
            raise web.HTTPNotFound from None
        log.error("no answer without the database", path=request.path, because=because(error))
        return error_response(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "database_away",
            "The database does not answer, so this was not done. New presses are still shown."
            " Try again in a few seconds; if it is about an alert, call the site.",
        )
    except Exception:
        log.exception("a request failed by our own mistake", path=request.path)
        return error_response(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "our_mistake",
            "The server failed on this, and it may not have been done. Try again; if it is about"
            " an alert, call the site. The server's log says more.",
        )


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Keep pages to our own origin, and a browser to https once it has come that way."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app[SERVICES].config.public_url.startswith("https:"):
        response.headers.setdefault("Strict-Transport-Security", f"max-age={HTTPS_FOR_S}")
