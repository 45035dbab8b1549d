"""Whatever is posted without a sign-in: refused where it should be, counted, and harmless.

Each row is a request that somebody may send who isn't who they say, or says it twice, or too late,
or too much of it. What the database holds is compared before and after, table by table.
"""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID, uuid4

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from twilio.request_validator import RequestValidator

from tests.claims.test_redeeming import Board
from tests.parts import DANA, MAYA, Alert
from tests.walk.house import House
from tests.web.tables import digests_of, read_digests, until_at_rest
from tocsin_server.alert.link_key import write_key
from tocsin_server.config import load_config
from tocsin_server.demo import example
from tocsin_server.fleet.maintenance import open_maintenance
from tocsin_server.people import contacts
from tocsin_wire.claims import REDEEM_PATH

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORM = "application/x-www-form-urlencoded"
STRANGER = "a token of nobody's"
MANY = b"&".join(b"n%d=v" % n for n in range(101))
MUCH = b"x" * 70_000

# What each webhook of Twilio's would do if it were believed.
FORMS: Mapping[str, dict[str, str]] = {
    "inbound": {"From": str(DANA.phone), "Body": "STOP"},
    "status": {"MessageStatus": "undelivered", "ErrorCode": "30006"},
    "call": {"CallStatus": "completed"},
    "machine": {"AnsweredBy": "machine_start"},
    "voice": {"Digits": "1"},
}
BY_ID = [name for name in FORMS if name != "inbound"]


@dataclass
class Posted:
    """What came of a request, and what it was counted as."""

    status: int
    text: str
    headers: Mapping[str, str]
    counted: dict[str, int]
    changed: set[str]


@dataclass
class Post:
    """Somebody who posts, with an open alert and a resolved one to be posted about."""

    house: House
    record: asyncpg.Pool
    digests: str  # a query for those of all tables
    session: aiohttp.ClientSession
    open: Alert
    resolved: Alert
    ids: dict[str, UUID]
    keys: dict[str, str]

    def path(self, hook: str, about: object = None) -> str:
        """Where Twilio posts; about the page of the open alert unless told otherwise."""
        about = self.ids["page"] if about is None else about
        return f"/api/v1/twilio/{hook}" + ("" if hook == "inbound" else f"/{about}")

    def signature(self, path: str, form: dict[str, str], *, token: str | None = None) -> str:
        config = load_config(self.house.walk.server.config)
        assert config.twilio is not None
        token = token or config.secret("token", config.twilio.auth_token_file).reveal()
        signed = RequestValidator(token).compute_signature(f"{config.public_url}{path}", form)
        return str(signed)

    async def signed(self, path: str, form: dict[str, str]) -> Posted:
        """As Twilio posts it."""
        headers = {"X-Twilio-Signature": self.signature(path, form)}
        return await self.ask(path, urlencode(form).encode(), content_type=FORM, **headers)

    async def ask(
        self,
        path: str,
        body: bytes = b"",
        *,
        method: str = "POST",
        content_type: str = "application/json",
        **headers: str,
    ) -> Posted:
        """Any request, and what it changed."""
        await until_at_rest(self.house)  # nothing of the request before
        before, counts = await self.tables(), await self.counts()
        headers = {"Content-Type": content_type} | headers
        url = f"{self.house.walk.server.url}{path}"
        async with self.session.request(method, url, data=body, headers=headers) as answer:
            status, text = answer.status, await answer.text()
        after = await self.tables()
        counted = {
            because: count - counts.get(because, 0)
            for because, count in (await self.counts()).items()
            if count != counts.get(because, 0)
        }
        changed = {name for name in after if after[name] != before[name]}
        return Posted(status, text, answer.headers, counted, changed)

    async def tables(self) -> dict[str, str]:
        """A digest of all rows, table by table."""
        return await read_digests(self.record, self.digests)

    async def counts(self) -> dict[str, int]:
        """What the server has refused so far, by its reason."""
        async with self.session.get(f"{self.house.walk.server.url}/metrics") as answer:
            lines = re.findall(
                r'^tocsin_webhooks_refused_total\{because="(\w+)"\} ([\d.]+)',
                await answer.text(),
                re.MULTILINE,
            )
        return {because: int(float(count)) for because, count in lines}

    async def state_of(self, alert: Alert) -> tuple[str, str | None, str | None]:
        now = await self.house.detail_of(alert)
        return now.state, now.acknowledged_by, now.resolved_by


async def paged(house: House) -> Alert:
    """A press that Dana and Luis were told of, and of which all is on record."""
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id, lambda each: len(each.notifications) == 2)
    await until_at_rest(house)
    return alert


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def post(whole_house: House) -> AsyncIterator[Post]:
    house = whole_house
    resolved, opened = await paged(house), await paged(house)
    await house.screen.resolve(resolved, "test")
    async with house.walk.database.pool() as pool, aiohttp.ClientSession() as session:
        maya = await pool.fetchval("SELECT person_id FROM person WHERE name = $1", MAYA.name)
        await contacts.add_contact(
            pool,
            jurisdiction=example.JURISDICTION,
            person_id=maya,
            method="sms",
            address="+15125550199",
        )
        # These buttons beat no more: who is on call would be told of it in the midst of a request.
        await open_maintenance(
            pool,
            jurisdiction=example.JURISDICTION,
            site_id=await pool.fetchval(
                "SELECT site_id FROM site WHERE name = $1", example.CLERK.name
            ),
            minutes=60,
            reason="a test",
            opened_by=MAYA.name,
        )
        await until_at_rest(house)
        rows = await pool.fetch(
            "SELECT notification_id, link_key, CASE WHEN purpose = 'page' AND alert_id = $1"
            " THEN 'late' ELSE purpose END AS what FROM notification ORDER BY name",
            UUID(resolved.alert_id),
        )
        ids = {row["what"]: row["notification_id"] for row in rows}
        keys = {row["what"]: write_key(row["link_key"]) for row in rows}
        digests = await digests_of(pool)
        yield Post(house, pool, digests, session, opened, resolved, ids, keys)


def harmless(posted: Posted, status: int, because: str | None) -> None:
    """Refused as it should be, counted once, and nothing came of it."""
    assert (posted.status, posted.counted) == (status, {because: 1} if because else {}), posted.text
    assert posted.changed == set()


@pytest.mark.parametrize("how", ["none", "nonsense", "path", "form", "stranger"])
@pytest.mark.parametrize("hook", FORMS)
async def test_what_twilio_has_not_signed_is_nobodys(post: Post, hook: str, how: str) -> None:
    path, form = post.path(hook), FORMS[hook] | {"MessageSid": f"SM{uuid4().hex}"}
    signature = {
        "none": "",
        "nonsense": b64encode(b"20 bytes, or so many").decode(),
        "path": post.signature("/api/v1/twilio/another", form),
        "form": post.signature(path, form | {"Body": "hello"}),
        "stranger": post.signature(path, form, token=STRANGER),
    }[how]
    headers = {"X-Twilio-Signature": signature} if signature else {}
    posted = await post.ask(path, urlencode(form).encode(), content_type=FORM, **headers)
    harmless(posted, 403, "forged")
    assert "Nothing was done" in posted.text


@pytest.mark.parametrize(
    ("body", "status", "because"),
    [(MUCH, 413, "oversized"), (MANY, 400, "unreadable"), (b"Body=\xff", 400, "unreadable")],
    ids=["oversized", "too many fields", "not UTF-8"],
)
@pytest.mark.parametrize("hook", FORMS)
async def test_what_is_no_form_is_refused_before_anybody_asks_who_signed_it(
    post: Post, hook: str, body: bytes, status: int, because: str
) -> None:
    harmless(await post.ask(post.path(hook), body, content_type=FORM), status, because)


@pytest.mark.parametrize("hook", FORMS)
async def test_what_is_only_posted_is_not_got(post: Post, hook: str) -> None:
    posted = await post.ask(post.path(hook), method="GET")
    harmless(posted, 405, "wrong_method")
    assert posted.headers["Allow"] == "POST"


@pytest.mark.parametrize("hook", BY_ID)
async def test_word_of_a_message_that_nobody_sent_is_answered_and_does_nothing(
    post: Post, hook: str
) -> None:
    status = 200 if hook == "voice" else 204
    harmless(await post.signed(post.path(hook, uuid4()), FORMS[hook]), status, "unknown")
    no_id = await post.signed(post.path(hook, "no-id"), FORMS[hook])
    harmless(no_id, status, "unknown" if hook == "voice" else "unreadable")


@pytest.mark.parametrize("key", ["1", "2"])
@pytest.mark.parametrize("purpose", ["verify", "stand_down"])
async def test_no_key_answers_a_message_that_asks_nothing(
    post: Post, purpose: str, key: str
) -> None:
    posted = await post.signed(post.path("voice", post.ids[purpose]), {"Digits": key})
    assert (posted.status, posted.counted) == (200, {"unknown": 1})
    assert "not known any more" in posted.text
    assert posted.changed <= {"answered_text"}


@pytest.mark.parametrize(
    ("hook", "form", "status", "because"),
    [
        ("status", {"MessageStatus": "undelivered\0"}, 204, "unreadable"),
        ("call", {"CallStatus": "\0completed"}, 204, "unreadable"),
        ("machine", {"AnsweredBy": "machine_start\0"}, 204, None),
        ("voice", {"Digits": "1\0"}, 200, None),
    ],
)
async def test_a_nul_makes_a_word_another_one(
    post: Post, hook: str, form: dict[str, str], status: int, because: str | None
) -> None:
    harmless(await post.signed(post.path(hook), form), status, because)


async def test_a_text_with_a_nul_is_answered_and_takes_nothing(post: Post) -> None:
    form = {
        "From": str(DANA.phone),
        "Body": f"\0{post.open.code[:2]}\0{post.open.code[2:]}",
        "MessageSid": uuid4().hex,
    }
    posted = await post.signed(post.path("inbound"), form)
    assert posted.status == 200
    assert posted.changed <= {"answered_text", "wrong_code"}


@pytest.mark.parametrize("hook", FORMS)
async def test_what_is_posted_again_word_for_word_changes_nothing_again(
    post: Post, hook: str
) -> None:
    alert = await paged(post.house)
    about = next(each.notification_id for each in alert.notifications if each.name == DANA.name)
    form = FORMS[hook] | {"MessageSid": f"SM{uuid4().hex}", "CallSid": f"CA{uuid4().hex}"}
    form |= {"Body": alert.code} if hook == "inbound" else {}
    first = await post.signed(post.path(hook, about), form)
    assert first.changed

    await until_at_rest(post.house)
    taken = (await post.state_of(alert))[0] == "acknowledged"
    assert taken == (hook in {"inbound", "voice"})
    again = await post.signed(post.path(hook, about), form)
    assert again.status == first.status
    assert again.changed <= {"provider_report"}, "which keeps every report as it came"
    assert again.counted == ({"replayed": 1} if hook in {"inbound", "voice"} else {})


@pytest.mark.parametrize("hook", FORMS)
async def test_what_comes_after_the_end_changes_nothing_of_it(post: Post, hook: str) -> None:
    before = await post.state_of(post.resolved)
    form = FORMS[hook] | {"MessageSid": f"SM{uuid4().hex}", "CallSid": f"CA{uuid4().hex}"}
    form |= {"Body": post.resolved.code} if hook == "inbound" else {}
    posted = await post.signed(post.path(hook, post.ids["late"]), form)
    assert posted.status in {200, 204}
    assert "contact" not in posted.changed
    assert await post.state_of(post.resolved) == before


@pytest.mark.parametrize("path", ["/answer/{}", "/answer/{}/pass"])
async def test_a_tap_after_the_end_changes_nothing(post: Post, path: str) -> None:
    before = await post.state_of(post.resolved)
    posted = await post.ask(path.format(post.keys["late"]), content_type=FORM)
    harmless(posted, 200, None)
    assert await post.state_of(post.resolved) == before


@dataclass(frozen=True)
class Bad:
    """A request that is refused. `key`: of which message, where the path or the body has one."""

    name: str
    path: str
    status: int
    because: str | None
    body: bytes = b""
    key: str = "page"
    method: str = "POST"
    content_type: str = "application/json"
    origin: str | None = None


NO_SUCH_CODE = Board().request("0000-0000")
RECEIVED, FOLLOWING = "/api/v1/push/received", "/api/v1/revocations/following"
BAD = (
    Bad("received, unknown", RECEIVED, 404, "unknown", b'{"key": "AAAAAAAAAAAAAAAAAAAAAA"}'),
    Bad("received, no key", RECEIVED, 404, "unknown", b'{"key": ""}'),
    Bad("received, NUL", RECEIVED, 404, "unknown", b'{"key": "AAAAAAAAAAAAAAAAAAAAA\\u0000"}'),
    Bad("received, fields", RECEIVED, 400, "unreadable", b'{"key": "KEY", "taken": true}'),
    Bad("received, no JSON", RECEIVED, 400, "unreadable", b"key=KEY"),
    Bad("received, no UTF-8", RECEIVED, 400, "unreadable", b'{"key": "\xff"}'),
    Bad("received, a form", RECEIVED, 415, "unreadable", b"key=KEY", content_type=FORM),
    Bad("received, oversized", RECEIVED, 413, "oversized", b'{"key": "KEY"}' + b" " * 70_000),
    Bad("received, got", RECEIVED, 405, "wrong_method", method="GET"),
    Bad("answer, unknown", "/answer/AAAAAAAAAAAAAAAAAAAAAA", 404, "unknown"),
    Bad("answer, no key", "/answer/x", 404, "unknown"),
    Bad("answer, NUL", "/answer/AAAAAAAAAAAAAAAAAAAAA%00", 404, "unknown"),
    Bad("answer, of a code", "/answer/KEY", 404, "unknown", key="verify"),
    Bad("answer, elsewhere", "/answer/KEY", 403, "forged", origin="https://evil.example"),
    Bad("answer, oversized", "/answer/KEY", 413, "oversized", MUCH),
    Bad("answer, put", "/answer/KEY", 405, "wrong_method", method="PUT"),
    Bad("answer, looked at", "/answer/KEY", 200, None, method="GET"),
    Bad("pass, unknown", "/answer/AAAAAAAAAAAAAAAAAAAAAA/pass", 404, "unknown"),
    Bad("pass, of a code", "/answer/KEY/pass", 404, "unknown", key="verify"),
    Bad("pass, elsewhere", "/answer/KEY/pass", 403, "forged", origin="null"),
    Bad("pass, oversized", "/answer/KEY/pass", 413, "oversized", MUCH),
    Bad("pass, got", "/answer/KEY/pass", 405, "wrong_method", method="GET"),
    Bad("following, unsigned", FOLLOWING, 400, "unreadable", b"a.b.c"),
    Bad("following, no ASCII", FOLLOWING, 400, "unreadable", b"\xff\x00"),
    Bad("following, too long", FOLLOWING, 413, "oversized", b"x" * 5000),
    Bad("following, oversized", FOLLOWING, 413, "oversized", MUCH),
    Bad("following, got", FOLLOWING, 405, "wrong_method", method="GET"),
    Bad("redeem, unknown", REDEEM_PATH, 404, "unknown", NO_SUCH_CODE),
    Bad("redeem, no code", REDEEM_PATH, 404, "unknown", Board().request("no code")),
    Bad(
        "redeem, no keys",
        REDEEM_PATH,
        409,
        "out_of_place",
        Board().request("0000-0000", request="no"),
    ),
    Bad("redeem, no JSON", REDEEM_PATH, 400, "unreadable", b"code"),
    Bad("redeem, a form", REDEEM_PATH, 415, "unreadable", b"code=x", content_type=FORM),
    Bad("redeem, oversized", REDEEM_PATH, 413, "oversized", MUCH),
    Bad("redeem, got", REDEEM_PATH, 405, "wrong_method", method="GET"),
    Bad("sign-up, signed out", "/api/v1/me/push", 401, None, b"{}"),
)


@pytest.mark.parametrize("bad", BAD, ids=[bad.name for bad in BAD])
async def test_what_is_posted_without_a_sign_in_is_refused_and_counted(
    post: Post, bad: Bad
) -> None:
    key = post.keys[bad.key]
    posted = await post.ask(
        bad.path.replace("KEY", key),
        bad.body.replace(b"KEY", key.encode()),
        method=bad.method,
        content_type=bad.content_type,
        **{"Origin": bad.origin} if bad.origin else {},
    )
    harmless(posted, bad.status, bad.because)
    assert (await post.state_of(post.open))[0] == "open"
