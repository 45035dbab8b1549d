"""`tocsin drill`: times in which the presses of a site are drills."""

import argparse
import getpass
from uuid import UUID

import msgspec

from tocsin_server.cli.command import add_action, add_minutes, answer, table
from tocsin_server.cli.office import DrillLine, office
from tocsin_server.errors import NotFound
from tocsin_server.fleet.drills import MINUTES_MAX, DrillView, end_drill, open_drill


class Drills(msgspec.Struct, frozen=True):
    """The drills that are on."""

    drills: list[DrillLine]


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The drill that is over."""

    drill_id: UUID
    site: str | None
    device_id: str | None


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    start = add_action(
        actions,
        "start",
        _start,
        "begin a drill at a site: presses there are marked DRILL while it lasts",
        example='tocsin drill start "County Clerk" --minutes 30',
    )
    start.add_argument("site", metavar="SITE", help="its name, or its id")
    add_minutes(start, what="a drill", default=30, most=MINUTES_MAX)
    end = add_action(
        actions,
        "end",
        _end,
        "end a drill before its time",
        example='tocsin drill end "County Clerk"',
    )
    end.add_argument("drill", metavar="SITE", help="its site's name or id, or its own id")
    for action in (start, end):
        action.add_argument("--by", metavar="NAME", help="who does so (default: this user)")
    add_action(
        actions,
        "list",
        _list,
        "list the drills that are on",
        example="tocsin drill list",
    )


async def _start(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        drill: DrillView = await open_drill(
            here.pool,
            jurisdiction=here.jurisdiction,
            site_id=site.site_id,
            minutes=options.minutes,
            opened_by=options.by or getpass.getuser(),
        )
    text = (
        f"presses at {site.name} are drills for {options.minutes} minutes;"
        f" end it with: tocsin drill end {drill.drill_id}"
    )
    answer(options, drill, text)


async def _end(options: argparse.Namespace) -> None:
    async with office(options) as here:
        drills = [
            drill
            for drill in await here.drills()
            if options.drill == str(drill.drill_id)
            or (drill.device_id is None and options.drill in (drill.site, str(drill.site_id)))
        ]
        if not drills:
            raise NotFound(f"no drill is on at {options.drill!r}: see tocsin drill list")
        for drill in drills:
            await end_drill(
                here.pool,
                jurisdiction=here.jurisdiction,
                drill_id=drill.drill_id,
                by=options.by or getpass.getuser(),
            )
    first = drills[0]
    ended = Ended(drill_id=first.drill_id, site=first.site, device_id=first.device_id)
    where = ended.device_id or ended.site
    answer(options, ended, f"the drill at {where} is over: presses there are real again")


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        drills = await here.drills()
    rows = [
        [
            drill.site,
            drill.device_id or "all",
            f"{drill.closes_at:%H:%M:%S}Z",
            drill.opened_by,
            drill.drill_id,
        ]
        for drill in drills
    ]
    text = table(
        ["SITE", "BUTTON", "UNTIL", "BY", "ID"], rows, none="no drill is on: every press is real"
    )
    answer(options, Drills(drills), text)
