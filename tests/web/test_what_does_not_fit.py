"""Every endpoint that takes something, given what does not fit: refused with a sentence, and
nothing is changed by it. One alert stands open under all of it.
"""

from uuid import uuid4

import pytest

from tests.parts import Alert
from tests.walk.house import House
from tests.web.client import Client, problem
from tests.web.test_api import SERVED, WITH_IDS, body_of, named, path_of
from tocsin_server.web.api import BODY_BYTES_MAX, Endpoint

pytestmark = pytest.mark.asyncio(loop_scope="session")

WITH_BODY = [each for each in SERVED if each.method in {"POST", "PUT"}]
NOT_JSON = ("text/plain", "application/x-www-form-urlencoded", "text/html")
NO_BODIES = [b"{", b"[]", b"1", b"\xff", b'"text"', b"[" * 5000, b'{"outcome": "\\ud800"}']


@pytest.fixture
def ada(everybody: dict[str, Client]) -> Client:
    """Whom every endpoint lets in."""
    return everybody["administrator"]


async def is_open(house: House, alert: Alert) -> bool:
    return (await house.detail_of(alert)).state == "open"


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=named)
async def test_what_is_no_json_is_refused_before_it_is_read(
    ada: Client, standing: Alert, endpoint: Endpoint
) -> None:
    path = path_of(endpoint, standing.alert_id)
    for content_type in NOT_JSON:
        answer = await ada.ask(endpoint.method, path, data=b"{}", content_type=content_type)
        assert answer.status == 415
        assert problem(answer).code == "not_json"


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=named)
async def test_a_body_that_does_not_fit_is_refused_with_a_sentence(
    whole_house: House, ada: Client, standing: Alert, endpoint: Endpoint
) -> None:
    path = path_of(endpoint, standing.alert_id)
    for body in NO_BODIES:
        answer = await ada.ask(endpoint.method, path, data=body, content_type="application/json")
        assert answer.status == 400, body
        assert problem(answer).code == "bad_body"
    assert await is_open(whole_house, standing)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("resolve", {}),
        ("resolve", {"outcome": "nothing"}),
        ("resolve", {"outcome": "actual", "note": None}),
        ("resolve", {"outcome": "actual", "note": "x" * 2001}),
        ("resolve", {"outcome": "actual", "note": "nul \x00"}),
        ("resolve", {"outcome": "actual", "extra": 1}),
        ("notes", {}),
        ("notes", {"text": ""}),
        ("notes", {"text": 7}),
        ("notes", {"text": "x" * 2001}),
        ("notes", {"text": "nul \x00"}),
        ("hand-over", {}),
        ("hand-over", {"person_id": None}),
        ("hand-over", {"person_id": "Maya Chen"}),
        ("hand-over", {"person_id": str(uuid4()), "extra": 1}),
    ],
)
async def test_what_is_said_about_an_alert_has_to_fit(
    whole_house: House, standing: Alert, path: str, body: dict[str, object]
) -> None:
    answer = await whole_house.screen.post(f"alerts/{standing.alert_id}/{path}", body)
    assert answer.status == 400
    problem(answer)
    assert await is_open(whole_house, standing)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"site_id": "here", "minutes": 5},
        {"site_id": None},
        {"minutes": 61},
        {"minutes": 0},
        {"minutes": 1.5},
        {"minutes": "5"},
    ],
)
async def test_a_drill_has_a_place_and_an_hour_at_most(
    whole_house: House, body: dict[str, object]
) -> None:
    sites = (await whole_house.screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    site = {"site_id": sites[0]["site_id"]} if "site_id" not in body and body else {}
    answer = await whole_house.screen.post("drills", site | body)
    assert answer.status == 400
    problem(answer)
    assert (await whole_house.screen.get("drills")).json() == {"drills": []}


@pytest.mark.parametrize(
    "query",
    [
        "alerts?limit=0",
        "alerts?limit=1001",
        "alerts?limit=x",
        "alerts?state=closed",
        "latency?days=0",
        "latency?days=367",
        "latency?site_id=here",
        "latency?drill=perhaps",
        "latency?shift=1440",
        "latency/groups?by=mood",
        "alerts/past?from_day=yesterday",
        "alerts/past?outcome=nothing",
        "alerts/past?after=the-last",
        "alerts/past?words=%00",
        "alerts/past?who=" + "x" * 201,
    ],
)
async def test_a_query_that_does_not_fit_is_refused_with_a_sentence(
    whole_house: House, query: str
) -> None:
    answer = await whole_house.screen.get(query)
    assert answer.status == 400
    assert problem(answer).code == "bad_query"


async def test_a_body_too_large_to_read_is_refused(ada: Client, standing: Alert) -> None:
    body = b'{"text": "' + b"x" * BODY_BYTES_MAX + b'"}'
    path = f"/api/v1/alerts/{standing.alert_id}/notes"
    answer = await ada.ask("POST", path, data=body, content_type="application/json")
    assert answer.status == 413
    problem(answer)


@pytest.mark.parametrize("endpoint", WITH_IDS, ids=named)
async def test_what_is_not_there_is_not_found(ada: Client, endpoint: Endpoint) -> None:
    for an_id in (str(uuid4()), "7", "%00", "x" * 400, "..%2f"):
        answer = await ada.ask(endpoint.method, path_of(endpoint, an_id), json=body_of(endpoint))
        assert answer.status == 404, an_id
        problem(answer)
