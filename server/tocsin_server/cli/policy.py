"""`tocsin policy`: who is told of an alert, in what order and where, and who answers now."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

import msgspec

from tocsin_server.channels.channel import METHODS, Method
from tocsin_server.cli.command import add_action, answer
from tocsin_server.cli.office import Office, office
from tocsin_server.cli.policy_text import policy_text, who_text
from tocsin_server.errors import Invalid, NotFound
from tocsin_server.fleet import policies
from tocsin_server.fleet.answering import Outlook
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.fleet.policies import (
    FIRST_POLICY,
    KINDS,
    PolicyView,
    check_policy,
    read_policies,
    read_who_answers,
    write_policy,
)
from tocsin_server.people.shift_plans import read_plans

_SHIFT = "shift/"
_TIER = '30:dana@example.org,"shift/Front desk":sms+voice'


@dataclass(frozen=True, slots=True)
class TierGiven:
    """A tier as it is written on the command line."""

    patience_s: float
    emails: tuple[str, ...]
    shifts: tuple[str, ...]
    methods: tuple[Method, ...]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """The policy that was set; its id is null where it was a dry run."""

    policy_id: UUID | None
    name: str
    outlook: Outlook


class Policies(msgspec.Struct, frozen=True):
    """All policies of a jurisdiction."""

    policies: list[PolicyView]


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    write = add_action(
        actions,
        "set",
        _set,
        "write a policy: its tiers in order; the last one is told again until somebody answers",
        example=f"tocsin policy set --tier {_TIER} --tier 60:sam@example.org",
    )
    write.add_argument(
        "name",
        nargs="?",
        default=FIRST_POLICY,
        metavar="NAME",
        help="(default: %(default)s, which holds wherever no other is chosen)",
    )
    write.add_argument(
        "--tier",
        type=_tier,
        action="append",
        required=True,
        metavar="SECONDS:WHO,WHO",
        help="how long they may take, and who they are: e-mail addresses, and shift/NAME for"
        " whoever is on in a plan of shifts. Each is told by their first contact, or, with"
        f" :sms+voice after them, by these at once ({', '.join(METHODS)}). Repeat it for each tier",
    )
    write.add_argument(
        "--dry-run", action="store_true", help="only say what would come of it in the next 7 days"
    )
    add_action(
        actions, "list", _list, "list the policies with their tiers", example="tocsin policy list"
    )
    add_action(
        actions,
        "who",
        _who,
        "say who would be told now, and when nobody would be in the next 7 days",
        example="tocsin policy who",
    )
    use = add_action(
        actions,
        "use",
        _use,
        "let a policy hold at a site, for a kind of alert, or for a kind at a site",
        example='tocsin policy use Nights --site "County Clerk" --kind assist',
    )
    use.add_argument("name", metavar="NAME")
    use.add_argument("--site", metavar="NAME", help="its name, or its id (default: every site)")
    use.add_argument("--kind", choices=KINDS, help="(default: every kind)")
    use.add_argument(
        "--no-longer", action="store_true", help="there holds again what holds otherwise"
    )
    remove = add_action(
        actions,
        "remove",
        _remove,
        "remove a policy that holds nowhere",
        example="tocsin policy remove Nights",
    )
    remove.add_argument("name", metavar="NAME")


def _tier(given: str) -> TierGiven:
    patience, colon, rest = given.partition(":")
    try:
        patience_s = float(patience)
    except ValueError:
        patience_s = math.nan
    if not colon or not math.isfinite(patience_s):
        raise argparse.ArgumentTypeError(
            f"{given!r} is no tier: write 30:dana@example.org, or {_TIER}"
        )
    who, colon, by = rest.rpartition(":")
    # An address has an @ and a shift its slash: what has neither says how.
    if not colon or "@" in by or "/" in by:
        who, by = rest, ""
    members = [each.strip() for each in who.split(",") if each.strip()]
    return TierGiven(
        patience_s,
        tuple(each for each in members if not each.startswith(_SHIFT)),
        tuple(each.removeprefix(_SHIFT) for each in members if each.startswith(_SHIFT)),
        _methods(by),
    )


def _methods(given: str) -> tuple[Method, ...]:
    methods = [each.strip() for each in given.split("+") if each.strip()]
    for each in methods:
        if each not in METHODS:
            raise argparse.ArgumentTypeError(
                f"{each!r} is no way to reach people: write one or several of {'+'.join(METHODS)}"
            )
    return tuple(cast(list[Method], methods))


async def _set(options: argparse.Namespace) -> None:
    async with office(options) as here:
        tiers = [await _found(here, tier) for tier in options.tier]
        if options.dry_run:
            checked = await check_policy(here.pool, jurisdiction=here.jurisdiction, tiers=tiers)
            if checked.refused is not None:
                raise Invalid(checked.refused)
            written = Written(policy_id=None, name=options.name, outlook=checked.outlook)
            text = [f"{options.name} could be set like this; nothing was changed"]
            text += [f"  ! {sentence}" for sentence in checked.outlook.sentences]
            answer(options, written, "\n".join(text))
            return
        policy_id, outlook = await write_policy(
            here.pool, jurisdiction=here.jurisdiction, name=options.name, tiers=tiers
        )
        listed = await read_policies(here.pool, jurisdiction=here.jurisdiction)
    policy = next(each for each in listed if each.policy_id == policy_id)
    written = Written(policy_id=policy_id, name=policy.name, outlook=outlook)
    answer(options, written, policy_text(policy))


async def _found(here: Office, given: TierGiven) -> PolicyTier:
    """Find whom a tier names. Raises NotFound."""
    people = await here.people(given.emails)
    return PolicyTier(
        patience_s=given.patience_s,
        people=[person.person_id for person in people],
        shifts=tuple(await _plans(here, given.shifts)),
        methods=given.methods,
    )


async def _plans(here: Office, named: Sequence[str]) -> list[UUID]:
    """Find plans of shifts by their names or ids. Raises NotFound."""
    if not named:
        return []
    plans = (await read_plans(here.pool, jurisdiction=here.jurisdiction)).values()
    known = {key: plan.plan_id for plan in plans for key in (plan.name, str(plan.plan_id))}
    for each in named:
        if each not in known:
            names = ", ".join(plan.name for plan in plans) or "none: see tocsin shift add"
            raise NotFound(f"no plan of shifts {each!r}; known are {names}")
    return [known[each] for each in named]


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        listed = await read_policies(here.pool, jurisdiction=here.jurisdiction)
    answer(options, Policies(listed), "\n".join(policy_text(policy) for policy in listed))


async def _who(options: argparse.Namespace) -> None:
    async with office(options) as here:
        who = await read_who_answers(here.pool, jurisdiction=here.jurisdiction)
    answer(options, who, who_text(who))


async def _use(options: argparse.Namespace) -> None:
    async with office(options) as here:
        policy = await here.policy(options.name)
        site = await here.site(options.site) if options.site is not None else None
        site_id = site.site_id if site is not None else None
        chosen = [(each.site_id, each.kind) for each in policy.choices]
        if options.no_longer and (site_id, options.kind) not in chosen:
            raise NotFound(f"{policy.name} isn't chosen there: see tocsin policy list")
        await policies.choose_policy(
            here.pool,
            jurisdiction=here.jurisdiction,
            policy_id=None if options.no_longer else policy.policy_id,
            site_id=site_id,
            kind=options.kind,
        )
        policy = await here.policy(options.name)
    answer(options, policy, policy_text(policy))


async def _remove(options: argparse.Namespace) -> None:
    async with office(options) as here:
        policy = await here.policy(options.name)
        await policies.remove_policy(
            here.pool, jurisdiction=here.jurisdiction, policy_id=policy.policy_id
        )
    answer(options, policy, f"{policy.name} is removed")
