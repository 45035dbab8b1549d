"""`tocsin person`: the people who answer, and their passwords.

Refused: a password on the command line, where every user of the machine could read it.
"""

import argparse
import getpass
import sys
from datetime import date
from pathlib import Path
from uuid import UUID

import msgspec

from tocsin_server.channels.channel import LANGUAGES
from tocsin_server.cli.command import add_action, answer, table
from tocsin_server.cli.contact import arrange_contacts
from tocsin_server.cli.office import office
from tocsin_server.errors import Invalid
from tocsin_server.people.accounts import (
    PASSWORD_CHARS_MAX,
    PASSWORD_CHARS_MIN,
    ROLES,
    PersonView,
    add_person,
    read_people,
    set_end,
    set_password,
)
from tocsin_server.people.factors import take_away


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """Who was added, given a password, or is to begin anew with it."""

    person_id: UUID
    email: str


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account ends, and with which day; null: never."""

    person_id: UUID
    email: str
    ends_on: date | None
    has_ended: bool


class People(msgspec.Struct, frozen=True):
    """Everybody of a jurisdiction."""

    people: list[PersonView]


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = add_action(
        actions,
        "add",
        _add,
        "add somebody; without a phone nobody is paged, without --sign-in nobody signs in",
        example='tocsin person add "Dana Ortiz" --email dana@example.org --phone +15125550111'
        " --role dispatcher --sign-in",
    )
    add.add_argument("name", metavar="NAME")
    add.add_argument("--email", required=True)
    add.add_argument("--phone", help="as +15125550111")
    add.add_argument(
        "--vouch",
        action="store_true",
        help="you have reached them there yourself: the number counts at once, without a code",
    )
    add.add_argument("--language", choices=LANGUAGES, default="en", help="of what is sent to them")
    add.add_argument("--role", required=True, choices=ROLES)
    add.add_argument("--outside-agency", action="store_true", help="drills never reach this person")
    add.add_argument(
        "--until", type=_day, metavar="DATE", help="the last day of the account, as 2026-11-10"
    )
    add.add_argument(
        "--temporary", action="store_true", help="temporary staff: --until has to be given"
    )
    add.add_argument(
        "--sign-in",
        action="store_true",
        help="ask for a password, or read it from standard input where that is no terminal",
    )
    _add_password_file(add)
    password = add_action(
        actions,
        "password",
        _password,
        "give somebody a new password: asked for, or read from standard input or a file",
        example="tocsin person password dana@example.org",
    )
    password.add_argument("email", metavar="EMAIL")
    _add_password_file(password)
    reset = add_action(
        actions,
        "reset-sign-in",
        _reset_sign_in,
        "take somebody's passkeys, codes and recovery codes away: the password alone opens then",
        example="tocsin person reset-sign-in dana@example.org",
    )
    reset.add_argument("email", metavar="EMAIL")
    reset.add_argument("--by", metavar="NAME", help="who does it (default: this user)")
    until = add_action(
        actions,
        "until",
        _until,
        "let an account end with a day, or never; with yesterday it is over at once",
        example="tocsin person until dana@example.org 2026-11-10",
    )
    until.add_argument("email", metavar="EMAIL")
    until.add_argument(
        "day", type=_day_or_never, metavar="DATE", help="the last day, as 2026-11-10, or never"
    )
    arrange_contacts(actions)
    add_action(
        actions,
        "list",
        _list,
        "list the people",
        example="tocsin person list --json",
    )


def _add_password_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help=f"a file whose first line is the password, of {PASSWORD_CHARS_MIN} characters or more",
    )


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given!r} is no day: write it as 2026-11-10") from None


def _day_or_never(given: str) -> date | None:
    return None if given == "never" else _day(given)


async def _add(options: argparse.Namespace) -> None:
    if options.temporary and options.until is None:
        raise Invalid("a temporary account needs an end: add --until with their last day")
    async with office(options) as here:
        wanted = options.sign_in or options.password_file
        person_id = await add_person(
            here.pool,
            jurisdiction=here.jurisdiction,
            name=options.name,
            email=options.email,
            phone=options.phone,
            role=options.role,
            password=_read_password(options.password_file) if wanted else None,
            outside_agency=options.outside_agency,
            ends_on=options.until,
            language=options.language,
            vouched_by="whoever added them" if options.vouch else None,
        )
    text = f"{options.name} is added"
    if options.until is not None:
        text += f" until the end of {options.until}"
    if options.phone is not None and not options.vouch:
        text += (
            f"; a code was texted to {options.phone}, which counts once they have replied with it"
        )
    if options.phone is None:
        text += "; without a phone number, so nothing reaches them there"
    answer(options, Added(person_id=person_id, email=options.email.strip()), text)


async def _password(options: argparse.Namespace) -> None:
    async with office(options) as here:
        [person] = await here.people([options.email])
        await set_password(
            here.pool,
            jurisdiction=here.jurisdiction,
            person_id=person.person_id,
            password=_read_password(options.password_file),
        )
    added = Added(person_id=person.person_id, email=person.email)
    answer(options, added, f"{person.name} has a new password")


async def _reset_sign_in(options: argparse.Namespace) -> None:
    async with office(options) as here:
        [person] = await here.people([options.email])
        await take_away(
            here.pool,
            jurisdiction=here.jurisdiction,
            person_id=person.person_id,
            by=options.by or getpass.getuser(),
        )
    text = (
        f"{person.name} has no passkey and no codes any more, and is signed out everywhere: their"
        " password opens the account"
    )
    if not person.can_sign_in:
        text += f", once they have one (tocsin person password {person.email})"
    answer(options, Added(person_id=person.person_id, email=person.email), text)


async def _until(options: argparse.Namespace) -> None:
    async with office(options) as here:
        [person] = await here.people([options.email])
        has_ended = await set_end(
            here.pool,
            jurisdiction=here.jurisdiction,
            person_id=person.person_id,
            ends_on=options.day,
        )
    ends = Ends(
        person_id=person.person_id, email=person.email, ends_on=options.day, has_ended=has_ended
    )
    if has_ended:
        text = f"the account of {person.name} is over: signed out everywhere, and no longer paged"
    elif options.day is None:
        text = f"the account of {person.name} has no end"
    else:
        text = f"the account of {person.name} ends with {options.day}"
    answer(options, ends, text)


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        people = await read_people(here.pool, jurisdiction=here.jurisdiction)
    rows = [
        [person.name, person.email, _contacts(person), person.role, "; ".join(_remarks(person))]
        for person in people
    ]
    text = table(
        ["NAME", "E-MAIL", "REACHED BY", "ROLE", ""],
        rows,
        none="nobody is here yet: add people with tocsin person add",
    )
    answer(options, People(people), text)


def _remarks(person: PersonView) -> list[str]:
    remarks = []
    if person.ends_on is not None:
        remarks.append(f"{'ended' if person.has_ended else 'until'} {person.ends_on}")
    remarks += [
        f"{contact.address}: {contact.unreachable or 'not confirmed yet'}"
        for contact in person.contacts
        if contact.unreachable or not contact.verified_at
    ]
    if not person.can_sign_in:
        remarks.append("can't sign in")
    if person.outside_agency:
        remarks.append("outside agency")
    return remarks


def _contacts(person: PersonView) -> str:
    return ", ".join(f"{contact.method} {contact.address}" for contact in person.contacts)


def _read_password(file: Path | None) -> str:
    """Read the first line. Raises Invalid, OSError."""
    if file is not None:
        try:
            with file.open() as lines:
                return _first_line(lines.readline(PASSWORD_CHARS_MAX + 2))
        except UnicodeDecodeError:
            raise Invalid(f"{file} holds no text: its first line is to be the password") from None
    if not sys.stdin.isatty():
        return _first_line(sys.stdin.readline(PASSWORD_CHARS_MAX + 2))
    password = getpass.getpass("password: ")
    if getpass.getpass("once more: ") != password:
        raise Invalid("the two passwords differ: nothing was changed, try again")
    return password


def _first_line(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")
