"""Files of sites through the API: who may, how much, and what comes back."""

import pytest

from tests.parts import DANA, MAYA, SAM
from tests.walk.house import House
from tests.web.client import Client, client, problem
from tocsin_server.fleet.sheet import FILE_BYTES_MAX
from tocsin_server.web.api import BODY_BYTES_MAX, FACILITIES_ROLES
from tocsin_server.web.handlers import IMPORT_BYTES_MAX

pytestmark = pytest.mark.asyncio(loop_scope="session")

IMPORT = "/api/v1/sites/import"


async def names(asker: Client) -> list[str]:
    listed = (await asker.ask("GET", "/api/v1/sites")).json()["sites"]
    assert isinstance(listed, list)
    return [each["name"] for each in listed]


async def test_facilities_and_those_above_may_import_and_a_dispatcher_may_not(
    house: House,
) -> None:
    assert {SAM.role, MAYA.role} < FACILITIES_ROLES
    body = {"text": "site_name\nDepot of Dana\n"}
    async with client(house.walk.server.url, email=DANA.email) as dana:
        refused = await dana.ask("POST", IMPORT, json=body)
        assert refused.status == 403
        assert "Your role (dispatcher) may not do this" in problem(refused).message
        assert "facilities" in problem(refused).message
        assert "Depot of Dana" not in await names(dana)
    for person in (SAM, MAYA):
        async with client(house.walk.server.url, email=person.email) as asker:
            answer = await asker.ask("POST", IMPORT, json=body | {"dry_run": True})
            assert answer.status == 200


async def test_what_is_exported_is_taken_back_and_changes_nothing(house: House) -> None:
    async with client(house.walk.server.url, email=SAM.email) as sam:
        text = "site_name,room,surroundings\nExported Depot,Dock,'=a ramp\n"
        added = (await sam.ask("POST", IMPORT, json={"text": text})).json()
        assert (added["done"], added["errors"]) == (True, [])
        assert "Exported Depot" in await names(sam)
        for form in ("csv", "geojson"):
            given = (await sam.ask("GET", f"/api/v1/sites/export?format={form}")).json()
            back = (await sam.ask("POST", IMPORT, json=given)).json()
            assert back["errors"] == []
            counts = back["counts"]
            assert isinstance(counts, dict)
            assert counts["sites_added"] == counts["sites_changed"] == 0
            assert counts["places_added"] == counts["places_changed"] == 0
        assert (await sam.ask("GET", "/api/v1/sites/export?format=xlsx")).status == 400


async def test_a_dry_run_and_a_mistake_change_nothing(house: House) -> None:
    async with client(house.walk.server.url, email=SAM.email) as sam:
        before = await names(sam)
        text = "site_name,state\nNew Depot,TX\n"
        dry = (await sam.ask("POST", IMPORT, json={"text": text, "dry_run": True})).json()
        assert dry["done"] is False
        wrong = (await sam.ask("POST", IMPORT, json={"text": text + "Other Depot,Texas\n"})).json()
        assert wrong["errors"] == [
            {
                "at": "line 3",
                "column": "state",
                "message": "'Texas' is no state: write its two capital letters, as TX",
            }
        ]
        nul = (await sam.ask("POST", IMPORT, json={"text": "site_name\nA\0\n"})).json()
        assert "NUL" in str(nul["errors"])
        assert await names(sam) == before


async def test_a_file_may_be_larger_than_a_note_and_has_its_own_limit(house: House) -> None:
    async with client(house.walk.server.url, email=SAM.email) as sam:
        rows = "".join(f"Hall {n},room {n}\n" for n in range(5000))
        assert len(rows) > BODY_BYTES_MAX
        body = {"text": "site_name,room\n" + rows, "dry_run": True}
        large = (await sam.ask("POST", IMPORT, json=body)).json()
        assert large["errors"] == []
        told = (await sam.ask("POST", IMPORT, json={"text": "x" * (FILE_BYTES_MAX + 1)})).json()
        assert "larger than 8 MiB" in str(told["errors"])
        refused = await sam.ask("POST", IMPORT, json={"text": "x" * IMPORT_BYTES_MAX})
        assert refused.status == 413
        problem(refused)
