"""The plans of an alert's site, with the entrances and the spot of its button, as they are now.

Promise: of the alert's own jurisdiction, and only to whoever may see the alert. No spot is given of
a button that was moved since the press, nor of a plan that was taken away.
"""

from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server.errors import NotFound
from tocsin_server.fleet.floor_plans import NumberedEntrance, PlanSpot, numbered

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A plan of a floor, without its picture, which is `width` by `height` pixels."""

    plan_id: UUID
    title: str
    width: int
    height: int
    entrances: list[NumberedEntrance]


class PlansOfAlert(msgspec.Struct, frozen=True, kw_only=True):
    """The plans of the site, by title; `spot`: where the button is, null where nobody said so."""

    plans: list[Sheet]
    entrances: list[str]  # of the site, whether a plan shows them or not
    spot: PlanSpot | None


async def read_plans(
    pool: asyncpg.Pool, *, jurisdiction: str, alert_id: UUID, only_drills: bool
) -> PlansOfAlert:
    """Give the plans of where an alert is. Raises NotFound."""
    row = await queries.spot(pool, jurisdiction=jurisdiction, alert_id=alert_id)
    if row is None or (only_drills and not row["drill"]):
        raise NotFound(f"no alert {alert_id}")
    names: list[str] = row["entrances"]
    sheets = queries.sheets(pool, jurisdiction=jurisdiction, site_id=row["site_id"])
    spot = {name: row[name] for name in ("x", "y", "plan_id")}
    return PlansOfAlert(
        plans=[
            Sheet(**{**sheet, "entrances": numbered(names, sheet["entrances"])})
            async for sheet in sheets
        ],
        entrances=names,
        spot=PlanSpot(**spot) if row["plan_id"] is not None else None,
    )
