"""`tocsin device claim` and `claim-batch`: codes by which boards become buttons.

Promise: a code is shown here and kept nowhere. Of a batch all rows get one, or none does.
"""

import argparse
import asyncio
import getpass
import io
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import msgspec
import segno

from tocsin_server.cli.command import add_action, answer
from tocsin_server.cli.office import Office, office
from tocsin_server.config import Config
from tocsin_server.errors import Invalid, TocsinError
from tocsin_server.fleet.certificates import PRIVATE, write_new
from tocsin_server.fleet.claims import (
    MINUTES,
    MINUTES_MAX,
    ClaimPlace,
    Drawn,
    NewClaim,
    add_claim,
    draw,
)
from tocsin_server.fleet.sheet import (
    FILE_BYTES_MAX,
    Column,
    Problems,
    Row,
    TooManyProblems,
    read_sheet,
    write_csv,
)

HOURS = 72
PROBLEMS_SHOWN_MAX = 50  # of a file; who sees as many corrects them first

_PARTS = ("building", "floor", "room", "spot")
_GIVEN = [
    Column("site", is_key=True),
    *map(Column, _PARTS),
    Column("label"),
]
WRITTEN = [*_GIVEN, Column("code"), Column("server"), Column("expires_at")]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The codes that were written to a file."""

    file: str
    codes: int
    expires_at: datetime


def arrange(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the actions to those of `tocsin device`."""
    claim = add_action(
        actions,
        "claim",
        _claim,
        "make a claim code: a board on which it is typed becomes a button",
        example='tocsin device claim --site "County Clerk" --floor 1 --room "Front counter"',
    )
    claim.add_argument("--site", metavar="NAME", help="its name, or its id")
    for part in _PARTS:
        claim.add_argument(f"--{part}")
    claim.add_argument("--label", help="what is written on the button")
    claim.add_argument(
        "--minutes",
        type=int,
        default=MINUTES,
        help=f"how long it is good for, 1 to {MINUTES_MAX} (default: %(default)s)",
    )
    claim.add_argument("--by", metavar="NAME", help="who makes it (default: this user)")
    batch = add_action(
        actions,
        "claim-batch",
        _batch,
        "make a claim code for each row of a CSV file",
        example="tocsin device claim-batch buttons.csv -o codes.csv",
    )
    batch.add_argument(
        "file", type=Path, metavar="FILE", help=f"its columns: {', '.join(_names(_GIVEN))}"
    )
    batch.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="a new file for the codes"
    )
    batch.add_argument(
        "--hours",
        type=int,
        default=HOURS,
        help=f"how long they are good for, 1 to {MINUTES_MAX // 60} (default: %(default)s)",
    )
    batch.add_argument("--by", metavar="NAME", help="who makes them (default: this user)")


async def _claim(options: argparse.Namespace) -> None:
    async with office(options) as here:
        _check_authority(here.config)
        site = await here.site(options.site) if options.site is not None else None
        place = ClaimPlace(
            site_id=site.site_id if site is not None else None,
            building=options.building,
            floor=options.floor,
            room=options.room,
            spot=options.spot,
        )
        async with here.pool.acquire() as connection, connection.transaction():
            new = await add_claim(
                connection,
                jurisdiction=here.jurisdiction,
                place=place,
                label=options.label,
                created_by=options.by or getpass.getuser(),
                minutes=options.minutes,
                server=here.config.public_url,
            )
    answer(options, new, _told(new, here.config, options.minutes))


async def _batch(options: argparse.Namespace) -> None:
    problems = Problems()
    try:
        rows = read_sheet(content_of(options.file), _GIVEN, problems)
    except TooManyProblems:
        rows = []
    async with office(options) as here:
        _check_authority(here.config)
        sites = await _sites(here, rows, problems)
        drawn = await asyncio.gather(*(draw() for _ in rows))
        saved = False
        try:
            async with here.pool.acquire() as connection, connection.transaction():
                written = await _codes(
                    here,
                    connection,
                    [*zip(rows, drawn, strict=True)],
                    sites=sites,
                    problems=problems,
                    options=options,
                )
                if problems.found or not written:
                    raise Invalid(mistakes(options.file, problems, undone="No code was made"))
                # Before the commit: a code that is in no file could be given to nobody.
                text = write_csv(WRITTEN, [cells for cells, _ in written])
                write_new(options.output, text.encode(), mode=PRIVATE)
                saved = True
        except BaseException:
            if saved:
                options.output.unlink()
            raise
    done = Batch(file=str(options.output), codes=len(written), expires_at=written[0][1].expires_at)
    many = "1 code is" if done.codes == 1 else f"{done.codes} codes are"
    print_them = "Print it" if done.codes == 1 else "Print them"
    answer(
        options,
        done,
        f"{many} in {done.file}, good until {done.expires_at:%Y-%m-%d %H:%M}Z:"
        " whoever has a code can become that button, so keep the file to yourself."
        f" {print_them} with tocsin device claim-labels {done.file}",
    )


async def _sites(here: Office, rows: list[Row], problems: Problems) -> dict[str, UUID]:
    """Find the site of each row by its name, and name the rows where there is none."""
    sites: dict[str, UUID] = {}
    for row in rows:
        name = row.cells.get("site", "")
        try:
            if not name and "site" not in row.wrong:
                row.refuse("site", "is empty: write the site's name", problems)
            elif name and name not in sites:
                sites[name] = (await here.site(name)).site_id
        except TocsinError as error:
            row.refuse("site", error, problems)
    return sites


async def _codes(
    here: Office,
    connection: asyncpg.Connection,
    rows: list[tuple[Row, Drawn]],
    *,
    sites: dict[str, UUID],
    problems: Problems,
    options: argparse.Namespace,
) -> list[tuple[dict[str, str], NewClaim]]:
    """Make a code for each row, and name what is wrong with the others."""
    written: list[tuple[dict[str, str], NewClaim]] = []
    for row, drawn in rows:
        if row.wrong:
            continue
        try:
            new = await add_claim(
                connection,
                jurisdiction=here.jurisdiction,
                place=ClaimPlace(
                    site_id=sites[row.cells["site"]],
                    building=row.cells.get("building"),
                    floor=row.cells.get("floor"),
                    room=row.cells.get("room"),
                    spot=row.cells.get("spot"),
                ),
                label=row.cells.get("label"),
                created_by=options.by or getpass.getuser(),
                minutes=options.hours * 60,
                server=here.config.public_url,
                drawn=drawn,
            )
        except Invalid as error:
            problems.add(row.at, None, error)
            continue
        told = {"code": new.code, "server": new.server}
        told["expires_at"] = f"{new.expires_at:%Y-%m-%d %H:%M}Z"
        written.append((row.cells | told, new))
    return written


def content_of(file: Path) -> bytes:
    """Read a sheet, and no more of it than a sheet may have."""
    with file.open("rb") as opened:
        return opened.read(FILE_BYTES_MAX + 1)


def mistakes(file: Path, problems: Problems, *, undone: str) -> str:
    """Say what is wrong with a sheet, and what therefore was not done."""
    problems.sort()
    shown = "; ".join(str(problem) for problem in problems.found[:PROBLEMS_SHOWN_MAX])
    more = len(problems.found) - PROBLEMS_SHOWN_MAX
    shown += f"; and {more} more" if more > 0 else ""
    return f"{file}: {shown or 'there is no row with a site'}. {undone}"


def _check_authority(config: Config) -> None:
    if config.authority is None:
        raise TocsinError(
            "this server can't certify buttons: fill in [authority] in tocsin.toml, as tocsin init"
            " writes it"
        )


def _told(new: NewClaim, config: Config, minutes: int) -> str:
    qr = io.StringIO()
    segno.make(new.claim_file, error="l").terminal(out=qr, compact=True, border=2)
    lines = [
        f"claim code  {new.code}   for {minutes} minutes, for one board",
        f"server      {new.server}",
        "",
        "on the board, type:",
        f"  {new.command}",
        "or save these two lines as tocsin-claim.txt on its boot partition (the QR code has them):",
        *(f"  {line}" for line in new.claim_file.splitlines()),
        "",
        qr.getvalue().rstrip("\n"),
    ]
    return "\n".join([*lines, *_doubts(new.server, config)])


def _doubts(server: str, config: Config) -> list[str]:
    """What would keep a board on another machine from becoming a button, or from being one."""
    found = []
    if _is_here(server):
        found.append(f"{server} is this machine alone: boards need a public_url that they reach")
    elif urlsplit(server).scheme == "http":
        found.append(f"{server} is not encrypted, and boards refuse it: public_url needs https://")
    brokers, clusters = config.button_brokers
    if all(map(_is_here, [*brokers, *(node for nodes in clusters for node in nodes)])):
        found.append(
            "new buttons would look for the broker on their own machine: set [buttons] brokers in"
            " tocsin.toml"
        )
    return [f"note: {doubt}" for doubt in found]


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _names(columns: list[Column]) -> list[str]:
    return [column.name for column in columns]
