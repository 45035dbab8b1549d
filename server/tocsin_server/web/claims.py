"""Claims: a person makes a code, a board redeems it.

Redeeming needs no sign-in: the code is what lets a board in. Making and revoking codes is for those
who keep the buttons.
"""

from http import HTTPStatus
from typing import Annotated

import msgspec
import segno
from aiohttp import web

from tocsin_server.fleet import claims
from tocsin_server.fleet.claims import MINUTES_MAX, ClaimPlace, ClaimState, ClaimView, NewClaim
from tocsin_server.fleet.redeem import Guessing
from tocsin_server.web.api import (
    FACILITIES_ROLES,
    Api,
    Call,
    Nothing,
    error_response,
    json_response,
    read_body,
)
from tocsin_server.web.origin import source
from tocsin_server.web.services import SERVICES
from tocsin_wire.claims import REDEEM_PATH, ClaimAnswer, ClaimRequest

routes = web.RouteTableDef()


class NewClaimRequest(ClaimPlace, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a button will be, and how long its code is good for."""

    label: str | None = None
    # To JSON 5.0 is an integer, and to msgspec's int it is none.
    minutes: Annotated[float, msgspec.Meta(ge=1, le=MINUTES_MAX, multiple_of=1)] = claims.MINUTES


class Claims(msgspec.Struct, frozen=True):
    """The claims that are open."""

    claims: list[ClaimView]


class ShownClaim(NewClaim, frozen=True, kw_only=True):
    """A new claim, with a picture for whatever has a camera: its file as a QR code, a data URI."""

    qr: str


@routes.post(REDEEM_PATH)
async def redeem(request: web.Request) -> web.Response:
    """Become a button, by a claim code and the keys that the board has made."""
    wanted = await read_body(request, ClaimRequest)
    redemption = request.app[SERVICES].redemption
    try:
        return json_response(await redemption.redeem(wanted, source=source(request)))
    except Guessing as error:
        answer = error_response(HTTPStatus.TOO_MANY_REQUESTS, "guessing", str(error))
        answer.headers["Retry-After"] = str(error.wait_s)
        return answer


async def list_claims(call: Call, _query: Nothing, _body: None) -> Claims:
    """List the claims that are open. Their codes are kept nowhere."""
    pool = call.request.app[SERVICES].database.pool
    return Claims(await claims.open_claims(pool, jurisdiction=call.reader.jurisdiction))


async def read_claim(call: Call, _query: Nothing, _body: None) -> ClaimState:
    """Say what has become of a claim: whether a board has used its code, and which button it is."""
    return await claims.read_claim(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        claim_id=call.path_id("claim_id"),
    )


async def make_claim(call: Call, _query: Nothing, body: NewClaimRequest) -> ShownClaim:
    """Make a claim code, which is shown this once: a board that has it becomes a button."""
    services = call.request.app[SERVICES]
    services.redemption.check()
    async with services.database.pool.acquire() as connection, connection.transaction():
        made = await claims.add_claim(
            connection,
            jurisdiction=call.reader.jurisdiction,
            place=body,
            label=body.label,
            created_by=call.reader.name,
            minutes=int(body.minutes),
            server=services.config.public_url,
        )
    picture = segno.make(made.claim_file, micro=False).svg_data_uri(border=4, light="#fff")
    return ShownClaim(**msgspec.structs.asdict(made), qr=picture)


async def revoke_claim(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """Take back a claim code that no board has used."""
    await claims.revoke_claim(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        claim_id=call.path_id("claim_id"),
    )
    return Nothing()


def add_endpoints(api: Api) -> None:
    """Put the endpoints of claims in their place."""
    path = "/api/v1/claims"
    api.add("GET", path, list_claims, answer=Claims)
    one = f"{path}/{{claim_id}}"
    api.add("GET", one, read_claim, answer=ClaimState)
    api.add(
        "POST", path, make_claim, body=NewClaimRequest, answer=ShownClaim, roles=FACILITIES_ROLES
    )
    api.add("POST", f"{one}/revoke", revoke_claim, answer=Nothing, roles=FACILITIES_ROLES)
    api.add("POST", REDEEM_PATH, redeem, body=ClaimRequest, answer=ClaimAnswer, described_only=True)
