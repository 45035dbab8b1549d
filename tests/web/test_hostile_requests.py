"""Requests that no browser would send: each is refused for what it is, and none is our mistake."""

from collections.abc import Sequence
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from tests.fuzz import stand
from tests.fuzz.raw_http import HttpAnswer, ask, request
from tests.fuzz.webhook import INBOUND, STATUS, Provider
from tests.parts import DANA, Answer
from tests.walk.house import House
from tests.web.client import client, problem

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORM = (b"Content-Type", b"application/x-www-form-urlencoded")


async def answer_of(
    house: House,
    path: str,
    body: bytes = b"",
    *headers: tuple[bytes, bytes],
    method: bytes = b"POST",
) -> HttpAnswer:
    raw = request(method, path.encode(), headers, body)
    return await ask(house.walk.server.url, raw)


def code_of(answer: HttpAnswer) -> str:
    return problem(Answer(status=answer.status, body=answer.body)).code


async def test_what_is_not_served_names_what_is(house: House) -> None:
    async with client(house.walk.server.url, email=DANA.email) as dana:
        url = f"{dana.url}/api/v1/drills"
        async with dana.session.request("TRACE", url) as refused:
            assert refused.status == 405
            assert refused.headers["Allow"] == "GET,POST"


@pytest.mark.parametrize("query", ["latency?site_id=", "latency?days=", "alerts?state="])
async def test_a_query_that_is_empty_is_no_query_that_is_left_out(house: House, query: str) -> None:
    answer = await house.screen.get(query)
    assert answer.status == 400
    assert problem(answer).code == "bad_query"


async def test_an_integer_may_be_written_with_a_point(house: House) -> None:
    sites = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    body = b'{"site_id": "%s", "minutes": 5.0}' % sites[0]["site_id"].encode()
    async with client(house.walk.server.url, email=DANA.email) as dana:
        answer = await dana.ask(
            "POST", "/api/v1/drills", data=body, content_type="application/json"
        )
    assert answer.status == 200


@pytest.mark.parametrize("cookie", [b"\xff\xfe", b"\xed\xa0\x80", b'"\\377"'])
async def test_a_cookie_that_is_no_text_is_nobody_s(house: House, cookie: bytes) -> None:
    headers = [(b"Cookie", b"tocsin_session=" + cookie)]
    answer = await answer_of(house, "/api/v1/alerts", b"", *headers, method=b"GET")
    assert (answer.status, code_of(answer)) == (401, "signed_out")
    out = await answer_of(house, "/api/v1/session", b"", *headers, method=b"DELETE")
    assert out.status == 200


@pytest.mark.parametrize("path", ["/api/v1/session", INBOUND])
async def test_a_body_that_is_not_packed_as_it_says_is_refused(house: House, path: str) -> None:
    headers = [(b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip")]
    answer = await answer_of(house, path, b"\x1f\x8b nonsense", *headers)
    assert (answer.status, code_of(answer)) == (400, "bad_encoding")


async def test_a_file_with_an_endless_name_is_not_there_and_the_database_is_not_away(
    house: House,
) -> None:
    answer = await answer_of(house, "/static/console/" + "x" * 5000, method=b"GET")
    assert answer.status == 404
    assert b"database" not in answer.body


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=b",
        b"application/x-www-form-urlencoded; charset=nonsense",
        b"application/x-www-form-urlencoded; charset=unicode_escape",
    ],
)
async def test_a_form_that_nobody_signed_is_refused_however_it_is_written(
    house: House, content_type: bytes
) -> None:
    for body in (b"%", b"Body=\\ud800", b"--b\r\n", b"--b\r\nContent-Type: multipart/x\r\n\r\n"):
        answer = await answer_of(house, INBOUND, body, (b"Content-Type", content_type))
        assert (answer.status, code_of(answer)) == (403, "bad_signature"), body


@pytest.mark.parametrize("body", [b"Body=\xff", b"\xed\xa0\x80", b"a=b&" * 101])
async def test_what_is_no_form_of_the_provider_s_is_refused(house: House, body: bytes) -> None:
    for path in (INBOUND, STATUS.format(uuid4())):
        answer = await answer_of(house, path, body, FORM)
        assert (answer.status, code_of(answer)) == (400, "bad_form")


async def texted(house: House, form: dict[str, str]) -> str:
    """What the provider is answered to a text that it really signed."""
    answer = await ask(house.walk.server.url, Provider(house).signed(INBOUND, form))
    assert answer.status == 200, urlencode(form)
    return answer.body.decode()


@pytest.mark.parametrize(
    ("name", "value"), [("MessageSid", "SM\x00"), ("From", "+1512\x00"), ("Body", "0000\x00")]
)
async def test_a_text_with_a_nul_in_it_is_a_text_and_the_database_is_not_away(
    house: House, name: str, value: str
) -> None:
    form = {"From": "+15125550111", "Body": "hello", "MessageSid": f"SM{uuid4().hex}"}
    assert "database" not in await texted(house, form | {name: value})


async def test_a_report_with_a_nul_in_it_is_taken(house: House) -> None:
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id, lambda each: each.notifications)
    path = STATUS.format(alert.notifications[0].notification_id)
    form = {"MessageStatus": "failed", "ErrorCode": "3\x000007"}
    answer = await ask(house.walk.server.url, Provider(house).signed(path, form))
    assert answer.status == 204


async def test_none_of_it_was_our_mistake(house: House) -> None:
    odd: Sequence[str] = ["/api/v1/%ff", "/api/v1/alerts/%00/notes", "/api/v1/twilio/status/%ff"]
    for path in odd:
        assert 400 <= (await answer_of(house, path, b"{}")).status < 500
    assert stand.own_mistakes(house.walk.server) == []
