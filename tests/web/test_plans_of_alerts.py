"""The plans of an alert's site: who sees them, and which spot is on them."""

from uuid import UUID

import pytest

from tests.parts import SAM, Alert
from tests.walk.house import House, Sender
from tests.web.client import Json, client
from tocsin_server.demo import example
from tocsin_server.fleet import floor_plans
from tocsin_server.fleet.redraw import Picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def plan_of(house: House, site: str, title: str, *, width: int = 600) -> UUID:
    async with house.walk.database.pool() as pool:
        plan = await floor_plans.add_plan(
            pool,
            jurisdiction=example.JURISDICTION,
            site_id=await pool.fetchval("SELECT site_id FROM site WHERE name = $1", site),
            title=title,
            picture=Picture(content=b"webp", width=width, height=400, file_digest=b"x" * 32),
            by="Sam Novak",
        )
    return plan.plan_id


async def run(house: House, query: str, *values: object) -> None:
    async with house.walk.database.connected() as connection:
        await connection.execute(query, *values)


async def pressed(house: House, **fields: object) -> tuple[Sender, Alert]:
    sender = await house.sender()
    await sender.send(sender.press(**fields))
    return sender, await house.alert_of(sender.device_id)


async def on_plan(house: House, sender: Sender, plan_id: UUID) -> None:
    await run(
        house,
        "UPDATE place SET plan_id = $2, plan_x = 0.4, plan_y = 0.6 FROM device d"
        " WHERE d.place_id = place.place_id AND d.device_id = $1",
        sender.device_id,
        plan_id,
    )


async def read(house: House, alert: Alert) -> Json:
    answer = await house.screen.get(f"alerts/{alert.alert_id}/plans")
    assert answer.status == 200, answer.body
    return answer.json()


async def test_the_plans_of_the_site_that_hold_and_the_spot_as_it_was_at_the_press(
    house: House,
) -> None:
    sender, alert = await pressed(house)
    names = ["Main door", "Loading dock"]
    await run(house, "UPDATE site SET entrances = $1 WHERE name = $2", names, example.CLERK.name)
    assert await read(house, alert) == {"plans": [], "entrances": names, "spot": None}
    ground = await plan_of(house, example.CLERK.name, "Ground floor")
    attic = await plan_of(house, example.CLERK.name, "Attic")
    other = next(site.name for site in example.SITES if site.name != example.CLERK.name)
    await plan_of(house, other, "Elsewhere")
    sheet: dict[str, object] = {"width": 600, "height": 400, "entrances": []}
    both = [
        {"plan_id": str(attic), "title": "Attic"} | sheet,
        {"plan_id": str(ground), "title": "Ground floor"} | sheet,
    ]
    assert await read(house, alert) == {"plans": both, "entrances": names, "spot": None}
    await on_plan(house, sender, ground)
    spot = {"x": 0.4, "y": 0.6, "plan_id": str(ground)}
    marks = '[{"name": "Loading dock", "x": 0.1, "y": 1}, {"name": "Gone", "x": 0, "y": 0}]'
    await run(
        house, "UPDATE floor_plan SET entrances = $1::jsonb WHERE plan_id = $2", marks, ground
    )
    both[1]["entrances"] = [{"x": 0.1, "y": 1.0, "number": 2, "name": "Loading dock"}]
    assert await read(house, alert) == {"plans": both, "entrances": names, "spot": spot}

    await run(
        house,
        "UPDATE device SET moved_at = clock_timestamp() WHERE device_id = $1",
        sender.device_id,
    )
    assert (await read(house, alert))["spot"] is None, "it would be another place's"
    await run(house, "UPDATE device SET moved_at = NULL WHERE device_id = $1", sender.device_id)
    await plan_of(house, example.CLERK.name, "Ground floor", width=900)
    assert (await read(house, alert))["spot"] is None, "another drawing has no spot of the old one"


async def test_whoever_keeps_the_buttons_sees_those_of_drills_only(house: House) -> None:
    sites = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    site_id = next(each["site_id"] for each in sites if each["name"] == example.CLERK.name)
    _, real = await pressed(house)
    await house.screen.post("drills", {"site_id": site_id, "minutes": 5})
    _, drill = await pressed(house, drill=True)
    async with client(house.walk.server.url, email=SAM.email) as sam:
        for alert, status in ((real, 404), (drill, 200)):
            answer = await sam.ask("GET", f"/api/v1/alerts/{alert.alert_id}/plans")
            assert answer.status == status
