"""The endpoints of sites, their floor plans, and the places on them."""

import asyncio
from typing import Annotated
from uuid import UUID

import msgspec

from tocsin_server.errors import Invalid
from tocsin_server.fleet import floor_plans
from tocsin_server.fleet.floor_plans import Entrance, PlanView, Tap, Unit
from tocsin_server.fleet.placing import DevicePlace, Surroundings, describe_place, read_place
from tocsin_server.fleet.redraw import FILE_BYTES_MAX, redraw_base64
from tocsin_server.fleet.site_columns import ENTRANCES_MAX
from tocsin_server.fleet.site_form import SiteSaved, save_site
from tocsin_server.web.api import BODY_BYTES_MAX, FACILITIES_ROLES, Api, Call, Nothing, Webp
from tocsin_server.web.services import SERVICES

PLAN_BYTES_MAX = FILE_BYTES_MAX * 4 // 3 + BODY_BYTES_MAX  # base64 (RFC 4648) writes 3 bytes as 4


_BASE64: dict[str, object] = {"type": "string", "contentEncoding": "base64"}


class SiteForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of a site's own cells, as a file of sites has them. What is empty is taken away.

    `…_confirmed`: whoever sends it says that this is the county, that this agency comes. A
    confirmation that was there before stays for as long as what it confirms does. `version` is the
    site's, as it was when the form was opened; a new site has none.
    """

    version: str = ""
    site_name: str
    address: str = ""
    county: str = ""
    county_fips: str = ""
    state: str = ""
    county_confirmed: bool = False
    responding_agency: str = ""
    agency_confirmed: bool = False
    time_zone: str = ""
    latitude: str = ""
    longitude: str = ""
    opening_hours: str = ""
    entrances: str = ""
    contacts: str = ""

    def cells(self, by: str) -> dict[str, str]:
        """Write it as a row of a file."""
        cells = msgspec.structs.asdict(self)
        del cells["version"]
        for what in ("county", "agency"):
            cells[f"{what}_confirmed_by"] = by if cells.pop(f"{what}_confirmed") else ""
        return cells


class PointQuery(msgspec.Struct, frozen=True):
    """A point, in degrees (WGS 84). With one of the two it is none."""

    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None


class CountySuggestion(msgspec.Struct, frozen=True):
    """The county that a point is probably in; null for none. A person confirms it."""

    county_fips: str | None
    county: str | None
    state: str | None
    caution: str | None


class NewPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan of one floor: a PNG, JPEG, SVG, or one page of a PDF, in base64."""

    title: str
    # As it came: 20 MB are decoded where they are drawn, and not on the loop.
    file: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema=_BASE64)]
    # To JSON 5.0 is an integer, and to msgspec's int it is none.
    page: Annotated[float, msgspec.Meta(ge=1, le=10_000, multiple_of=1)] = 1


class Plans(msgspec.Struct, frozen=True):
    """The plans that a site has and had, the newest first."""

    plans: list[PlanView]


class Scale(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two points of a plan, and how far apart they are."""

    one: Tap
    other: Tap
    distance: float
    unit: Unit


class Position(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where on a plan the site's own coordinates are, and any point north of there."""

    here: Tap
    north: Tap


class Entrances(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where on a plan the site's entrances are: all that are marked on it."""

    entrances: Annotated[list[Entrance], msgspec.Meta(max_length=ENTRANCES_MAX)]


async def make_site(call: Call, _query: Nothing, body: SiteForm) -> SiteSaved:
    """Make a site, or say what is wrong, field by field."""
    return await _save_site(call, None, body)


async def change_site(call: Call, _query: Nothing, body: SiteForm) -> SiteSaved:
    """Change a site, or say what is wrong, field by field."""
    return await _save_site(call, call.path_id("site_id"), body)


async def _save_site(call: Call, site_id: UUID | None, body: SiteForm) -> SiteSaved:
    return await save_site(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        site_id=site_id,
        version=body.version,
        cells=body.cells(call.reader.name),
        by=call.reader.name,
    )


async def suggest_county(_call: Call, query: PointQuery, _body: None) -> CountySuggestion:
    """Say which county a point is probably in: a suggestion, to be confirmed by a person."""
    county = None
    if query.latitude is not None and query.longitude is not None:
        # A server that is never asked needs no geometry in memory.
        from tocsin_server.fleet.outlines import suggest_counties  # noqa: PLC0415

        point = (query.latitude, query.longitude)
        (county,) = await asyncio.to_thread(suggest_counties, [point])
    if county is None:
        return CountySuggestion(None, None, None, None)
    return CountySuggestion(county.fips, county.name, county.state, county.caution)


async def list_plans(call: Call, _query: Nothing, _body: None) -> Plans:
    """List the plans that a site has and had."""
    return Plans(
        await floor_plans.read_plans(
            call.request.app[SERVICES].database.pool,
            jurisdiction=call.reader.jurisdiction,
            site_id=call.path_id("site_id"),
        )
    )


async def bring_plan(call: Call, _query: Nothing, body: NewPlan) -> PlanView:
    """Bring a plan of a floor; another one with the same title is replaced, and stays on record."""
    site_id = call.path_id("site_id")
    pool, jurisdiction = call.request.app[SERVICES].database.pool, call.reader.jurisdiction
    await floor_plans.check_site(pool, jurisdiction=jurisdiction, site_id=site_id)
    return await floor_plans.add_plan(
        pool,
        jurisdiction=jurisdiction,
        site_id=site_id,
        title=body.title,
        picture=await redraw_base64(_text_of(body.file), page=int(body.page)),
        by=call.reader.name,
    )


def _text_of(file: msgspec.Raw) -> memoryview:
    """Give what stands between the quotes. Raises Invalid for what is no text."""
    text = memoryview(file)
    if text[:1].tobytes() != b'"':
        raise Invalid("The file is to be a text in base64. Nothing was changed.")
    return text[1:-1]


async def plan_picture(call: Call, _query: Nothing, _body: None) -> Webp:
    """Give a plan's picture: one that the server has drawn itself, which never changes."""
    plan_id = call.path_id("plan_id")
    picture = await floor_plans.read_picture(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        plan_id=plan_id,
    )
    return Webp(picture, tag=str(plan_id))


async def scale_plan(call: Call, _query: Nothing, body: Scale) -> PlanView:
    """Say how large a plan is, by two points and the distance between them."""
    return await floor_plans.set_scale(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        plan_id=call.path_id("plan_id"),
        taps=(body.one, body.other),
        distance=body.distance,
        unit=body.unit,
        by=call.reader.name,
    )


async def position_plan(call: Call, _query: Nothing, body: Position) -> PlanView:
    """Say how a plan lies: where the site's coordinates are on it, and where north is."""
    return await floor_plans.set_position(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        plan_id=call.path_id("plan_id"),
        here=body.here,
        north=body.north,
        by=call.reader.name,
    )


async def mark_entrances(call: Call, _query: Nothing, body: Entrances) -> PlanView:
    """Mark on a plan where the site's entrances are, in place of those marked before."""
    return await floor_plans.set_entrances(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        plan_id=call.path_id("plan_id"),
        entrances=body.entrances,
        by=call.reader.name,
    )


async def take_plan_away(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """Take a plan away, with the spots on it; it stays on record."""
    await floor_plans.end_plan(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        plan_id=call.path_id("plan_id"),
        by=call.reader.name,
    )
    return Nothing()


async def device_place(call: Call, _query: Nothing, _body: None) -> DevicePlace:
    """Say where a button is, what is around it there, and its spot on a plan."""
    return await read_place(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        device_id=call.device_id,
    )


async def describe_device_place(call: Call, _query: Nothing, body: Surroundings) -> DevicePlace:
    """Write what is around a button, and its spot on a plan; which room it is stays as it is."""
    pool, jurisdiction = call.request.app[SERVICES].database.pool, call.reader.jurisdiction
    device_id = call.device_id
    place = await read_place(pool, jurisdiction=jurisdiction, device_id=device_id)
    await describe_place(pool, jurisdiction=jurisdiction, place_id=place.place_id, around=body)
    return await read_place(pool, jurisdiction=jurisdiction, device_id=device_id)


def add_floor_plans(api: Api) -> None:
    """Put these endpoints beside the others."""
    keep = FACILITIES_ROLES
    sites, plan = "/api/v1/sites", "/api/v1/plans/{plan_id}"
    site, place = f"{sites}/{{site_id}}", "/api/v1/devices/{device_id}/place"
    api.add("POST", sites, make_site, body=SiteForm, answer=SiteSaved, roles=keep)
    api.add("POST", site, change_site, body=SiteForm, answer=SiteSaved, roles=keep)
    api.add("GET", "/api/v1/counties", suggest_county, query=PointQuery, answer=CountySuggestion)
    api.add("GET", f"{site}/plans", list_plans, answer=Plans)
    api.add(
        "POST",
        f"{site}/plans",
        bring_plan,
        body=NewPlan,
        answer=PlanView,
        roles=keep,
        body_bytes_max=PLAN_BYTES_MAX,
    )
    api.add("GET", f"{plan}/picture", plan_picture, answer=Webp, while_locked=True)
    api.add("POST", f"{plan}/scale", scale_plan, body=Scale, answer=PlanView, roles=keep)
    api.add("POST", f"{plan}/position", position_plan, body=Position, answer=PlanView, roles=keep)
    kind = Entrances
    api.add("POST", f"{plan}/entrances", mark_entrances, body=kind, answer=PlanView, roles=keep)
    api.add("POST", f"{plan}/end", take_plan_away, answer=Nothing, roles=keep)
    api.add("GET", place, device_place, answer=DevicePlace)
    api.add("POST", place, describe_device_place, body=Surroundings, answer=DevicePlace, roles=keep)
