"""The endpoints of who is told, in what order, where, and who answers now."""

import asyncio
from typing import Annotated
from uuid import UUID

import asyncpg
import msgspec
import structlog

from tocsin_server.alert.lifecycle import TIERS_MAX
from tocsin_server.channels.channel import METHODS, Method
from tocsin_server.fleet import policies
from tocsin_server.fleet.answering import Outlook
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.fleet.policies import (
    PEOPLE_PER_TIER_MAX,
    Kind,
    PolicyView,
    WhoAnswers,
    check_policy,
    read_policies,
    who_answers,
)
from tocsin_server.web.api import Api, Call, Nothing
from tocsin_server.web.proof_rules import RULING_ROLES
from tocsin_server.web.services import SERVICES, Services

_Members = Annotated[list[UUID], msgspec.Meta(max_length=PEOPLE_PER_TIER_MAX)]

log = structlog.get_logger()


class Policies(msgspec.Struct, frozen=True):
    """Who is told, in what order."""

    policies: list[PolicyView]


class TierForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told together: people, and whoever is on in these shift plans; for how long.

    `methods` at once for each of them, as far as they have these; none: each one's first contact.
    """

    patience_s: float
    people: _Members = []
    shifts: _Members = []
    methods: Annotated[list[Method], msgspec.Meta(max_length=len(METHODS))] = []


class PolicyForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy, tier 1 first; one of this name takes these tiers. `dry_run`: nothing is kept."""

    name: str
    tiers: Annotated[list[TierForm], msgspec.Meta(max_length=TIERS_MAX)]
    dry_run: bool = False


class PolicyWritten(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy would do in the next seven days. `refused`: why it couldn't be kept.

    `policy_id` null: it was a dry run.
    """

    policy_id: UUID | None
    outlook: Outlook
    refused: str | None


class ChoiceForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a policy holds: at a site, for a kind, or for a kind at a site.

    `policy_id` null: there holds whatever holds otherwise.
    """

    site_id: UUID | None
    kind: Kind | None
    policy_id: UUID | None


def _services(call: Call) -> Services:
    return call.request.app[SERVICES]


def _pool(call: Call) -> asyncpg.Pool:
    return _services(call).database.pool


async def _changed(call: Call, what: str, **about: object) -> None:
    """Let a change count from here on, and name in the log who has made it."""
    named = {name: str(value) for name, value in about.items() if value is not None}
    reader = call.reader
    log.warning(
        "policies changed", jurisdiction=reader.jurisdiction, by=reader.name, what=what, **named
    )
    await _services(call).read_again()


async def list_policies(call: Call, _query: Nothing, _body: None) -> Policies:
    """List the policies."""
    return Policies(
        await read_policies(
            _pool(call),
            jurisdiction=call.reader.jurisdiction,
            known=_services(call).directory.entries,
        )
    )


async def write_policy(call: Call, _query: Nothing, body: PolicyForm) -> PolicyWritten:
    """Say who is told, in what order, and what comes of it in the next seven days."""
    tiers = [
        PolicyTier(
            patience_s=tier.patience_s,
            people=tier.people,
            shifts=tuple(tier.shifts),
            methods=tuple(tier.methods),
        )
        for tier in body.tiers
    ]
    jurisdiction, known = call.reader.jurisdiction, _services(call).directory.entries
    if body.dry_run:
        checked = await check_policy(
            _pool(call), jurisdiction=jurisdiction, tiers=tiers, known=known
        )
        return PolicyWritten(policy_id=None, outlook=checked.outlook, refused=checked.refused)
    policy_id, outlook = await policies.write_policy(
        _pool(call), jurisdiction=jurisdiction, name=body.name, tiers=tiers, known=known
    )
    await _changed(call, "policy written", policy=body.name)
    return PolicyWritten(policy_id=policy_id, outlook=outlook, refused=None)


async def remove_policy(call: Call, _query: Nothing, _body: None) -> Nothing:
    """Remove a policy that holds nowhere; open alerts keep its tiers."""
    policy_id = call.path_id("policy_id")
    await policies.remove_policy(
        _pool(call), jurisdiction=call.reader.jurisdiction, policy_id=policy_id
    )
    await _changed(call, "policy removed", policy_id=policy_id)
    return Nothing()


async def choose_policy(call: Call, _query: Nothing, body: ChoiceForm) -> Nothing:
    """Say which policy holds at a site, for a kind, or for a kind at a site."""
    await policies.choose_policy(
        _pool(call),
        jurisdiction=call.reader.jurisdiction,
        site_id=body.site_id,
        kind=body.kind,
        policy_id=body.policy_id,
    )
    about = {"policy_id": body.policy_id, "site_id": body.site_id, "kind": body.kind}
    await _changed(call, "policy chosen", **about)
    return Nothing()


async def show_who_answers(call: Call, _query: Nothing, _body: None) -> WhoAnswers:
    """Say who would be told of a call for help now, by every policy that holds somewhere."""
    services = _services(call)
    # Of a county with many shifts this takes a while, and no press is to wait for it.
    return await asyncio.to_thread(
        who_answers,
        services.directory.entries,
        call.reader.jurisdiction,
        services.database.now(),
    )


def add_policies(api: Api) -> None:
    """Put these endpoints beside the others."""
    every, may = "/api/v1/policies", RULING_ROLES
    api.add("GET", every, list_policies, answer=Policies)
    api.add("POST", every, write_policy, body=PolicyForm, answer=PolicyWritten, roles=may)
    api.add("POST", f"{every}/choose", choose_policy, body=ChoiceForm, answer=Nothing, roles=may)
    api.add("DELETE", f"{every}/{{policy_id}}", remove_policy, answer=Nothing, roles=may)
    api.add("GET", "/api/v1/answering", show_who_answers, answer=WhoAnswers)
