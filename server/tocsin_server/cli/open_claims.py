"""`tocsin device claims` and `claim-revoke`: the codes that are still good, and taking them back.

Promise: no code is shown here, for none is kept. Of several codes all are taken back, or none is.
"""

import argparse
from uuid import UUID

import asyncpg
import msgspec

from tocsin_server.cli.command import add_action, answer, table
from tocsin_server.cli.office import Office, office
from tocsin_server.errors import Invalid, NotFound
from tocsin_server.fleet.claims import ClaimView, claim_of_code, open_claims, revoke_claim


class OpenClaims(msgspec.Struct, frozen=True):
    """The codes that a board can still use."""

    claims: list[ClaimView]


class TakenBack(msgspec.Struct, frozen=True):
    """The codes that no board can use any more."""

    claims: list[UUID]


def arrange(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the actions to those of `tocsin device`."""
    shown = add_action(
        actions,
        "claims",
        _list,
        "list the claim codes that are still good: for which place, by whom, how long",
        example='tocsin device claims --site "County Clerk"',
    )
    shown.add_argument("--site", metavar="NAME", help="those of a site: its name, or its id")
    back = add_action(
        actions,
        "claim-revoke",
        _revoke,
        "take claim codes back that no board has used",
        example="tocsin device claim-revoke 7K2M-X9QR",
    )
    back.add_argument(
        "claims",
        nargs="*",
        metavar="CODE",
        help="codes, or the ids that tocsin device claims shows",
    )
    back.add_argument("--all", action="store_true", help="every code that is still good")
    back.add_argument("--site", metavar="NAME", help="with --all: those of a site")


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        claims = await _open(here, options.site)
    rows = [
        [
            each.claim_id,
            each.site,
            ", ".join(filter(None, (each.building, each.floor, each.room, each.spot))) or None,
            each.label,
            each.created_by,
            f"{each.expires_at:%Y-%m-%d %H:%M}Z",
        ]
        for each in claims
    ]
    headings = ["ID", "SITE", "PLACE", "LABEL", "MADE BY", "GOOD UNTIL"]
    none = "no claim code is open: make one with tocsin device claim"
    answer(options, OpenClaims(claims), table(headings, rows, none=none))


async def _revoke(options: argparse.Namespace) -> None:
    if bool(options.claims) == options.all:
        raise Invalid("name the codes, or say --all")
    if options.site is not None and not options.all:
        raise Invalid("--site goes with --all; a code that is named needs no site")
    async with office(options) as here:
        if options.all:
            ids = [each.claim_id for each in await _open(here, options.site)]
        async with here.pool.acquire() as connection, connection.transaction():
            if options.claims:
                meant = [await _meant(here, connection, named) for named in options.claims]
                ids = [*dict.fromkeys(meant)]
            for claim_id in ids:
                await revoke_claim(connection, jurisdiction=here.jurisdiction, claim_id=claim_id)
    if not ids:
        raise NotFound("no claim code is open there: nothing was done")
    many = "1 code is" if len(ids) == 1 else f"{len(ids)} codes are"
    answer(options, TakenBack(ids), f"{many} taken back: no board can use it any more")


async def _open(here: Office, site: str | None) -> list[ClaimView]:
    claims = await open_claims(here.pool, jurisdiction=here.jurisdiction)
    if site is None:
        return claims
    meant = await here.site(site)
    return [each for each in claims if each.site_id == meant.site_id]


async def _meant(here: Office, connection: asyncpg.Connection, named: str) -> UUID:
    try:
        return UUID(named)
    except ValueError:
        return await claim_of_code(connection, jurisdiction=here.jurisdiction, code=named)
