"""A county's list of sites, taken in from a file and given out again: all of it, or nothing."""

import asyncpg
import msgspec
import pytest

from tests.offices import Office, open_office
from tocsin_server.fleet.site_files import SitesImport, export_sites, import_sites
from tocsin_server.fleet.sites import SiteFacts, add_place, read_sites

HEADER = "site_name,county_fips,state,latitude,longitude,room,place_kind\n"
LIBRARY = "Carver Library,48453,TX,30.2699,-97.7243,Meeting room,counting table\n"

FULL = {
    "site_name": "Carver Library",
    "address": "1161 Angelina St, Austin, TX 78702",
    "county": "Travis County",
    "county_fips": "48453",
    "state": "TX",
    "county_confirmed_by": "Sam Novak",
    "responding_agency": "Austin Police Department",
    "agency_confirmed_by": "Sam Novak",
    "time_zone": "America/Chicago",
    "latitude": "30.2699",
    "longitude": "-97.7243",
    "opening_hours": "Mon-Fri 08:00-17:00; Sat 09:00-12:00",
    "entrances": "=Main door, Angelina St; loading dock",
    "contacts": "Sam Novak, caretaker, +15125550190; Ana Ruiz, +15125550191",
    "building": "Library",
    "floor": "1",
    "room": "Meeting room",
    "spot": "Check-in table",
    "place_kind": "counting table",
    "surroundings": "'=a door on the left, the stage behind",
}


@pytest.fixture
async def office(pool: asyncpg.Pool) -> Office:
    return await open_office(pool)


async def take(pool: asyncpg.Pool, text: str, *, dry_run: bool = False) -> SitesImport:
    return await import_sites(pool, jurisdiction="48453", content=text.encode(), dry_run=dry_run)


async def imported(pool: asyncpg.Pool, text: str) -> SitesImport:
    said = await take(pool, text)
    assert said.errors == []
    assert said.done
    return said


async def give(pool: asyncpg.Pool, form: str = "csv") -> str:
    return await export_sites(pool, jurisdiction="48453", form="csv" if form == "csv" else "geojson")


async def sites(pool: asyncpg.Pool) -> list[SiteFacts]:
    return await read_sites(pool, jurisdiction="48453")


def geojson(properties: dict[str, object], point: list[float] | None = None) -> str:
    geometry = None if point is None else {"type": "Point", "coordinates": point}
    feature = {"type": "Feature", "geometry": geometry, "properties": properties}
    return msgspec.json.encode({"type": "FeatureCollection", "features": [feature]}).decode()


async def test_all_that_a_file_says_of_a_site_is_there_afterwards(
    pool: asyncpg.Pool, office: Office
) -> None:
    said = await imported(pool, geojson(dict(FULL)))
    assert (said.counts.sites_added, said.counts.places_added, said.warnings) == (1, 1, [])
    library, _ = await sites(pool)
    assert library.address == FULL["address"]
    assert (library.latitude, library.longitude) == (30.2699, -97.7243)
    assert library.entrances == ["=Main door, Angelina St", "loading dock"]
    assert [each.role for each in library.contacts] == ["caretaker", None]
    assert library.county_confirmed_by == library.agency_confirmed_by == "Sam Novak"
    assert library.county_confirmed_at is not None
    (place,) = library.places
    assert (place.room, place.kind) == ("Meeting room", "counting_table")
    assert place.surroundings == FULL["surroundings"]


@pytest.mark.parametrize("form", ["csv", "geojson"])
async def test_what_was_exported_changes_nothing_when_it_is_imported(
    pool: asyncpg.Pool, office: Office, form: str
) -> None:
    await imported(pool, geojson(dict(FULL)))
    await imported(pool, HEADER + "Depot,,,1e-05,-0.1234567890123,,\n")
    await add_place(pool, jurisdiction="48453", site_id=office.site_id, room="Counter")
    before, text = await sites(pool), await give(pool, form)
    said = await imported(pool, text)
    assert await sites(pool) == before
    assert await give(pool, form) == text
    assert said.counts.sites_unchanged == 3
    assert said.counts.places_unchanged == 2
