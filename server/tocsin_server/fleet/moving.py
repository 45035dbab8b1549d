"""Moving: a button that somebody carried to another place of its site.

Promise: of two people who move it at once the second is told, and changes nothing; who moved it is
kept. At its new place nobody has confirmed it yet, and what was proven before counts no more: its
alerts say so until a press there is acknowledged. An alert that is open keeps the place it had.

Refused: a place of another site; a button that was taken out, or that has no place yet.
"""

from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import structlog

from tocsin_server import inputs
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.drills import open_proof
from tocsin_server.fleet.placing import Moved, Surroundings, describe_place
from tocsin_server.fleet.sites import known_or_new_place

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class Move(Surroundings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a button is now: a place of its site that is known, else one in words.

    `from_place_id`: where whoever moves it believes it was.
    """

    from_place_id: UUID
    place_id: UUID | None = None
    building: str | None = None
    floor: str | None = None
    room: str | None = None
    spot: str | None = None


async def move_device(
    pool: asyncpg.Pool, *, jurisdiction: str, device_id: str, move: Move, by: str
) -> Moved:
    """Put a button at another place of its site. Raises Invalid, NotFound, Refused."""
    async with pool.acquire() as connection, connection.transaction():
        device = await _in_service(connection, jurisdiction, device_id)
        if device["place_id"] is None:
            raise Refused(
                f"{device_id} has no place yet, so it can't be moved: say where it is with"
                f" tocsin device place {device_id}."
            )
        if device["place_id"] != move.from_place_id:
            raise Refused(await _moved_meanwhile(connection, device_id))
        place_id = await _target(connection, jurisdiction, device["site_id"], move)
        if place_id == device["place_id"]:
            raise Refused("It is at that place already. Nothing was changed.")
        if move.kind or move.surroundings or move.on_plan:
            await describe_place(
                connection, jurisdiction=jurisdiction, place_id=place_id, around=move, only_add=True
            )
        moved = Moved(
            **await queries.move(connection, device_id=device_id, place_id=place_id, moved_by=by)
        )
    log.warning("a button was moved", device_id=device_id, to=moved.moved_to, by=by)
    return moved


async def begin_proof(pool: asyncpg.Pool, *, jurisdiction: str, device_id: str, by: str) -> None:
    """Make a press of a button that isn't proven a drill, for a few minutes.

    Raises NotFound, Refused.
    """
    async with pool.acquire() as connection, connection.transaction():
        device = await _in_service(connection, jurisdiction, device_id)
        if device["is_proven"]:
            raise Refused(
                f"{device_id} is proven: a press of it is a real alert. To test it again, call the"
                " dispatchers, and start a drill at its site."
            )
        await open_proof(connection, jurisdiction=jurisdiction, device_id=device_id, opened_by=by)


async def _in_service(
    connection: asyncpg.Connection, jurisdiction: str, device_id: str
) -> asyncpg.Record:
    """Hold a button's row until the transaction ends. Raises NotFound, Refused."""
    row: asyncpg.Record | None = await queries.hold(
        connection, jurisdiction=jurisdiction, device_id=device_id
    )
    if row is None:
        raise NotFound(f"There is no button {device_id} in your jurisdiction.")
    if row["state"] != "active":
        raise Refused(
            f"{device_id} was taken out of service and can never be used again: add another button"
            " at that place. Nothing was changed."
        )
    return row


async def _target(
    connection: asyncpg.Connection, jurisdiction: str, site_id: UUID, move: Move
) -> UUID:
    if move.place_id is not None:
        if any((move.building, move.floor, move.room, move.spot)):
            raise Invalid("name a place by its id, or by its parts, and not both ways")
        if not await queries.is_of_site(connection, site_id=site_id, place_id=move.place_id):
            raise NotFound("There is no such place at this button's site. Nothing was changed.")
        return move.place_id
    if inputs.optional_text("the room", move.room) is None:
        raise Invalid("write the room, as it is on the door: police are sent to these words")
    return await known_or_new_place(
        connection,
        jurisdiction=jurisdiction,
        site_id=site_id,
        building=move.building,
        floor=move.floor,
        room=move.room,
        spot=move.spot,
    )


async def _moved_meanwhile(connection: asyncpg.Connection, device_id: str) -> str:
    where = await queries.where_is(connection, device_id=device_id)
    place, by = where["place"], where["moved_by"]
    if by:
        return (
            f"{device_id} was moved meanwhile, to {place} by {by}. Nothing was changed: look where"
            " it is, and move it from there."
        )
    return (
        f"{device_id} was moved meanwhile, to {place}. Nothing was changed: look where it is, and"
        " move it from there."
    )
