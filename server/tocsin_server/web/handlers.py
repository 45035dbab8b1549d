"""The endpoints under /api/v1 for signed-in readers; each is one call of the walk."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from tocsin_server.alert.acknowledge import NOTE_CHARS_MAX, Acknowledged
from tocsin_server.alert.next_tier import NextTier, read_next_tier
from tocsin_server.alert.plans_of_alert import PlansOfAlert, read_plans
from tocsin_server.alert.press import DoubtfulView
from tocsin_server.alert.view import AlertDetail, AlertView
from tocsin_server.fleet.drills import DrillView, end_drill, open_drill
from tocsin_server.fleet.placing import confirm_place
from tocsin_server.fleet.revocation import Because, RevocationView, revoke_device
from tocsin_server.fleet.sheet import FILE_BYTES_MAX, Format
from tocsin_server.fleet.site_files import SitesImport, export_sites, import_sites
from tocsin_server.fleet.sites import SiteFacts, read_sites
from tocsin_server.fleet.supervise import DeviceView
from tocsin_server.people.sessions import Reader
from tocsin_server.people.sight import may_see
from tocsin_server.web import claims
from tocsin_server.web.api import (
    BODY_BYTES_MAX,
    FACILITIES_ROLES,
    TESTING_ROLES,
    Api,
    Call,
    Nothing,
)
from tocsin_server.web.false_alarms import add_false_alarms
from tocsin_server.web.floor_plans import add_floor_plans
from tocsin_server.web.history import add_history
from tocsin_server.web.hooks import add_hooks
from tocsin_server.web.kiosks import add_kiosks
from tocsin_server.web.moves import add_moves
from tocsin_server.web.mutes import add_mutes
from tocsin_server.web.officer_links import add_officer_links
from tocsin_server.web.own_sign_in import add_own_sign_in
from tocsin_server.web.people import add_people
from tocsin_server.web.phone_numbers import add_phone_numbers
from tocsin_server.web.policies import add_policies
from tocsin_server.web.proof_rules import add_proof_rules
from tocsin_server.web.push import add_push
from tocsin_server.web.services import SERVICES, Services
from tocsin_server.web.shifts import add_shifts
from tocsin_server.web.sign_in import add_sign_in
from tocsin_server.web.street_map import add_street_map
from tocsin_server.web.upkeep import add_upkeep
from tocsin_server.web.walk_tests import add_walk_tests

# JSON may need two bytes for one of the file's; a file that is too large is still told so.
IMPORT_BYTES_MAX = 2 * FILE_BYTES_MAX + BODY_BYTES_MAX
STORABLE = r"^[^\x00]*$"  # PostgreSQL keeps every character but NUL
NoteText = Annotated[str, msgspec.Meta(min_length=1, max_length=NOTE_CHARS_MAX, pattern=STORABLE)]


class AlertsQuery(msgspec.Struct, frozen=True):
    """Which alerts to list."""

    state: Literal["open", "all"] = "open"
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class Alerts(msgspec.Struct, frozen=True):
    """A list of alerts."""

    alerts: list[AlertView]


class Resolution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it was."""

    outcome: Literal["actual", "false_alarm", "test", "unknown"]
    note: Annotated[str, msgspec.Meta(max_length=NOTE_CHARS_MAX, pattern=STORABLE)] = ""


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence for the record."""

    text: NoteText


class HandOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To whom an alert is handed over."""

    person_id: UUID


class Sites(msgspec.Struct, frozen=True):
    """The sites of the jurisdiction."""

    sites: list[SiteFacts]


class SitesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of sites as text, to be taken in; CSV and GeoJSON are told apart by what they hold."""

    text: str
    dry_run: bool = False


class SitesExportQuery(msgspec.Struct, frozen=True):
    """Which kind of file."""

    format: Format = "csv"


class SitesExport(msgspec.Struct, frozen=True):
    """A file of all sites as text; write it as UTF-8."""

    text: str


class Devices(msgspec.Struct, frozen=True):
    """The buttons of the jurisdiction, and how they are."""

    devices: list[DeviceView]


class RevocationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a button is taken out."""

    because: Because


class DrillsList(msgspec.Struct, frozen=True):
    """The drill windows that are open."""

    drills: list[DrillView]


class DrillRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to drill, and for how long."""

    site_id: UUID
    # To JSON 5.0 is an integer, and to msgspec's int it is none.
    minutes: Annotated[float, msgspec.Meta(ge=1, le=60, multiple_of=1)] = 30


def _services(call: Call) -> Services:
    return call.request.app[SERVICES]


def _only_drills(call: Call) -> bool:
    return not may_see(call.reader.role, drill=False)


async def session(call: Call, _query: Nothing, _body: None) -> Reader:
    """Say who is signed in."""
    return call.reader


async def alerts(call: Call, query: AlertsQuery, _body: None) -> Alerts:
    """List alerts: the open ones, or all, newest first."""
    listed = await _services(call).changes.alerts(
        call.reader.jurisdiction,
        only_open=query.state == "open",
        most=query.limit,
        only_drills=_only_drills(call),
    )
    return Alerts(listed)


async def alert(call: Call, _query: Nothing, _body: None) -> AlertDetail:
    """Show one alert with its record."""
    return await _services(call).changes.detail(
        call.reader.jurisdiction, call.path_id("alert_id"), only_drills=_only_drills(call)
    )


async def alert_plans(call: Call, _query: Nothing, _body: None) -> PlansOfAlert:
    """Give the floor plans of where an alert is, and the button's spot on one of them."""
    return await read_plans(
        _services(call).database.pool,
        jurisdiction=call.reader.jurisdiction,
        alert_id=call.path_id("alert_id"),
        only_drills=_only_drills(call),
    )


async def next_tier(call: Call, _query: Nothing, _body: None) -> NextTier:
    """Say who is told next of an alert, as of now."""
    services = _services(call)
    return await read_next_tier(
        services.database.pool,
        services.directory.entries,
        jurisdiction=call.reader.jurisdiction,
        alert_id=call.path_id("alert_id"),
        at=services.database.now(),
        only_drills=_only_drills(call),
    )


async def acknowledge(call: Call, _query: Nothing, _body: Nothing) -> Acknowledged:
    """Take an alert. The first one wins; the answer says who has it."""
    return await _services(call).acknowledge.by_console(call.path_id("alert_id"), call.reader)


async def respond(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """Say that somebody is on the way; the button's lamp shows it."""
    await _services(call).acknowledge.respond(call.path_id("alert_id"), call.reader)
    return Nothing()


async def on_scene(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """Say that somebody is on scene."""
    await _services(call).acknowledge.arrive(call.path_id("alert_id"), call.reader)
    return Nothing()


async def escalate(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """Have the next tier told at once, whoever has the alert."""
    await _services(call).acknowledge.escalate_now(call.path_id("alert_id"), call.reader)
    return Nothing()


async def hand_over(call: Call, _query: Nothing, body: HandOver) -> Nothing:
    """Offer an alert to somebody; whoever has it keeps it until they take it."""
    await _services(call).acknowledge.offer(
        call.path_id("alert_id"), call.reader, to=body.person_id
    )
    return Nothing()


async def resolve(call: Call, _query: Nothing, body: Resolution) -> Nothing:
    """Close an alert and say what it was."""
    await _services(call).acknowledge.resolve(
        call.path_id("alert_id"), call.reader, outcome=body.outcome, note=body.note
    )
    return Nothing()


async def note(call: Call, _query: Nothing, body: Note) -> Nothing:
    """Put a sentence on an alert's record."""
    await _services(call).acknowledge.add_note(
        call.path_id("alert_id"), call.reader, text=body.text
    )
    return Nothing()


async def make_actual(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """Turn a drill into the real thing: everybody is told from tier 1."""
    await _services(call).acknowledge.make_actual(call.path_id("alert_id"), call.reader)
    return Nothing()


async def doubtful_seen(call: Call, _query: Nothing, _body: Nothing) -> DoubtfulView:
    """Say that a person has looked at an unverified press."""
    return await _services(call).doubt.mark_seen(
        call.path_id("doubtful_id"), jurisdiction=call.reader.jurisdiction, by=call.reader.name
    )


async def sites(call: Call, _query: Nothing, _body: None) -> Sites:
    """List the sites."""
    pool = _services(call).database.pool
    return Sites(await read_sites(pool, jurisdiction=call.reader.jurisdiction))


async def take_sites(call: Call, _query: Nothing, body: SitesFile) -> SitesImport:
    """Add and change sites from a file: all of it, or nothing and every mistake by line."""
    return await import_sites(
        _services(call).database.pool,
        jurisdiction=call.reader.jurisdiction,
        content=body.text.encode(),
        dry_run=body.dry_run,
    )


async def give_sites(call: Call, query: SitesExportQuery, _body: None) -> SitesExport:
    """Give all sites and places as a file that can be changed and imported again."""
    pool = _services(call).database.pool
    jurisdiction = call.reader.jurisdiction
    return SitesExport(await export_sites(pool, jurisdiction=jurisdiction, form=query.format))


async def devices(call: Call, _query: Nothing, _body: None) -> Devices:
    """List the buttons and how they are."""
    return Devices(_services(call).supervisor.views(call.reader.jurisdiction))


async def revoke(call: Call, _query: Nothing, body: RevocationRequest) -> RevocationView:
    """Take a button out for good: lost, stolen, retired or compromised. Says where it holds."""
    services = _services(call)
    return await revoke_device(
        services.database.pool,
        config=services.config,
        jurisdiction=call.reader.jurisdiction,
        device_id=call.device_id,
        by=call.reader.name,
        reason=body.because,
    )


async def confirm(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """Confirm that a button is at the place it is said to be at: who asks stands beside it."""
    await confirm_place(
        _services(call).database.pool,
        jurisdiction=call.reader.jurisdiction,
        device_id=call.device_id,
        confirmed_by=call.reader.name,
    )
    return Nothing()


async def drills(call: Call, _query: Nothing, _body: None) -> DrillsList:
    """List the drill windows that are open."""
    return DrillsList(_services(call).drills.views(call.reader.jurisdiction))


async def begin_drill(call: Call, _query: Nothing, body: DrillRequest) -> DrillView:
    """Open a drill window at a site: presses there are drills while it lasts."""
    return await open_drill(
        _services(call).database.pool,
        jurisdiction=call.reader.jurisdiction,
        site_id=body.site_id,
        minutes=int(body.minutes),
        opened_by=call.reader.name,
    )


async def finish_drill(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """Close a drill window before its time."""
    await end_drill(
        _services(call).database.pool,
        jurisdiction=call.reader.jurisdiction,
        drill_id=call.path_id("drill_id"),
        by=call.reader.name,
    )
    return Nothing()


def _add_alerts(api: Api) -> None:
    one = "/api/v1/alerts/{alert_id}"
    api.add("GET", "/api/v1/alerts", alerts, query=AlertsQuery, answer=Alerts)
    add, tests = partial(api.add, while_locked=True), TESTING_ROLES
    add("GET", one, alert, answer=AlertDetail)
    add("GET", f"{one}/plans", alert_plans, answer=PlansOfAlert)
    add("GET", f"{one}/next-tier", next_tier, answer=NextTier)
    add("POST", f"{one}/acknowledge", acknowledge, answer=Acknowledged, acts=True, roles=tests)
    add("POST", f"{one}/respond", respond, answer=Nothing, acts=True)
    add("POST", f"{one}/on-scene", on_scene, answer=Nothing, acts=True)
    add("POST", f"{one}/escalate", escalate, answer=Nothing, acts=True)
    add("POST", f"{one}/hand-over", hand_over, body=HandOver, answer=Nothing, acts=True)
    add("POST", f"{one}/resolve", resolve, body=Resolution, answer=Nothing, acts=True, roles=tests)
    add("POST", f"{one}/notes", note, body=Note, answer=Nothing, acts=True)
    add("POST", f"{one}/actual", make_actual, answer=Nothing, acts=True)
    add(
        "POST", "/api/v1/doubtful/{doubtful_id}/seen", doubtful_seen, answer=DoubtfulView, acts=True
    )


def build_api() -> Api:
    """Put every endpoint in its place."""
    api = Api()
    api.add(
        "GET",
        "/api/v1/session",
        session,
        answer=Reader,
        kiosk=True,
        sets_up=True,
        while_locked=True,
    )
    add_sign_in(api)
    add_own_sign_in(api)
    _add_alerts(api)
    add_history(api)
    api.add("GET", "/api/v1/sites", sites, answer=Sites)
    api.add(
        "POST",
        "/api/v1/sites/import",
        take_sites,
        body=SitesFile,
        answer=SitesImport,
        roles=FACILITIES_ROLES,
        body_bytes_max=IMPORT_BYTES_MAX,
    )
    api.add("GET", "/api/v1/sites/export", give_sites, query=SitesExportQuery, answer=SitesExport)
    api.add("GET", "/api/v1/devices", devices, answer=Devices)
    api.add(
        "POST",
        "/api/v1/devices/{device_id}/revoke",
        revoke,
        body=RevocationRequest,
        answer=RevocationView,
        roles=FACILITIES_ROLES,
    )
    api.add(
        "POST",
        "/api/v1/devices/{device_id}/confirm",
        confirm,
        answer=Nothing,
        roles=FACILITIES_ROLES,
    )
    add_people(api)
    add_policies(api)
    path, tests = "/api/v1/drills", TESTING_ROLES
    api.add("GET", path, drills, answer=DrillsList)
    api.add("POST", path, begin_drill, body=DrillRequest, answer=DrillView, acts=True, roles=tests)
    api.add(
        "POST", f"{path}/{{drill_id}}/end", finish_drill, answer=Nothing, acts=True, roles=tests
    )
    claims.add_endpoints(api)
    add_upkeep(api)
    add_floor_plans(api)
    add_street_map(api)
    add_moves(api)
    add_walk_tests(api)
    add_proof_rules(api)
    add_false_alarms(api)
    add_push(api)
    add_shifts(api)
    add_hooks(api)
    add_phone_numbers(api)
    add_mutes(api)
    add_kiosks(api)
    add_officer_links(api)
    return api
