"""Whom to call by telephone when no server answers.

Promise: every number that is on record for a jurisdiction and its sites, as of one moment.
"""

from datetime import datetime
from pathlib import Path

import aiosql
import asyncpg
import msgspec

from tocsin_server.errors import NotFound
from tocsin_server.fleet.directory import SiteContact

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class SiteNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """A site, and whom to call about it."""

    name: str
    address: str | None
    responding_agency: str | None
    contacts: list[SiteContact]


class PhoneNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """A jurisdiction's numbers. `on_call_number`: of whoever keeps the system."""

    at: datetime
    jurisdiction: str
    on_call_number: str | None
    sites: list[SiteNumbers]


async def read_numbers(pool: asyncpg.Pool, *, jurisdiction: str) -> PhoneNumbers:
    """Give a jurisdiction's numbers, its sites by name. Raises NotFound."""
    row = await queries.of_jurisdiction(pool, jurisdiction=jurisdiction)
    if row is None:
        raise NotFound(f"no jurisdiction {jurisdiction}: add it first")
    return PhoneNumbers(
        at=row["at"],
        jurisdiction=row["name"],
        on_call_number=row["on_call_number"],
        sites=[
            SiteNumbers(
                name=site["name"],
                address=site["address"],
                responding_agency=site["responding_agency"],
                contacts=msgspec.json.decode(site["contacts"], type=list[SiteContact]),
            )
            async for site in queries.of_sites(pool, jurisdiction=jurisdiction)
        ],
    )
