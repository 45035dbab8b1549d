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
from uuid import UUID, uuid5

import aiosql
import asyncpg
import msgspec
from argon2 import PasswordHasher

JURISDICTION = "48453"  # Travis County's FIPS code
NAME = "Travis County (example)"
TIME_ZONE = "America/Chicago"
SYSTEM_NUMBER = "+15125550100"
ON_CALL_NUMBER = "+15125550190"
PATIENCE_S = (30.0, 45.0, 60.0)

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")

_SPACE = UUID("8a6e0804-2bd0-4672-b79d-d97027f9071a")  # makes every id below from its name


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented. `tiers` are the tiers that tell this person."""

    name: str
    role: str
    email: str
    phone: str | None
    tiers: tuple[int, ...] = ()
    outside_agency: bool = False

    @property
    def person_id(self) -> UUID:
        return uuid5(_SPACE, self.email)


@dataclass(frozen=True, slots=True)
class Site:
    """A public place in the county."""

    name: str
    address: str
    responding_agency: str
    latitude: float
    longitude: float

    @property
    def site_id(self) -> UUID:
        return uuid5(_SPACE, self.name)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one button is fixed."""

    site: Site
    building: str
    floor: str
    room: str
    spot: str

    @property
    def place_id(self) -> UUID:
        return uuid5(self.site.site_id, f"{self.building} {self.floor} {self.room} {self.spot}")


@dataclass(frozen=True, slots=True)
class Button:
    """What the database must know of a button to believe it."""

    device_id: str
    public_key: bytes


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
    connection: asyncpg.Connection,
    *,
    passwords: Mapping[str, str],
    patience_s: Sequence[float] = PATIENCE_S,
) -> None:
    """Write the jurisdiction, its sites, people and policy in one transaction.

    `passwords` by e-mail address; whoever has none can't sign in. `patience_s` for each tier.
    """
    policy_id = uuid5(_SPACE, "policy")
    tiers = [
        {
            "patience_s": patience,
            "people": [str(person.person_id) for person in PEOPLE if tier in person.tiers],
        }
        for tier, patience in enumerate(patience_s, start=1)
    ]
    hasher = PasswordHasher()
    async with connection.transaction():
        if await queries.jurisdiction_exists(connection, jurisdiction=JURISDICTION):
            return
        await queries.add_jurisdiction(
            connection,
            jurisdiction=JURISDICTION,
            name=NAME,
            time_zone=TIME_ZONE,
            on_call_number=ON_CALL_NUMBER,
            policy_id=policy_id,
            tiers=msgspec.json.encode(tiers).decode(),
        )
        for person in PEOPLE:
            password = passwords.get(person.email)
            await queries.add_person(
                connection,
                person_id=person.person_id,
                jurisdiction=JURISDICTION,
                name=person.name,
                email=person.email,
                phone=person.phone,
                role=person.role,
                outside_agency=person.outside_agency,
                password_hash=hasher.hash(password) if password else None,
            )
        for site in SITES:
            await queries.add_site(
                connection,
                site_id=site.site_id,
                jurisdiction=JURISDICTION,
                name=site.name,
                address=site.address,
                county="Travis County",
                county_fips="48453",
                state="TX",
                responding_agency=site.responding_agency,
                time_zone=TIME_ZONE,
                latitude=site.latitude,
                longitude=site.longitude,
            )


async def place_buttons(connection: asyncpg.Connection, buttons: Sequence[Button]) -> None:
    """Give each button that the database doesn't know the next free place."""
    async with connection.transaction():
        taken = await known_buttons(connection)
        free = [place for place in PLACES if place.place_id not in taken.values()]
        new = [button for button in buttons if button.device_id not in taken]
        for button, place in zip(new, free, strict=False):
            await queries.add_button(
                connection,
                device_id=button.device_id,
                public_key=button.public_key,
                jurisdiction=JURISDICTION,
                place_id=place.place_id,
                site_id=place.site.site_id,
                building=place.building,
                floor=place.floor,
                room=place.room,
                spot=place.spot,
                confirmed_by="Sam Novak",
            )


async def known_buttons(connection: asyncpg.Connection) -> dict[str, UUID | None]:
    """Every button in the database and its place, those that came first at the front."""
    async with connection.transaction():
        return {
            row["device_id"]: row["place_id"]
            async for row in queries.known_buttons(connection, jurisdiction=JURISDICTION)
        }


def new_password() -> str:
    """Short enough to type, too long to guess over a network."""
    return f"{secrets.token_hex(2)}-{secrets.token_hex(2)}-{secrets.token_hex(2)}"
