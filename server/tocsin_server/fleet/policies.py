"""Policies: who is told of an alert, in what order, and at which sites and of which kinds.

Promise: a policy that is written here tells somebody. Its last tier, which is told again until
somebody answers, has people whom something reaches, or shifts without a gap in the next seven
days; whatever else is doubtful is said, and kept all the same. Open alerts keep their tiers.

Refused: people, shifts and sites of another jurisdiction, as if they weren't there.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server import inputs
from tocsin_server.alert.lifecycle import TIERS_MAX, Tier
from tocsin_server.channels.channel import METHODS, Method
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.answering import (
    AnsweringTier,
    Outlook,
    answering,
    outlook,
    why_unreachable,
)
from tocsin_server.fleet.directory import Entries, Policy, PolicyTier, Situation, read_entries
from tocsin_server.storage.database import borrowed

FIRST_POLICY = "Standard"
PEOPLE_PER_TIER_MAX = 30  # a long code sends one SMS a second (Twilio): a patience's worth

Kind = Literal["duress", "assist", "tamper", "test"]
KINDS: tuple[Kind, ...] = get_args(Kind)

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class TierView(msgspec.Struct, frozen=True, kw_only=True):
    """One tier, with the names of those who are told. `unreachable`: whom nothing reaches, why."""

    patience_s: float
    people: list[UUID]
    names: list[str]
    shifts: list[UUID]
    shift_names: list[str]
    methods: list[Method]
    unreachable: list[str]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of alert that a policy is for, at one site or (null) everywhere; null: every kind."""

    site_id: UUID | None
    site: str | None
    kind: Kind | None


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told, in what order; at which sites, and of which kinds, if it isn't everywhere.

    `outlook`: what is wrong with it in the next seven days.
    """

    policy_id: UUID
    name: str
    is_default: bool
    sites: list[str]
    choices: list[Choice]
    tiers: list[TierView]
    outlook: list[str]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy would do in the next seven days. `refused`: why it can't be kept as it is."""

    outlook: Outlook
    refused: str | None


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that holds somewhere, and who would be told by it at this moment.

    `is_default`: it holds wherever the `choices` of the others don't.
    """

    policy_id: UUID
    name: str
    is_default: bool
    choices: list[Choice]
    tiers: list[AnsweringTier]
    outlook: Outlook


class WhoAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of a call for help at a moment, by every policy that holds somewhere."""

    at: datetime
    time_zone: str
    policies: list[Answering]


async def set_policy(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    name: str,
    tiers: Sequence[PolicyTier],
    known: Entries | None = None,
) -> UUID:
    """Write a policy as `write_policy` does, and give its id."""
    policy_id, _ = await write_policy(
        pool, jurisdiction=jurisdiction, name=name, tiers=tiers, known=known
    )
    return policy_id


async def write_policy(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    name: str,
    tiers: Sequence[PolicyTier],
    known: Entries | None = None,
) -> tuple[UUID, Outlook]:
    """Write the policy of this name, tier 1 first; gives its id, and what it would do.

    FIRST_POLICY is the jurisdiction's own; any other holds at the sites, and for the kinds, that
    name it. Open alerts keep the tiers they began with. Raises Invalid, NotFound.
    """
    name = inputs.text("the policy's name", name)
    checked = await check_policy(pool, jurisdiction=jurisdiction, tiers=tiers, known=known)
    if checked.refused is not None:
        raise Invalid(checked.refused)
    policy_id: UUID = await queries.set_policy(
        pool,
        jurisdiction=jurisdiction,
        name=name,
        tiers=msgspec.json.encode(tiers).decode(),
    )
    return policy_id, checked.outlook


async def check_policy(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    tiers: Sequence[PolicyTier],
    known: Entries | None = None,
) -> Checked:
    """Say what a policy would do, and keep nothing. `known`: an earlier reading, which spares work.

    Raises Invalid, NotFound.
    """
    async with borrowed(pool) as connection:
        entries = await read_entries(connection, known=known)
        now = await queries.now(connection)
    if jurisdiction not in entries.jurisdictions:
        raise NotFound(f"no jurisdiction {jurisdiction}: add it first")
    _check_shape(tiers)
    _check_members(entries, jurisdiction, tiers)
    found = outlook(entries, tiers, jurisdiction=jurisdiction, now=now)
    refused = None
    if gaps := [*found.nobody, *found.last_tier]:
        situation = entries.situation(jurisdiction, kind="duress", drill=False, at=now)
        refused = _empty_last_in_words(entries, tiers, situation, gaps)
    return Checked(outlook=found, refused=refused)


async def read_policies(
    pool: asyncpg.Pool, *, jurisdiction: str, known: Entries | None = None
) -> list[PolicyView]:
    """List a jurisdiction's policies by name, with those they tell and what is wrong with them."""
    async with borrowed(pool) as connection:
        entries = await read_entries(connection, known=known)
        now = await queries.now(connection)
        rows = [row async for row in queries.policies(connection, jurisdiction=jurisdiction)]
    situation = entries.situation(jurisdiction, kind="duress", drill=False, at=now)
    return [_policy_view(row, entries, situation, jurisdiction) for row in rows]


async def read_who_answers(pool: asyncpg.Pool, *, jurisdiction: str) -> WhoAnswers:
    """Ask the database who is told now, and by which policy."""
    async with pool.acquire() as connection:
        entries = await read_entries(connection)
        now = await queries.now(connection)
    return who_answers(entries, jurisdiction, now)


def who_answers(entries: Entries, jurisdiction: str, now: datetime) -> WhoAnswers:
    """Say who is told of a call for help at this moment, and by which policy. Pure."""
    default = entries.default_policy(jurisdiction)
    choices = _choices(entries, jurisdiction)
    ids = {*([default.policy_id] if default else []), *choices}
    found = [entries.policies[policy_id] for policy_id in ids if policy_id in entries.policies]
    situation = entries.situation(jurisdiction, kind="duress", drill=False, at=now)

    def shown(policy: Policy) -> Answering:
        return Answering(
            policy_id=policy.policy_id,
            name=policy.name,
            is_default=policy == default,
            choices=choices.get(policy.policy_id, []),
            tiers=answering(entries, policy.tiers, situation),
            outlook=outlook(entries, policy.tiers, jurisdiction=jurisdiction, now=now),
        )

    in_order = sorted(found, key=lambda policy: (policy != default, policy.name))
    return WhoAnswers(
        at=now,
        time_zone=entries.zone_of(jurisdiction).key,
        policies=[shown(policy) for policy in in_order],
    )


async def choose_policy(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    policy_id: UUID | None,
    site_id: UUID | None = None,
    kind: str | None = None,
) -> None:
    """Say which policy holds at a site, for a kind, or for a kind at a site.

    `policy_id` None: whatever holds otherwise. Raises Invalid, NotFound.
    """
    if kind is not None and kind not in KINDS:
        raise Invalid(f"{kind!r} is no kind of alert: write one of {', '.join(KINDS)}")
    if site_id is None and kind is None:
        raise Invalid(f"the policy {FIRST_POLICY} holds wherever nothing else is said: change it")
    if kind is None:
        done = await queries.choose_for_site(
            pool, jurisdiction=jurisdiction, site_id=site_id, policy_id=policy_id
        )
    elif policy_id is None:
        done = await queries.unchoose(pool, jurisdiction=jurisdiction, site_id=site_id, kind=kind)
    else:
        done = await queries.choose(
            pool, jurisdiction=jurisdiction, site_id=site_id, kind=kind, policy_id=policy_id
        )
    if not done:
        raise NotFound("there is no such site, policy or choice here: nothing was changed")


async def remove_policy(pool: asyncpg.Pool, *, jurisdiction: str, policy_id: UUID) -> None:
    """Remove a policy that holds nowhere. Raises NotFound, Refused."""
    if await queries.remove(pool, jurisdiction=jurisdiction, policy_id=policy_id):
        return
    if await queries.is_there(pool, jurisdiction=jurisdiction, policy_id=policy_id):
        raise Refused("This policy holds somewhere: choose another one there first.")
    raise NotFound("There is no such policy in your jurisdiction.")


def _choices(entries: Entries, jurisdiction: str) -> dict[UUID, list[Choice]]:
    """Give where each policy is chosen, by that policy."""
    sites = [site for site in entries.sites.values() if site.jurisdiction == jurisdiction]
    names = {site.site_id: site.name for site in sites}
    found: dict[UUID, list[Choice]] = defaultdict(list)
    for site in sites:
        if site.policy_id is not None:
            found[site.policy_id].append(Choice(site_id=site.site_id, site=site.name, kind=None))
    for (whose, site_id, kind), policy_id in entries.choices.items():
        if whose == jurisdiction:
            where = names.get(site_id) if site_id is not None else None
            chosen = {"site_id": site_id, "site": where, "kind": kind}
            found[policy_id].append(msgspec.convert(chosen, Choice))
    return found


def _policy_view(
    row: asyncpg.Record, entries: Entries, situation: Situation, jurisdiction: str
) -> PolicyView:
    tiers = msgspec.json.decode(row["tiers"], type=list[PolicyTier])
    found = outlook(entries, tiers, jurisdiction=jurisdiction, now=situation.at)
    return PolicyView(
        policy_id=row["policy_id"],
        name=row["name"],
        is_default=row["is_default"],
        sites=row["sites"],
        choices=msgspec.json.decode(row["choices"], type=list[Choice]),
        tiers=[_tier_view(tier, entries, situation) for tier in tiers],
        outlook=found.sentences,
    )


def _tier_view(tier: PolicyTier, entries: Entries, situation: Situation) -> TierView:
    people = [entries.people[each] for each in tier.people if each in entries.people]
    failing = ((person, why_unreachable(person, situation)) for person in people)
    return TierView(
        patience_s=tier.patience_s,
        people=tier.people,
        names=[person.name for person in people],
        shifts=list(tier.shifts),
        shift_names=[plan.name for plan in entries.plans_of(tier)],
        methods=list(tier.methods),
        unreachable=[f"{person.name}: {why}" for person, why in failing if why],
    )


def _check_shape(tiers: Sequence[PolicyTier]) -> None:
    if not 1 <= len(tiers) <= TIERS_MAX:
        raise Invalid(f"a policy has 1 to {TIERS_MAX} tiers, not {len(tiers)}")
    for n, tier in enumerate(tiers, start=1):
        try:
            Tier(patience_s=tier.patience_s, occupied=bool(tier.people))
        except ValueError as error:
            raise Invalid(f"tier {n}: {error}") from None
        members = len(tier.people) + len(tier.shifts)
        if members > PEOPLE_PER_TIER_MAX:
            raise Invalid(
                f"tier {n}: {members} people can't be told in time;"
                f" {PEOPLE_PER_TIER_MAX} is the most"
            )
        for named in (tier.people, tier.shifts, tier.methods):
            if len(set(named)) < len(named):
                raise Invalid(f"tier {n}: somebody, a shift or a method is in it twice")
        if not set(tier.methods) <= set(METHODS):
            raise Invalid(f"tier {n}: the methods are {', '.join(METHODS)}")
    if not tiers[-1].people and not tiers[-1].shifts:
        raise Invalid("the last tier is told again until somebody answers: put people in it")


def _check_members(entries: Entries, jurisdiction: str, tiers: Sequence[PolicyTier]) -> None:
    for n, tier in enumerate(tiers, start=1):
        for person_id in tier.people:
            person = entries.people.get(person_id)
            if person is None or person.jurisdiction != jurisdiction:
                raise NotFound(f"tier {n}: nobody here has the id {person_id}")
        for plan_id in tier.shifts:
            plan = entries.shift_plans.get(plan_id)
            if plan is None or plan.jurisdiction != jurisdiction:
                raise NotFound(f"tier {n}: no shift plan here has the id {plan_id}")


def _empty_last_in_words(
    entries: Entries, tiers: Sequence[PolicyTier], situation: Situation, gaps: list[str]
) -> str:
    """Say why a policy whose last tier has nobody at some time can't be kept."""
    last, n = tiers[-1], len(tiers)
    people = [entries.people[person_id] for person_id in last.people]
    why = [
        f"nothing reaches {person.name} ({reason})"
        for person in people
        if (reason := why_unreachable(person, situation))
    ]
    because = "; ".join([*why, *gaps[:1]])
    return (
        f"tier {n}, the last, is told again until somebody answers, and it would have nobody:"
        f" {because} Put people in it whom something reaches at every hour."
    )
