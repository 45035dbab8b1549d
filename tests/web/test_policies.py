"""Who is told, where, and who answers now, over the API."""

import re
from collections.abc import AsyncIterator
from typing import cast
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio

from tests.parts import DANA, LUIS, MAYA, RAY, Answer
from tests.walk.house import House
from tests.web.client import Client, Json, misfits, problem
from tests.web.counties import NIA, ids_of
from tocsin_server.demo import example
from tocsin_server.fleet.policies import Answering, PolicyView, WhoAnswers
from tocsin_server.web.policies import PolicyWritten

pytestmark = pytest.mark.asyncio(loop_scope="session")

POLICIES, ANSWERING, SHIFTS = "/api/v1/policies", "/api/v1/answering", "/api/v1/shifts"
RULERS = ("supervisor", "administrator")
EVERY_DAY = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


@pytest_asyncio.fixture(loop_scope="session")
async def ids(house: House, everybody: dict[str, Client]) -> AsyncIterator[dict[str, str]]:
    """Whose id is which. What a test has written is gone after it."""
    found = await ids_of(house)
    yield found
    async with house.walk.database.connected() as connection:
        await connection.execute("DELETE FROM policy_choice")
        await connection.execute("UPDATE site SET policy_id = NULL")
        await connection.execute("DELETE FROM policy WHERE name <> 'Standard'")
        await connection.execute("DELETE FROM shift_plan")
    # This replica has read of it before the next test.
    answer = await write(everybody["supervisor"], "Tidy", tier(found[MAYA.email]))
    await everybody["supervisor"].ask("DELETE", f"{POLICIES}/{written(answer).policy_id}")


def tier(*people: str, patience_s: float = 30, **more: object) -> Json:
    return {"patience_s": patience_s, "people": list(people)} | more


async def write(somebody: Client, name: str, *tiers: Json, dry_run: bool = False) -> Answer:
    body = {"name": name, "tiers": list(tiers), "dry_run": dry_run}
    return await somebody.ask("POST", POLICIES, json=body)


def written(answer: Answer) -> PolicyWritten:
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=PolicyWritten)


async def policies_seen(somebody: Client) -> dict[str, PolicyView]:
    answer = await somebody.ask("GET", POLICIES)
    found = msgspec.json.decode(answer.body, type=dict[str, list[PolicyView]])["policies"]
    return {each.name: each for each in found}


async def answering(somebody: Client) -> dict[str, Answering]:
    answer = await somebody.ask("GET", ANSWERING)
    assert answer.status == 200, answer.body
    found = msgspec.json.decode(answer.body, type=WhoAnswers)
    assert found.time_zone == example.TIME_ZONE
    return {each.name: each for each in found.policies}


async def clerks_site(somebody: Client) -> str:
    listed = (await somebody.ask("GET", "/api/v1/sites")).json()["sites"]
    assert isinstance(listed, list)
    return next(str(each["site_id"]) for each in listed if each["name"] == example.CLERK.name)


async def front_desk(somebody: Client, person_id: str, from_time: str, to_time: str) -> str:
    """A plan in which one person is on every day for these hours."""
    plan = (await somebody.ask("POST", SHIFTS, json={"name": "Front desk"})).json()
    entry = {"person_id": person_id, "days": EVERY_DAY}
    entry |= {"from_time": from_time, "to_time": to_time}
    where = f"{SHIFTS}/{plan['plan_id']}/entries"
    assert (await somebody.ask("POST", where, json=entry)).status == 200
    return str(plan["plan_id"])


async def test_who_answers_now_is_one_call_for_every_policy_that_holds(
    everybody: dict[str, Client], ids: dict[str, str]
) -> None:
    maya = everybody["supervisor"]
    plan_id = await front_desk(maya, ids[LUIS.email], "00:00", "24:00")
    first = tier(ids[DANA.email], shifts=[plan_id], methods=["sms", "voice"])
    nights = written(await write(maya, "Nights", first, tier(ids[MAYA.email])))
    written(await write(maya, "Unused", tier(ids[MAYA.email])))
    assert list(await answering(maya)) == ["Standard"]
    site_id = await clerks_site(maya)
    for site, kind in ((site_id, None), (None, "assist")):
        body = {"site_id": site, "kind": kind, "policy_id": str(nights.policy_id)}
        assert (await maya.ask("POST", f"{POLICIES}/choose", json=body)).json() == {}
    for role in ("auditor", "facilities", "dispatcher"):
        found = await answering(everybody[role])
        assert list(found) == ["Standard", "Nights"]
        standard, shown = found["Standard"], found["Nights"]
        assert (standard.is_default, shown.is_default) == (True, False)
        assert [(each.site, each.kind) for each in shown.choices] == [
            (example.CLERK.name, None),
            (None, "assist"),
        ]
        told = [(each.name, each.by, each.shifts) for each in shown.tiers[0].people]
        assert told == [(DANA.name, ["sms"], []), (LUIS.name, ["sms"], ["Front desk"])]
        assert shown.outlook.sentences == []
    assert (await everybody["next door"].ask("GET", ANSWERING)).status == 200
    elsewhere = (await everybody["next door"].ask("GET", ANSWERING)).body
    assert b"Nights" not in elsewhere


async def test_a_dry_run_says_when_nobody_would_answer_and_keeps_nothing(
    everybody: dict[str, Client], ids: dict[str, str]
) -> None:
    maya = everybody["supervisor"]
    plan_id = await front_desk(maya, ids[LUIS.email], "08:00", "08:30")
    desk = {"patience_s": 30, "shifts": [plan_id]}
    tried = written(await write(maya, "Nights", desk, dry_run=True))
    assert tried.policy_id is None
    assert len(tried.outlook.nobody) in {7, 8}
    assert all(each.startswith("Nobody would answer ") for each in tried.outlook.nobody)
    assert tried.refused is not None
    assert "it would have nobody" in tried.refused
    answer = await write(maya, "Nights", desk)
    assert answer.status == 400
    assert problem(answer).message == tried.refused
    over = written(await write(maya, "Nights", desk, tier(ids[MAYA.email]), dry_run=True))
    assert (over.refused, over.outlook.nobody) == (None, [])
    (remark,) = over.outlook.remarks
    assert remark.startswith("Tier 1 has nobody ")
    assert re.search(r" and [45] more times: the next tier is told at once then\.$", remark)
    assert "Nights" not in await policies_seen(maya)


async def test_whom_nothing_reaches_is_said_where_the_policy_is_edited(
    house: House, everybody: dict[str, Client], ids: dict[str, str]
) -> None:
    maya = everybody["supervisor"]
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE contact SET unreachable = 'a landline', unreachable_at = clock_timestamp()"
            " WHERE person_id = $1",
            ids[DANA.email],
        )
    tried = written(
        await write(maya, "Nights", tier(ids[DANA.email]), tier(ids[MAYA.email]), dry_run=True)
    )
    assert "Nothing reaches Dana Ortiz in tier 1: a landline." in tried.outlook.remarks


async def test_who_changes_policies(everybody: dict[str, Client], ids: dict[str, str]) -> None:
    standard = (await policies_seen(everybody["auditor"]))["Standard"]
    maya, mayas = everybody["supervisor"], tier(ids[MAYA.email])
    kept = written(await write(maya, "Nights", mayas)).policy_id
    choice = {"site_id": None, "kind": "assist", "policy_id": str(kept)}
    for role in ("dispatcher", "facilities", "auditor"):
        somebody = everybody[role]
        for answer in (
            await write(somebody, "Standard", mayas),
            await write(somebody, "Standard", mayas, dry_run=True),
            await somebody.ask("POST", f"{POLICIES}/choose", json=choice),
            await somebody.ask("DELETE", f"{POLICIES}/{kept}"),
        ):
            assert answer.status == 403
            assert "ask one of administrator, supervisor" in problem(answer).message
    nia = everybody["next door"]
    assert (await nia.ask("DELETE", f"{POLICIES}/{kept}")).status == 404
    assert (await nia.ask("POST", f"{POLICIES}/choose", json=choice)).status == 404
    assert (await write(nia, "Standard", mayas)).status == 404
    now = await policies_seen(maya)
    assert (now["Standard"], now["Nights"].choices) == (standard, [])
    assert now["Nights"].sites == []
    for role in RULERS:
        assert (await everybody[role].ask("POST", f"{POLICIES}/choose", json=choice)).status == 200


async def test_a_policy_that_holds_somewhere_stays(
    everybody: dict[str, Client], ids: dict[str, str]
) -> None:
    maya = everybody["supervisor"]
    kept = written(await write(maya, "Nights", tier(ids[MAYA.email]))).policy_id
    choice = {"site_id": await clerks_site(maya), "kind": None, "policy_id": str(kept)}
    assert (await maya.ask("POST", f"{POLICIES}/choose", json=choice)).status == 200
    answer = await maya.ask("DELETE", f"{POLICIES}/{kept}")
    assert answer.status == 409
    assert "choose another one there first" in problem(answer).message
    choice["policy_id"] = None
    assert (await maya.ask("POST", f"{POLICIES}/choose", json=choice)).status == 200
    assert (await maya.ask("DELETE", f"{POLICIES}/{kept}")).json() == {}
    assert (await maya.ask("DELETE", f"{POLICIES}/{kept}")).status == 404
    standard = (await policies_seen(maya))["Standard"]
    assert (await maya.ask("DELETE", f"{POLICIES}/{standard.policy_id}")).status == 409


@pytest.mark.parametrize(
    ("tiers", "status", "why"),
    [
        ([], 400, "1 to 10 tiers"),
        ([{"patience_s": 30}], 400, "put people in it"),
        ([{"patience_s": 0, "people": ["maya"]}], 400, "tier 1"),
        ([{"patience_s": 30, "people": ["maya", "maya"]}], 400, "in it twice"),
        ([{"patience_s": 30, "people": ["maya"], "methods": ["fax"]}], 400, "methods"),
        ([{"patience_s": 30, "people": ["maya"], "colour": "red"}], 400, "colour"),
        ([{"patience_s": 30, "people": ["nobody"]}], 404, "nobody here has the id"),
        ([{"patience_s": 30, "people": ["nia"]}], 404, "nobody here has the id"),
        ([{"patience_s": 30, "people": ["maya"], "shifts": ["nobody"]}], 404, "no shift plan"),
    ],
)
async def test_a_policy_that_can_not_be_one_is_refused_and_nothing_changes(
    everybody: dict[str, Client], ids: dict[str, str], tiers: list[Json], status: int, why: str
) -> None:
    maya = everybody["supervisor"]
    known = {"maya": ids[MAYA.email], "nia": ids[NIA], "nobody": str(uuid4())}

    def with_ids(given: Json) -> Json:
        members = {key: given[key] for key in ("people", "shifts") if key in given}
        named = {key: [known[each] for each in cast("list[str]", members[key])] for key in members}
        return {**given, **named}

    before = await policies_seen(maya)
    for dry_run in (True, False):
        answer = await write(maya, "Standard", *map(with_ids, tiers), dry_run=dry_run)
        assert answer.status == status, answer.body
        assert why in problem(answer).message
    assert await policies_seen(maya) == before


async def test_what_is_answered_fits_its_description(
    everybody: dict[str, Client], ids: dict[str, str]
) -> None:
    maya = everybody["supervisor"]
    document = (await maya.ask("GET", "/api/v1/openapi.json")).json()
    tried = await write(maya, "Nights", tier(ids[RAY.email]), dry_run=True)
    for answer, name in (
        (tried, "PolicyWritten"),
        (await maya.ask("GET", ANSWERING), "WhoAnswers"),
        (await maya.ask("GET", POLICIES), "Policies"),
    ):
        schema = {"$ref": f"#/components/schemas/{name}"}
        assert misfits(msgspec.json.decode(answer.body), schema, document) == []
