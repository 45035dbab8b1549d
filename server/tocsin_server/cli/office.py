"""The database as a command reaches it: one connection, a jurisdiction, and names for its things.

Promise: whatever goes wrong with the database is said in one line, without its password.
"""

import argparse
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server.cli.command import configuration, dsn_of
from tocsin_server.config import Config, ConfigError
from tocsin_server.errors import Invalid, NotFound, TocsinError
from tocsin_server.fleet.policies import PolicyView, read_policies
from tocsin_server.fleet.proof import Calendar, ProofState, zone_named
from tocsin_server.fleet.proof_rules import rule_of
from tocsin_server.fleet.sites import SiteFacts, read_sites
from tocsin_server.people.accounts import PersonView, read_people

CONNECT_S_MAX = 5.0  # somebody sits and waits
COMMAND_S_MAX = 30.0

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")

_SETTINGS = {
    "application_name": "tocsin command",
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "5s",
    "timezone": "UTC",
}
_OTHER_TABLES = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
)


class JurisdictionView(msgspec.Struct, frozen=True, kw_only=True):
    """Whose buttons and people they are."""

    jurisdiction: str
    name: str
    time_zone: str
    on_call_number: str | None
    holder_silent_s: int | None  # null: whoever has an alert is never asked whether they still do
    latency_by_person: bool  # figures of latency may be about single persons


class DeviceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A button as `tocsin device list` shows it."""

    device_id: str
    state: str
    site_id: UUID | None
    site: str | None
    building: str | None
    floor: str | None
    room: str | None
    spot: str | None
    place_confirmed_by: str | None
    place_confirmed_at: datetime | None
    condition: str | None
    last_heard_at: datetime | None
    last_proven_at: datetime | None
    last_proven_by: str | None
    proof: ProofState
    prove_by: datetime | None  # overdue: when its time ended


class DrillLine(msgspec.Struct, frozen=True, kw_only=True):
    """A drill that is on."""

    drill_id: UUID
    site_id: UUID | None
    site: str | None
    device_id: str | None  # where it is this button's alone
    opened_by: str
    opened_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Office:
    """One jurisdiction in the database."""

    config: Config
    pool: asyncpg.Pool
    jurisdiction: str

    async def site(self, named: str) -> SiteFacts:
        """Find a site by its name or id. Raises NotFound, Invalid (several have the name)."""
        sites = await read_sites(self.pool, jurisdiction=self.jurisdiction)
        found = [site for site in sites if named in (site.name, str(site.site_id))]
        if len(found) > 1:
            ids = ", ".join(str(site.site_id) for site in found)
            raise Invalid(f"several sites are named {named!r}: give an id, one of {ids}")
        if not found:
            raise NotFound(f"no site {named!r}; {_known([site.name for site in sites], 'site')}")
        return found[0]

    async def policy(self, named: str) -> PolicyView:
        """Find a policy by its name. Raises NotFound."""
        policies = await read_policies(self.pool, jurisdiction=self.jurisdiction)
        for policy in policies:
            if policy.name == named:
                return policy
        known = _known([policy.name for policy in policies], "policy")
        raise NotFound(f"no policy {named!r}; {known}")

    async def people(self, emails: Sequence[str]) -> list[PersonView]:
        """Find people by their e-mail addresses, in that order. Raises NotFound."""
        everybody = await read_people(self.pool, jurisdiction=self.jurisdiction)
        known = {person.email.lower(): person for person in everybody}
        for email in emails:
            if email.lower() not in known:
                raise NotFound(
                    f"nobody in {self.jurisdiction} has the address {email!r}:"
                    " see tocsin person list, or add them first"
                )
        return [known[email.lower()] for email in emails]

    async def devices(self) -> list[DeviceLine]:
        """List the buttons, those of a site together."""
        row = await queries.calendar(self.pool, jurisdiction=self.jurisdiction)
        calendar = Calendar(rule_of(row), zone_named(row["time_zone"]), row["now"])
        rows = queries.devices(self.pool, jurisdiction=self.jurisdiction)
        return [_device_line(row, calendar) async for row in rows]

    async def drills(self) -> list[DrillLine]:
        """List the drills that are on."""
        rows = queries.drills(self.pool, jurisdiction=self.jurisdiction)
        return [DrillLine(**row) async for row in rows]


def proof_in_words(device: DeviceLine) -> str:
    """Say when a button was proven, and whether it has to be again."""
    if device.last_proven_at is None:
        return "not proven yet: press it and have somebody acknowledge"
    proven = f"proven {device.last_proven_at:%Y-%m-%d %H:%M}Z by {device.last_proven_by}"
    match device.proof:
        case "overdue":
            return f"{proven}; OVERDUE since {device.prove_by:%Y-%m-%d %H:%M}Z"
        case "due":
            return f"{proven}; due by {device.prove_by:%Y-%m-%d %H:%M}Z"
        case _:
            return proven


@asynccontextmanager
async def database(config: Config) -> AsyncIterator[asyncpg.Pool]:
    """Open the database for one command. Raises ConfigError, TocsinError."""
    try:
        pool = await asyncpg.create_pool(
            dsn_of(config),
            min_size=1,
            max_size=1,
            timeout=CONNECT_S_MAX,
            command_timeout=COMMAND_S_MAX,
            server_settings=_SETTINGS,
        )
    except ValueError:
        # Its text may hold a part of the password.
        raise ConfigError(
            "database.dsn can't be understood: write it as postgresql://USER@HOST/DATABASE"
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise TocsinError(
            f"the database can't be reached ({_line(error)}):"
            f" start PostgreSQL, or correct [database] in {config.folder}/tocsin.toml"
        ) from None
    try:
        yield pool
    except _OTHER_TABLES:
        raise TocsinError(
            "the database's tables are not those of this release: run `tocsin migrate`"
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise TocsinError(
            f"the database could not do it ({_line(error)}): see that it runs, and try again"
        ) from None
    finally:
        pool.terminate()


@asynccontextmanager
async def office(options: argparse.Namespace) -> AsyncIterator[Office]:
    """Open the database for the jurisdiction that is meant. Raises ConfigError, TocsinError."""
    config = configuration(options)
    async with database(config) as pool:
        known = [each.jurisdiction for each in await read_jurisdictions(pool)]
        yield Office(config, pool, _meant(options.jurisdiction, known))


async def read_jurisdictions(pool: asyncpg.Pool) -> list[JurisdictionView]:
    """List the jurisdictions."""
    return [JurisdictionView(**row) async for row in queries.jurisdictions(pool)]


def _device_line(row: asyncpg.Record, calendar: Calendar) -> DeviceLine:
    proof = calendar.proof_of(row["last_proven_at"])
    return DeviceLine(**row, proof=proof.state, prove_by=proof.by)


def _meant(named: str | None, known: Sequence[str]) -> str:
    if not known:
        raise NotFound("there is no jurisdiction yet: add it with tocsin jurisdiction add")
    if named is None:
        if len(known) > 1:
            raise Invalid(f"say whose it is with --jurisdiction, one of {', '.join(known)}")
        return known[0]
    if named not in known:
        raise NotFound(f"no jurisdiction {named!r}; {_known(known, 'jurisdiction')}")
    return named


def _known(names: Sequence[str], what: str) -> str:
    return f"known are {', '.join(names)}" if names else f"add one with tocsin {what} add"


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
