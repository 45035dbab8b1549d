"""Those who keep the buttons begin and end maintenance; whoever answers alerts does not."""

from uuid import uuid4

import pytest

from tests.parts import DANA, SAM
from tests.walk.house import House
from tests.web.client import client, problem

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def site_of(house: House) -> str:
    sites = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    return str(sites[0]["site_id"])


async def test_facilities_staff_begin_see_and_end_maintenance(house: House) -> None:
    path = f"/api/v1/sites/{await site_of(house)}/maintenance"
    async with client(house.walk.server.url, email=SAM.email) as sam:
        begun = await sam.ask("POST", path, json={"minutes": 90, "reason": "new switch"})
        assert begun.status == 200
        again = await sam.ask("POST", path, json={"reason": "new switch"})
        assert "Maintenance is on at" in problem(again).message
        listed = (await sam.ask("GET", "/api/v1/maintenance")).json()["maintenance"]
        assert isinstance(listed, list)
        assert [(each["reason"], each["opened_by"]) for each in listed] == [
            ("new switch", SAM.name)
        ]
        assert (await sam.ask("POST", f"{path}/end", json={})).status == 200
        async with house.walk.database.connected() as connection:
            ended_by = await connection.fetchval("SELECT ended_by FROM maintenance_window")
        assert ended_by == SAM.name
        assert (await sam.ask("GET", "/api/v1/maintenance")).json() == {"maintenance": []}
        ended = await sam.ask("POST", f"{path}/end", json={})
        assert "there is nothing to end" in problem(ended).message


@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": "x", "minutes": 481}, {"reason": "x", "minutes": 0}]
)
async def test_maintenance_has_a_reason_and_eight_hours_at_most(
    house: House, body: dict[str, object]
) -> None:
    async with client(house.walk.server.url, email=SAM.email) as sam:
        path = f"/api/v1/sites/{await site_of(house)}/maintenance"
        answer = await sam.ask("POST", path, json=body)
    assert answer.status == 400
    problem(answer)


async def test_a_network_that_did_not_change_is_not_confirmed(house: House) -> None:
    async with client(house.walk.server.url, email=SAM.email) as sam:
        path = f"/api/v1/sites/{await site_of(house)}/network/confirm"
        answer = await sam.ask("POST", path, json={})
        assert answer.status == 409
        assert "No change of the network" in problem(answer).message


async def test_settings_that_did_not_change_are_not_accepted(house: House) -> None:
    sender = await house.sender()
    async with client(house.walk.server.url, email=SAM.email) as sam:
        path = f"/api/v1/devices/{sender.device_id}/settings/accept"
        answer = await sam.ask("POST", path, json={})
        assert answer.status == 409
        assert "isn't proven yet" in problem(answer).message
        for device_id in ("btn-0000000000", "no-id"):
            path = f"/api/v1/devices/{device_id}/settings/accept"
            answer = await sam.ask("POST", path, json={})
            assert answer.status == 404
            problem(answer)


async def test_changed_settings_are_accepted_by_whoever_is_signed_in(house: House) -> None:
    sender = await house.sender()
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE device SET config_digest = 'as built' WHERE device_id = $1", sender.device_id
        )
        await connection.execute(
            'UPDATE device_health SET heartbeat = \'{"config_digest": "silent"}\''
            " WHERE device_id = $1",
            sender.device_id,
        )
        async with client(house.walk.server.url, email=SAM.email) as sam:
            path = f"/api/v1/devices/{sender.device_id}/settings/accept"
            answer = await sam.ask("POST", path, json={})
        assert answer.json() == {"device_id": sender.device_id, "accepted_by": SAM.name}
        known = await connection.fetchrow(
            "SELECT config_digest, config_accepted_by FROM device WHERE device_id = $1",
            sender.device_id,
        )
    assert tuple(known) == ("silent", SAM.name)


async def test_a_site_that_is_not_there_is_not_found(house: House) -> None:
    async with client(house.walk.server.url, email=SAM.email) as sam:
        for site in (str(uuid4()), "no-id"):
            for method, path, body in (
                ("POST", "network/confirm", {}),
                ("POST", "maintenance", {"reason": "new switch"}),
                ("POST", "maintenance/end", {}),
            ):
                answer = await sam.ask(method, f"/api/v1/sites/{site}/{path}", json=body)
                assert answer.status == 404, (method, path)
                problem(answer)


async def test_a_dispatcher_is_told_whom_to_ask(house: House) -> None:
    site = f"/api/v1/sites/{await site_of(house)}"
    async with client(house.walk.server.url, email=DANA.email) as dana:
        for method, path in (
            ("POST", f"{site}/maintenance"),
            ("POST", f"{site}/maintenance/end"),
            ("POST", f"{site}/network/confirm"),
            ("POST", "/api/v1/devices/btn-0000000000/settings/accept"),
        ):
            answer = await dana.ask(method, path, json={"reason": "new switch"})
            assert answer.status == 403
            assert "ask one of administrator, facilities, supervisor" in problem(answer).message
