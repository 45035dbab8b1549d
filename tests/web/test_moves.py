"""A button that is carried to another place, through the API: where to, and what becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.parts import MAYA, SAM
from tests.walk.house import House, Sender, until
from tests.web.client import Client, Json, client, problem
from tocsin_server.demo import example
from tocsin_server.fleet import sites

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def sam(house: House) -> AsyncIterator[Client]:
    async with client(house.walk.server.url, email=SAM.email) as sam:
        yield sam


async def place_of(asker: Client, device_id: str) -> Json:
    answer = await asker.ask("GET", f"/api/v1/devices/{device_id}/place")
    assert answer.status == 200, answer.body
    return answer.json()


async def view_of(asker: Client, device_id: str) -> Json:
    devices = (await asker.ask("GET", "/api/v1/devices")).json()["devices"]
    assert isinstance(devices, list)
    found: Json = next(each for each in devices if each["device_id"] == device_id)
    return found


async def until_proven(asker: Client, device_id: str, proven: bool) -> Json:
    async def found() -> Json | None:
        view = await view_of(asker, device_id)
        return view if (view["last_proven_at"] is not None) is proven else None

    return await until(found)


async def prove(house: House, sender: Sender) -> None:
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id, lambda each: each.state == "open")
    await house.screen.acknowledge(alert)
    await house.screen.resolve(alert, "test")
    await house.now(alert, lambda each: each.state == "resolved")  # the next one is another alert


async def test_a_moved_button_has_to_be_proven_again_where_it_is(house: House, sam: Client) -> None:
    sender = await house.sender(room="Front counter")
    await prove(house, sender)
    await until_proven(sam, sender.device_id, True)
    was = await place_of(sam, sender.device_id)
    one = f"/api/v1/devices/{sender.device_id}"
    body = {"from_place_id": was["place_id"], "room": "Vault", "spot": "Door", "floor": "2"}
    answer = await sam.ask("POST", f"{one}/move", json=body | {"kind": "other"})
    assert answer.status == 200, answer.body
    moved = answer.json()
    assert moved["moved_from"] == "Front counter, Under the desk, floor 1, Main building"
    assert (moved["moved_to"], moved["moved_by"]) == ("Vault, Door, floor 2", SAM.name)
    place = await place_of(sam, sender.device_id)
    assert (place["room"], place["spot"], place["kind"]) == ("Vault", "Door", "other")
    assert place["moved"] == moved
    view = await until_proven(sam, sender.device_id, False)
    assert (view["room"], view["proof"]) == ("Vault", "never")

    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id, lambda each: each.state == "open")
    assert alert.place.room == "Vault"
    assert any("confirmed" in each for each in alert.place.missing), alert.place.missing
    await house.screen.acknowledge(alert)
    await until_proven(sam, sender.device_id, True)


async def test_an_open_alert_keeps_its_place_and_proves_nothing_of_the_new_one(
    house: House, sam: Client
) -> None:
    sender = await house.sender(room="Lobby")
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    was = await place_of(sam, sender.device_id)
    path = f"/api/v1/devices/{sender.device_id}/move"
    body = {"from_place_id": was["place_id"], "room": "Attic"}
    assert (await sam.ask("POST", path, json=body)).status == 200
    await house.screen.acknowledge(alert)
    known = await house.now(alert, lambda each: each.state == "acknowledged")
    assert known.place.room == "Lobby"
    async with house.walk.database.connected() as connection:
        proven_at = await connection.fetchval(
            "SELECT last_proven_at FROM device_health WHERE device_id = $1", sender.device_id
        )
    assert proven_at is None


async def test_of_two_who_move_it_at_once_one_is_told_who_was_first(
    house: House, sam: Client
) -> None:
    sender = await house.sender(room="Stage")
    was = await place_of(sam, sender.device_id)
    path = f"/api/v1/devices/{sender.device_id}/move"
    async with client(house.walk.server.url, email=MAYA.email) as maya:
        answers = await asyncio.gather(
            *(
                asker.ask("POST", path, json={"from_place_id": was["place_id"], "room": room})
                for asker, room in ((sam, "Kitchen"), (maya, "Cellar"))
            )
        )
    first, second = sorted(answers, key=lambda answer: answer.status)
    assert (first.status, second.status) == (200, 409)
    by, to = first.json()["moved_by"], first.json()["moved_to"]
    assert f"was moved meanwhile, to {to} by {by}. Nothing was changed" in problem(second).message
    assert (await place_of(sam, sender.device_id))["room"] == to


async def test_a_place_that_is_known_is_taken_by_its_id_or_by_the_same_words(
    house: House, sam: Client
) -> None:
    one, other = await house.sender(room="Hall A"), await house.sender(room="Hall B")
    here, there = [await place_of(sam, each.device_id) for each in (one, other)]
    path = f"/api/v1/devices/{one.device_id}/move"
    by_id = {"from_place_id": here["place_id"], "place_id": there["place_id"]}
    assert (await sam.ask("POST", path, json=by_id)).status == 200
    words = {name: here[name] for name in ("building", "floor", "room", "spot")}
    back = words | {"from_place_id": there["place_id"]}
    assert (await sam.ask("POST", path, json=back)).status == 200
    assert (await place_of(sam, one.device_id))["place_id"] == here["place_id"]
    for body, sentence in (
        (by_id | {"place_id": here["place_id"]}, "at that place already"),
        (words | {"from_place_id": here["place_id"]}, "at that place already"),
    ):
        answer = await sam.ask("POST", path, json=body)
        assert answer.status == 409
        assert sentence in problem(answer).message


@pytest.mark.parametrize(
    ("more", "status", "sentence"),
    [
        ({}, 400, "write the room, as it is on the door"),
        ({"room": "  "}, 400, "write the room, as it is on the door"),
        ({"room": "x" * 201}, 400, "the room"),
        ({"room": "A\x00"}, 400, "the room"),
        ({"place_id": str(uuid4())}, 404, "no such place at this button's site"),
        ({"place_id": str(uuid4()), "room": "A"}, 400, "not both ways"),
        (
            {"room": "A", "on_plan": {"plan_id": str(uuid4()), "x": 0.5, "y": 0.5}},
            409,
            "tap the spot again",
        ),
        ({"room": "A", "floors": "1"}, 400, "unknown field `floors`"),
    ],
)
async def test_what_is_no_place_is_refused_and_changes_nothing(
    house: House, sam: Client, more: dict[str, object], status: int, sentence: str
) -> None:
    sender = await house.sender(room="Library")
    was = await place_of(sam, sender.device_id)
    body = {"from_place_id": was["place_id"]} | more
    answer = await sam.ask("POST", f"/api/v1/devices/{sender.device_id}/move", json=body)
    assert answer.status == status, answer.body
    assert sentence in problem(answer).message
    assert await place_of(sam, sender.device_id) == was


async def test_a_place_of_another_site_or_county_and_a_button_of_one_are_not_there(
    house: House, sam: Client
) -> None:
    sender = await house.sender(room="Archive")
    was = await place_of(sam, sender.device_id)
    async with house.walk.database.pool() as pool:
        await sites.add_jurisdiction(
            pool, jurisdiction="48491", name="Williamson", time_zone="UTC", on_call_number=None
        )
        for jurisdiction in (example.JURISDICTION, "48491"):
            site_id = await sites.add_site(pool, jurisdiction=jurisdiction, name="Elsewhere")
            place_id = await sites.add_place(
                pool, jurisdiction=jurisdiction, site_id=site_id, room="Far away"
            )
            body = {"from_place_id": was["place_id"], "place_id": str(place_id)}
            path = f"/api/v1/devices/{sender.device_id}/move"
            answer = await sam.ask("POST", path, json=body)
            assert answer.status == 404
            assert "no such place" in problem(answer).message
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "INSERT INTO device (device_id, jurisdiction, public_key, place_id)"
            " VALUES ('btn-00000next1', '48491', $1, $2)",
            bytes(32),
            place_id,
        )
    for act, sent in (("move", body), ("prove", {})):
        answer = await sam.ask("POST", f"/api/v1/devices/btn-00000next1/{act}", json=sent)
        assert answer.status == 404
        assert "no button btn-00000next1 in your jurisdiction" in problem(answer).message
    assert await place_of(sam, sender.device_id) == was


async def test_a_button_that_was_taken_out_or_has_no_place_is_not_moved(
    house: House, sam: Client
) -> None:
    sender = await house.sender(room="Gone")
    body = {"from_place_id": (await place_of(sam, sender.device_id))["place_id"], "room": "Here"}
    path = f"/api/v1/devices/{sender.device_id}"
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE device SET place_id = NULL WHERE device_id = $1", sender.device_id
        )
    answer = await sam.ask("POST", f"{path}/move", json=body)
    assert answer.status == 409
    assert "tocsin device place" in problem(answer).message
    taken_out = await sam.ask("POST", f"{path}/revoke", json={"because": "stolen"})
    assert taken_out.status == 200, taken_out.body
    for act, sent in (("move", body), ("prove", {})):
        answer = await sam.ask("POST", f"{path}/{act}", json=sent)
        assert answer.status == 409
        assert "was taken out of service and can never be used again" in problem(answer).message


async def test_only_a_button_that_is_not_proven_where_it_is_gets_a_drill_of_its_own(
    house: House, sam: Client
) -> None:
    sender = await house.sender(room="Annex")
    path = f"/api/v1/devices/{sender.device_id}"

    async def drills() -> list[Json]:
        listed = (await sam.ask("GET", "/api/v1/drills")).json()["drills"]
        assert isinstance(listed, list)
        return [each for each in listed if each["device_id"] == sender.device_id]

    await prove(house, sender)
    answer = await sam.ask("POST", f"{path}/prove", json={})
    assert answer.status == 409
    assert "a press of it is a real alert" in problem(answer).message
    assert await drills() == []
    was = await place_of(sam, sender.device_id)
    body = {"from_place_id": was["place_id"], "room": "Annex 2"}
    assert (await sam.ask("POST", f"{path}/move", json=body)).status == 200
    for _ in range(2):  # a second tap opens no second one
        assert (await sam.ask("POST", f"{path}/prove", json={})).status == 200
    (drill,) = await until(drills)
    assert drill["opened_by"] == SAM.name
