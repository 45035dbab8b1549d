"""`tocsin site walk-test`: somebody goes round a site, and presses each button once."""

import argparse
import getpass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from tocsin_server.cli.command import add_action, add_minutes, answer, table
from tocsin_server.cli.describe import describe
from tocsin_server.cli.office import office
from tocsin_server.cli.printing import add_paper, count, write_new
from tocsin_server.fleet.walk_report import (
    file_name,
    print_walk_report,
    read_walk_report,
    write_walk_csv,
)
from tocsin_server.fleet.walk_test import (
    MINUTES_MAX,
    WalkButton,
    WalkTest,
    end_walk_test,
    held_walk_test,
    start_walk_test,
)


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """A report that is written."""

    file: str
    buttons: int
    proven: int


_SAID = {
    "not_pressed": "not yet",
    "pressed": "pressed, not acknowledged yet",
    "proven": "proven",
    "closed": "closed without being acknowledged",
    "withdrawn": "not counted: ask the dispatchers",
}


def arrange_walk_test(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these actions to those of a site."""
    what = "hold a walk test: go round a site, press each button once, and see each answered"
    group = actions.add_parser("walk-test", help=what)
    describe(group, what, 'tocsin site walk-test start "County Clerk" --minutes 45')
    own = group.add_subparsers(required=True, metavar="ACTION")
    start = add_action(
        own,
        "start",
        _start,
        "start it, or join the one that is open: each button's first press is a test, and its"
        " second is a real alert",
        example='tocsin site walk-test start "County Clerk" --minutes 45',
    )
    add_minutes(start, what="a walk test", default=MINUTES_MAX, most=MINUTES_MAX)
    end = add_action(
        own,
        "end",
        _end,
        "end it, and close the tests that were acknowledged",
        example='tocsin site walk-test end "County Clerk"',
    )
    for parser in (start, end):
        parser.add_argument("--by", metavar="NAME", help="who does so (default: this user)")
    show = add_action(
        own,
        "show",
        _show,
        "show which buttons were pressed, and which were answered",
        example='tocsin site walk-test show "County Clerk"',
    )
    report = add_action(
        own,
        "report",
        _report,
        "write the report of the newest one for the file, as a PDF to sign or as CSV",
        example='tocsin site walk-test report "County Clerk" -o report.pdf',
    )
    report.add_argument("--csv", action="store_true", help="as CSV, a row for each button")
    add_paper(report, None)
    for parser in (start, end, show, report):
        parser.add_argument("site", metavar="SITE", help="its name, or its id")


async def _start(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        started = await start_walk_test(
            here.pool,
            jurisdiction=here.jurisdiction,
            site_id=site.site_id,
            minutes=options.minutes,
            by=options.by or getpass.getuser(),
        )
    test = started.walk_test
    joined = f", started by {test.opened_by}: you join it" if started.joined else ""
    text = (
        f"a walk test is open at {site.name} until {_clock(test.closes_at, test)}{joined}\n"
        "press each button once, when its lamp shows the drill; a second press is a real alert\n"
        f'acknowledge on /facilities; end it with: tocsin site walk-test end "{site.name}"'
    )
    answer(options, started, text)


async def _end(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        test = await end_walk_test(
            here.pool,
            jurisdiction=here.jurisdiction,
            site_id=site.site_id,
            by=options.by or getpass.getuser(),
        )
    answer(options, test, f"{_standing(test)}; every press at {site.name} is real")


async def _show(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        test = await held_walk_test(here.pool, jurisdiction=here.jurisdiction, site_id=site.site_id)
    rows = [_line(button, test) for button in test.buttons]
    headings = ["BUTTON", "PLACE", "RESULT", "PRESSED", "ON SERVER", "ACKNOWLEDGED", "BY"]
    listed = table(headings, rows, none="there is no button at this site")
    answer(options, test, f"{_standing(test)}\n{listed}")


async def _report(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        report = await read_walk_report(
            here.pool, jurisdiction=here.jurisdiction, site_id=site.site_id
        )
    path = options.output or Path(file_name(report, "csv" if options.csv else "pdf"))
    if options.csv:
        content = write_walk_csv(report).encode()
    else:
        content = print_walk_report(
            report,
            today=date.today(),  # noqa: DTZ011 (the day on the wall of who prints it)
            paper=options.paper,
            language=options.language,
        )
    write_new(path, content)
    test = report.walk_test
    filed = Filed(file=str(path), buttons=len(test.buttons), proven=len(test.in_state("proven")))
    answer(options, filed, f"{path} is written: {_standing(test)}")


def _standing(test: WalkTest) -> str:
    buttons = count(len(test.buttons), "button")
    proven = f"{len(test.in_state('proven'))} of {buttons} proven"
    if test.is_open:
        return f"open until {_clock(test.closes_at, test)}: {proven}"
    by = f" by {test.ended_by}" if test.ended_by else ", its time was over"
    ended = f"{test.closes_at.astimezone(ZoneInfo(test.time_zone)):%Y-%m-%d %H:%M}"
    return f"ended {ended}{by}: {proven}"


def _line(button: WalkButton, test: WalkTest) -> list[object]:
    cut_off = button.state == "not_pressed" and button.condition != "ok"
    return [
        button.device_id,
        button.place,
        _SAID[button.state] + " (not connected)" * cut_off,
        _clock(button.pressed_at, test) if button.pressed_at else None,
        f"{button.stored_ms} ms" if button.stored_ms is not None else None,
        _clock(button.acknowledged_at, test) if button.acknowledged_at else None,
        button.acknowledged_by,
    ]


def _clock(at: datetime, test: WalkTest) -> str:
    return f"{at.astimezone(ZoneInfo(test.time_zone)):%H:%M:%S}"
