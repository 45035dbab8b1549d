"""`tocsin site plan` and `tocsin site plans`: floor plans brought and listed from a terminal."""

import argparse
import getpass
from pathlib import Path

import msgspec

from tocsin_server.cli.command import add_action, answer, table
from tocsin_server.cli.office import office
from tocsin_server.fleet.floor_plans import METRES, PlanView, add_plan, read_plans
from tocsin_server.fleet.redraw import FILE_BYTES_MAX, redraw


class Plans(msgspec.Struct, frozen=True):
    """The plans that a site has and had."""

    plans: list[PlanView]


def arrange_plans(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these actions to those of a site."""
    plan = add_action(
        actions,
        "plan",
        _plan,
        "add the plan of a floor, or replace it; the spots on it are tapped on the page",
        example='tocsin site plan "County Clerk" plans.pdf --page 2 --floor "Ground floor"',
    )
    plan.add_argument("site", metavar="SITE", help="its name, or its id")
    plan.add_argument("file", type=Path, metavar="FILE", help="PNG, JPEG, SVG or PDF")
    plan.add_argument("--floor", required=True, metavar="NAME", help="what the floor is called")
    plan.add_argument("--page", type=int, default=1, help="of a PDF (default: %(default)s)")
    plan.add_argument("--by", metavar="NAME", help="who adds it (default: this user)")
    plans = add_action(
        actions,
        "plans",
        _plans,
        "list the plans that a site has and had",
        example='tocsin site plans "County Clerk"',
    )
    plans.add_argument("site", metavar="SITE", help="its name, or its id")


async def _plan(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        with options.file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
        plan = await add_plan(
            here.pool,
            jurisdiction=here.jurisdiction,
            site_id=site.site_id,
            title=options.floor,
            picture=await redraw(content, page=options.page),
            by=options.by or getpass.getuser(),
        )
    answer(
        options,
        plan,
        f"the plan of {plan.title} at {site.name} is there, {plan.width} by {plan.height} pixels:"
        " look at it on /facilities, and tap the spots on it",
    )


async def _plans(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        plans = await read_plans(here.pool, jurisdiction=here.jurisdiction, site_id=site.site_id)
    rows = [
        [
            plan.title,
            None if plan.metres_wide is None else f"{plan.metres_wide / METRES['feet']:.0f} feet",
            plan.added_by,
            f"{plan.added_at:%Y-%m-%d}",
            None if plan.ended_at is None else f"{plan.ended_at:%Y-%m-%d}, by {plan.ended_by}",
        ]
        for plan in plans
    ]
    head = ["FLOOR", "WIDE", "ADDED BY", "ON", "ENDED"]
    answer(options, Plans(plans), table(head, rows, none=f"{site.name} has no plan yet"))
