"""`tocsin policy`: who is told of an alert, in what order."""

import argparse
import math
from dataclasses import dataclass
from uuid import UUID

import msgspec

from tocsin_server.cli.command import add_action, answer
from tocsin_server.cli.office import office
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.fleet.policies import FIRST_POLICY, PolicyView, read_policies, set_policy


@dataclass(frozen=True, slots=True)
class TierGiven:
    """A tier as it is written on the command line."""

    patience_s: float
    emails: tuple[str, ...]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """The policy that was set."""

    policy_id: UUID
    name: str


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
        example="tocsin policy set --tier 30:dana@example.org,lee@example.org"
        " --tier 60:sam@example.org",
    )
    write.add_argument(
        "name",
        nargs="?",
        default=FIRST_POLICY,
        metavar="NAME",
        help="(default: %(default)s, which holds wherever a site names no other)",
    )
    write.add_argument(
        "--tier",
        type=_tier,
        action="append",
        required=True,
        metavar="SECONDS:EMAIL,EMAIL",
        help="how long these people may take, and who they are; repeat it for each tier",
    )
    add_action(
        actions,
        "list",
        _list,
        "list the policies with their tiers",
        example="tocsin policy list",
    )


def _tier(given: str) -> TierGiven:
    patience, colon, emails = given.partition(":")
    try:
        patience_s = float(patience)
    except ValueError:
        patience_s = math.nan
    if not colon or not math.isfinite(patience_s):
        raise argparse.ArgumentTypeError(f"{given!r} is no tier: write 30:dana@example.org")
    people = tuple(email.strip() for email in emails.split(",") if email.strip())
    return TierGiven(patience_s, people)


async def _set(options: argparse.Namespace) -> None:
    async with office(options) as here:
        tiers = []
        for tier in options.tier:
            people = await here.people(tier.emails)
            ids = [person.person_id for person in people]
            tiers.append(PolicyTier(patience_s=tier.patience_s, people=ids))
        policy_id = await set_policy(
            here.pool, jurisdiction=here.jurisdiction, name=options.name, tiers=tiers
        )
        policies = await read_policies(here.pool, jurisdiction=here.jurisdiction)
    policy = next(each for each in policies if each.policy_id == policy_id)
    answer(options, Written(policy_id=policy_id, name=policy.name), _described(policy))


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        policies = await read_policies(here.pool, jurisdiction=here.jurisdiction)
    answer(options, Policies(policies), "\n".join(_described(policy) for policy in policies))


def _described(policy: PolicyView) -> str:
    where = "wherever a site names no other" if policy.is_default else ", ".join(policy.sites)
    lines = [f"{policy.name} (at {where or 'no site yet'})".replace("at wherever", "wherever")]
    for n, tier in enumerate(policy.tiers, start=1):
        names = ", ".join(tier.names) or "nobody"
        lines.append(f"  tier {n}: {names}, for {tier.patience_s:g} s")
    return "\n".join(lines)
