"""The routes beside the API: pages, live, health."""

from functools import partial
from http import HTTPStatus
from pathlib import Path

import msgspec
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tocsin_server import metrics
from tocsin_server.alert.press import DoubtfulView, HeldView
from tocsin_server.auditor import FaultView
from tocsin_server.fleet.drills import DrillView
from tocsin_server.fleet.sites import SiteView
from tocsin_server.fleet.supervise import DeviceView
from tocsin_server.people.muting import MutedView
from tocsin_server.storage.database import DATABASE_ERRORS
from tocsin_server.web.api import ApiError, signed_in
from tocsin_server.web.looking import Looker
from tocsin_server.web.origin import is_ours
from tocsin_server.web.services import SERVICES, Services
from tocsin_server.web.site_frames import site_view
from tocsin_wire.messages import timestamp

_WEB = Path(__file__).parent

log = structlog.get_logger()
routes = web.RouteTableDef()


class Snapshot(msgspec.Struct, tag="snapshot", tag_field="type", frozen=True, kw_only=True):
    """Everything a screen shows, as of now."""

    now: str
    replica_id: str
    alerts: list[msgspec.Raw]
    held: list[HeldView]
    doubtful: list[DoubtfulView]
    devices: list[DeviceView]
    sites: list[SiteView]
    faults: list[FaultView]
    drills: list[DrillView]
    muted: list[MutedView]
    lookers: list[Looker]


@routes.get("/")
async def console(_request: web.Request) -> web.StreamResponse:
    """Give the console's page."""
    return _page("console")


@routes.get("/facilities")
async def facilities(_request: web.Request) -> web.StreamResponse:
    """Give the page of those who keep the buttons."""
    return _page("facilities")


@routes.get("/people")
async def people(_request: web.Request) -> web.StreamResponse:
    """Give the page of who answers: people, shifts, policies."""
    return _page("people")


@routes.get("/account")
async def account(_request: web.Request) -> web.StreamResponse:
    """Give the page of one's own account: how its owner signs in."""
    return _page("account")


@routes.get("/api/v1/live")
async def live(request: web.Request) -> web.WebSocketResponse:
    """Keep a screen up to date."""
    reader = await signed_in(request, kiosk=True, while_locked=True)
    services = request.app[SERVICES]
    if not is_ours(request):
        raise ApiError(HTTPStatus.FORBIDDEN, "other_origin", "Open the console itself.")

    async def may_look() -> bool:
        try:
            now = await signed_in(request, kiosk=True, while_locked=True)
            return now.is_same(reader)
        except ApiError:
            return False
        except DATABASE_ERRORS:
            return True  # nobody can say; whoever was signed in a moment ago goes on

    return await services.screens.serve(
        request, reader, snapshot=partial(_snapshot, services), may_look=may_look
    )


async def _snapshot(services: Services, jurisdiction: str, *, all_alerts: bool) -> bytes:
    """Write what a screen begins with; `all_alerts`: not drills alone."""
    return msgspec.json.encode(
        Snapshot(
            now=timestamp(services.database.now()),
            replica_id=services.config.replica_id,
            alerts=await services.changes.open_alerts(jurisdiction, only_drills=not all_alerts),
            held=services.ingest.held_of(jurisdiction) if all_alerts else [],
            doubtful=await services.doubt.unseen(jurisdiction) if all_alerts else [],
            devices=services.supervisor.views(jurisdiction),
            sites=[
                site_view(site)
                for site in services.directory.entries.sites.values()
                if site.jurisdiction == jurisdiction
            ],
            # These, too, name alerts, or say that there are some.
            faults=services.auditor.current(jurisdiction) if all_alerts else [],
            muted=services.muting.views(jurisdiction) if all_alerts else [],
            drills=services.drills.views(jurisdiction),
            lookers=services.looking.lookers(jurisdiction) if all_alerts else [],
        )
    )


@routes.get("/healthz")
async def healthz(_request: web.Request) -> web.Response:
    """Say that the process turns."""
    return web.Response(text="ok\n")


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """Say whether this replica can take presses and show them."""
    services = request.app[SERVICES]
    missing = []
    if not services.database.listening.is_set():
        missing.append("the database does not answer")
    if not any(broker.connected and broker.subscribed_at for broker in services.brokers):
        missing.append("no broker is connected")
    if missing:
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text="; ".join(missing) + "\n")
    return web.Response(text="ready\n")


@routes.get("/metrics")
async def figures(request: web.Request) -> web.Response:
    """Give the figures of this replica."""
    metrics.SCREENS.set(request.app[SERVICES].screens.count)
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _page(name: str) -> web.FileResponse:
    return web.FileResponse(_WEB / name / "index.html", headers={"Cache-Control": "no-cache"})
