"""The page of a link: anybody's program may look at it, and only a tap on it takes an alert."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import aiohttp
import pytest
import pytest_asyncio

from tests.parts import DANA, LUIS, SAM, Alert
from tests.walk.house import House, detail, until
from tests.walk.test_database_away import stopped
from tocsin_server.alert.link_key import write_key
from tocsin_server.fleet.redeem import GUESSES_MAX

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Browser:
    """Somebody's phone, not signed in."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def ask(
        self, method: str, key: str, *, rest: str = "", **headers: str
    ) -> tuple[int, str, aiohttp.ClientResponse]:
        address = f"{self._url}/answer/{key}{rest}"
        async with self._session.request(method, address, headers=headers) as answer:
            return answer.status, await answer.text(), answer


@pytest_asyncio.fixture(loop_scope="session")
async def phone(house: House) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession() as session:
        yield Browser(session, house.walk.server.url)


async def paged(house: House, *, drill: bool = False) -> Alert:
    """A press that Dana and Luis were told of."""
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    for each in (house.dana, house.luis):
        await each.until_received(alert.code)
    return alert


async def key_of(house: House, alert: Alert, name: str) -> str:
    """The key of the link that somebody was sent about an alert."""
    async with house.walk.database.connected() as connection:
        key = await connection.fetchval(
            "SELECT link_key FROM notification WHERE alert_id = $1 AND name = $2"
            " AND purpose = 'page' ORDER BY created_at LIMIT 1",
            UUID(alert.alert_id),
            name,
        )
    return write_key(key)


async def state_of(house: House, alert: Alert) -> str:
    """As the server has it now, not as a frame had it."""
    return (await house.detail_of(alert)).state


async def test_a_scanner_that_looks_at_the_link_takes_nothing(house: House, phone: Browser) -> None:
    alert = await paged(house)
    key = await key_of(house, alert, DANA.name)
    for method in ("GET", "HEAD", "GET"):
        status, _, _ = await phone.ask(method, key)
        assert status == 200
    status, page, answer = await phone.ask("GET", key, **{"Sec-Purpose": "prefetch"})
    assert "Nobody has it yet." in page
    assert "Front counter" in page
    assert await state_of(house, alert) == "open"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")


async def test_a_tap_takes_the_alert_and_the_next_one_learns_who_has_it(
    house: House, phone: Browser
) -> None:
    alert = await paged(house)
    dana = await key_of(house, alert, DANA.name)
    luis = await key_of(house, alert, LUIS.name)
    status, page, _ = await phone.ask("POST", dana, Origin=house.walk.server.url)
    assert status == 200
    assert "You have it since" in page
    now = await house.now(alert, lambda each: each.state == "acknowledged")
    assert now.acknowledged_by == DANA.name
    await house.luis.until_received(f"{DANA.name} has the duress")
    for method in ("POST", "GET"):
        _, page, _ = await phone.ask(method, luis)
        assert f"{DANA.name} has it since" in page
        assert "<form" not in page
    for rest in ("", "/pass"):
        _, page, _ = await phone.ask("POST", dana, rest=rest)
        assert "You have it since" in page, "a second tap of the same thumb"
    assert not (await detail(house.screen, alert)).named("passed_on")
    (event,) = (await detail(house.screen, alert)).named("acknowledged")
    assert event.payload == {"by": DANA.name, "path": "link"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_no_page_of_others_taps_for_somebody(
    house: House, phone: Browser, origin: str
) -> None:
    alert = await paged(house)
    key = await key_of(house, alert, DANA.name)
    for rest in ("", "/pass"):
        status, page, _ = await phone.ask("POST", key, rest=rest, Origin=origin)
        assert status == 403
        assert "Nothing was taken." in page
    assert await state_of(house, alert) == "open"


async def test_whoever_can_not_passes_it_on(house: House, phone: Browser) -> None:
    alert = await paged(house)
    key = await key_of(house, alert, DANA.name)
    status, page, _ = await phone.ask("POST", key, rest="/pass")
    assert status == 200
    assert "You passed it on." in page
    assert "I have it" in page
    assert await state_of(house, alert) == "open"


async def test_the_page_speaks_the_language_of_whom_it_was_sent_to(
    house: House, phone: Browser
) -> None:
    alert = await paged(house)
    key = await key_of(house, alert, LUIS.name)
    async with house.walk.database.connected() as connection:
        await connection.execute("UPDATE person SET language = 'es' WHERE name = $1", LUIS.name)
        _, page, _ = await phone.ask("GET", key, **{"Accept-Language": "en-US"})
        await connection.execute("UPDATE person SET language = 'en' WHERE name = $1", LUIS.name)
    assert "Nadie la atiende todavía." in page
    assert "Yo la atiendo" in page


async def test_a_resolved_alert_says_so_for_a_day_and_then_opens_no_more(
    house: House, phone: Browser
) -> None:
    alert = await paged(house)
    key = await key_of(house, alert, DANA.name)
    await house.screen.resolve(alert, "false_alarm")
    await house.now(alert, lambda each: each.state == "resolved")
    for method in ("GET", "POST"):
        status, page, _ = await phone.ask(method, key)
        assert status == 200
        assert "This alert was resolved" in page
    assert await state_of(house, alert) == "resolved"
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE alert SET resolved_at = resolved_at - interval '25 hours' WHERE alert_id = $1",
            UUID(alert.alert_id),
        )
    for method in ("GET", "POST"):
        status, page, _ = await phone.ask(method, key)
        assert status == 404
        assert "This link opens no alert." in page


async def test_whom_a_policy_tells_of_an_alert_may_answer_it_whatever_their_role(
    house: House, phone: Browser
) -> None:
    alert = await paged(house)
    async with house.walk.database.connected() as connection:
        key = await connection.fetchval(
            "UPDATE notification n SET person_id = p.person_id, name = p.name FROM person p"
            " WHERE p.email = $2 AND n.alert_id = $1 AND n.name = $3 RETURNING n.link_key",
            UUID(alert.alert_id),
            SAM.email,
            DANA.name,
        )
    status, page, _ = await phone.ask("GET", write_key(key))
    assert status == 200
    assert "Front counter" in page
    await phone.ask("POST", write_key(key))
    assert await state_of(house, alert) == "acknowledged"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("key", ["x", "A" * 22, "A" * 21 + "%00", "A" * 500])
async def test_a_key_that_is_none_opens_nothing(
    house: House, phone: Browser, method: str, key: str
) -> None:
    status, page, _ = await phone.ask(
        method, key, **{"X-Forwarded-For": f"192.0.2.{len(key) % 250}"}
    )
    assert status in {404, 429}
    assert "opens no alert" in page


async def test_whoever_tries_many_keys_is_told_to_wait_and_keeps_nobody_from_an_alert(
    house: House, phone: Browser
) -> None:
    alert = await paged(house)
    key = await key_of(house, alert, DANA.name)
    guesser = {"X-Forwarded-For": "203.0.113.7"}
    for n in range(GUESSES_MAX + 2):
        status, page, answer = await phone.ask("GET", write_key(uuid4()), **guesser)
        assert status == (404 if n < GUESSES_MAX else 429)
        assert "This link opens no alert." in page
    assert int(answer.headers["Retry-After"]) > 0
    status, page, _ = await phone.ask("POST", key, **guesser)
    assert status == 200
    assert "You have it since" in page, "from the very same address"


async def test_no_link_is_in_any_log(house: House, phone: Browser) -> None:
    alert = await paged(house)
    key = await key_of(house, alert, DANA.name)
    await phone.ask("POST", key)
    await house.now(alert, lambda each: each.state == "acknowledged")
    assert key not in house.walk.server.log.read_text()


async def test_while_the_database_is_away_a_tap_is_said_to_be_not_taken(
    house: House, phone: Browser
) -> None:
    alert = await paged(house)
    key = await key_of(house, alert, DANA.name)
    async with stopped(house.walk.database.postgres):
        for method, rest in (("GET", ""), ("POST", ""), ("POST", "/pass")):
            status, page, _ = await phone.ask(method, key, rest=rest)
            assert status == 503
            assert "this may not have been taken" in page
            assert "call the site now" in page
            assert f'href="/answer/{key}"' in page
    status, page, _ = await phone.ask("GET", "A" * 3)
    assert status in {404, 429}

    async def taken() -> bool:
        status, page, _ = await phone.ask("POST", key)
        return status == 200 and "You have it since" in page

    await until(taken)
