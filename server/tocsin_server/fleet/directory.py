"""The directory: who and where everything is, kept in memory so that a press is a look-up.

It is read anew when PostgreSQL says that something in it changed, and every minute
besides. While the database is away the last reading stands: nothing may delay telling a human.
"""

import asyncio
import math
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from datetime import time as datetime_time
from itertools import chain
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server.channels.channel import Language, Method
from tocsin_server.errors import because
from tocsin_server.fleet.proof import ProofRule
from tocsin_server.fleet.proof_rules import rule_of
from tocsin_server.people.shift_plans import read_plans
from tocsin_server.people.shifts import ShiftPlan
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire.signing import VerifyKey

READ_EVERY_S = 60.0
READ_AGAIN_S = 1.0
NEVER_QUIET = frozenset({"duress", "cancel", "test"})  # whoever needs help waits for no morning

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class SiteContact(msgspec.Struct, frozen=True):
    """Somebody to call about a site; never told of an alert by this."""

    name: str
    role: str | None
    phone: str


@dataclass(frozen=True, slots=True)
class Site:
    """A building or campus that people and police know by name."""

    site_id: UUID
    jurisdiction: str
    name: str
    address: str | None
    county: str | None
    county_fips: str | None
    state: str | None
    responding_agency: str | None
    time_zone: str | None
    latitude: float | None
    longitude: float | None
    policy_id: UUID | None
    opening_hours: str | None = None  # as hours.py writes them; None: always open
    contacts: tuple[SiteContact, ...] = ()


class Device(msgspec.Struct, frozen=True, gc=False):
    """A button: whose it is, its key, and the place a person confirmed."""

    device_id: str
    jurisdiction: str
    key: VerifyKey
    active: bool
    place_confirmed_at: datetime | None
    site: Site | None
    building: str | None
    floor: str | None
    room: str | None
    spot: str | None
    digests: tuple[str, ...] = ()  # of the network, as its place has learned them
    config_digest: str | None = None  # of its settings, as they were accepted
    moved_at: datetime | None = None  # what was pressed before proves nothing of where it is


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """A county, mostly: it owns every row."""

    jurisdiction: str
    name: str
    time_zone: str
    on_call_number: str | None
    policy_id: UUID
    proof_rule: ProofRule


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach somebody. `unreachable`: why nothing arrives there; None: it does."""

    contact_id: UUID
    method: Method
    address: str
    verified: bool
    unreachable: str | None
    quiet_from: datetime_time | None
    quiet_to: datetime_time | None

    def counts(self, situation: "Situation") -> bool:
        """Say whether a message for this situation is to go there."""
        return self.verified and self.unreachable is None and not self._is_quiet(situation)

    def _is_quiet(self, situation: "Situation") -> bool:
        start, end = self.quiet_from, self.quiet_to
        if start is None or end is None or situation.kind in NEVER_QUIET:
            return False
        now = situation.local_time
        return start <= now < end if start <= end else now >= start or now < end


@dataclass(frozen=True, slots=True)
class Situation:
    """What somebody is to be told of. `local_time`: the jurisdiction's."""

    kind: str
    drill: bool
    at: datetime
    local_time: datetime_time


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who answers, watches, or keeps the buttons. Contacts in the order to be tried."""

    person_id: UUID
    jurisdiction: str
    name: str
    email: str
    role: str
    outside_agency: bool
    language: Language
    ends_monotonic: float  # of an account that ends; infinite where it doesn't
    contacts: tuple[Contact, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Say whether the account is over, by this replica's monotonic clock."""
        return time.monotonic() >= self.ends_monotonic

    def usable(self, situation: Situation) -> list[Contact]:
        """Give by what this person can be told; a drill never reaches outside agencies."""
        if self.has_ended or (situation.drill and self.outside_agency):
            return []
        return [contact for contact in self.contacts if contact.counts(situation)]

    def is_at(self, number: str) -> bool:
        """Say whether this is a telephone number of theirs."""
        return any(
            contact.address == number and contact.verified and contact.method in {"sms", "voice"}
            for contact in self.contacts
        )


class Recipient(msgspec.Struct, frozen=True):
    """One person by one contact."""

    person_id: UUID
    name: str
    contact_id: UUID
    method: Method
    address: str
    language: Language


def recipients(people: Iterable[tuple[Person, Contact]]) -> list[Recipient]:
    """Name whom to tell, and how."""
    return [
        Recipient(
            person.person_id,
            person.name,
            contact.contact_id,
            contact.method,
            contact.address,
            person.language,
        )
        for person, contact in people
    ]


class PolicyTier(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is told together, and how many seconds they may take.

    `shifts`: whoever is on in these plans is in it as well. `methods` at once for each of them, as
    far as they have these; none: each one's first contact.
    """

    patience_s: float
    people: list[UUID]
    methods: tuple[Method, ...] = ()
    shifts: tuple[UUID, ...] = ()

    def told_by(self, person: Person, situation: Situation) -> list[Contact]:
        """Give the contacts by which this person is told at first."""
        usable = person.usable(situation)
        return [each for each in usable if each.method in self.methods] or usable[:1]


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is told, in what order."""

    policy_id: UUID
    jurisdiction: str
    name: str
    tiers: tuple[PolicyTier, ...]


@dataclass(frozen=True, slots=True)
class DrillWindow:
    """A time in which the presses of a site, or of one button alone, may be drills."""

    drill_id: UUID
    jurisdiction: str
    site_id: UUID | None
    site: str | None
    opened_by: str
    opened_at: datetime
    closes_at: datetime
    closes_monotonic: float
    device_id: str | None = None
    walk_test: bool = False  # only the first press of each button is a drill

    @property
    def left_s(self) -> float:
        """Say how many seconds are left, by this replica's monotonic clock."""
        return max(0.0, self.closes_monotonic - time.monotonic())

    def covers(self, device: Device) -> bool:
        """Say whether this button's presses may be drills while it is open."""
        if self.device_id is not None:
            return self.device_id == device.device_id
        return device.site is not None and self.site_id == device.site.site_id


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A time in which a site is worked on, and nobody is texted about its buttons."""

    closes_at: datetime
    closes_monotonic: float

    @property
    def is_on(self) -> bool:
        """Say whether it still lasts, by this replica's monotonic clock."""
        return time.monotonic() < self.closes_monotonic


@dataclass(frozen=True, slots=True)
class Entries:
    """One reading of the whole directory."""

    devices: dict[str, Device] = field(default_factory=dict)
    sites: dict[UUID, Site] = field(default_factory=dict)
    jurisdictions: dict[str, Jurisdiction] = field(default_factory=dict)
    people: dict[UUID, Person] = field(default_factory=dict)
    policies: dict[UUID, Policy] = field(default_factory=dict)
    choices: dict[tuple[str, UUID | None, str], UUID] = field(default_factory=dict)
    shift_plans: dict[UUID, ShiftPlan] = field(default_factory=dict)
    drills: tuple[DrillWindow, ...] = ()
    maintenance: dict[UUID, Maintenance] = field(default_factory=dict)  # by site
    at_site: dict[UUID, list[Device]] = field(default_factory=dict)

    def policy_for(self, device: Device, kind: str) -> Policy | None:
        """Give the policy of what a button reports."""
        return self.policy_at(device.jurisdiction, device.site, kind)

    def policy_at(self, jurisdiction: str, site: Site | None, kind: str) -> Policy | None:
        """Give the site's for this kind, else the site's, else the jurisdiction's in that order."""
        site_id = site.site_id if site is not None else None
        named = (
            self.choices.get((jurisdiction, site_id, kind)) if site_id is not None else None,
            site.policy_id if site is not None else None,
            self.choices.get((jurisdiction, None, kind)),
        )
        known = (self.policies[each] for each in named if each in self.policies)
        return next(known, None) or self.default_policy(jurisdiction)

    def default_policy(self, jurisdiction: str) -> Policy | None:
        """Give a jurisdiction's own policy."""
        known = self.jurisdictions.get(jurisdiction)
        return self.policies.get(known.policy_id) if known else None

    def situation(self, jurisdiction: str, *, kind: str, drill: bool, at: datetime) -> Situation:
        """Say what matters about a moment (`at`: the database's) to whoever is to be told."""
        return Situation(kind, drill, at, at.astimezone(self.zone_of(jurisdiction)).time())

    def zone_of(self, jurisdiction: str) -> ZoneInfo:
        """Give a jurisdiction's time zone."""
        known = self.jurisdictions.get(jurisdiction)
        return _zone(known.time_zone if known else "UTC")

    def in_tier(self, tier: PolicyTier, situation: Situation) -> list[Person]:
        """Give those of a tier who can be told now."""
        return [person for person in self.named(tier, situation.at) if person.usable(situation)]

    def named(self, tier: PolicyTier, at: datetime) -> list[Person]:
        """Give those whom a tier names, and those who are on then in the plans that it names."""
        ids = dict.fromkeys(chain(tier.people, *(plan.on(at) for plan in self.plans_of(tier))))
        return [self.people[person_id] for person_id in ids if person_id in self.people]

    def plans_of(self, tier: PolicyTier) -> list[ShiftPlan]:
        """Give the plans that a tier names, as far as they are there."""
        return [self.shift_plans[each] for each in tier.shifts if each in self.shift_plans]

    def to_tell(self, tier: PolicyTier, situation: Situation) -> list[Recipient]:
        """Give whom of a tier to tell at first, and how."""
        return recipients(
            (person, contact)
            for person in self.in_tier(tier, situation)
            for contact in tier.told_by(person, situation)
        )

    def first_to_tell(
        self, policy: Policy | None, situation: Situation
    ) -> tuple[PolicyTier, list[Person]] | None:
        """Give the first tier in which anybody can be told; an empty one falls through."""
        tiers = policy.tiers if policy else ()
        told = ((tier, self.in_tier(tier, situation)) for tier in tiers)
        return next(((tier, people) for tier, people in told if people), None)

    def drill_open(self, device: Device) -> bool:
        """Say whether a drill window is open for this button, or where it is.

        A walk test is none here: which press is the first in it, only the database can say.
        """
        return any(
            window.covers(device) and window.left_s > 0 and not window.walk_test
            for window in self.drills
        )


class Directory:
    """The current reading, and those who want to know when it changes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = asyncio.Event()
        self._reading = asyncio.Lock()  # of two readings the one that began later must stand
        self._on_change: list[Callable[[], None]] = []
        self.entries = Entries()
        database.on("tocsin_directory", lambda _: self._changed.set())
        database.on_listening(self.read)

    def on_change(self, handler: Callable[[], None]) -> None:
        """Call this after every reading that may have brought something new."""
        self._on_change.append(handler)

    async def run(self) -> None:
        """Read again when something changed, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(READ_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                log.debug("reading the directory on schedule")
            self._changed.clear()
            try:
                await self.read()
            except DATABASE_ERRORS as error:
                log.warning("the directory stays as it was", because=because(error))
                self._changed.set()
                await asyncio.sleep(READ_AGAIN_S)

    async def read(self) -> None:
        """Read it whole. Raises one of DATABASE_ERRORS."""
        async with self._reading, self._database.pool.acquire() as connection:
            self.entries = await read_entries(connection, known=self.entries)
        for handler in self._on_change:
            handler()


async def read_entries(connection: asyncpg.Connection, *, known: Entries | None = None) -> Entries:
    """Read everything. What is as it was in `known` stays the same object. DATABASE_ERRORS."""
    known = known or Entries()
    sites = {row["site_id"]: _site(row, known) async for row in queries.sites(connection)}
    contacts: dict[UUID, list[Contact]] = {}
    async for row in queries.contacts(connection):
        contact = dict(row)
        contacts.setdefault(contact.pop("person_id"), []).append(Contact(**contact))
    read = [_policy(row, known) async for row in queries.policies(connection)]
    devices: dict[str, Device] = {}
    at_site: dict[UUID, list[Device]] = {}
    async for row in queries.devices(connection):
        device = _device(row, sites, known)
        devices[device.device_id] = device
        if device.site is not None:
            at_site.setdefault(device.site.site_id, []).append(device)
    return Entries(
        devices=devices,
        sites=sites,
        jurisdictions={
            row["jurisdiction"]: _jurisdiction(row)
            async for row in queries.jurisdictions(connection)
        },
        people={
            row["person_id"]: _person(row, contacts.get(row["person_id"], []))
            async for row in queries.people(connection)
        },
        policies={policy.policy_id: policy for policy in read if policy},
        choices={
            (row["jurisdiction"], row["site_id"], row["kind"]): row["policy_id"]
            async for row in queries.choices(connection)
        },
        shift_plans=await read_plans(connection),
        drills=tuple([_drill(row) async for row in queries.drills(connection)]),
        maintenance={
            row["site_id"]: _maintenance(row) async for row in queries.maintenance(connection)
        },
        at_site=at_site,
    )


def _site(row: asyncpg.Record, known: Entries) -> Site:
    site = Site(**dict(row) | {"contacts": _site_contacts(row)})
    before = known.sites.get(site.site_id)
    return before if before == site else site


def _site_contacts(row: asyncpg.Record) -> tuple[SiteContact, ...]:
    """Read whom to call at a site. None, where a hand in the database has broken them."""
    try:
        return msgspec.json.decode(row["contacts"], type=tuple[SiteContact, ...])
    except msgspec.ValidationError as error:
        log.error(
            "A SITE'S CONTACTS CAN'T BE READ: write them again",
            site=row["name"],
            because=because(error),
        )
        return ()


def _device(row: asyncpg.Record, sites: dict[UUID, Site], known: Entries) -> Device:
    """Read a button. One that is as it was stays the same object: there may be 50,000."""
    before = known.devices.get(row["device_id"])
    key = before.key if before and before.key.raw == row["public_key"] else None
    device = Device(
        device_id=row["device_id"],
        jurisdiction=sys.intern(row["jurisdiction"]),
        key=key or VerifyKey.from_raw(row["public_key"]),
        active=row["state"] == "active",
        place_confirmed_at=row["place_confirmed_at"],
        site=sites.get(row["site_id"]),
        building=_shared(row["building"]),
        floor=_shared(row["floor"]),
        room=_shared(row["room"]),
        spot=row["spot"],
        digests=tuple(map(sys.intern, row["digests"] or ())),
        config_digest=row["config_digest"],
        moved_at=row["moved_at"],
    )
    return before if before == device else device


def _policy(row: asyncpg.Record, known: Entries) -> Policy | None:
    """Read a policy. One that a hand in the database has broken stays as it was."""
    try:
        tiers = msgspec.json.decode(row["tiers"], type=tuple[PolicyTier, ...])
    except msgspec.ValidationError as error:
        log.error(
            "A POLICY CAN'T BE READ: set it again with tocsin policy",
            policy=row["name"],
            jurisdiction=row["jurisdiction"],
            because=because(error),
        )
        return known.policies.get(row["policy_id"])
    return Policy(row["policy_id"], row["jurisdiction"], row["name"], tiers)


def _jurisdiction(row: asyncpg.Record) -> Jurisdiction:
    return Jurisdiction(
        jurisdiction=row["jurisdiction"],
        name=row["name"],
        time_zone=row["time_zone"],
        on_call_number=row["on_call_number"],
        policy_id=row["policy_id"],
        proof_rule=rule_of(row),
    )


def _drill(row: asyncpg.Record) -> DrillWindow:
    window = dict(row)
    closes_monotonic = time.monotonic() + window.pop("left_s")
    return DrillWindow(**window, closes_monotonic=closes_monotonic)


def _person(row: asyncpg.Record, contacts: list[Contact]) -> Person:
    person = dict(row)
    left_s = person.pop("left_s")
    ends = math.inf if left_s is None else time.monotonic() + left_s
    return Person(**person, ends_monotonic=ends, contacts=tuple(contacts))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        log.error("A TIME ZONE IS NONE: its times are taken as UTC", time_zone=name)
        return ZoneInfo("UTC")


def _maintenance(row: asyncpg.Record) -> Maintenance:
    return Maintenance(row["closes_at"], time.monotonic() + row["left_s"])


def _shared(text: str | None) -> str | None:
    """Keep a text that many buttons have once."""
    return sys.intern(text) if text is not None else None
