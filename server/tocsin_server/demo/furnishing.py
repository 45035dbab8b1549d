"""What is known around the example's front counter: the plan of its floor, the doors, whom to call.

Other sites have none of it, as at most counties.
"""

from pathlib import Path

import aiosql
import asyncpg
import msgspec

from tocsin_server.demo.example import CLERK, JURISDICTION, ON_CALL_NUMBER, PLACES
from tocsin_server.fleet import floor_plans
from tocsin_server.fleet.floor_plans import Entrance
from tocsin_server.fleet.redraw import redraw

OFFICE = Path(__file__).parent / "page" / "office.svg"
FLOOR = "Ground floor"
DOORS = (
    Entrance(name="Main entrance, Airport Blvd", x=0.26, y=0.97),
    Entrance(name="Loading dock, behind the building", x=0.98, y=0.77),
)
COUNTER = PLACES[0]
AT_COUNTER = (0.24, 0.78)  # in parts of the plan's width and height
BY = "Sam Novak"
CONTACTS = ({"name": BY, "role": "caretaker", "phone": ON_CALL_NUMBER},)

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


async def furnish(pool: asyncpg.Pool) -> None:
    """Write it into the example's county, which has its sites."""
    site_id = await queries.describe_site(
        pool,
        name=CLERK.name,
        entrances=[door.name for door in DOORS],
        contacts=msgspec.json.encode(CONTACTS).decode(),
    )
    plan = await floor_plans.add_plan(
        pool,
        jurisdiction=JURISDICTION,
        site_id=site_id,
        title=FLOOR,
        picture=await redraw(OFFICE.read_bytes(), page=1),
        by=BY,
    )
    await floor_plans.set_entrances(
        pool, jurisdiction=JURISDICTION, plan_id=plan.plan_id, entrances=list(DOORS), by=BY
    )


async def mark_counter(pool: asyncpg.Pool) -> None:
    """Put the button at the counter on the plan; safe to repeat."""
    x, y = AT_COUNTER
    await queries.mark_spot(pool, site=CLERK.name, room=COUNTER.room, floor=FLOOR, x=x, y=y)
