"""`tocsin jurisdiction`: whose buttons and people they are."""

import argparse
import getpass
from datetime import date
from typing import get_args

import asyncpg
import msgspec

from tocsin_server.alert.holding import (
    SILENT_S_MAX,
    SILENT_S_MIN,
    set_holder_silence,
    silence_in_words,
)
from tocsin_server.alert.latency import by_person_in_words, set_by_person
from tocsin_server.cli.command import (
    add_action,
    answer,
    configuration,
    table,
)
from tocsin_server.cli.office import JurisdictionView, database, office, read_jurisdictions
from tocsin_server.errors import Invalid
from tocsin_server.fleet.proof import DAYS_BEFORE_MAX, Every
from tocsin_server.fleet.proof_rules import in_words, read_rule, set_rule
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
    _arrange_set(actions)
    _arrange_proof(actions)


def _arrange_set(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    change = add_action(
        actions,
        "set",
        _set,
        "change how long whoever has an alert may say nothing before they are asked, or whether"
        " figures may be about single persons",
        example="tocsin jurisdiction set --holder-silent 300",
    )
    one = change.add_mutually_exclusive_group(required=True)
    one.add_argument(
        "--holder-silent",
        type=_seconds_or_never,
        default=argparse.SUPPRESS,  # never is None, and a None by default would be nothing given
        metavar="SECONDS|never",
        help=f"{SILENT_S_MIN} to {SILENT_S_MAX}, or never; it ends once somebody is on the way",
    )
    one.add_argument(
        "--latency-by-person",
        choices=("on", "off"),
        help="whether the figures of latency show how fast each person answers (off)",
    )
    change.add_argument("--by", metavar="NAME", help="who changes it (default: this user)")


def _arrange_proof(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    proof = add_action(
        actions,
        "proof",
        _proof,
        "say how often buttons are to be proven, or change it; what isn't named stays as it is",
        example="tocsin jurisdiction proof --every week --election 2026-11-03 --days-before 3",
    )
    proof.add_argument(
        "--every",
        choices=(*get_args(Every), "never"),
        help="each calendar day, week or month; never: only before elections",
    )
    proof.add_argument(
        "--election",
        type=_day,
        action="append",
        metavar="DATE",
        help="the day of an election, as 2026-11-03; repeat it for each: the list is replaced",
    )
    proof.add_argument(
        "--no-elections", action="store_true", help="take all elections off the list"
    )
    proof.add_argument(
        "--days-before",
        type=int,
        metavar="N",
        help=f"within how many days before each election, 1 to {DAYS_BEFORE_MAX}",
    )
    proof.add_argument("--by", metavar="NAME", help="who changes it (default: this user)")


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given!r} is no day: write it as 2026-11-03") from None


def _seconds_or_never(given: str) -> int | None:
    if given == "never":
        return None
    if not (given.isascii() and given.isdigit()):
        raise argparse.ArgumentTypeError(f"{given!r} is neither seconds, as 300, nor never")
    return int(given)


async def _set(options: argparse.Namespace) -> None:
    by, by_person = options.by or getpass.getuser(), options.latency_by_person
    async with office(options) as here:
        if by_person is None:
            silent_s, jurisdiction = options.holder_silent, here.jurisdiction
            await set_holder_silence(here.pool, jurisdiction=jurisdiction, silent_s=silent_s, by=by)
        else:
            allowed, jurisdiction = by_person == "on", here.jurisdiction
            await set_by_person(here.pool, jurisdiction=jurisdiction, allowed=allowed, by=by)
        changed = await _view(here.pool, here.jurisdiction)
    if by_person is None:
        said = silence_in_words(changed.holder_silent_s)
    else:
        said = by_person_in_words(allowed=changed.latency_by_person)
    answer(options, changed, said)


async def _view(pool: asyncpg.Pool, jurisdiction: str) -> JurisdictionView:
    listed = await read_jurisdictions(pool)
    return next(each for each in listed if each.jurisdiction == jurisdiction)


async def _proof(options: argparse.Namespace) -> None:
    if options.election and options.no_elections:
        raise Invalid("--election and --no-elections contradict each other: give one of them")
    async with office(options) as here:
        rule = await read_rule(here.pool, jurisdiction=here.jurisdiction)
        changed = msgspec.structs.replace(
            rule,
            every=_every(options.every) if options.every else rule.every,
            elections=() if options.no_elections else tuple(options.election or rule.elections),
            days_before=rule.days_before if options.days_before is None else options.days_before,
        )
        if changed != rule:
            by = options.by or getpass.getuser()
            rule = await set_rule(here.pool, jurisdiction=here.jurisdiction, rule=changed, by=by)
    answer(options, rule, f"buttons are to be proven: {in_words(rule)}")


def _every(given: str) -> Every | None:
    return next((each for each in get_args(Every) if each == given), None)


async def _add(options: argparse.Namespace) -> None:
    async with database(configuration(options)) as pool:
        await add_jurisdiction(
            pool,
            jurisdiction=options.jurisdiction,
            name=options.name,
            time_zone=options.time_zone,
            on_call_number=options.on_call,
        )
        added = await _view(pool, options.jurisdiction)
    text = f"{added.name} ({added.jurisdiction}) is added"
    if added.on_call_number is None:
        text += "; nobody is told of faults by phone: it has no on-call number"
    answer(options, added, text)


async def _list(options: argparse.Namespace) -> None:
    async with database(configuration(options)) as pool:
        listed = await read_jurisdictions(pool)
    text = table(
        ["JURISDICTION", "NAME", "TIME ZONE", "ON CALL", "HOLDER SILENT"],
        [
            [each.jurisdiction, each.name, each.time_zone, each.on_call_number, _silence(each)]
            for each in listed
        ],
        none="there is no jurisdiction yet: add it with tocsin jurisdiction add",
    )
    answer(options, Jurisdictions(listed), text)


def _silence(each: JurisdictionView) -> str:
    silent_s = each.holder_silent_s
    return "never asked" if silent_s is None else f"asked after {silent_s} s"
