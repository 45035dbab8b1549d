"""One site by a form: the rules of a file of sites, field by field."""

from collections.abc import Mapping
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.offices import Office, open_office
from tocsin_server.errors import NotFound, Refused
from tocsin_server.fleet.site_columns import site_cells
from tocsin_server.fleet.site_form import SiteSaved, save_site
from tocsin_server.fleet.sites import SiteFacts, read_sites

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
    "entrances": "Main door, Angelina St; loading dock",
    "contacts": "Sam Novak, caretaker, +15125550190; Ana Ruiz, +15125550191",
}


@pytest.fixture
async def office(pool: asyncpg.Pool) -> Office:
    return await open_office(pool)


async def save(
    pool: asyncpg.Pool, cells: Mapping[str, str], site_id: UUID | None = None
) -> SiteSaved:
    known = await read_sites(pool, jurisdiction="48453")
    version = next((site.version for site in known if site.site_id == site_id), "")
    return await save_site(
        pool,
        jurisdiction="48453",
        site_id=site_id,
        version=version,
        cells=cells,
        by="Sam Novak",
    )


async def listed(pool: asyncpg.Pool, site_id: UUID | None) -> SiteFacts:
    (site,) = (
        each for each in await read_sites(pool, jurisdiction="48453") if each.site_id == site_id
    )
    return site


async def test_a_site_is_made_with_all_that_is_known_of_it(
    pool: asyncpg.Pool, office: Office
) -> None:
    saved = await save(pool, FULL)
    assert (saved.errors, saved.warnings) == ([], [])
    site = await listed(pool, saved.site_id)
    assert site_cells(site) == {"site_id": str(saved.site_id)} | FULL
    signed = await pool.fetchrow("SELECT * FROM site WHERE site_id = $1", saved.site_id)
    assert signed is not None
    assert (signed["changed_by"], signed["changed_at"] is not None) == ("Sam Novak", True)


async def test_what_is_empty_on_a_form_is_taken_away(pool: asyncpg.Pool, office: Office) -> None:
    site_id = (await save(pool, FULL)).site_id
    before = await listed(pool, site_id)
    assert (await save(pool, FULL, site_id)).site_id == site_id
    assert await listed(pool, site_id) == before
    saved = await save(pool, {"site_name": "Carver Library", "address": " "}, site_id)
    assert saved.site_id == site_id
    assert site_cells(await listed(pool, site_id)) == {
        "site_id": str(site_id),
        "site_name": "Carver Library",
    }


async def test_every_mistake_is_named_by_its_field_and_nothing_is_written(
    pool: asyncpg.Pool, office: Office
) -> None:
    before = await read_sites(pool, jurisdiction="48453")
    wrong = {
        "site_name": "county  CLERK",
        "state": "Texas",
        "county_fips": "4845",
        "latitude": "30,27",
        "longitude": "-97.7",
        "opening_hours": "always",
        "contacts": "Sam Novak",
        "time_zone": "Austin",
        "agency_confirmed_by": "Sam Novak",
    }
    for site_id in (None, office.site_id):
        saved = await save(pool, wrong, site_id)
        named = {each.column for each in saved.errors}
        expected = set(wrong) - {"longitude", "agency_confirmed_by"}
        assert named == expected - ({"site_name"} if site_id else set())
        assert saved.site_id is None
        assert {each.at for each in saved.errors} == {"form"}
    assert await read_sites(pool, jurisdiction="48453") == before


@pytest.mark.parametrize(
    ("cells", "column", "said"),
    [
        ({}, "site_name", "write what people and police call it"),
        ({"latitude": "30"}, "latitude", "together, or neither"),
        ({"latitude": "nan", "longitude": "0"}, "latitude", "no number of degrees"),
        ({"county_fips": "48453", "state": "OK"}, "county_fips", "is not in OK"),
        ({"county_confirmed_by": "Sam Novak"}, "county_confirmed_by", "nothing to confirm"),
        ({"address": "a\x00b"}, "address", "can't be shown"),
        ({"address": "x" * 201}, "address", "200 is the most"),
        ({"entrances": ";".join("abcdefghijk")}, "entrances", "11 entrances"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field(
    pool: asyncpg.Pool, office: Office, cells: dict[str, str], column: str, said: str
) -> None:
    name = {} if column == "site_name" else {"site_name": "Depot"}
    saved = await save(pool, name | cells)
    assert [each.column for each in saved.errors] == [column]
    assert said in saved.errors[0].message
    assert len(await read_sites(pool, jurisdiction="48453")) == 1


async def test_a_confirmation_lasts_as_long_as_what_it_is_of(
    pool: asyncpg.Pool, office: Office
) -> None:
    site_id = (await save(pool, FULL)).site_id
    before = await listed(pool, site_id)
    unsaid = FULL | {"county_confirmed_by": "", "agency_confirmed_by": ""}
    await save(pool, unsaid | {"address": "2 Main St"}, site_id)
    after = await listed(pool, site_id)
    assert after.county_confirmed_at == before.county_confirmed_at
    assert after.agency_confirmed_by == "Sam Novak"
    saved = await save(pool, unsaid | {"responding_agency": "Sheriff"}, site_id)
    assert "nobody will have confirmed it" in saved.warnings[0].message
    after = await listed(pool, site_id)
    assert after.agency_confirmed_by is None
    assert after.county_confirmed_by == "Sam Novak"


async def test_what_another_hand_has_changed_meanwhile_is_not_written_over(
    pool: asyncpg.Pool, office: Office
) -> None:
    site_id = (await save(pool, FULL)).site_id
    opened = await listed(pool, site_id)
    await save(pool, FULL | {"address": "2 Main St"}, site_id)
    with pytest.raises(Refused, match="Somebody else has changed Carver Library"):
        await save_site(
            pool,
            jurisdiction="48453",
            site_id=site_id,
            version=opened.version,
            cells=FULL | {"responding_agency": "Sheriff"},
            by="Ana Ruiz",
        )
    now = await listed(pool, site_id)
    assert (now.address, now.responding_agency) == ("2 Main St", "Austin Police Department")


async def test_a_county_that_is_not_the_outlines_is_doubted_and_saved(
    pool: asyncpg.Pool, office: Office
) -> None:
    saved = await save(pool, FULL | {"county": "Williamson County", "county_fips": "48491"})
    assert saved.site_id is not None
    assert "seems to be in 48453 (Travis, TX)" in saved.warnings[0].message


async def test_a_site_of_another_jurisdiction_or_none_is_not_found(
    pool: asyncpg.Pool, office: Office
) -> None:
    other = await open_office(pool, jurisdiction="48491")
    for site_id in (other.site_id, uuid4()):
        with pytest.raises(NotFound):
            await save(pool, FULL, site_id)
    (still,) = await read_sites(pool, jurisdiction="48491")
    assert still.name == "County Clerk"
