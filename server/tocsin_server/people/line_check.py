"""Line check: once a day it is asked of every number whether a text can reach it at all.

Promise: a landline, or a number that is none, is shown where policies are edited before an alert
needs it. It is never on the way of an alert, and a provider that doesn't answer makes nobody
unreachable. Each look-up costs about a cent, so replicas share the numbers.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from tocsin_server.channels.channel import SendFailed
from tocsin_server.errors import because
from tocsin_server.people.contacts import CHECK_AT_ONCE_MAX, CHECK_EVERY, queries
from tocsin_server.storage.database import DATABASE_ERRORS, Database

LOOK_EVERY_S = 600.0

log = structlog.get_logger()


class LineCheck:
    """The numbers of all jurisdictions, looked up in turn."""

    def __init__(
        self, database: Database, line_type: Callable[[str], Awaitable[str | None]]
    ) -> None:
        """`line_type(number)` says why a text can't reach it; None: it can. Raises SendFailed."""
        self._database = database
        self._line_type = line_type

    async def run(self) -> None:
        """Look up what is due, every few minutes, until cancelled."""
        while True:
            try:
                await self.turn()
            except DATABASE_ERRORS as error:
                log.warning("numbers are looked up later", because=because(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def turn(self) -> None:
        """Look up the numbers that are due. Raises DATABASE_ERRORS."""
        pool = self._database.pool
        rows = queries.claim_unchecked(pool, every=CHECK_EVERY, most=CHECK_AT_ONCE_MAX)
        due = [row async for row in rows]
        for done, row in enumerate(due):
            try:
                why = await self._line_type(row["address"])
            except SendFailed as error:
                log.warning("numbers can't be looked up", because=because(error))
                left = [each["contact_id"] for each in due[done:]]
                await queries.not_checked(pool, contact_ids=left)
                return
            if why is not None:
                log.warning("a number takes no texts", number=row["address"][-4:], because=why)
                await queries.checked(pool, contact_id=row["contact_id"], unreachable=why)
