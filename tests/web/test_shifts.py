"""Plans of who answers, over the API: supervisors change them, everybody looks."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import cast
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest
import pytest_asyncio

from tests.parts import DANA, LUIS, MAYA, Answer
from tests.walk.house import House
from tests.web.client import Client, Json, misfits, problem
from tests.web.counties import NIA, ids_of
from tocsin_server.demo import example
from tocsin_server.people.shift_plans import ShiftPlanView, ShiftsView

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHIFTS = "/api/v1/shifts"
ZONE = ZoneInfo(example.TIME_ZONE)
EVERY_DAY = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


@pytest_asyncio.fixture(loop_scope="session")
async def plan(everybody: dict[str, Client]) -> AsyncIterator[str]:
    """A plan's path, as long as a test lasts."""
    maya = everybody["supervisor"]
    made = view(await maya.ask("POST", SHIFTS, json={"name": "Front desk"}))
    yield f"{SHIFTS}/{made.plan_id}"
    await maya.ask("DELETE", f"{SHIFTS}/{made.plan_id}")


def view(answer: Answer) -> ShiftPlanView:
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=ShiftPlanView)


async def shifts_seen(somebody: Client) -> ShiftsView:
    answer = await somebody.ask("GET", SHIFTS)
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=ShiftsView)


def hours(person_id: str, from_time: str, to_time: str, **changed: object) -> Json:
    entry = {"person_id": person_id, "days": EVERY_DAY, "from_time": from_time, "to_time": to_time}
    return entry | changed


def day(days: int) -> str:
    """A day there: 1 is tomorrow."""
    return (datetime.now(ZONE).date() + timedelta(days=days)).isoformat()


async def test_a_supervisor_plans_the_week_and_every_answer_shows_what_comes_of_it(
    house: House, everybody: dict[str, Client], plan: str
) -> None:
    maya, ids = everybody["supervisor"], await ids_of(house)
    dana, luis = ids[DANA.email], ids[LUIS.email]
    body = hours(dana, "08:00", "20:00", every_weeks=1.0)
    half = view(await maya.ask("POST", f"{plan}/entries", json=body))
    assert len(half.gaps) >= 7
    full = view(await maya.ask("POST", f"{plan}/entries", json=hours(luis, "20:00", "08:00")))
    assert full.gaps == []
    one, other = full.entries
    body = {"from_at": f"{day(1)}T12:00:00-06:00", "until_at": f"{day(1)}T13:00:00-06:00"}
    with_override = view(await maya.ask("POST", f"{plan}/overrides", json=body))
    (override,) = with_override.overrides
    assert (override.says, override.made_by) == ("nobody at all", MAYA.name)
    (gap,) = with_override.gaps
    assert (gap.from_at, gap.until_at) == (override.from_at, override.until_at)
    path = f"{plan}/overrides/{override.override_id}"
    assert view(await maya.ask("DELETE", path)).gaps == []
    body = {"entry_id": str(one.entry_id), "on": day(2)}
    body |= {"other_entry_id": str(other.entry_id), "other_on": day(3)}
    swapped = view(await maya.ask("POST", f"{plan}/swaps", json=body))
    assert [each.says for each in swapped.overrides] == [
        "Luis Herrera instead of Dana Ortiz",
        "Dana Ortiz instead of Luis Herrera",
    ]
    path = f"{plan}/swaps/{swapped.overrides[0].swap_id}"
    assert view(await maya.ask("DELETE", path)).overrides == []
    path = f"{plan}/entries/{other.entry_id}"
    changed = view(await maya.ask("PUT", path, json=hours(luis, "20:00", "07:00")))
    assert changed.entries[1].to_time == "07:00"
    assert changed.gaps != []
    assert len(view(await maya.ask("DELETE", path)).entries) == 1
    assert view(await maya.ask("PUT", plan, json={"name": "Nights"})).name == "Nights"
    assert (await maya.ask("DELETE", plan)).json() == {}
    assert (await shifts_seen(maya)).plans == []


async def test_everybody_of_the_county_sees_who_is_on_in_the_next_seven_days(
    house: House, everybody: dict[str, Client], plan: str
) -> None:
    maya, dana = everybody["supervisor"], (await ids_of(house))[DANA.email]
    body = hours(dana, "00:00", "24:00", valid_until=day(2))
    view(await maya.ask("POST", f"{plan}/entries", json=body))
    for role, somebody in everybody.items():
        seen = await shifts_seen(somebody)
        assert seen.time_zone == example.TIME_ZONE
        assert seen.until_at - seen.from_at == timedelta(days=7)
        if role == "next door":
            assert seen.plans == []
            continue
        (one,) = seen.plans
        assert [[each.name for each in stretch.people] for stretch in one.stretches] == [
            [DANA.name],
            [],
        ]
        assert (one.stretches[0].from_at, one.stretches[1].until_at) == (
            seen.from_at,
            seen.until_at,
        )
        (gap,) = one.gaps
        assert gap.message.startswith("Nobody is on in Front desk from ")


async def test_a_week_is_shown_day_by_day_by_the_clock_on_the_wall(
    house: House, everybody: dict[str, Client], plan: str
) -> None:
    maya, ids = everybody["supervisor"], await ids_of(house)
    view(await maya.ask("POST", f"{plan}/entries", json=hours(ids[DANA.email], "22:00", "06:00")))

    async def week(first: str | None) -> list[tuple[str, list[tuple[str, str, list[str]]]]]:
        answer = await maya.ask("GET", f"{SHIFTS}?day={first}" if first else SHIFTS)
        (shown,) = msgspec.json.decode(answer.body, type=ShiftsView).plans
        return [
            (
                each.day.isoformat(),
                [
                    (span.from_time, span.to_time, [one.name for one in span.people])
                    for span in each.spans
                ],
            )
            for each in shown.week
        ]

    usual = [
        ("00:00", "06:00", [DANA.name]),
        ("06:00", "22:00", []),
        ("22:00", "24:00", [DANA.name]),
    ]
    assert await week(None) == [(day(n), usual) for n in range(7)]
    # The night whose hour comes twice, and the one whose hour is left out.
    assert (await week("2030-11-03"))[0] == ("2030-11-03", usual)
    assert (await week("2030-03-10"))[0] == ("2030-03-10", usual)
    view(await maya.ask("POST", f"{plan}/entries", json=hours(ids[LUIS.email], "01:30", "06:00")))
    assert (await week("2030-11-03"))[0][1][:3] == [
        ("00:00", "01:30 CDT", [DANA.name]),
        ("01:30 CDT", "06:00", [DANA.name, LUIS.name]),
        ("06:00", "22:00", []),
    ]
    answer = await maya.ask("GET", f"{SHIFTS}?day=1026-01-01")
    assert answer.status == 400
    assert "look at its year" in problem(answer).message


async def test_what_is_answered_fits_its_description(
    house: House, everybody: dict[str, Client], plan: str
) -> None:
    maya, ids = everybody["supervisor"], await ids_of(house)
    document = (await maya.ask("GET", "/api/v1/openapi.json")).json()
    body = hours(ids[DANA.email], "08:00", "20:00", every_weeks=2, anchor="2026-01-05")
    view(await maya.ask("POST", f"{plan}/entries", json=body))
    body = {"from_at": f"{day(1)}T12:00:00-06:00", "until_at": f"{day(1)}T13:00:00-06:00"}
    body |= {"person_id": ids[LUIS.email]}
    view(await maya.ask("POST", f"{plan}/overrides", json=body))
    answer = await maya.ask("GET", SHIFTS)
    schema = {"$ref": "#/components/schemas/ShiftsView"}
    assert misfits(msgspec.json.decode(answer.body), schema, document) == []
    paths = cast("dict[str, dict[str, Json]]", document["paths"])
    for methods in (methods for path, methods in paths.items() if path.startswith(SHIFTS)):
        for method, operation in methods.items():
            assert ("requestBody" in operation) == (method in {"post", "put"})


async def test_who_changes_the_plans(house: House, everybody: dict[str, Client], plan: str) -> None:
    dana = (await ids_of(house))[DANA.email]
    body = hours(dana, "08:00", "20:00")
    for role, somebody in everybody.items():
        answer = await somebody.ask("POST", f"{plan}/entries", json=body)
        if role in {"supervisor", "administrator"}:
            entry_id = view(answer).entries[-1].entry_id
            assert (await somebody.ask("DELETE", f"{plan}/entries/{entry_id}")).status == 200
        elif role == "next door":
            assert answer.status == 404
            for method, path in (("PUT", plan), ("DELETE", plan)):
                named = {"name": "Mine"} if method == "PUT" else None
                answer = await somebody.ask(method, path, json=named)
                assert answer.status == 404
                assert "no such plan of shifts in your jurisdiction" in problem(answer).message
        else:
            assert answer.status == 403
            assert "ask one of administrator, supervisor" in problem(answer).message
    (one,) = (await shifts_seen(everybody["auditor"])).plans
    assert (one.name, one.entries) == ("Front desk", [])


async def test_nobody_next_door_is_put_into_a_plan(
    house: House, everybody: dict[str, Client], plan: str
) -> None:
    maya, nia = everybody["supervisor"], (await ids_of(house))[NIA]
    for stranger in (nia, str(uuid4())):
        answer = await maya.ask("POST", f"{plan}/entries", json=hours(stranger, "08:00", "20:00"))
        assert answer.status == 400
        assert "no such person in your jurisdiction" in problem(answer).message


async def test_what_does_not_fit_is_refused_and_changes_nothing(
    house: House, everybody: dict[str, Client], plan: str
) -> None:
    maya, dana = everybody["supervisor"], (await ids_of(house))[DANA.email]
    for path, body in (
        (SHIFTS, {"name": ""}),
        (SHIFTS, {"name": "nul \x00"}),
        (SHIFTS, {"name": "x" * 201}),
        (f"{plan}/entries", hours(dana, "08:00", "08:00")),
        (f"{plan}/entries", hours(dana, "8", "16:00")),
        (f"{plan}/entries", hours(dana, "08:00", "16:00", days=[])),
        (f"{plan}/entries", hours(dana, "08:00", "16:00", days=["Monday"])),
        (f"{plan}/entries", hours(dana, "08:00", "16:00", days=["Mon"] * 8)),
        (f"{plan}/entries", hours(dana, "08:00", "16:00", every_weeks=1.5)),
        (f"{plan}/entries", hours(dana, "08:00", "16:00", every_weeks=2)),
        (f"{plan}/entries", hours(dana, "08:00", "16:00", valid_from="0001-01-01")),
        (f"{plan}/entries", hours(dana, "08:00", "16:00", extra=1)),
        (f"{plan}/overrides", {"from_at": f"{day(1)}T12:00:00Z", "until_at": "9999-12-31T23:59Z"}),
        (f"{plan}/overrides", {"from_at": f"{day(1)}T12:00:00", "until_at": f"{day(2)}T12:00:00"}),
        (f"{plan}/overrides", {"from_at": "0001-01-01T00:00:00+14:00", "until_at": day(1)}),
        (
            f"{plan}/overrides",
            {"from_at": f"{day(2)}T12:00:00Z", "until_at": f"{day(1)}T12:00:00Z"},
        ),
        (f"{plan}/swaps", {"entry_id": str(uuid4()), "on": day(1)}),
    ):
        answer = await maya.ask("POST", path, json=body)
        assert answer.status == 400, (path, body, answer.body)
        problem(answer)
    again = await maya.ask("POST", SHIFTS, json={"name": "Front desk"})
    assert (again.status, problem(again).code) == (409, "refused")
    (one,) = (await shifts_seen(maya)).plans
    assert (one.name, one.entries, one.overrides) == ("Front desk", [], [])
