"""People and the ways to reach them, over the API: who may change what, and what counts."""

from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from itertools import count
from typing import cast
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest
import pytest_asyncio

from tests.parts import DANA, LUIS, MAYA, Answer
from tests.walk.house import House
from tests.web.client import Client, Json, misfits, problem
from tests.web.counties import ids_of
from tocsin_server.demo import example
from tocsin_server.demo.phone import Phone
from tocsin_server.people.accounts import PersonView
from tocsin_server.people.contacts import CODES_PER_HOUR_MAX

pytestmark = pytest.mark.asyncio(loop_scope="session")

PEOPLE = "/api/v1/people"
RULERS = ("supervisor", "administrator")
NUMBERS = count(1000)  # each once: a code goes to a number only so often
LEE: dict[str, object] = {"name": "Lee Park", "email": "lee@example.org", "role": "dispatcher"}


@pytest_asyncio.fixture(loop_scope="session")
async def lee(house: House, everybody: dict[str, Client]) -> AsyncIterator[PersonView]:
    """A dispatcher who was just added, and whom a code is on its way to."""
    new = LEE | {"phone": f"+1512555{next(NUMBERS)}"}
    yield view(await everybody["supervisor"].ask("POST", PEOPLE, json=new))
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE person SET email = person_id || '@example.org' WHERE email = 'lee@example.org'"
        )


def view(answer: Answer) -> PersonView:
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=PersonView)


def phone_of(house: House, who: PersonView) -> Phone:
    return house.walk.phones.phone(who.contacts[0].address)


async def code_of(house: House, who: PersonView) -> str:
    """The code on somebody's phone, once it is there."""
    text = await phone_of(house, who).until_received("your code is")
    return "".join(text.body.split("your code is ")[1].split(".")[0].split())


async def rest(house: House) -> None:
    """Let a minute pass in which no code was sent."""
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE contact SET code_expires_at = code_expires_at - interval '61 s'"
        )


def contacts(person: PersonView) -> str:
    return f"{PEOPLE}/{person.person_id}/contacts"


def path(person: PersonView, act: str = "", *, nth: int = 0) -> str:
    return f"{contacts(person)}/{person.contacts[nth].contact_id}{act}"


def day(days: int) -> str:
    """A day there: 1 is tomorrow."""
    today = datetime.now(ZoneInfo(example.TIME_ZONE)).date()
    return (today + timedelta(days=days)).isoformat()


async def test_a_number_counts_once_its_code_came_back(
    house: House, everybody: dict[str, Client], lee: PersonView
) -> None:
    maya = everybody["supervisor"]
    (contact,) = lee.contacts
    assert (contact.verified_at, contact.code_until is not None) == (None, True)
    code = await code_of(house, lee)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    answer = await maya.ask("POST", path(lee, "/confirm"), json={"code": wrong})
    assert answer.status == 409
    assert "not the code that was sent" in problem(answer).message
    confirmed = view(await maya.ask("POST", path(lee, "/confirm"), json={"code": code}))
    (contact,) = confirmed.contacts
    assert (contact.verified_by, contact.code_until) == ("a code", None)


async def test_a_code_that_is_texted_back_counts_too(
    house: House, everybody: dict[str, Client], lee: PersonView
) -> None:
    answer = await phone_of(house, lee).reply(await code_of(house, lee))
    assert "reach" in answer.texts[0]
    (contact,) = (await person(everybody["supervisor"], lee)).contacts
    assert contact.verified_by == "a code"
    body = {"method": "sms", "address": contact.address}
    twice = await everybody["supervisor"].ask("POST", contacts(lee), json=body)
    assert twice.status == 409
    assert "among their contacts already" in problem(twice).message


async def person(somebody: Client, who: PersonView) -> PersonView:
    answer = await somebody.ask("GET", PEOPLE)
    everybody = msgspec.json.decode(answer.body, type=dict[str, list[PersonView]])["people"]
    return next(each for each in everybody if each.person_id == who.person_id)


async def test_codes_are_neither_guessed_nor_sent_without_end(
    house: House, everybody: dict[str, Client], lee: PersonView
) -> None:
    maya = everybody["supervisor"]
    code = await code_of(house, lee)
    answer = await maya.ask("POST", path(lee, "/code"))
    assert answer.status == 415
    answer = await maya.ask("POST", path(lee, "/code"), json={})
    assert answer.status == 409
    assert "within this minute" in problem(answer).message
    for n in range(6):
        wrong = f"{(int(code) + 1 + n) % 1_000_000:06}"
        answer = await maya.ask("POST", path(lee, "/confirm"), json={"code": wrong})
        assert answer.status == 409
    answer = await maya.ask("POST", path(lee, "/confirm"), json={"code": code})
    assert "send a new one" in problem(answer).message
    for _ in range(CODES_PER_HOUR_MAX - 1):
        await rest(house)
        view(await maya.ask("POST", path(lee, "/code"), json={}))
    await rest(house)
    answer = await maya.ask("POST", path(lee, "/code"), json={})
    assert answer.status == 409
    assert "within an hour" in problem(answer).message
    # Nor by taking the number out, and adding it again.
    view(await maya.ask("DELETE", path(lee)))
    body = {"method": "sms", "address": lee.contacts[0].address}
    assert (await maya.ask("POST", contacts(lee), json=body)).status == 409
    assert (await person(maya, lee)).contacts == []


async def test_contacts_are_added_ordered_and_quiet(
    everybody: dict[str, Client], lee: PersonView
) -> None:
    maya = everybody["supervisor"]
    call = {"method": "voice", "address": "+1 512 555 0142", "vouch": True}
    call |= {"quiet": {"from_time": "22:00", "to_time": "6:30"}}
    both = view(await maya.ask("POST", contacts(lee), json=call))
    assert [(each.method, each.verified_by) for each in both.contacts] == [
        ("sms", None),
        ("voice", "Maya Chen, who vouches for it"),
    ]
    quiet = both.contacts[1]
    assert (quiet.quiet_from, quiet.quiet_to) == (time(22), time(6, 30))
    ids = [str(each.contact_id) for each in both.contacts]
    turned = await maya.ask("POST", f"{contacts(lee)}/order", json={"contact_ids": ids[::-1]})
    assert [each.method for each in view(turned).contacts] == ["voice", "sms"]
    loud = view(await maya.ask("POST", path(both, "/quiet", nth=1), json={"quiet": None}))
    assert loud.contacts[0].quiet_from is None
    vouched = view(await maya.ask("POST", path(both, "/vouch"), json={}))
    assert vouched.contacts[1].verified_by == "Maya Chen, who vouches for it"
    gone = view(await maya.ask("DELETE", path(both)))
    assert [each.method for each in gone.contacts] == ["voice"]


async def test_everybody_changes_their_own_contacts_and_rulers_everybodys(
    house: House, everybody: dict[str, Client], lee: PersonView
) -> None:
    ids = await ids_of(house)
    dana = everybody["dispatcher"]
    body = {"method": "email", "address": "dana.home@example.org"}
    own = f"{PEOPLE}/{ids[DANA.email]}/contacts"
    answer = await dana.ask("POST", own, json=body | {"vouch": True})
    assert answer.status == 403
    assert "may not vouch" in problem(answer).message
    mine = view(await dana.ask("POST", own, json=body))
    added = mine.contacts[-1]
    assert (added.method, added.verified_at) == ("email", None)
    assert (await dana.ask("POST", path(mine, "/vouch", nth=-1), json={})).status == 403
    quiet = {"quiet": {"from_time": "22:00", "to_time": "06:00"}}
    assert (await dana.ask("POST", path(mine, "/quiet", nth=-1), json=quiet)).status == 200
    # Not somebody else's under their own name.
    stolen = f"{own}/{lee.contacts[0].contact_id}"
    assert (await dana.ask("DELETE", stolen)).status == 404
    view(await dana.ask("DELETE", path(mine, nth=-1)))


ACTS: dict[str, tuple[str, str, object]] = {
    "add": ("POST", "", {"method": "sms", "address": "+15125550143", "vouch": False}),
    "order": ("POST", "/order", None),
    "code": ("POST", "/{contact}/code", {}),
    "confirm": ("POST", "/{contact}/confirm", {"code": "000000"}),
    "vouch": ("POST", "/{contact}/vouch", {}),
    "quiet": ("POST", "/{contact}/quiet", {"quiet": None}),
    "remove": ("DELETE", "/{contact}", None),
}


@pytest.mark.parametrize("act", ACTS)
async def test_who_changes_somebodys_contacts(
    everybody: dict[str, Client], lee: PersonView, act: str
) -> None:
    method, where, body = ACTS[act]
    contact_id = str(lee.contacts[0].contact_id)
    body = {"contact_ids": [contact_id]} if act == "order" else body
    where = contacts(lee) + where.format(contact=contact_id)
    for role in ("dispatcher", "facilities", "auditor", "next door", *RULERS):
        answer = await everybody[role].ask(method, where, json=body)
        if role == "next door":
            assert answer.status == 404, answer.body
            problem(answer)
        elif role not in RULERS:
            assert answer.status == 403, answer.body
            assert "administrator, supervisor" in problem(answer).message
        else:
            # The second time it may be done already; it isn't the role that stands in the way.
            assert answer.status in {200, 404, 409}, answer.body

    left = (await person(everybody["auditor"], lee)).contacts
    assert (contact_id in {str(each.contact_id) for each in left}) == (act != "remove")


async def test_who_adds_people_and_ends_their_accounts(
    house: House, everybody: dict[str, Client], lee: PersonView
) -> None:
    ids = await ids_of(house)
    new = LEE | {"email": "kim@example.org"}
    for role in ("dispatcher", "facilities", "auditor"):
        for where, body in ((PEOPLE, new), (f"{PEOPLE}/{lee.person_id}/end", {"ends_on": None})):
            answer = await everybody[role].ask("POST", where, json=body)
            assert answer.status == 403
            assert "ask one of administrator, supervisor" in problem(answer).message
    maya, ada, nia = (everybody[each] for each in (*RULERS, "next door"))
    end = f"{PEOPLE}/{lee.person_id}/end"
    assert (await nia.ask("POST", end, json={"ends_on": day(3)})).status == 404
    assert (await person(maya, lee)).ends_on is None
    assert str(view(await maya.ask("POST", end, json={"ends_on": day(3)})).ends_on) == day(3)
    assert view(await ada.ask("POST", end, json={"ends_on": day(-1)})).has_ended
    assert not view(await maya.ask("POST", end, json={"ends_on": None})).has_ended
    # Administrators are the administrators' own affair.
    chief = new | {"role": "administrator"}
    answer = await maya.ask("POST", PEOPLE, json=chief)
    assert answer.status == 403
    assert "added by an administrator" in problem(answer).message
    adas = f"{PEOPLE}/{ids['ada@example.org']}/end"
    answer = await maya.ask("POST", adas, json={"ends_on": day(1)})
    assert answer.status == 403
    assert "ended by an administrator" in problem(answer).message
    answer = await ada.ask("POST", adas, json={"ends_on": day(1)})
    assert answer.status == 409
    assert "Nobody ends their own account" in problem(answer).message
    kim = view(await ada.ask("POST", PEOPLE, json=chief))
    assert view(await ada.ask("POST", f"{PEOPLE}/{kim.person_id}/end", json={"ends_on": day(-1)}))


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"name": " "}, 400, "the name is empty"),
        ({"email": "kim"}, 400, "write it as dana@example.org"),
        ({"email": LUIS.email.upper()}, 409, "somebody has the address"),
        ({"role": "chief"}, 400, "'chief' is no role: write one of"),
        ({"language": "fr"}, 400, "language"),
        ({"phone": "555 0100"}, 400, "write it with its country"),
        ({"temporary": True}, 400, "give their last day"),
        ({"temporary": True, "ends_on": "2020-01-01"}, 400, "is over"),
        ({"ends_on": "tomorrow"}, 400, "ends_on"),
        ({"nickname": "K"}, 400, "nickname"),
    ],
)
async def test_nobody_is_added_who_could_not_be_told_apart_or_reached(
    everybody: dict[str, Client], body: Json, status: int, why: str
) -> None:
    maya = everybody["supervisor"]
    before = (await maya.ask("GET", PEOPLE)).body
    answer = await maya.ask("POST", PEOPLE, json=LEE | {"email": "kim@example.org"} | dict(body))
    assert answer.status == status, answer.body
    assert why in problem(answer).message
    assert (await maya.ask("GET", PEOPLE)).body == before


@pytest.mark.parametrize(
    ("act", "body", "why"),
    [
        ("", {"method": "fax", "address": "+15125550143"}, "method"),
        ("", {"method": "sms", "address": "0143"}, "write it with its country"),
        ("", {"method": "email", "address": "lee"}, "write it as"),
        ("/order", {"contact_ids": []}, "contact_ids"),
        ("/order", {"contact_ids": [str(uuid4())]}, "nothing was changed"),
        ("/{contact}/quiet", {}, "quiet"),
        (
            "/{contact}/quiet",
            {"quiet": {"from_time": "late", "to_time": "06:00"}},
            "write it as 22:00",
        ),
        (
            "/{contact}/quiet",
            {"quiet": {"from_time": "06:00", "to_time": "06:00"}},
            "leave it out",
        ),
        ("/{contact}/confirm", {"code": "1" * 30}, "code"),
    ],
)
async def test_a_contact_that_can_not_be_one_is_refused_and_nothing_changes(
    everybody: dict[str, Client], lee: PersonView, act: str, body: Json, why: str
) -> None:
    maya = everybody["supervisor"]
    act = act.format(contact=lee.contacts[0].contact_id)
    answer = await maya.ask("POST", contacts(lee) + act, json=body)
    assert answer.status in {400, 404}, answer.body
    assert why in problem(answer).message
    assert (await person(maya, lee)).contacts == lee.contacts


async def test_what_is_answered_fits_its_description(
    everybody: dict[str, Client], lee: PersonView
) -> None:
    maya = everybody["supervisor"]
    document = (await maya.ask("GET", "/api/v1/openapi.json")).json()
    answer = await maya.ask("POST", path(lee, "/vouch"), json={})
    schema = {"$ref": "#/components/schemas/PersonView"}
    assert misfits(msgspec.json.decode(answer.body), schema, document) == []
    paths = cast("dict[str, dict[str, Json]]", document["paths"])
    described = {
        f"{method} {where.removeprefix(PEOPLE)}"
        for where, methods in paths.items()
        if where.startswith(PEOPLE) and "/sign-in" not in where
        for method in methods
    }
    one = "/{person_id}/contacts/{contact_id}"
    assert described == {
        *("get ", "post ", "post /{person_id}/end", "post /{person_id}/contacts"),
        *("post /{person_id}/language", "post /{person_id}/contacts/order"),
        *(f"delete {one}", f"post {one}/code"),
        *(f"post {one}/confirm", f"post {one}/vouch", f"post {one}/quiet"),
    }
    assert MAYA.name in str(answer.json())


async def test_everybody_says_in_which_language_they_read_and_are_told(
    house: House, everybody: dict[str, Client], lee: PersonView
) -> None:
    dana, maya, next_door = (everybody[each] for each in ("dispatcher", "supervisor", "next door"))
    ids = await ids_of(house)
    own, of_lee = (f"{PEOPLE}/{each}/language" for each in (ids[DANA.email], lee.person_id))
    spanish = {"language": "es"}
    assert (await dana.ask("GET", "/api/v1/session")).json()["language"] == "en"
    assert view(await dana.ask("POST", own, json=spanish)).language == "es"
    assert (await dana.ask("GET", "/api/v1/session")).json()["language"] == "es"
    assert view(await dana.ask("POST", own, json={"language": "en"})).language == "en"
    for who, status in ((dana, 403), (next_door, 404)):
        assert (await who.ask("POST", of_lee, json=spanish)).status == status
    unknown = await maya.ask("POST", of_lee, json={"language": "fr"})
    assert unknown.status == 400
    assert "language" in problem(unknown).message
    assert (await person(maya, lee)).language == "en"
    assert view(await maya.ask("POST", of_lee, json=spanish)).language == "es"
