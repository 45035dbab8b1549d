"""The phone network at the edge: Twilio's REST shape on one side, phones to look at on the other.

Promise: the real `twilio` client can't tell it from the real service as far as text messages go
(POST Messages.json, errors with Twilio's codes, status callbacks and inbound webhooks with valid
signatures, the STOP words), and a message that a phone shows really came through that door.

Refused: sending anything to anybody. No message leaves this process, and none is kept on disk.

Sources: Twilio's API reference for the Message resource (2010-04-01), its guide on tracking the
status of outbound messages, its support article on opt-out keywords, its error dictionary.
"""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import TypeVar
from xml.etree import ElementTree

import aiohttp
import msgspec
from aiohttp import web
from twilio.request_validator import RequestValidator

Seen = TypeVar("Seen")

PHONES_MAX = 1000  # a storm test pages hundreds; more is a mistake
MESSAGES_PER_PHONE_MAX = 500  # a phone shows its newest; nobody scrolls further
IN_FLIGHT_MAX = 5000  # beyond it new messages get Twilio's queue overflow
BODY_CHARS_MAX = 1600  # Twilio's own limit, error 21617
NUMBER_CHARS_MAX = 16  # E.164: "+" and 15 digits
WEBHOOK_S_MAX = 15.0  # Twilio gives a webhook 15 s
SLOW_S = 30.0  # longer than any client waits
REQUEST_BYTES_MAX = 65_536

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})
STOPPED = (
    "You have successfully been unsubscribed. You will not receive any more messages from this "
    "number. Reply START to resubscribe."
)
STARTED = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
HELPED = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."

# GSM 03.38: a text made of these alone goes out at 7 bits a character.
_GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = "^{}\\[~]|€"


class Condition(StrEnum):
    """What happens to a message for one phone."""

    ON = "on"
    OFF = "off"
    LANDLINE = "landline"
    FILTERED = "filtered"
    FAILED = "failed"
    TOO_MANY = "too_many"
    BROKEN = "broken"
    GARBAGE = "garbage"
    SLOW = "slow"


# The final state and Twilio's error code.
_FATES: dict[Condition, tuple[str, int]] = {
    Condition.OFF: ("undelivered", 30003),
    Condition.LANDLINE: ("undelivered", 30006),
    Condition.FILTERED: ("undelivered", 30007),
    Condition.FAILED: ("failed", 30008),
}


class Sms(msgspec.Struct, frozen=True, kw_only=True):
    """One text message. `incoming` is the phone's view; `status` is Twilio's word."""

    sid: str
    number: str
    system_number: str
    body: str
    at: datetime
    incoming: bool
    status: str
    error_code: int | None = None
    note: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the webhook said to a reply. `status` is None where there was no answer at all."""

    status: int | None
    texts: tuple[str, ...] = ()


class Phone:
    """One phone by its number. Its thread holds the newest messages, oldest first."""

    def __init__(self, number: str, network: "PhoneNetwork") -> None:
        self.number = number
        self.opted_out = False
        self.requests = 0  # how often the provider was asked to send here, whatever came of it
        self._condition = Condition.ON
        self._network = network
        self._thread: dict[str, Sms] = {}

    @property
    def condition(self) -> Condition:
        return self._condition

    @condition.setter
    def condition(self, condition: Condition) -> None:
        self._condition = condition
        self._network.touch()

    @property
    def thread(self) -> list[Sms]:
        """Both directions, and what never reached it."""
        return list(self._thread.values())

    @property
    def received(self) -> list[Sms]:
        """What a person holding this phone has seen arrive."""
        return [sms for sms in self.thread if sms.incoming and sms.status == "delivered"]

    async def until_received(
        self, text: str = "", *, count: int = 1, timeout_s: float = 20.0
    ) -> Sms:
        """The `count`-th message here that contains `text`, as soon as there is one."""

        def found() -> Sms | None:
            matching = [sms for sms in self.received if text in sms.body]
            return matching[count - 1] if len(matching) >= count else None

        return await self._network.until(found, timeout_s=timeout_s)

    async def until_asked(self, count: int, *, timeout_s: float = 20.0) -> None:
        """Return once the provider was asked `count` times to send here."""
        await self._network.until(
            lambda: True if self.requests >= count else None, timeout_s=timeout_s
        )

    async def reply(self, body: str) -> Answer:
        return await self._network.reply(self.number, body)

    def put(self, sms: Sms) -> None:
        """Show it, or show what became of it."""
        self._thread[sms.sid] = sms
        if len(self._thread) > MESSAGES_PER_PHONE_MAX:
            del self._thread[next(iter(self._thread))]
        self._network.touch()


class PhoneNetwork:
    """The provider and all its phones. Phones come into being when somebody names them."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        from_number: str,
        inbound_url: str | None = None,
        pace_s: float = 0.0,
    ) -> None:
        """`inbound_url` is where replies go; `pace_s` lies between the states of a message."""
        self.account_sid = account_sid
        self.from_number = from_number
        self.inbound_url = inbound_url
        self.pace_s = pace_s
        self._auth = f"Basic {b64encode(f'{account_sid}:{auth_token}'.encode()).decode()}"
        self._validator = RequestValidator(auth_token)
        self._phones: dict[str, Phone] = {}
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """What `api_url` of the server's configuration must say."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def phones(self) -> list[Phone]:
        return list(self._phones.values())

    def phone(self, number: str) -> Phone:
        if number not in self._phones:
            if len(self._phones) >= PHONES_MAX:
                raise ValueError(f"no more than {PHONES_MAX} phones")
            self._phones[number] = Phone(number, self)
        return self._phones[number]

    async def start(self, *, port: int = 0) -> None:
        """Listen on loopback; 0 takes a free port, which a later start takes again."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WEBHOOK_S_MAX))
        app = web.Application(client_max_size=REQUEST_BYTES_MAX)
        app.router.add_post("/2010-04-01/Accounts/{sid}/Messages.json", self._send)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port or self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """The provider is gone; the phones keep what they show."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def running(self, *, port: int = 0) -> AsyncIterator["PhoneNetwork"]:
        await self.start(port=port)
        try:
            yield self
        finally:
            await self.stop()

    def signature(self, url: str, form: Mapping[str, str]) -> str:
        """X-Twilio-Signature for a form posted to `url`."""
        signature: str = self._validator.compute_signature(url, dict(form))
        return signature

    def touch(self) -> None:
        """Something changed: wake whoever waits for a message or a state."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def changed(self) -> None:
        """Return at the next change."""
        await self._changed.wait()

    async def until(self, look: Callable[[], Seen | None], *, timeout_s: float) -> Seen:
        """Look at every change until there is something to see; TimeoutError where there isn't."""
        async with asyncio.timeout(timeout_s):
            while (seen := look()) is None:
                await self._changed.wait()
            return seen

    async def reply(self, number: str, body: str) -> Answer:
        """Text `body` from a phone to the system; the webhook's answers appear on the phone."""
        phone = self.phone(number)
        word = body.strip().upper()
        reply = self._sms(phone, body[:BODY_CHARS_MAX], incoming=False, status="received")
        phone.put(reply)
        if word in STOP_WORDS:
            phone.opted_out = True
            self._answer(phone, STOPPED)
        elif word in START_WORDS and phone.opted_out:
            phone.opted_out = False
            self._answer(phone, STARTED)
        elif word in HELP_WORDS and not phone.opted_out:
            self._answer(phone, HELPED)
        answer, note = await self._deliver_reply(reply)
        if note:
            phone.put(msgspec.structs.replace(reply, note=note))
        if not phone.opted_out:  # Twilio drops an answer to a number that opted out, too
            for text in answer.texts:
                self._answer(phone, text)
        return answer

    async def _deliver_reply(self, reply: Sms) -> tuple[Answer, str | None]:
        if self.inbound_url is None:
            return Answer(status=None), "nobody listens to replies yet"
        form = {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "Body": reply.body,
            "From": reply.number,
            "MessageSid": reply.sid,
            "NumMedia": "0",
            "NumSegments": str(segments(reply.body)),
            "SmsMessageSid": reply.sid,
            "SmsSid": reply.sid,
            "SmsStatus": "received",
            "To": self.from_number,
        }
        try:
            status, text = await self._post(self.inbound_url, form)
        except (aiohttp.ClientError, TimeoutError) as error:
            return Answer(status=None), f"11200: no answer from the system ({error})"
        if status >= 400:
            return Answer(status=status), f"11200: the system refused it with HTTP {status}"
        try:
            return Answer(status=status, texts=_twiml_messages(text)), None
        except ElementTree.ParseError:
            return Answer(status=status), "12100: the system's answer isn't TwiML"

    def _answer(self, phone: Phone, body: str) -> None:
        phone.put(self._sms(phone, body, incoming=True, status="delivered"))

    def _sms(self, phone: Phone, body: str, *, incoming: bool, status: str) -> Sms:
        return Sms(
            sid=f"SM{secrets.token_hex(16)}",
            number=phone.number,
            system_number=self.from_number,
            body=body,
            at=datetime.now(UTC),
            incoming=incoming,
            status=status,
        )

    async def _send(self, request: web.Request) -> web.Response:
        """POST Messages.json: refuse as Twilio would, or accept and carry it."""
        if request.headers.get("Authorization") != self._auth:
            return _refusal(401, 20003, "Authenticate")
        if request.match_info["sid"] != self.account_sid:
            return _refusal(404, 20404, "The requested resource was not found")
        form = {name: str(value) for name, value in (await request.post()).items()}
        number, body = form.get("To", ""), form.get("Body", "")
        if (refused := self._check(form, number, body)) is not None:
            return refused
        phone = self.phone(number)
        phone.requests += 1
        self.touch()
        if phone.condition is Condition.SLOW:
            await self._while_slow(phone)
        if (refused := self._refuse(phone)) is not None:
            return refused
        sms = self._sms(phone, body, incoming=True, status="queued")
        phone.put(sms)
        self._spawn(self._carry(phone, sms, form.get("StatusCallback")))
        return web.json_response(self._resource(sms), status=201)

    def _refuse(self, phone: Phone) -> web.Response | None:
        match phone.condition:
            case Condition.TOO_MANY:
                return _refusal(429, 20429, "Too Many Requests")
            case Condition.BROKEN:
                return _refusal(500, 20500, "An internal server error has occurred")
            case Condition.GARBAGE:
                return web.Response(text="<html><body>It works!</body></html>", status=200)
            case _ if phone.opted_out:
                return _refusal(400, 21610, "Attempt to send to unsubscribed recipient")
            case _ if len(self._tasks) > IN_FLIGHT_MAX:
                return _refusal(429, 30001, "Queue overflow")
            case _:
                return None

    def _check(self, form: Mapping[str, str], number: str, body: str) -> web.Response | None:
        digits = number.removeprefix("+")
        if not (
            number.startswith("+")
            and digits.isascii()
            and digits.isdigit()
            and 8 <= len(number) <= NUMBER_CHARS_MAX
        ):
            return _refusal(400, 21211, f"Invalid 'To' Phone Number: {number[:32]}")
        if form.get("From") != self.from_number:
            return _refusal(400, 21606, "The 'From' phone number isn't one of this account's")
        if not body:
            return _refusal(400, 21602, "Message body is required")
        if len(body) > BODY_CHARS_MAX:
            return _refusal(400, 21617, "The concatenated message body exceeds 1600 characters")
        if number not in self._phones and len(self._phones) >= PHONES_MAX:
            return _refusal(400, 21211, f"Invalid 'To' Phone Number: {number}")
        return None

    async def _while_slow(self, phone: Phone) -> None:
        """Accepted all the same, after the client has long given up: the worst of both."""
        try:
            await self.until(
                lambda: None if phone.condition is Condition.SLOW else True, timeout_s=SLOW_S
            )
        except TimeoutError:
            return

    async def _carry(self, phone: Phone, sms: Sms, callback: str | None) -> None:
        """From queued to its fate. A callback that nobody answers doesn't hold up the phone."""
        fate, error_code = _FATES.get(phone.condition, ("delivered", None))
        states: asyncio.Queue[Sms | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            if callback:
                group.create_task(self._report(callback, states))
            states.put_nowait(sms)
            for status in ("sent", fate) if fate != "failed" else (fate,):
                await asyncio.sleep(self.pace_s)
                code = error_code if status == fate else None
                sms = msgspec.structs.replace(sms, status=status, error_code=code)
                phone.put(sms)
                states.put_nowait(sms)
            states.put_nowait(None)

    async def _report(self, callback: str, states: "asyncio.Queue[Sms | None]") -> None:
        """Status callbacks, in order. As Twilio: once more where no connection came about."""
        while (sms := await states.get()) is not None:
            form = {
                "AccountSid": self.account_sid,
                "ApiVersion": "2010-04-01",
                "From": self.from_number,
                "MessageSid": sms.sid,
                "MessageStatus": sms.status,
                "SmsSid": sms.sid,
                "SmsStatus": sms.status,
                "To": sms.number,
            }
            if sms.error_code is not None:
                form["ErrorCode"] = str(sms.error_code)
            for _ in range(2):
                try:
                    await self._post(callback, form)
                except aiohttp.ClientConnectorError:
                    continue
                except (aiohttp.ClientError, TimeoutError):
                    break
                break

    async def _post(self, url: str, form: Mapping[str, str]) -> tuple[int, str]:
        if self._session is None:
            raise aiohttp.ClientError("the phone network is stopped")
        headers = {"X-Twilio-Signature": self.signature(url, form), "User-Agent": "TwilioProxy/1.1"}
        async with self._session.post(url, data=form, headers=headers) as response:
            return response.status, await response.text(errors="replace")

    def _resource(self, sms: Sms) -> dict[str, object]:
        """The Message resource as Twilio writes it."""
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{sms.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": sms.body,
            "date_created": format_datetime(sms.at),
            "date_sent": None,
            "date_updated": format_datetime(sms.at),
            "direction": "outbound-api",
            "error_code": sms.error_code,
            "error_message": None,
            "from": sms.system_number,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": str(segments(sms.body)),
            "price": None,
            "price_unit": "USD",
            "sid": sms.sid,
            "status": sms.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": sms.number,
            "uri": f"{uri}.json",
        }

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def segments(body: str) -> int:
    """How many SMS a text takes on the air (GSM 03.38, else UCS-2)."""
    if all(character in _GSM_BASIC or character in _GSM_EXTENDED for character in body):
        length = len(body) + sum(character in _GSM_EXTENDED for character in body)
        single, part = 160, 153
    else:
        length = len(body.encode("utf-16-be")) // 2
        single, part = 70, 67
    return 1 if length <= single else -(-length // part)


def _refusal(status: int, code: int, message: str) -> web.Response:
    return web.json_response(
        {
            "code": code,
            "message": message,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        },
        status=status,
    )


def _twiml_messages(text: str) -> tuple[str, ...]:
    """The texts of <Response><Message>…; an empty body is a polite silence."""
    if not text.strip():
        return ()
    root = ElementTree.fromstring(text)  # noqa: S314  (our own server's answer)
    messages = root.findall("Message") if root.tag == "Response" else []
    return tuple("".join(message.itertext()).strip() for message in messages)
