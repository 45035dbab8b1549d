"""The API: described as it is served, and closed to whoever has no business with it."""

import asyncio
from uuid import uuid4

import msgspec
import pytest
from aiohttp import web

from tests.parts import DANA, MAYA, Alert
from tests.walk.house import House, Sender, until
from tests.web.client import Client, Json, client, misfits, problem
from tocsin_server.app import _add_routes
from tocsin_server.demo import example
from tocsin_server.web.api import FILES, Endpoint, Pmtiles
from tocsin_server.web.handlers import build_api

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDPOINTS = build_api().endpoints
SERVED = [each for each in ENDPOINTS if not each.described_only]
ACTS = [each for each in SERVED if each.acts]
ROLED = [each for each in SERVED if each.roles is not None and not each.acts]
WITH_IDS = [each for each in SERVED if "{" in each.path]
NOT_JSON = {
    "/api/v1/live",
    "/api/v1/openapi.json",
    "/api/v1/releases/{sha256}",
    "/api/v1/revocations",
    "/api/v1/revocations/following",
    "/api/v1/sites/{site_id}/walk-test/report",
    "/api/v1/twilio/inbound",
    *(
        f"/api/v1/twilio/{report}/{{notification_id}}"
        for report in ("status", "call", "machine", "voice")
    ),
}

HOURS = {"person_id": str(uuid4()), "days": ["Mon"], "from_time": "08:00", "to_time": "16:00"}
SWAP = {"entry_id": str(uuid4()), "on": "2026-11-03"}
SWAP |= {"other_entry_id": str(uuid4()), "other_on": "2026-11-05"}

BODIES: dict[str, object] = {
    "resolve": {"outcome": "test", "note": ""},
    "notes": {"text": "a note"},
    "hand-over": {"person_id": str(uuid4())},
    "drills": {"site_id": str(uuid4()), "minutes": 5},
    "revoke": {"because": "lost"},
    "maintenance": {"reason": "a new switch", "minutes": 5},
    "sites": {"site_name": "Depot"},
    "{site_id}": {"site_name": "Depot"},
    "plans": {"title": "Ground floor", "file": ""},
    "scale": {"one": {"x": 0, "y": 0}, "other": {"x": 1, "y": 0}, "distance": 9, "unit": "feet"},
    "entrances": {"entrances": []},
    "position": {"here": {"x": 0, "y": 1}, "north": {"x": 0, "y": 0}},
    "move": {"from_place_id": str(uuid4()), "room": "Vault"},
    "explain": {"what": "accident", "cause": "a knee", "remedy": "moved it"},
    "shifts": {"name": "Front desk"},
    "{plan_id}": {"name": "Front desk"},
    "entries": HOURS,
    "{entry_id}": HOURS,
    "overrides": {"from_at": "2026-11-03T18:00:00-06:00", "until_at": "2026-11-04T06:00:00-06:00"},
    "swaps": SWAP,
    "kiosks": {"name": "Wall"},
    "hooks": {"name": "CAD", "url": "https://cad.example.org/"},
    "end": {"ends_on": None},
    "take": {"key": "0" * 22},
    "language": {"language": "es"},
    "contacts": {"method": "voice", "address": "+15125550142"},
    "order": {"contact_ids": [str(uuid4())]},
    "confirm": {"code": "123456"},
    "quiet": {"quiet": None},
    "passkeys": {
        "name": "My phone",
        "credential": {
            "id": "AAAA",
            "type": "public-key",
            "response": {"clientDataJSON": "AAAA", "attestationObject": "AAAA"},
        },
    },
    "import": {"text": "site_name\nCounty Clerk\n", "dry_run": True},
}


def named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path_of(endpoint: Endpoint, an_id: str | None = None) -> str:
    """The endpoint's path with one id for all that it asks for."""
    an_id = an_id or str(uuid4())
    return "/".join(an_id if part.startswith("{") else part for part in endpoint.path.split("/"))


def body_of(endpoint: Endpoint) -> object:
    """A body that the endpoint takes."""
    known = BODIES.get(endpoint.path.rpartition("/")[2], {})
    return known if endpoint.method in {"POST", "PUT"} else None


async def document_of(house: House) -> Json:
    async with client(house.walk.server.url) as asker:
        answer = await asker.ask("GET", "/api/v1/openapi.json")
    assert answer.status == 200
    return answer.json()


async def alert_on_screen(house: House) -> tuple[Sender, Alert]:
    sender = await house.sender()
    await sender.send(sender.press())
    return sender, await house.alert_of(sender.device_id)


async def test_openapi_describes_exactly_what_is_served() -> None:
    app = web.Application()
    _add_routes(app)
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
        and route.resource.canonical.startswith("/api/v1/")
        and route.resource.canonical not in NOT_JSON
        and route.method != "HEAD"
    }
    assert served == {(each.method, each.path) for each in ENDPOINTS}


async def test_the_document_is_the_one_of_these_endpoints(house: House) -> None:
    document = await document_of(house)
    paths = document["paths"]
    assert isinstance(paths, dict)
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {(each.method, each.path) for each in ENDPOINTS}
    names = [
        operation["operationId"] for methods in paths.values() for operation in methods.values()
    ]
    assert len(names) == len(set(names))


def answer_schema(document: Json, method: str, path: str) -> object:
    paths = document["paths"]
    assert isinstance(paths, dict)
    responses = paths[path][method.lower()]["responses"]
    return responses["200"]["content"]["application/json"]["schema"]


async def test_real_answers_fit_their_schemas(house: House) -> None:
    document = await document_of(house)
    sender, alert = await alert_on_screen(house)
    await sender.send(sender.press())
    await sender.send_raw(b"nonsense")
    await house.dana.until_received(alert.code)
    await house.screen.until(lambda screen: screen.doubtful)
    sites = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    one, an_id = "/api/v1/alerts/{alert_id}", alert.alert_id
    drill = {"site_id": sites[0]["site_id"], "minutes": 1}
    doubtful = next(iter(house.screen.doubtful))
    asked: list[tuple[str, str, str, object]] = [
        (each.method, each.path, each.path, None)
        for each in SERVED
        if each.method == "GET" and each not in WITH_IDS and each not in ROLED
        if each.answer not in FILES
    ]
    asked += [
        ("GET", one, f"/api/v1/alerts/{an_id}", None),
        ("POST", f"{one}/acknowledge", f"/api/v1/alerts/{an_id}/acknowledge", {}),
        ("POST", f"{one}/respond", f"/api/v1/alerts/{an_id}/respond", {}),
        ("POST", f"{one}/notes", f"/api/v1/alerts/{an_id}/notes", {"text": "x"}),
        ("POST", "/api/v1/drills", "/api/v1/drills", drill),
        (
            "POST",
            "/api/v1/doubtful/{doubtful_id}/seen",
            f"/api/v1/doubtful/{doubtful}/seen",
            {},
        ),
        ("POST", f"{one}/resolve", f"/api/v1/alerts/{an_id}/resolve", {"outcome": "actual"}),
        ("GET", one, f"/api/v1/alerts/{an_id}", None),
        ("GET", "/api/v1/alerts", "/api/v1/alerts?state=all", None),
        ("GET", "/api/v1/latency", "/api/v1/latency?days=1", None),
        ("GET", "/api/v1/drills", "/api/v1/drills", None),
    ]
    async with client(house.walk.server.url, email=DANA.email) as dana:
        for method, path, address, body in asked:
            answer = await dana.ask(method, address, json=body)
            assert answer.status == 200, (method, address, answer.body)
            schema = answer_schema(document, method, path)
            value = msgspec.json.decode(answer.body)
            assert misfits(value, schema, document) == [], f"{method} {address}"
        refused = await dana.ask("GET", f"/api/v1/alerts/{uuid4()}")
    schema = {"$ref": "#/components/schemas/ErrorBody"}
    assert misfits(msgspec.json.decode(refused.body), schema, document) == []


@pytest.mark.parametrize("endpoint", SERVED, ids=named)
async def test_nobody_gets_in_without_a_session(house: House, endpoint: Endpoint) -> None:
    async with client(house.walk.server.url) as nobody:
        for token in (None, "", "x" * 43, "\u20ac"):
            if token is not None:
                nobody.session.cookie_jar.update_cookies({"tocsin_session": token})
            answer = await nobody.ask(endpoint.method, path_of(endpoint), json=body_of(endpoint))
            assert answer.status == 401
            assert problem(answer).code == "signed_out"


LOOKED_AT = [
    each
    for each in SERVED
    if each not in ROLED and (each not in WITH_IDS or each.acts or "{alert_id}" in each.path)
    if each.answer is not Pmtiles  # this house has no map of streets
]


@pytest.mark.parametrize("endpoint", LOOKED_AT, ids=named)
async def test_who_may_only_look_may_only_look(
    whole_house: House, standing: Alert, everybody: dict[str, Client], endpoint: Endpoint
) -> None:
    answer = await everybody["auditor"].ask(
        endpoint.method, path_of(endpoint, standing.alert_id), json=body_of(endpoint)
    )
    if not endpoint.acts:
        assert answer.status == 200
        return
    assert answer.status == 403
    assert "Your role (auditor) can look, but not act" in problem(answer).message
    assert (await whole_house.detail_of(standing)).state == "open"


@pytest.mark.parametrize(
    "endpoint", [each for each in ROLED if "dispatcher" not in (each.roles or ())], ids=named
)
async def test_what_is_for_some_roles_alone_is_refused_to_others(
    everybody: dict[str, Client], endpoint: Endpoint
) -> None:
    answer = await everybody["dispatcher"].ask(
        endpoint.method, path_of(endpoint), json=body_of(endpoint)
    )
    assert answer.status == 403
    assert "Your role (dispatcher) may not do this: ask one of" in problem(answer).message


async def test_whatever_changes_something_needs_a_role_that_may_act() -> None:
    changing = {named(each) for each in SERVED if each.method != "GET"}
    assert changing == {named(each) for each in (*ACTS, *ROLED) if each.method != "GET"}


async def test_a_path_that_is_not_served_and_a_method_that_is_not_meant_say_so(
    house: House,
) -> None:
    async with client(house.walk.server.url, email=DANA.email) as dana:
        nowhere = await dana.ask("GET", "/api/v1/nowhere")
        not_so = await dana.ask("DELETE", "/api/v1/alerts")
        demo = await dana.ask("GET", "/demo")
    assert (nowhere.status, not_so.status, demo.status) == (404, 405, 404)
    problem(nowhere)
    problem(not_so)


async def test_alerts_are_listed_open_ones_or_all_newest_first(house: House) -> None:
    _, first = await alert_on_screen(house)
    _, second = await alert_on_screen(house)
    await house.screen.resolve(first)
    listed = await ids(house, "alerts")
    assert first.alert_id not in listed
    assert second.alert_id in listed
    everything = await ids(house, "alerts?state=all&limit=2")
    assert everything == [second.alert_id, first.alert_id]


async def ids(house: House, path: str) -> list[str]:
    alerts = (await house.screen.get(path)).json()["alerts"]
    assert isinstance(alerts, list)
    return [each["alert_id"] for each in alerts]


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
    house: House,
) -> None:
    async with client(house.walk.server.url) as nobody:
        wrong = await nobody.sign_in(MAYA.email, "not her password")
        unknown = await nobody.sign_in("nobody@example.org", "not her password")
        responder = await nobody.sign_in("ray@example.org")
        assert wrong.status == unknown.status == responder.status == 401
        assert wrong.body == unknown.body == responder.body
        assert (await nobody.ask("GET", "/api/v1/session")).status == 401


@pytest.mark.parametrize(
    "body",
    [{}, {"email": "dana@example.org"}, {"email": 1, "password": 2}, [], {"email": "a\x00b"}],
)
async def test_a_sign_in_that_does_not_fit_is_refused(house: House, body: object) -> None:
    async with client(house.walk.server.url) as nobody:
        answer = await nobody.ask("POST", "/api/v1/session", json=body)
        assert answer.status == 400
        problem(answer)
        form = await nobody.ask(
            "POST", "/api/v1/session", data=b"email=x", content_type="text/plain"
        )
        assert form.status == 415


async def test_odd_words_at_the_door_are_only_wrong(house: House) -> None:
    async with client(house.walk.server.url) as nobody:
        for word in ("nul \x00", "x" * 10_000, "🔑" * 20, "' OR 1=1 --", ""):
            assert (await nobody.sign_in(DANA.email, word)).status == 401
            assert (await nobody.sign_in(word)).status == 401


async def test_who_guesses_on_has_to_wait_and_others_get_in(house: House) -> None:
    async with client(house.walk.server.url) as guesser:
        guesses = [guesser.sign_in("luis@example.org", f"guess {n}") for n in range(30)]
        statuses = [answer.status for answer in await asyncio.gather(*guesses)]
        assert set(statuses) == {401, 429}
        assert statuses.count(401) <= 10
        refused = await guesser.sign_in("luis@example.org")
        assert refused.status == 429
        assert "ten minutes" in problem(refused).message
        assert (await guesser.sign_in(MAYA.email)).status == 200


async def test_a_session_says_who_and_ends_with_the_sign_out(house: House) -> None:
    async with client(house.walk.server.url, email=MAYA.email) as maya:
        (cookie,) = list(maya.session.cookie_jar)
        who = (await maya.ask("GET", "/api/v1/session")).json()
        assert (who["name"], who["role"]) == ("Maya Chen", "supervisor")
        assert (who["jurisdiction"], who["jurisdiction_name"]) == (
            example.JURISDICTION,
            example.NAME,
        )
        assert (await maya.ask("DELETE", "/api/v1/session")).status == 200
        maya.session.cookie_jar.update_cookies({cookie.key: cookie.value})
        assert (await maya.ask("GET", "/api/v1/session")).status == 401
        assert (await maya.ask("DELETE", "/api/v1/session")).status == 200


async def test_the_cookie_is_kept_from_scripts_and_other_sites(house: House) -> None:
    async with (
        client(house.walk.server.url) as nobody,
        nobody.session.post(
            f"{nobody.url}/api/v1/session",
            json={"email": MAYA.email, "password": "a password for the tests"},
        ) as answer,
    ):
        cookie = answer.cookies["tocsin_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/"


async def test_health_readiness_and_figures_need_no_session(house: House) -> None:
    await alert_on_screen(house)
    async with client(house.walk.server.url) as nobody:
        assert (await nobody.ask("GET", "/healthz")).body == b"ok\n"
        assert (await nobody.ask("GET", "/readyz")).status == 200

        async def audited() -> str | None:
            """The auditor's are there once it has looked, five seconds after the start."""
            figures = (await nobody.ask("GET", "/metrics")).body.decode()
            return figures if "tocsin_faults{" in figures else None

        figures = await until(audited)
    told = {line.split(" ")[0]: line.split(" ")[-1] for line in figures.splitlines()}
    assert float(told["tocsin_presses_arrived_total"]) >= 1
    assert float(told["tocsin_screens"]) >= 1
    assert 'tocsin_faults{check="no_next_decision"}' in told
    for secret in ("postgresql://", "password", DANA.phone or "", DANA.email):
        assert secret not in figures


@pytest.mark.parametrize(
    "path", ["/", "/static/console/console.js", "/api/v1/alerts", "/nowhere", "/healthz"]
)
async def test_every_answer_keeps_pages_to_their_own_origin(house: House, path: str) -> None:
    async with (
        client(house.walk.server.url) as nobody,
        nobody.session.get(f"{nobody.url}{path}") as answer,
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_static_files_are_only_what_is_in_their_folder(house: House) -> None:
    async with client(house.walk.server.url) as nobody:
        for path in ("../routes.py", "%2e%2e/routes.py", "..%2f..%2fapp.py", "", "."):
            answer = await nobody.ask("GET", f"/static/console/{path}")
            assert answer.status in {403, 404}, path
