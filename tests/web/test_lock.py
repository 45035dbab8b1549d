"""A screen whose person is away: it answers alerts, and does nothing else until they are back."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.parts import DANA, LUIS, PASSWORD, Alert, Answer
from tests.walk.house import House
from tests.web.client import Client, client, problem

pytestmark = pytest.mark.asyncio(loop_scope="session")

SESSION = "/api/v1/session"


@pytest_asyncio.fixture(loop_scope="session")
async def dana(house: House) -> AsyncIterator[Client]:
    """Her screen, which she has locked."""
    async with client(house.walk.server.url, email=DANA.email) as dana:
        locked = await lock(dana)
        assert (locked.status, locked.json()["locked"]) == (200, True)
        yield dana


async def lock(somebody: Client) -> Answer:
    return await somebody.ask("POST", f"{SESSION}/lock", json={})


async def is_locked(somebody: Client) -> bool:
    """What it says of itself, and what it does."""
    said = (await somebody.ask("GET", SESSION)).json()["locked"]
    answer = await somebody.ask("GET", "/api/v1/alerts/past")
    if answer.status != 200:
        assert (answer.status, problem(answer).code) == (423, "locked")
    assert said == (answer.status != 200)
    return bool(said)


async def pressed(house: House) -> Alert:
    sender = await house.sender()
    await sender.send(sender.press())
    return await house.alert_of(sender.device_id)


async def test_an_alert_is_answered_to_its_end_on_a_locked_screen(
    house: House, dana: Client
) -> None:
    alert = await pressed(house)
    path = f"/api/v1/alerts/{alert.alert_id}"
    for act, body in (
        ("acknowledge", {}),
        ("respond", {}),
        ("notes", {"text": "Deputy is on the way."}),
        ("resolve", {"outcome": "actual"}),
    ):
        answer = await dana.ask("POST", f"{path}/{act}", json=body)
        assert answer.status == 200, (act, answer.body)
    assert (await dana.ask("GET", path)).status == 200
    detail = await house.detail_of(alert)
    assert (detail.state, detail.acknowledged_by) == ("resolved", DANA.name)
    assert await is_locked(dana)


async def test_who_locked_it_unlocks_it_and_goes_on_with_the_same_session(dana: Client) -> None:
    before = list(dana.session.cookie_jar)
    assert await is_locked(dana)
    assert (await dana.sign_in(DANA.email, "not her password")).status == 401
    assert await is_locked(dana)
    unlocked = await dana.sign_in(DANA.email)
    assert (unlocked.status, unlocked.json()["locked"]) == (200, False)
    assert list(dana.session.cookie_jar) == before
    assert not await is_locked(dana)


async def test_whoever_unlocks_a_screen_sits_before_it_as_after_a_sign_in(
    house: House, dana: Client
) -> None:
    person = (await dana.ask("GET", SESSION)).json()["person_id"]
    path = f"/api/v1/people/{person}/sign-in/codes"  # for whoever signed in a moment ago
    async with house.walk.database.connected() as connection:
        await connection.execute("UPDATE session SET begun_at = begun_at - interval '1 day'")
    await dana.sign_in(DANA.email)
    assert (await dana.ask("POST", path, json={})).status == 200


async def test_whoever_else_signs_in_there_goes_on_as_themselves(
    house: House, dana: Client
) -> None:
    (hers,) = list(dana.session.cookie_jar)
    assert (await dana.sign_in(LUIS.email)).json()["name"] == LUIS.name
    assert not await is_locked(dana)
    async with client(house.walk.server.url) as thief:
        thief.session.cookie_jar.update_cookies({hers.key: hers.value})
        assert await is_locked(thief)


async def test_locking_twice_is_no_mistake_and_both_ends_are_on_record(
    house: House, dana: Client
) -> None:
    assert (await lock(dana)).json()["locked"] is True
    person = (await dana.ask("GET", SESSION)).json()["person_id"]
    await dana.sign_in(DANA.email)
    async with house.walk.database.connected() as connection:
        rows = await connection.fetch(
            "SELECT name, payload->>'way' AS way FROM account_event"
            " WHERE person_id = $1 ORDER BY n DESC LIMIT 2",
            person,
        )
    assert [tuple(row) for row in rows] == [("unlocked", "password"), ("locked", None)]


async def test_it_is_locked_for_every_page_that_has_its_cookie_and_not_for_another_browser(
    house: House, dana: Client
) -> None:
    async with client(house.walk.server.url, email=DANA.email) as phone:
        assert not await is_locked(phone)
    assert await is_locked(dana)


async def test_there_is_nothing_to_lock_where_nobody_is_signed_in(house: House) -> None:
    async with client(house.walk.server.url) as nobody:
        refused = await lock(nobody)
        assert (refused.status, problem(refused).code) == (401, "signed_out")
        body = {"email": DANA.email, "password": PASSWORD}
        assert (await nobody.ask("POST", SESSION, json=body)).json()["locked"] is False
