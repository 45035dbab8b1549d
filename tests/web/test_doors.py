"""What every answer carries, and by what nobody gets in: redirects, planted sessions, floods."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from multidict import CIMultiDictProxy
from yarl import URL

from tests.fuzz import stand
from tests.parts import DANA, MAYA
from tests.walk.house import House
from tests.web import walls
from tests.web.client import Client, client, problem
from tests.web.test_every_route import CHANGING, ask, pressed
from tocsin_server.web.api import BODY_BYTES_MAX, BODY_BYTES_PER_S_MIN, BODY_S_MAX
from tocsin_server.web.handlers import build_api

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
}
NOWHERE = "A" * 22  # a key of no link
PATIENCE_S = BODY_S_MAX + BODY_BYTES_MAX / BODY_BYTES_PER_S_MIN
LATER_S = 5.0  # on a busy machine
DRIBBLED = [
    "/api/v1/session",
    "/api/v1/kiosk",
    "/api/v1/redemptions",
    "/api/v1/push/received",
    "/api/v1/revocations/following",
    "/api/v1/twilio/inbound",
    f"/answer/{NOWHERE}",
]

ANSWERS: list[tuple[str, str, int, Mapping[str, str]]] = [
    *(("GET", path, 200, {}) for path in ("/", "/facilities", "/people", "/kiosk")),
    *(("GET", path, 200, {}) for path in ("/healthz", "/readyz", "/metrics", "/service-worker.js")),
    ("HEAD", "/", 200, {}),
    *(
        ("GET", f"/static/{name}", 200, {})
        for name in (
            "console/console.js",
            "kiosk/kiosk.css",
            "officer/officer.js",
            "answer/age.js",
            "vendor/lit/lit-html.js",
        )
    ),
    (
        "GET",
        "/static/console/console.js",
        304,
        {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ),
    ("GET", "/static/console/", 403, {}),
    ("GET", "/static/console/nothing.js", 404, {}),
    ("GET", "/nowhere", 404, {}),
    ("GET", f"/answer/{NOWHERE}", 404, {}),
    ("GET", f"/officer/{NOWHERE}", 404, {}),
    ("GET", f"/officer/{NOWHERE}/now", 404, {}),
    ("POST", "/", 405, {}),
    ("TRACE", "/kiosk", 405, {}),
    ("GET", "/api/v1/alerts", 200, {}),
    ("GET", "/api/v1/openapi.json", 200, {}),
    ("GET", "/api/v1/nowhere", 404, {}),
    ("OPTIONS", "/api/v1/alerts", 405, {}),
    ("POST", "/api/v1/drills", 415, {}),
    ("POST", "/api/v1/drills", 403, {"Origin": "https://evil.example"}),
    ("GET", "/api/v1/hooks", 403, {}),
    ("GET", "/api/v1/alerts?limit=0", 400, {}),
]


def check_headers(headers: CIMultiDictProxy[str], what: object) -> None:
    """Nothing of another origin is loaded, run, or told where the page was."""
    policy = headers["Content-Security-Policy"]
    assert policy.startswith(("default-src 'self'", "default-src 'none'")), what
    assert "unsafe" not in policy, what
    assert headers["Referrer-Policy"] in {"no-referrer", "same-origin"}, what
    for name, value in EVERYWHERE.items():
        assert headers[name] == value, (what, name)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def dana(whole_house: House) -> AsyncIterator[Client]:
    async with client(whole_house.walk.server.url, email=DANA.email) as dana:
        yield dana


@pytest.mark.parametrize(("method", "path", "status", "headers"), ANSWERS)
async def test_every_answer_has_the_headers(
    dana: Client, method: str, path: str, status: int, headers: Mapping[str, str]
) -> None:
    url = f"{dana.url}{path}"
    async with dana.session.request(method, url, headers=headers) as answer:
        assert answer.status == status
        check_headers(answer.headers, path)


async def test_so_do_a_line_a_flood_a_link_and_our_own_mistake(house: House, dana: Client) -> None:
    async with dana.session.ws_connect(f"{dana.url}/api/v1/live") as socket:
        check_headers(socket._response.headers, "live")
    much = b"x" * (BODY_BYTES_MAX + 1)
    async with dana.session.post(
        f"{dana.url}/api/v1/drills", data=much, headers={"Content-Type": "application/json"}
    ) as answer:
        assert answer.status == 413
        check_headers(answer.headers, "oversize")
    async with (
        client(dana.url) as nobody,
        nobody.session.get(f"{dana.url}/api/v1/alerts") as answer,
    ):
        assert answer.status == 401
        check_headers(answer.headers, "nobody")
    alert = await pressed(house)
    made = (await house.screen.post(f"alerts/{alert.alert_id}/officer-links", {})).json()
    page = f"{dana.url}{urlsplit(str(made['address'])).path}"
    async with house.walk.database.connected() as connection:
        for rest, status in (("", 200), ("/now", 200), ("/plan", 404)):
            async with dana.session.get(f"{page}{rest}") as answer:
                assert answer.status == status
                check_headers(answer.headers, rest)
        await connection.execute("UPDATE site SET contacts = '[7]'")  # by a hand in the database
        try:
            for url in (page, f"{dana.url}/api/v1/sites"):
                async with dana.session.get(url) as answer:
                    assert answer.status == 500
                    check_headers(answer.headers, url)
        finally:
            await connection.execute("UPDATE site SET contacts = '[]'")


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "//evil.example/%2e%2e",
        "/%2f%2fevil.example",
        "/%5cevil.example",
        "/kiosk?next=//evil.example",
        "/people/?to=https://evil.example",
        "/facilities/..//evil.example",
        "/static//evil.example/",
        "/answer//evil.example/",
        "/officer//evil.example/",
        "/api/v1/session?redirect=https://evil.example",
    ],
)
async def test_no_address_here_leads_elsewhere(dana: Client, path: str) -> None:
    for method in ("GET", "POST"):
        async with dana.session.request(
            method, f"{dana.url}{path}", allow_redirects=False
        ) as answer:
            assert not 300 <= answer.status < 400
            assert "Location" not in answer.headers
            assert "Refresh" not in answer.headers


@pytest.mark.parametrize(
    ("path", "cookie"),
    [
        ("/kiosk", '"kiosk-\\015\\012X-Injected: yes"'),
        ("/kiosk", "kiosk-%0d%0aX-Injected: yes"),
        ("/officer/%0d%0aX-Injected:%20yes", ""),
        ("/answer/%0d%0aX-Injected:%20yes", ""),
        ("/api/v1/alerts/%0d%0aX-Injected:%20yes", ""),
        ("/static/console/%0d%0aX-Injected:%20yes", ""),
        ("/api/v1/alerts?limit=%0d%0aX-Injected:%20yes", ""),
    ],
)
async def test_nothing_that_is_sent_becomes_a_header(house: House, path: str, cookie: str) -> None:
    headers = {"Cookie": f"tocsin_session={cookie}"} if cookie else {}
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(house.walk.server.url + path, headers=headers) as answer,
    ):
        assert "X-Injected" not in answer.headers
        assert len(answer.headers.getall("Set-Cookie", [])) <= 1


def plant(browser: Client, token: str) -> None:
    """As whoever was at this browser before, or in its network."""
    browser.session.cookie_jar.update_cookies({"tocsin_session": token}, URL(browser.url))


async def test_a_session_that_was_planted_before_the_sign_in_is_nobodys(house: House) -> None:
    async with client(house.walk.server.url) as victim, client(victim.url) as thief:
        for browser in (victim, thief):
            plant(browser, "planted")
        tokens = set()
        for _ in range(2):
            assert (await victim.sign_in(MAYA.email)).status == 200
            (cookie,) = list(victim.session.cookie_jar)
            tokens.add(cookie.value)
        assert len(tokens - {"planted"}) == 2
        assert (await victim.ask("GET", "/api/v1/session")).json()["name"] == MAYA.name
        assert (await thief.ask("GET", "/api/v1/session")).status == 401


async def test_a_wall_that_was_planted_before_it_was_opened_is_nobodys(
    house: House, everybody: dict[str, Client]
) -> None:
    _, key = await walls.make(everybody["supervisor"])
    async with client(house.walk.server.url) as wall, client(wall.url) as thief:
        for browser in (wall, thief):
            plant(browser, "kiosk-planted")
        assert (await walls.opened(wall, key)).status == 200
        assert (await wall.ask("GET", "/api/v1/session")).json()["role"] == "kiosk"
        assert (await thief.ask("GET", "/api/v1/session")).status == 401


async def test_a_body_too_large_to_read_is_refused_wherever_it_is_sent(
    house: House, everybody: dict[str, Client]
) -> None:
    roomy = {
        f"{each.method} {each.path}"
        for each in build_api().endpoints
        if each.body_bytes_max > BODY_BYTES_MAX
    }
    ada, much = everybody["administrator"], b" " * (BODY_BYTES_MAX + 1)
    for row in CHANGING:
        if row in roomy or row.startswith("DELETE "):
            continue
        answer = await ask(ada, row, {}, data=much)
        assert answer.status == 413, row
        problem(answer)


async def test_a_body_that_only_dribbles_in_is_given_up_and_nobody_waits_for_it(
    house: House,
) -> None:
    url = urlsplit(house.walk.server.url)
    assert url.hostname is not None

    async def dribble(path: str) -> tuple[bytes, float]:
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        head = f"POST {path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 100\r\n"
        began = time.monotonic()
        writer.write(f"{head}Content-Type: application/json\r\n\r\n{{".encode())
        try:
            return await reader.readline(), time.monotonic() - began
        finally:
            writer.close()

    mistakes = stand.own_mistakes(house.walk.server)
    sender = await house.sender()  # before: on a busy machine that takes as long as they may
    slow = asyncio.gather(*(dribble(path) for path in DRIBBLED))
    await sender.send(sender.press())
    await house.alert_of(sender.device_id)
    assert not slow.done(), "a press was on the screen meanwhile"
    for line, took_s in await slow:
        assert line.startswith(b"HTTP/1.1 408")
        assert took_s < PATIENCE_S + LATER_S
    assert stand.own_mistakes(house.walk.server) == mistakes
