"""`tocsin jurisdiction`: whose buttons and people they are."""

import argparse

import msgspec

from tocsin_server.cli.command import (
    add_action,
    answer,
    configuration,
    table,
)
from tocsin_server.cli.office import JurisdictionView, database, read_jurisdictions
from tocsin_server.fleet.sites import add_jurisdiction


class Jurisdictions(msgspec.Struct, frozen=True):
    """All of them."""

    jurisdictions: list[JurisdictionView]


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = add_action(
        actions,
        "add",
        _add,
        "add a jurisdiction; its first policy tells nobody until `tocsin policy set`",
        example='tocsin jurisdiction add 48453 --name "Travis County" --time-zone America/Chicago'
        " --on-call +15125550190",
        in_jurisdiction=False,
    )
    add.add_argument("jurisdiction", metavar="SLUG", help="as it was given to tocsin init")
    add.add_argument("--name", required=True, help="as people call it")
    add.add_argument("--time-zone", required=True, metavar="ZONE", help="as America/Chicago")
    add.add_argument("--on-call", metavar="PHONE", help="who is told of faults, as +15125550190")
    add_action(
        actions,
        "list",
        _list,
        "list the jurisdictions",
        example="tocsin jurisdiction list --json",
        in_jurisdiction=False,
    )


async def _add(options: argparse.Namespace) -> None:
    async with database(configuration(options)) as pool:
        await add_jurisdiction(
            pool,
            jurisdiction=options.jurisdiction,
            name=options.name,
            time_zone=options.time_zone,
            on_call_number=options.on_call,
        )
        added = next(
            each
            for each in await read_jurisdictions(pool)
            if each.jurisdiction == options.jurisdiction
        )
    text = f"{added.name} ({added.jurisdiction}) is added"
    if added.on_call_number is None:
        text += "; nobody is told of faults by phone: it has no on-call number"
    answer(options, added, text)


async def _list(options: argparse.Namespace) -> None:
    async with database(configuration(options)) as pool:
        listed = await read_jurisdictions(pool)
    text = table(
        ["JURISDICTION", "NAME", "TIME ZONE", "ON CALL"],
        [[each.jurisdiction, each.name, each.time_zone, each.on_call_number] for each in listed],
        none="there is no jurisdiction yet: add it with tocsin jurisdiction add",
    )
    answer(options, Jurisdictions(listed), text)
