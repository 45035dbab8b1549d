"""Two counties on one server: neither sees, hears or touches anything of the other's (law 11)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.parts import PASSWORD, Alert, Screen
from tests.walk.house import House, Sender, detail, until
from tests.web.client import problem
from tocsin_server.fleet import policies, sites
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.people import accounts

pytestmark = pytest.mark.asyncio(loop_scope="session")

WILLIAMSON = "48491"
NIA = "nia@example.org"
NIAS_PHONE = "+15125550151"


@dataclass(frozen=True)
class Neighbours:
    """Travis County, where something happens, and Nia's screen in Williamson County."""

    house: House
    nia: Screen
    sender: Sender
    alert: Alert


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nias_screen(whole_house: House) -> AsyncIterator[Screen]:
    """A dispatcher of the county next door, live."""
    async with AsyncExitStack() as stack:
        async with whole_house.walk.database.pool() as pool:
            await sites.add_jurisdiction(
                pool,
                jurisdiction=WILLIAMSON,
                name="Williamson County",
                time_zone="America/Chicago",
                on_call_number=None,
            )
            nia = await accounts.add_person(
                pool,
                jurisdiction=WILLIAMSON,
                name="Nia Brooks",
                email=NIA,
                phone=NIAS_PHONE,
                vouched_by="a test",
                role="administrator",
                password=PASSWORD,
            )
            await policies.set_policy(
                pool,
                jurisdiction=WILLIAMSON,
                name=policies.FIRST_POLICY,
                tiers=[PolicyTier(patience_s=30, people=[nia])],
            )
            await sites.add_site(pool, jurisdiction=WILLIAMSON, name="Georgetown Library")
        screen = Screen(whole_house.walk.server.url, email=NIA, password=PASSWORD)
        stack.push_async_callback(screen.close)
        await screen.open()
        yield screen


@pytest_asyncio.fixture(loop_scope="session")
async def neighbours(house: House, nias_screen: Screen) -> Neighbours:
    """An open alert and an unverified press in Travis County."""
    sender = await house.sender()
    await sender.send_raw(b"nonsense")
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await house.screen.until(
        lambda screen: any(each.device_id == sender.device_id for each in screen.doubtful.values())
    )
    return Neighbours(house, nias_screen, sender, alert)


async def test_nothing_of_a_county_is_on_its_neighbours_screen(neighbours: Neighbours) -> None:
    await neighbours.house.screen.acknowledge(neighbours.alert)
    await neighbours.sender.send(neighbours.sender.press())
    await neighbours.house.alert_of(
        neighbours.sender.device_id, lambda each: each.alert_id != neighbours.alert.alert_id
    )
    fresh = Screen(neighbours.nia.url, email=NIA, password=PASSWORD)
    try:
        await fresh.open()
        for screen in (neighbours.nia, fresh):
            assert screen.alerts == {}
            assert screen.doubtful == {}
            assert screen.devices == {}
            assert screen.drills == ()
    finally:
        await fresh.close()


async def test_nothing_of_a_county_is_in_its_neighbours_lists(neighbours: Neighbours) -> None:
    nia = neighbours.nia
    assert (await nia.get("alerts?state=all")).json() == {"alerts": []}
    assert (await nia.get("devices")).json() == {"devices": []}
    assert (await nia.get("drills")).json() == {"drills": []}
    for path, name in (("sites", "Georgetown Library"), ("people", "Nia Brooks")):
        listed = (await nia.get(path)).json()[path]
        assert isinstance(listed, list)
        assert [each["name"] for each in listed] == [name]
    policies = (await nia.get("policies")).body
    assert b"Nia Brooks" in policies
    assert b"Dana Ortiz" not in policies
    latency = (await nia.get("latency")).json()
    assert latency["alerts"] == []


@pytest.mark.parametrize(
    "act",
    ["acknowledge", "respond", "on-scene", "escalate", "hand-over", "resolve", "notes", "actual"],
)
async def test_nobody_touches_a_neighbours_alert(neighbours: Neighbours, act: str) -> None:
    bodies: dict[str, dict[str, object]] = {
        "hand-over": {"person_id": str(uuid4())},
        "resolve": {"outcome": "false_alarm"},
        "notes": {"text": "from next door"},
    }
    path = f"alerts/{neighbours.alert.alert_id}"
    answer = await neighbours.nia.post(f"{path}/{act}", bodies.get(act))
    assert answer.status == 404
    problem(answer)
    assert (await neighbours.nia.get(path)).status == 404
    on_record = await detail(neighbours.house.screen, neighbours.alert)
    assert on_record.alert.state == "open"
    assert not any(event.payload and event.payload.get("by") for event in on_record.events)


async def test_nobody_marks_a_neighbours_unverified_press_as_seen(neighbours: Neighbours) -> None:
    (doubtful,) = (
        each
        for each in neighbours.house.screen.doubtful.values()
        if each.device_id == neighbours.sender.device_id
    )
    answer = await neighbours.nia.post(f"doubtful/{doubtful.doubtful_id}/seen")
    assert answer.status == 404
    assert neighbours.house.screen.doubtful[doubtful.doubtful_id].seen_at is None


async def test_nobody_opens_or_ends_a_neighbours_drill(neighbours: Neighbours) -> None:
    listed = (await neighbours.house.screen.get("sites")).json()["sites"]
    assert isinstance(listed, list)
    body = {"site_id": listed[0]["site_id"], "minutes": 5}
    assert (await neighbours.nia.post("drills", body)).status == 404
    opened = await neighbours.house.screen.post("drills", body)
    assert opened.status == 200
    drill_id = opened.json()["drill_id"]
    await neighbours.house.screen.until(lambda screen: bool(screen.drills))
    assert (await neighbours.nia.post(f"drills/{drill_id}/end")).status == 404
    assert (await neighbours.nia.get("drills")).json() == {"drills": []}
    still = (await neighbours.house.screen.get("drills")).json()["drills"]
    assert isinstance(still, list)
    assert [each["drill_id"] for each in still] == [drill_id]


async def test_nobody_takes_a_neighbours_sites_out_or_changes_them(neighbours: Neighbours) -> None:
    listed = (await neighbours.house.screen.get("sites")).json()["sites"]
    assert isinstance(listed, list)
    for form in ("csv", "geojson"):
        exported = (await neighbours.nia.get(f"sites/export?format={form}")).json()["text"]
        assert isinstance(exported, str)
        assert "Georgetown Library" in exported
        assert not any(site["site_id"] in exported for site in listed)
    text = f"site_id,site_name\n{listed[0]['site_id']},Taken over\n"
    answer = (await neighbours.nia.post("sites/import", {"text": text})).json()
    assert answer["done"] is False
    assert "no site here has this id" in str(answer["errors"])
    assert (await neighbours.house.screen.get("sites")).json()["sites"] == listed


async def test_nobody_accepts_the_settings_of_a_neighbours_button(neighbours: Neighbours) -> None:
    device_id = neighbours.sender.device_id
    answer = await neighbours.nia.post(f"devices/{device_id}/settings/accept")
    assert answer.status == 404
    problem(answer)


async def test_nobody_reads_or_explains_a_neighbours_false_alarm(neighbours: Neighbours) -> None:
    house, alert = neighbours.house, neighbours.alert
    await house.screen.resolve(alert, "false_alarm")
    path = f"false-alarms?device_id={neighbours.sender.device_id}"
    for listed in (path, "false-alarms"):
        assert (await neighbours.nia.get(listed)).json() == {"ledgers": []}
    assert (await house.screen.get(path)).json() != {"ledgers": []}
    body = {"what": "accident", "cause": "from next door", "remedy": "none"}
    answer = await neighbours.nia.post(f"false-alarms/{alert.alert_id}/explain", body)
    assert answer.status == 404
    problem(answer)
    assert not (await detail(house.screen, alert)).named("false_alarm_explained")


async def test_figures_of_a_neighbours_site_are_empty(neighbours: Neighbours) -> None:
    listed = (await neighbours.house.screen.get("sites")).json()["sites"]
    assert isinstance(listed, list)
    for site in listed:
        report = (await neighbours.nia.get(f"latency?site_id={site['site_id']}")).json()
        assert report["alerts"] == []


async def test_a_neighbours_screen_does_not_count_as_having_painted_an_alert(
    house: House, nias_screen: Screen
) -> None:
    house.screen.paints = False
    try:
        sender = await house.sender()
        await sender.send(sender.press())
        alert = await house.alert_of(sender.device_id)
        await says_painted(nias_screen, alert)
        await says_painted(nias_screen, alert)
        await house.luis.until_received(alert.code)
        assert not (await detail(house.screen, alert)).named("shown")
        await says_painted(house.screen, alert)

        async def shown() -> bool:
            return bool((await detail(house.screen, alert)).named("shown"))

        await until(shown)
    finally:
        house.screen.paints = True


async def says_painted(screen: Screen, alert: Alert) -> None:
    """Say on a socket of its own that the alert was painted, and wait until that is heard."""
    async with screen._session.ws_connect(f"{screen.url}/api/v1/live") as socket:
        await socket.receive_str()
        said = {"type": "painted", "alert_id": alert.alert_id, "version": alert.version}
        await socket.send_json(said)
        await socket.close()


async def test_a_code_from_a_neighbours_phone_takes_nothing(neighbours: Neighbours) -> None:
    phone = neighbours.house.walk.phones.phone(NIAS_PHONE)
    answer = await phone.reply(neighbours.alert.code)
    assert "nothing was taken" in answer.texts[0]
    assert "Front counter" not in answer.texts[0]
    on_record = await detail(neighbours.house.screen, neighbours.alert)
    assert on_record.alert.state == "open"
