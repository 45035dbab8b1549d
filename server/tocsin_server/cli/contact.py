"""`tocsin person contact`: the ways to reach somebody, in the order in which they are tried."""

import argparse
import getpass
from dataclasses import dataclass

from tocsin_server import inputs
from tocsin_server.channels.channel import METHODS
from tocsin_server.cli.command import Act, add_action, answer, table
from tocsin_server.cli.describe import describe
from tocsin_server.cli.office import Office, office
from tocsin_server.errors import Invalid, NotFound
from tocsin_server.people import contacts
from tocsin_server.people.accounts import PersonView
from tocsin_server.people.contacts import ContactView, OfContact, Quiet


@dataclass(frozen=True, slots=True)
class QuietGiven:
    """Quiet hours as they are written on the command line; None: there are none."""

    quiet: Quiet | None


def arrange_contacts(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these actions to those of a person."""
    what = "say how somebody is reached, in which order, and whether it is verified"
    group = actions.add_parser("contact", help=what)
    describe(group, what, "tocsin person contact add dana@example.org voice +15125550111")
    of_contact = group.add_subparsers(required=True, metavar="ACTION")
    add = _of_person(
        of_contact,
        "add",
        _add,
        "add a way to reach somebody, behind their others; a code goes there unless you vouch",
        "voice +15125550111 --quiet 22:00-06:00",
    )
    add.add_argument("method", choices=METHODS, metavar="METHOD", help=", ".join(METHODS))
    add.add_argument("address", metavar="ADDRESS", help="a number, an e-mail address, a URL")
    add.add_argument(
        "--vouch", action="store_true", help="you have reached them there: no code is needed"
    )
    add.add_argument(
        "--quiet",
        type=_quiet_hours,
        default=QuietGiven(None),
        metavar="HOURS",
        help="when it is left alone, but for danger, as 22:00-06:00",
    )
    _add_by(add)
    _of_person(of_contact, "list", _list, "list how somebody is reached", "")
    _of_contact(of_contact, "code", _code, "send a new code; the one before holds no more", "1")
    confirm = _of_contact(
        of_contact, "confirm", _confirm, "take the code that was sent there: it counts", "1 123456"
    )
    confirm.add_argument("code", metavar="CODE")
    vouch = _of_contact(
        of_contact, "vouch", _vouch, "say that you have reached them there: it counts", "1"
    )
    _add_by(vouch)
    _of_contact(of_contact, "remove", _remove, "forget a way to reach somebody", "2")
    order = _of_person(
        of_contact, "order", _order, "say which is tried first, second and so on", "2 1"
    )
    order.add_argument("contacts", nargs="+", metavar="CONTACT", help=_NAMED)
    quiet = _of_contact(
        of_contact, "quiet", _quiet, "say when it is left alone, but for danger", "2 22:00-06:00"
    )
    quiet.add_argument("hours", type=_quiet_hours, metavar="HOURS", help="22:00-06:00, or never")


_NAMED = "its number in the list, its address, or its id"


def _of_person(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    act: Act,
    what: str,
    typed: str,
) -> argparse.ArgumentParser:
    example = f"tocsin person contact {name} dana@example.org {typed}".rstrip()
    parser = add_action(actions, name, act, what, example=example)
    parser.add_argument("email", metavar="EMAIL", help="whose it is")
    return parser


def _of_contact(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    act: Act,
    what: str,
    typed: str,
) -> argparse.ArgumentParser:
    parser = _of_person(actions, name, act, what, typed)
    parser.add_argument("contact", metavar="CONTACT", help=_NAMED)
    return parser


def _add_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", metavar="NAME", help="who vouches for it (default: this user)")


def _quiet_hours(given: str) -> QuietGiven:
    if given == "never":
        return QuietGiven(None)
    start, dash, end = given.partition("-")
    try:
        hours = Quiet(inputs.time_of_day(start), inputs.time_of_day(end))
    except Invalid:
        dash = ""
    if not dash:
        raise argparse.ArgumentTypeError(f"{given!r} are no hours: write 22:00-06:00, or never")
    return QuietGiven(hours)


async def _add(options: argparse.Namespace) -> None:
    async with office(options) as here:
        [person] = await here.people([options.email])
        await contacts.add_contact(
            here.pool,
            jurisdiction=here.jurisdiction,
            person_id=person.person_id,
            method=options.method,
            address=options.address,
            vouched_by=_by(options) if options.vouch else None,
            quiet=options.quiet.quiet,
        )
        await _tell(options, here)


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        await _tell(options, here)


async def _code(options: argparse.Namespace) -> None:
    async with office(options) as here:
        which = await _which(options, here)
        await contacts.send_code(here.pool, **which)
        await _tell(options, here)


async def _confirm(options: argparse.Namespace) -> None:
    async with office(options) as here:
        which = await _which(options, here)
        await contacts.confirm(here.pool, code=options.code, **which)
        await _tell(options, here)


async def _vouch(options: argparse.Namespace) -> None:
    async with office(options) as here:
        which = await _which(options, here)
        await contacts.vouch(here.pool, by=_by(options), **which)
        await _tell(options, here)


async def _remove(options: argparse.Namespace) -> None:
    async with office(options) as here:
        which = await _which(options, here)
        await contacts.remove_contact(here.pool, **which)
        await _tell(options, here)


async def _order(options: argparse.Namespace) -> None:
    async with office(options) as here:
        [person] = await here.people([options.email])
        await contacts.set_order(
            here.pool,
            jurisdiction=here.jurisdiction,
            person_id=person.person_id,
            contact_ids=[_named(person, each).contact_id for each in options.contacts],
        )
        await _tell(options, here)


async def _quiet(options: argparse.Namespace) -> None:
    async with office(options) as here:
        which = await _which(options, here)
        await contacts.set_quiet(here.pool, quiet=options.hours.quiet, **which)
        await _tell(options, here)


async def _which(options: argparse.Namespace, here: Office) -> OfContact:
    [person] = await here.people([options.email])
    return OfContact(
        jurisdiction=here.jurisdiction,
        person_id=person.person_id,
        contact_id=_named(person, options.contact).contact_id,
    )


def _named(person: PersonView, named: str) -> ContactView:
    """Find a contact by its number in the list, its address or its id. Raises NotFound, Invalid."""
    if named.isdecimal() and 1 <= int(named) <= len(person.contacts):
        return person.contacts[int(named) - 1]
    found = [each for each in person.contacts if named in (each.address, str(each.contact_id))]
    if len(found) > 1:
        raise Invalid(f"{person.name} has {named} twice: give its number in the list")
    if not found:
        raise NotFound(
            f"{person.name} has no contact {named!r}: see tocsin person contact list {person.email}"
        )
    return found[0]


def _by(options: argparse.Namespace) -> str:
    return options.by or getpass.getuser()


async def _tell(options: argparse.Namespace, here: Office) -> None:
    """Answer with the person as they are reached now."""
    [person] = await here.people([options.email])
    answer(options, person, contacts_text(person))


def contacts_text(person: PersonView) -> str:
    """Write how somebody is reached, the first to be tried first."""
    rows = [
        [n, each.method, each.address, _standing(each), _quiet_text(each)]
        for n, each in enumerate(person.contacts, start=1)
    ]
    return table(
        ["", "BY", "ADDRESS", "COUNTS", ""],
        rows,
        none=f"nothing reaches {person.name}: add a contact with tocsin person contact add",
    )


def _standing(contact: ContactView) -> str:
    if contact.unreachable is not None:
        return f"NO, unreachable: {contact.unreachable}"
    if contact.verified_at is not None:
        return f"yes, by {contact.verified_by}"
    return "not yet: a code was sent" if contact.code_until else "NO: send a new code"


def _quiet_text(contact: ContactView) -> str:
    if contact.quiet_from is None or contact.quiet_to is None:
        return ""
    return f"quiet {contact.quiet_from:%H:%M}-{contact.quiet_to:%H:%M}"
