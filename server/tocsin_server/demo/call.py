"""A call from the system to a phone: it rings, somebody answers or doesn't, a voice speaks.

Promise: the states, the status callbacks and the TwiML of a call are Twilio's; what a person does
with the phone is a method here, and `heard` is what the voice said so far. Speech and pauses take
no time unless the network is told to take it.

Refused: sound. A voice is text.

Sources: Twilio's API reference for the Call resource (2010-04-01) and its status callbacks, its
guide on answering machine detection, its TwiML reference.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from tocsin_server.demo.account import Account
from tocsin_server.demo.twiml import Say
from tocsin_server.demo.voice import Document, Voice
from tocsin_server.demo.webhooks import Report, Reporter, Webhooks

if TYPE_CHECKING:
    from tocsin_server.demo.handset import Phone

WAIT_S = 20.0  # how long a person at a phone waits for the voice


class CallStatus(StrEnum):
    """Twilio's word for where a call is."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"
    FAILED = "failed"


class Pickup(StrEnum):
    """How ringing ends."""

    HUMAN = "human"
    MACHINE = "machine_start"
    BUSY = "busy"
    NOBODY = "no-answer"
    CANCELED = "canceled"
    FAILED = "failed"


# The call status, and what SIP says: https://www.twilio.com/docs/voice/api/call-resource
_UNANSWERED = {
    Pickup.BUSY: (CallStatus.BUSY, 486),
    Pickup.NOBODY: (CallStatus.NO_ANSWER, 487),
    Pickup.CANCELED: (CallStatus.CANCELED, 487),
    Pickup.FAILED: (CallStatus.FAILED, 404),
}

_EVENTS = {
    CallStatus.INITIATED: "initiated",
    CallStatus.RINGING: "ringing",
    CallStatus.IN_PROGRESS: "answered",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrder:
    """What the system asked for."""

    document: Document
    ring_s: float
    time_limit_s: float
    status_callback: str | None
    events: frozenset[str]
    detects_machine: bool
    machine_callback: str | None  # set: detection runs beside the call


class Call:
    """One call. `heard` grows while the voice speaks; `problem` says why it broke off."""

    def __init__(
        self, order: CallOrder, account: Account, phone: "Phone", webhooks: Webhooks
    ) -> None:
        self.sid = f"CA{secrets.token_hex(16)}"
        self.account = account
        self.number = phone.number
        self.order = order
        self.status = CallStatus.QUEUED
        self.answered_by: str | None = None  # where the system asked to know
        self.by_machine = False
        self.spoken: list[Say] = []
        self.keys = ""  # all that were pressed
        self.problem: str | None = None
        self.is_listening = False  # the voice has spoken and waits for a key
        self.keypad: asyncio.Queue[str] | None = None  # while the voice gathers keys
        self.created_at = datetime.now(UTC)
        self.started_at: datetime | None = None
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self._phone = phone
        self._webhooks = webhooks
        self._reporter = Reporter(webhooks, account, order.status_callback)
        self._sequence = 0
        self._sip = 200
        self._pickup: asyncio.Future[Pickup] = asyncio.get_running_loop().create_future()
        self._document: Document | None = order.document  # what comes next; None: nothing more
        self._performing: asyncio.Task[None] | None = None
        self._is_hung_up = False

    @property
    def heard(self) -> list[str]:
        """What the voice said so far."""
        return [said.text for said in self.spoken]

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    @property
    def duration_s(self) -> int:
        """From the answer to the end, as Twilio bills it."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return round((self.ended_at - self.answered_at).total_seconds())

    # What a person does. These return at once; the calls further down wait for the voice.

    def pick_up(self, by: Pickup = Pickup.HUMAN) -> None:
        """End the ringing; without effect once it has ended."""
        if not self._pickup.done():
            self._pickup.set_result(by)

    def be_busy(self) -> None:
        self.pick_up(Pickup.BUSY)

    def ring_out(self) -> None:
        """Nobody came until the ringing stopped."""
        self.pick_up(Pickup.NOBODY)

    def hang_up(self) -> None:
        """End it; a call that still rings is declined, which Twilio reports as busy."""
        if self._pickup.done():
            self._interrupt(None)
        else:
            self.be_busy()

    def key(self, key: str) -> None:
        """Press one key. A voice that doesn't gather keys doesn't hear it."""
        self.keys += key
        if self.keypad is not None:
            self.is_listening = False
            self.keypad.put_nowait(key)

    async def answer(self) -> None:
        """Pick up, and listen until the voice waits for a key or is gone."""
        self.pick_up()
        await self.until_quiet()

    async def go_to_voicemail(self) -> None:
        """A machine answers. It presses nothing; return when the voice is gone."""
        self.pick_up(Pickup.MACHINE)
        await self.until_ended()

    async def press(self, keys: str) -> None:
        """Press keys, and listen until the voice waits again or is gone."""
        for key in keys:
            self.key(key)
        await self.until_quiet()

    async def say_nothing(self) -> None:
        """Let the voice wait in vain, and listen until it waits again or is gone."""
        self.key("")
        await self.until_quiet()

    async def until_quiet(self, *, timeout_s: float = WAIT_S) -> None:
        """Return when the voice waits for a key or is gone."""
        await self._phone.until(
            lambda: True if self.is_listening or self.is_over else None, timeout_s=timeout_s
        )

    async def until_ended(self, *, timeout_s: float = WAIT_S) -> CallStatus:
        """Return how it ended."""
        await self._phone.until(lambda: True if self.is_over else None, timeout_s=timeout_s)
        return self.status

    async def until_heard(self, text: str, *, timeout_s: float = WAIT_S) -> str:
        """Return the first sentence with `text` in it."""
        return await self._phone.until(
            lambda: next((said for said in self.heard if text in said), None), timeout_s=timeout_s
        )

    # What the system does.

    def cancel(self) -> None:
        """Status=canceled: ends what rings, and leaves alone whoever speaks already."""
        self.pick_up(Pickup.CANCELED)

    def complete(self) -> None:
        """Status=completed: ends it wherever it is."""
        self.pick_up(Pickup.CANCELED)
        self._interrupt(None)

    def redirect(self, document: Document) -> None:
        """Break off what the voice says, and say this."""
        self.is_listening = False
        self._interrupt(document)

    def _interrupt(self, document: Document | None) -> None:
        if self._is_hung_up:
            return
        self._is_hung_up = document is None
        self._document = document
        if self._performing is not None:
            self._performing.cancel()

    # What the voice does.

    async def fetch(self, url: str, form: dict[str, str]) -> tuple[int, str]:
        """Ask the system what to say next. Raises aiohttp.ClientError, TimeoutError."""
        return await self._webhooks.post(self.account, url, self.form() | form)

    def say(self, said: Say) -> None:
        """The person hears it."""
        self.spoken.append(said)
        self._phone.touch()

    def listen(self) -> None:
        """The voice has nothing more to say, and waits for a key."""
        self.is_listening = True
        self._phone.touch()

    async def live(self, *, pace_s: float, ring_s: float | None, takes_time: bool) -> None:
        """From queued to its end. A callback that nobody answers doesn't hold it up."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reporter.run(self._phone.manner))
            status = CallStatus.FAILED  # what becomes of it when the network stops
            try:
                pickup = await self._ring(pace_s, self.order.ring_s if ring_s is None else ring_s)
                if (unanswered := _UNANSWERED.get(pickup)) is not None:
                    status, self._sip = unanswered
                else:
                    await self._talk(pickup, group, takes_time=takes_time)
                    status = CallStatus.COMPLETED
            finally:
                self.is_listening = False
                self.ended_at = datetime.now(UTC)
                self._become(status)
                self._reporter.end()

    async def _ring(self, pace_s: float, ring_s: float) -> Pickup:
        self._become(CallStatus.INITIATED)
        await asyncio.wait({self._pickup}, timeout=pace_s)
        by_itself = self._phone.pickup
        if not self._pickup.done() and by_itself is not Pickup.FAILED:
            self._become(CallStatus.RINGING)
            self.started_at = datetime.now(UTC)
        if by_itself is not None:
            self.pick_up(by_itself)
        await asyncio.wait({self._pickup}, timeout=ring_s)
        self.ring_out()
        return self._pickup.result()

    async def _talk(self, pickup: Pickup, group: asyncio.TaskGroup, *, takes_time: bool) -> None:
        self.answered_at = datetime.now(UTC)
        self.by_machine = pickup is Pickup.MACHINE
        if self.order.detects_machine:
            self.answered_by = str(pickup)
        self._become(CallStatus.IN_PROGRESS)
        if self.answered_by and self.order.machine_callback:
            telling = group.create_task(self._tell_who_answered(self.order.machine_callback))
            if self.by_machine:  # its greeting takes as long as finding out what it is
                await telling
        try:
            async with asyncio.timeout(self.order.time_limit_s):
                while (document := self._document) is not None:
                    self._document = None
                    voice = Voice(self, is_heard=not self.by_machine, takes_time=takes_time)
                    await self._perform(voice, document)
        except TimeoutError:
            self.problem = "the time limit of the call"

    async def _perform(self, voice: Voice, document: Document) -> None:
        """Return when the voice is through, or when somebody broke it off."""
        self._performing = asyncio.get_running_loop().create_task(voice.perform(document))
        try:
            await asyncio.wait({self._performing})
        finally:
            self._performing.cancel()
        if not self._performing.cancelled():
            self._performing.result()

    async def _tell_who_answered(self, url: str) -> None:
        form = {
            "AccountSid": self.account.sid,
            "CallSid": self.sid,
            "AnsweredBy": str(self.answered_by),
            "MachineDetectionDuration": "0",
        }
        await self._webhooks.report(Report(self.account, url, form))

    def _become(self, status: CallStatus) -> None:
        self.status = status
        self._phone.touch()
        event = _EVENTS.get(status, "completed")
        if event not in self.order.events:
            return
        form = self.form() | {
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._sequence),
            "Timestamp": format_datetime(datetime.now(UTC)),
        }
        self._sequence += 1
        if event == "completed":
            form |= {
                "CallDuration": str(self.duration_s),
                "Duration": str(-(-self.duration_s // 60)),
                "SipResponseCode": str(self._sip),
            }
            if self.answered_by is not None:
                form["AnsweredBy"] = self.answered_by
        self._reporter.say(form)

    def form(self) -> dict[str, str]:
        """What Twilio says about a call in every request."""
        known = self.answered_by is not None and self.order.machine_callback is None
        return ({"AnsweredBy": str(self.answered_by)} if known else {}) | {
            "AccountSid": self.account.sid,
            "ApiVersion": "2010-04-01",
            "CallSid": self.sid,
            "CallStatus": str(self.status),
            "Called": self.number,
            "Caller": self.account.from_number,
            "Direction": "outbound-api",
            "From": self.account.from_number,
            "To": self.number,
        }
