"""Twilio: the only file that knows it. Texts go out, replies and reports come back signed."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tocsin_server.channels.channel import Message, SendFailed
from tocsin_server.config import Secret, TwilioConfig

REQUEST_S_MAX = 10.0  # a provider that needs longer is down; the next try is another second away
REPLY_CHARS_MAX = 320  # two segments

# https://www.twilio.com/docs/api/errors: the number, or the person, can't be texted at all.
_PERMANENT = frozenset({21211, 21214, 21408, 21610, 21612, 21614, 30003, 30004, 30005, 30006})
_OPTED_OUT = 21610

STOP_WORDS = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"}
)
START_WORDS = frozenset({"start", "unstop"})


@dataclass(frozen=True, slots=True)
class Report:
    """A status callback as the walk understands it; a higher rank is further along."""

    status: str
    rank: int
    state: str
    problem: str | None


# Reports come out of order and doubled, so they are ranked; delivered is the last word.
_REPORTS = {
    "accepted": (1, "accepted"),
    "scheduled": (1, "accepted"),
    "queued": (2, "accepted"),
    "sending": (3, "accepted"),
    "sent": (4, "accepted"),
    "canceled": (5, "undelivered"),
    "failed": (5, "undelivered"),
    "undelivered": (5, "undelivered"),
    "delivered": (6, "delivered"),
    "read": (6, "delivered"),
}


class _HttpClient(AsyncTwilioHttpClient):
    """Twilio's own client, to Twilio's address or to the one that the configuration names."""

    def __init__(self, api_url: str) -> None:
        super().__init__(timeout=REQUEST_S_MAX)
        self._api_url = api_url.rstrip("/")

    async def request(self, method: str, url: str, *args: Any, **options: Any) -> Response:
        """Send a request of the twilio package."""
        parts = urlsplit(url)
        if parts.netloc == "api.twilio.com":
            url = f"{self._api_url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return await super().request(method, url, *args, **options)


class Twilio:
    """One account and the number it texts from."""

    def __init__(self, config: TwilioConfig, auth_token: Secret, *, public_url: str) -> None:
        self._from = config.from_number
        self._public_url = public_url.rstrip("/")
        self._http = _HttpClient(config.api_url)
        self._validator = RequestValidator(auth_token.reveal())
        client = Client(config.account_sid, auth_token.reveal(), http_client=self._http)
        # The package imports this when it is first used: a second that no alert should wait for.
        self._messages = client.messages

    async def send(self, message: Message) -> str:
        """Hand over one text. Raises SendFailed, saying whether another try can help."""
        callback = (
            f"{self._public_url}/api/v1/twilio/status/{message.notification_id}"
            if message.notification_id
            else None
        )
        options = {"status_callback": callback} if callback else {}
        try:
            sent = await asyncio.wait_for(
                self._messages.create_async(
                    to=message.to, from_=self._from, body=message.text, **options
                ),
                REQUEST_S_MAX,
            )
        except TwilioRestException as error:
            permanent = error.code in _PERMANENT or error.status in {400, 404}
            raise SendFailed(
                f"Twilio says {error.status}, code {error.code}: {str(error.msg)[:120]}",
                temporary=not permanent,
                unreachable="opted out: this number has texted STOP"
                if error.code == _OPTED_OUT
                else None,
            ) from None
        except TimeoutError:
            raise SendFailed(
                f"Twilio did not answer within {REQUEST_S_MAX:g} s", temporary=True
            ) from None
        except (
            TwilioException,
            aiohttp.ClientError,
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,  # what the package makes of JSON that is no object
        ) as error:
            raise SendFailed(
                f"Twilio was not reached or not understood: {str(error)[:120]}", temporary=True
            ) from None
        if not sent.sid:
            raise SendFailed("Twilio's answer had no message id", temporary=True)
        return str(sent.sid)

    def is_genuine(self, path: str, form: dict[str, str], signature: str) -> bool:
        """Say whether Twilio signed this request (compared in constant time)."""
        return bool(self._validator.validate(f"{self._public_url}{path}", form, signature))

    async def close(self) -> None:
        """Close its connections."""
        session = getattr(self._http, "session", None)
        if session is not None:
            await session.close()


def read_report(form: dict[str, str]) -> Report | None:
    """Read a status callback; None for a status that is none."""
    status = form.get("MessageStatus", "")[:40]
    if status not in _REPORTS:
        return None
    rank, state = _REPORTS[status]
    code = form.get("ErrorCode", "")[:20]
    problem = None
    if state == "undelivered":
        problem = f"the carrier did not deliver it ({status}{', code ' + code if code else ''})"
    return Report(status, rank, state, problem)


def reply(text: str | None) -> str:
    """Word the answer to a text as TwiML; None: no answer."""
    tidy = re.sub(r"\s+", " ", text or "")[:REPLY_CHARS_MAX]
    message = f"<Message>{escape(tidy)}</Message>" if tidy else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>'
