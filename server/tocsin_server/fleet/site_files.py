"""Files of sites: a county's list taken in, all of it or nothing, and given out again.

Promise: what was exported changes nothing when it is imported. An import is one transaction, and
what another hand changed in the meantime is read anew, never written over.

Refused: two imports at once in one process. Each takes a core for a while, beside the alerts.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiosql
import asyncpg
import msgspec

from tocsin_server.errors import Busy, Refused
from tocsin_server.fleet.sheet import Format, Problem, write_csv, write_geojson
from tocsin_server.fleet.site_columns import COLUMNS, place_cells, site_cells
from tocsin_server.fleet.site_plan import Counts, Plan, merged_places, plan_import
from tocsin_server.fleet.sites import SiteFacts, read_sites

TRIES_MAX = 3  # somebody who changes sites as often as that is at the same work
WRITE_S_MAX = 30.0  # ten thousand rows on a busy machine; nothing of an alert waits for them

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
_one = asyncio.Lock()


class SitesImport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did. `done` is false in a dry run, and where there are errors."""

    done: bool
    counts: Counts
    errors: list[Problem]
    warnings: list[Problem]


async def import_sites(
    pool: asyncpg.Pool, *, jurisdiction: str, content: bytes, dry_run: bool
) -> SitesImport:
    """Take in a file of sites, as CSV or GeoJSON.

    Raises Busy (one at a time), Refused (somebody else changes the sites all the while).
    """
    if _one.locked():
        raise Busy("another import is under way: try again in a minute")
    async with _one:
        for _ in range(TRIES_MAX):
            seen = await queries.sites_state(pool, jurisdiction=jurisdiction)
            known = await read_sites(pool, jurisdiction=jurisdiction)
            plan = await asyncio.to_thread(plan_import, content, known)
            if dry_run or plan.errors.found:
                return _told(plan, done=False)
            sites, places = await asyncio.to_thread(_encoded, plan)
            write = queries.import_sites.sql
            args = (jurisdiction, seen, sites, places)
            if await pool.fetchval(write, *args, timeout=WRITE_S_MAX):
                return _told(plan, done=True)
    raise Refused("somebody else is changing sites just now: nothing was changed; try again")


async def export_sites(pool: asyncpg.Pool, *, jurisdiction: str, form: Format) -> str:
    """Write all sites of a jurisdiction, a row for each place, so that they can be imported."""
    sites = await read_sites(pool, jurisdiction=jurisdiction)
    return await asyncio.to_thread(_written, sites, form)


def _written(sites: Sequence[SiteFacts], form: Format) -> str:
    rows = [
        site_cells(site) | of_place
        for site in sites
        for of_place in [place_cells(place) for place in merged_places(site).values()] or [{}]
    ]
    return write_csv(COLUMNS, rows) if form == "csv" else write_geojson(rows)


def _told(plan: Plan, *, done: bool) -> SitesImport:
    return SitesImport(
        done=done, counts=plan.counts, errors=plan.errors.found, warnings=plan.warnings
    )


def _encoded(plan: Plan) -> tuple[str, str]:
    return msgspec.json.encode(plan.sites).decode(), msgspec.json.encode(plan.places).decode()
