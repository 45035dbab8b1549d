"""Floor plans of the clerk's office, and buttons that have a spot on one."""

from uuid import UUID

from tests.walk.house import House
from tocsin_server.demo import example
from tocsin_server.fleet import floor_plans
from tocsin_server.fleet.redraw import redraw

SPOT = (0.2, 0.8)  # at the front counter
OFFICE = b"""<svg xmlns="http://www.w3.org/2000/svg" width="900" height="600">
  <rect x="20" y="20" width="860" height="560" fill="#fff" stroke="#333" stroke-width="10"/>
  <path d="M20 300h250M350 300h210M640 300h240M560 20v130M560 230v70M450 300v110M450 490v90"
    fill="none" stroke="#333" stroke-width="6"/>
  <path d="M90 450h250" stroke="#8a6d3b" stroke-width="22"/>
  <path d="M180 585h110M885 420v90" stroke="#fff" stroke-width="16"/>
  <g font-family="sans-serif" font-size="30" fill="#333" text-anchor="middle">
    <text x="290" y="170">Ballot room 210</text><text x="720" y="170">Mail room</text>
    <text x="215" y="395">Front counter</text><text x="670" y="450">Loading dock</text>
  </g>
</svg>"""


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
            picture=await redraw(OFFICE, page=1),
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
