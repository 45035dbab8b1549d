"""Notify: send what is pending, and record what the provider made of it.

A message is leased, never locked, while its provider is asked; a lease is renewed while
the answer is outstanding and runs out by itself when this replica dies. Whether the alert
still wants the message is checked when it is leased, and stand-down again after it was sent.
However many messages hang or are throttled, no other alert's wait for them (see `room`).
A failure, or no report within NO_REPORT_S, starts the person's next contact in the same tier:
that is decided in the rows (`fall_back`), by whichever replica sees it first.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import metrics
from tocsin_server.alert import wording
from tocsin_server.alert.geotag import Place
from tocsin_server.alert.lifecycle import NO_REPORT_S
from tocsin_server.alert.link_key import write_key
from tocsin_server.alert.outcomes import Outcomes
from tocsin_server.alert.press import Held
from tocsin_server.alert.replies import REPLIES
from tocsin_server.alert.room import ALERT_AT_ONCE_MAX, SLOW_S, Asking, free, is_quick, take
from tocsin_server.alert.wording import Worded
from tocsin_server.channels.channel import (
    RINGING_RANK,
    Calls,
    Channel,
    Message,
    Method,
    Outstanding,
    SendFailed,
)
from tocsin_server.errors import NotFound, because
from tocsin_server.fleet.directory import Contact, Directory, Person, PolicyTier, Situation
from tocsin_server.storage.database import DATABASE_ERRORS, Database

LEASE_S = 5.0  # a killed replica's messages are sent by another one, or the next, after this
RENEW_S = 2.0
FLOOR_S = 1.0
TURN_S_MIN = 0.01
LEASED_MIN = 25  # fewer at a time would ask the database as often as there are messages,
FEW_EVERY_S = 0.05  # unless it wasn't asked for so long: what hangs leaves little room
ENDED_MAX = 50  # calls that are being ended at once
RETRY_S = (1.0, 2.0, 4.0, 8.0)
RETRY_S_MAX = 10.0
REPLIED: frozenset[Method] = frozenset({"sms", "voice"})  # elsewhere nobody can text a code back
_ANSWERED = frozenset({"page", "hand_over", "ask"})
_SECTIONS: Mapping[Method, str] = {
    "sms": "texts need [twilio]",
    "voice": "calls need [twilio]",
    "push": "web push needs [push]",
    "email": "e-mail needs [email]",
    "apprise": "chats and pagers need the package apprise",
}

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class Notify:
    """Every pending message of every alert, on every replica, one at a time each."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        channels: Mapping[Method, Channel],
        *,
        public_url: str,
    ) -> None:
        """A message by a method without a channel fails, and the person's next contact is tried."""
        self._database = database
        self._directory = directory
        self._channels = channels
        self._public_url = public_url
        self._woken = asyncio.Event()
        self._sending: dict[asyncio.Task[None], Asking] = {}
        self._ending: dict[UUID, asyncio.Task[None]] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._waits = False  # something may wait for room
        self._few = False  # there was some room, and it was left
        self._leased_at = -math.inf
        self.outcomes = Outcomes(database, is_telling=self._is_telling)
        self.turned_at = time.monotonic()

    def wake(self) -> None:
        """Look soon: something was committed."""
        self._woken.set()

    async def run(self) -> None:
        """Send, and look for what nobody reports on, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_due())
            group.create_task(self._fall_back())

    async def _send_due(self) -> None:
        """Look whenever woken, and every second besides."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s()):
                    await self._woken.wait()
            await asyncio.sleep(TURN_S_MIN)  # screens first, and several messages together
            self._woken.clear()
            try:
                await self.turn()
            except DATABASE_ERRORS as error:
                log.error("messages wait for the database", because=because(error))

    def _patience_s(self) -> float:
        if self._few:
            return FEW_EVERY_S
        return SLOW_S if self._waits else FLOOR_S

    async def _fall_back(self) -> None:
        """Start the next contact of everybody whose page nobody has reported on in time.

        Beside the sending: this waits for the locks of alerts that others are at.
        """
        while True:
            wait_s = FLOOR_S
            try:
                next_s = await queries.fall_back_unreported(
                    self._database.pool, no_report_s=NO_REPORT_S, ringing_rank=RINGING_RANK
                )
                wait_s = min(wait_s, max(TURN_S_MIN, next_s or FLOOR_S))
            except DATABASE_ERRORS as error:
                log.error("unreported messages wait for the database", because=because(error))
            await asyncio.sleep(wait_s)

    async def turn(self) -> None:
        """Start every message that is due, as many as there is room for."""
        now = time.monotonic()
        rooms = free(self._sending.values(), now=now)
        least = LEASED_MIN if now - self._leased_at < FEW_EVERY_S else 1
        roomy = {method: room for method, room in rooms.items() if room.any >= least}
        self._few = any(0 < room.any < least for room in rooms.values())
        if not self._few:
            self._leased_at = now
        rows = queries.lease(
            self._database.walk,
            methods=list(roomy),
            rooms=[room.any for room in roomy.values()],
            yielding=[room.yielding for room in roomy.values()],
            alert_max=ALERT_AT_ONCE_MAX,
            slow_s=SLOW_S,
            lease_s=LEASE_S,
        )
        async for row in rows:
            take(rooms[row["method"]], yields=row["yields"])
            self._begin(row)
        self._waits = any(room.any < LEASED_MIN or room.yielding < 1 for room in rooms.values())
        ended_max = ENDED_MAX - len(self._ending)
        if ended_max > 0:
            calls = queries.lease_calls_to_end(
                self._database.walk, calls_max=ended_max, lease_s=LEASE_S
            )
            async for row in calls:
                self._begin_to_end(row)
        self.turned_at = time.monotonic()

    async def drain(self) -> None:
        """Let what is on its way to the provider arrive, at shutdown."""
        under_way = {*self._sending, *self._ending.values()}
        if under_way:
            await asyncio.wait(under_way, timeout=LEASE_S / 2)

    def page_from_memory(self, held: Held) -> "asyncio.Future[list[str]]":
        """Tell the first tier of a press that the database doesn't take. Gives whom it told."""
        return asyncio.ensure_future(self._page_from_memory(held))

    async def message_of(self, notification_id: UUID) -> Message | None:
        """Word a message once more, for whoever has it before them; None: none of an alert."""
        row = await queries.message(self._database.pool, notification_id=notification_id)
        return self._message(row) if row is not None else None

    async def outstanding(self) -> list[Outstanding]:
        """Name the messages of which the provider knows more than we do."""
        rows = queries.outstanding(self._database.pool)
        return [Outstanding(**row) async for row in rows]

    async def pass_on(
        self, *, notification_id: UUID | None = None, link_key: UUID | None = None
    ) -> str:
        """Note that somebody can't take it: the next are told. Gives what to say. NotFound."""
        row = await queries.message_key(
            self._database.pool, notification_id=notification_id, link_key=link_key
        )
        if row is None:
            raise NotFound("no message of an alert")
        await queries.record_keyed(
            self._database.pool, notification_id=row["notification_id"], passes_on=True
        )
        return REPLIES[row["language"]].passed_on

    async def send_directly(self, number: str, text: str) -> None:
        """Send one text without the database, where there is no other way. Never raises."""
        worded = wording.directly(text)
        try:
            await self._hand_over("sms", Message(notification_id=None, to=number, text=worded.text))
        except SendFailed as error:
            log.error("NOT TOLD", because=because(error), text=text)

    def _begin(self, row: asyncpg.Record) -> None:
        asking = Asking(
            row["notification_id"], row["method"], time.monotonic(), yields=row["yields"]
        )
        sending = asyncio.create_task(self._send(row, asking))
        self._sending[sending] = asking
        sending.add_done_callback(self._sent)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())

    def _sent(self, sending: asyncio.Task[None]) -> None:
        del self._sending[sending]
        _check(sending)

    def _is_telling(self) -> bool:
        now = time.monotonic()
        return self._waits or any(is_quick(each, now=now) for each in self._sending.values())

    def _begin_to_end(self, row: asyncpg.Record) -> None:
        call = row["notification_id"]
        if call not in self._ending:
            ending = self._ending[call] = asyncio.create_task(self._end_call(row))
            ending.add_done_callback(_check)
            ending.add_done_callback(lambda _: self._ending.pop(call))

    async def _send(self, row: asyncpg.Record, asking: Asking) -> None:
        try:
            provider_id = await self._hand_over(row["method"], self._message(row))
        except SendFailed as error:
            self._answered(asking, "failed")
            await self._record_failure(row, error)
        else:
            self._answered(asking, "accepted")
            await self.outcomes.accepted(row["notification_id"], provider_id)

    def _answered(self, asking: Asking, outcome: str) -> None:
        metrics.SENT.labels(outcome).inc()
        asking.answered = True
        if self._waits:
            self._woken.set()

    async def _end_call(self, row: asyncpg.Record) -> None:
        """End a call that nobody needs to take any more; whoever listens hears who has it."""
        calls = self._channels.get(row["method"])
        worded = self._worded(row, purpose="stand_down") if row["acknowledged_by"] else None
        was_over = False
        try:
            if isinstance(calls, Calls):
                was_over = not await calls.withdraw(
                    row["provider_id"],
                    spoken=worded.spoken if worded else "",
                    language=row["language"],
                )
        except SendFailed as error:
            log.warning("a call still rings", to=row["name"], because=because(error))
            if error.temporary:
                return  # the lease runs out, and it is tried again
        await self._record_end(row["notification_id"], was_over=was_over)

    async def _hand_over(self, method: Method, message: Message) -> str:
        channel = self._channels.get(method)
        if channel is None:
            raise SendFailed(f"{_SECTIONS[method]}: it is not configured", temporary=False)
        return await channel.send(message)

    def _message(self, row: asyncpg.Record) -> Message:
        worded = self._worded(row, purpose=row["purpose"])
        answers = row["purpose"] in _ANSWERED
        return Message(
            notification_id=row["notification_id"],
            alert_id=row["alert_id"],
            to=row["address"],
            text=worded.text if row["method"] in REPLIED else worded.told,
            subject=worded.subject,
            spoken=worded.spoken,
            spoken_keys=worded.spoken_keys if answers else "",
            spoken_code=worded.spoken_code if answers else "",
            link=answer_link(self._public_url, row["link_key"]) if answers else None,
            language=row["language"],
            urgent=row["purpose"] not in {"stand_down", "fault", "verify"},
            drill=bool(row["drill"]),
        )

    def _worded(self, row: asyncpg.Record, *, purpose: str) -> Worded:
        if row["body"] is not None:
            return wording.directly(row["body"])
        alert = wording.Alert(
            alert_id=row["alert_id"],
            kind=row["kind"],
            drill=row["drill"],
            code=row["code"],
            place=msgspec.json.decode(row["place"], type=Place),
            age_s=row["age_s"],
            presses=row["presses"],
            cancelled=row["cancelled"],
            attempt=row["attempt"],
            holder=row["acknowledged_by"],
            why=row["again_why"],
        )
        language, by, url = row["language"], row["acknowledged_by"], self._public_url
        match purpose:
            case "stand_down":
                return wording.has_it(alert, by=by, language=language)
            case "hand_over":
                return wording.hands_over(alert, by=by, public_url=url, language=language)
            case "ask":
                return wording.still_yours(alert, language=language)
            case _:
                return wording.page(alert, public_url=url, language=language)

    async def _record_failure(self, row: asyncpg.Record, error: SendFailed) -> None:
        tries = row["tries"]
        retry_s = RETRY_S[tries - 1] if tries <= len(RETRY_S) else RETRY_S_MAX
        log.warning(
            "not sent",
            alert_id=str(row["alert_id"]),
            to=row["name"],
            method=row["method"],
            because=because(error),
            again_in_s=retry_s if error.temporary else None,
        )
        await self.outcomes.failed(
            row["notification_id"],
            str(error),
            retry_s=retry_s if error.temporary else None,
            unreachable=error.unreachable,
        )

    async def _renew(self) -> None:
        while self._sending:
            await asyncio.sleep(RENEW_S)
            try:
                await queries.renew(
                    self._database.pool,
                    notification_ids=[asking.notification_id for asking in self._sending.values()],
                    lease_s=LEASE_S,
                )
            except DATABASE_ERRORS as error:
                log.warning("leases were not renewed", because=because(error))

    async def _record_end(self, notification_id: UUID, *, was_over: bool) -> None:
        while True:
            try:
                await queries.call_ended(
                    self._database.pool, notification_id=notification_id, was_over=was_over
                )
            except DATABASE_ERRORS as error:
                log.error("a call's end is not recorded yet", because=because(error))
                await asyncio.sleep(FLOOR_S)
            else:
                return

    async def _page_from_memory(self, held: Held) -> list[str]:
        entries = self._directory.entries
        situation = entries.situation(
            held.device.jurisdiction,
            kind=held.press.kind,
            drill=held.drill,
            at=self._database.now(),
        )
        first = entries.first_to_tell(entries.policy_for(held.device, held.press.kind), situation)
        if first is None:
            log.error("NOBODY TO TELL of an unstored press", device_id=held.device.device_id)
            return []
        tier, people = first
        told = await asyncio.gather(
            *(self._tell_from_memory(person, tier, situation, held) for person in people)
        )
        names = [person.name for person, was_told in zip(people, told, strict=True) if was_told]
        log.warning("paged from memory", device_id=held.device.device_id, people=names)
        return names

    async def _tell_from_memory(
        self, person: Person, tier: PolicyTier, situation: Situation, held: Held
    ) -> bool:
        """Tell one person, beside the others: by one contact after the other, a few times over."""
        usable = person.usable(situation)
        first = tier.told_by(person, situation)
        contacts = [*first, *(each for each in usable if each not in first)]
        for again_s in (*RETRY_S, None):
            temporary = False
            for contact in contacts:
                try:
                    await self._hand_over(contact.method, _unstored(person, contact, held))
                except SendFailed as error:
                    temporary = temporary or error.temporary
                    log.error(
                        "NOT TOLD of an unstored press",
                        to=person.name,
                        method=contact.method,
                        because=because(error),
                    )
                else:
                    return True
            if not temporary or again_s is None:
                break
            await asyncio.sleep(again_s)
        return False


def _check(done: asyncio.Task[None]) -> None:
    if not done.cancelled() and done.exception() is not None:
        log.error("a message went wrong", because=repr(done.exception()))


def answer_link(public_url: str, link_key: UUID) -> str:
    """Give the page on which one message is answered."""
    return f"{public_url.rstrip('/')}/answer/{write_key(link_key)}"


def _unstored(person: Person, contact: Contact, held: Held) -> Message:
    worded = wording.not_stored(
        held.press.kind,
        held.place,
        drill=held.drill,
        age_s=held.press.age_ms / 1000 + time.monotonic() - held.received,
        language=person.language,
    )
    return Message(
        notification_id=None,
        to=contact.address,
        text=worded.text if contact.method in REPLIED else worded.told,
        subject=worded.subject,
        spoken=worded.spoken,
        language=person.language,
        drill=held.drill,
    )
