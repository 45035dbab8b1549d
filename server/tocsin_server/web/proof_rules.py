"""The endpoints of the rule by which buttons are to be proven."""

from datetime import date
from typing import Annotated

import msgspec

from tocsin_server.fleet.proof import DAYS_BEFORE_MAX, ELECTIONS_MAX, Every, ProofRule
from tocsin_server.fleet.proof_rules import read_rule, set_rule
from tocsin_server.web.api import Api, Call, Nothing
from tocsin_server.web.services import SERVICES

RULING_ROLES = frozenset({"supervisor", "administrator"})


class ProofRuleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole rule; `every` null: only before the elections that are named."""

    every: Every | None
    elections: Annotated[list[date], msgspec.Meta(max_length=ELECTIONS_MAX)]
    # To JSON 5.0 is an integer, and to msgspec's int it is none.
    days_before: Annotated[float, msgspec.Meta(ge=1, le=DAYS_BEFORE_MAX, multiple_of=1)]


async def show_rule(call: Call, _query: Nothing, _body: None) -> ProofRule:
    """Say how often buttons are to be proven here."""
    pool = call.request.app[SERVICES].database.pool
    return await read_rule(pool, jurisdiction=call.reader.jurisdiction)


async def change_rule(call: Call, _query: Nothing, body: ProofRuleRequest) -> ProofRule:
    """Change how often buttons are to be proven here."""
    rule = ProofRule(
        every=body.every, elections=tuple(body.elections), days_before=int(body.days_before)
    )
    return await set_rule(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        rule=rule,
        by=call.reader.name,
    )


def add_proof_rules(api: Api) -> None:
    """Put these endpoints beside the others."""
    path = "/api/v1/proof-rule"
    api.add("GET", path, show_rule, answer=ProofRule)
    api.add("POST", path, change_rule, answer=ProofRule, body=ProofRuleRequest, roles=RULING_ROLES)
