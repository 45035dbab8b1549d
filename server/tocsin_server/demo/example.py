"""The example jurisdiction: what a visitor of the demo finds, and what the tests run in.

A real county with places where its people really vote, and invented people: every telephone
number is one of those kept free for fiction (555-0100 to 555-0199), every address ends in
`example.org`. Travis County has nothing to do with this project.

Refused: changing a jurisdiction that is there already, so a visitor's changes stay.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg

from tocsin_server.channels.channel import Language, Method
from tocsin_server.fleet import policies, sites
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.people import accounts, contacts

JURISDICTION = "48453"  # Travis County's FIPS code
NAME = "Travis County (example)"
TIME_ZONE = "America/Chicago"
SYSTEM_NUMBER = "+15125550100"
ON_CALL_NUMBER = "+15125550190"
PATIENCE_S = (30.0, 45.0, 60.0)

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented. `tiers` are the tiers that tell this person.

    `methods` in the order in which they are tried: to the phone, or to the e-mail address.
    """

    name: str
    role: str
    email: str
    phone: str | None
    tiers: tuple[int, ...] = ()
    outside_agency: bool = False
    methods: tuple[Method, ...] = ("sms",)
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class Site:
    """A public place in the county."""

    name: str
    address: str
    responding_agency: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where one button is fixed."""

    site: Site
    building: str
    floor: str
    room: str
    spot: str


@dataclass(frozen=True, slots=True)
class Button:
    """A button that the database knows. `place` is None until somebody fixed it somewhere."""

    device_id: str
    place: str | None


PEOPLE = (
    Person("Dana Ortiz", "dispatcher", "dana@example.org", "+15125550111", tiers=(1,)),
    Person("Luis Herrera", "dispatcher", "luis@example.org", "+15125550112", tiers=(1,)),
    Person("Maya Chen", "supervisor", "maya@example.org", "+15125550121", tiers=(2, 3)),
    Person(
        "Deputy Ray Cole", "responder", "ray@example.org", "+15125550131", (3,), outside_agency=True
    ),
    Person("Sam Novak", "facilities", "sam@example.org", ON_CALL_NUMBER),
)
SIGN_INS = ("dispatcher", "supervisor", "facilities")  # a responder answers by phone alone

CLERK = Site(
    "Travis County Clerk, Elections Division",
    "5501 Airport Blvd, Austin, TX 78751",
    "Austin Police Department",
    30.3175,
    -97.7136,
)
CARVER = Site(
    "Carver Branch Library",
    "1161 Angelina St, Austin, TX 78702",
    "Austin Police Department",
    30.2699,
    -97.7243,
)
PFLUGERVILLE = Site(
    "Pflugerville Public Library",
    "1008 W Pfluger St, Pflugerville, TX 78660",
    "Pflugerville Police Department",
    30.4413,
    -97.6301,
)
SITES = (CLERK, CARVER, PFLUGERVILLE)

# The first button of each site comes before the second of any.
PLACES = (
    Place(CLERK, "Main building", "1", "Front counter", "Counter 2, under the desk"),
    Place(CARVER, "Library", "1", "Meeting room", "Check-in table"),
    Place(PFLUGERVILLE, "Library", "1", "Community room", "Judge's table"),
    Place(CLERK, "Main building", "2", "Ballot room 210", "Beside the door"),
    Place(CARVER, "Library", "1", "Workroom", "Left of the safe"),
    Place(PFLUGERVILLE, "Library", "1", "Hallway B", "Greeter's desk"),
    Place(CLERK, "Warehouse", "1", "Loading dock", "Supervisor's desk"),
    Place(CARVER, "Annex", "2", "Room 204", "Check-in table"),
    Place(PFLUGERVILLE, "Library", "1", "Staff office", "Desk by the window"),
)
BUTTONS_MAX = len(PLACES)


async def seed(
    pool: asyncpg.Pool,
    *,
    passwords: Mapping[str, str],
    patience_s: Sequence[float] = PATIENCE_S,
) -> None:
    """Write the jurisdiction, its sites, people and policy into an empty database.

    `passwords` by e-mail address; whoever has none can't sign in. `patience_s` for each tier.
    """
    await add_county(pool)
    ids = await add_people(pool, PEOPLE, passwords=passwords)
    tiers = [
        PolicyTier(patience_s=patience, people=in_tier(ids, PEOPLE, tier))
        for tier, patience in enumerate(patience_s, start=1)
    ]
    await policies.set_policy(
        pool, jurisdiction=JURISDICTION, name=policies.FIRST_POLICY, tiers=tiers
    )


async def add_county(pool: asyncpg.Pool) -> None:
    """Write the jurisdiction and its sites."""
    await sites.add_jurisdiction(
        pool,
        jurisdiction=JURISDICTION,
        name=NAME,
        time_zone=TIME_ZONE,
        on_call_number=ON_CALL_NUMBER,
    )
    for site in SITES:
        await sites.add_site(
            pool,
            jurisdiction=JURISDICTION,
            name=site.name,
            address=site.address,
            county="Travis County",
            county_fips=JURISDICTION,
            state="TX",
            responding_agency=site.responding_agency,
            time_zone=TIME_ZONE,
            latitude=site.latitude,
            longitude=site.longitude,
        )


async def add_people(
    pool: asyncpg.Pool, people: Sequence[Person], *, passwords: Mapping[str, str]
) -> dict[str, UUID]:
    """Write people and the ways to reach them, and give their ids by e-mail address."""
    ids = {}
    for person in people:
        ids[person.email] = person_id = await accounts.add_person(
            pool,
            jurisdiction=JURISDICTION,
            name=person.name,
            email=person.email,
            phone=None,
            role=person.role,
            password=passwords.get(person.email),
            outside_agency=person.outside_agency,
            language=person.language,
        )
        for method in person.methods:
            address = person.email if method == "email" else person.phone
            if address is not None:
                await contacts.add_contact(
                    pool,
                    jurisdiction=JURISDICTION,
                    person_id=person_id,
                    method=method,
                    address=address,
                    vouched_by="the example",
                )
    return ids


def in_tier(ids: Mapping[str, UUID], people: Sequence[Person], tier: int) -> list[UUID]:
    """Give whom a tier tells."""
    return [ids[person.email] for person in people if tier in person.tiers]


async def add_button(pool: asyncpg.Pool, *, device_id: str, public_key: bytes) -> None:
    """Register a button and fix it at the next place."""
    place = PLACES[len(await read_buttons(pool))]
    known = await sites.read_sites(pool, jurisdiction=JURISDICTION)
    await sites.register_device(
        pool, device_id=device_id, jurisdiction=JURISDICTION, public_key=public_key
    )
    place_id = await sites.add_place(
        pool,
        jurisdiction=JURISDICTION,
        site_id=next(site.site_id for site in known if site.name == place.site.name),
        building=place.building,
        floor=place.floor,
        room=place.room,
        spot=place.spot,
    )
    await sites.place_device(
        pool,
        jurisdiction=JURISDICTION,
        device_id=device_id,
        place_id=place_id,
        confirmed_by="Sam Novak",
    )


async def read_buttons(pool: asyncpg.Pool) -> list[Button]:
    """Every button in the database, the first that came at the front."""
    return [
        Button(device_id=row["device_id"], place=row["place"])
        async for row in queries.buttons(pool, jurisdiction=JURISDICTION)
    ]


def new_password() -> str:
    """Short enough to type, too long to guess over a network."""
    return f"{secrets.token_hex(2)}-{secrets.token_hex(2)}-{secrets.token_hex(2)}"
