"""Who answers in the demo: the example's people by every way that they have, and the front desk.

Promise: of a press that nobody answers a visitor sees, within two minutes, texts, a phone that
rings because no carrier reports on its text, then somebody who is texted and called at once, an
e-mail after a call that rings in vain, and the outside agency called.

Refused: changing a jurisdiction that is there already, so a visitor's changes stay.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from typing import get_args

import asyncpg

from tocsin_server.channels.channel import Method
from tocsin_server.demo import example
from tocsin_server.demo.example import JURISDICTION, PATIENCE_S, Person
from tocsin_server.demo.page import Holder
from tocsin_server.demo.phone import Condition, PhoneNetwork
from tocsin_server.fleet import policies
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.people import shift_changes
from tocsin_server.people.shift_changes import Day, EntryForm

_DANA, _LUIS, _MAYA, _RAY, _SAM = example.PEOPLE

BY = "the demo"
PLAN = "Front desk"
DAY, NIGHT = ("07:00", "19:00"), ("19:00", "07:00")
MAYAS_TIER = 2
AT_ONCE: tuple[Method, ...] = ("sms", "voice")

ROSA = Person(
    "Rosa Medina", "responder", "rosa@example.org", "+15125550113", methods=("sms", "voice")
)
JONAH = Person(
    "Jonah Pike", "responder", "jonah@example.org", "+15125550114", methods=("sms", "voice")
)
SHIFTS = {ROSA: DAY, JONAH: NIGHT}

PEOPLE = (
    replace(_DANA, methods=("sms", "voice")),
    replace(_LUIS, methods=("sms", "voice"), language="es"),
    ROSA,
    JONAH,
    replace(_MAYA, methods=("sms", "voice", "email")),
    replace(_RAY, methods=("voice", "sms")),
    _SAM,
)

_TOLD: dict[Method, str] = {"sms": "texted", "voice": "called", "email": "mailed"}


async def seed(pool: asyncpg.Pool, *, passwords: Mapping[str, str]) -> None:
    """Write the example's county into an empty database, with these people and their policy."""
    await example.add_county(pool)
    ids = await example.add_people(pool, PEOPLE, passwords=passwords)
    plan_id = await shift_changes.add_plan(pool, jurisdiction=JURISDICTION, name=PLAN, by=BY)
    for person, (from_time, to_time) in SHIFTS.items():
        form = EntryForm(
            person_id=ids[person.email],
            days=list(get_args(Day)),
            from_time=from_time,
            to_time=to_time,
        )
        await shift_changes.add_entry(
            pool, jurisdiction=JURISDICTION, plan_id=plan_id, form=form, by=BY
        )
    tiers = [
        PolicyTier(
            patience_s=patience_s,
            people=example.in_tier(ids, PEOPLE, tier),
            methods=AT_ONCE if tier == MAYAS_TIER else (),
            shifts=(plan_id,) if tier == 1 else (),
        )
        for tier, patience_s in enumerate(PATIENCE_S, start=1)
    ]
    await policies.set_policy(
        pool, jurisdiction=JURISDICTION, name=policies.FIRST_POLICY, tiers=tiers
    )


def prepare_phones(network: PhoneNetwork) -> None:
    """Let the front desk's phones be with a carrier that reports nothing: a call follows a text."""
    for person in SHIFTS:
        if person.phone is not None:
            network.phone(person.phone).condition = Condition.NO_REPORT


def holders() -> list[Holder]:
    """Give whose phones the page shows, tier by tier, and how each of them is told."""
    return [
        Holder(person.name, _role(person), person.phone, _group(person))
        for person in PEOPLE
        if person.phone is not None
    ]


def _group(person: Person) -> str:
    if person.phone == example.ON_CALL_NUMBER:
        return "Told of faults"
    tier = 1 if person in SHIFTS else person.tiers[0]
    after_s = [0.0, *accumulate(PATIENCE_S)][tier - 1]
    return f"Tier {tier}: told {f'after {after_s:g} s' if after_s else 'at once'}"


def _role(person: Person) -> str:
    if person.phone == example.ON_CALL_NUMBER:
        return person.role
    role = "police" if person.outside_agency else person.role
    if person in SHIFTS:
        role = f"{PLAN.lower()} {' to '.join(SHIFTS[person])} in Austin"
    spanish = ", reads Spanish" if person.language == "es" else ""
    words = [_TOLD[method] for method in person.methods]
    if person.tiers and person.tiers[0] == MAYAS_TIER:
        words[: len(AT_ONCE)] = [" and ".join(words[: len(AT_ONCE)])]
    return f"{role}{spanish}: {', then '.join(words)}"
