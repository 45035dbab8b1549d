"""`tocsin kiosk`: screens on a wall, which show a dispatcher's list and can do nothing.

Promise: a link is printed once, when its screen is made.
"""

import argparse
import getpass

from tocsin_server.cli.command import add_action, answer, table
from tocsin_server.cli.office import office
from tocsin_server.errors import NotFound
from tocsin_server.people import kiosks
from tocsin_server.people.kiosks import KioskList, KioskView


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = add_action(
        actions,
        "add",
        _add,
        "make a screen that only shows; the link that opens it is printed this once",
        example='tocsin kiosk add "Wall, dispatch room"',
    )
    add.add_argument("name", metavar="NAME", help="where it hangs")
    add_action(
        actions,
        "list",
        _list,
        "list the screens that only show, and when each was last seen",
        example="tocsin kiosk list",
    )
    revoke = add_action(
        actions,
        "revoke",
        _revoke,
        "take a screen's key back: it goes dark at once",
        example='tocsin kiosk revoke "Wall, dispatch room"',
    )
    revoke.add_argument("kiosk", metavar="NAME", help="its name, or its id")


async def _add(options: argparse.Namespace) -> None:
    async with office(options) as here:
        made = await kiosks.add_kiosk(
            here.pool,
            jurisdiction=here.jurisdiction,
            name=options.name,
            by=getpass.getuser(),
            public_url=here.config.public_url,
        )
    text = (
        f"{made.kiosk.name} shows as soon as its browser opens this link:\n  {made.link}\nIt is not"
        " shown again: make it the browser's start page there. Whoever has it sees every alert."
    )
    answer(options, made, text)


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        known = await kiosks.read_kiosks(here.pool, jurisdiction=here.jurisdiction)
    rows = [
        [each.name, each.made_by, f"{each.made_at:%Y-%m-%d}", _standing(each)] for each in known
    ]
    text = table(
        ["NAME", "MADE BY", "ON", ""],
        rows,
        none="no screen only shows here: make one with tocsin kiosk add",
    )
    answer(options, KioskList(known), text)


def _standing(kiosk: KioskView) -> str:
    if kiosk.revoked_at is not None:
        return f"REVOKED by {kiosk.revoked_by} at {kiosk.revoked_at:%Y-%m-%d %H:%M}Z"
    if kiosk.seen_at is None:
        return "never opened"
    return f"last seen {kiosk.seen_at:%Y-%m-%d %H:%M:%S}Z"


async def _revoke(options: argparse.Namespace) -> None:
    async with office(options) as here:
        known = await kiosks.read_kiosks(here.pool, jurisdiction=here.jurisdiction)
        for kiosk in known:  # of one name the one that shows comes first
            if options.kiosk in (kiosk.name, str(kiosk.kiosk_id)):
                break
        else:
            names = ", ".join(each.name for each in known if each.revoked_at is None)
            raise NotFound(
                f"no screen {options.kiosk!r}; "
                + (f"known are {names}" if names else "make one with tocsin kiosk add")
            )
        revoked = await kiosks.revoke_kiosk(
            here.pool,
            jurisdiction=here.jurisdiction,
            kiosk_id=kiosk.kiosk_id,
            by=getpass.getuser(),
        )
    answer(options, revoked, f"{revoked.name} is dark, and its link opens nothing any more")
