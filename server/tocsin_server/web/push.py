"""Alerts in a browser: its sign-up, the worker that shows them, and the word that one was shown.

Promise: that an alert was shown on a device is reported as a carrier reports a text; it answers
nothing. Who signs a browser up is signed in, and signs up for themselves alone. A notification's
button takes the alert where the person it was sent to is signed in, and nowhere else.
"""

from http import HTTPStatus
from pathlib import Path

import msgspec
from aiohttp import web

from tocsin_server.alert import answer
from tocsin_server.alert.link_key import read_key
from tocsin_server.channels.channel import Report
from tocsin_server.channels.webpush import Subscription, WebPush
from tocsin_server.errors import NotFound
from tocsin_server.people.browsers import sign_up
from tocsin_server.web.api import (
    TESTING_ROLES,
    Api,
    ApiError,
    Call,
    Nothing,
    json_response,
    read_body,
)
from tocsin_server.web.services import SERVICES, Services

_WORKER = Path(__file__).parent / "console" / "service-worker.js"
RECEIVED_PATH = "/api/v1/push/received"
RECEIVED_RANK = 6  # as a carrier's "delivered": the last word

routes = web.RouteTableDef()


class PushKey(msgspec.Struct, frozen=True):
    """The key that a browser subscribes to: base64url, without padding."""

    key: str


class Received(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which message was shown: the key of its link."""

    key: str


class Taken(msgspec.Struct, frozen=True):
    """What came of a tap, in the words for whoever tapped."""

    message: str


@routes.get("/service-worker.js")
async def service_worker(_request: web.Request) -> web.StreamResponse:
    """Give the worker that shows alerts while no page is open. It may reach this server alone."""
    return web.FileResponse(
        _WORKER,
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "default-src 'none'; connect-src 'self'",
            "Service-Worker-Allowed": "/",
        },
    )


@routes.post(RECEIVED_PATH)
async def push_received(request: web.Request) -> web.Response:
    """Say that a device has shown a message, by the key of its link: nobody is signed in there."""
    body = await read_body(request, Received)
    pool = request.app[SERVICES].database.pool
    link_key = read_key(body.key)
    notification_id = (
        await answer.queries.notification_of(pool, link_key=link_key) if link_key else None
    )
    if notification_id is None:
        raise NotFound("There is no message with this key. Nothing was done.")
    report = Report("received", RECEIVED_RANK, "delivered", problem=None)
    await request.app[SERVICES].notify.outcomes.reported(notification_id, report)
    return json_response(Nothing())


async def push_key(call: Call, _query: Nothing, _body: None) -> PushKey:
    """Give the key that browsers subscribe to."""
    return PushKey(_push(call.request.app[SERVICES]).public_key)


async def add_browser(call: Call, _query: Nothing, body: Subscription) -> Nothing:
    """Send alerts to this browser, too, from now on; safe to repeat."""
    services = call.request.app[SERVICES]
    await sign_up(
        services.database.pool,
        jurisdiction=call.reader.jurisdiction,
        person_id=call.reader.person_id,
        name=call.reader.name,
        subscription=_push(services).check(body),
    )
    return Nothing()


async def take(call: Call, _query: Nothing, body: Received) -> Taken:
    """Take the alert of a message that was shown to whoever asks, by the key of its link."""
    link_key = read_key(body.key)
    if link_key is None:
        raise NotFound("There is no message with this key. Nothing was done.")
    acknowledge = call.request.app[SERVICES].acknowledge
    return Taken((await acknowledge.by_notification(link_key, call.reader)).text)


def add_push(api: Api) -> None:
    """Put these endpoints beside the others."""
    api.add("GET", "/api/v1/push/key", push_key, answer=PushKey)
    # An auditor is told of nothing.
    mine, roles = "/api/v1/me/push", TESTING_ROLES
    api.add("POST", mine, add_browser, body=Subscription, answer=Nothing, acts=True, roles=roles)
    api.add(
        "POST", "/api/v1/me/take", take, body=Received, answer=Taken, acts=True, while_locked=True
    )
    api.add(
        "POST", RECEIVED_PATH, push_received, body=Received, answer=Nothing, described_only=True
    )


def _push(services: Services) -> WebPush:
    """Raises ApiError (404)."""
    if services.push is None:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            "no_push",
            "Alerts in browsers are not set up on this server. Whoever runs it finds under [push]"
            " and tocsin keys push how.",
        )
    return services.push
