"""The endpoints of people and of the ways to reach them. Whatever is changed gives the person anew.

Supervisors and administrators change everybody's, and anybody their own contacts and language. An
administrator's account is made and ended by administrators alone.
"""

from datetime import date
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.channels.channel import Language, Method
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.people import accounts, contacts
from tocsin_server.people.accounts import PersonView, read_people
from tocsin_server.people.contacts import CONTACTS_MAX, OfContact, Quiet
from tocsin_server.web.api import SESSIONS, Api, ApiError, Call, Nothing
from tocsin_server.web.proof_rules import RULING_ROLES
from tocsin_server.web.services import SERVICES, Services

log = structlog.get_logger()


class People(msgspec.Struct, frozen=True):
    """The people of the jurisdiction."""

    people: list[PersonView]


class PersonForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody to be added. `temporary`: then `ends_on` has to be said. `vouch`: for the phone."""

    name: str
    email: str
    role: str
    language: Language = "en"
    outside_agency: bool = False
    temporary: bool = False
    ends_on: date | None = None
    phone: str | None = None
    vouch: bool = False


class EndForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last day of an account; null: it has no end."""

    ends_on: date | None


class LanguageForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The language in which somebody is told, and reads the pages."""

    language: Language


class QuietForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a contact is left alone, but for danger: from 22:00 to 06:00, by the wall's clock."""

    from_time: str
    to_time: str


class ContactForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to reach somebody. A code goes there, unless somebody vouches."""

    method: Method
    address: str
    vouch: bool = False
    quiet: QuietForm | None = None


class CodeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code that came back."""

    code: Annotated[str, msgspec.Meta(max_length=20)]


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a contact is left alone; null: never."""

    quiet: QuietForm | None


class OrderForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which contact is tried first, second and so on."""

    contact_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=CONTACTS_MAX)]


def _services(call: Call) -> Services:
    return call.request.app[SERVICES]


def _pool(call: Call) -> asyncpg.Pool:
    return _services(call).database.pool


def _refuse_role(message: str) -> ApiError:
    return ApiError(HTTPStatus.FORBIDDEN, "not_your_role", message)


def _contact(call: Call) -> OfContact:
    return OfContact(
        jurisdiction=call.reader.jurisdiction,
        person_id=call.path_id("person_id"),
        contact_id=call.path_id("contact_id"),
    )


async def _person(call: Call, person_id: UUID) -> PersonView:
    everybody = await read_people(_pool(call), jurisdiction=call.reader.jurisdiction)
    for person in everybody:
        if person.person_id == person_id:
            return person
    raise NotFound(f"nobody here has the id {person_id}")


async def _shown(call: Call, person_id: UUID, what: str) -> PersonView:
    """Give the person as they are now, after a change that counts from here on."""
    reader = call.reader
    log.warning(
        "people changed",
        jurisdiction=reader.jurisdiction,
        person_id=str(person_id),
        by=reader.name,
        what=what,
    )
    _services(call).notify.wake()  # a code may wait
    await _services(call).read_again()
    return await _person(call, person_id)


def _quiet(form: QuietForm | None) -> Quiet | None:
    if form is None:
        return None
    return Quiet(inputs.time_of_day(form.from_time), inputs.time_of_day(form.to_time))


async def people(call: Call, _query: Nothing, _body: None) -> People:
    """List the people."""
    return People(await read_people(_pool(call), jurisdiction=call.reader.jurisdiction))


async def add_person(call: Call, _query: Nothing, body: PersonForm) -> PersonView:
    """Add somebody; a code is texted to their phone, unless somebody vouches for it."""
    reader = call.reader
    if body.role == "administrator" and reader.role != "administrator":
        raise _refuse_role("An administrator is added by an administrator: ask one.")
    if body.temporary and body.ends_on is None:
        raise Invalid("a temporary account needs an end: give their last day")
    person_id = await accounts.add_person(
        _pool(call),
        jurisdiction=reader.jurisdiction,
        name=body.name,
        email=body.email,
        phone=body.phone,
        role=body.role,
        outside_agency=body.outside_agency,
        ends_on=body.ends_on,
        language=body.language,
        vouched_by=reader.name if body.vouch else None,
    )
    return await _shown(call, person_id, "person added")


async def end_person(call: Call, _query: Nothing, body: EndForm) -> PersonView:
    """Let an account end with a day, also one that is over; null: never."""
    reader, person_id = call.reader, call.path_id("person_id")
    person = await _person(call, person_id)
    if person.role == "administrator" and reader.role != "administrator":
        raise _refuse_role("The account of an administrator is ended by an administrator: ask one.")
    if person_id == reader.person_id:
        raise Refused("Nobody ends their own account, which may be the last: ask somebody else.")
    await accounts.set_end(
        _pool(call), jurisdiction=reader.jurisdiction, person_id=person_id, ends_on=body.ends_on
    )
    return await _shown(call, person_id, f"account ends: {body.ends_on or 'never'}")


async def set_language(call: Call, _query: Nothing, body: LanguageForm) -> PersonView:
    """Say in which language somebody is told, and reads the pages."""
    person_id = call.path_id("person_id")
    await accounts.set_language(
        _pool(call),
        jurisdiction=call.reader.jurisdiction,
        person_id=person_id,
        language=body.language,
    )
    call.request.app[SESSIONS].forget(person_id)
    return await _shown(call, person_id, f"language: {body.language}")


async def add_contact(call: Call, _query: Nothing, body: ContactForm) -> PersonView:
    """Add a way to reach somebody, behind their others; a code goes there unless one vouches."""
    person_id, reader = call.path_id("person_id"), call.reader
    if body.vouch and reader.role not in RULING_ROLES:
        raise _refuse_role(
            f"Your role ({reader.role}) may not vouch for a contact: write the code that was sent"
            f" there, or ask one of {', '.join(sorted(RULING_ROLES))}."
        )
    await contacts.add_contact(
        _pool(call),
        jurisdiction=reader.jurisdiction,
        person_id=person_id,
        method=body.method,
        address=body.address,
        vouched_by=reader.name if body.vouch else None,
        quiet=_quiet(body.quiet),
    )
    return await _shown(call, person_id, "contact added")


async def remove_contact(call: Call, _query: Nothing, _body: None) -> PersonView:
    """Forget a way to reach somebody."""
    which = _contact(call)
    await contacts.remove_contact(_pool(call), **which)
    return await _shown(call, which["person_id"], "contact removed")


async def send_contact_code(call: Call, _query: Nothing, _body: Nothing) -> PersonView:
    """Send a new code to a contact; the one before holds no more. At most once a minute."""
    which = _contact(call)
    await contacts.send_code(_pool(call), **which)
    return await _shown(call, which["person_id"], "code sent")


async def confirm_contact(call: Call, _query: Nothing, body: CodeForm) -> PersonView:
    """Take the code that was sent to a contact, which counts from now on."""
    which = _contact(call)
    await contacts.confirm(_pool(call), code=body.code, **which)
    return await _shown(call, which["person_id"], "contact confirmed")


async def vouch_for_contact(call: Call, _query: Nothing, _body: Nothing) -> PersonView:
    """Say that a contact is right: whoever asks has reached them there. It counts from now on."""
    which = _contact(call)
    await contacts.vouch(_pool(call), by=call.reader.name, **which)
    return await _shown(call, which["person_id"], "contact vouched for")


async def set_quiet_hours(call: Call, _query: Nothing, body: QuietHours) -> PersonView:
    """Say when a contact is left alone; a call for help in danger never waits for it."""
    which = _contact(call)
    await contacts.set_quiet(_pool(call), quiet=_quiet(body.quiet), **which)
    return await _shown(call, which["person_id"], "quiet hours")


async def order_contacts(call: Call, _query: Nothing, body: OrderForm) -> PersonView:
    """Say which contact is tried first, second and so on; those not named stay behind."""
    person_id = call.path_id("person_id")
    await contacts.set_order(
        _pool(call),
        jurisdiction=call.reader.jurisdiction,
        person_id=person_id,
        contact_ids=body.contact_ids,
    )
    return await _shown(call, person_id, "contacts in another order")


def add_people(api: Api) -> None:
    """Put these endpoints beside the others."""
    every, view, may = "/api/v1/people", PersonView, RULING_ROLES
    api.add("GET", every, people, answer=People, while_locked=True)
    api.add("POST", every, add_person, body=PersonForm, answer=view, roles=may)
    one = f"{every}/{{person_id}}"
    api.add("POST", f"{one}/end", end_person, body=EndForm, answer=view, roles=may)
    spoken = f"{one}/language"
    api.add("POST", spoken, set_language, body=LanguageForm, answer=view, roles=may, own=True)
    path = f"{one}/contacts"
    api.add("POST", path, add_contact, body=ContactForm, answer=view, roles=may, own=True)
    order = f"{path}/order"
    api.add("POST", order, order_contacts, body=OrderForm, answer=view, roles=may, own=True)
    one = f"{path}/{{contact_id}}"
    api.add("DELETE", one, remove_contact, answer=view, roles=may, own=True)
    api.add("POST", f"{one}/code", send_contact_code, answer=view, roles=may, own=True)
    confirm, quiet = f"{one}/confirm", f"{one}/quiet"
    api.add("POST", confirm, confirm_contact, body=CodeForm, answer=view, roles=may, own=True)
    api.add("POST", quiet, set_quiet_hours, body=QuietHours, answer=view, roles=may, own=True)
    api.add("POST", f"{one}/vouch", vouch_for_contact, answer=view, roles=may)
