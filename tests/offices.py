"""An election office to test with, written by the product's own functions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec

from tests.parts import Database
from tocsin_server.fleet.directory import Entries, PolicyTier, Situation
from tocsin_server.fleet.policies import FIRST_POLICY, set_policy
from tocsin_server.fleet.sites import (
    add_jurisdiction,
    add_place,
    add_site,
    place_device,
    register_device,
)
from tocsin_server.people.accounts import add_person
from tocsin_server.storage.database import Database as Replica
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import new_device_id


@dataclass(frozen=True, slots=True)
class Office:
    """One jurisdiction with a dispatcher, a site and a button that a person has seen there."""

    jurisdiction: str
    dispatcher: UUID
    site_id: UUID
    place_id: UUID
    device_id: str


@asynccontextmanager
async def replica_pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """A pool as a replica opens it, with its limits on time."""
    replica = Replica(database.dsn, replica_id="server-1")
    await replica.open()
    try:
        yield replica.pool
    finally:
        await replica.close()


async def open_office(pool: asyncpg.Pool, *, jurisdiction: str = "48453") -> Office:
    """Write an office into an empty database, or beside another one."""
    await add_jurisdiction(
        pool,
        jurisdiction=jurisdiction,
        name=f"County {jurisdiction}",
        time_zone="America/Chicago",
        on_call_number="+15125550190",
    )
    dispatcher = await add_person(
        pool,
        jurisdiction=jurisdiction,
        name="Dana Ortiz",
        email=f"dana.{jurisdiction}@example.org",
        phone="+15125550111",
        vouched_by="a test",
        role="dispatcher",
    )
    await set_policy(
        pool,
        jurisdiction=jurisdiction,
        name=FIRST_POLICY,
        tiers=[PolicyTier(patience_s=30, people=[dispatcher])],
    )
    site_id = await add_site(pool, jurisdiction=jurisdiction, name="County Clerk")
    place_id = await add_place(pool, jurisdiction=jurisdiction, site_id=site_id, room="Counter")
    device_id = await add_button(pool, jurisdiction=jurisdiction, place_id=place_id)
    return Office(jurisdiction, dispatcher, site_id, place_id, device_id)


async def add_button(pool: asyncpg.Pool, *, jurisdiction: str, place_id: UUID) -> str:
    """Put one more button at a place and give its id."""
    device_id = new_device_id()
    key = SigningKey.generate().public.raw
    await register_device(pool, device_id=device_id, jurisdiction=jurisdiction, public_key=key)
    await place_device(
        pool,
        jurisdiction=jurisdiction,
        device_id=device_id,
        place_id=place_id,
        confirmed_by="Sam Novak",
    )
    return device_id


def first_contacts(entries: Entries, *people: UUID) -> str:
    """Whom `begin_attempt` is to page: these people, each by the first contact."""
    tier = PolicyTier(patience_s=30, people=list(people))
    return msgspec.json.encode(entries.to_tell(tier, a_situation())).decode()


def a_situation(*, drill: bool = False, kind: str = "duress") -> Situation:
    at = datetime.now(UTC)
    return Situation(kind, drill, at, at.time())
