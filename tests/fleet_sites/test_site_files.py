"""A county's list of sites, taken in from a file and given out again: all of it, or nothing."""

import asyncio
from datetime import datetime

import asyncpg
import msgspec
import pytest

from tests.offices import Office, open_office
from tocsin_server.errors import Busy, Refused
from tocsin_server.fleet.site_files import TRIES_MAX, SitesImport, export_sites, import_sites
from tocsin_server.fleet.site_plan import plan_import
from tocsin_server.fleet.sites import SiteFacts, add_place, add_site, read_sites

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
    return await export_sites(
        pool, jurisdiction="48453", form="csv" if form == "csv" else "geojson"
    )


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


async def test_a_dry_run_says_what_would_change_and_changes_nothing(
    pool: asyncpg.Pool, office: Office
) -> None:
    before = await sites(pool)
    text = HEADER + LIBRARY + "County Clerk,,,,,Vault,\n"
    dry = await take(pool, text, dry_run=True)
    assert not dry.done
    assert await sites(pool) == before
    real = await imported(pool, text)
    assert real.counts == dry.counts
    assert (dry.counts.sites_added, dry.counts.sites_unchanged, dry.counts.places_added) == (
        1,
        1,
        2,
    )


async def test_one_mistake_keeps_the_whole_file_out(pool: asyncpg.Pool, office: Office) -> None:
    before = await sites(pool)
    said = await take(pool, HEADER + LIBRARY + "Depot,48453,ZZ,,,,\n")
    assert [str(each) for each in said.errors] == [
        "line 3, state: 'ZZ' is no state: write its two capital letters, as TX"
    ]
    assert not said.done
    assert await sites(pool) == before


async def test_an_import_adds_and_changes_and_deletes_nothing(
    pool: asyncpg.Pool, office: Office
) -> None:
    await imported(pool, HEADER + LIBRARY)
    said = await imported(
        pool,
        "site_name,address,room,surroundings\n"
        "carver library,,Workroom,\n"
        "County Clerk,5501 Airport Blvd,Counter,a door on the left\n",
    )
    assert said.counts.places_changed == said.counts.places_added == 1
    library, clerk = sorted(await sites(pool), key=lambda site: site.name.casefold())
    assert (library.name, library.latitude) == ("carver library", 30.2699)
    assert [place.room for place in library.places] == ["Meeting room", "Workroom"]
    assert (clerk.site_id, clerk.address) == (office.site_id, "5501 Airport Blvd")
    assert [(each.place_id, each.surroundings) for each in clerk.places] == [
        (office.place_id, "a door on the left")
    ]


async def test_a_confirmation_keeps_its_time_until_the_county_is_another(
    pool: asyncpg.Pool, office: Office
) -> None:
    header = "site_name,county_fips,county_confirmed_by\n"

    async def confirmed() -> tuple[str | None, datetime | None]:
        (site,) = await sites(pool)
        return site.county_confirmed_by, site.county_confirmed_at

    await imported(pool, header + "County Clerk,48453,Sam Novak\n")
    first = await confirmed()
    await imported(pool, header + "County Clerk,48453,Sam Novak\nCounty Clerk,,\n")
    assert await confirmed() == first
    await imported(pool, header + "County Clerk,48491,Sam Novak\n")
    by, again = await confirmed()
    assert by == "Sam Novak"
    assert first[1] is not None
    assert again is not None
    assert again > first[1]
    await imported(pool, header + "County Clerk,48453,\n")
    assert await confirmed() == (None, None)


async def test_what_another_hand_changed_meanwhile_is_not_written_over(
    pool: asyncpg.Pool, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = ["Nobody's Hall"]

    def meanwhile(content: bytes, known: list[SiteFacts]) -> object:
        """Plan, and let somebody else add a site before it is written."""
        made = plan_import(content, known)
        if changes:
            adding = add_site(pool, jurisdiction="48453", name=changes.pop())
            asyncio.run_coroutine_threadsafe(adding, loop).result()
        return made

    loop = asyncio.get_running_loop()
    monkeypatch.setattr("tocsin_server.fleet.site_files.plan_import", meanwhile)
    said = await imported(pool, "site_name,address\nNobody's Hall,1 Main St\n")
    assert said.counts.sites_changed == 1  # it was read anew, and is the same one
    assert len(await sites(pool)) == 2
    changes += [f"Hall {n}" for n in range(TRIES_MAX)]
    with pytest.raises(Refused, match="try again"):
        await take(pool, "site_name\nDepot\n")
    assert "Depot" not in [site.name for site in await sites(pool)]


async def test_one_import_runs_at_a_time(pool: asyncpg.Pool, office: Office) -> None:
    first, second = await asyncio.gather(
        take(pool, HEADER + LIBRARY), take(pool, HEADER + LIBRARY), return_exceptions=True
    )
    assert isinstance(first, SitesImport)
    assert isinstance(second, Busy)
    assert len(await sites(pool)) == 2


async def test_nothing_of_another_jurisdiction_is_given_out_found_or_changed(
    pool: asyncpg.Pool, office: Office
) -> None:
    other = await open_office(pool, jurisdiction="48491")
    before = await read_sites(pool, jurisdiction="48491")
    assert str(other.site_id) not in await give(pool)
    said = await take(pool, f"site_id,site_name\n{other.site_id},Mine\n")
    assert "no site here has this id" in said.errors[0].message
    await imported(pool, "site_name,address\nCounty Clerk,1 Main St\n")
    assert await read_sites(pool, jurisdiction="48491") == before


async def test_an_import_wakes_the_directory(pool: asyncpg.Pool, office: Office) -> None:
    told = asyncio.Event()
    async with pool.acquire() as connection:
        await connection.add_listener("tocsin_directory", lambda *_: told.set())
        await imported(pool, HEADER + LIBRARY)
        await asyncio.wait_for(told.wait(), 30)
        await connection.reset()


async def test_an_empty_jurisdiction_gives_the_header_and_takes_it(pool: asyncpg.Pool) -> None:
    text = await give(pool)
    assert text.count("\n") == 1
    assert text.lstrip("\N{ZERO WIDTH NO-BREAK SPACE}").startswith("site_id,site_name,address,")
    said = await take(pool, text)
    assert said.errors == []
    said = await take(pool, await give(pool, "geojson"))
    assert said.errors == []


async def test_a_thousand_sites_are_one_import(pool: asyncpg.Pool, office: Office) -> None:
    rows = [f"Polling place {n},48453,TX,30.3,-97.7,Room {n},other\n" for n in range(1000)]
    said = await imported(pool, HEADER + "".join(rows))
    assert (said.counts.sites_added, said.counts.places_added) == (1000, 1000)
    assert len(await sites(pool)) == 1001
