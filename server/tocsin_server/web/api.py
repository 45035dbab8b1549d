"""The API: each endpoint says its types once, and that makes both the checks and openapi.json.

A body is read into its type before the handler sees it; what doesn't fit gets one
clear sentence. Every endpoint but the named few needs a signed-in reader.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from tocsin_server import __version__
from tocsin_server.errors import NotFound
from tocsin_server.people.kiosks import KIOSK, ONLY_SHOWS, Kiosks, is_kiosk_token
from tocsin_server.people.sessions import COOKIE, Reader, Sessions
from tocsin_wire.topics import DEVICE_ID, is_device_id

BODY_BYTES_MAX = 64 * 1024  # the longest note, many times over
BODY_S_MAX = 5.0  # a phone on one bar sends what people type in less
BODY_BYTES_PER_S_MIN = 32 * 1024  # of a floor plan from there, besides
SESSIONS = web.AppKey("sessions", Sessions)
KIOSKS = web.AppKey("kiosks", Kiosks)
ACTING_ROLES = frozenset({"dispatcher", "supervisor", "administrator"})
FACILITIES_ROLES = frozenset({"facilities", "supervisor", "administrator"})
TESTING_ROLES = ACTING_ROLES | FACILITIES_ROLES  # may drill, and answer the presses of it

# No form of another site sends a DELETE, and no script of one without asking first (Fetch: CORS).
BODILESS = frozenset({"GET", "DELETE"})

# Of what a path names by anything but a UUID.
_PATH_SCHEMAS = {"device_id": {"type": "string", "pattern": f"^{DEVICE_ID.pattern}$"}}

_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # RFC 9562, section 4

T = TypeVar("T")


class Nothing(msgspec.Struct, frozen=True):
    """An empty object."""


class Problem(msgspec.Struct, frozen=True):
    """What went wrong, and what to do."""

    code: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every answer that isn't a success."""

    error: Problem


class ApiError(Exception):
    """An answer that is no success."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a signed-in reader."""

    request: web.Request
    reader: Reader

    def path_id(self, name: str) -> UUID:
        """Read an id from the path. Raises NotFound for what is none."""
        text = self.request.match_info[name]
        try:
            return UUID(text)
        except ValueError:
            raise NotFound(f"{text[:60]!r} is no id") from None

    @property
    def device_id(self) -> str:
        """Read a button's id from the path. Raises NotFound for what is none."""
        text = self.request.match_info["device_id"]
        if not is_device_id(text):
            raise NotFound(f"{text[:60]!r} is no button's id")
        return text


@dataclass(frozen=True, slots=True)
class Webp:
    """An answer that is a picture, and never changes under its tag."""

    content: bytes = field(repr=False)
    tag: str


@dataclass(frozen=True, slots=True)
class Csv:
    """An answer that is a file to keep."""

    text: str = field(repr=False)
    name: str


@dataclass(frozen=True, slots=True)
class Pmtiles:
    """An answer that is a map's file, which is asked for in parts."""

    path: Path


FILES: Mapping[type, str] = {
    Webp: "image/webp",
    Csv: "text/csv",
    Pmtiles: "application/vnd.pmtiles",
}

Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path, as it is served and as it is described."""

    method: str
    path: str
    handler: Handler
    summary: str
    query: type
    body: type
    answer: type
    acts: bool
    roles: frozenset[str] | None = None
    own: bool = False
    kiosk: bool = False
    body_bytes_max: int = BODY_BYTES_MAX
    described_only: bool = False
    sets_up: bool = False
    while_locked: bool = False

    def is_for(self, reader: Reader, person_id: str | None) -> bool:
        """Say whether this reader may ask this, of the person whom the path names."""
        if self.roles is None or reader.role in self.roles:
            return True
        return self.own and person_id is not None and UUID(person_id) == reader.person_id


@dataclass
class Api:
    """All endpoints that speak JSON to a signed-in reader."""

    endpoints: list[Endpoint] = field(default_factory=list)

    def add(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        answer: type,
        query: type = Nothing,
        body: type = Nothing,
        acts: bool = False,
        roles: frozenset[str] | None = None,
        own: bool = False,
        kiosk: bool = False,
        body_bytes_max: int = BODY_BYTES_MAX,
        described_only: bool = False,
        sets_up: bool = False,
        while_locked: bool = False,
    ) -> None:
        """Serve a path. `acts`: only roles that may act on alerts; `roles`: only these, instead.

        `own`: and whoever the path's `person_id` is, whatever their role. `kiosk`: and a screen
        that only shows.
        `described_only`: another route serves it, because it handles the session itself.
        `sets_up`: also for whoever has yet to add a second factor.
        `while_locked`: also on a screen that is locked, because it is about answering an alert.
        """
        summary = (handler.__doc__ or path).split("\n")[0]
        self.endpoints.append(
            Endpoint(
                *(method, path, handler, summary, query, body, answer, acts),
                roles=roles,
                own=own,
                kiosk=kiosk,
                body_bytes_max=body_bytes_max,
                described_only=described_only,
                sets_up=sets_up,
                while_locked=while_locked,
            )
        )

    def register(self, app: web.Application) -> None:
        """Put every endpoint on the application's router."""
        for endpoint in self.endpoints:
            if not endpoint.described_only:
                app.router.add_route(endpoint.method, _routed(endpoint.path), _serve(endpoint))


def json_response(value: object, *, status: int = 200) -> web.Response:
    """Answer with JSON."""
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )


def _picture(request: web.Request, picture: Webp) -> web.Response:
    """Answer with a picture; 304 to whoever has it. Each time is asked who wants to see it."""
    if picture.tag in {each.value for each in request.if_none_match or ()}:
        response = web.Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        response = web.Response(body=picture.content, content_type="image/webp")
    response.etag = picture.tag
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _file(file: Csv) -> web.Response:
    """Answer with a file that the browser saves."""
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Cache-Control": "no-store",
    }
    return web.Response(body=file.text.encode(), content_type="text/csv", headers=headers)


def _parts(map_file: Pmtiles) -> web.FileResponse:
    """Answer with the part of a map that a Range asks for (RFC 9110, 14.2). It may be replaced."""
    headers = {"Content-Type": FILES[Pmtiles], "Cache-Control": "private, no-cache"}
    return web.FileResponse(map_file.path, headers=headers)


def error_response(status: int, code: str, message: str) -> web.Response:
    """Answer with an error that says what to do."""
    return json_response(ErrorBody(Problem(code, message)), status=status)


async def signed_in(
    request: web.Request,
    *,
    kiosk: bool = False,
    sets_up: bool = False,
    while_locked: bool = False,
) -> Reader:
    """Give the reader of a request. Raises ApiError (401, 403, 423).

    `kiosk`: also a screen that only shows; `sets_up`: also who has yet to add a second factor;
    `while_locked`: also a screen that is locked.
    """
    token = request.cookies.get(COOKIE)
    if is_kiosk_token(token):
        reader = await request.app[KIOSKS].reader(token)
    else:
        reader = await request.app[SESSIONS].reader(token)
    if reader is not None and reader.role == KIOSK and not kiosk:
        raise only_shows()
    if reader is None:
        raise ApiError(HTTPStatus.UNAUTHORIZED, "signed_out", "Sign in to go on.")
    if reader.second_factor == "required" and not sets_up:
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "second_factor_required",
            "A password alone is not enough here: add a passkey, or codes of an app, at /account.",
        )
    if reader.locked and not while_locked:
        raise ApiError(
            HTTPStatus.LOCKED,
            "locked",
            "This screen is locked: unlock it as you sign in. Alerts are answered without that.",
        )
    return reader


def only_shows() -> ApiError:
    """Refuse what a kiosk asks (403)."""
    return ApiError(HTTPStatus.FORBIDDEN, "only_shows", ONLY_SHOWS)


async def read_bytes(request: web.Request, *, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Read a body. Raises ApiError (408: it comes too slowly), web.HTTPException (413)."""
    try:
        async with asyncio.timeout(BODY_S_MAX + bytes_max / BODY_BYTES_PER_S_MIN):
            return await request.clone(client_max_size=bytes_max).read()
    except TimeoutError:
        raise ApiError(
            HTTPStatus.REQUEST_TIMEOUT,
            "too_slow",
            "The body came too slowly, so nothing was done. Try again on a better connection.",
        ) from None


async def read_body(request: web.Request, kind: type[T], *, bytes_max: int = BODY_BYTES_MAX) -> T:
    """Read a JSON body into its type. Raises ApiError (400, 415), web.HTTPException (413)."""
    if request.content_type != "application/json":
        # Also what keeps another site's form from acting in a signed-in reader's name.
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "Send the body as JSON with Content-Type: application/json.",
        )
    try:
        body = await read_bytes(request, bytes_max=bytes_max)
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(
            HTTPStatus.BAD_REQUEST, "bad_body", f"The body doesn't fit: {error}"
        ) from None


def openapi(api: Api) -> dict[str, Any]:
    """Describe the API as OpenAPI 3.1, from the types that the handlers use."""
    types: list[type] = [ErrorBody]
    for endpoint in api.endpoints:
        types += [kind for kind in (endpoint.answer, endpoint.body) if kind not in FILES]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip([id(kind) for kind in types], schemas, strict=True))
    paths: dict[str, Any] = {}
    for endpoint in api.endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tocsin",
            "version": __version__,
            "description": "Duress alerts: who, where, how long ago, and who has it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": COOKIE}},
        },
        "security": [{"session": []}],
    }


def _operation(endpoint: Endpoint, schemas: dict[int, Any]) -> dict[str, Any]:
    names = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PATH_SCHEMAS.get(name, {"type": "string", "format": "uuid"}),
        }
        for name in names
    ]
    (asked,), components = msgspec.json.schema_components([endpoint.query], ref_template="{name}")
    fields = components.get(asked.get("$ref", ""), asked).get("properties", {})
    parameters += [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in fields.items()
    ]
    error = {"application/json": {"schema": schemas[id(ErrorBody)]}}
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": endpoint.handler.__name__,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done", "content": _content(endpoint.answer, schemas)},
            "4XX": {"description": "Not done; the message says what to do", "content": error},
            "503": {"description": "The database is away", "content": error},
        },
    }
    if endpoint.answer in {Webp, Pmtiles}:
        operation["responses"]["304"] = {"description": "It is the one that you have"}
    if endpoint.answer is Pmtiles:
        part = {"description": "The part that you asked for", "content": _content(Pmtiles, schemas)}
        operation["responses"]["206"] = part
    if endpoint.described_only:
        operation["security"] = []
    if endpoint.method not in BODILESS:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[id(endpoint.body)]}},
        }
    return operation


def _routed(path: str) -> str:
    """Take nothing but a UUID for one: else `sites/export` would look like a site."""

    def routed(name: re.Match[str]) -> str:
        return name[0] if name[1] in _PATH_SCHEMAS else f"{{{name[1]}:{_UUID}}}"

    return re.sub(r"\{(\w+)\}", routed, path)


def _content(answer: type, schemas: dict[int, Any]) -> dict[str, Any]:
    if answer in FILES:
        return {FILES[answer]: {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": schemas[id(answer)]}}


def _serve(endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        reader = await signed_in(
            request,
            kiosk=endpoint.kiosk,
            sets_up=endpoint.sets_up,
            while_locked=endpoint.while_locked,
        )
        if endpoint.acts and reader.role not in (endpoint.roles or ACTING_ROLES):
            raise ApiError(
                HTTPStatus.FORBIDDEN,
                "not_your_role",
                f"Your role ({reader.role}) can look, but not act: ask a dispatcher.",
            )
        if not endpoint.is_for(reader, request.match_info.get("person_id")):
            allowed = ", ".join(sorted(endpoint.roles or ()))
            raise ApiError(
                HTTPStatus.FORBIDDEN,
                "not_your_role",
                f"Your role ({reader.role}) may not do this: ask one of {allowed}.",
            )
        try:
            query: object = msgspec.convert(dict(request.query), type=endpoint.query, strict=False)
        except msgspec.ValidationError as error:
            raise ApiError(
                HTTPStatus.BAD_REQUEST, "bad_query", f"The query doesn't fit: {error}"
            ) from None
        body: object = None
        if endpoint.method not in BODILESS:
            body = await read_body(request, endpoint.body, bytes_max=endpoint.body_bytes_max)
        answer = await endpoint.handler(Call(request, reader), query, body)
        match answer:
            case Csv():
                return _file(answer)
            case Webp():
                return _picture(request, answer)
            case Pmtiles():
                return _parts(answer)
        return json_response(answer)

    return serve
