"""What a file of sites would change: decided from its rows and from what is there; nothing is done.

Promise: pure, but for the outlines, which never change. Every mistake is found in one go, and named
by line and column. What is decided adds and changes, and never deletes: an empty cell leaves what
is there.

Refused: calling anything confirmed that no person is named for. Where a county or an agency becomes
another one, an old confirmation of it goes.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from tocsin_server.errors import Invalid
from tocsin_server.fleet.directory import SiteContact
from tocsin_server.fleet.sheet import Problem, Problems, Row, TooManyProblems, read_sheet
from tocsin_server.fleet.site_columns import COLUMNS, PLACE_READERS, SITE_READERS, Value
from tocsin_server.fleet.sites import (
    PlaceKind,
    PlaceView,
    SiteFacts,
    check_coordinates,
    check_county,
)

SPOT = ("building", "floor", "room", "spot")  # what tells the places of a site apart
FORM = "form"  # where a mistake is that is in no file
_FIELDS = {"site_name": "name", "place_kind": "kind"}
# What an empty field of a form means; a name can't be, and a confirmation goes by its own rule.
_EMPTY: Mapping[str, Value | None] = {
    name: [] if name in {"entrances", "contacts"} else None
    for name in SITE_READERS
    if name not in {"site_id", "site_name", "county_confirmed_by", "agency_confirmed_by"}
}

Spot = tuple[str | None, str | None, str | None, str | None]


class PlannedSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site as it is written; a new one has no id yet, and its places name it by its number."""

    number: int
    site_id: UUID | None = None
    name: str
    address: str | None = None
    county: str | None = None
    county_fips: str | None = None
    state: str | None = None
    responding_agency: str | None = None
    time_zone: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    opening_hours: str | None = None
    entrances: list[str] = []
    contacts: list[SiteContact] = []
    # A name without a time: confirmed by this import.
    county_confirmed_by: str | None = None
    county_confirmed_at: datetime | None = None
    agency_confirmed_by: str | None = None
    agency_confirmed_at: datetime | None = None


class PlannedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place as it is written; a new one has no id yet."""

    place_id: UUID | None = None
    site_id: UUID | None
    number: int
    building: str | None
    floor: str | None
    room: str | None
    spot: str | None
    kind: PlaceKind | None
    surroundings: str | None


class Counts(msgspec.Struct):
    """How many of the file's sites and places are what."""

    sites_added: int = 0
    sites_changed: int = 0
    sites_unchanged: int = 0
    places_added: int = 0
    places_changed: int = 0
    places_unchanged: int = 0


@dataclass(slots=True)
class Plan:
    """What there is to write, unless there are errors: then nothing is."""

    sites: list[PlannedSite] = field(default_factory=list)
    places: list[PlannedPlace] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    errors: Problems = field(default_factory=Problems)
    warnings: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class _Said:
    """What the rows say of one thing, and which row said it first of each column."""

    what: str
    at: str
    values: dict[str, Value | None] = field(default_factory=dict)  # None: it is taken away
    first_at: dict[str, str] = field(default_factory=dict)

    def take(self, at: str, values: Mapping[str, Value | None], errors: Problems) -> None:
        """Take a row's word; it may not differ from an earlier row's."""
        for name, value in values.items():
            if self.values.setdefault(name, value) != value:
                first = f"{self.first_at[name]} says of the same {self.what}"
                errors.add(at, name, f"is not what {first}: make both alike")
            self.first_at.setdefault(name, at)

    def where(self, *names: str) -> tuple[str, str]:
        """Say where the first of these columns was said that was said at all."""
        said = next((name for name in names if name in self.first_at), names[0])
        return self.first_at.get(said, self.at), said


@dataclass(slots=True)
class _SiteSaid(_Said):
    """The same of a site, with its places."""

    known: SiteFacts | None = None
    wrong: set[str] = field(default_factory=set)
    places: dict[Spot, _Said] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Say what it will be called."""
        return str(self.values.get("site_name") or (self.known.name if self.known else ""))


def plan_import(content: bytes, known: Sequence[SiteFacts]) -> Plan:
    """Decide what a file changes in the sites that are there."""
    plan = Plan()
    try:
        said = _gathered(read_sheet(content, COLUMNS, plan.errors), known, plan.errors)
        _check_names(said, known, plan.errors)
        planned = [_plan_site(number, site, plan) for number, site in enumerate(said)]
    except TooManyProblems:
        return plan
    _doubt_counties(zip(said, planned, strict=True), plan.warnings)
    plan.errors.sort()
    return plan


def plan_form(
    cells: Mapping[str, str], known: Sequence[SiteFacts], *, site_id: UUID | None
) -> Plan:
    """Decide what a form changes, that says all of one site: what is empty there is taken away.

    The columns are a file's, but for those of places; `site_id`: None for a new site.
    """
    plan, row = Plan(), Row(FORM, {name: cell for name, cell in cells.items() if cell.strip()})
    before = next((site for site in known if site.site_id == site_id), None)
    values = _values(row, SITE_READERS, plan.errors)
    values |= {name: empty for name, empty in _EMPTY.items() if name not in row.cells}
    said = _SiteSaid("site", FORM, values, dict.fromkeys(values, FORM), before, row.wrong)
    if "site_name" not in row.cells:
        plan.errors.add(FORM, "site_name", "write what people and police call it")
    elif any(s.site_id != site_id and s.name.casefold() == said.name.casefold() for s in known):
        plan.errors.add(FORM, "site_name", "is another site's name already")
    planned = _plan_site(0, said, plan)
    if not plan.errors.found:
        _doubt_counties([(said, planned)], plan.warnings)
    return plan


def merged_places(site: SiteFacts) -> dict[Spot, PlaceView]:
    """Give the places of a site that can be told apart; several buttons may have one each."""
    merged: dict[Spot, PlaceView] = {}
    for place in site.places:
        spot = _spot_of(place)
        if spot in merged:
            first = merged[spot]
            merged[spot] = msgspec.structs.replace(
                first,
                kind=first.kind or place.kind,
                surroundings=first.surroundings or place.surroundings,
            )
        elif any(spot):
            merged[spot] = place
    return merged


def _gathered(rows: Iterable[Row], known: Sequence[SiteFacts], errors: Problems) -> list[_SiteSaid]:
    """Put together what the rows say of each site, and of each of its places."""
    by_id = {site.site_id: site for site in known}
    by_name: dict[str, list[SiteFacts]] = defaultdict(list)
    for there in known:
        by_name[there.name.casefold()].append(there)
    sites: dict[UUID | str, _SiteSaid] = {}
    for row in rows:
        values = _values(row, SITE_READERS, errors)
        of_place = _values(row, PLACE_READERS, errors)
        try:
            found = _found(values, by_id, by_name)
        except _NotFound as error:
            if error.column not in row.wrong:
                errors.add(row.at, error.column, error)
            continue
        key = found.site_id if found else str(values["site_name"]).casefold()
        site = sites.setdefault(key, _SiteSaid("site", row.at, known=found))
        site.take(row.at, values, errors)
        site.wrong |= row.wrong
        _take_place(row, of_place, site, errors)
    return list(sites.values())


def _values(
    row: Row, readers: Mapping[str, Callable[[str], Value]], errors: Problems
) -> dict[str, Value | None]:
    values: dict[str, Value | None] = {}
    for name, read in readers.items():
        if name in row.cells:
            try:
                values[name] = read(row.cells[name])
            except Invalid as error:
                row.refuse(name, error, errors)
    return values


class _NotFound(Exception):
    """A row doesn't say which site it is about."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def _found(
    values: Mapping[str, Value | None],
    by_id: Mapping[UUID, SiteFacts],
    by_name: Mapping[str, Sequence[SiteFacts]],
) -> SiteFacts | None:
    """Find the site that a row is about; None for a new one. Raises _NotFound."""
    site_id = values.get("site_id")
    if isinstance(site_id, UUID):
        if site_id not in by_id:
            raise _NotFound("site_id", "no site here has this id: leave it empty for a new site")
        return by_id[site_id]
    name = values.get("site_name")
    if name is None:
        raise _NotFound("site_name", "is empty: say which site this row is about")
    named = by_name.get(str(name).casefold(), [])
    if len(named) > 1:
        raise _NotFound("site_name", f"{len(named)} sites are called so: give the site_id as well")
    return named[0] if named else None


def _take_place(
    row: Row, values: Mapping[str, Value | None], site: _SiteSaid, errors: Problems
) -> None:
    if row.wrong.intersection(SPOT):
        return  # it can't be compared with others
    named = [str(values[name]) if name in values else None for name in SPOT]
    spot: Spot = (named[0], named[1], named[2], named[3])
    if any(spot):
        place = site.places.setdefault(spot, _Said("place", row.at))
        place.take(row.at, values, errors)
    elif values:
        errors.add(row.at, next(iter(values)), f"is of which place? Fill in {', '.join(SPOT)}")


def _check_names(said: Sequence[_SiteSaid], known: Sequence[SiteFacts], errors: Problems) -> None:
    """Refuse a name that another site has: people would be sent to the wrong one."""
    touched = {site.known.site_id for site in said if site.known}
    names = Counter(site.name.casefold() for site in said)
    names.update(site.name.casefold() for site in known if site.site_id not in touched)
    for site in said:
        is_renamed = site.known is not None and site.known.name != site.name
        if is_renamed and names[site.name.casefold()] > 1:
            errors.add(*site.where("site_name"), "is another site's name already")


def _plan_site(number: int, said: _SiteSaid, plan: Plan) -> PlannedSite:
    before = _as_planned(number, said.known) if said.known else None
    site = msgspec.structs.replace(
        before or PlannedSite(number=number, name=said.name), **_fields(said.values)
    )
    try:
        check_county(site.county_fips, site.state)
    except Invalid as error:
        plan.errors.add(*said.where("county_fips", "state"), error)
    try:
        if not said.wrong & {"latitude", "longitude"}:
            check_coordinates(site.latitude, site.longitude)
    except Invalid as error:
        plan.errors.add(*said.where("latitude", "longitude"), error)
    site = _with_confirmations(site, before, said, plan)
    if site == before:
        plan.counts.sites_unchanged += 1
    else:
        plan.sites.append(site)
        if before is None:
            plan.counts.sites_added += 1
        else:
            plan.counts.sites_changed += 1
    _plan_places(site, said, plan)
    return site


def _as_planned(number: int, site: SiteFacts) -> PlannedSite:
    names = [name for name in PlannedSite.__struct_fields__ if name != "number"]
    return PlannedSite(number=number, **{name: getattr(site, name) for name in names})


@dataclass(frozen=True, slots=True)
class _Confirmation:
    """Who confirmed what, and what it was that they confirmed."""

    by: str | None
    at: datetime | None
    of: tuple[str | None, ...]


def _with_confirmations(
    site: PlannedSite, before: PlannedSite | None, said: _SiteSaid, plan: Plan
) -> PlannedSite:
    old = before or PlannedSite(number=site.number, name="")
    county = _confirmation(
        said,
        "county_confirmed_by",
        _Confirmation(
            old.county_confirmed_by,
            old.county_confirmed_at,
            (old.county, old.county_fips, old.state),
        ),
        (site.county, site.county_fips, site.state),
        plan,
    )
    agency = _confirmation(
        said,
        "agency_confirmed_by",
        _Confirmation(old.agency_confirmed_by, old.agency_confirmed_at, (old.responding_agency,)),
        (site.responding_agency,),
        plan,
    )
    return msgspec.structs.replace(
        site,
        county_confirmed_by=county.by,
        county_confirmed_at=county.at,
        agency_confirmed_by=agency.by,
        agency_confirmed_at=agency.at,
    )


def _confirmation(
    said: _SiteSaid,
    column: str,
    before: _Confirmation,
    now: tuple[str | None, ...],
    plan: Plan,
) -> _Confirmation:
    """Say who has confirmed it after the import; a time of None is the import's own."""
    given = said.values.get(column)
    by = None if given is None else str(given)
    at, _ = said.where(column)
    if by is not None and not any(now) and not said.wrong:
        plan.errors.add(at, column, "there is nothing to confirm: fill it in, or leave this empty")
    if before.of == now and by in {None, before.by}:
        return before
    if before.of != now and before.by is not None:
        told = f"what {before.by} confirmed is changed"
        if by is None:
            plan.warnings.append(Problem(at, column, f"{told}: nobody will have confirmed it"))
        elif by == before.by:
            plan.warnings.append(Problem(at, column, f"{told}, and {by} is still named: is it so?"))
    return _Confirmation(by, None, now)


def _plan_places(site: PlannedSite, said: _SiteSaid, plan: Plan) -> None:
    known = merged_places(said.known) if said.known else {}
    for spot, place in said.places.items():
        before = known.get(spot)
        building, floor, room, name = spot
        as_it_is = PlannedPlace(
            site_id=site.site_id,
            number=site.number,
            building=building,
            floor=floor,
            room=room,
            spot=name,
            kind=before.kind if before else None,
            surroundings=before.surroundings if before else None,
        )
        wanted = msgspec.structs.replace(as_it_is, **_fields(place.values))
        if said.known is None or before is None:
            plan.counts.places_added += 1
            plan.places.append(wanted)
        elif wanted == as_it_is:
            plan.counts.places_unchanged += 1
        else:
            plan.counts.places_changed += 1
            plan.places += [
                msgspec.structs.replace(wanted, place_id=each.place_id)
                for each in said.known.places
                if _spot_of(each) == spot
            ]


def _doubt_counties(
    sites: Iterable[tuple[_SiteSaid, PlannedSite]], warnings: list[Problem]
) -> None:
    """Hold each county against the outlines; they are coarse, so that a doubt is no error."""
    located = [
        (said, site, (site.latitude, site.longitude))
        for said, site in sites
        if site.latitude is not None and site.longitude is not None
    ]
    # A server that imports nothing needs no geometry in memory.
    from tocsin_server.fleet.outlines import suggest_counties  # noqa: PLC0415

    counties = suggest_counties([point for _, _, point in located])
    for (said, site, (latitude, longitude)), county in zip(located, counties, strict=True):
        point = f"{latitude}, {longitude}"
        if county is None:
            at, column = said.where("latitude")
            told = f"{point} is in no county of the United States: see that it isn't the wrong way"
            warnings.append(Problem(at, column, f"{told} round, and west of London is negative"))
        elif site.county_fips != county.fips:
            at, column = said.where("county_fips")
            told = f"is {site.county_fips}, but {point} seems to be in {county}: {county.caution}"
            if site.county_fips is None:
                told = f"is empty, but {point} seems to be in {county}: {county.caution}"
            warnings.append(Problem(at, column, told))


def _spot_of(place: PlaceView) -> Spot:
    return place.building, place.floor, place.room, place.spot


def _fields(values: Mapping[str, Value | None]) -> dict[str, Value | None]:
    """Name what a row says as its table does."""
    return {_FIELDS.get(name, name): value for name, value in values.items()}
