"""`tocsin site network-confirm` and `maintenance`, `tocsin device accept-settings`: what those do
who keep a site and its buttons.
"""

import argparse
import getpass

import msgspec

from tocsin_server.cli.command import add_action, add_minutes, answer, table
from tocsin_server.cli.describe import describe
from tocsin_server.cli.office import office
from tocsin_server.cli.printing import count
from tocsin_server.fleet.maintenance import (
    MINUTES_MAX,
    MaintenanceView,
    end_maintenance,
    open_maintenance,
    read_maintenance,
)
from tocsin_server.fleet.moved import confirm_network
from tocsin_server.fleet.settings import accept_settings


class Maintained(msgspec.Struct, frozen=True):
    """The sites that are worked on."""

    maintenance: list[MaintenanceView]


class Ended(msgspec.Struct, frozen=True):
    """The site that is no longer worked on."""

    site: str


def arrange_upkeep(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these actions to those of a site."""
    confirm = add_action(
        actions,
        "network-confirm",
        _confirm,
        "confirm that a site's network was changed, once for all its buttons",
        example='tocsin site network-confirm "County Clerk" --by "Sam Novak"',
    )
    confirm.add_argument("site", metavar="SITE", help="its name, or its id")
    confirm.add_argument(
        "--by", required=True, metavar="NAME", help="who knows that the network was changed"
    )
    what = "begin, end and list times in which a site is worked on and nobody is texted about it"
    group = actions.add_parser("maintenance", help=what)
    describe(
        group,
        what,
        'tocsin site maintenance start "County Clerk" --minutes 90 --reason "new switch"',
    )
    _arrange_maintenance(group.add_subparsers(required=True, metavar="ACTION"))


def _arrange_maintenance(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    start = add_action(
        actions,
        "start",
        _start,
        "begin: what is wrong with the site's buttons is shown, and nobody is texted; an alert is"
        " as loud as ever",
        example='tocsin site maintenance start "County Clerk" --minutes 90 --reason "new switch"',
    )
    start.add_argument("site", metavar="SITE", help="its name, or its id")
    add_minutes(start, what="maintenance", default=60, most=MINUTES_MAX)
    start.add_argument("--reason", required=True, metavar="TEXT", help="what is done there")
    start.add_argument("--by", metavar="NAME", help="who begins it (default: this user)")
    end = add_action(
        actions,
        "end",
        _end,
        "end it before its time",
        example='tocsin site maintenance end "County Clerk"',
    )
    end.add_argument("site", metavar="SITE", help="its name, or its id")
    end.add_argument("--by", metavar="NAME", help="who ends it (default: this user)")
    add_action(
        actions,
        "list",
        _list,
        "list the sites that are worked on",
        example="tocsin site maintenance list",
    )


def arrange_device_upkeep(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add these actions to those of a button."""
    accept = add_action(
        actions,
        "accept-settings",
        _accept,
        "accept the settings that a button has now, though it was proven with others",
        example='tocsin device accept-settings btn-0123456789 --by "Sam Novak"',
    )
    accept.add_argument("device_id", metavar="ID")
    accept.add_argument(
        "--by", required=True, metavar="NAME", help="who knows that they were changed, and why"
    )


async def _confirm(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        confirmed = await confirm_network(
            here.pool,
            jurisdiction=here.jurisdiction,
            site_id=site.site_id,
            confirmed_by=options.by,
        )
    text = f"the network at {confirmed.site} is confirmed for {count(confirmed.buttons, 'button')}"
    answer(options, confirmed, text)


async def _accept(options: argparse.Namespace) -> None:
    async with office(options) as here:
        accepted = await accept_settings(
            here.pool,
            jurisdiction=here.jurisdiction,
            device_id=options.device_id,
            accepted_by=options.by,
        )
    text = f"the settings of {accepted.device_id} are accepted; prove it again in the next drill"
    answer(options, accepted, text)


async def _start(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        window = await open_maintenance(
            here.pool,
            jurisdiction=here.jurisdiction,
            site_id=site.site_id,
            minutes=options.minutes,
            reason=options.reason,
            opened_by=options.by or getpass.getuser(),
        )
    text = (
        f"nobody is texted about the buttons at {site.name} for {options.minutes} minutes, but of"
        f' every alert there; end it with: tocsin site maintenance end "{site.name}"'
    )
    answer(options, window, text)


async def _end(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        name = await end_maintenance(
            here.pool,
            jurisdiction=here.jurisdiction,
            site_id=site.site_id,
            ended_by=options.by or getpass.getuser(),
        )
    answer(options, Ended(name), f"maintenance at {name} is over: what is still wrong is told now")


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        windows = await read_maintenance(here.pool, jurisdiction=here.jurisdiction)
    rows = [
        [each.site, f"{each.closes_at:%H:%M}Z", each.reason, each.opened_by] for each in windows
    ]
    text = table(["SITE", "UNTIL", "REASON", "BY"], rows, none="no site is worked on")
    answer(options, Maintained(windows), text)
