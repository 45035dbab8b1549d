"""Policies, and who answers now, as `tocsin policy` writes them for people."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from tocsin_server.channels.channel import Method
from tocsin_server.fleet.answering import Answerer, AnsweringTier
from tocsin_server.fleet.policies import Answering, Choice, PolicyView, TierView, WhoAnswers
from tocsin_server.inputs import DAYS

_HOW: dict[Method, str] = {
    "sms": "text",
    "voice": "call",
    "push": "push",
    "email": "e-mail",
    "apprise": "another service",
}


def policy_text(policy: PolicyView) -> str:
    """Write one policy: where it holds, its tiers, and what is wrong with it."""
    lines = [_heading(policy.name, policy.choices, is_default=policy.is_default)]
    lines += [f"  tier {n}: {_tier(tier)}" for n, tier in enumerate(policy.tiers, start=1)]
    lines += [f"  ! {sentence}" for sentence in policy.outlook]
    return "\n".join(lines)


def who_text(who: WhoAnswers) -> str:
    """Write who would be told now, by every policy that holds somewhere."""
    local = who.at.astimezone(ZoneInfo(who.time_zone))
    lines = [f"{DAYS[local.weekday()]} {local:%b} {local.day} {local:%H:%M}, {who.time_zone}"]
    for policy in who.policies:
        lines.append(_heading(policy.name, policy.choices, is_default=policy.is_default))
        lines += [line for n in range(len(policy.tiers)) for line in _answering(policy, n)]
        lines += [f"  ! {sentence}" for sentence in policy.outlook.sentences]
    return "\n".join(lines)


def _heading(name: str, choices: Sequence[Choice], *, is_default: bool) -> str:
    where = ["wherever no other is chosen"] if is_default else []
    where += [_choice(choice) for choice in choices]
    return f"{name} ({'; '.join(where) or 'nowhere yet: it tells nobody'})"


def _choice(choice: Choice) -> str:
    where = f"at {choice.site}" if choice.site is not None else "at every site"
    return where if choice.kind is None else f"for {choice.kind} {where}"


def _tier(tier: TierView) -> str:
    shifts = [f"whoever is on in {name}" for name in tier.shift_names]
    who = ", ".join([*tier.names, *shifts]) or "nobody"
    how = f", by {_together(tier.methods)}" if tier.methods else ""
    return f"{who}{how}, for {tier.patience_s:g} s"


def _together(methods: Sequence[Method]) -> str:
    at_once = " at once" if len(methods) > 1 else ""
    return " and ".join(_HOW[each] for each in methods) + at_once


def _answering(policy: Answering, index: int) -> list[str]:
    tier: AnsweringTier = policy.tiers[index]
    last = index == len(policy.tiers) - 1
    again = ", then again until somebody answers" if last else ""
    lines = [f"  tier {index + 1}, for {tier.patience_s:g} s{again}:"]
    if all(person.why_not for person in tier.people):
        lines.append("    NOBODY can be told")
    return lines + [f"    {_answerer(person)}" for person in tier.people]


def _answerer(person: Answerer) -> str:
    on = f" (on in {', '.join(person.shifts)})" if person.shifts else ""
    if person.why_not is not None:
        return f"{person.name}{on}: NOTHING REACHES THEM: {person.why_not}"
    then = "".join(f", then {_HOW[each]}" for each in person.then)
    return f"{person.name}{on}: {_together(person.by)}{then}"
