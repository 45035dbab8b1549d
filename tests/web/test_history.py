"""Past alerts and their figures by HTTP: who gets them, of whom, and as which file."""

import csv
import io

import pytest
import pytest_asyncio

from tests.parts import Alert
from tests.walk.house import House
from tests.web.client import Client, problem
from tocsin_server.alert.latency import set_by_person
from tocsin_server.demo import example

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAST = "/api/v1/alerts/past"
LATENCY = "/api/v1/latency"
FILES = (f"{PAST}/file", f"{LATENCY}/groups/file")


@pytest_asyncio.fixture(loop_scope="session")
async def two(house: House) -> tuple[Alert, Alert]:
    """A real alert and a drill, both over."""
    sites = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    site_id = next(each["site_id"] for each in sites if each["name"] == example.CLERK.name)
    over = []
    for drill, outcome, note in ((False, "actual", "a dog ran by"), (True, "test", "")):
        if drill:
            await house.screen.post("drills", {"site_id": site_id, "minutes": 5})
        sender = await house.sender()
        await sender.send(sender.press(drill=drill))
        alert = await house.alert_of(sender.device_id)
        assert alert.drill is drill
        await house.screen.acknowledge(alert)
        said = {"outcome": outcome, "note": note}
        answer = await house.screen.post(f"alerts/{alert.alert_id}/resolve", said)
        assert answer.status == 200
        over.append(alert)
    return over[0], over[1]


async def ids(somebody: Client, query: str) -> set[str]:
    answer = await somebody.ask("GET", f"{PAST}?{query}")
    assert answer.status == 200, answer.body
    found = answer.json()["alerts"]
    assert isinstance(found, list)
    return {str(each["alert_id"]) for each in found}


async def test_who_may_search_finds_what_they_may_see(
    two: tuple[Alert, Alert], everybody: dict[str, Client]
) -> None:
    real, drill = (alert.alert_id for alert in two)
    for role, somebody in everybody.items():
        seen = await ids(somebody, "")
        if role == "next door":
            assert seen == set()
            assert await ids(somebody, "words=dog") == set()
            continue
        sees_real = role != "facilities"
        assert drill in seen
        assert (real in seen) is sees_real, role
        assert (real in await ids(somebody, "words=dog")) is sees_real
        assert drill in await ids(somebody, "drill=true&outcome=test")
        asked = await somebody.ask("GET", f"{PAST}?drill=false")
        assert asked.status == (200 if sees_real else 403)
        after = await somebody.ask("GET", f"{PAST}?after={real}")
        assert after.status == (200 if sees_real else 404)


async def test_a_neighbour_s_alert_is_no_place_to_go_on_from(
    two: tuple[Alert, Alert], everybody: dict[str, Client]
) -> None:
    answer = await everybody["next door"].ask("GET", f"{PAST}?after={two[0].alert_id}")
    assert answer.status == 404
    assert "search again" in problem(answer).message


async def test_the_files_hold_what_the_pages_show(
    two: tuple[Alert, Alert], everybody: dict[str, Client]
) -> None:
    amos = everybody["auditor"]
    for path in FILES:
        async with amos.session.get(f"{amos.url}{path}?drill=true") as answer:
            assert answer.status == 200
            assert answer.content_type == "text/csv"
            assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
            assert answer.headers["Cache-Control"] == "no-store"
    dogs = await amos.ask("GET", f"{PAST}/file?words=dog")
    rows = list(csv.DictReader(io.StringIO(dogs.body.decode("utf-8-sig"))))
    assert two[0].alert_id in {row["alert_id"] for row in rows}
    assert {row["site"] for row in rows} == {example.CLERK.name}
    empty = await everybody["next door"].ask("GET", f"{PAST}/file")
    assert len(empty.body.decode().splitlines()) == 1


@pytest.mark.parametrize("path", [f"{LATENCY}/groups", *FILES])
async def test_who_keeps_the_buttons_gets_the_figures_of_drills_alone(
    two: tuple[Alert, Alert], everybody: dict[str, Client], path: str
) -> None:
    for role, somebody in everybody.items():
        refused = role == "facilities"
        answer = await somebody.ask("GET", f"{path}?drill=false")
        assert answer.status == (403 if refused else 200), role
        if refused:
            assert "drills only" in problem(answer).message
        assert (await somebody.ask("GET", f"{path}?drill=true")).status == 200


async def test_figures_about_persons_are_refused_until_they_are_allowed(
    house: House, two: tuple[Alert, Alert], everybody: dict[str, Client]
) -> None:
    ada, nia = everybody["administrator"], everybody["next door"]
    for path in (f"{LATENCY}/groups", f"{LATENCY}/groups/file"):
        refused = await ada.ask("GET", f"{path}?by=person")
        assert refused.status == 409
        assert "--latency-by-person on" in problem(refused).message
    async with house.walk.database.pool() as pool:
        await set_by_person(pool, jurisdiction=example.JURISDICTION, allowed=True, by="ada")
    shown = await ada.ask("GET", f"{LATENCY}/groups?by=person")
    assert shown.status == 200
    groups = shown.json()["groups"]
    assert isinstance(groups, list)
    assert "Dana Ortiz" in {each["name"] for each in groups}
    assert (await nia.ask("GET", f"{LATENCY}/groups?by=person")).status == 409


async def test_a_search_that_cannot_be_right_says_so(everybody: dict[str, Client]) -> None:
    path = f"{PAST}?from_day=2026-11-04&until_day=2026-11-03"
    answer = await everybody["dispatcher"].ask("GET", path)
    assert answer.status == 400
    assert "exchange them" in problem(answer).message
