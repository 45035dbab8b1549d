"""The endpoints of what is over: the search of past alerts, and how long alerts took."""

import asyncio
from datetime import date
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from tocsin_server.alert import history, latency
from tocsin_server.alert.history import Found, Outcome, Search
from tocsin_server.alert.latency import By, Groups, LatencyReport, Wanted
from tocsin_server.people.sight import may_see
from tocsin_server.web.api import Api, ApiError, Call, Csv
from tocsin_server.web.services import SERVICES

Text = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00]*$")]
Kind = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[^\x00]*$")]
TrueFalse = Literal["true", "false"]


class SearchQuery(msgspec.Struct, frozen=True):
    """What is looked for. Days are the jurisdiction's; `after`: the last one of the page before."""

    from_day: date | None = None
    until_day: date | None = None
    site_id: UUID | None = None
    kind: Kind | None = None
    drill: TrueFalse | None = None
    outcome: Outcome | None = None
    who: Text = ""
    words: Text = ""
    after: UUID | None = None


class LatencyQuery(msgspec.Struct, frozen=True):
    """Which alerts to measure. `shift`: the minute of the day at which it begins."""

    days: Annotated[int, msgspec.Meta(ge=1, le=latency.DAYS_MAX)] = 30
    site_id: UUID | None = None
    kind: Kind | None = None
    shift: Annotated[int, msgspec.Meta(ge=0, le=1439)] | None = None
    drill: TrueFalse = "false"


class GroupsQuery(LatencyQuery, frozen=True):
    """By what to group them."""

    by: By = "site"


async def past_alerts(call: Call, query: SearchQuery, _body: None) -> Found:
    """Search the alerts that are over, newest first; everything that is asked for has to hold."""
    return await history.search(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        wanted=_search(call, query),
        after=query.after,
    )


async def past_alerts_file(call: Call, query: SearchQuery, _body: None) -> Csv:
    """Give everything that a search finds as CSV."""
    found = await history.find_all(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        wanted=_search(call, query),
    )
    # In a thread: a large file takes longer than a press may wait.
    text = await asyncio.to_thread(history.write_history_csv, found)
    return Csv(text, "past-alerts.csv")


async def latencies(call: Call, query: LatencyQuery, _body: None) -> LatencyReport:
    """Say how long each stage from press to resolution took."""
    return await latency.latency(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        wanted=_wanted(call, query),
    )


async def latency_groups(call: Call, query: GroupsQuery, _body: None) -> Groups:
    """Say how long until somebody acknowledged, by site, shift, kind, time, or person."""
    return await latency.grouped(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        wanted=_wanted(call, query),
        by=query.by,
    )


async def latency_groups_file(call: Call, query: GroupsQuery, _body: None) -> Csv:
    """Give the groups as CSV."""
    found = await latency_groups(call, query, None)
    return Csv(latency.write_groups_csv(found), f"latency-by-{query.by}.csv")


def _search(call: Call, query: SearchQuery) -> Search:
    drill = None if query.drill is None else query.drill == "true"
    if not may_see(call.reader.role, drill=False):
        _may_ask(call, drill=drill is not False)
        drill = True
    asked = {name: getattr(query, name) for name in Search.__struct_fields__ if name != "drill"}
    return Search(**asked, drill=drill)


def _wanted(call: Call, query: LatencyQuery) -> Wanted:
    drill = query.drill == "true"
    _may_ask(call, drill=drill)
    asked = {name: getattr(query, name) for name in Wanted.__struct_fields__ if name != "drill"}
    return Wanted(**asked, drill=drill)


def _may_ask(call: Call, *, drill: bool) -> None:
    if not may_see(call.reader.role, drill=drill):
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "not_your_role",
            f"Your role ({call.reader.role}) sees drills only: ask with drill=true.",
        )


def add_history(api: Api) -> None:
    """Put these endpoints beside the others."""
    path, query = "/api/v1/alerts/past", SearchQuery
    api.add("GET", path, past_alerts, query=query, answer=Found)
    api.add("GET", f"{path}/file", past_alerts_file, query=query, answer=Csv)
    path = "/api/v1/latency"
    api.add("GET", path, latencies, query=LatencyQuery, answer=LatencyReport)
    api.add("GET", f"{path}/groups", latency_groups, query=GroupsQuery, answer=Groups)
    api.add("GET", f"{path}/groups/file", latency_groups_file, query=GroupsQuery, answer=Csv)
