"""The endpoints of webhooks: which other systems follow the alerts here. For administrators."""

from typing import Annotated
from uuid import UUID

import msgspec

from tocsin_server.hooks import hooks
from tocsin_server.hooks.hooks import (
    DeliveryList,
    DeliveryView,
    HookList,
    HookSecret,
    HookView,
    OfHook,
    Resent,
)
from tocsin_server.hooks.message import EVENTS, Event
from tocsin_server.web.api import Api, Call, Nothing
from tocsin_server.web.services import SERVICES, Services

HOOK_ROLES = frozenset({"administrator"})


class HookRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hook; no events named: all of them."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    events: Annotated[list[Event], msgspec.Meta(max_length=len(EVENTS))] = []
    drills: bool = True


class RotationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long the former secret signs, too."""

    # To JSON 5.0 is an integer, and to msgspec's int it is none.
    keep_hours: Annotated[float, msgspec.Meta(ge=0, le=hooks.KEEP_HOURS_MAX, multiple_of=1)] = (
        hooks.KEEP_HOURS
    )


class ResendRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which delivery to send again; null: all dead ones."""

    delivery_id: UUID | None = None


class DeliveriesQuery(msgspec.Struct, frozen=True):
    """Which deliveries to list."""

    state: hooks.State | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=hooks.DELIVERIES_MAX)] = 100


def _services(call: Call) -> Services:
    return call.request.app[SERVICES]


def _hook(call: Call) -> OfHook:
    return OfHook(jurisdiction=call.reader.jurisdiction, hook_id=call.path_id("hook_id"))


async def list_hooks(call: Call, _query: Nothing, _body: None) -> HookList:
    """List the webhooks and how they do; no secret is among it."""
    pool = _services(call).database.pool
    return HookList(await hooks.read_hooks(pool, jurisdiction=call.reader.jurisdiction))


async def add_hook(call: Call, _query: Nothing, body: HookRequest) -> HookSecret:
    """Let another system follow the alerts here. The answer has its secret, this once."""
    return await hooks.add_hook(
        _services(call).database.pool,
        jurisdiction=call.reader.jurisdiction,
        name=body.name,
        url=body.url,
        events=body.events,
        drills=body.drills,
        by=call.reader.name,
        config=_services(call).config.hooks,
    )


async def remove_hook(call: Call, _query: Nothing, _body: Nothing) -> HookView:
    """Take a webhook away, with all that it was told."""
    return await hooks.remove_hook(
        _services(call).database.pool,
        **_hook(call),
        by=call.reader.name,
    )


async def enable_hook(call: Call, _query: Nothing, _body: Nothing) -> HookView:
    """Send to a webhook again, from now on."""
    return await hooks.enable_hook(
        _services(call).database.pool,
        **_hook(call),
        by=call.reader.name,
    )


async def disable_hook(call: Call, _query: Nothing, _body: Nothing) -> HookView:
    """Send nothing to a webhook until it is enabled."""
    return await hooks.disable_hook(
        _services(call).database.pool,
        **_hook(call),
        by=call.reader.name,
    )


async def rotate_hook_secret(call: Call, _query: Nothing, body: RotationRequest) -> HookSecret:
    """Draw a new secret, which is in the answer; for a while the former one signs as well."""
    return await hooks.rotate_secret(
        _services(call).database.pool,
        **_hook(call),
        keep_hours=int(body.keep_hours),
        by=call.reader.name,
    )


async def try_hook(call: Call, _query: Nothing, _body: Nothing) -> DeliveryView:
    """Send a message that says it is a test; its outcome is among the deliveries."""
    delivery = await hooks.try_hook(
        _services(call).database.pool,
        **_hook(call),
    )
    _services(call).deliver.wake()
    return delivery


async def list_deliveries(call: Call, query: DeliveriesQuery, _body: None) -> DeliveryList:
    """List what a webhook was told, the newest first."""
    listed = await hooks.read_deliveries(
        _services(call).database.pool,
        **_hook(call),
        state=query.state,
        deliveries_max=query.limit,
    )
    return DeliveryList(listed)


async def resend(call: Call, _query: Nothing, body: ResendRequest) -> Resent:
    """Send one delivery again, or all dead ones."""
    resent = await hooks.resend(
        _services(call).database.pool,
        **_hook(call),
        delivery_id=body.delivery_id,
    )
    _services(call).deliver.wake()
    return Resent(resent)


def add_hooks(api: Api) -> None:
    """Put these endpoints beside the others."""
    path, roles = "/api/v1/hooks", HOOK_ROLES
    one = f"{path}/{{hook_id}}"
    api.add("GET", path, list_hooks, answer=HookList, roles=roles)
    api.add("POST", path, add_hook, answer=HookSecret, body=HookRequest, roles=roles)
    api.add("POST", f"{one}/remove", remove_hook, answer=HookView, roles=roles)
    api.add("POST", f"{one}/enable", enable_hook, answer=HookView, roles=roles)
    api.add("POST", f"{one}/disable", disable_hook, answer=HookView, roles=roles)
    path, body = f"{one}/rotate-secret", RotationRequest
    api.add("POST", path, rotate_hook_secret, answer=HookSecret, body=body, roles=roles)
    api.add("POST", f"{one}/test", try_hook, answer=DeliveryView, roles=roles)
    path, query = f"{one}/deliveries", DeliveriesQuery
    api.add("GET", path, list_deliveries, answer=DeliveryList, query=query, roles=roles)
    api.add("POST", f"{one}/resend", resend, answer=Resent, body=ResendRequest, roles=roles)
