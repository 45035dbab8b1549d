"""Notify: send what is pending, and record what the provider made of it.

A message is leased, never locked, while its provider is asked; a lease is renewed while
the answer is outstanding and runs out by itself when this replica dies. Whether the alert
still wants the message is checked when it is leased, and stand-down again after it was sent.
"""

import asyncio
import time
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
from tocsin_server.alert.press import Held
from tocsin_server.channels.channel import Channel, Message, SendFailed
from tocsin_server.errors import because
from tocsin_server.fleet.directory import Directory, Person
from tocsin_server.storage.database import DATABASE_ERRORS, Database

AT_ONCE_MAX = 32  # open requests to the provider
LEASE_S = 5.0  # a killed replica's messages are sent by another one, or the next, after this
RENEW_S = 2.0
FLOOR_S = 1.0
TURN_S_MIN = 0.01
RETRY_S = (1.0, 2.0, 4.0, 8.0)
RETRY_S_MAX = 10.0

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class Notify:
    """Every pending message of every alert, on every replica, one at a time each."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        channel: Channel | None,
        *,
        public_url: str,
    ) -> None:
        """`channel` None: no provider is configured, and every message says so."""
        self._database = database
        self._directory = directory
        self._channel = channel
        self._public_url = public_url
        self._woken = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self.turned_at = time.monotonic()

    def wake(self) -> None:
        """Look soon: something was committed."""
        self._woken.set()

    async def run(self) -> None:
        """Look whenever woken, and every second besides, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLOOR_S):
                    await self._woken.wait()
            await asyncio.sleep(TURN_S_MIN)  # screens first, and several messages together
            self._woken.clear()
            try:
                await self.turn()
            except DATABASE_ERRORS as error:
                log.error("messages wait for the database", because=because(error))

    async def turn(self) -> None:
        """Start every message that is due, as many at once as there is room for."""
        room = AT_ONCE_MAX - len(self._sending)
        if room > 0:
            rows = [
                row
                async for row in queries.lease(
                    self._database.walk, notifications_max=room, lease_s=LEASE_S
                )
            ]
            for row in rows:
                sending = asyncio.create_task(self._send(row))
                self._sending.add(sending)
                sending.add_done_callback(self._sent)
        self.turned_at = time.monotonic()

    async def drain(self) -> None:
        """Let what is on its way to the provider arrive, at shutdown."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=LEASE_S / 2)

    def page_from_memory(self, held: Held) -> "asyncio.Future[list[str]]":
        """Tell the first tier of a press that the database doesn't take. Gives whom it told."""
        return asyncio.ensure_future(self._page_from_memory(held))

    async def send_directly(self, number: str, text: str) -> None:
        """Send one text without the database, where there is no other way. Never raises."""
        try:
            await self._hand_over(number, text, notification_id=None)
        except SendFailed as error:
            log.error("NOT TOLD", because=because(error), text=text)

    def _sent(self, sending: asyncio.Task[None]) -> None:
        self._sending.discard(sending)
        self._woken.set()
        if not sending.cancelled() and sending.exception() is not None:
            log.error("a message went wrong", because=repr(sending.exception()))

    async def _send(self, row: asyncpg.Record) -> None:
        renewing = asyncio.create_task(self._renew(row))
        try:
            provider_id = await self._hand_over(
                row["address"], self._text(row), notification_id=row["notification_id"]
            )
        except SendFailed as error:
            metrics.SENT.labels("failed").inc()
            await self._record_failure(row, error)
        else:
            metrics.SENT.labels("accepted").inc()
            await self._keep_trying(
                queries.record_accepted,
                notification_id=row["notification_id"],
                provider_id=provider_id,
            )
        finally:
            renewing.cancel()

    async def _hand_over(self, to: str, text: str, *, notification_id: UUID | None) -> str:
        if self._channel is None:
            raise SendFailed("no provider is configured: see [twilio]", temporary=False)
        return await self._channel.send(Message(notification_id=notification_id, to=to, text=text))

    def _text(self, row: asyncpg.Record) -> str:
        if row["body"] is not None:
            return str(row["body"])
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
        )
        if row["purpose"] == "stand_down":
            return wording.has_it(alert, by=row["acknowledged_by"])
        return wording.page(alert, public_url=self._public_url)

    async def _record_failure(self, row: asyncpg.Record, error: SendFailed) -> None:
        tries = row["tries"]
        retry_s = RETRY_S[tries - 1] if tries <= len(RETRY_S) else RETRY_S_MAX
        log.warning(
            "not sent",
            alert_id=str(row["alert_id"]),
            to=row["name"],
            because=because(error),
            again_in_s=retry_s if error.temporary else None,
        )
        if error.unreachable:
            await self._keep_trying(queries.opt_out, phone=row["address"])
        await self._keep_trying(
            queries.record_failure,
            notification_id=row["notification_id"],
            problem=str(error),
            retry_s=retry_s if error.temporary else None,
        )

    async def _renew(self, row: asyncpg.Record) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await queries.renew(
                    self._database.pool, notification_id=row["notification_id"], lease_s=LEASE_S
                )
            except DATABASE_ERRORS as error:
                log.warning("a lease was not renewed", because=because(error))

    async def _keep_trying(self, query: "aiosql.types.SQLOperationType", **values: object) -> None:
        while True:
            try:
                await query(self._database.pool, **values)  # type: ignore[operator]
            except DATABASE_ERRORS as error:
                log.error("a message's outcome is not recorded yet", because=because(error))
                await asyncio.sleep(FLOOR_S)
            else:
                return

    async def _page_from_memory(self, held: Held) -> list[str]:
        entries = self._directory.entries
        people = entries.first_to_tell(entries.policy_for(held.device), drill=held.drill)
        if not people:
            log.error("NOBODY TO TELL of an unstored press", device_id=held.device.device_id)
        told = await asyncio.gather(*(self._tell_from_memory(person, held) for person in people))
        names = [person.name for person, was_told in zip(people, told, strict=True) if was_told]
        log.warning("paged from memory", device_id=held.device.device_id, people=names)
        return names

    async def _tell_from_memory(self, person: Person, held: Held) -> bool:
        """Text one person, beside the others, a few times where that can help."""
        for again_s in (*RETRY_S, None):
            text = wording.not_stored(
                held.press.kind,
                held.place,
                drill=held.drill,
                age_s=held.press.age_ms / 1000 + time.monotonic() - held.received,
            )
            try:
                await self._hand_over(person.phone or "", text, notification_id=None)
            except SendFailed as error:
                log.error("NOT TOLD of an unstored press", to=person.name, because=because(error))
                if not error.temporary or again_s is None:
                    break
                await asyncio.sleep(again_s)
            else:
                return True
        return False
