"""The columns of a file of sites: what each cell means, and how a site is written into cells.

Promise: what is written is read as the same again. A cell is checked by what checks it elsewhere.
"""

import re
from collections.abc import Callable, Mapping
from uuid import UUID

from tocsin_server import inputs
from tocsin_server.errors import Invalid
from tocsin_server.fleet.directory import SiteContact
from tocsin_server.fleet.hours import parse_hours
from tocsin_server.fleet.sheet import Column
from tocsin_server.fleet.sites import (
    PlaceKind,
    PlaceView,
    SiteFacts,
    check_coordinates,
    check_fips,
    check_state,
)

ENTRANCES_MAX = 10  # more are a plan, not a list
CONTACTS_MAX = 10  # whoever comes to the eleventh has lost the time

KINDS: Mapping[str, PlaceKind] = {
    "front counter": "front_counter",
    "counting table": "counting_table",
    "other": "other",
}
_KIND_NAMES = {kind: name for name, kind in KINDS.items()}

_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?")

Value = str | float | UUID | list[str] | list[SiteContact]


def parse_contacts(text: str) -> list[SiteContact]:
    """Read `Sam Novak, caretaker, +15125550190; …`; the role may be left out. Raises Invalid."""
    contacts = [_contact(each) for each in text.split(";") if each.strip()]
    if not 1 <= len(contacts) <= CONTACTS_MAX:
        raise Invalid(f"{len(contacts)} contacts: name 1 to {CONTACTS_MAX}, or leave it empty")
    return contacts


def parse_entrances(text: str) -> list[str]:
    """Read `Main door, Airport Blvd; loading dock`. Raises Invalid."""
    entrances = [inputs.text("an entrance", each) for each in text.split(";") if each.strip()]
    if not 1 <= len(entrances) <= ENTRANCES_MAX:
        raise Invalid(f"{len(entrances)} entrances: name 1 to {ENTRANCES_MAX}, or leave it empty")
    return entrances


def write_contact(contact: SiteContact) -> str:
    """Write a contact as it is read."""
    parts = (contact.name, contact.role, contact.phone)
    return ", ".join(part for part in parts if part is not None)


def site_cells(site: SiteFacts) -> dict[str, str]:
    """Write a site's own cells; what isn't known has none."""
    cells = {
        "site_id": str(site.site_id),
        "site_name": site.name,
        "latitude": None if site.latitude is None else repr(site.latitude),
        "longitude": None if site.longitude is None else repr(site.longitude),
        "entrances": "; ".join(site.entrances),
        "contacts": "; ".join(map(write_contact, site.contacts)),
    }
    cells |= {name: getattr(site, name) for name in SITE_READERS if name not in cells}
    return {name: cell for name in SITE_READERS if (cell := cells[name])}


def place_cells(place: PlaceView) -> dict[str, str]:
    """Write a place's own cells; what isn't known has none."""
    cells = {name: getattr(place, name) for name in PLACE_READERS if name != "place_kind"}
    cells["place_kind"] = _KIND_NAMES[place.kind] if place.kind is not None else None
    return {name: cell for name in PLACE_READERS if (cell := cells[name])}


def _contact(text: str) -> SiteContact:
    parts = text.split(",")
    if len(parts) not in {2, 3}:
        raise Invalid(
            f"{text.strip()[:60]!r} is no contact: write name, role, phone, as Sam Novak,"
            " caretaker, +15125550190"
        )
    return SiteContact(
        inputs.text("a contact's name", parts[0]),
        inputs.optional_text("a contact's role", "".join(parts[1:-1])),
        inputs.phone(parts[-1].strip()),
    )


def _degrees(name: str) -> Callable[[str], float]:
    def read(cell: str) -> float:
        if not _NUMBER.fullmatch(cell):
            raise Invalid(f"{cell[:60]!r} is no number of degrees: write it as 30.27 or -97.74")
        degrees = float(cell)
        check_coordinates(*((degrees, 0.0) if name == "latitude" else (0.0, degrees)))
        return degrees

    return read


def _text(what: str) -> Callable[[str], str]:
    return lambda cell: inputs.text(what, cell)


def _id(cell: str) -> UUID:
    try:
        return UUID(cell)
    except ValueError:
        raise Invalid(f"{cell[:60]!r} is no id: leave it as it was exported, or empty") from None


def _fips(cell: str) -> str:
    if len(cell) == 4 and cell.isdigit():
        raise Invalid(
            f"{cell!r} has lost its leading zero to a spreadsheet: write 0{cell}, in a column"
            " formatted as text"
        )
    check_fips(cell)
    return cell


def _state(cell: str) -> str:
    check_state(cell)
    return cell


def _kind(cell: str) -> str:
    try:
        return KINDS[cell.lower().replace("_", " ")]
    except KeyError:
        raise Invalid(f"{cell[:60]!r} is none of {', '.join(KINDS)}") from None


SITE_READERS: Mapping[str, Callable[[str], Value]] = {
    "site_id": _id,
    "site_name": _text("the site's name"),
    "address": _text("the address"),
    "county": _text("the county"),
    "county_fips": _fips,
    "state": _state,
    "county_confirmed_by": _text("the name of who confirmed the county"),
    "responding_agency": _text("the responding agency"),
    "agency_confirmed_by": _text("the name of who confirmed the agency"),
    "time_zone": inputs.time_zone,
    "latitude": _degrees("latitude"),
    "longitude": _degrees("longitude"),
    "opening_hours": lambda cell: str(parse_hours(cell)),
    "entrances": parse_entrances,
    "contacts": parse_contacts,
}
PLACE_READERS: Mapping[str, Callable[[str], Value]] = {
    "building": _text("the building"),
    "floor": _text("the floor"),
    "room": _text("the room"),
    "spot": _text("the spot"),
    "place_kind": _kind,
    "surroundings": _text("what is around the place"),
}
COLUMNS = tuple(
    Column(
        name,
        is_number=name in {"latitude", "longitude"},
        is_key=name in {"site_id", "site_name"},
    )
    for name in (*SITE_READERS, *PLACE_READERS)
)
