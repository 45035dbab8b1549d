"""Placing: where a button is, what is around it, and a person who stands beside it and says so.

Refused: a button that is unknown here, or taken out, or that nobody has given a place; a spot on a
plan of another site, or on one that was replaced.
"""

from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server import inputs
from tocsin_server.errors import NotFound, Refused
from tocsin_server.fleet.floor_plans import OnPlan, PlanSpot
from tocsin_server.fleet.sites import PlaceKind, PlaceView

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a place is, what the presser sees around them, and its spot on a plan of its site."""

    kind: PlaceKind | None = None
    surroundings: str | None = None
    on_plan: PlanSpot | None = None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A move, in the words of then."""

    moved_from: str
    moved_to: str
    moved_by: str
    moved_at: datetime


class DevicePlace(PlaceView, frozen=True, kw_only=True):
    """The place that a button has, and the site of it. `moved`: how it came there, if by a move."""

    site_id: UUID
    moved: Moved | None


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
        raise _no_place(device_id)


async def read_place(pool: asyncpg.Pool, *, jurisdiction: str, device_id: str) -> DevicePlace:
    """Give the place that a button has. Raises NotFound."""
    row = await queries.place_of(pool, jurisdiction=jurisdiction, device_id=device_id)
    if row is None:
        raise _no_place(device_id)
    read = dict(row)
    plan_id, x, y = (read.pop(name) for name in ("plan_id", "plan_x", "plan_y"))
    moved = {name: read.pop(name) for name in Moved.__struct_fields__}
    return DevicePlace(
        **read,
        on_plan=None if plan_id is None else OnPlan(plan_id=plan_id, x=x, y=y),
        moved=None if moved["moved_at"] is None else Moved(**moved),
    )


async def describe_place(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    place_id: UUID,
    around: Surroundings,
    only_add: bool = False,
) -> None:
    """Write what is around a place; `only_add`: what isn't given stays. Raises Invalid, Refused."""
    spot = around.on_plan
    described = await queries.describe(
        pool,
        jurisdiction=jurisdiction,
        place_id=place_id,
        kind=around.kind,
        surroundings=inputs.optional_text("what is around the place", around.surroundings),
        plan_id=spot.plan_id if spot else None,
        x=spot.x if spot else None,
        y=spot.y if spot else None,
        only_add=only_add,
    )
    if described is None:
        raise Refused(
            "That plan is not one of this site any more: tap the spot again, on the plan that is"
            " shown now. Nothing was changed."
        )


def _no_place(device_id: str) -> NotFound:
    return NotFound(f"There is no button {device_id} in service here that has a place.")
