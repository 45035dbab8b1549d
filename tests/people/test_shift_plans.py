"""Plans of who answers, as they are kept: each change whole, each mistake a sentence."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from tests.offices import open_office
from tests.parts import WAIT_S, Database
from tests.walk.house import until
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.fleet.policies import FIRST_POLICY, set_policy
from tocsin_server.people import shift_changes
from tocsin_server.people.accounts import add_person, set_end
from tocsin_server.people.shift_changes import EntryForm, InPlan, OverrideForm, SwapForm
from tocsin_server.people.shift_plans import ShiftPlanView, read_plans, read_shifts
from tocsin_server.people.shifts import ShiftPlan

HERE, NEXT_DOOR = "48453", "48491"
CHICAGO = ZoneInfo("America/Chicago")
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Desk:
    """A plan in one jurisdiction, its people, and somebody of another jurisdiction."""

    pool: asyncpg.Pool
    plan_id: UUID
    dana: UUID
    lee: UUID
    nia: UUID

    @property
    def where(self) -> InPlan:
        return InPlan(jurisdiction=HERE, plan_id=self.plan_id, by="Sam")

    async def add(self, person_id: UUID, hours: str, **changed: object) -> UUID:
        form = self.form(person_id, hours, **changed)
        return await shift_changes.add_entry(self.pool, form=form, **self.where)

    def form(self, person_id: UUID, hours: str, **changed: object) -> EntryForm:
        """Hours as 22:00-06:00, on every day."""
        from_time, _, to_time = hours.partition("-")
        form = EntryForm(
            person_id=person_id,
            days=["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
            from_time=from_time,
            to_time=to_time,
        )
        return msgspec.structs.replace(form, **changed)

    async def override(
        self, hours_from: int, hours_until: int, **people: UUID | None
    ) -> tuple[UUID, datetime]:
        """From so many hours on, until so many; gives its id, and when it begins."""
        begin = await self.in_hours(hours_from)
        form = OverrideForm(from_at=begin, until_at=await self.in_hours(hours_until), **people)
        override_id = await shift_changes.add_override(self.pool, form=form, **self.where)
        return override_id, begin

    async def swap(self, one: UUID, on: date, other: UUID, other_on: date) -> UUID:
        form = SwapForm(entry_id=one, on=on, other_entry_id=other, other_on=other_on)
        return await shift_changes.add_swap(self.pool, form=form, **self.where)

    async def in_hours(self, hours: int) -> datetime:
        now: datetime = await self.pool.fetchval("SELECT clock_timestamp()")
        return now.replace(second=0, microsecond=0) + timedelta(hours=hours)

    async def day(self, days: int) -> date:
        """A day of the jurisdiction: 0 is today."""
        return (await self.in_hours(0)).astimezone(CHICAGO).date() + timedelta(days=days)

    async def plan(self) -> ShiftPlan:
        return (await read_plans(self.pool))[self.plan_id]

    async def shown(self) -> ShiftPlanView:
        shifts = await read_shifts(self.pool, jurisdiction=HERE)
        return next(each for each in shifts.plans if each.plan_id == self.plan_id)


@pytest_asyncio.fixture
async def desk(pool: asyncpg.Pool) -> Desk:
    office = await open_office(pool, jurisdiction=HERE)
    neighbour = await open_office(pool, jurisdiction=NEXT_DOOR)
    lee = await add_person(
        pool,
        jurisdiction=HERE,
        name="Lee Park",
        email="lee@example.org",
        phone="+15125550141",
        role="dispatcher",
    )
    plan_id = await shift_changes.add_plan(pool, jurisdiction=HERE, name=" Front  desk", by="Sam")
    return Desk(pool, plan_id, office.dispatcher, lee, neighbour.dispatcher)


async def test_a_plan_begins_empty_is_renamed_and_removed_with_all_that_is_in_it(
    desk: Desk,
) -> None:
    shown = await desk.shown()
    assert (shown.name, shown.entries) == ("Front desk", [])
    assert [gap.message for gap in shown.gaps] == [
        "Nobody is on in Front desk now, nor in the next 7 days."
    ]
    one, other = await desk.add(desk.dana, "00:00-24:00"), await desk.add(desk.lee, "08:00-16:00")
    await desk.override(1, 2, person_id=desk.lee, instead_of=desk.dana)
    await desk.swap(one, await desk.day(2), other, await desk.day(3))
    await shift_changes.rename_plan(desk.pool, name="Nights", **desk.where)
    assert (await desk.plan()).name == "Nights"
    await shift_changes.remove_plan(desk.pool, **desk.where)
    assert await read_plans(desk.pool) == {}
    assert await desk.pool.fetchval("SELECT count(*) FROM shift_override") == 0


async def test_what_is_read_is_what_was_written(desk: Desk) -> None:
    first, last, anchor = date(2026, 10, 19), date(2026, 11, 8), date(2026, 10, 21)
    await desk.add(
        desk.dana,
        "22:00-06:00",
        days=["Fri", "Mon", "Mon"],
        valid_from=first,
        valid_until=last,
        every_weeks=2.0,
        anchor=anchor,
    )
    await desk.add(desk.lee, "16:00-00:00", anchor=anchor)
    one, other = (await desk.shown()).entries
    assert (one.name, one.days, one.from_time, one.to_time) == (
        "Dana Ortiz",
        ["Mon", "Fri"],
        "22:00",
        "06:00",
    )
    assert (one.valid_from, one.valid_until, one.every_weeks, one.anchor) == (
        first,
        last,
        2,
        anchor,
    )
    assert (other.name, other.to_time, other.every_weeks, other.anchor) == (
        "Lee Park",
        "24:00",
        1,
        None,
    )
    plan = await desk.plan()
    assert [entry.days for entry in plan.entries] == [(0, 4), (0, 1, 2, 3, 4, 5, 6)]
    assert (plan.jurisdiction, plan.zone) == (HERE, CHICAGO)


async def test_an_entry_is_changed_as_a_whole_and_keeps_its_place(desk: Desk) -> None:
    first = await desk.add(desk.dana, "00:00-24:00", every_weeks=2, anchor=await desk.day(0))
    await desk.add(desk.lee, "00:00-24:00")
    form = desk.form(desk.lee, "08:00-16:00")
    await shift_changes.change_entry(desk.pool, entry_id=first, form=form, **desk.where)
    one, _ = (await desk.shown()).entries
    assert (one.entry_id, one.name, one.from_time, one.every_weeks) == (
        first,
        "Lee Park",
        "08:00",
        1,
    )
    await shift_changes.remove_entry(desk.pool, entry_id=first, **desk.where)
    assert [entry.from_time for entry in (await desk.shown()).entries] == ["00:00"]


WRONG: dict[str, tuple[Mapping[str, object], str]] = {
    "no time": ({"from_time": "08:00", "to_time": "08:00"}, "for a whole day write 00:00 to 24:00"),
    "no clock": ({"from_time": "8 am"}, "no time of day"),
    "after the end of the day": ({"to_time": "24:01"}, "no time of day"),
    "24:00 is no beginning": ({"from_time": "24:00"}, "write 00:00, and the day after"),
    "no days": ({"days": []}, "at least one day"),
    "no anchor": ({"every_weeks": 3}, "from which day the 3 weeks are counted"),
    "never": ({"every_weeks": 0}, "write 1 to 52"),
    "seldom": ({"every_weeks": 53, "anchor": date(2026, 1, 1)}, "write 1 to 52"),
    "long ago": ({"valid_from": date(1026, 1, 1)}, "look at its year"),
    "back in time": (
        {"valid_from": date(2026, 11, 3), "valid_until": date(2026, 11, 2)},
        "2026-11-02 is before 2026-11-03",
    ),
    "no such day in that time": (
        {"valid_from": date(2026, 11, 3), "valid_until": date(2026, 11, 5), "days": ["Mon"]},
        "it is never their turn",
    ),
}


async def test_hours_that_are_none_are_refused_and_change_nothing(desk: Desk) -> None:
    entry_id = await desk.add(desk.dana, "00:00-24:00")
    before = await desk.plan()
    for changed, says in WRONG.values():
        form = desk.form(desk.lee, "08:00-16:00", **changed)
        with pytest.raises(Invalid, match=says):
            await shift_changes.add_entry(desk.pool, form=form, **desk.where)
        with pytest.raises(Invalid, match=says):
            await shift_changes.change_entry(desk.pool, entry_id=entry_id, form=form, **desk.where)
    assert await desk.plan() == before


async def test_nobody_of_another_jurisdiction_or_unknown_is_put_into_a_plan(desk: Desk) -> None:
    await desk.add(desk.dana, "00:00-24:00")
    before = await desk.plan()
    for stranger in (desk.nia, uuid4()):
        with pytest.raises(Invalid, match="no such person in your jurisdiction"):
            await desk.add(stranger, "08:00-16:00")
        with pytest.raises(Invalid, match="no such person in your jurisdiction"):
            await desk.override(1, 2, person_id=stranger)
        with pytest.raises(Invalid, match="no such person in your jurisdiction"):
            await desk.override(1, 2, person_id=desk.lee, instead_of=stranger)
    assert await desk.plan() == before


async def test_nothing_of_another_jurisdictions_plan_is_read_or_changed(desk: Desk) -> None:
    entry_id = await desk.add(desk.dana, "00:00-24:00")
    override_id, _ = await desk.override(1, 2, person_id=desk.lee)
    before = await desk.plan()
    assert await read_plans(desk.pool, jurisdiction=NEXT_DOOR) == {}
    assert (await read_shifts(desk.pool, jurisdiction=NEXT_DOOR)).plans == []
    form, changes = desk.form(desk.nia, "08:00-16:00"), shift_changes
    span = OverrideForm(from_at=await desk.in_hours(1), until_at=await desk.in_hours(2))
    swap = SwapForm(
        entry_id=entry_id, on=await desk.day(1), other_entry_id=entry_id, other_on=await desk.day(2)
    )
    where = InPlan(jurisdiction=NEXT_DOOR, plan_id=desk.plan_id, by="Nia")
    for attempt in (
        changes.rename_plan(desk.pool, name="Mine", **where),
        changes.remove_plan(desk.pool, **where),
        changes.add_entry(desk.pool, form=form, **where),
        changes.change_entry(desk.pool, entry_id=entry_id, form=form, **where),
        changes.remove_entry(desk.pool, entry_id=entry_id, **where),
        changes.add_override(desk.pool, form=span, **where),
        changes.remove_override(desk.pool, override_id=override_id, **where),
        changes.add_swap(desk.pool, form=swap, **where),
        changes.remove_swap(desk.pool, swap_id=uuid4(), **where),
    ):
        with pytest.raises(NotFound, match="no such plan of shifts in your jurisdiction"):
            await attempt
    assert await desk.plan() == before


async def test_an_override_holds_says_what_it_does_and_is_taken_back(desk: Desk) -> None:
    await desk.add(desk.dana, "00:00-24:00")
    replaced, begin = await desk.override(2, 3, person_id=desk.lee, instead_of=desk.dana)
    await desk.override(4, 5, person_id=desk.lee)
    await desk.override(6, 7, instead_of=desk.dana)
    await desk.override(8, 9)
    plan = await desk.plan()
    assert [plan.on(begin + timedelta(hours=hours)) for hours in (0, 1, 2, 4, 6)] == [
        (desk.lee,),
        (desk.dana,),
        (desk.dana, desk.lee),
        (),
        (),
    ]
    assert [(each.says, each.made_by) for each in (await desk.shown()).overrides] == [
        ("Lee Park instead of Dana Ortiz", "Sam"),
        ("Lee Park as well", "Sam"),
        ("nobody instead of Dana Ortiz", "Sam"),
        ("nobody at all", "Sam"),
    ]
    assert len((await desk.shown()).gaps) == 2
    await shift_changes.remove_override(desk.pool, override_id=replaced, **desk.where)
    assert (await desk.plan()).on(begin) == (desk.dana,)
    with pytest.raises(NotFound, match="no such override in Front desk"):
        await shift_changes.remove_override(desk.pool, override_id=replaced, **desk.where)


async def test_an_override_that_is_over_is_not_shown_but_asked_about_where_it_matters(
    desk: Desk,
) -> None:
    await desk.add(desk.dana, "00:00-24:00")
    override_id, begin = await desk.override(1, 2, person_id=desk.lee)
    for days in (1, 3):
        await desk.pool.execute(
            "UPDATE shift_override SET from_at = from_at - $1::interval,"
            " until_at = until_at - $1::interval",
            timedelta(days=days),
        )
        assert (await desk.shown()).overrides == []
    past = begin - timedelta(days=4)
    assert (await desk.plan()).on(past) == (desk.dana,), "nobody asks about it at a press"
    plans = await read_plans(desk.pool, since=past)
    assert plans[desk.plan_id].on(past) == (desk.dana, desk.lee)
    with pytest.raises(NotFound, match="or it is over"):
        await shift_changes.remove_override(desk.pool, override_id=override_id, **desk.where)


async def test_an_override_that_can_not_be_meant_is_refused(desk: Desk) -> None:
    await desk.add(desk.dana, "00:00-24:00")
    before, now = await desk.plan(), await desk.in_hours(0)

    async def refused(says: str, from_at: datetime, until_at: datetime, **people: UUID) -> None:
        form = OverrideForm(from_at=from_at, until_at=until_at, **people)
        with pytest.raises(Invalid, match=says):
            await shift_changes.add_override(desk.pool, form=form, **desk.where)

    one, two = now + 60 * MINUTE, now + 120 * MINUTE
    await refused("ends before it begins", two, one)
    await refused("ends before it begins", one, one)
    await refused("that time is over", now - 60 * MINUTE, now - MINUTE)
    await refused("92 days at most", one, two + timedelta(days=92))
    await refused("write no seconds", one + timedelta(seconds=1), two)
    await refused("needs its zone", one.replace(tzinfo=None), two)
    await refused("look at its year", one, datetime(2206, 11, 3, tzinfo=UTC))
    await refused(
        "nobody takes their own place", one, two, person_id=desk.dana, instead_of=desk.dana
    )
    await refused("isn't on in Front desk in that time", one, two, instead_of=desk.lee)
    assert await desk.plan() == before


async def test_two_people_swap_and_both_halves_are_undone_together(desk: Desk) -> None:
    dana, lee = await desk.add(desk.dana, "20:00-08:00"), await desk.add(desk.lee, "08:00-20:00")
    on, other_on = await desk.day(2), await desk.day(4)
    before = await desk.plan()
    swap_id = await desk.swap(dana, on, lee, other_on)
    plan, (one, other) = await desk.plan(), before.entries
    (night, morning), (day, evening) = one.on(on, CHICAGO), other.on(other_on, CHICAGO)
    for changed, then in ((plan, (desk.lee, desk.dana)), (before, (desk.dana, desk.lee))):
        assert changed.on(night) == changed.on(morning - MINUTE) == (then[0],)
        assert changed.on(day) == changed.on(evening - MINUTE) == (then[1],)
    assert plan.on(night - MINUTE) == before.on(night - MINUTE) == (desk.lee,)
    assert plan.on(morning) == before.on(morning) == (desk.lee,)
    shown = (await desk.shown()).overrides
    assert [(each.says, each.swap_id) for each in shown] == [
        ("Lee Park instead of Dana Ortiz", swap_id),
        ("Dana Ortiz instead of Lee Park", swap_id),
    ]
    with pytest.raises(Refused, match="half of a swap"):
        await shift_changes.remove_override(
            desk.pool, override_id=shown[0].override_id, **desk.where
        )
    await shift_changes.remove_swap(desk.pool, swap_id=swap_id, **desk.where)
    assert await desk.plan() == before
    with pytest.raises(NotFound, match="no such swap in Front desk"):
        await shift_changes.remove_swap(desk.pool, swap_id=swap_id, **desk.where)


async def test_two_who_are_on_at_the_same_time_may_swap_their_hours(desk: Desk) -> None:
    dana, lee = await desk.add(desk.dana, "08:00-16:00"), await desk.add(desk.lee, "12:00-20:00")
    on = await desk.day(1)
    await desk.swap(dana, on, lee, on)
    plan = await desk.plan()
    begin, _ = plan.entries[0].on(on, CHICAGO)
    hours = [plan.on(begin + timedelta(hours=hours)) for hours in (0, 4, 8)]
    assert hours == [(desk.lee,), (desk.lee, desk.dana), (desk.dana,)]


async def test_a_swap_that_can_not_be_meant_is_refused(desk: Desk) -> None:
    dana, lee = await desk.add(desk.dana, "20:00-08:00"), await desk.add(desk.lee, "08:00-20:00")
    danas = await desk.add(desk.dana, "00:00-24:00", days=["Mon"])
    on, other_on = await desk.day(2), await desk.day(4)
    no_monday = other_on if other_on.weekday() != 0 else await desk.day(3)
    before = await desk.plan()
    for one, day, other, other_day, says in (
        (dana, on, danas, other_on, "the same person's"),
        (lee, on, danas, no_monday, r"from 00:00 \(Mon\) doesn't begin on"),
        (lee, on, dana, date.max, "doesn't begin on 9999-12-31"),
        (dana, await desk.day(-2), lee, on, "is over"),
    ):
        with pytest.raises(Invalid, match=says):
            await desk.swap(one, day, other, other_day)
    with pytest.raises(Invalid, match="no such entry in Front desk"):
        await desk.swap(dana, on, uuid4(), other_on)
    assert await desk.plan() == before
    await desk.swap(dana, on, lee, other_on)
    with pytest.raises(Refused, match=f"This entry is swapped on {other_on}: undo that swap"):
        await desk.swap(dana, await desk.day(3), lee, other_on)


async def test_an_entry_that_is_swapped_stays_as_people_have_agreed_on_it(desk: Desk) -> None:
    dana, lee = await desk.add(desk.dana, "20:00-08:00"), await desk.add(desk.lee, "08:00-20:00")
    swap_id = await desk.swap(dana, await desk.day(2), lee, await desk.day(4))
    form = desk.form(desk.lee, "08:00-16:00")
    for entry_id in (dana, lee):
        with pytest.raises(Refused, match="undo that swap first"):
            await shift_changes.change_entry(desk.pool, entry_id=entry_id, form=form, **desk.where)
        with pytest.raises(Refused, match="undo that swap first"):
            await shift_changes.remove_entry(desk.pool, entry_id=entry_id, **desk.where)
    await shift_changes.remove_swap(desk.pool, swap_id=swap_id, **desk.where)
    await shift_changes.remove_entry(desk.pool, entry_id=dana, **desk.where)
    with pytest.raises(NotFound, match="no such entry in Front desk"):
        await shift_changes.remove_entry(desk.pool, entry_id=dana, **desk.where)


async def test_a_swap_that_is_over_keeps_no_entry(desk: Desk) -> None:
    dana, lee = await desk.add(desk.dana, "20:00-08:00"), await desk.add(desk.lee, "08:00-20:00")
    await desk.swap(dana, await desk.day(2), lee, await desk.day(4))
    await desk.pool.execute(
        "UPDATE shift_override SET from_at = from_at - interval '9 days',"
        " until_at = until_at - interval '9 days'"
    )
    await shift_changes.remove_entry(desk.pool, entry_id=dana, **desk.where)
    assert [entry.entry_id for entry in (await desk.plan()).entries] == [lee]


async def test_whose_account_ends_is_on_until_then_and_shown_as_ended(desk: Desk) -> None:
    await desk.add(desk.lee, "00:00-24:00")
    await set_end(desk.pool, jurisdiction=HERE, person_id=desk.lee, ends_on=await desk.day(1))
    shown = await desk.shown()
    assert [len(stretch.people) for stretch in shown.stretches] == [1, 0]
    assert shown.gaps[0].from_at.astimezone(CHICAGO).date() == await desk.day(2)
    assert not shown.entries[0].has_ended
    await set_end(desk.pool, jurisdiction=HERE, person_id=desk.lee, ends_on=await desk.day(-1))
    shown = await desk.shown()
    assert shown.entries[0].has_ended
    assert [gap.message for gap in shown.gaps] == [
        "Nobody is on in Front desk now, nor in the next 7 days."
    ]


async def test_a_plan_that_a_policy_tells_is_not_removed(desk: Desk) -> None:
    await desk.pool.execute(
        "UPDATE policy SET tiers = jsonb_build_array(jsonb_build_object('patience_s', 30, 'people',"
        " '[]'::jsonb, 'shifts', jsonb_build_array($1::text))) WHERE jurisdiction = $2",
        str(desk.plan_id),
        HERE,
    )
    with pytest.raises(Refused, match=f"{FIRST_POLICY} tells whoever is on in Front desk"):
        await shift_changes.remove_plan(desk.pool, **desk.where)
    await set_policy(
        desk.pool,
        jurisdiction=HERE,
        name=FIRST_POLICY,
        tiers=[PolicyTier(patience_s=30, people=[desk.dana])],
    )
    await shift_changes.remove_plan(desk.pool, **desk.where)
    assert await read_plans(desk.pool) == {}


async def test_a_name_is_one_plans_in_its_jurisdiction(desk: Desk) -> None:
    other = await shift_changes.add_plan(desk.pool, jurisdiction=HERE, name="Nights", by="Sam")
    with pytest.raises(Refused, match="There is a plan Front desk already"):
        await shift_changes.add_plan(desk.pool, jurisdiction=HERE, name="Front desk", by="Sam")
    with pytest.raises(Refused, match="There is a plan Nights already"):
        await shift_changes.rename_plan(desk.pool, name="Nights", **desk.where)
    for nothing in ("", " ", "x" * 201, "a\x00b"):
        with pytest.raises(Invalid, match="the plan's name"):
            await shift_changes.rename_plan(desk.pool, name=nothing, **desk.where)
    await shift_changes.add_plan(desk.pool, jurisdiction=NEXT_DOOR, name="Front desk", by="Nia")
    names = [plan.name for plan in (await read_plans(desk.pool, jurisdiction=HERE)).values()]
    assert names == ["Front desk", "Nights"]
    assert (await desk.plan()).plan_id != other


async def test_there_are_only_so_many_plans_entries_and_overrides(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PLANS_MAX", "ENTRIES_MAX", "OVERRIDES_MAX"):
        monkeypatch.setattr(shift_changes, name, 1)
    with pytest.raises(Refused, match="There are 1 plans already"):
        await shift_changes.add_plan(desk.pool, jurisdiction=HERE, name="Nights", by="Sam")
    entry_id = await desk.add(desk.dana, "00:00-24:00")
    with pytest.raises(Refused, match="Front desk has 1 entries already"):
        await desk.add(desk.lee, "00:00-24:00")
    await desk.override(1, 2, person_id=desk.lee)
    with pytest.raises(Refused, match="Front desk has 1 overrides to come"):
        await desk.override(3, 4, person_id=desk.lee)
    with pytest.raises(Refused, match="Front desk has 1 overrides to come"):
        await desk.swap(entry_id, await desk.day(1), entry_id, await desk.day(2))


async def test_what_is_put_into_a_plan_that_is_removed_meanwhile_is_refused(
    desk: Desk, database: Database
) -> None:
    async with database.connected() as connection:
        removing = connection.transaction()
        await removing.start()
        await connection.execute("DELETE FROM shift_plan")
        adding = asyncio.create_task(desk.add(desk.dana, "08:00-16:00"))

        async def waits() -> bool:
            waiting = await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(waiting)

        await until(waits)
        await removing.commit()
    with pytest.raises(Refused, match="Somebody has just removed what this belongs to"):
        await adding
    assert await read_plans(desk.pool) == {}


async def test_the_directory_is_told_of_every_change_of_a_plan(
    desk: Desk, database: Database
) -> None:
    entry_id = await desk.add(desk.dana, "00:00-24:00")
    override_id, _ = await desk.override(1, 2, person_id=desk.lee)
    told = asyncio.Event()
    async with database.connected() as connection:
        await connection.add_listener("tocsin_directory", lambda *_: told.set())
        for change in (
            desk.add(desk.lee, "08:00-16:00"),
            shift_changes.remove_override(desk.pool, override_id=override_id, **desk.where),
            shift_changes.remove_entry(desk.pool, entry_id=entry_id, **desk.where),
            shift_changes.rename_plan(desk.pool, name="Nights", **desk.where),
            shift_changes.remove_plan(desk.pool, **desk.where),
        ):
            told.clear()
            await change
            await asyncio.wait_for(told.wait(), WAIT_S)
