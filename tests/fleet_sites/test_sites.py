"""What may be written about places, buttons and policies, and what is refused."""

from uuid import UUID

import asyncpg
import pytest

from tests.offices import Office, open_office
from tests.parts import Database
from tocsin_server.alert.geotag import geotag
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.directory import Directory, PolicyTier
from tocsin_server.fleet.policies import (
    FIRST_POLICY,
    PEOPLE_PER_TIER_MAX,
    read_policies,
    set_policy,
)
from tocsin_server.fleet.sites import (
    STATE_FIPS,
    add_jurisdiction,
    add_place,
    add_site,
    place_device,
    read_sites,
    register_device,
)
from tocsin_server.people.accounts import add_person
from tocsin_server.storage.database import Database as Replica
from tocsin_wire.signing import SigningKey

KEY = SigningKey.generate().public.raw


@pytest.fixture
async def office(pool: asyncpg.Pool) -> Office:
    return await open_office(pool)


async def test_what_is_written_is_what_a_press_will_say(
    pool: asyncpg.Pool, office: Office, database: Database
) -> None:
    site_id = await add_site(
        pool,
        jurisdiction=office.jurisdiction,
        name="Carver Branch Library",
        address="1161 Angelina St,\nAustin, TX 78702",
        county="Travis County",
        county_fips="48453",
        state="TX",
        responding_agency="Austin Police Department",
        time_zone="America/Chicago",
        latitude=30.2699,
        longitude=-97.7243,
    )
    place_id = await add_place(
        pool,
        jurisdiction=office.jurisdiction,
        site_id=site_id,
        building="Library",
        floor="1",
        room="Meeting room",
        spot="Check-in table",
    )
    await place_device(
        pool,
        jurisdiction=office.jurisdiction,
        device_id=office.device_id,
        place_id=place_id,
        confirmed_by="Sam Novak",
    )

    replica = Replica(database.dsn, replica_id="server-2")
    await replica.open()
    try:
        directory = Directory(replica)
        await directory.read()
    finally:
        await replica.close()
    device = directory.entries.devices[office.device_id]
    place = geotag(device)
    assert place.missing == []
    assert place.address == "1161 Angelina St, Austin, TX 78702"
    assert (place.room, place.county_fips, place.latitude) == ("Meeting room", "48453", 30.2699)
    policy = directory.entries.policy_for(device, "duress")
    assert policy is not None
    assert [tier.people for tier in policy.tiers] == [[office.dispatcher]]


async def test_a_place_nobody_has_seen_is_not_called_confirmed(
    pool: asyncpg.Pool, office: Office
) -> None:
    await place_device(
        pool,
        jurisdiction=office.jurisdiction,
        device_id=office.device_id,
        place_id=office.place_id,
        confirmed_by=None,
    )
    row = await pool.fetchrow("SELECT place_confirmed_at, place_confirmed_by FROM device")
    assert tuple(row) == (None, None)


@pytest.mark.parametrize(
    ("jurisdiction", "time_zone", "on_call_number", "says"),
    [
        ("server", "America/Chicago", None, "can't name a jurisdiction"),
        ("Travis County", "America/Chicago", None, "can't name a jurisdiction"),
        ("", "America/Chicago", None, "can't name a jurisdiction"),
        ("48453", "Texas", None, "no time zone"),
        ("48453", "../../etc/passwd", None, "no time zone"),
        ("48453", "America", None, "no time zone"),
        ("48453", "", None, "no time zone"),
        ("48453", "America/Chicago", "911", "with its country"),
    ],
)
async def test_a_jurisdiction_that_could_mislead_is_refused(
    pool: asyncpg.Pool, jurisdiction: str, time_zone: str, on_call_number: str | None, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        await add_jurisdiction(
            pool,
            jurisdiction=jurisdiction,
            name="Travis County",
            time_zone=time_zone,
            on_call_number=on_call_number,
        )


async def test_a_jurisdiction_is_added_once(pool: asyncpg.Pool, office: Office) -> None:
    with pytest.raises(Refused, match="already"):
        await add_jurisdiction(
            pool,
            jurisdiction=office.jurisdiction,
            name="Again",
            time_zone="America/Chicago",
            on_call_number=None,
        )
    assert [policy.name for policy in await read_policies(pool, jurisdiction="48453")] == [
        FIRST_POLICY
    ]


@pytest.mark.parametrize(
    ("latitude", "longitude", "says"),
    [
        (90.1, 0.0, "nowhere on earth"),
        (30.0, -180.1, "nowhere on earth"),
        (float("nan"), 0.0, "nowhere on earth"),
        (0.0, float("inf"), "nowhere on earth"),
        (30.0, None, "together"),
        (None, -97.0, "together"),
    ],
)
async def test_coordinates_are_a_point_or_nothing(
    pool: asyncpg.Pool, office: Office, latitude: float | None, longitude: float | None, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        await add_site(
            pool,
            jurisdiction=office.jurisdiction,
            name="Library",
            latitude=latitude,
            longitude=longitude,
        )


@pytest.mark.parametrize(
    ("county_fips", "state", "says"),
    [
        ("4845", "TX", "five digits"),
        ("484533", "TX", "five digits"),
        ("4845\u0663", "TX", "five digits"),
        ("48453", "OH", "is not in OH, whose codes begin with 39"),
        ("48453", "Texas", "two capital letters"),
        (None, "tx", "two capital letters"),
        (None, "ZZ", "two capital letters"),
    ],
)
async def test_a_county_belongs_to_its_state(
    pool: asyncpg.Pool, office: Office, county_fips: str | None, state: str, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        await add_site(
            pool,
            jurisdiction=office.jurisdiction,
            name="Library",
            county_fips=county_fips,
            state=state,
        )


def test_all_states_the_district_and_the_territories_have_a_code() -> None:
    assert len(STATE_FIPS) == len(set(STATE_FIPS.values())) == 50 + 1 + 5


async def test_nothing_of_another_jurisdiction_can_be_used(
    pool: asyncpg.Pool, office: Office
) -> None:
    other = await open_office(pool, jurisdiction="48491")
    (policy,) = await read_policies(pool, jurisdiction="48491")
    with pytest.raises(NotFound):
        await add_site(
            pool, jurisdiction=office.jurisdiction, name="Library", policy_id=policy.policy_id
        )
    with pytest.raises(NotFound):
        await add_place(pool, jurisdiction=office.jurisdiction, site_id=other.site_id)
    for device_id, place_id in (
        (office.device_id, other.place_id),
        (other.device_id, office.place_id),
    ):
        with pytest.raises(NotFound):
            await place_device(
                pool,
                jurisdiction=office.jurisdiction,
                device_id=device_id,
                place_id=place_id,
                confirmed_by="Sam Novak",
            )
    with pytest.raises(NotFound):
        await set_policy(
            pool,
            jurisdiction=office.jurisdiction,
            name=FIRST_POLICY,
            tiers=[PolicyTier(patience_s=30, people=[other.dispatcher])],
        )
    assert [site.site_id for site in await read_sites(pool, jurisdiction="48453")] == [
        office.site_id
    ]


async def test_nothing_is_added_to_a_jurisdiction_that_is_not_there(pool: asyncpg.Pool) -> None:
    with pytest.raises(NotFound, match="add it first"):
        await add_site(pool, jurisdiction="48453", name="Library")
    with pytest.raises(NotFound, match="add it first"):
        await register_device(
            pool, jurisdiction="48453", device_id="btn-0123456789", public_key=KEY
        )
    with pytest.raises(NotFound, match="add it first"):
        await set_policy(pool, jurisdiction="48453", name=FIRST_POLICY, tiers=[])


async def test_a_button_keeps_its_first_key(pool: asyncpg.Pool, office: Office) -> None:
    device_id = "btn-0123456789"
    for _ in range(2):
        await register_device(
            pool, device_id=device_id, jurisdiction=office.jurisdiction, public_key=KEY
        )
    other_key = SigningKey.generate().public.raw
    with pytest.raises(Refused, match="make the button anew"):
        await register_device(
            pool, device_id=device_id, jurisdiction=office.jurisdiction, public_key=other_key
        )
    await open_office(pool, jurisdiction="48491")
    with pytest.raises(Refused, match="make the button anew"):
        await register_device(pool, device_id=device_id, jurisdiction="48491", public_key=KEY)
    health = await pool.fetchval(
        "SELECT condition FROM device_health WHERE device_id = $1", device_id
    )
    assert health == "never_heard"


@pytest.mark.parametrize(
    ("device_id", "public_key", "says"),
    [
        ("btn-012345678", KEY, "ten characters on its label"),
        ("btn-012345678i", KEY, "ten characters on its label"),
        ("btn-0123456789", KEY[:-1], "32 bytes"),
        ("btn-0123456789", b"", "32 bytes"),
    ],
    ids=["name too short", "name with an i", "key too short", "no key"],
)
async def test_a_button_needs_a_name_and_a_key_that_can_be_one(
    pool: asyncpg.Pool, office: Office, device_id: str, public_key: bytes, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        await register_device(
            pool, device_id=device_id, jurisdiction=office.jurisdiction, public_key=public_key
        )


async def test_a_policy_is_replaced_by_its_name_and_may_have_an_empty_tier_inside(
    pool: asyncpg.Pool, office: Office
) -> None:
    (before,) = await read_policies(pool, jurisdiction=office.jurisdiction)
    tiers = [
        PolicyTier(patience_s=30, people=[office.dispatcher]),
        PolicyTier(patience_s=45, people=[]),
        PolicyTier(patience_s=60.5, people=[office.dispatcher]),
    ]
    policy_id = await set_policy(
        pool, jurisdiction=office.jurisdiction, name=FIRST_POLICY, tiers=tiers
    )
    nights = await set_policy(
        pool, jurisdiction=office.jurisdiction, name="Nights", tiers=tiers[-1:]
    )
    await add_site(pool, jurisdiction=office.jurisdiction, name="Depot", policy_id=nights)

    night, standard = await read_policies(pool, jurisdiction=office.jurisdiction)
    assert standard.policy_id == policy_id == before.policy_id
    assert [tier.names for tier in standard.tiers] == [["Dana Ortiz"], [], ["Dana Ortiz"]]
    assert [tier.patience_s for tier in standard.tiers] == [30, 45, 60.5]
    assert (standard.is_default, standard.sites) == (True, [])
    assert (night.name, night.is_default, night.sites) == ("Nights", False, ["Depot"])


def told(patience_s: float, *people: UUID) -> PolicyTier:
    return PolicyTier(patience_s=patience_s, people=list(people))


DANA = UUID(int=1)


@pytest.mark.parametrize(
    ("tiers", "says"),
    [
        ([], "1 to 10 tiers, not 0"),
        ([told(30, DANA)] * 11, "1 to 10 tiers, not 11"),
        ([told(30, DANA), told(30)], "the last tier"),
        ([told(0.5, DANA)], "tier 1: .* 1 to 3600 seconds"),
        ([told(30, DANA), told(3601, DANA)], "tier 2: .* 1 to 3600 seconds"),
        ([told(float("nan"), DANA)], "tier 1: .* 1 to 3600 seconds"),
        ([told(30, DANA, DANA)], "twice"),
        ([told(30, *[UUID(int=n) for n in range(PEOPLE_PER_TIER_MAX + 1)])], "30 is the most"),
    ],
)
async def test_a_policy_that_could_fall_silent_is_refused(
    pool: asyncpg.Pool, office: Office, tiers: list[PolicyTier], says: str
) -> None:
    tiers = [
        PolicyTier(
            patience_s=tier.patience_s,
            people=[office.dispatcher if person == DANA else person for person in tier.people],
        )
        for tier in tiers
    ]
    with pytest.raises(Invalid, match=says):
        await set_policy(pool, jurisdiction=office.jurisdiction, name=FIRST_POLICY, tiers=tiers)
    (policy,) = await read_policies(pool, jurisdiction=office.jurisdiction)
    assert [tier.people for tier in policy.tiers] == [[office.dispatcher]]


async def test_whoever_cannot_be_texted_is_in_no_tier(pool: asyncpg.Pool, office: Office) -> None:
    sam = await add_person(
        pool,
        jurisdiction=office.jurisdiction,
        name="Sam Novak",
        email="sam@example.org",
        phone=None,
        role="facilities",
    )
    with pytest.raises(Invalid, match=r"nothing reaches Sam Novak \(they have no contact\)"):
        await set_policy(
            pool, jurisdiction=office.jurisdiction, name=FIRST_POLICY, tiers=[told(30, sam)]
        )
    await pool.execute(
        "UPDATE contact SET unreachable = 'opted out', unreachable_at = now() FROM person p"
        " WHERE p.person_id = contact.person_id AND p.name = 'Dana Ortiz'"
    )
    with pytest.raises(Invalid, match=r"nothing reaches Dana Ortiz \(opted out\)"):
        await set_policy(
            pool,
            jurisdiction=office.jurisdiction,
            name=FIRST_POLICY,
            tiers=[told(30, office.dispatcher)],
        )
