"""Our side of the phone network: the real `twilio` client, and webhooks that record what comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import web
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tocsin_server.demo.phone import PhoneNetwork

ACCOUNT_SID = "AC" + "0" * 32
TOKEN = "a token that only both ends know"
SYSTEM = "+15125550100"
DANA = "+15125550111"


class Towards(AsyncTwilioHttpClient):  # type: ignore[misc]
    """The real client, with the host of its requests changed, and a timeout that works."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        super().__init__()
        self.url = url
        self.timeout_s = timeout_s

    async def request(self, method: str, url: str, **rest: object) -> Response:
        parts = urlsplit(url)
        assert parts.netloc in {"api.twilio.com", "lookups.twilio.com"}
        async with asyncio.timeout(self.timeout_s):
            return await super().request(
                method, f"{self.url}{parts._replace(scheme='', netloc='').geturl()}", **rest
            )


@asynccontextmanager
async def client_of(
    network: PhoneNetwork,
    *,
    sid: str = ACCOUNT_SID,
    token: str = TOKEN,
    timeout_s: float = 20.0,
) -> AsyncIterator[Client]:
    """The real client of an account."""
    async with Towards(network.url, timeout_s=timeout_s) as http_client:
        yield Client(sid, token, http_client=http_client)


class System:
    """Our side of the webhooks: records what is signed as it must be, answers with `twiml`.

    `answers` are TwiML by path, for what isn't answered with `twiml`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.twiml = ""
        self.status = 200
        self.answers: dict[str, str] = {}
        self.inbound: list[dict[str, str]] = []
        self.states: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self.token = TOKEN

    async def hear(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        signature = request.headers["X-Twilio-Signature"]
        url = f"{self.url}{request.path_qs}"
        if not RequestValidator(self.token).validate(url, form, signature):
            return web.Response(status=403)
        if request.path == "/status":
            self.states.put_nowait(form)
            return web.Response(status=204)
        self.inbound.append(form)
        twiml = self.answers.get(request.path, self.twiml)
        return web.Response(text=twiml, content_type="text/xml", status=self.status)

    async def until_states(self, count: int) -> list[dict[str, str]]:
        """The next status callbacks."""
        async with asyncio.timeout(20):
            return [await self.states.get() for _ in range(count)]
