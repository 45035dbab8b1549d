"""The endpoints of the ledger of false alarms."""

from typing import Annotated

import msgspec

from tocsin_server.alert.false_alarms import Ledger, What, explain, read_ledgers
from tocsin_server.web.api import FACILITIES_ROLES, Api, Call
from tocsin_server.web.services import SERVICES
from tocsin_wire.topics import DEVICE_ID

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class LedgersQuery(msgspec.Struct, frozen=True):
    """Of which button; of all by default, and then the last twelve months."""

    device_id: Annotated[str, msgspec.Meta(pattern=f"^{DEVICE_ID.pattern}$")] | None = None


class Ledgers(msgspec.Struct, frozen=True):
    """Those of the buttons that had a false alarm."""

    ledgers: list[Ledger]


class ExplanationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it was, why it happened, and what was done so that it doesn't again."""

    what: What
    cause: Line
    remedy: Line


async def list_false_alarms(call: Call, query: LedgersQuery, _body: None) -> Ledgers:
    """List false alarms by button: when, why, and what was done."""
    pool = call.request.app[SERVICES].database.pool
    jurisdiction = call.reader.jurisdiction
    return Ledgers(await read_ledgers(pool, jurisdiction=jurisdiction, device_id=query.device_id))


async def explain_false_alarm(call: Call, _query: object, body: ExplanationRequest) -> Ledger:
    """Write down why a false alarm was one, or correct what was written. Gives its ledger."""
    return await explain(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        alert_id=call.path_id("alert_id"),
        what=body.what,
        cause=body.cause,
        remedy=body.remedy,
        by=call.reader.name,
    )


def add_false_alarms(api: Api) -> None:
    """Put these endpoints beside the others."""
    path = "/api/v1/false-alarms"
    api.add("GET", path, list_false_alarms, query=LedgersQuery, answer=Ledgers)
    path = f"{path}/{{alert_id}}/explain"
    body, keep = ExplanationRequest, FACILITIES_ROLES
    api.add("POST", path, explain_false_alarm, body=body, answer=Ledger, roles=keep)
