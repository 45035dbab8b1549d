"""Floor plans of the clerk's office, and buttons that have a spot on one."""

from uuid import UUID

from tests.walk.house import House
from tocsin_server.demo import example
from tocsin_server.demo.furnishing import OFFICE
from tocsin_server.fleet import floor_plans
from tocsin_server.fleet.redraw import redraw

SPOT = (0.2, 0.8)  # at the front counter


async def plan_of(house: House, title: str) -> UUID:
    async with house.walk.database.pool() as pool:
        site_id = await pool.fetchval(
            "SELECT site_id FROM site WHERE name = $1", example.CLERK.name
        )
        plan = await floor_plans.add_plan(
            pool,
            jurisdiction=example.JURISDICTION,
            site_id=site_id,
            title=title,
            picture=await redraw(OFFICE.read_bytes(), page=1),
            by="Sam Novak",
        )
    return plan.plan_id


async def put_on_plan(house: House, device_id: str, plan_id: UUID) -> None:
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE place SET plan_id = $2, plan_x = $3, plan_y = $4 FROM device d"
            " WHERE d.place_id = place.place_id AND d.device_id = $1",
            *(device_id, plan_id, *SPOT),
        )
