"""Geotag: say where a button is, from the place that a person confirmed.

A look-up and nothing more: no network, no guess on the alert path. What isn't known
is None and is named in a sentence, because a wrong place is worse than none.
"""

from uuid import UUID

import msgspec

from tocsin_server.fleet.directory import Device
from tocsin_wire.messages import timestamp


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a press came from, in the words that people and police use."""

    site_id: UUID | None = None
    site: str | None = None
    building: str | None = None
    floor: str | None = None
    room: str | None = None
    spot: str | None = None
    address: str | None = None
    county: str | None = None
    county_fips: str | None = None
    state: str | None = None
    responding_agency: str | None = None
    time_zone: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    confirmed_at: str | None = None
    missing: list[str] = []


_MISSING = {
    "address": "The site has no address yet.",
    "room": "The room of this button is not known.",
    "floor": "The floor of this button is not known.",
    "county": "The county has not been confirmed.",
    "responding_agency": "Nobody has confirmed which agency responds here.",
    "latitude": "The site is not on the map yet.",
}


_DOUBTFUL = (
    "This place is doubtful: the button may have been moved since somebody confirmed it."
    " Be ready to look elsewhere."
)


def geotag(device: Device) -> Place:
    """Give the confirmed place of a button, and say what is missing of it."""
    site = device.site
    if site is None:
        return Place(
            missing=[f"Nobody has said where {device.device_id} is: call your facilities staff."]
        )
    confirmed_at = timestamp(device.place_confirmed_at) if device.place_confirmed_at else None
    place = Place(
        site_id=site.site_id,
        site=site.name,
        building=device.building,
        floor=device.floor,
        room=device.room,
        spot=device.spot,
        address=site.address,
        county=site.county,
        county_fips=site.county_fips,
        state=site.state,
        responding_agency=site.responding_agency,
        time_zone=site.time_zone,
        latitude=site.latitude,
        longitude=site.longitude,
        confirmed_at=confirmed_at,
    )
    missing = [sentence for name, sentence in _MISSING.items() if getattr(place, name) is None]
    if confirmed_at is None:
        missing.append("Nobody has confirmed that the button is really at this place.")
    return msgspec.structs.replace(place, missing=missing)


def is_certain(place: Place) -> bool:
    """Say whether a person has confirmed it, and nothing speaks against it since."""
    return place.confirmed_at is not None and _DOUBTFUL not in place.missing


def in_doubt(place: Place) -> Place:
    """Say of a place that its button reaches the network elsewhere than when it was confirmed."""
    return msgspec.structs.replace(place, missing=[*place.missing, _DOUBTFUL])
