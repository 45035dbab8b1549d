"""Walk tests and the rule of proof by the API: who may do what, and a round from start to end."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio

from tests.parts import DANA, MAYA, PASSWORD, SAM
from tests.walk.house import House, told, until
from tests.web.client import Client, client, misfits, problem
from tocsin_server.demo import example
from tocsin_server.fleet import sites
from tocsin_server.fleet.walk_test import WalkTest
from tocsin_server.people import accounts
from tocsin_server.record import verify_database

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEIGHBOUR, AMOS, ADA = "nora@example.org", "amos@example.org", "ada@example.org"
MAY_WALK = {SAM.email: 200, DANA.email: 200, MAYA.email: 200, ADA: 200, AMOS: 403, NEIGHBOUR: 404}


@dataclass(frozen=True)
class Everybody:
    """Somebody of each role, signed in, and the site they look at."""

    house: House
    people: dict[str, Client]
    path: str

    async def asks(self, email: str, method: str, path: str = "", body: object = None) -> int:
        answer = await self.people[email].ask(method, f"{self.path}{path}", json=body)
        if answer.status != 200:
            problem(answer)
        return answer.status

    async def walk_test(self) -> WalkTest:
        answer = await self.people[SAM.email].ask("GET", self.path)
        return msgspec.convert(answer.json()["walk_test"], type=WalkTest)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(whole_house: House) -> AsyncIterator[dict[str, Client]]:
    async with whole_house.walk.database.pool() as pool:
        await sites.add_jurisdiction(
            pool,
            jurisdiction="48491",
            name="Williamson County",
            time_zone="America/Chicago",
            on_call_number=None,
        )
        for name, email, role, jurisdiction in (
            ("Ada Park", ADA, "administrator", example.JURISDICTION),
            ("Amos Reed", AMOS, "auditor", example.JURISDICTION),
            ("Nora Lind", NEIGHBOUR, "administrator", "48491"),
        ):
            await accounts.add_person(
                pool,
                jurisdiction=jurisdiction,
                name=name,
                email=email,
                phone=None,
                role=role,
                password=PASSWORD,
            )
    async with AsyncExitStack() as stack:
        url = whole_house.walk.server.url
        yield {
            email: await stack.enter_async_context(client(url, email=email)) for email in MAY_WALK
        }


@pytest_asyncio.fixture(loop_scope="session")
async def everybody(house: House, people: dict[str, Client]) -> Everybody:
    listed = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(listed, list)
    clerk = next(each["site_id"] for each in listed if each["name"] == example.CLERK.name)
    return Everybody(house, people, f"/api/v1/sites/{clerk}/walk-test")


async def test_who_may_start_look_at_and_end_a_walk_test(everybody: Everybody) -> None:
    for email, status in MAY_WALK.items():
        assert await everybody.asks(email, "POST", body={"minutes": 5}) == status, email
        looks = 404 if email == NEIGHBOUR else 200
        assert await everybody.asks(email, "GET") == looks
        assert await everybody.asks(email, "POST", "/end", {}) == status, email
    assert not (await everybody.walk_test()).is_open


@pytest.mark.parametrize("minutes", [0, 61, 1.5, "5", None])
async def test_a_walk_test_lasts_an_hour_at_most(everybody: Everybody, minutes: object) -> None:
    before = await everybody.people[SAM.email].ask("GET", everybody.path)
    assert await everybody.asks(SAM.email, "POST", body={"minutes": minutes}) == 400
    assert (await everybody.people[SAM.email].ask("GET", everybody.path)).body == before.body


async def test_what_is_answered_fits_what_is_described(everybody: Everybody) -> None:
    sam, path = everybody.people[SAM.email], everybody.path
    document = (await sam.ask("GET", "/api/v1/openapi.json")).json()
    await everybody.house.sender()
    for method, more in (("POST", ""), ("GET", ""), ("POST", "/end")):
        answer = await sam.ask(method, f"{path}{more}", json={} if method == "POST" else None)
        paths = document["paths"]
        assert isinstance(paths, dict)
        described = paths[f"/api/v1/sites/{{site_id}}/walk-test{more}"][method.lower()]
        schema = described["responses"]["200"]["content"]["application/json"]["schema"]
        assert misfits(answer.json(), schema, document) == []


async def test_a_round_whose_tests_page_nobody_and_whose_second_press_does(
    everybody: Everybody,
) -> None:
    house, sam = everybody.house, everybody.people[SAM.email]
    walked, left = await house.sender(room="Gymnasium"), await house.sender(room="Annex")
    assert await everybody.asks(SAM.email, "POST", body={}) == 200
    await house.screen.until(lambda screen: screen.drills)
    await walked.send(walked.press(drill=True))
    test = await house.alert_of(walked.device_id)
    assert test.drill
    answer = await sam.ask("POST", f"/api/v1/alerts/{test.alert_id}/acknowledge", json={})
    assert answer.status == 200
    await walked.send(walked.press(drill=True))
    real = await house.alert_of(walked.device_id, lambda alert: not alert.drill)
    await house.dana.until_received(f"Reply {real.code} ")
    assert told(house.dana, f"Reply {test.code} ") == []
    # To Sam the second press is as if it weren't there.
    found = {each.device_id: each for each in (await everybody.walk_test()).buttons}
    assert str(found[walked.device_id].alert_id) == test.alert_id
    assert (await sam.ask("GET", f"/api/v1/alerts/{real.alert_id}")).status == 404
    assert await everybody.asks(SAM.email, "POST", "/end", {}) == 200
    over = {each.device_id: each for each in (await everybody.walk_test()).buttons}
    assert (over[walked.device_id].state, over[walked.device_id].room) == ("proven", "Gymnasium")
    assert (over[left.device_id].state, over[left.device_id].room) == ("not_pressed", "Annex")

    async def is_proven() -> bool:
        listed = (await house.screen.get("devices")).json()["devices"]
        assert isinstance(listed, list)
        one = next(each for each in listed if each["device_id"] == walked.device_id)
        return bool(one["last_proven_by"] == SAM.name)

    await until(is_proven)
    await house.now(test, lambda alert: alert.outcome == "test")
    assert (await house.detail_of(real)).state == "open"


async def test_whoever_keeps_buttons_learns_of_a_test_made_real_only_that_it_does_not_count(
    everybody: Everybody,
) -> None:
    house, sam, dana = (everybody.house, *(everybody.people[each.email] for each in (SAM, DANA)))
    walked = await house.sender(room="Vault")
    assert await everybody.asks(SAM.email, "POST", body={}) == 200
    await house.screen.until(lambda screen: screen.drills)
    await walked.send(walked.press(drill=True))
    alert = f"/api/v1/alerts/{(await house.alert_of(walked.device_id)).alert_id}"

    async def reported() -> dict[str, str]:
        answer = await sam.ask("GET", f"{everybody.path}/report?format=csv")
        rows = csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig")))
        return next(row for row in rows if row["button"] == walked.device_id)

    assert (await dana.ask("POST", f"{alert}/actual", json={})).status == 200
    found = {each.device_id: each for each in (await everybody.walk_test()).buttons}
    told = msgspec.structs.asdict(found[walked.device_id])
    of_the_button = {"device_id", "building", "floor", "room", "spot", "condition", "firmware"}
    assert told["state"] == "withdrawn"
    assert {name for name, said in told.items() if said is not None} <= {"state", *of_the_button}
    assert await everybody.asks(SAM.email, "POST", "/end", {}) == 200
    before = await reported()
    assert (await dana.ask("POST", f"{alert}/notes", json={"text": "Going."})).status == 200
    after = await reported()
    assert (after["result"], after["alert_id"], after["closed_by"]) == ("withdrawn", "", "")
    assert after["record_as_of"] == before["record_as_of"]  # nor when anything is done about it


def _said_of_buttons(report: bytes) -> list[dict[str, str]]:
    """A report without the record's head: an alert's chain may grow by what was shown of it."""
    rows = csv.DictReader(io.StringIO(report.decode("utf-8-sig")))
    return [{name: row[name] for name in row if not name.startswith("record_")} for row in rows]


async def test_the_report_is_a_file_and_holds_what_the_record_holds(everybody: Everybody) -> None:
    house = everybody.house
    walked, left = await house.sender(room="Stage"), await house.sender(room="=1+1")
    assert await everybody.asks(SAM.email, "POST", body={}) == 200
    await house.screen.until(lambda screen: screen.drills)
    await walked.send(walked.press(drill=True))
    test = await house.alert_of(walked.device_id)
    await everybody.people[SAM.email].ask(
        "POST", f"/api/v1/alerts/{test.alert_id}/acknowledge", json={}
    )
    assert await everybody.asks(SAM.email, "POST", "/end", {}) == 200
    for email in (SAM.email, AMOS):
        pdf, text = [
            await everybody.people[email].ask("GET", f"{everybody.path}/report?format={form}")
            for form in ("pdf", "csv")
        ]
        assert (pdf.status, text.status) == (200, 200)
        assert pdf.body.startswith(b"%PDF-")
        rows = list(csv.DictReader(io.StringIO(text.body.decode("utf-8-sig"))))
        of = {row["button"]: row for row in rows}
        assert (of[walked.device_id]["result"], of[left.device_id]["result"]) == (
            "proven",
            "not pressed",
        )
        assert of[walked.device_id]["acknowledged_by"] == SAM.name
        assert of[left.device_id]["room"] == "'=1+1"  # no formula to a spreadsheet
    await everybody.house.sender()  # what comes later changes nothing of it
    again = await everybody.people[SAM.email].ask("GET", f"{everybody.path}/report?format=csv")
    assert _said_of_buttons(again.body) == _said_of_buttons(text.body)
    as_of = datetime.fromisoformat(rows[0]["record_as_of"])
    async with house.walk.database.pool() as pool:
        verdict = await verify_database(
            pool,
            jurisdiction=example.JURISDICTION,
            expected_head=rows[0]["record_head"],
            as_of=as_of,
        )
    assert verdict.findings == []


@pytest.mark.parametrize("query", ["format=docx", "paper=legal", "language=fr"])
async def test_a_report_that_nobody_writes_is_refused(everybody: Everybody, query: str) -> None:
    assert await everybody.asks(SAM.email, "GET", f"/report?{query}") == 400


async def test_a_report_is_for_those_who_are_signed_in_and_of_the_county(
    everybody: Everybody,
) -> None:
    assert await everybody.asks(NEIGHBOUR, "GET", "/report") == 404
    path = f"{everybody.path}/report"
    async with client(everybody.house.walk.server.url) as nobody:
        answer = await nobody.ask("GET", path)
    assert (answer.status, problem(answer).code) == (401, "signed_out")
    for wrong in (str(uuid4()), "here", "%00"):
        answer = await everybody.people[SAM.email].ask(
            "GET", f"/api/v1/sites/{wrong}/walk-test/report"
        )
        assert answer.status == 404


async def test_who_may_say_how_often_buttons_are_proven(everybody: Everybody) -> None:
    path = "/api/v1/proof-rule"
    rule = {"every": "week", "elections": ["2026-11-03"], "days_before": 3}
    usual = {"every": "month", "elections": [], "days_before": 7}
    for email, person in everybody.people.items():
        may = email in {MAYA.email, ADA, NEIGHBOUR}
        changed = await person.ask("POST", path, json=rule)
        assert changed.status == (200 if may else 403), email
        kept = (await person.ask("GET", path)).json()
        assert kept == (rule if may else usual)
        if may:
            assert (await person.ask("POST", path, json=usual)).json() == usual


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"every": "week"},
        {"every": "year", "elections": [], "days_before": 7},
        {"every": "week", "elections": ["11/3/2026"], "days_before": 7},
        {"every": "week", "elections": ["2206-11-03"], "days_before": 7},
        {"every": "week", "elections": [], "days_before": 0},
        {"every": "week", "elections": [], "days_before": 1.5},
        {"every": "week", "elections": [], "days_before": 61},
    ],
)
async def test_a_rule_that_is_none_is_refused_with_a_sentence(
    everybody: Everybody, body: dict[str, object]
) -> None:
    maya = everybody.people[MAYA.email]
    before = (await maya.ask("GET", "/api/v1/proof-rule")).body
    answer = await maya.ask("POST", "/api/v1/proof-rule", json=body)
    assert answer.status == 400
    problem(answer)
    assert (await maya.ask("GET", "/api/v1/proof-rule")).body == before
