"""Sites: the jurisdiction, where its buttons are, and who is told when one is pressed.

Promise: what is written here can't mislead anybody at a press. A county belongs to its state,
a place to its site, and a policy's last tier has somebody who can be reached.

Refused: anything of another jurisdiction, as if it weren't there; a button's key, once it is
known, is never exchanged for another under the same name.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server import inputs
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.directory import PolicyTier, SiteContact
from tocsin_server.fleet.floor_plans import OnPlan, PlanView, current_plans, on_the_map
from tocsin_server.fleet.policies import FIRST_POLICY
from tocsin_wire.topics import is_device_id, is_jurisdiction

PlaceKind = Literal["front_counter", "counting_table", "other"]

FIRST_PATIENCE_S = 30.0
PUBLIC_KEY_BYTES = 32  # Ed25519 (RFC 8032, section 5.1.5)

# State and territory codes of the Census Bureau: the first two digits of a county's.
STATE_FIPS: dict[str, str] = dict(
    re.findall(
        r"([A-Z]{2})([0-9]{2})",
        "AL01 AK02 AZ04 AR05 CA06 CO08 CT09 DE10 DC11 FL12 GA13 HI15 ID16 IL17 IN18 IA19 KS20 KY21"
        " LA22 ME23 MD24 MA25 MI26 MN27 MS28 MO29 MT30 NE31 NV32 NH33 NJ34 NM35 NY36 NC37 ND38 OH39"
        " OK40 OR41 PA42 RI44 SC45 SD46 TN47 TX48 UT49 VT50 VA51 WA53 WV54 WI55 WY56 AS60 GU66 MP69"
        " PR72 VI78",
    )
)

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class SiteView(msgspec.Struct, frozen=True, kw_only=True):
    """A site as the console lists it; what isn't known is null."""

    site_id: UUID
    name: str
    address: str | None
    county: str | None
    county_fips: str | None
    state: str | None
    responding_agency: str | None
    time_zone: str | None
    latitude: float | None
    longitude: float | None
    contacts: list[SiteContact]


class PlaceView(msgspec.Struct, frozen=True, kw_only=True):
    """A place of a site where a button can be."""

    place_id: UUID
    building: str | None
    floor: str | None
    room: str | None
    spot: str | None
    kind: PlaceKind | None
    surroundings: str | None
    on_plan: OnPlan | None = None


class SiteFacts(SiteView, frozen=True, kw_only=True):
    """A site with what its keepers know of it. `opening_hours` are written as in hours.py.

    `version` is another one as soon as anything of it is, but for its places and plans.
    """

    opening_hours: str | None
    entrances: list[str]
    county_confirmed_by: str | None
    county_confirmed_at: datetime | None
    agency_confirmed_by: str | None
    agency_confirmed_at: datetime | None
    places: list[PlaceView]
    plans: list[PlanView] = []
    version: str = ""


async def add_jurisdiction(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    name: str,
    time_zone: str,
    on_call_number: str | None,
) -> UUID:
    """Add a jurisdiction with its first policy, FIRST_POLICY, and give that policy's id.

    There is nobody to tell yet, and every alert says so until `set_policy` names people.
    Raises Invalid, Refused (it is here already).
    """
    if not is_jurisdiction(jurisdiction):
        raise Invalid(
            f"{jurisdiction!r} can't name a jurisdiction: write its county FIPS code, or up to 40"
            " small letters, digits and hyphens"
        )
    tiers = [PolicyTier(patience_s=FIRST_PATIENCE_S, people=[])]
    try:
        policy_id: UUID = await queries.add_jurisdiction(
            pool,
            jurisdiction=jurisdiction,
            name=inputs.text("the jurisdiction's name", name),
            time_zone=inputs.time_zone(time_zone),
            on_call_number=inputs.phone(on_call_number) if on_call_number is not None else None,
            policy_name=FIRST_POLICY,
            tiers=msgspec.json.encode(tiers).decode(),
        )
    except asyncpg.UniqueViolationError:
        raise Refused(f"the jurisdiction {jurisdiction} is here already") from None
    return policy_id


async def add_site(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    name: str,
    address: str | None = None,
    county: str | None = None,
    county_fips: str | None = None,
    state: str | None = None,
    responding_agency: str | None = None,
    time_zone: str | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    policy_id: UUID | None = None,
) -> UUID:
    """Add a site; what isn't known may stay None, and every alert names it as missing.

    `latitude` and `longitude` in degrees (WGS 84). Raises Invalid, NotFound.
    """
    check_county(county_fips, state)
    check_coordinates(latitude, longitude)
    try:
        site_id: UUID | None = await queries.add_site(
            pool,
            jurisdiction=jurisdiction,
            name=inputs.text("the site's name", name),
            address=inputs.optional_text("the address", address),
            county=inputs.optional_text("the county", county),
            county_fips=county_fips,
            state=state,
            responding_agency=inputs.optional_text("the responding agency", responding_agency),
            time_zone=inputs.time_zone(time_zone) if time_zone is not None else None,
            latitude=latitude,
            longitude=longitude,
            policy_id=policy_id,
        )
    except asyncpg.ForeignKeyViolationError:
        raise _no_jurisdiction(jurisdiction) from None
    if site_id is None:
        raise NotFound(f"no policy {policy_id} in {jurisdiction}")
    return site_id


async def add_place(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    site_id: UUID,
    building: str | None = None,
    floor: str | None = None,
    room: str | None = None,
    spot: str | None = None,
) -> UUID:
    """Add a place of a site where a button can be. Raises Invalid, NotFound."""
    place_id: UUID | None = await queries.add_place(
        pool,
        jurisdiction=jurisdiction,
        site_id=site_id,
        building=inputs.optional_text("the building", building),
        floor=inputs.optional_text("the floor", floor),
        room=inputs.optional_text("the room", room),
        spot=inputs.optional_text("the spot", spot),
    )
    if place_id is None:
        raise NotFound(f"no site {site_id} in {jurisdiction}")
    return place_id


async def known_or_new_place(
    connection: asyncpg.Connection,
    *,
    jurisdiction: str,
    site_id: UUID,
    building: str | None,
    floor: str | None,
    room: str | None,
    spot: str | None,
) -> UUID:
    """Give the place of a site that is described in these words, or add it. As `add_place`."""
    parts = {
        "building": inputs.optional_text("the building", building),
        "floor": inputs.optional_text("the floor", floor),
        "room": inputs.optional_text("the room", room),
        "spot": inputs.optional_text("the spot", spot),
    }
    known: UUID | None = await queries.same_place(
        connection, jurisdiction=jurisdiction, site_id=site_id, **parts
    )
    return known or await add_place(connection, jurisdiction=jurisdiction, site_id=site_id, **parts)


async def register_device(
    pool: asyncpg.Pool, *, device_id: str, jurisdiction: str, public_key: bytes
) -> None:
    """Make a button known by its raw Ed25519 key. The same button again changes nothing.

    Raises Invalid, NotFound (no such jurisdiction), Refused (known with another key, elsewhere,
    or revoked).
    """
    if not is_device_id(device_id):
        raise Invalid(f"{device_id!r} is no button: write btn- and the ten characters on its label")
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise Invalid(f"an Ed25519 public key has {PUBLIC_KEY_BYTES} bytes, not {len(public_key)}")
    try:
        known = await queries.register_device(
            pool, device_id=device_id, jurisdiction=jurisdiction, public_key=public_key
        )
    except asyncpg.ForeignKeyViolationError:
        raise _no_jurisdiction(jurisdiction) from None
    if known is None:
        raise Refused(
            f"{device_id} was registered before, with another key or elsewhere, or was revoked:"
            " make the button anew, under a new name"
        )


async def place_device(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    device_id: str,
    place_id: UUID,
    confirmed_by: str | None,
) -> None:
    """Say where a button is, and who saw it there (None: nobody yet, and alerts say so).

    Raises Invalid, NotFound.
    """
    placed = await queries.place_device(
        pool,
        jurisdiction=jurisdiction,
        device_id=device_id,
        place_id=place_id,
        confirmed_by=inputs.optional_text("the name of who confirmed it", confirmed_by),
    )
    if placed is None:
        raise NotFound(f"no button {device_id}, or no place {place_id}, in {jurisdiction}")


async def read_sites(pool: asyncpg.Pool, *, jurisdiction: str) -> list[SiteFacts]:
    """List a jurisdiction's sites by name, with their places and plans."""
    rows = [row async for row in queries.sites(pool, jurisdiction=jurisdiction)]
    plans: dict[UUID, list[PlanView]] = defaultdict(list)
    for plan in await current_plans(pool, jurisdiction=jurisdiction):
        plans[plan.site_id].append(plan)
    return [_site_facts(row, plans[row["site_id"]]) for row in rows]


def _site_facts(row: asyncpg.Record, plans: list[PlanView]) -> SiteFacts:
    read = dict(row)
    contacts = msgspec.json.decode(read.pop("contacts"), type=list[SiteContact])
    places = msgspec.json.decode(read.pop("places"), type=list[PlaceView])
    by_id = {plan.plan_id: plan for plan in plans}
    return SiteFacts(
        **read,
        contacts=contacts,
        places=[_on_the_map(place, by_id, row) for place in places] if plans else places,
        plans=plans,
    )


def _on_the_map(
    place: PlaceView, plans: Mapping[UUID, PlanView], site: asyncpg.Record
) -> PlaceView:
    spot = place.on_plan
    if spot is None or spot.plan_id not in plans:
        return place
    located = on_the_map(
        plans[spot.plan_id], spot, latitude=site["latitude"], longitude=site["longitude"]
    )
    return msgspec.structs.replace(place, on_plan=located)


def check_state(state: str) -> None:
    """Raise Invalid where this is no state."""
    if state not in STATE_FIPS:
        raise Invalid(f"{state!r} is no state: write its two capital letters, as TX")


def check_fips(county_fips: str) -> None:
    """Raise Invalid where this can be no county's code."""
    if len(county_fips) != 5 or not (county_fips.isascii() and county_fips.isdigit()):
        raise Invalid(f"{county_fips!r} is no county FIPS code: write its five digits, as 48453")


def check_county(county_fips: str | None, state: str | None) -> None:
    """Raise Invalid where one of the two is none, or the county is not in the state."""
    if state is not None:
        check_state(state)
    if county_fips is None:
        return
    check_fips(county_fips)
    if state is not None and not county_fips.startswith(STATE_FIPS[state]):
        raise Invalid(
            f"the county {county_fips} is not in {state}, whose codes begin with"
            f" {STATE_FIPS[state]}: correct one of the two"
        )


def check_coordinates(latitude: float | None, longitude: float | None) -> None:
    """Raise Invalid where these are no point (degrees, WGS 84), nor both None."""
    if latitude is None and longitude is None:
        return
    if latitude is None or longitude is None:
        raise Invalid("give latitude and longitude together, or neither")
    # Written so that a NaN is refused too.
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise Invalid(
            f"{latitude}, {longitude} is nowhere on earth: write degrees, as 30.27 and -97.74"
        )


def _no_jurisdiction(jurisdiction: str) -> NotFound:
    return NotFound(f"no jurisdiction {jurisdiction}: add it first")
