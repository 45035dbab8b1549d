"""Who answers, and whether anybody will: played through the next seven days without waiting."""

import math
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as datetime_time
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from tests.offices import a_situation
from tocsin_server.channels.channel import Method
from tocsin_server.fleet.answering import answering, outlook, vacant, why_unreachable
from tocsin_server.fleet.directory import (
    Contact,
    Entries,
    Jurisdiction,
    Person,
    Policy,
    PolicyTier,
)
from tocsin_server.fleet.proof import ProofRule
from tocsin_server.people.shifts import Entry, ShiftPlan

HERE = "48453"
CHICAGO = ZoneInfo("America/Chicago")
NOW = datetime(2026, 11, 2, 18, 0, tzinfo=UTC)  # Monday noon there
DANA, LEE = uuid4(), uuid4()
DESK = uuid4()
EVERY_DAY = tuple(range(7))


def contact(method: Method = "sms", *, unreachable: str | None = None, **fields: object) -> Contact:
    usual: dict[str, object] = {
        "contact_id": uuid4(),
        "method": method,
        "address": "+15125550111",
        "verified": True,
        "unreachable": unreachable,
        "quiet_from": None,
        "quiet_to": None,
    }
    return Contact(**(usual | fields))  # type: ignore[arg-type]


def person(person_id: UUID, name: str, *contacts: Contact) -> Person:
    return Person(
        person_id=person_id,
        jurisdiction=HERE,
        name=name,
        email=f"{name}@example.org",
        role="dispatcher",
        outside_agency=False,
        language="en",
        ends_monotonic=math.inf,
        contacts=contacts or (contact(),),
    )


def desk(*, from_hour: int, to_hour: int, who: UUID = LEE) -> ShiftPlan:
    entry = Entry(uuid4(), who, EVERY_DAY, from_hour * 60, to_hour % 24 * 60)
    return ShiftPlan(DESK, HERE, "Front desk", CHICAGO, (entry,))


def entries(
    *people: Person, plan: ShiftPlan | None = None, tiers: tuple[PolicyTier, ...] = ()
) -> Entries:
    policy_id = uuid4()
    rule = ProofRule()
    return Entries(
        jurisdictions={
            HERE: Jurisdiction(HERE, "Travis County", CHICAGO.key, None, policy_id, rule)
        },
        people={each.person_id: each for each in people},
        policies={policy_id: Policy(policy_id, HERE, "Standard", tiers)},
        shift_plans={DESK: plan} if plan else {},
    )


def tier(
    *people: UUID, shifts: tuple[UUID, ...] = (), methods: tuple[Method, ...] = ()
) -> PolicyTier:
    return PolicyTier(patience_s=30, people=list(people), shifts=shifts, methods=methods)


def test_whoever_is_on_is_told_beside_those_who_are_named() -> None:
    known = entries(person(DANA, "Dana"), person(LEE, "Lee"), plan=desk(from_hour=8, to_hour=16))
    (told,) = answering(
        known,
        [tier(DANA, shifts=(DESK,))],
        known.situation(HERE, kind="duress", drill=False, at=NOW),
    )
    assert [(each.name, each.shifts) for each in told.people] == [
        ("Dana", []),
        ("Lee", ["Front desk"]),
    ]


def test_several_methods_at_once_and_what_is_tried_after_them() -> None:
    dana = person(DANA, "Dana", contact("email"), contact("sms"), contact("voice"))
    known = entries(dana)
    (told,) = answering(known, [tier(DANA, methods=("sms", "voice"))], a_situation())
    assert (told.people[0].by, told.people[0].then) == (["sms", "voice"], ["email"])
    (first,) = answering(known, [tier(DANA)], a_situation())
    assert (first.people[0].by, first.people[0].then) == (["email"], ["sms", "voice"])


def test_a_policy_that_always_has_somebody_has_nothing_to_say() -> None:
    known = entries(person(DANA, "Dana"))
    found = outlook(known, [tier(DANA)], jurisdiction=HERE, now=NOW)
    assert found.sentences == []


def test_when_nobody_would_answer_is_said_by_the_clock_on_the_wall() -> None:
    known = entries(person(LEE, "Lee"), plan=desk(from_hour=8, to_hour=16))
    found = outlook(known, [tier(shifts=(DESK,))], jurisdiction=HERE, now=NOW)
    assert found.nobody[0] == "Nobody would answer from Mon 16:00 to Tue 08:00."
    assert len(found.nobody) == 7
    assert found.last_tier == []


def test_a_last_tier_that_is_empty_at_night_is_said_though_others_would_answer() -> None:
    known = entries(person(DANA, "Dana"), person(LEE, "Lee"), plan=desk(from_hour=8, to_hour=16))
    tiers = [tier(DANA), tier(shifts=(DESK,))]
    found = outlook(known, tiers, jurisdiction=HERE, now=NOW)
    assert found.nobody == []
    assert found.last_tier[0].startswith("The last tier has nobody from Mon 16:00 to Tue 08:00")


def test_an_account_that_ends_within_the_week_ends_the_answering() -> None:
    soon = replace(person(DANA, "Dana"), ends_monotonic=time.monotonic() + 86_400)
    found = outlook(entries(soon), [tier(DANA)], jurisdiction=HERE, now=NOW)
    assert found.nobody == ["Nobody would answer from Tue 12:00 on."]


@pytest.mark.parametrize(
    ("contacts", "why"),
    [
        ((), "they have no contact"),
        ((contact(verified=False),), "nobody has confirmed yet that a message reaches them"),
        ((contact(unreachable="a landline"),), "a landline"),
        (
            (contact(quiet_from=datetime_time(0), quiet_to=datetime_time(23, 59, 59)),),
            "they want quiet at this hour",
        ),
        ((contact(unreachable="a landline"), contact("voice")), None),
    ],
)
def test_why_nothing_reaches_somebody_is_said_where_a_policy_is_edited(
    contacts: tuple[Contact, ...], why: str | None
) -> None:
    somebody = replace(person(DANA, "Dana"), contacts=contacts)
    noon = replace(a_situation(kind="assist"), local_time=datetime_time(12))
    assert why_unreachable(somebody, noon) == why


@pytest.mark.parametrize(
    ("hour", "kind", "counts"),
    [
        (23, "assist", False),
        (6, "tamper", False),
        (7, "assist", True),
        (23, "duress", True),
        (2, "cancel", True),
    ],
)
def test_a_quiet_hour_never_holds_back_a_call_for_help(hour: int, kind: str, counts: bool) -> None:
    night = contact(quiet_from=datetime_time(22), quiet_to=datetime_time(7))
    situation = replace(a_situation(kind=kind), local_time=datetime_time(hour))
    assert night.counts(situation) == counts


def test_a_gap_of_a_shift_that_a_tier_names_is_found_before_it_begins() -> None:
    plan = desk(from_hour=8, to_hour=16)
    known = entries(
        person(DANA, "Dana"),
        person(LEE, "Lee"),
        plan=plan,
        tiers=(tier(shifts=(DESK,)), tier(DANA)),
    )
    (gap,) = vacant(known, NOW)
    assert (gap.check, gap.is_now) == ("shift_gap", False)
    assert gap.sentence.startswith("Nobody is on in Front desk from Mon 16:00 to Tue 08:00.")
    found = vacant(known, NOW + timedelta(hours=5))
    assert [(each.check, each.is_now) for each in found] == [
        ("shift_gap", True),
        ("shift_gap", False),
    ]


def test_a_plan_that_no_tier_names_may_have_gaps() -> None:
    known = entries(person(DANA, "Dana"), plan=desk(from_hour=8, to_hour=16), tiers=(tier(DANA),))
    assert vacant(known, NOW) == []


def test_a_last_tier_that_nobody_can_be_reached_in_is_found() -> None:
    gone = person(DANA, "Dana", contact(unreachable="opted out"))
    known = entries(gone, person(LEE, "Lee"), tiers=(tier(LEE), tier(DANA)))
    (found,) = vacant(known, NOW)
    assert (found.check, found.is_now) == ("last_tier_unreachable", True)
