"""Who may be added, and whose password opens an account."""

import asyncio
from typing import Literal
from uuid import UUID, uuid4

import asyncpg
import pytest
from argon2 import PasswordHasher

from tests.offices import Office, open_office
from tocsin_server.errors import Busy, Invalid, NotFound, Refused, TocsinError
from tocsin_server.people import accounts
from tocsin_server.people.accounts import (
    PASSWORD_CHARS_MAX,
    add_person,
    check_password,
    hash_password,
    read_people,
    set_password,
)

PASSWORD = "ballots are in the blue box"


@pytest.fixture
async def office(pool: asyncpg.Pool) -> Office:
    return await open_office(pool)


async def add_maya(pool: asyncpg.Pool, office: Office, *, password: str | None = PASSWORD) -> UUID:
    return await add_person(
        pool,
        jurisdiction=office.jurisdiction,
        name="Maya Chen",
        email="maya@example.org",
        phone="+15125550121",
        vouched_by="a test",
        role="supervisor",
        password=password,
    )


async def stored_hash(pool: asyncpg.Pool, person_id: UUID) -> str:
    stored: str = await pool.fetchval(
        "SELECT password_hash FROM person WHERE person_id = $1", person_id
    )
    return stored


async def test_the_right_password_opens_the_account(pool: asyncpg.Pool, office: Office) -> None:
    person_id = await add_maya(pool, office)
    account = await check_password(pool, email=" Maya@Example.org ", password=PASSWORD)
    assert account is not None
    assert (account.person_id, account.role) == (person_id, "supervisor")
    assert (account.jurisdiction, account.jurisdiction_name) == ("48453", "County 48453")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("maya@example.org", PASSWORD + "."),
        ("maya@example.org", ""),
        ("maya@example.org", "x" * 1_000_000),
        ("maya@example.org", "\ud800 a lone surrogate"),
        ("nobody@example.org", PASSWORD),
        ("dana.48453@example.org", PASSWORD),
        ("\x00", PASSWORD),
        ("", PASSWORD),
    ],
    ids=["wrong", "empty", "huge", "surrogate", "unknown", "has-none", "nul", "no-address"],
)
async def test_anything_else_opens_nothing(
    pool: asyncpg.Pool, office: Office, email: str, password: str
) -> None:
    await add_maya(pool, office)
    assert await check_password(pool, email=email, password=password) is None


async def test_an_unknown_address_costs_a_hash_like_a_known_one(
    pool: asyncpg.Pool, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_maya(pool, office)
    worked: list[str] = []

    class Counting(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            worked.append("hash")
            return super().hash(password, salt=salt)

        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            worked.append("verify")
            return super().verify(hash, password)

    monkeypatch.setattr(accounts, "_hasher", Counting())
    for email in ("maya@example.org", "nobody@example.org", "dana.48453@example.org"):
        await check_password(pool, email=email, password="not this one either")
    assert worked == ["verify", "hash", "hash"]


async def test_a_hash_with_old_parameters_is_renewed_at_a_sign_in(
    pool: asyncpg.Pool, office: Office
) -> None:
    person_id = await add_maya(pool, office, password=None)
    old = PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD)
    await pool.execute("UPDATE person SET password_hash = $1 WHERE person_id = $2", old, person_id)

    assert await check_password(pool, email="maya@example.org", password="not this") is None
    assert await stored_hash(pool, person_id) == old
    for _ in range(2):
        assert await check_password(pool, email="maya@example.org", password=PASSWORD)
    renewed = await stored_hash(pool, person_id)
    assert renewed != old
    assert not PasswordHasher().check_needs_rehash(renewed)


async def test_a_damaged_hash_lets_nobody_in(pool: asyncpg.Pool, office: Office) -> None:
    person_id = await add_maya(pool, office)
    await pool.execute("UPDATE person SET password_hash = 'x' WHERE person_id = $1", person_id)
    assert await check_password(pool, email="maya@example.org", password=PASSWORD) is None


async def test_a_new_password_replaces_the_old_one(pool: asyncpg.Pool, office: Office) -> None:
    person_id = await add_maya(pool, office)
    await set_password(
        pool, jurisdiction=office.jurisdiction, person_id=person_id, password="another long one"
    )
    assert await check_password(pool, email="maya@example.org", password=PASSWORD) is None
    assert await check_password(pool, email="maya@example.org", password="another long one")
    with pytest.raises(NotFound):
        await set_password(
            pool, jurisdiction="48491", person_id=person_id, password="another long one"
        )


async def test_keyboards_that_compose_a_letter_differently_type_the_same_password(
    pool: asyncpg.Pool, office: Office
) -> None:
    await add_maya(pool, office, password="caf\u00e9 by the courthouse")
    composed = "cafe\u0301 by the courthouse"
    assert await check_password(pool, email="maya@example.org", password=composed)


async def test_hashing_leaves_the_event_loop_alone() -> None:
    hashing = [asyncio.ensure_future(hash_password(PASSWORD)) for _ in range(4)]
    turns = 0
    while not all(task.done() for task in hashing):
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 4
    assert len({task.result() for task in hashing}) == 4


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", " \t ", "the name is empty"),
        ("name", "x" * 201, "200 is the most"),
        ("name", "Ma\x00ya", "can't be shown"),
        ("name", "Ma\udc00ya", "can't be shown"),
        ("email", "maya", "no e-mail address"),
        ("email", "maya@example", "no e-mail address"),
        ("email", "ma ya@example.org", "no e-mail address"),
        ("email", f"{'m' * 250}@example.org", "no e-mail address"),
        ("phone", "5125550121", "with its country"),
        ("phone", "+05125550121", "with its country"),
        ("phone", "+1512555012112345", "with its country"),
        ("phone", "+1512555O121", "with its country"),
        ("role", "boss", "dispatcher, supervisor"),
        ("password", "short", "12 to 256 characters"),
        ("password", "x" * (PASSWORD_CHARS_MAX + 1), "12 to 256 characters"),
        ("password", "surrogate \ud800 here", "typed again"),
    ],
)
async def test_an_input_that_is_wrong_is_refused_with_what_to_write(
    pool: asyncpg.Pool, office: Office, field: str, value: str, says: str
) -> None:
    given = {field: value}
    with pytest.raises(Invalid, match=says) as caught:
        await add_person(
            pool,
            jurisdiction=office.jurisdiction,
            name=given.get("name", "Maya Chen"),
            email=given.get("email", "maya@example.org"),
            phone=given.get("phone", "+15125550121"),
            vouched_by="a test",
            role=given.get("role", "supervisor"),
            password=given.get("password", PASSWORD),
        )
    assert field != "password" or value not in str(caught.value)


async def test_an_address_is_taken_whatever_its_capitals(
    pool: asyncpg.Pool, office: Office
) -> None:
    await add_maya(pool, office)
    with pytest.raises(Refused, match="already"):
        await add_person(
            pool,
            jurisdiction=office.jurisdiction,
            name="Another Maya",
            email="MAYA@example.org",
            phone=None,
            role="auditor",
        )


async def test_nobody_is_added_to_a_jurisdiction_that_is_not_there(pool: asyncpg.Pool) -> None:
    office = Office("48491", uuid4(), uuid4(), uuid4(), "btn-0123456789")
    with pytest.raises(NotFound, match="48491"):
        await add_maya(pool, office)


async def test_people_are_listed_for_their_own_jurisdiction_alone(
    pool: asyncpg.Pool, office: Office
) -> None:
    await add_maya(pool, office)
    await open_office(pool, jurisdiction="48491")
    people = await read_people(pool, jurisdiction=office.jurisdiction)
    assert [(person.name, person.contacts[0].address, person.can_sign_in) for person in people] == [
        ("Dana Ortiz", "+15125550111", False),
        ("Maya Chen", "+15125550121", True),
    ]


async def test_a_number_may_be_written_as_people_write_it(
    pool: asyncpg.Pool, office: Office
) -> None:
    await add_person(
        pool,
        jurisdiction=office.jurisdiction,
        name="  Ray \u00a0 Cole\n",
        email="ray@example.org",
        phone="+1 (512) 555-0131",
        vouched_by="a test",
        role="responder",
        outside_agency=True,
    )
    ray = (await read_people(pool, jurisdiction=office.jurisdiction))[-1]
    assert (ray.name, ray.contacts[0].address, ray.outside_agency) == (
        "Ray Cole",
        "+15125550131",
        True,
    )


def test_every_error_is_of_the_one_tree() -> None:
    assert all(issubclass(error, TocsinError) for error in (Invalid, NotFound, Refused))


async def test_a_flood_of_sign_ins_is_refused_and_not_queued_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accounts, "_waiting", accounts.HASHES_WAITING_MAX)
    with pytest.raises(Busy, match="try again in a few seconds"):
        await accounts.hash_password("a sentence of many words")
