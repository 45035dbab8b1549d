"""Claim codes: how a person lets one new board become a button, at a place, within a while.

Promise: a code is drawn from the system's randomness, shown once to whoever made it, and kept
nowhere: the database has a digest that is slow to make, so that whoever reads a backup can't try
all codes while one is still good.

Refused: places of another jurisdiction, as if they weren't there; codes that live for months.
"""

import asyncio
import hashlib
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server import inputs
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.placing import Surroundings, describe_place
from tocsin_server.fleet.sites import known_or_new_place
from tocsin_wire.claims import board_page, claim_file, new_code, read_code

MINUTES = 30  # to walk to the board and type it
MINUTES_MAX = 7 * 24 * 60  # a batch is prepared for one election; later ones get new codes
ON_THE_BOARD = "sudo /opt/tocsin/bin/tocsin-button claim"  # as docs/facilities.md installs it

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class ClaimPlace(Surroundings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a button will be: a place that is known, or a spot at a site, or nobody has said."""

    place_id: UUID | None = None
    site_id: UUID | None = None
    building: str | None = None
    floor: str | None = None
    room: str | None = None
    spot: str | None = None


class ClaimView(msgspec.Struct, frozen=True, kw_only=True):
    """An open claim as it is listed. Its code is known to nobody here."""

    claim_id: UUID
    site_id: UUID | None
    site: str | None
    building: str | None
    floor: str | None
    room: str | None
    spot: str | None
    label: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime


class ClaimState(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of a code, for whoever waits for a board to use it."""

    claim_id: UUID
    expires_at: datetime
    used_at: datetime | None
    device_id: str | None


class NewClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim whose code is shown this once: to type on the board, to give as a file, to open."""

    claim_id: UUID
    code: str
    label: str | None
    expires_at: datetime
    server: str
    command: str
    claim_file: str
    board_page: str


async def digest_of(code: str) -> bytes:
    """Name a code (as `read_code` gives it) in the database, without saying it; takes 10 ms.

    scrypt (RFC 7914) with 4 MiB: at 10 ms each, all 2**40 codes take a core 350 years.
    """

    def digest() -> bytes:
        return hashlib.scrypt(code.encode(), salt=b"tocsin claim", n=2**12, r=8, p=1, dklen=32)

    return await asyncio.to_thread(digest)


class Drawn(NamedTuple):
    """A new code, and what the database keeps of it."""

    code: str
    digest: bytes


async def draw() -> Drawn:
    """Draw a code. Many are drawn at once, before the transaction that adds their claims."""
    code = new_code()
    return Drawn(code, await digest_of(code))


async def add_claim(
    connection: asyncpg.Connection,
    *,
    jurisdiction: str,
    place: ClaimPlace,
    label: str | None = None,
    created_by: str,
    minutes: int = MINUTES,
    server: str,
    drawn: Drawn | None = None,
) -> NewClaim:
    """Make a claim, and give its code. `server` is the URL at which the board redeems it.

    Raises Invalid, NotFound (no such site or place here).
    """
    if not 1 <= minutes <= MINUTES_MAX:
        raise Invalid(f"a claim code is good for 1 to {MINUTES_MAX} minutes, not {minutes}")
    label = inputs.optional_text("the label", label)
    place_id = await _place(connection, jurisdiction, place)
    if place.kind or place.surroundings or place.on_plan:
        if place_id is None:
            raise Invalid("write which room it is, too: what is around it says nothing alone")
        await describe_place(
            connection, jurisdiction=jurisdiction, place_id=place_id, around=place, only_add=True
        )
    code, digest = drawn or await draw()
    row = await queries.add_claim(
        connection,
        jurisdiction=jurisdiction,
        code_digest=digest,
        place_id=place_id,
        site_id=place.site_id if place_id is None else None,
        label=label,
        created_by=created_by,
        minutes=minutes,
    )
    if row is None:
        raise NotFound("There is no such site or place in your jurisdiction.")
    return NewClaim(
        claim_id=row["claim_id"],
        code=code,
        label=label,
        expires_at=row["expires_at"],
        server=server,
        command=f"{ON_THE_BOARD} {code} --server {server}",
        claim_file=claim_file(server=server, code=code),
        board_page=board_page(server=server, code=code),
    )


async def open_claims(pool: asyncpg.Pool, *, jurisdiction: str) -> list[ClaimView]:
    """List the claims that can still be redeemed, the newest first."""
    rows = [row async for row in queries.open_claims(pool, jurisdiction=jurisdiction)]
    return [ClaimView(**row) for row in rows]


async def read_claim(pool: asyncpg.Pool, *, jurisdiction: str, claim_id: UUID) -> ClaimState:
    """Say what has become of a code. Raises NotFound."""
    row = await queries.claim(pool, jurisdiction=jurisdiction, claim_id=claim_id)
    if row is None:
        raise NotFound("There is no such claim in your jurisdiction.")
    return ClaimState(**row)


async def claim_of_code(
    connection: asyncpg.Connection | asyncpg.Pool, *, jurisdiction: str, code: str
) -> UUID:
    """Find the claim of a code that somebody holds. Raises Invalid, NotFound."""
    try:
        read = read_code(code)
    except ValueError as error:
        raise Invalid(str(error)) from None
    claim_id: UUID | None = await queries.claim_of_code(
        connection, jurisdiction=jurisdiction, code_digest=await digest_of(read)
    )
    if claim_id is None:
        raise NotFound(f"There is no claim code {read} in your jurisdiction.")
    return claim_id


async def revoke_claim(
    connection: asyncpg.Connection | asyncpg.Pool, *, jurisdiction: str, claim_id: UUID
) -> None:
    """Take a code back. Raises NotFound, Refused (a board has used it)."""
    used_by = await queries.revoke_claim(connection, jurisdiction=jurisdiction, claim_id=claim_id)
    if used_by is None:
        raise NotFound("There is no such claim in your jurisdiction.")
    if used_by:
        raise Refused(f"This code was used already, by {used_by}: revoke that button instead.")


async def _place(
    connection: asyncpg.Connection, jurisdiction: str, place: ClaimPlace
) -> UUID | None:
    """Find the place, or add it; None where nothing but the site is known, or not even that."""
    parts = {part: getattr(place, part) for part in ("building", "floor", "room", "spot")}
    if place.place_id is not None and (place.site_id or any(parts.values())):
        raise Invalid("name a place by its id, or by its site and its parts, and not both ways")
    if place.site_id is None:
        if any(parts.values()):
            raise Invalid("a floor or a room says nothing without a site: name the site")
        return place.place_id
    if not any(parts.values()):
        return None
    return await known_or_new_place(
        connection, jurisdiction=jurisdiction, site_id=place.site_id, **parts
    )
