"""One site, made or changed by a form: it is a row of a file of sites, and keeps the same rules.

Promise: all of it is written, or nothing and every mistake is named by its field.

Refused: to write over what another hand has changed since the form was opened.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server.errors import NotFound, Refused
from tocsin_server.fleet import site_files
from tocsin_server.fleet.sheet import Problem
from tocsin_server.fleet.site_plan import plan_form
from tocsin_server.fleet.sites import SiteFacts, read_sites
from tocsin_wire.messages import new_id

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class SiteSaved(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a form. `site_id` is null where there are errors: nothing was written then."""

    site_id: UUID | None
    errors: list[Problem]
    warnings: list[Problem]


async def save_site(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    site_id: UUID | None,
    version: str,
    cells: Mapping[str, str],
    by: str,
) -> SiteSaved:
    """Make a site (`site_id`: None) or change one, by the cells of a file of sites.

    `version`: of the site as the form was filled in from it. Raises NotFound, Refused (somebody
    else has changed it, or changes the sites all the while).
    """
    for _ in range(site_files.TRIES_MAX):
        seen = await site_files.queries.sites_state(pool, jurisdiction=jurisdiction)
        known = await read_sites(pool, jurisdiction=jurisdiction)
        if site_id is not None:
            _check_version(site_id, version, known)
        plan = await asyncio.to_thread(plan_form, cells, known, site_id=site_id)
        if plan.errors.found:
            return SiteSaved(site_id=None, errors=plan.errors.found, warnings=plan.warnings)
        saved_id = site_id or new_id()
        sites = [msgspec.structs.replace(site, site_id=saved_id) for site in plan.sites]
        async with pool.acquire() as connection, connection.transaction():
            written = await site_files.queries.import_sites(
                connection,
                jurisdiction=jurisdiction,
                seen=seen,
                sites=msgspec.json.encode(sites).decode(),
                places="[]",
            )
            if written:
                if sites:
                    await queries.sign(connection, site_id=saved_id, by=by)
                return SiteSaved(site_id=saved_id, errors=[], warnings=plan.warnings)
    raise Refused("Somebody else is changing sites just now: nothing was changed; try again.")


def _check_version(site_id: UUID, version: str, known: Sequence[SiteFacts]) -> None:
    site = next((site for site in known if site.site_id == site_id), None)
    if site is None:
        raise NotFound("There is no such site in your jurisdiction.")
    if site.version != version:
        raise Refused(
            f"Somebody else has changed {site.name} since you opened it: open it again, and change"
            " it as it is now. Nothing was changed."
        )
