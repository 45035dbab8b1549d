"""Browsers: the devices on which somebody who was signed in asked for alerts.

Promise: a browser that is signed up again is there once, and works again if it had stopped. That
somebody was signed in at it vouches for it.
"""

from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg

from tocsin_server.people.contacts import add_contact

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


async def sign_up(
    pool: asyncpg.Pool, *, jurisdiction: str, person_id: UUID, name: str, subscription: str
) -> None:
    """Reach somebody by this browser, too, behind their others. Raises Refused, NotFound."""
    async with pool.acquire() as connection, connection.transaction():
        await queries.forget_gone(connection, jurisdiction=jurisdiction, person_id=person_id)
        if await queries.is_signed_up(
            connection, jurisdiction=jurisdiction, person_id=person_id, address=subscription
        ):
            return
        await add_contact(
            connection,
            jurisdiction=jurisdiction,
            person_id=person_id,
            method="push",
            address=subscription,
            vouched_by=name,
        )
