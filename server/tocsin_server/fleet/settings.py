"""Settings: a button's own, and by whose word they are as they are to be.

A button names its settings by a digest in every heartbeat. Those that it had when somebody proved
it for the first time are accepted with that proof (the database's `learn_settings`); any others
are a drift, until a person accepts them.

Refused: to accept what nobody has proven, or what hasn't changed.
"""

from pathlib import Path

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.errors import NotFound, Refused

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class SettingsAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A button whose changed settings somebody knows of."""

    device_id: str
    accepted_by: str


async def accept_settings(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    device_id: str,
    accepted_by: str,
    heard: str | None = None,
) -> SettingsAccepted:
    """Accept the settings that a button says it has now.

    `heard`: their digest, where the caller has heard it; else what is stored, which may be some
    seconds old. Raises Invalid, NotFound, Refused (there is nothing to accept), DATABASE_ERRORS.
    """
    by = inputs.text("the name of who accepts them", accepted_by)
    row = await queries.accept_settings(
        pool, jurisdiction=jurisdiction, device_id=device_id, accepted_by=by, heard=heard
    )
    if row is None:
        raise NotFound(f"There is no button {device_id} in service here.")
    if not row["proven"]:
        raise Refused(
            f"{device_id} isn't proven yet: the press that proves it accepts its settings, too."
        )
    if not row["accepted"]:
        raise Refused(
            f"The settings of {device_id} are those that were accepted before. If somebody changed"
            " them a moment ago, try again in ten seconds."
        )
    log.warning("settings accepted", device_id=device_id, by=by)
    return SettingsAccepted(device_id=device_id, accepted_by=by)
