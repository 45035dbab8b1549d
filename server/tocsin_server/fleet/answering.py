"""Answering: who is told now, and whether anybody will be in the days to come. Pure.

Promise: what is said here is what a press would do, by the same look-ups. A policy is played
through every moment of the next seven days at which it may change who can be told: a shift that
begins or ends, an account that ends. Whoever can't be reached as of now counts as nobody.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal
from uuid import UUID

import msgspec

from tocsin_server.channels.channel import Method
from tocsin_server.fleet.directory import Entries, Person, PolicyTier, Situation
from tocsin_server.people.shifts import AHEAD, gaps_within, moment_in_words

SENTENCES_MAX = 20  # of one policy; whoever has more than that to mend begins with these
GAPS_HOURS = 24.0  # long enough to find somebody, short enough to be taken seriously
LOOK_EVERY_S = 5.0  # a gap that begins by itself is found with the auditor's next round
SPANS_NAMED_MAX = 3  # of one tier; its plan of shifts shows the others


class Answerer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in a tier. `by`: how they are told at first, `then`: what is tried after it.

    `shifts`: the plans in which they are on. `why_not`: why nothing reaches them now.
    """

    person_id: UUID
    name: str
    by: list[Method]
    then: list[Method]
    shifts: list[str]
    why_not: str | None


class AnsweringTier(msgspec.Struct, frozen=True, kw_only=True):
    """A tier as it would be told at this moment."""

    patience_s: float
    people: list[Answerer]


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a policy, in sentences, the worst first.

    `nobody`: spans in which no tier has anybody. `last_tier`: spans in which the last one has
    nobody, though others have. `remarks`: all else that somebody should see to.
    """

    nobody: list[str]
    last_tier: list[str]
    remarks: list[str]

    @property
    def sentences(self) -> list[str]:
        """Give all of them."""
        return [*self.nobody, *self.last_tier, *self.remarks][:SENTENCES_MAX]


@dataclass(frozen=True, slots=True)
class _Span:
    from_at: datetime
    until_at: datetime


def answering(
    entries: Entries, tiers: Sequence[PolicyTier], situation: Situation
) -> list[AnsweringTier]:
    """Say who would be told at this moment, tier by tier, also those whom nothing reaches."""
    return [
        AnsweringTier(
            patience_s=tier.patience_s,
            people=[
                _answerer(entries, tier, person, situation)
                for person in entries.named(tier, situation.at)
            ],
        )
        for tier in tiers
    ]


def outlook(
    entries: Entries,
    tiers: Sequence[PolicyTier],
    *,
    jurisdiction: str,
    now: datetime,
) -> Outlook:
    """Play a policy through the next seven days. `now`: the database's time."""
    situation = entries.situation(jurisdiction, kind="duress", drill=False, at=now)
    edges = sorted({now, now + AHEAD, *_edges(entries, tiers, now)})
    occupied = [
        (_Span(from_at, until_at), _occupied(entries, tiers, situation, from_at, now))
        for from_at, until_at in pairwise(edges)
    ]
    nobody = _joined(span for span, tiers_now in occupied if not any(tiers_now))
    last = _joined(span for span, tiers_now in occupied if any(tiers_now) and not tiers_now[-1])
    say = _Says(entries, jurisdiction, now)
    above = (
        (n, _joined(span for span, now_in in occupied if any(now_in) and not now_in[n - 1]))
        for n in range(1, len(tiers))
    )
    return Outlook(
        nobody=[f"Nobody would answer {say.when(span)}." for span in nobody],
        last_tier=[
            f"The last tier has nobody {say.when(span)}: the tier before it would be told again."
            for span in last
        ],
        remarks=[
            *(f"Tier {n} has nobody {say.whenever(spans)}." for n, spans in above if spans),
            *_remarks(entries, tiers, situation),
        ],
    )


def why_unreachable(person: Person, situation: Situation) -> str | None:
    """Say why nothing reaches somebody at this moment; None: something does."""
    if person.has_ended:
        return "their account has ended"
    if person.usable(situation):
        return None
    if situation.drill and person.outside_agency:
        return "drills don't reach outside agencies"
    if not person.contacts:
        return "they have no contact"
    for contact in person.contacts:
        if contact.verified and contact.unreachable is None:
            return "they want quiet at this hour"
    failing = next((each.unreachable for each in person.contacts if each.unreachable), None)
    return failing or "nobody has confirmed yet that a message reaches them"


def _answerer(entries: Entries, tier: PolicyTier, person: Person, situation: Situation) -> Answerer:
    first = tier.told_by(person, situation)
    usable = person.usable(situation)
    return Answerer(
        person_id=person.person_id,
        name=person.name,
        by=[contact.method for contact in first],
        then=[contact.method for contact in usable if contact not in first],
        shifts=[
            plan.name
            for plan in entries.plans_of(tier)
            if person.person_id in plan.on(situation.at)
        ],
        why_not=why_unreachable(person, situation),
    )


def _occupied(
    entries: Entries,
    tiers: Sequence[PolicyTier],
    situation: Situation,
    at: datetime,
    now: datetime,
) -> list[bool]:
    monotonic = time.monotonic() + (at - now).total_seconds()
    return [
        any(
            person.ends_monotonic > monotonic and person.usable(situation)
            for person in entries.named(tier, at)
        )
        for tier in tiers
    ]


def _edges(entries: Entries, tiers: Sequence[PolicyTier], now: datetime) -> Iterator[datetime]:
    for plan_id in {each for tier in tiers for each in tier.shifts} & entries.shift_plans.keys():
        for stretch in entries.shift_plans[plan_id].stretches(now, now + AHEAD):
            yield stretch.from_at
    monotonic = time.monotonic()
    for person in entries.people.values():
        left_s = person.ends_monotonic - monotonic
        if 0 < left_s < AHEAD.total_seconds():
            # Accounts end on the second; up, so that they have ended by then.
            at = now + timedelta(seconds=left_s)
            yield at.replace(microsecond=0) + timedelta(seconds=at.microsecond > 0)


def _joined(spans: Iterable[_Span]) -> list[_Span]:
    found: list[_Span] = []
    for span in spans:
        if found and found[-1].until_at == span.from_at:
            found[-1] = _Span(found[-1].from_at, span.until_at)
        else:
            found.append(span)
    return found


def _remarks(entries: Entries, tiers: Sequence[PolicyTier], situation: Situation) -> list[str]:
    said = []
    for n, tier in enumerate(tiers, start=1):
        unknown = [each for each in tier.shifts if each not in entries.shift_plans]
        gone = [each for each in tier.people if each not in entries.people]
        if unknown or gone:
            said.append(f"Tier {n} names somebody, or a shift plan, that is gone: set it again.")
        failing = (
            (person.name, why_unreachable(person, situation))
            for person in entries.named(tier, situation.at)
        )
        said += [f"Nothing reaches {name} in tier {n}: {why}." for name, why in failing if why]
    return said


@dataclass(frozen=True, slots=True)
class _Says:
    entries: Entries
    jurisdiction: str
    now: datetime

    def when(self, span: _Span) -> str:
        """Say when a span is, by the clock on the jurisdiction's wall."""
        zone = self.entries.zone_of(self.jurisdiction)
        endless = span.until_at >= self.now + AHEAD
        until = moment_in_words(zone, span.until_at, self.now)
        if span.from_at <= self.now:
            return "now" if endless else f"now, until {until}"
        start = moment_in_words(zone, span.from_at, self.now)
        return f"from {start} on" if endless else f"from {start} to {until}"

    def whenever(self, spans: Sequence[_Span]) -> str:
        """Say when several spans are, the first of them by name, and what happens then."""
        named = [self.when(span) for span in spans[:SPANS_NAMED_MAX]]
        more = len(spans) - len(named)
        also = ["1 more time" if more == 1 else f"{more} more times"] if more else []
        *first, last = [*named, *also]
        when = f"{', '.join(first)} and {last}" if first else last
        return f"{when}: the next tier is told at once then"


@dataclass(frozen=True, slots=True)
class Vacant:
    """Something that keeps people from being told. `name` stays while it lasts.

    `check` is as the auditor names it; `is_now`: it is so at this moment.
    """

    check: Literal["shift_gap", "last_tier_unreachable"]
    jurisdiction: str
    name: str
    sentence: str
    is_now: bool


class Vacancies:
    """What is vacant in the policies of all jurisdictions, looked at again now and then."""

    def __init__(self, entries: Callable[[], Entries], now: Callable[[], datetime]) -> None:
        """`now`: the database's time."""
        self._entries = entries
        self._now = now
        self._seen: Entries | None = None
        self._looked_at = -math.inf
        self._found: list[Vacant] = []

    def current(self) -> list[Vacant]:
        """Give what is vacant: at once where the directory changed, else seconds old."""
        entries = self._entries()
        if entries is not self._seen or time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._found = vacant(entries, self._now())
            self._seen, self._looked_at = entries, time.monotonic()
        return self._found


def vacant(entries: Entries, now: datetime) -> list[Vacant]:
    """Name the gaps of shifts within a day, and last tiers that nobody can be reached in now.

    Only of policies that hold somewhere: what no tier of them names may have gaps by design.
    """
    found: list[Vacant] = []
    in_use = {known.policy_id for known in entries.jurisdictions.values()}
    in_use |= {site.policy_id for site in entries.sites.values() if site.policy_id}
    in_use |= set(entries.choices.values())
    for policy in (entries.policies[each] for each in in_use & entries.policies.keys()):
        named = {each for tier in policy.tiers for each in tier.shifts}
        plans = [entries.shift_plans[each] for each in named if each in entries.shift_plans]
        found += [
            Vacant(
                "shift_gap",
                policy.jurisdiction,
                f"gap of {gap.plan} from {gap.from_at:%Y-%m-%d %H:%M}",
                f"{gap.sentence} {_FILL}",
                is_now=gap.from_at <= now,
            )
            for gap in gaps_within(plans, now, hours=GAPS_HOURS)
        ]
        situation = entries.situation(policy.jurisdiction, kind="duress", drill=False, at=now)
        if not entries.in_tier(policy.tiers[-1], situation):
            found.append(
                Vacant(
                    "last_tier_unreachable",
                    policy.jurisdiction,
                    f"last tier of {policy.name}",
                    f"Nobody can be reached in the last tier of the policy {policy.name}, which is"
                    " told again until somebody answers. Put people in it whom something reaches.",
                    is_now=True,
                )
            )
    return list({(each.jurisdiction, each.name): each for each in found}.values())


_FILL = "Name somebody for that time on the page People, or with tocsin shift."
