"""The directory: who and where everything is, kept in memory so that a press is a look-up.

It is read anew when PostgreSQL says that something in it changed, and every minute
besides. While the database is away the last reading stands: nothing may delay telling a human.
"""

import asyncio
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server.errors import because
from tocsin_server.fleet.proof import ProofRule
from tocsin_server.fleet.proof_rules import rule_of
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire.signing import VerifyKey

READ_EVERY_S = 60.0
READ_AGAIN_S = 1.0

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


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
class Person:
    """Somebody who answers, watches, or keeps the buttons."""

    person_id: UUID
    jurisdiction: str
    name: str
    email: str
    phone: str | None
    role: str
    outside_agency: bool
    opted_out_at: datetime | None
    ends_monotonic: float  # of an account that ends; infinite where it doesn't

    @property
    def has_ended(self) -> bool:
        """Say whether the account is over, by this replica's monotonic clock."""
        return time.monotonic() >= self.ends_monotonic


class _Recipient(msgspec.Struct, frozen=True):
    person_id: UUID
    name: str
    address: str | None


def recipients(people: list[Person]) -> str:
    """Write people as the JSON that SQL makes notifications of."""
    told = [_Recipient(person.person_id, person.name, person.phone) for person in people]
    return msgspec.json.encode(told).decode()


class PolicyTier(msgspec.Struct, frozen=True):
    """Who is told together, and how many seconds they may take."""

    patience_s: float
    people: list[UUID]


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
    drills: tuple[DrillWindow, ...] = ()
    maintenance: dict[UUID, Maintenance] = field(default_factory=dict)  # by site
    at_site: dict[UUID, list[Device]] = field(default_factory=dict)

    def policy_for(self, device: Device) -> Policy | None:
        """Give the policy of a button: its site's, else its jurisdiction's."""
        if device.site is not None and device.site.policy_id in self.policies:
            return self.policies[device.site.policy_id]
        return self.default_policy(device.jurisdiction)

    def default_policy(self, jurisdiction: str) -> Policy | None:
        """Give a jurisdiction's own policy."""
        known = self.jurisdictions.get(jurisdiction)
        return self.policies.get(known.policy_id) if known else None

    def reachable(self, people: list[UUID], *, drill: bool) -> list[Person]:
        """Give those of a tier who can be told now; a drill never reaches outside agencies."""
        known = [self.people[person_id] for person_id in people if person_id in self.people]
        return [
            person
            for person in known
            if person.phone
            and person.opted_out_at is None
            and not person.has_ended
            and not (drill and person.outside_agency)
        ]

    def first_to_tell(self, policy: Policy | None, *, drill: bool) -> list[Person]:
        """Give the first tier in which anybody can be told; an empty one falls through."""
        tiers = policy.tiers if policy else ()
        told = (self.reachable(tier.people, drill=drill) for tier in tiers)
        return next((people for people in told if people), [])

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
            sites = {row["site_id"]: self._site(row) async for row in queries.sites(connection)}
            jurisdictions = {
                row["jurisdiction"]: _jurisdiction(row)
                async for row in queries.jurisdictions(connection)
            }
            people = {row["person_id"]: _person(row) async for row in queries.people(connection)}
            read = [self._policy(row) async for row in queries.policies(connection)]
            policies = {policy.policy_id: policy for policy in read if policy}
            drills = [_drill(row) async for row in queries.drills(connection)]
            maintenance = {
                row["site_id"]: _maintenance(row) async for row in queries.maintenance(connection)
            }
            devices: dict[str, Device] = {}
            at_site: dict[UUID, list[Device]] = {}
            async for row in queries.devices(connection):
                device = self._device(row, sites)
                devices[device.device_id] = device
                if device.site is not None:
                    at_site.setdefault(device.site.site_id, []).append(device)
            self.entries = Entries(
                devices=devices,
                sites=sites,
                jurisdictions=jurisdictions,
                people=people,
                policies=policies,
                drills=tuple(drills),
                maintenance=maintenance,
                at_site=at_site,
            )
        for handler in self._on_change:
            handler()

    def _site(self, row: asyncpg.Record) -> Site:
        site = Site(**row)
        known = self.entries.sites.get(site.site_id)
        return known if known == site else site

    def _device(self, row: asyncpg.Record, sites: dict[UUID, Site]) -> Device:
        """Read a button. One that is as it was stays the same object: there may be 50,000."""
        known = self.entries.devices.get(row["device_id"])
        key = known.key if known and known.key.raw == row["public_key"] else None
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
        return known if known == device else device

    def _policy(self, row: asyncpg.Record) -> Policy | None:
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
            return self.entries.policies.get(row["policy_id"])
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


def _person(row: asyncpg.Record) -> Person:
    person = dict(row)
    left_s = person.pop("left_s")
    ends = math.inf if left_s is None else time.monotonic() + left_s
    return Person(**person, ends_monotonic=ends)


def _maintenance(row: asyncpg.Record) -> Maintenance:
    return Maintenance(row["closes_at"], time.monotonic() + row["left_s"])


def _shared(text: str | None) -> str | None:
    """Keep a text that many buttons have once."""
    return sys.intern(text) if text is not None else None
