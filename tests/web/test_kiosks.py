"""Screens on a wall: they show what a dispatcher sees, can do nothing, and go dark at once."""

import time
from http.cookies import SimpleCookie

import aiohttp
import msgspec
import pytest

from tests.parts import DANA, MAYA, WAIT_S
from tests.walk.house import House, detail
from tests.web import walls
from tests.web.client import Client, Json, client, problem
from tests.web.test_sight import next_frame, until_frame
from tests.web.test_signed_out import until_closed
from tocsin_server.people.kiosks import KIOSKS_MAX, without_numbers
from tocsin_server.web.kiosks import COOKIE_S

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIVE = "/api/v1/live"
RULERS = {"supervisor", "administrator"}
CUT_S_MAX = 1.0  # from the answer to whoever revokes it
TIMES = 3  # a machine that pauses may miss that once


async def listed(ruler: Client, kiosk_id: str) -> Json:
    kiosks = (await ruler.ask("GET", "/api/v1/kiosks")).json()["kiosks"]
    assert isinstance(kiosks, list)
    found: Json = next(each for each in kiosks if each["kiosk_id"] == kiosk_id)
    return found


async def test_a_link_opens_a_screen_by_a_cookie_that_no_script_reads(
    house: House, everybody: dict[str, Client]
) -> None:
    maya = everybody["supervisor"]
    kiosk_id, key = await walls.make(maya, "Wall, dispatch room")
    made = await listed(maya, kiosk_id)
    assert (made["made_by"], made["opened_at"], made["seen_at"]) == (MAYA.name, None, None)
    async with client(maya.url) as browser:
        url = f"{maya.url}/api/v1/kiosk"
        async with browser.session.post(url, json={"key": key}) as answer:
            assert answer.status == 200
            cookie = SimpleCookie(answer.headers["Set-Cookie"])["tocsin_session"]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")
        assert cookie["max-age"] == str(COOKIE_S)
        who = (await browser.ask("GET", "/api/v1/session")).json()
        assert (who["name"], who["role"], who["email"]) == ("Wall, dispatch room", "kiosk", "")
        assert (await listed(maya, kiosk_id))["seen_at"] is not None
        async with browser.session.get(f"{maya.url}/kiosk") as page:
            renewed = SimpleCookie(page.headers["Set-Cookie"])["tocsin_session"]
        assert renewed.value == cookie.value
    async with house.walk.database.connected() as connection:
        held = await connection.fetchrow(
            "SELECT kiosk::text FROM kiosk WHERE kiosk_id = $1", kiosk_id
        )
    assert key not in str(held)
    assert cookie.value not in str(held)
    assert key not in house.walk.server.log.read_text()


async def test_who_may_make_see_and_revoke_screens(
    house: House, everybody: dict[str, Client]
) -> None:
    kiosk_id, _ = await walls.make(everybody["administrator"])
    for role in sorted(everybody.keys() - {"next door"}):
        somebody, may = everybody[role], role in RULERS
        assert (await somebody.ask("GET", "/api/v1/kiosks")).status == (200 if may else 403)
        body = {"name": f"Wall of {role}"}
        made = await somebody.ask("POST", "/api/v1/kiosks", json=body)
        assert made.status == (200 if may else 403)
        assert (await walls.revoke(somebody, kiosk_id)).status == (200 if may else 403)
    assert (await listed(everybody["supervisor"], kiosk_id))["revoked_by"] == "Ada Park"
    nia = everybody["next door"]
    assert (await nia.ask("GET", "/api/v1/kiosks")).json() == {"kiosks": []}
    assert (await walls.revoke(nia, kiosk_id)).status == 404


async def test_a_screen_shows_what_happens_and_counts_as_nobody(
    house: House, everybody: dict[str, Client]
) -> None:
    house.screen.paints = False
    try:
        async with (
            walls.wall(everybody["supervisor"]) as browser,
            browser.session.ws_connect(f"{browser.url}{LIVE}") as socket,
        ):
            assert (await next_frame(socket))["type"] == "snapshot"
            sender = await house.sender()
            await sender.send(sender.press())
            await until_frame(socket, "alert", device_id=sender.device_id)
            alert = await house.alert_of(sender.device_id)
            said = {"type": "painted", "alert_id": alert.alert_id, "version": 1}
            await socket.send_json(said)
            await house.screen.acknowledge(alert)
            await until_frame(socket, "alert", alert_id=alert.alert_id, acknowledged_by=DANA.name)
            # It was heard before the socket ended; what a wall has painted nobody may have seen.
            await socket.close()
            assert not (await detail(house.screen, alert)).named("shown")
    finally:
        house.screen.paints = True


async def test_no_number_or_address_of_anybody_is_on_a_wall(
    house: House, everybody: dict[str, Client]
) -> None:
    async with (
        walls.wall(everybody["supervisor"]) as browser,
        browser.session.ws_connect(f"{browser.url}{LIVE}") as socket,
    ):
        snapshot = await socket.receive_str(timeout=WAIT_S)
        sender = await house.sender()
        await sender.send(sender.press())
        alert = await house.alert_of(sender.device_id)
        async with house.walk.database.connected() as connection:
            await connection.execute(
                "UPDATE alert SET remarks = ARRAY[$2] WHERE alert_id = $1",
                alert.alert_id,
                f"{DANA.phone} has opted out, <{DANA.email}> as well",
            )
        await house.screen.acknowledge(alert)

        def is_of_it(said: str) -> bool:
            """Dana's name alone is on it as soon as she is told."""
            frame = msgspec.json.decode(said, type=dict[str, object])
            shown = frame.get("alert")
            return isinstance(shown, dict) and (shown["alert_id"], shown["acknowledged_by"]) == (
                alert.alert_id,
                DANA.name,
            )

        shown = [snapshot]
        while not is_of_it(shown[-1]):
            shown.append(await socket.receive_str(timeout=WAIT_S))
    assert "… has opted out, <…> as well" in shown[-1]
    for said in shown:
        assert str(DANA.phone) not in said
        assert DANA.email not in said


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (b'{"at":"2026-11-03T20:15:09.412Z"}', b'{"at":"2026-11-03T20:15:09.412Z"}'),
        (b'{"x":1.5e+16,"y":-97.7}', b'{"x":1.5e+16,"y":-97.7}'),
        (b'{"error":"+15125550111 is off"}', '{"error":"… is off"}'.encode()),
        (b'{"a":"to a.b+c@example.org.","b":"@"}', '{"a":"to …","b":"@"}'.encode()),
    ],
)
async def test_only_numbers_and_addresses_are_left_out(frame: bytes, shown: bytes) -> None:
    assert without_numbers(frame) == shown


async def test_a_screen_goes_dark_within_a_second_of_its_revocation(
    house: House, everybody: dict[str, Client]
) -> None:
    maya = everybody["supervisor"]
    took_s: list[float] = []
    while len(took_s) < TIMES and not any(each < CUT_S_MAX for each in took_s):
        kiosk_id, key = await walls.make(maya)
        async with client(maya.url) as browser:
            await walls.opened(browser, key)
            # Just opened, so nobody would ask for seconds whether it may still look.
            async with browser.session.ws_connect(f"{browser.url}{LIVE}") as socket:
                assert (await next_frame(socket))["type"] == "snapshot"
                assert (await walls.revoke(maya, kiosk_id)).status == 200
                revoked = time.monotonic()
                await until_closed(socket)
                took_s.append(time.monotonic() - revoked)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await browser.session.ws_connect(f"{browser.url}{LIVE}")
            assert refused.value.status == 401
            assert (await browser.ask("GET", "/api/v1/session")).status == 401
            again = await walls.opened(browser, key)
            assert (again.status, problem(again).code) == (401, "no_such_key")
            # It is a browser like any other.
            assert (await browser.sign_in(DANA.email)).status == 200
        assert (await walls.revoke(maya, kiosk_id)).status == 200
        assert (await listed(maya, kiosk_id))["revoked_by"] == MAYA.name
    assert min(took_s) < CUT_S_MAX


async def test_a_link_is_one_browser_at_a_time(house: House, everybody: dict[str, Client]) -> None:
    maya = everybody["supervisor"]
    _, key = await walls.make(maya)
    async with client(maya.url) as wall, client(maya.url) as another:
        await walls.opened(wall, key)
        async with wall.session.ws_connect(f"{wall.url}{LIVE}") as socket:
            assert (await next_frame(socket))["type"] == "snapshot"
            assert (await walls.opened(another, key)).status == 200
            await until_closed(socket)
        assert (await wall.ask("GET", "/api/v1/session")).status == 401
        assert (await another.ask("GET", "/api/v1/session")).status == 200
        assert (await walls.opened(another, key)).status == 200, "its page is loaded again"


async def test_where_somebody_is_signed_in_no_link_takes_their_console_away(
    house: House, everybody: dict[str, Client]
) -> None:
    _, key = await walls.make(everybody["supervisor"])
    async with client(house.walk.server.url, email=DANA.email) as dana:
        refused = await walls.opened(dana, key)
        assert (refused.status, problem(refused).code) == (409, "somebody_is_signed_in")
        assert DANA.name in problem(refused).message
        assert (await dana.ask("GET", "/api/v1/session")).json()["name"] == DANA.name


async def test_nobody_signs_in_or_out_on_a_screen(
    house: House, everybody: dict[str, Client]
) -> None:
    async with walls.wall(everybody["supervisor"]) as browser:
        for answer in (
            await browser.sign_in(DANA.email),
            await browser.ask("DELETE", "/api/v1/session"),
        ):
            assert (answer.status, problem(answer).code) == (403, "only_shows")
        assert (await browser.ask("GET", "/api/v1/session")).json()["role"] == "kiosk"


async def test_another_site_can_make_no_browser_a_screen(
    house: House, everybody: dict[str, Client]
) -> None:
    _, key = await walls.make(everybody["supervisor"])
    async with (
        client(house.walk.server.url) as browser,
        browser.session.post(
            f"{browser.url}/api/v1/kiosk",
            json={"key": key},
            headers={"Origin": "https://evil.example"},
        ) as refused,
    ):
        assert refused.status == 403
        assert "Set-Cookie" not in refused.headers


async def test_bad_names_and_too_many_screens_are_refused_with_a_sentence(
    house: House, everybody: dict[str, Client]
) -> None:
    maya = everybody["supervisor"]
    for name in ("", " ", "x" * 201, "a\x07bell"):
        answer = await maya.ask("POST", "/api/v1/kiosks", json={"name": name})
        assert answer.status == 400
        problem(answer)
    await walls.make(maya, "Lobby")
    twice = await maya.ask("POST", "/api/v1/kiosks", json={"name": "LOBBY"})
    assert (twice.status, "already" in problem(twice).message) == (409, True)
    statuses = [
        (await maya.ask("POST", "/api/v1/kiosks", json={"name": f"Many {n}"})).status
        for n in range(KIOSKS_MAX + 1)
    ]
    assert statuses[-1] == 409
    async with house.walk.database.connected() as connection:
        await connection.execute("DELETE FROM kiosk")


async def test_whoever_guesses_keys_has_to_wait_and_keeps_no_screen_dark(
    house: House, everybody: dict[str, Client]
) -> None:
    _, key = await walls.make(everybody["supervisor"])
    async with client(house.walk.server.url) as guesser:
        statuses = [(await walls.opened(guesser, f"guess {n}")).status for n in range(40)]
        assert (statuses[0], statuses[-1]) == (401, 429)
        assert (await walls.opened(guesser, key)).status == 200
