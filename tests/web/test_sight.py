"""Who sees and does what: a role beside every way to an alert, a drill and a real one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from tests.parts import DANA, MAYA, PASSWORD, SAM, WAIT_S, Alert
from tests.walk.house import House, Sender
from tests.web.client import Client, Json, client, problem
from tocsin_server.demo import example
from tocsin_server.people import accounts
from tocsin_server.people.sight import may_see

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADA, AMOS = "ada@example.org", "amos@example.org"
EMAILS = {
    "dispatcher": DANA.email,
    "supervisor": MAYA.email,
    "administrator": ADA,
    "auditor": AMOS,
    "facilities": SAM.email,
}
ROLES = tuple(EMAILS)
LOOK_ONLY = 403
NOT_THERE = 404

# What each act comes to, on a drill and on a real alert. Those who aren't named are refused.
MAY_ACT: dict[str, dict[str, tuple[int, int]]] = {
    act: dict.fromkeys(("dispatcher", "supervisor", "administrator"), (200, 200))
    for act in ("acknowledge", "notes", "resolve")
}
MAY_ACT["acknowledge"]["facilities"] = (200, NOT_THERE)
MAY_ACT["resolve"]["facilities"] = (200, NOT_THERE)
BODIES: dict[str, object] = {
    "notes": {"text": "a note"},
    "resolve": {"outcome": "test"},
}


@dataclass(frozen=True)
class Two:
    """A drill and a real alert of one county, both open."""

    house: House
    site_id: str
    real: Alert
    drill: Alert
    sender: Sender  # of the drill


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(whole_house: House) -> None:
    """Somebody of every role that signs in."""
    async with whole_house.walk.database.pool() as pool:
        for name, email, role in (
            ("Ada Park", ADA, "administrator"),
            ("Amos Reed", AMOS, "auditor"),
        ):
            await accounts.add_person(
                pool,
                jurisdiction=example.JURISDICTION,
                name=name,
                email=email,
                phone=None,
                role=role,
                password=PASSWORD,
            )


@pytest_asyncio.fixture(loop_scope="module")
async def two(house: House, everybody: None) -> Two:
    """One of each kind, from two buttons of one site."""
    real = await house.sender()
    await real.send(real.press())
    real_alert = await house.alert_of(real.device_id)
    site_id = await clerks_site(house)
    async with client(house.walk.server.url, email=SAM.email) as sam:
        opened = await sam.ask("POST", "/api/v1/drills", json={"site_id": site_id, "minutes": 5})
        assert opened.status == 200, opened.body
    drill = await house.sender()
    await drill.send(drill.press(drill=True))
    drill_alert = await house.alert_of(drill.device_id)
    assert (real_alert.drill, drill_alert.drill) == (False, True)
    return Two(house, site_id, real_alert, drill_alert, drill)


async def clerks_site(house: House) -> str:
    listed = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(listed, list)
    return next(str(each["site_id"]) for each in listed if each["name"] == example.CLERK.name)


@asynccontextmanager
async def signed_in(house: House, role: str) -> AsyncIterator[Client]:
    async with client(house.walk.server.url, email=EMAILS[role]) as somebody:
        yield somebody


async def listed(somebody: Client, path: str) -> set[str]:
    answer = await somebody.ask("GET", path)
    assert answer.status == 200, answer.body
    found = answer.json()["alerts"]
    assert isinstance(found, list)
    return {str(each["alert_id"]) for each in found}


async def next_frame(socket: aiohttp.ClientWebSocketResponse) -> Json:
    frame: Json = msgspec.json.decode(await socket.receive_str(timeout=WAIT_S))
    return frame


async def until_frame(
    socket: aiohttp.ClientWebSocketResponse, kind: str, **holds: object
) -> list[Json]:
    """Every frame up to the first of this kind whose alert has these fields."""
    frames = []
    while True:
        frame = await next_frame(socket)
        frames.append(frame)
        alert = frame.get("alert")
        known = alert if isinstance(alert, dict) else frame
        if frame["type"] == kind and all(known.get(name) == holds[name] for name in holds):
            return frames


@pytest.mark.parametrize("role", accounts.ROLES)
async def test_only_who_keeps_the_buttons_sees_nothing_but_drills(role: str) -> None:
    assert may_see(role, drill=True)
    assert may_see(role, drill=False) is (role != "facilities")


@pytest.mark.parametrize("role", ROLES)
async def test_a_real_alert_is_as_if_it_were_not_there_for_who_keeps_the_buttons(
    two: Two, role: str
) -> None:
    sees_real = role != "facilities"
    real, drill = two.real.alert_id, two.drill.alert_id
    async with signed_in(two.house, role) as somebody:
        for path in ("/api/v1/alerts", "/api/v1/alerts?state=all&limit=1000"):
            found = await listed(somebody, path)
            assert drill in found
            assert (real in found) is sees_real
        shown = await somebody.ask("GET", f"/api/v1/alerts/{real}")
        assert shown.status == (200 if sees_real else NOT_THERE)
        assert (await somebody.ask("GET", f"/api/v1/alerts/{drill}")).status == 200
        async with somebody.session.ws_connect(f"{somebody.url}/api/v1/live") as socket:
            snapshot = await next_frame(socket)
        alerts = snapshot["alerts"]
        assert isinstance(alerts, list)
        assert {each["alert_id"] for each in alerts} == ({real, drill} if sees_real else {drill})
        latency = await somebody.ask("GET", "/api/v1/latency?drill=false")
        assert latency.status == (200 if sees_real else LOOK_ONLY)
        assert (await somebody.ask("GET", "/api/v1/latency?drill=true")).status == 200


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("act", MAY_ACT)
async def test_who_may_act_on_a_drill_and_on_a_real_alert(two: Two, role: str, act: str) -> None:
    on_drill, on_real = MAY_ACT[act].get(role, (LOOK_ONLY, LOOK_ONLY))
    body = BODIES.get(act, {})
    async with signed_in(two.house, role) as somebody:
        for alert, status in ((two.real, on_real), (two.drill, on_drill)):
            before = await two.house.detail_of(alert)
            answer = await somebody.ask("POST", f"/api/v1/alerts/{alert.alert_id}/{act}", json=body)
            assert answer.status == status, answer.body
            if status != 200:
                assert problem(answer)
                assert await two.house.detail_of(alert) == before


async def test_who_keeps_the_buttons_closes_tests_as_tests(two: Two) -> None:
    path = f"/api/v1/alerts/{two.drill.alert_id}/resolve"
    async with signed_in(two.house, "facilities") as sam:
        for outcome in ("actual", "false_alarm", "unknown"):
            answer = await sam.ask("POST", path, json={"outcome": outcome})
            assert answer.status == 409
            assert "as a test" in problem(answer).message
        assert (await two.house.detail_of(two.drill)).state == "open"


async def test_a_drill_made_real_vanishes_from_the_page_of_who_keeps_the_buttons(two: Two) -> None:
    alert_id = two.drill.alert_id
    async with (
        signed_in(two.house, "facilities") as sam,
        sam.session.ws_connect(f"{sam.url}/api/v1/live") as socket,
    ):
        assert (await next_frame(socket))["type"] == "snapshot"
        await two.house.screen.post(f"alerts/{alert_id}/actual")
        seen = await until_frame(socket, "alert_gone", alert_id=alert_id)
        real = [each for each in seen if each["type"] == "alert"]
        assert all(isinstance(each["alert"], dict) and each["alert"]["drill"] for each in real)
        for path in ("acknowledge", "resolve"):
            answer = await sam.ask(
                "POST", f"/api/v1/alerts/{alert_id}/{path}", json=BODIES.get(path, {})
            )
            assert answer.status == NOT_THERE
        assert (await sam.ask("GET", f"/api/v1/alerts/{alert_id}")).status == NOT_THERE
    assert (await two.house.detail_of(two.drill)).state == "open"


async def test_nothing_but_drills_comes_by_the_live_line_of_who_keeps_the_buttons(
    two: Two,
) -> None:
    house = two.house
    real = await house.sender()
    async with (
        signed_in(house, "facilities") as sam,
        sam.session.ws_connect(f"{sam.url}/api/v1/live") as socket,
    ):
        assert (await next_frame(socket))["type"] == "snapshot"
        await real.send_raw(b"nonsense")
        await real.send(real.press())
        await house.alert_of(real.device_id)
        await house.screen.until(lambda screen: screen.doubtful)
        await two.sender.send(two.sender.press(drill=True))
        seen = await until_frame(socket, "alert", device_id=two.sender.device_id, presses=2)
    assert {each["type"] for each in seen} <= {"alert", "device", "drills", "pulse"}
    for frame in seen:
        if isinstance(frame.get("alert"), dict):
            assert frame["alert"]["drill"]


@pytest.mark.parametrize("role", ROLES)
async def test_who_may_start_and_end_a_drill(house: House, everybody: None, role: str) -> None:
    may = role != "auditor"
    body = {"site_id": await clerks_site(house), "minutes": 5}
    async with signed_in(house, role) as somebody:
        opened = await somebody.ask("POST", "/api/v1/drills", json=body)
        assert opened.status == (200 if may else LOOK_ONLY), opened.body
        if may:
            drill_id = opened.json()["drill_id"]
            ended = await somebody.ask("POST", f"/api/v1/drills/{drill_id}/end", json={})
            assert ended.status == 200


@pytest.mark.parametrize("role", ROLES)
async def test_who_may_make_a_code_and_watch_it(house: House, everybody: None, role: str) -> None:
    may = role in {"facilities", "supervisor", "administrator"}
    body = {"site_id": await clerks_site(house), "room": "Vault", "spot": "Door"}
    async with signed_in(house, "supervisor") as maya:
        made = (await maya.ask("POST", "/api/v1/claims", json=body)).json()
    assert str(made["qr"]).startswith("data:image/svg+xml")
    one = f"/api/v1/claims/{made['claim_id']}"
    async with signed_in(house, role) as somebody:
        assert (await somebody.ask("POST", "/api/v1/claims", json=body)).status == (
            200 if may else LOOK_ONLY
        )
        watched = await somebody.ask("GET", one)
        assert watched.status == (200 if may else LOOK_ONLY)
        if may:
            state = watched.json()
            assert (state["used_at"], state["device_id"]) == (None, None)
            assert state["expires_at"] == made["expires_at"]
            assert (await somebody.ask("DELETE", one)).status == 200
            assert (await somebody.ask("GET", one)).status == NOT_THERE


@pytest.mark.parametrize("role", ROLES)
async def test_who_may_confirm_a_place(house: House, everybody: None, role: str) -> None:
    may = role in {"facilities", "supervisor", "administrator"}
    sender = await house.sender()
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE device SET place_confirmed_at = NULL WHERE device_id = $1", sender.device_id
        )
    async with signed_in(house, role) as somebody:
        one = f"/api/v1/devices/{sender.device_id}/confirm"
        assert (await somebody.ask("POST", one, json={})).status == (200 if may else LOOK_ONLY)
        unknown = await somebody.ask("POST", "/api/v1/devices/btn-0000000000/confirm", json={})
        assert unknown.status == (NOT_THERE if may else LOOK_ONLY)
    async with house.walk.database.connected() as connection:
        by = await connection.fetchval(
            "SELECT place_confirmed_by FROM device"
            " WHERE device_id = $1 AND place_confirmed_at IS NOT NULL",
            sender.device_id,
        )
    assert (by is not None) is may
