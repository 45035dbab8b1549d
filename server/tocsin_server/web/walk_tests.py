"""The endpoints of a site's walk test: start it, look how far it is, end it, file its report."""

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from tocsin_server.fleet.paper import PaperName
from tocsin_server.fleet.walk_report import (
    file_name,
    print_walk_report,
    read_walk_report,
    write_walk_csv,
)
from tocsin_server.fleet.walk_test import (
    MINUTES_MAX,
    WalkTest,
    WalkTestStarted,
    end_walk_test,
    read_walk_test,
    start_walk_test,
)
from tocsin_server.fleet.words import Language
from tocsin_server.web.api import TESTING_ROLES, Api, ApiError, Call, Nothing, signed_in
from tocsin_server.web.services import SERVICES

routes = web.RouteTableDef()


class WalkTestRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long somebody goes round."""

    # To JSON 5.0 is an integer, and to msgspec's int it is none.
    minutes: Annotated[float, msgspec.Meta(ge=1, le=MINUTES_MAX, multiple_of=1)] = MINUTES_MAX


class NewestWalkTest(msgspec.Struct, frozen=True):
    """A site's newest walk test, open or over; null where there was none."""

    walk_test: WalkTest | None


class ReportQuery(msgspec.Struct, frozen=True):
    """Which kind of file."""

    format: Literal["pdf", "csv"] = "pdf"
    paper: PaperName = "letter"
    language: Language = "en"


async def show_walk_test(call: Call, _query: Nothing, _body: None) -> NewestWalkTest:
    """Show a site's walk test: which buttons were pressed, and which were answered."""
    walk_test = await read_walk_test(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        site_id=call.path_id("site_id"),
    )
    return NewestWalkTest(walk_test)


async def begin_walk_test(call: Call, _query: Nothing, body: WalkTestRequest) -> WalkTestStarted:
    """Start a walk test, or join the open one: each button's first press is a test, once."""
    return await start_walk_test(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        site_id=call.path_id("site_id"),
        minutes=int(body.minutes),
        by=call.reader.name,
    )


async def close_walk_test(call: Call, _query: Nothing, _body: Nothing) -> WalkTest:
    """End a walk test, and close the tests that were acknowledged; safe to repeat."""
    return await end_walk_test(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        site_id=call.path_id("site_id"),
        by=call.reader.name,
    )


@routes.get("/api/v1/sites/{site_id}/walk-test/report")
async def give_report(request: web.Request) -> web.Response:
    """Give the report of a site's newest walk test, as a file."""
    reader = await signed_in(request)
    call = Call(request, reader)
    try:
        query = msgspec.convert(dict(request.query), type=ReportQuery, strict=False)
    except msgspec.ValidationError as error:
        raise ApiError(
            HTTPStatus.BAD_REQUEST, "bad_query", f"The query doesn't fit: {error}"
        ) from None
    report = await read_walk_report(
        request.app[SERVICES].database.pool,
        jurisdiction=reader.jurisdiction,
        site_id=call.path_id("site_id"),
    )
    if query.format == "csv":
        body, kind = write_walk_csv(report).encode(), "text/csv"
    else:
        today = datetime.now(UTC).astimezone(ZoneInfo(report.walk_test.time_zone)).date()
        # In a thread: a gymnasium's report takes longer than a press may wait.
        body = await asyncio.to_thread(
            print_walk_report, report, today=today, paper=query.paper, language=query.language
        )
        kind = "application/pdf"
    name = file_name(report, query.format)
    return web.Response(
        body=body,
        content_type=kind,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


def add_walk_tests(api: Api) -> None:
    """Put these endpoints beside the others."""
    path, tests = "/api/v1/sites/{site_id}/walk-test", TESTING_ROLES
    api.add("GET", path, show_walk_test, answer=NewestWalkTest)
    answer, body = WalkTestStarted, WalkTestRequest
    api.add("POST", path, begin_walk_test, answer=answer, body=body, acts=True, roles=tests)
    api.add("POST", f"{path}/end", close_walk_test, answer=WalkTest, acts=True, roles=tests)
