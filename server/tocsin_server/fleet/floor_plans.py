"""Floor plans: pictures of a site's floors, how large they are, and how they lie on the map.

Promise: a plan that is replaced stays on record, with who brought it and when. Where the new
picture has the old one's shape, its scale, its position and the spots on it stay; where not, they
are gone, and nobody is sent to a spot of another drawing.

Two taps and a distance give the scale. Two more give the position: where the site's own coordinates
are, and any point north of there. (Two points of a map would need a map with buildings on it, and
ours has counties; the site's coordinates are known already.)
"""

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server import inputs
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.redraw import NOTHING_WAS_CHANGED, Picture

PLANS_MAX = 20  # of a site, at once: a courthouse with all its floors
PLANS_EVER_MAX = 200  # with those that have ended, which stay in the database
SAME_SHAPE = 0.01  # how far two pictures' ratios may differ: one scan of a sheet and the next
TAPS_APART_MIN = 0.05  # of the longer side: a finger's width is a large mistake on less
DISTANCE_M_MIN, DISTANCE_M_MAX = 0.5, 2000.0
WIDE_M_MIN, WIDE_M_MAX = 1.0, 10_000.0
METRES = {"metres": 1.0, "feet": 0.3048}  # the international foot (NIST SP 811, B.6)
METRES_PER_DEGREE = 111_320.0  # of latitude; WGS 84 differs from it by less than 0.7 %
DEGREE_DIGITS = 7  # a centimetre: more than two taps can know

Unit = Literal["metres", "feet"]
Part = Annotated[float, msgspec.Meta(ge=0, le=1)]

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class Tap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point of a plan, in parts of the picture's width and height from its upper left."""

    x: Part
    y: Part


class Entrance(Tap, frozen=True, forbid_unknown_fields=True):
    """Where on a plan an entrance is, by the name that its site gives it."""

    name: str


class NumberedEntrance(Tap, frozen=True):
    """An entrance on a plan, with its place in the list of its site, from 1."""

    number: int
    name: str


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """A plan without its picture. `north_deg` is clockwise from the picture's upper edge."""

    plan_id: UUID
    site_id: UUID
    title: str
    width: int
    height: int
    metres_wide: float | None
    scaled_by: str | None
    scaled_at: datetime | None
    here: Tap | None
    north_deg: float | None
    positioned_by: str | None
    positioned_at: datetime | None
    entrances: list[Entrance]
    entrances_by: str | None
    entrances_at: datetime | None
    added_by: str
    added_at: datetime
    ended_by: str | None
    ended_at: datetime | None


class PlanSpot(Tap, frozen=True, forbid_unknown_fields=True):
    """A spot on one plan."""

    plan_id: UUID


class OnPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Where on a plan a place is; in degrees (WGS 84) too, where scale and position are known."""

    plan_id: UUID
    x: Part
    y: Part
    latitude: float | None = None
    longitude: float | None = None


async def add_plan(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    site_id: UUID,
    title: str,
    picture: Picture,
    by: str,
) -> PlanView:
    """Take a plan of a floor; one with the same title ends. Raises Invalid, NotFound, Refused."""
    title = inputs.text("the floor's name", title)
    async with pool.acquire() as connection, connection.transaction():
        if not await queries.hold_site(connection, jurisdiction=jurisdiction, site_id=site_id):
            raise _no_site()
        plans = await read_plans(connection, jurisdiction=jurisdiction, site_id=site_id)
        current = [plan for plan in plans if plan.ended_at is None]
        old = next((each for each in current if each.title.casefold() == title.casefold()), None)
        if old is None and len(current) >= PLANS_MAX:
            raise Refused(
                f"This site has {PLANS_MAX} plans, which is the most: take one away first."
                f" {NOTHING_WAS_CHANGED}"
            )
        if len(plans) >= PLANS_EVER_MAX:
            raise Refused(
                f"This site had {PLANS_EVER_MAX} plans in all, and the record keeps no more: ask"
                f" whoever runs the server. {NOTHING_WAS_CHANGED}"
            )
        if old is not None:
            await queries.end_plan(
                connection, jurisdiction=jurisdiction, plan_id=old.plan_id, by=by
            )
        plan_id: UUID = await queries.add_plan(
            connection,
            jurisdiction=jurisdiction,
            site_id=site_id,
            title=title,
            picture=picture.content,
            width=picture.width,
            height=picture.height,
            file_digest=picture.file_digest,
            by=by,
        )
        if old is not None and same_shape(old, picture):
            await queries.carry_over(connection, old=old.plan_id, new=plan_id)
            await queries.move_spots(connection, old=old.plan_id, new=plan_id)
        elif old is not None:
            await queries.drop_spots(connection, plan_id=old.plan_id)
        return await read_plan(connection, jurisdiction=jurisdiction, plan_id=plan_id)


async def end_plan(pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, by: str) -> None:
    """Take a plan away, and the spots on it. Raises NotFound."""
    async with pool.acquire() as connection, connection.transaction():
        ended = await queries.end_plan(
            connection, jurisdiction=jurisdiction, plan_id=plan_id, by=by
        )
        if ended is None:
            raise _no_plan()
        await queries.drop_spots(connection, plan_id=plan_id)


async def set_scale(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    plan_id: UUID,
    taps: tuple[Tap, Tap],
    distance: float,
    unit: Unit,
    by: str,
) -> PlanView:
    """Say how far apart two points of a plan are. Raises Invalid, NotFound."""
    plan = await read_plan(pool, jurisdiction=jurisdiction, plan_id=plan_id)
    wide = metres_wide(plan, taps, distance * METRES[unit])
    done = await queries.set_scale(
        pool, jurisdiction=jurisdiction, plan_id=plan_id, metres_wide=wide, by=by
    )
    if done is None:
        raise _no_plan()
    return await read_plan(pool, jurisdiction=jurisdiction, plan_id=plan_id)


async def set_position(
    pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, here: Tap, north: Tap, by: str
) -> PlanView:
    """Say where on a plan the site's coordinates are, and a point north of there.

    Raises Invalid, NotFound.
    """
    plan = await read_plan(pool, jurisdiction=jurisdiction, plan_id=plan_id)
    done = await queries.set_position(
        pool,
        jurisdiction=jurisdiction,
        plan_id=plan_id,
        here_x=here.x,
        here_y=here.y,
        north_deg=north_deg(plan, here, north),
        by=by,
    )
    if done is None:
        raise _no_plan()
    return await read_plan(pool, jurisdiction=jurisdiction, plan_id=plan_id)


async def set_entrances(
    pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID, entrances: list[Entrance], by: str
) -> PlanView:
    """Say where on a plan all of its entrances are; it has no others. Raises Invalid, NotFound."""
    names = await queries.entrances_of_site(pool, jurisdiction=jurisdiction, plan_id=plan_id)
    if names is None:
        raise _no_plan()
    marked = [entrance.name for entrance in entrances]
    for name in marked:
        if name not in names:
            raise Invalid(
                f"This site has no entrance {name[:60]!r}: write it on the site's own page first,"
                f" or load this page again. {NOTHING_WAS_CHANGED}"
            )
        if marked.count(name) > 1:
            raise Invalid(
                f"The entrance {name[:60]!r} is there twice: mark it once. {NOTHING_WAS_CHANGED}"
            )
    written = msgspec.json.encode(entrances).decode()
    if not await queries.set_entrances(
        pool, jurisdiction=jurisdiction, plan_id=plan_id, entrances=written, by=by
    ):
        raise _no_plan()
    return await read_plan(pool, jurisdiction=jurisdiction, plan_id=plan_id)


def numbered(names: Sequence[str], entrances: str) -> list[NumberedEntrance]:
    """Number a plan's entrances as its site lists them; one that the site has no more is left out.

    `entrances`: the plan's, as JSON.
    """
    marks = {mark.name: mark for mark in msgspec.json.decode(entrances, type=list[Entrance])}
    return [
        NumberedEntrance(x=marks[name].x, y=marks[name].y, number=number, name=name)
        for number, name in enumerate(names, 1)
        if name in marks
    ]


async def check_site(pool: asyncpg.Pool, *, jurisdiction: str, site_id: UUID) -> None:
    """Raise NotFound where there is no such site: before a plan of it is drawn."""
    if not await queries.site_exists(pool, jurisdiction=jurisdiction, site_id=site_id):
        raise _no_site()


async def read_plans(pool: asyncpg.Pool, *, jurisdiction: str, site_id: UUID) -> list[PlanView]:
    """List the plans that a site has and had, the newest first. Raises NotFound."""
    await check_site(pool, jurisdiction=jurisdiction, site_id=site_id)
    rows = [row async for row in queries.plans(pool, jurisdiction=jurisdiction, site_id=site_id)]
    return [plan_view(row) for row in rows]


async def current_plans(pool: asyncpg.Pool, *, jurisdiction: str) -> list[PlanView]:
    """List the plans that hold, of all sites, by title."""
    rows = [row async for row in queries.current_plans(pool, jurisdiction=jurisdiction)]
    return [plan_view(row) for row in rows]


async def read_plan(pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID) -> PlanView:
    """Give one plan, ended or not. Raises NotFound."""
    row = await queries.plan(pool, jurisdiction=jurisdiction, plan_id=plan_id)
    if row is None:
        raise _no_plan()
    return plan_view(row)


async def read_picture(pool: asyncpg.Pool, *, jurisdiction: str, plan_id: UUID) -> bytes:
    """Give a plan's picture, a WebP. Raises NotFound."""
    picture: bytes | None = await queries.picture(pool, jurisdiction=jurisdiction, plan_id=plan_id)
    if picture is None:
        raise _no_plan()
    return picture


def plan_view(row: asyncpg.Record) -> PlanView:
    """Read a plan's row."""
    read = dict(row)
    x, y = read.pop("here_x"), read.pop("here_y")
    entrances = msgspec.json.decode(read.pop("entrances"), type=list[Entrance])
    return PlanView(**read, here=None if x is None else Tap(x, y), entrances=entrances)


def same_shape(plan: PlanView, picture: Picture) -> bool:
    """Say whether a picture shows a plan's spots where they were."""
    ratio = (picture.width * plan.height) / (picture.height * plan.width)
    return abs(ratio - 1) <= SAME_SHAPE


def metres_wide(plan: PlanView, taps: tuple[Tap, Tap], metres: float) -> float:
    """Say how wide a picture is, two points of which are so far apart. Raises Invalid."""
    if not DISTANCE_M_MIN <= metres <= DISTANCE_M_MAX:
        raise Invalid(
            f"A distance on a plan is {DISTANCE_M_MIN:g} to {DISTANCE_M_MAX:,.0f} metres"
            f" ({DISTANCE_M_MIN / METRES['feet']:.1f} to {DISTANCE_M_MAX / METRES['feet']:,.0f}"
            f" feet): measure it again. {NOTHING_WAS_CHANGED}"
        )
    right, down = _apart(plan, *taps)
    wide = metres * plan.width / math.hypot(right, down)
    if not WIDE_M_MIN <= wide <= WIDE_M_MAX:
        raise Invalid(
            f"By that the whole plan would be {wide:,.1f} metres wide: tap the two points again."
            f" {NOTHING_WAS_CHANGED}"
        )
    return wide


def north_deg(plan: PlanView, here: Tap, north: Tap) -> float:
    """Say where north is, in degrees clockwise from the picture's upper edge. Raises Invalid."""
    right, down = _apart(plan, here, north)
    return math.degrees(math.atan2(right, -down))


def on_the_map(
    plan: PlanView, at: OnPlan, *, latitude: float | None, longitude: float | None
) -> OnPlan:
    """Add the degrees of a spot, by its site's coordinates; none where too little is known."""
    if plan.metres_wide is None or plan.here is None or plan.north_deg is None:
        return at
    if latitude is None or longitude is None:
        return at
    right = (at.x - plan.here.x) * plan.metres_wide
    up = (plan.here.y - at.y) * plan.metres_wide * plan.height / plan.width
    turn = math.radians(plan.north_deg)
    north = right * math.sin(turn) + up * math.cos(turn)
    east = right * math.cos(turn) - up * math.sin(turn)
    per_degree_east = METRES_PER_DEGREE * max(math.cos(math.radians(latitude)), 1e-6)
    return msgspec.structs.replace(
        at,
        latitude=round(latitude + north / METRES_PER_DEGREE, DEGREE_DIGITS),
        longitude=round(longitude + east / per_degree_east, DEGREE_DIGITS),
    )


def _apart(plan: PlanView, one: Tap, other: Tap) -> tuple[float, float]:
    """Say how far the other point is to the right and down, in pixels. Raises Invalid."""
    right, down = (other.x - one.x) * plan.width, (other.y - one.y) * plan.height
    if math.hypot(right, down) < TAPS_APART_MIN * max(plan.width, plan.height):
        raise Invalid(
            "The two points are too close together to measure by: tap two that are far apart."
            f" {NOTHING_WAS_CHANGED}"
        )
    return right, down


def _no_site() -> NotFound:
    return NotFound("There is no such site in your jurisdiction.")


def _no_plan() -> NotFound:
    return NotFound("There is no such plan in your jurisdiction, or it was taken away.")
