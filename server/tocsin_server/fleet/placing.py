"""Placing: a person who stands beside a button says that it is where it is said to be.

Refused: a button that is unknown here, or taken out, or that nobody has given a place.
"""

from pathlib import Path

import aiosql
import asyncpg

from tocsin_server.errors import NotFound

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


async def confirm_place(
    pool: asyncpg.Pool, *, jurisdiction: str, device_id: str, confirmed_by: str
) -> None:
    """Confirm the place that a button has: its alerts don't say any more that nobody has.

    Raises NotFound.
    """
    confirmed = await queries.confirm_place(
        pool, jurisdiction=jurisdiction, device_id=device_id, confirmed_by=confirmed_by
    )
    if confirmed is None:
        raise NotFound(f"There is no button {device_id} in service here that has a place.")
