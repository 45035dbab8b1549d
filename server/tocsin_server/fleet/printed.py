"""Printed papers: what labels, cards and the network page say of a jurisdiction's buttons.

Promise: only active buttons are given, so nobody sticks a label on a button that is shut out.
"""

from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server.errors import NotFound

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class PrintedButton(msgspec.Struct, frozen=True, kw_only=True):
    """A button as it is printed; what isn't known is None, and gets a line to write on."""

    device_id: str
    site_id: UUID | None = None
    site: str | None = None
    address: str | None = None
    building: str | None = None
    floor: str | None = None
    room: str | None = None
    spot: str | None = None
    on_call_number: str | None = None


class PrintedOffice(msgspec.Struct, frozen=True, kw_only=True):
    """Whose buttons they are, and whom to call about them."""

    name: str
    on_call_number: str | None


async def read_buttons(pool: asyncpg.Pool, *, jurisdiction: str) -> list[PrintedButton]:
    """List the active buttons, those of a site together."""
    rows = queries.buttons(pool, jurisdiction=jurisdiction)
    return [PrintedButton(**row) async for row in rows]


async def read_office(pool: asyncpg.Pool, *, jurisdiction: str) -> PrintedOffice:
    """Read who has the buttons. Raises NotFound."""
    row = await queries.office(pool, jurisdiction=jurisdiction)
    if row is None:
        raise NotFound(f"no jurisdiction {jurisdiction}: add it first")
    return PrintedOffice(**row)


def telephone(number: str) -> str:
    """Write a number as people at its end dial it: (512) 555-0190, else as E.164 has it."""
    if number.startswith("+1") and len(number) == 12:
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number
