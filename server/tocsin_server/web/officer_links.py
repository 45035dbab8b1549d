"""The endpoints of links for an officer on the way: made, listed and taken back by a dispatcher."""

from http import HTTPStatus
from typing import Annotated

import msgspec

from tocsin_server.alert import officer_link
from tocsin_server.alert.officer_link import NewOfficerLink, OfficerLinks
from tocsin_server.channels.channel import Language
from tocsin_server.web.api import ACTING_ROLES, Api, ApiError, Call, Nothing
from tocsin_server.web.services import SERVICES, Services


class OfficerLinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a link is for, on the record; and where it is texted, null: nowhere."""

    for_whom: Annotated[str, msgspec.Meta(max_length=200)] = ""
    phone: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    language: Language = "en"


def _services(call: Call) -> Services:
    return call.request.app[SERVICES]


async def list_officer_links(call: Call, _query: Nothing, _body: None) -> OfficerLinks:
    """List the links of an alert that were made for officers; no address is among it."""
    return OfficerLinks(
        await officer_link.read_links(
            _services(call).database.pool,
            jurisdiction=call.reader.jurisdiction,
            alert_id=call.path_id("alert_id"),
        )
    )


async def make_officer_link(
    call: Call, _query: Nothing, body: OfficerLinkRequest
) -> NewOfficerLink:
    """Make a link for an officer on the way, and text it where a number is given."""
    services = _services(call)
    if body.phone is not None and services.twilio is None:
        raise ApiError(
            HTTPStatus.CONFLICT,
            "no_texts",
            "This server sends no texts ([twilio] is missing). Make the link without a number, and"
            " send it yourself. No link was made.",
        )
    return await officer_link.make_link(
        services.database.pool,
        jurisdiction=call.reader.jurisdiction,
        alert_id=call.path_id("alert_id"),
        by=call.reader.name,
        for_whom=body.for_whom,
        phone=body.phone,
        language=body.language,
        public_url=services.config.public_url,
    )


async def revoke_officer_link(call: Call, _query: Nothing, _body: Nothing) -> OfficerLinks:
    """Take a link back: its page shows nothing any more. Safe to repeat; gives what is left."""
    alert_id = call.path_id("alert_id")
    await officer_link.revoke_link(
        _services(call).database.pool,
        jurisdiction=call.reader.jurisdiction,
        alert_id=alert_id,
        link_id=call.path_id("link_id"),
        by=call.reader.name,
    )
    return await list_officer_links(call, Nothing(), None)


def add_officer_links(api: Api) -> None:
    """Put these endpoints beside the others."""
    path = "/api/v1/alerts/{alert_id}/officer-links"
    api.add(
        "GET", path, list_officer_links, answer=OfficerLinks, roles=ACTING_ROLES, while_locked=True
    )
    answer, body = NewOfficerLink, OfficerLinkRequest
    api.add("POST", path, make_officer_link, answer=answer, body=body, acts=True, while_locked=True)
    path = f"{path}/{{link_id}}/revoke"
    api.add("POST", path, revoke_officer_link, answer=OfficerLinks, acts=True, while_locked=True)
