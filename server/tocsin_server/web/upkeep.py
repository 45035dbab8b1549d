"""The endpoints of those who keep a site: what changed and is confirmed, and its maintenance."""

from typing import Annotated

import msgspec

from tocsin_server.fleet.maintenance import (
    MINUTES_MAX,
    MaintenanceView,
    end_maintenance,
    open_maintenance,
    read_maintenance,
)
from tocsin_server.fleet.moved import NetworkConfirmed, confirm_network
from tocsin_server.fleet.settings import SettingsAccepted, accept_settings
from tocsin_server.web.api import FACILITIES_ROLES, Api, Call, Nothing
from tocsin_server.web.services import SERVICES


class MaintenanceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long a site is worked on, and why."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    # To JSON 5.0 is an integer, and to msgspec's int it is none.
    minutes: Annotated[float, msgspec.Meta(ge=1, le=MINUTES_MAX, multiple_of=1)] = 60


class MaintenanceList(msgspec.Struct, frozen=True):
    """The sites that are worked on."""

    maintenance: list[MaintenanceView]


async def network_confirm(call: Call, _query: Nothing, _body: Nothing) -> NetworkConfirmed:
    """Confirm that a site's network was changed: what its buttons say now is learned."""
    return await confirm_network(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        site_id=call.path_id("site_id"),
        confirmed_by=call.reader.name,
    )


async def settings_accept(call: Call, _query: Nothing, _body: Nothing) -> SettingsAccepted:
    """Accept the settings that a button has now, though it was proven with others."""
    services = call.request.app[SERVICES]
    return await accept_settings(
        services.database.pool,
        jurisdiction=call.reader.jurisdiction,
        device_id=call.device_id,
        accepted_by=call.reader.name,
        heard=services.supervisor.settings_of(call.device_id),
    )


async def list_maintenance(call: Call, _query: Nothing, _body: None) -> MaintenanceList:
    """List the sites that are worked on."""
    pool = call.request.app[SERVICES].database.pool
    return MaintenanceList(await read_maintenance(pool, jurisdiction=call.reader.jurisdiction))


async def begin_maintenance(
    call: Call, _query: Nothing, body: MaintenanceRequest
) -> MaintenanceView:
    """Begin maintenance at a site: nobody is texted of its buttons, but of their alerts."""
    return await open_maintenance(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        site_id=call.path_id("site_id"),
        minutes=int(body.minutes),
        reason=body.reason,
        opened_by=call.reader.name,
    )


async def finish_maintenance(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """End maintenance at a site before its time."""
    await end_maintenance(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        site_id=call.path_id("site_id"),
        ended_by=call.reader.name,
    )
    return Nothing()


def add_upkeep(api: Api) -> None:
    """Put these endpoints beside the others."""
    site, keep = "/api/v1/sites/{site_id}", FACILITIES_ROLES
    path = f"{site}/network/confirm"
    api.add("POST", path, network_confirm, answer=NetworkConfirmed, roles=keep)
    path = "/api/v1/devices/{device_id}/settings/accept"
    api.add("POST", path, settings_accept, answer=SettingsAccepted, roles=keep)
    api.add("GET", "/api/v1/maintenance", list_maintenance, answer=MaintenanceList)
    path = f"{site}/maintenance"
    answer, body = MaintenanceView, MaintenanceRequest
    api.add("POST", path, begin_maintenance, answer=answer, body=body, roles=keep)
    api.add("POST", f"{path}/end", finish_maintenance, answer=Nothing, roles=keep)
