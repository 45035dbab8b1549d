"""Muting over the API: who is told of it, what is on record, and that two minutes are the most."""

import aiohttp
import asyncpg
import pytest

from tests.parts import DANA, LUIS, SAM, WAIT_S
from tests.walk.house import House, detail
from tests.web.client import Client, Json
from tests.web.counties import ids_of
from tocsin_server.demo import example

pytestmark = pytest.mark.asyncio(loop_scope="session")

MUTE = "/api/v1/me/mute"


async def heard(socket: aiohttp.ClientWebSocketResponse, last: str) -> list[Json]:
    """Frames up to the first of this type."""
    frames: list[Json] = []
    while not frames or frames[-1]["type"] != last:
        frames.append(await socket.receive_json(timeout=WAIT_S))
    return frames


def muted(frame: Json) -> list[str]:
    assert isinstance(frame["muted"], list)
    return [each["name"] for each in frame["muted"]]


async def test_whoever_sees_alerts_is_told_who_is_muted_and_nobody_else(
    house: House, everybody: dict[str, Client]
) -> None:
    dana, maya, sam = (everybody[each] for each in ("dispatcher", "supervisor", "facilities"))
    live = "/api/v1/live"
    async with (
        maya.session.ws_connect(f"{maya.url}{live}") as watching,
        sam.session.ws_connect(f"{sam.url}{live}") as keeping,
    ):
        assert muted((await heard(watching, "snapshot"))[0]) == []
        answer = await dana.ask("POST", MUTE, json={})
        assert (answer.status, answer.json()["name"]) == (200, DANA.name)
        assert muted((await heard(watching, "muted"))[-1]) == [DANA.name]
        for role, told in (("auditor", [DANA.name]), ("facilities", []), ("next door", [])):
            asker = everybody[role]
            async with asker.session.ws_connect(f"{asker.url}{live}") as socket:
                assert muted((await heard(socket, "snapshot"))[0]) == told, role
        for _ in range(2):
            assert (await dana.ask("POST", f"{MUTE}/end", json={})).status == 200
        assert muted((await heard(watching, "muted"))[-1]) == []
        sites = (await dana.ask("GET", "/api/v1/sites")).json()["sites"]
        assert isinstance(sites, list)
        drill = {"site_id": sites[0]["site_id"], "minutes": 1}
        assert (await dana.ask("POST", "/api/v1/drills", json=drill)).status == 200
        assert "muted" not in {each["type"] for each in await heard(keeping, "drills")}


async def test_it_is_on_the_record_of_what_called_for_somebody_then(
    house: House, everybody: dict[str, Client]
) -> None:
    alerts = []
    for _ in range(2):
        sender = await house.sender()
        await sender.send(sender.press())
        alerts.append(await house.alert_of(sender.device_id))
    taken, waiting = alerts
    assert (await house.screen.acknowledge(taken)).status == 200
    assert (await everybody["dispatcher"].ask("POST", MUTE, json={})).status == 200
    (event,) = (await detail(house.screen, waiting)).named("muted")
    assert event.payload is not None
    assert event.payload["by"] == DANA.name
    assert (await detail(house.screen, taken)).named("muted") == []
    assert (await house.detail_of(waiting)).state == "open"


async def test_the_database_keeps_nobody_muted_for_longer_than_two_minutes(
    house: House, everybody: dict[str, Client]
) -> None:
    luis = (await ids_of(house))[LUIS.email]
    async with house.walk.database.connected() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "SELECT mute($1, $2::uuid, $3, 121)", example.JURISDICTION, luis, LUIS.name
            )


async def test_the_numbers_to_call_are_ones_own_countys(
    house: House, everybody: dict[str, Client]
) -> None:
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE site SET contacts = $1::jsonb WHERE name = $2",
            '[{"name": "Sam Novak", "role": null, "phone": "+15125550142"}]',
            example.CLERK.name,
        )
    for role in ("dispatcher", "auditor", "facilities"):
        numbers = (await everybody[role].ask("GET", "/api/v1/phone-numbers")).json()
        assert numbers["on_call_number"] == example.ON_CALL_NUMBER
        assert isinstance(numbers["sites"], list)
        calls = {each["name"]: each["contacts"] for each in numbers["sites"]}
        assert calls.keys() == {site.name for site in example.SITES}
        contact = {"name": SAM.name, "role": None, "phone": "+15125550142"}
        assert calls[example.CLERK.name] == [contact]
    numbers = (await everybody["next door"].ask("GET", "/api/v1/phone-numbers")).json()
    assert (numbers["on_call_number"], numbers["sites"]) == (None, [])
