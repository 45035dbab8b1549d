"""The phone network at the edge: Twilio's REST shape on one side, phones to look at on the other.

Promise: the real `twilio` client can't tell it from the real service as far as text messages and
calls to people go (`provider.py` says which requests; errors with Twilio's codes, status callbacks
and inbound webhooks with valid signatures, the STOP words, TwiML), and a message that a phone shows
or a call that rings there really came through that door.

Refused: sending anything to anybody. No message leaves this process, and none is kept on disk.

Sources: Twilio's API reference for the Message resource (2010-04-01), its guide on tracking the
status of outbound messages, its support article on opt-out keywords, its error dictionary.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import web

from tocsin_server.demo import twiml
from tocsin_server.demo.account import Account, AccountCondition
from tocsin_server.demo.call import Call, CallOrder, CallStatus
from tocsin_server.demo.handset import MESSAGES_PER_PHONE_MAX, Condition, Phone
from tocsin_server.demo.provider import Provider
from tocsin_server.demo.sms import (
    BODY_CHARS_MAX,
    HELP_WORDS,
    HELPED,
    START_WORDS,
    STARTED,
    STOP_WORDS,
    STOPPED,
    Answer,
    Sms,
    segments,
)
from tocsin_server.demo.webhooks import Reporter, Reports, Webhooks

__all__ = [
    "BODY_CHARS_MAX",
    "HELPED",
    "MESSAGES_PER_PHONE_MAX",
    "STARTED",
    "STOPPED",
    "Account",
    "AccountCondition",
    "Answer",
    "Call",
    "CallStatus",
    "Condition",
    "Phone",
    "PhoneNetwork",
    "Reports",
    "Sms",
    "segments",
]

Seen = TypeVar("Seen")

ACCOUNTS_MAX = 10
PHONES_MAX = 1000  # a storm test pages hundreds; more is a mistake
IN_FLIGHT_MAX = 5000  # beyond it new messages get Twilio's queue overflow
REQUEST_BYTES_MAX = 65_536


class PhoneNetwork:
    """The provider and all its phones. Phones come into being when somebody names them.

    `account` is the first of `accounts`; `ring_s` replaces the ringing time that a call asks for.
    """

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        from_number: str,
        inbound_url: str | None = None,
        pace_s: float = 0.0,
        ring_s: float | None = None,
        voice_takes_time: bool = False,
    ) -> None:
        """`inbound_url` is where replies go; `pace_s` lies between the states of a message.

        `voice_takes_time`: speech, pauses and the wait for a key last as long as on the phone.
        """
        self.pace_s = pace_s
        self.ring_s = ring_s
        self.voice_takes_time = voice_takes_time
        self.accounts: list[Account] = []
        self.account = self.add_account(
            sid=account_sid, auth_token=auth_token, from_number=from_number, inbound_url=inbound_url
        )
        self.webhooks = Webhooks()
        self._phones: dict[str, Phone] = {}
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    def add_account(
        self, *, sid: str, auth_token: str, from_number: str, inbound_url: str | None = None
    ) -> Account:
        """Serve one more account, with a number of its own."""
        if len(self.accounts) >= ACCOUNTS_MAX:
            raise ValueError(f"no more than {ACCOUNTS_MAX} accounts")
        account = Account(
            sid=sid,
            auth_token=auth_token,
            from_number=from_number,
            inbound_url=inbound_url,
            touch=self.touch,
        )
        self.accounts.append(account)
        return account

    @property
    def account_sid(self) -> str:
        return self.account.sid

    @property
    def from_number(self) -> str:
        return self.account.from_number

    @property
    def inbound_url(self) -> str | None:
        return self.account.inbound_url

    @inbound_url.setter
    def inbound_url(self, url: str | None) -> None:
        self.account.inbound_url = url

    @property
    def url(self) -> str:
        """What `api_url` of the server's configuration must say."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def phones(self) -> list[Phone]:
        return list(self._phones.values())

    @property
    def is_full(self) -> bool:
        """Nothing more can be carried for now."""
        return len(self._tasks) > IN_FLIGHT_MAX

    def has_room_for(self, number: str) -> bool:
        return number in self._phones or len(self._phones) < PHONES_MAX

    def phone(self, number: str) -> Phone:
        if number not in self._phones:
            if not self.has_room_for(number):
                raise ValueError(f"no more than {PHONES_MAX} phones")
            self._phones[number] = Phone(number, self)
        return self._phones[number]

    async def start(self, *, port: int = 0) -> None:
        """Listen on loopback; 0 takes a free port, which a later start takes again."""
        await self.webhooks.open()
        app = web.Application(client_max_size=REQUEST_BYTES_MAX)
        app.add_routes(Provider(self).routes())
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
        await self.webhooks.close()

    @asynccontextmanager
    async def running(self, *, port: int = 0) -> AsyncIterator["PhoneNetwork"]:
        await self.start(port=port)
        try:
            yield self
        finally:
            await self.stop()

    def signature(self, url: str, form: Mapping[str, str]) -> str:
        """X-Twilio-Signature of the first account for a form posted to `url`."""
        return self.account.signature(url, form)

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

    async def until_idle(self, *, timeout_s: float = 20.0) -> None:
        """Return once nothing is on its way, and no call rings or speaks."""
        async with asyncio.timeout(timeout_s):
            while self._tasks:
                await asyncio.wait(self._tasks)

    def call(self, account: Account, phone: Phone, order: CallOrder) -> Call:
        """Place a call; it rings as soon as the loop comes to it."""
        call = Call(order, account, phone, self.webhooks)
        account.keep_call(call)
        phone.put_call(call)
        self._spawn(
            call.live(pace_s=self.pace_s, ring_s=self.ring_s, takes_time=self.voice_takes_time)
        )
        return call

    def text(self, account: Account, phone: Phone, body: str, callback: str | None) -> Sms:
        """Accept a message, which is on its way from now on."""
        sms = self._sms(account, phone, body, direction="outbound-api", status="queued")
        sms = msgspec.structs.replace(sms, callback=callback)
        self._put(account, phone, sms)
        self._spawn(self._carry(account, phone, sms, callback))
        return sms

    async def reply(self, number: str, body: str, *, account: Account | None = None) -> Answer:
        """Text `body` from a phone to the system; the webhook's answers appear on the phone.

        It goes to the number that texted this phone last, like any reply, or to `account`'s.
        """
        phone = self.phone(number)
        account = account or self._last_sender(phone)
        word = body.strip().upper()
        reply = self._sms(
            account, phone, body[:BODY_CHARS_MAX], direction="inbound", status="received"
        )
        self._put(account, phone, reply)
        if word in STOP_WORDS:
            phone.opted_out = True
            self._answer(account, phone, STOPPED)
        elif word in START_WORDS and phone.opted_out:
            phone.opted_out = False
            self._answer(account, phone, STARTED)
        elif word in HELP_WORDS and not phone.opted_out:
            self._answer(account, phone, HELPED)
        answer, note = await self._deliver_reply(account, reply)
        if note:
            self._put(account, phone, msgspec.structs.replace(reply, note=note))
        if not phone.opted_out:  # Twilio drops an answer to a number that opted out, too
            for text in answer.texts:
                self._answer(account, phone, text)
        return answer

    def _last_sender(self, phone: Phone) -> Account:
        for sms in reversed(phone.thread):
            for account in self.accounts:
                if sms.incoming and account.from_number == sms.system_number:
                    return account
        return self.account

    async def _deliver_reply(self, account: Account, reply: Sms) -> tuple[Answer, str | None]:
        if account.inbound_url is None:
            return Answer(status=None), "nobody listens to replies yet"
        form = {
            "AccountSid": account.sid,
            "ApiVersion": "2010-04-01",
            "Body": reply.body,
            "From": reply.number,
            "MessageSid": reply.sid,
            "NumMedia": "0",
            "NumSegments": str(segments(reply.body)),
            "SmsMessageSid": reply.sid,
            "SmsSid": reply.sid,
            "SmsStatus": "received",
            "To": account.from_number,
        }
        try:
            status, text = await self.webhooks.post(account, account.inbound_url, form)
        except (aiohttp.ClientError, TimeoutError) as error:
            return Answer(status=None), f"11200: no answer from the system ({error})"
        if status >= 400:
            return Answer(status=status), f"11200: the system refused it with HTTP {status}"
        try:
            return Answer(status=status, texts=twiml.messages(text)), None
        except twiml.BadTwiml as bad:
            return Answer(status=status), str(bad)

    def _answer(self, account: Account, phone: Phone, body: str) -> None:
        sms = self._sms(account, phone, body, direction="outbound-reply", status="delivered")
        self._put(account, phone, sms)

    def _sms(
        self, account: Account, phone: Phone, body: str, *, direction: str, status: str
    ) -> Sms:
        now = datetime.now(UTC)
        return Sms(
            sid=f"SM{secrets.token_hex(16)}",
            number=phone.number,
            system_number=account.from_number,
            body=body,
            at=now,
            incoming=direction != "inbound",
            direction=direction,
            status=status,
            arrived=direction == "outbound-reply",
            sent_at=now if status != "queued" else None,
        )

    def _put(self, account: Account, phone: Phone, sms: Sms) -> None:
        account.keep(sms)
        phone.put(sms)

    async def _carry(self, account: Account, phone: Phone, sms: Sms, callback: str | None) -> None:
        """From queued to its fate. A callback that nobody answers doesn't hold up the phone."""
        fate, error_code = phone.fate
        if account.unregistered is not None:
            fate, error_code = "undelivered", account.unregistered
        reporter = Reporter(self.webhooks, account, callback)
        async with asyncio.TaskGroup() as group:
            group.create_task(reporter.run(phone.manner))
            reporter.say(_report(account, sms))
            for status in (fate,) if fate in {"sent", "failed"} else ("sent", fate):
                await asyncio.sleep(self.pace_s)
                now = datetime.now(UTC)
                sms = msgspec.structs.replace(
                    sms,
                    status=status,
                    error_code=error_code if status == fate else None,
                    arrived=status == fate and error_code is None,
                    sent_at=sms.sent_at or now,
                    changed_at=now,
                )
                self._put(account, phone, sms)
                reporter.say(_report(account, sms))
            reporter.end()

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _report(account: Account, sms: Sms) -> dict[str, str]:
    form = {
        "AccountSid": account.sid,
        "ApiVersion": "2010-04-01",
        "From": account.from_number,
        "MessageSid": sms.sid,
        "MessageStatus": sms.status,
        "SmsSid": sms.sid,
        "SmsStatus": sms.status,
        "To": sms.number,
    }
    if sms.error_code is not None:
        form["ErrorCode"] = str(sms.error_code)
    return form
