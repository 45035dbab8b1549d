"""Floor plans: kept, replaced, measured, turned, and the spots of places on them."""

import math
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from tests.offices import Office, open_office
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet import claims, floor_plans, placing, sites
from tocsin_server.fleet.floor_plans import OnPlan, PlanSpot, PlanView, Tap
from tocsin_server.fleet.placing import Surroundings
from tocsin_server.fleet.redraw import Picture

TRAVIS, WILLIAMSON = "48453", "48491"
WIDE = Picture(b"RIFF a picture", 2400, 1600, bytes(32))
WIDE_AGAIN = Picture(b"RIFF a sharper one", 1200, 801, bytes(31) + b"1")
TALL = Picture(b"RIFF another", 1600, 2400, bytes(31) + b"2")


@pytest.fixture
async def office(pool: asyncpg.Pool) -> Office:
    return await open_office(pool)


async def add(
    pool: asyncpg.Pool, office: Office, picture: Picture = WIDE, title: str = "Ground floor"
) -> PlanView:
    return await floor_plans.add_plan(
        pool,
        jurisdiction=office.jurisdiction,
        site_id=office.site_id,
        title=title,
        picture=picture,
        by="Sam Novak",
    )


async def scale(
    pool: asyncpg.Pool,
    plan: PlanView,
    taps: tuple[Tap, Tap] = (Tap(0.25, 0.5), Tap(0.75, 0.5)),
    distance: float = 20.0,
    *,
    unit: floor_plans.Unit = "metres",
    jurisdiction: str = TRAVIS,
) -> PlanView:
    return await floor_plans.set_scale(
        pool,
        jurisdiction=jurisdiction,
        plan_id=plan.plan_id,
        taps=taps,
        distance=distance,
        unit=unit,
        by="Sam Novak",
    )


async def turn(
    pool: asyncpg.Pool, plan: PlanView, here: Tap, north: Tap, jurisdiction: str = TRAVIS
) -> PlanView:
    return await floor_plans.set_position(
        pool,
        jurisdiction=jurisdiction,
        plan_id=plan.plan_id,
        here=here,
        north=north,
        by="Sam Novak",
    )


async def end(pool: asyncpg.Pool, plan: PlanView, jurisdiction: str = TRAVIS) -> None:
    await floor_plans.end_plan(
        pool, jurisdiction=jurisdiction, plan_id=plan.plan_id, by="Sam Novak"
    )


async def put(pool: asyncpg.Pool, office: Office, plan_id: UUID, x: float, y: float) -> None:
    await placing.describe_place(
        pool,
        jurisdiction=office.jurisdiction,
        place_id=office.place_id,
        around=Surroundings(on_plan=PlanSpot(x, y, plan_id)),
    )


async def spot(pool: asyncpg.Pool, office: Office) -> OnPlan | None:
    listed = await sites.read_sites(pool, jurisdiction=office.jurisdiction)
    (site,) = (each for each in listed if each.site_id == office.site_id)
    return next(place.on_plan for place in site.places if place.place_id == office.place_id)


async def test_a_plan_that_is_replaced_stays_on_record(pool: asyncpg.Pool, office: Office) -> None:
    first = await add(pool, office)
    second = await add(pool, office, TALL, title="  GROUND   floor ")
    cellar = await add(pool, office, WIDE, title="Cellar")
    plans = await floor_plans.read_plans(pool, jurisdiction=TRAVIS, site_id=office.site_id)
    assert [plan.plan_id for plan in plans] == [cellar.plan_id, second.plan_id, first.plan_id]
    assert [plan.ended_by for plan in plans] == [None, None, "Sam Novak"]
    assert (first.added_by, first.ended_at) == ("Sam Novak", None)
    for plan, picture in ((first, WIDE), (second, TALL)):
        kept = await floor_plans.read_picture(pool, jurisdiction=TRAVIS, plan_id=plan.plan_id)
        assert kept == picture.content
    (site,) = await sites.read_sites(pool, jurisdiction=TRAVIS)
    assert {plan.title for plan in site.plans} == {"GROUND floor", "Cellar"}


async def test_what_was_said_of_a_plan_holds_for_a_new_one_of_the_same_shape(
    pool: asyncpg.Pool, office: Office
) -> None:
    first = await scale(pool, await add(pool, office))
    await put(pool, office, first.plan_id, 0.25, 0.75)
    second = await add(pool, office, WIDE_AGAIN)
    assert (second.metres_wide, second.scaled_by) == (first.metres_wide, "Sam Novak")
    assert await spot(pool, office) == OnPlan(plan_id=second.plan_id, x=0.25, y=0.75)
    third = await add(pool, office, TALL)
    assert third.metres_wide is None
    assert await spot(pool, office) is None


async def test_a_plan_that_is_taken_away_takes_its_spots_along(
    pool: asyncpg.Pool, office: Office
) -> None:
    plan = await add(pool, office)
    await put(pool, office, plan.plan_id, 0.5, 0.5)
    await end(pool, plan)
    assert await spot(pool, office) is None
    with pytest.raises(NotFound):
        await end(pool, plan)
    with pytest.raises(Refused, match="tap the spot again"):
        await put(pool, office, plan.plan_id, 0.5, 0.5)
    with pytest.raises(NotFound):
        await scale(pool, plan)
    assert (await floor_plans.read_plan(pool, jurisdiction=TRAVIS, plan_id=plan.plan_id)).ended_by


async def test_two_taps_and_a_distance_are_the_scale(pool: asyncpg.Pool, office: Office) -> None:
    plan = await add(pool, office)
    assert (await scale(pool, plan)).metres_wide == pytest.approx(40.0)
    # Down half the height, which is a third of the width.
    down = (Tap(0.5, 0.25), Tap(0.5, 0.75))
    assert (await scale(pool, plan, down, 100, unit="feet")).metres_wide == pytest.approx(91.44)
    for taps, distance, said in (
        ((Tap(0.5, 0.5), Tap(0.51, 0.5)), 20, "too close together"),
        ((Tap(0.1, 0.5), Tap(0.9, 0.5)), 0.1, "is 0.5 to 2,000 metres"),
        ((Tap(0.1, 0.5), Tap(0.9, 0.5)), math.nan, "is 0.5 to 2,000 metres"),
        ((Tap(0.1, 0.5), Tap(0.9, 0.5)), 3000, "is 0.5 to 2,000 metres"),
        ((Tap(0.5, 0.5), Tap(0.55, 0.5)), 1999, "would be 39,980.0 metres wide"),
    ):
        with pytest.raises(Invalid, match=said):
            await scale(pool, plan, taps, distance)
    again = await floor_plans.read_plan(pool, jurisdiction=TRAVIS, plan_id=plan.plan_id)
    assert again.metres_wide == pytest.approx(91.44)


@pytest.mark.parametrize(
    ("north", "metres_north", "metres_east"),
    [(Tap(0.5, 0.1), 0.0, 10.0), (Tap(0.9, 0.5), 10.0, 0.0), (Tap(0.5, 0.9), 0.0, -10.0)],
    ids=["north is up", "north is to the right", "north is down"],
)
async def test_two_more_taps_put_a_spot_on_the_map(
    pool: asyncpg.Pool, office: Office, north: Tap, metres_north: float, metres_east: float
) -> None:
    """The site's coordinates are in the middle, and the spot is 10 m to the right of it."""
    plan = await scale(pool, await add(pool, office))
    await put(pool, office, plan.plan_id, 0.75, 0.5)
    seen = await spot(pool, office)
    assert seen is not None
    assert seen.latitude is None
    here = Tap(0.5, 0.5)
    await turn(pool, plan, here, north)
    seen = await spot(pool, office)
    assert seen is not None
    assert seen.latitude is None  # the site has no coordinates yet
    await pool.execute("UPDATE site SET latitude = 30.25, longitude = -97.75")
    seen = await spot(pool, office)
    assert seen is not None
    assert seen.latitude is not None
    assert seen.longitude is not None
    shrunk = math.cos(math.radians(30.25))
    assert (seen.latitude - 30.25) * 111_320 == pytest.approx(metres_north, abs=0.02)
    assert (seen.longitude + 97.75) * 111_320 * shrunk == pytest.approx(metres_east, abs=0.02)
    with pytest.raises(Invalid, match="too close together"):
        await turn(pool, plan, here, Tap(0.5, 0.49))


async def test_nothing_of_another_jurisdiction_is_shown_or_changed(
    pool: asyncpg.Pool, office: Office
) -> None:
    plan = await add(pool, office)
    other = await open_office(pool, jurisdiction=WILLIAMSON)
    for refused in (
        floor_plans.read_picture(pool, jurisdiction=WILLIAMSON, plan_id=plan.plan_id),
        floor_plans.read_plan(pool, jurisdiction=WILLIAMSON, plan_id=plan.plan_id),
        end(pool, plan, WILLIAMSON),
        turn(pool, plan, Tap(0.1, 0.1), Tap(0.9, 0.9), WILLIAMSON),
        scale(pool, plan, jurisdiction=WILLIAMSON),
        floor_plans.read_plans(pool, jurisdiction=WILLIAMSON, site_id=office.site_id),
        floor_plans.add_plan(
            pool,
            jurisdiction=WILLIAMSON,
            site_id=office.site_id,
            title="Ground floor",
            picture=TALL,
            by="Nia Brooks",
        ),
    ):
        with pytest.raises(NotFound):
            await refused
    for place_id, jurisdiction in ((other.place_id, WILLIAMSON), (office.place_id, WILLIAMSON)):
        with pytest.raises(Refused):
            await placing.describe_place(
                pool,
                jurisdiction=jurisdiction,
                place_id=place_id,
                around=Surroundings(on_plan=PlanSpot(0.5, 0.5, plan.plan_id)),
            )
    assert await floor_plans.read_plan(pool, jurisdiction=TRAVIS, plan_id=plan.plan_id) == plan
    assert await spot(pool, other) is None


async def test_a_site_has_so_many_plans_and_no_more(
    pool: asyncpg.Pool, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floor_plans, "PLANS_MAX", 2)
    monkeypatch.setattr(floor_plans, "PLANS_EVER_MAX", 4)
    for title in ("1", "2", "2", "2"):
        last = await add(pool, office, title=title)
    for title, said in (("3", "take one away first"), ("2", "keeps no more")):
        with pytest.raises(Refused, match=said):
            await add(pool, office, title=title)
    plans = await floor_plans.read_plans(pool, jurisdiction=TRAVIS, site_id=office.site_id)
    assert len(plans) == 4
    assert last in plans
    with pytest.raises(Invalid, match="the floor's name is empty"):
        await add(pool, office, title="  ")


async def test_a_code_says_what_is_around_the_button_and_takes_nothing_back(
    pool: asyncpg.Pool, office: Office
) -> None:
    plan = await add(pool, office)
    seen = PlanSpot(0.25, 0.5, plan.plan_id)

    async def made(**around: object) -> sites.PlaceView:
        place = msgspec.convert(
            {"site_id": str(office.site_id), "room": "Hall", "spot": "Table 1"} | around,
            type=claims.ClaimPlace,
        )
        async with pool.acquire() as connection, connection.transaction():
            await claims.add_claim(
                connection,
                jurisdiction=TRAVIS,
                place=place,
                created_by="Sam Novak",
                server="https://tocsin.example",
            )
        (site,) = await sites.read_sites(pool, jurisdiction=TRAVIS)
        (hall,) = (each for each in site.places if each.room == "Hall")
        return hall

    first = await made(
        kind="counting_table",
        surroundings=" the stage  on the left ",
        on_plan=msgspec.to_builtins(seen),
    )
    assert (first.kind, first.surroundings) == ("counting_table", "the stage on the left")
    assert first.on_plan == OnPlan(plan_id=plan.plan_id, x=0.25, y=0.5)
    assert await made() == first
    assert (await made(kind="other")).on_plan == first.on_plan
    with pytest.raises(Refused, match="tap the spot again"):
        await made(on_plan={"x": 0.1, "y": 0.1, "plan_id": str(uuid4())})
    with pytest.raises(Invalid, match="write which room it is"):
        await made(room=None, spot=None, kind="other")
    assert (await made()).kind == "other"


async def test_what_is_around_a_button_is_read_changed_and_taken_back(
    pool: asyncpg.Pool, office: Office
) -> None:
    async def now() -> placing.DevicePlace:
        return await placing.read_place(pool, jurisdiction=TRAVIS, device_id=office.device_id)

    before = await now()
    assert (before.place_id, before.site_id, before.room) == (
        *(office.place_id, office.site_id),
        "Counter",
    )
    plan = await add(pool, office)
    await put(pool, office, plan.plan_id, 1.0, 0.0)
    assert (await now()).on_plan == OnPlan(plan_id=plan.plan_id, x=1.0, y=0.0)
    await placing.describe_place(
        pool, jurisdiction=TRAVIS, place_id=office.place_id, around=Surroundings()
    )
    assert await now() == before
    for device_id, jurisdiction in ((office.device_id, WILLIAMSON), ("btn-0000000000", TRAVIS)):
        with pytest.raises(NotFound):
            await placing.read_place(pool, jurisdiction=jurisdiction, device_id=device_id)
