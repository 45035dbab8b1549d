"""Who sees and does what: a role beside every way to an alert, a drill and a real one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import cast
from uuid import uuid4

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from tests.parts import DANA, MAYA, PASSWORD, SAM, WAIT_S, Alert
from tests.walk.house import House, Sender, detail
from tests.web.client import Client, Json, client, problem
from tocsin_server.demo import example
from tocsin_server.people import accounts
from tocsin_server.people.sight import may_see

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIVE = "/api/v1/live"
KEEPERS = ("facilities", "supervisor", "administrator")
ADA, AMOS = "ada@example.org", "amos@example.org"
EMAILS = {
    "dispatcher": DANA.email,
    "supervisor": MAYA.email,
    "administrator": ADA,
    "auditor": AMOS,
    "facilities": SAM.email,
}
REFUSED, NOT_THERE, NOT_NOW = 403, 404, 409

# What each act comes to, on a drill and on a real alert, one role after another.
ACTS: dict[str, dict[str, tuple[int, int]]] = {
    "acknowledge": {
        "auditor": (REFUSED, REFUSED),
        "facilities": (200, NOT_THERE),
        "dispatcher": (200, 200),
        "supervisor": (200, 200),
        "administrator": (200, 200),
    },
    "escalate": {
        "auditor": (REFUSED, REFUSED),
        "facilities": (REFUSED, REFUSED),
        "dispatcher": (200, 200),
        "supervisor": (200, 200),
        "administrator": (200, 200),
    },
    "on-scene": {  # nobody has it yet
        "auditor": (REFUSED, REFUSED),
        "facilities": (REFUSED, REFUSED),
        "dispatcher": (NOT_NOW, NOT_NOW),
    },
    "hand-over": {
        "auditor": (REFUSED, REFUSED),
        "facilities": (REFUSED, REFUSED),
        "dispatcher": (NOT_NOW, NOT_NOW),
    },
    "notes": {
        "auditor": (REFUSED, REFUSED),
        "facilities": (REFUSED, REFUSED),
        "dispatcher": (200, 200),
        "supervisor": (200, 200),
        "administrator": (200, 200),
    },
    "resolve": {
        "auditor": (REFUSED, REFUSED),
        "facilities": (200, NOT_THERE),
        "dispatcher": (NOT_NOW, 200),
    },
    "actual": {
        "auditor": (REFUSED, REFUSED),
        "facilities": (REFUSED, REFUSED),
        "dispatcher": (200, NOT_NOW),
    },
}
BODIES: dict[str, object] = {
    "hand-over": {"person_id": str(uuid4())},
    "notes": {"text": "a note"},
    "resolve": {"outcome": "test"},
}


@dataclass(frozen=True)
class Two:
    """A drill and a real alert of one county, both open."""

    house: House
    real: Alert
    drill: Alert
    real_sender: Sender
    drill_sender: Sender


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def everybody(whole_house: House) -> AsyncIterator[dict[str, Client]]:
    """Somebody of every role that signs in, signed in."""
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
    async with AsyncExitStack() as stack:
        url = whole_house.walk.server.url
        yield {
            role: await stack.enter_async_context(client(url, email=email))
            for role, email in EMAILS.items()
        }


@pytest_asyncio.fixture(loop_scope="session")
async def two(house: House, everybody: dict[str, Client]) -> Two:
    """One of each kind, from two buttons of one site."""
    real = await house.sender()
    await real.send(real.press())
    real_alert = await house.alert_of(real.device_id)
    body = {"site_id": await clerks_site(house), "minutes": 5}
    opened = await everybody["facilities"].ask("POST", "/api/v1/drills", json=body)
    assert opened.status == 200, opened.body
    drill = await house.sender()
    await drill.send(drill.press(drill=True))
    drill_alert = await house.alert_of(drill.device_id)
    assert (real_alert.drill, drill_alert.drill) == (False, True)
    return Two(house, real_alert, drill_alert, real, drill)


async def clerks_site(house: House) -> str:
    listed = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(listed, list)
    return next(str(each["site_id"]) for each in listed if each["name"] == example.CLERK.name)


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


async def test_a_real_alert_is_as_if_it_were_not_there_for_who_keeps_the_buttons(
    two: Two, everybody: dict[str, Client]
) -> None:
    real, drill = two.real.alert_id, two.drill.alert_id
    for role, somebody in everybody.items():
        sees_real = role != "facilities"
        for path in ("/api/v1/alerts", "/api/v1/alerts?state=all&limit=1000"):
            found = await listed(somebody, path)
            assert drill in found
            assert (real in found) is sees_real, (role, path)
        shown = await somebody.ask("GET", f"/api/v1/alerts/{real}")
        assert shown.status == (200 if sees_real else NOT_THERE)
        assert (await somebody.ask("GET", f"/api/v1/alerts/{drill}")).status == 200
        async with somebody.session.ws_connect(f"{somebody.url}{LIVE}") as socket:
            snapshot = await next_frame(socket)
        alerts = snapshot["alerts"]
        assert isinstance(alerts, list)
        assert {each["alert_id"] for each in alerts} == ({real, drill} if sees_real else {drill})
        latency = await somebody.ask("GET", "/api/v1/latency?drill=false")
        assert latency.status == (200 if sees_real else REFUSED)
        assert (await somebody.ask("GET", "/api/v1/latency?drill=true")).status == 200


@pytest.mark.parametrize("act", ACTS)
async def test_who_may_act_on_a_drill_and_on_a_real_alert(
    two: Two, everybody: dict[str, Client], act: str
) -> None:
    body = BODIES.get(act, {})
    for role, (on_drill, on_real) in ACTS[act].items():
        for alert, status in ((two.real, on_real), (two.drill, on_drill)):
            before = await two.house.detail_of(alert)
            path = f"/api/v1/alerts/{alert.alert_id}/{act}"
            answer = await everybody[role].ask("POST", path, json=body)
            assert answer.status == status, (role, answer.body)
            if status != 200:
                assert problem(answer)
                assert standing(await two.house.detail_of(alert)) == standing(before)


def standing(alert: Alert) -> tuple[str, bool, str | None, str | None]:
    """What an act changes, and a message that reaches a phone doesn't."""
    return alert.state, alert.drill, alert.acknowledged_by, alert.outcome


async def test_who_keeps_the_buttons_closes_tests_as_tests(
    two: Two, everybody: dict[str, Client]
) -> None:
    path = f"/api/v1/alerts/{two.drill.alert_id}/resolve"
    for outcome in ("actual", "false_alarm", "unknown"):
        answer = await everybody["facilities"].ask("POST", path, json={"outcome": outcome})
        assert answer.status == NOT_NOW
        assert "as a test" in problem(answer).message
    assert (await two.house.detail_of(two.drill)).state == "open"


async def test_a_drill_made_real_vanishes_from_the_page_of_who_keeps_the_buttons(
    two: Two, everybody: dict[str, Client]
) -> None:
    sam, alert_id = everybody["facilities"], two.drill.alert_id
    async with sam.session.ws_connect(f"{sam.url}{LIVE}") as socket:
        assert (await next_frame(socket))["type"] == "snapshot"
        await two.house.screen.post(f"alerts/{alert_id}/actual")
        seen = await until_frame(socket, "alert_gone", alert_id=alert_id)
    assert all(is_drill(frame) for frame in seen if frame["type"] == "alert")
    for act in ("acknowledge", "resolve"):
        path = f"/api/v1/alerts/{alert_id}/{act}"
        answer = await sam.ask("POST", path, json=BODIES.get(act, {}))
        assert answer.status == NOT_THERE
    assert (await sam.ask("GET", f"/api/v1/alerts/{alert_id}")).status == NOT_THERE
    assert (await two.house.detail_of(two.drill)).state == "open"


async def test_nothing_but_drills_comes_by_the_live_line_of_who_keeps_the_buttons(
    two: Two, everybody: dict[str, Client]
) -> None:
    sam, house, device_id = everybody["facilities"], two.house, two.real_sender.device_id
    async with sam.session.ws_connect(f"{sam.url}{LIVE}") as socket:
        assert (await next_frame(socket))["type"] == "snapshot"
        await two.real_sender.send_raw(b"nonsense")
        await two.real_sender.send(two.real_sender.press())
        await house.alert_of(device_id, lambda alert: alert.presses > 1)
        await house.screen.until(lambda screen: screen.doubtful)
        await two.drill_sender.send(two.drill_sender.press(drill=True))
        seen = await until_frame(socket, "alert", device_id=two.drill_sender.device_id, presses=2)
    assert {frame["type"] for frame in seen} <= {"alert", "device", "drills", "pulse"}
    assert all(is_drill(frame) for frame in seen if frame["type"] == "alert")


def is_drill(frame: Json) -> bool:
    alert = frame["alert"]
    assert isinstance(alert, dict)
    return bool(alert["drill"])


async def test_who_may_start_and_end_a_drill(house: House, everybody: dict[str, Client]) -> None:
    body = {"site_id": await clerks_site(house), "minutes": 5}
    for role, somebody in everybody.items():
        opened = await somebody.ask("POST", "/api/v1/drills", json=body)
        assert opened.status == (REFUSED if role == "auditor" else 200), (role, opened.body)
        if role != "auditor":
            path = f"/api/v1/drills/{opened.json()['drill_id']}/end"
            assert (await somebody.ask("POST", path, json={})).status == 200


async def test_who_may_make_a_code_and_watch_it(house: House, everybody: dict[str, Client]) -> None:
    body = {"site_id": await clerks_site(house), "room": "Vault", "spot": "Door"}
    for role, somebody in everybody.items():
        may = role in KEEPERS
        answer = await somebody.ask("POST", "/api/v1/claims", json=body)
        assert answer.status == (200 if may else REFUSED), role
        if not may:
            answer = await everybody["facilities"].ask("POST", "/api/v1/claims", json=body)
        made = answer.json()
        assert str(made["qr"]).startswith("data:image/svg+xml")
        one = f"/api/v1/claims/{made['claim_id']}"
        watched = await somebody.ask("GET", one)
        assert watched.status == 200
        if may:
            state = watched.json()
            assert (state["used_at"], state["device_id"]) == (None, None)
            assert state["expires_at"] == made["expires_at"]
            assert (await somebody.ask("POST", f"{one}/revoke", json={})).status == 200
            assert (await somebody.ask("GET", one)).status == NOT_THERE


async def test_who_keeps_the_buttons_learns_of_a_false_alarm_when_and_why_and_nothing_else(
    two: Two, everybody: dict[str, Client]
) -> None:
    """Once it is resolved as one; and whoever finds out why, writes it down."""
    sam, alert_id = everybody["facilities"], two.real.alert_id
    path, explain = "/api/v1/false-alarms", f"/api/v1/false-alarms/{two.real.alert_id}/explain"
    found = {"what": "accident", "cause": "A knee.", "remedy": "Moved it."}
    mine = f"{path}?device_id={two.real_sender.device_id}"
    assert (await sam.ask("GET", mine)).json() == {"ledgers": []}
    assert (await sam.ask("POST", explain, json=found)).status == NOT_THERE
    body = {"outcome": "false_alarm", "note": "Front counter, by Ana: she is well."}
    answer = await two.house.screen.post(f"alerts/{alert_id}/resolve", body)
    assert answer.status == 200
    for role, somebody in everybody.items():
        may = role in KEEPERS
        written = await somebody.ask("POST", explain, json=found)
        assert written.status == (200 if may else REFUSED), (role, written.body)
        (ledger,) = cast("list[Json]", (await somebody.ask("GET", mine)).json()["ledgers"])
        assert set(ledger) == {"device_id", "warning", "false_alarms"}
        (alarm,) = cast("list[Json]", ledger["false_alarms"])
        assert set(alarm) == {"alert_id", "pressed_at", "explanations"}
        for said in cast("list[Json]", alarm["explanations"]):
            assert set(said) == {"what", "cause", "remedy", "by", "at"}
    assert (await sam.ask("GET", f"/api/v1/alerts/{alert_id}")).status == NOT_THERE
    events = (await detail(two.house.screen, two.real)).named("false_alarm_explained")
    by = [event.payload["by"] for event in events if event.payload]
    assert sorted(map(str, by)) == ["Ada Park", MAYA.name, SAM.name]


async def test_who_may_confirm_a_place(house: House, everybody: dict[str, Client]) -> None:
    sender = await house.sender()
    for role, somebody in everybody.items():
        may = role in KEEPERS
        async with house.walk.database.connected() as connection:
            await connection.execute("UPDATE device SET place_confirmed_by = NULL")
            path = "/api/v1/devices/{}/confirm"
            answer = await somebody.ask("POST", path.format(sender.device_id), json={})
            assert answer.status == (200 if may else REFUSED), role
            unknown = await somebody.ask("POST", path.format("btn-0000000000"), json={})
            assert unknown.status == (NOT_THERE if may else REFUSED), role
            by = await connection.fetchval(
                "SELECT place_confirmed_by FROM device WHERE device_id = $1", sender.device_id
            )
        assert (by is not None) is may
