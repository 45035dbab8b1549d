"""The webhooks, and the web at large, under requests that no client library would send.

Promise: what the provider did not sign does nothing and is refused; what it did sign, however
absurd, is answered as the provider expects. No request at all is a 5xx, a hang, or a sentence of
the server's log in which it says that it failed.
"""

import gzip
import random
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree

from twilio.request_validator import RequestValidator

from tests.fuzz import hostile, stand
from tests.fuzz.raw_http import HttpAnswer, ask, request
from tests.walk.house import House
from tocsin_server.config import load_config

INBOUND = "/api/v1/twilio/inbound"
STATUS = "/api/v1/twilio/status/{}"
_FORM = b"application/x-www-form-urlencoded"

_WORDS = (
    "",
    "yes",
    "STOP",
    "start",
    "0000",
    "٤٨٢١",
    "0000 " * 300,
    "\x00",
    "0000\x00",
    "a\x00b",
    "\ufeff0000",
    "\u202e0000",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "x" * 20_000,
    "<Message>&]]>",
    "'; DROP TABLE alert; --",
    "\r\n\r\n0000",
)
_PHONES = ("+15125550111", "+15125550111\x00", "", "anonymous", "+" + "9" * 400, "\u0663")
_STATUSES = ("delivered", "failed", "undelivered", "read", "", "DELIVERED", "x" * 999, "\x00")
_TYPES = (
    _FORM,
    _FORM + b"; charset=utf-16",
    _FORM + b"; charset=nonsense",
    _FORM + b"; charset=idna",
    _FORM + b"; charset=unicode_escape",
    _FORM + b"; charset=rot13",
    _FORM + b"; charset=\x22",
    b"multipart/form-data",
    b"multipart/form-data; boundary=b",
    b"multipart/form-data; boundary=" + b"b" * 200,
    b"multipart/mixed; boundary=b",
    b"application/json",
    b"text/plain",
    b"",
    b"\xff\xfe",
    b";;;",
)
_BODIES = (
    b"",
    b"Body=%FF%FE&From=%00",
    b"Body=\xff\xfe\xed\xa0\x80",
    b"%",
    b"&" * 5000,
    b"a=b&" * 500,
    b"Body=" + b"x" * 70_000,
    b"--b\r\n",
    b"--b\r\nContent-Disposition: form-data; name=Body\r\n\r\nx\r\n--b--\r\n",
    b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n\xff\r\n--b--\r\n',
    b"--b\r\nContent-Disposition: form-data; name=Body\r\nContent-Type: text/plain; charset=zz"
    b"\r\n\r\nx\r\n--b--\r\n",
    b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
    b"--b\r\nContent-Transfer-Encoding: zz\r\n\r\nx\r\n--b--\r\n",
    b"--b\r\n" + b"X: y\r\n" * 3000 + b"\r\nx\r\n--b--\r\n",
    b"\x00" * 300,
)
_TARGETS = (
    b"/api/v1/alerts",
    b"/api/v1/session",
    b"/api/v1/openapi.json",
    b"/api/v1/latency?site_id=%00",
    b"/api/v1/latency?days=%d9%a3",
    b"/api/v1/latency?days=%ff",
    b"/api/v1/alerts?limit=" + b"9" * 5000,
    b"/api/v1/alerts?state=%ed%a0%80",
    b"/api/v1/alerts/%ff%fe",
    b"/api/v1/alerts/%00/notes",
    b"/api/v1/alerts/%ed%a0%80/acknowledge",
    b"/api/v1/\xff\xfe",
    b"/api/v1/%ff",
    b"/api/v1/" + b"x" * 7000,
    b"/api/v1/alerts/" + b"a/" * 2000,
    b"/static/console/..%2f..%2fapp.py",
    b"/static/console/%00",
    b"/static/vendor/../../config.py",
    b"/static/console/%ff",
    b"/static/console/" + b"x" * 5000,
    b"//evil.example/api/v1/alerts",
    b"http://[::1/api/v1/alerts",
    b"http://evil.example:99999/api/v1/alerts",
    b"*",
    b"/api/v1/live",
    b"/?\xff",
    b"/healthz",
    b"/metrics",
)
_METHODS = (b"GET", b"POST", b"DELETE", b"HEAD", b"OPTIONS", b"PUT", b"TRACE", b"X" * 300, b"get")
_JSON = (
    b"",
    b"{}",
    b"null",
    b"[" * 30_000,
    b'{"email":"a","password":"\\ud800"}',
    b'{"email":"\\u0000@example.org","password":"\\u0000"}',
    b'{"email":"dana@example.org","password":"' + b"x" * 50_000 + b'"}',
    b'{"email":' + b"9" * 5000 + b',"password":1e400}',
    b'\xef\xbb\xbf{"email":"a","password":"b"}',
    b'{"email":"a","password":"b"}\x00',
)
_REFUSED = frozenset({400, 403, 404, 413, 415})
_NO_FAULT = frozenset(range(200, 500))


@dataclass
class WebTally:
    """What was asked, and what was answered."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory_mib: tuple[int, int] = (0, 0)

    @property
    def holds(self) -> bool:
        return not self.wrong

    def lines(self) -> list[str]:
        """Say it for people."""
        counted = ", ".join(f"{status}: {n:,}" for status, n in sorted(self.statuses.items()))
        return [
            f"{self.requests:,} requests of webhooks and at large ({counted})",
            f"  the server holds {self.memory_mib[0]} MiB, {self.memory_mib[1]} MiB at most",
            *[f"  WRONG: {each}" for each in self.wrong],
        ]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and which statuses may answer it."""

    raw: bytes
    allowed: frozenset[int]
    is_text: bool = False
    is_half: bool = False  # perhaps: its sender doesn't wait for an answer, and need not get one


class Provider:
    """Whoever knows the account's token."""

    def __init__(self, house: House) -> None:
        config = load_config(house.walk.server.config)
        assert config.twilio is not None
        token = config.secret("token", config.twilio.auth_token_file).reveal()
        self._validator = RequestValidator(token)
        self._url = config.public_url

    def signed(self, path: str, form: dict[str, str]) -> bytes:
        """A request with a genuine signature."""
        signature = self._validator.compute_signature(f"{self._url}{path}", form)
        headers = [(b"Content-Type", _FORM), (b"X-Twilio-Signature", signature.encode())]
        return request(b"POST", path.encode(), headers, urlencode(form).encode())


def _signed_text(provider: Provider, chance: random.Random) -> Asked:
    """The provider hands over an absurd text: it gets TwiML."""
    form = {"Body": chance.choice(_WORDS), "From": chance.choice(_PHONES)}
    form |= {"MessageSid": chance.choice((f"SM{uuid4().hex}", "SM\x00", "", "x" * 900))}
    form |= {"OptOutType": chance.choice(("STOP", "HELP", "\x00"))} if chance.random() < 0.2 else {}
    return Asked(provider.signed(INBOUND, form), frozenset({200}), is_text=True)


def _signed_report(provider: Provider, chance: random.Random) -> Asked:
    """The provider reports something absurd: it is told nothing."""
    path = STATUS.format(chance.choice((str(uuid4()), "x", "%00", "0" * 32)))
    form = {"MessageStatus": chance.choice(_STATUSES), "ErrorCode": chance.choice(_WORDS)}
    return Asked(provider.signed(path, form), frozenset({204}))


def _unsigned(_provider: Provider, chance: random.Random) -> Asked:
    """Anybody says anything, signed with anything."""
    signature = chance.choice((b"", b"\xff\xfe", b"A" * 28, b"=" * 5000, b"\x80abc", b"nonsense"))
    headers = [(b"Content-Type", chance.choice(_TYPES)), (b"X-Twilio-Signature", signature)]
    body = chance.choice(_BODIES)
    if chance.random() < 0.15:
        coding, coded = chance.choice(
            (
                (b"gzip", b"\x1f\x8b nonsense"),
                (b"gzip", gzip.compress(b"x" * 5_000_000)),
                (b"deflate", zlib.compress(body)),
                (b"br", b"\xff"),
                (b"nonsense", body),
            )
        )
        headers.append((b"Content-Encoding", coding))
        body = coded
    is_half = chance.random() < 0.1
    if is_half:
        headers.append((b"Transfer-Encoding", b"chunked"))
        body = chance.choice(
            (b"zz\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n", b"")
        )
    path = chance.choice((INBOUND, STATUS.format(uuid4()), STATUS.format("%ff")))
    raw = request(b"POST", path.encode(), headers, body)
    return Asked(raw, _REFUSED | ({0} if is_half else set()), is_half=is_half)


def _at_large(_provider: Provider, chance: random.Random) -> Asked:
    """Any method of any target, with any cookie."""
    cookie = chance.choice((b"\xff\xfe", b"", b"x" * 6000, b'"\\377"', b"\xed\xa0\x80", b"a=b; ;="))
    headers = [
        (b"Cookie", b"tocsin_session=" + cookie),
        (b"Content-Type", chance.choice((b"application/json", b"", *_TYPES))),
    ]
    if chance.random() < 0.3:
        headers.append(
            chance.choice(
                (
                    (b"Range", b"bytes=99999999999999999999-"),
                    (b"If-Modified-Since", b"\xff"),
                    (b"If-None-Match", b'"' * 99),
                    (b"Upgrade", b"websocket"),
                    (b"Expect", b"nonsense"),
                    (b"Content-Encoding", b"gzip"),
                    (b"Origin", b"\xff"),
                    (b"X", b"y" * 7000),
                )
            )
        )
    target = chance.choice(_TARGETS)
    if chance.random() < 0.2:
        target = hostile.mutated(target, chance).replace(b" ", b"%20").replace(b"\n", b"")
    raw = request(chance.choice(_METHODS), target, headers, chance.choice(_JSON))
    is_half = chance.random() < 0.05
    if is_half:
        raw = hostile.mutated(raw, chance)
    return Asked(raw, _NO_FAULT | ({0} if is_half else set()), is_half=is_half)


Maker = Callable[[Provider, random.Random], Asked]

_MAKERS: tuple[Maker, ...] = (_signed_text, _signed_report, _unsigned, _at_large)
_WEIGHTS = (2, 1, 4, 5)


async def fuzz(house: House, *, requests: int, seed: int) -> WebTally:
    """Ask so many times, and hold every answer against what it may be."""
    tally, chance, provider = WebTally(), random.Random(seed), Provider(house)
    for _ in range(requests):
        (make,) = chance.choices(_MAKERS, _WEIGHTS)
        asked = make(provider, chance)
        try:
            answer = await ask(house.walk.server.url, asked.raw, hang_up=asked.is_half)
        except TimeoutError:
            tally.wrong.append(f"no answer to {asked.raw[:600]!r}")
            continue
        tally.requests += 1
        tally.statuses[answer.status] += 1
        if answer.status not in asked.allowed or (asked.is_text and not _is_twiml(answer)):
            tally.wrong.append(f"{answer.status} {answer.body[:300]!r} to {asked.raw[:600]!r}")
    tally.wrong += stand.own_mistakes(house.walk.server)
    tally.memory_mib = stand.memory_mib(house.walk.server.pid)
    return tally


def _is_twiml(answer: HttpAnswer) -> bool:
    try:
        return ElementTree.fromstring(answer.body).tag == "Response"  # noqa: S314 (our own server's)
    except ElementTree.ParseError:
        return False
