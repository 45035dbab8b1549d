"""Behind a firewall: what Twilio would tell a public server is fetched from it.

Promise: replies, and what became of texts and calls, are here within a few seconds while anything
is open, and within half a minute otherwise. Whatever the provider does, the loop goes on; trouble
is said once in the log, and so is its end. A reply is handed on once by each replica, under its id,
by which the caller sees that another one has dealt with it.

Refused: a key pressed in a call. Twilio posts it, and nobody can fetch it.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from tocsin_server.channels.channel import Message, Outstanding, Report, SendFailed
from tocsin_server.channels.twilio import Account, Twilio, TwilioSms
from tocsin_server.channels.twilio_call import TwilioVoice
from tocsin_server.channels.twilio_reports import (
    read_call_report,
    read_machine,
    read_report,
)
from tocsin_server.errors import because
from tocsin_server.storage.database import DATABASE_ERRORS

BUSY_S = 2.0
IDLE_S = 30.0
BACK_OFF_S_MAX = 16.0  # a provider that is back is seen within this
LOOK_BACK = timedelta(hours=1)  # a reply that is older answers nothing any more
TEXTS_MAX = 200  # newest first, a look; more in two seconds is a flood
AT_ONCE_MAX = 10  # requests; Twilio takes a hundred or so of an account, and pages go first
HANDED_ON_MAX = 10_000  # replies that are remembered, more than an hour brings

log = structlog.get_logger()


class TwilioFetch:
    """One replica's fetching."""

    def __init__(
        self,
        twilio: Twilio,
        *,
        is_busy: Callable[[], bool],
        outstanding: Callable[[], Awaitable[Sequence[Outstanding]]],
        on_text: Callable[[str, str, str], Awaitable[str | None]],
        on_report: Callable[[UUID, Report], Awaitable[None]],
    ) -> None:
        """`on_text` takes phone, body and the message's id, and gives the answer to be texted."""
        self._twilio = twilio
        self._sms = TwilioSms(twilio)
        self._voice = TwilioVoice(twilio)
        self._is_busy = is_busy
        self._outstanding = outstanding
        self._on_text = on_text
        self._on_report = on_report
        self._handed_on: OrderedDict[str, None] = OrderedDict()
        self._reported: dict[str, tuple[str, ...]] = {}
        self._failing: dict[str, float] = {}  # by what is tried: for how long it waits now
        self._again_at: dict[str, float] = {}
        self._asking = asyncio.Semaphore(AT_ONCE_MAX)

    async def run(self) -> None:
        """Fetch every two seconds while anything is open, else rarely, until cancelled."""
        fetched_at = -IDLE_S
        while True:
            if self._is_busy() or time.monotonic() - fetched_at >= IDLE_S:
                await self.turn()
                fetched_at = time.monotonic()
            await asyncio.sleep(BUSY_S)

    async def turn(self) -> None:
        """Fetch once. What failed lately waits for its time, and holds up nothing else."""
        await asyncio.gather(
            *[
                self._attempt(f"replies to {account.from_number}", self._fetch_texts, account)
                for account in self._twilio.accounts
            ],
            self._attempt("delivery reports", self._fetch_reports),
        )

    async def _attempt(self, what: str, step: Callable[..., Awaitable[None]], *args: Any) -> None:
        if time.monotonic() < self._again_at.get(what, 0.0):
            return
        try:
            await step(*args)
        except (SendFailed, *DATABASE_ERRORS) as error:
            if what not in self._failing:
                log.warning("can't be fetched", what=what, because=because(error))
            wait_s = min(self._failing.get(what, BUSY_S / 2) * 2, BACK_OFF_S_MAX)
            self._failing[what] = wait_s
            self._again_at[what] = time.monotonic() + wait_s
        else:
            if self._failing.pop(what, None) is not None:
                log.info("can be fetched again", what=what)

    async def _fetch_texts(self, account: Account) -> None:
        since = datetime.now(UTC) - LOOK_BACK
        # A messaging service may have taken the reply at any of its numbers.
        only = {} if account.messaging_service_sid else {"to": account.from_number}
        texts = await account.ask(
            account.messages.list_async(
                date_sent_after=since, limit=TEXTS_MAX, page_size=TEXTS_MAX, **only
            )
        )
        for text in reversed(texts):  # newest first, as Twilio gives them
            is_new = text.date_created is None or text.date_created >= since
            if text.direction == "inbound" and is_new and text.sid not in self._handed_on:
                await self._hand_on(str(text.from_), str(text.body or ""), str(text.sid))

    async def _hand_on(self, phone: str, body: str, message_id: str) -> None:
        answer = await self._on_text(phone, body, message_id)
        self._handed_on[message_id] = None
        if len(self._handed_on) > HANDED_ON_MAX:
            self._handed_on.popitem(last=False)
        if answer:
            try:
                await self._sms.send(Message(notification_id=None, to=phone, text=answer))
            except SendFailed as error:
                log.error("a reply was not answered", to=phone, because=because(error))

    async def _fetch_reports(self) -> None:
        outstanding = [one for one in await self._outstanding() if one.method in {"sms", "voice"}]
        known = {one.provider_id for one in outstanding}
        self._reported = {each: said for each, said in self._reported.items() if each in known}
        failures = await asyncio.gather(*map(self._fetch_report, outstanding))
        for failure in failures:
            if failure is not None:
                raise failure

    async def _fetch_report(self, one: Outstanding) -> SendFailed | None:
        """Report what is new of one message. Gives why that couldn't be found out."""
        try:
            async with self._asking:
                if one.method == "voice":
                    reports = await self._call_reports(one.provider_id)
                else:
                    reports = await self._text_reports(one.provider_id)
        except SendFailed as error:
            return error
        said = tuple(report.status for report in reports)
        if said == self._reported.get(one.provider_id):
            return None
        for report in reports:
            await self._on_report(one.notification_id, report)
        self._reported[one.provider_id] = said
        return None

    async def _text_reports(self, provider_id: str) -> list[Report]:
        text = await self._twilio.find(lambda account: account.messages(provider_id).fetch_async())
        code = "" if text.error_code is None else str(text.error_code)
        report = read_report({"MessageStatus": str(text.status), "ErrorCode": code})
        if report is None:
            return []
        self._twilio.learn({"AccountSid": str(text.account_sid), "From": str(text.from_)}, report)
        return [report]

    async def _call_reports(self, provider_id: str) -> list[Report]:
        call = await self._twilio.find(lambda account: account.calls(provider_id).fetch_async())
        report = read_call_report({"CallStatus": str(call.status)})
        machine = read_machine({"AnsweredBy": str(call.answered_by)})
        if machine is not None and call.status == "in-progress":
            await self._voice.hang_up(provider_id)
        return [each for each in (report, machine) if each is not None]
