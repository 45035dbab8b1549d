"""Acknowledge: a person says "I have it", and everyone else may stand down.

Only a deliberate human act acknowledges: a key or a tap on the console, or a text with
the alert's code from a number we know. The first wins; the others learn who it was.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server.alert.geotag import Place
from tocsin_server.alert.phrases import PHRASES
from tocsin_server.alert.replies import REPLIES, Replies
from tocsin_server.alert.wording import where
from tocsin_server.errors import NotFound, Refused
from tocsin_server.fleet.directory import Directory, Person
from tocsin_server.people.contacts import Tried, confirm_by_text
from tocsin_server.people.sessions import Reader
from tocsin_server.people.sight import may_see
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire.messages import timestamp

WRONG_CODES_MAX = 5  # in ten minutes: a mistyped code is forgiven, guessing four digits is not
NOTE_CHARS_MAX = 2000
WORDS_MAX = 8  # "on my way", with the code; a text that is quoted back has more
TEXT_LEASE_S = 10.0  # a replica that died with a text at hand leaves it to another after this
_YES = frozenset(
    {"yes", "y", "yep", "yeah", "ok", "okay", "ack", "si", "sí", "voy", "tomo", "atiendo"}
)
_NO = frozenset(
    {"no", "not", "never", "can't", "cant", "cannot", "won't", "wont", "don't", "dont", "unable"}
)
_CODE = re.compile(r"\d{4,6}")

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class Acknowledged(msgspec.Struct, frozen=True):
    """Who has the alert. `won`: it was this request that took it; `yours`: who asks has it."""

    won: bool
    yours: bool
    acknowledged_by: str
    acknowledged_at: str
    message: str


@dataclass(frozen=True, slots=True)
class Said:
    """What came of an answer, and how to say so to whoever gave it. `taken` None: nothing."""

    taken: Acknowledged | None
    text: str


@dataclass(frozen=True, slots=True)
class _Texter:
    """Whose number a text came from, and the words to answer in."""

    phone: str
    people: list[Person]
    replies: Replies

    @property
    def jurisdictions(self) -> list[str]:
        return [person.jurisdiction for person in self.people]


_NO_OFFER = {
    "no_alert": "This alert is resolved already.",
    "not_acknowledged": "Acknowledge the alert first: only what somebody has can be handed over.",
    "no_person": "Nobody of that name is here any more: choose somebody else.",
    "unreachable": "Nothing reaches this person, and they can't sign in: choose somebody else.",
    "has_it": "They have it already.",
}


class Acknowledge:
    """What people may do with an alert."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory

    async def by_console(self, alert_id: UUID, reader: Reader) -> Acknowledged:
        """Take an alert from a screen; safe to repeat. Raises NotFound."""
        return await self._acknowledge(
            alert_id,
            reader.jurisdiction,
            reader.person_id,
            reader.name,
            path="console",
            phone=None,
            only_drills=_only_drills(reader),
        )

    async def respond(self, alert_id: UUID, reader: Reader) -> None:
        """Say that somebody is on the way. Raises NotFound, Refused."""
        if not await self._said(queries.respond, alert_id, reader):
            await self._refuse_unless_held(alert_id, reader)

    async def resolve(self, alert_id: UUID, reader: Reader, *, outcome: str, note: str) -> None:
        """Close an alert. Whoever may only see drills closes them as tests. NotFound, Refused."""
        if _only_drills(reader) and outcome != "test":
            raise Refused(
                "You can close your own tests, as a test. If it was more than a test, call the"
                " dispatchers: they make it a real alert. Nothing was done."
            )
        done = await queries.resolve(
            self._database.pool,
            alert_id=alert_id,
            jurisdiction=reader.jurisdiction,
            name=reader.name,
            outcome=outcome,
            note=note,
            only_drills=_only_drills(reader),
        )
        if not done:
            await self._state(alert_id, reader)
            raise Refused("This alert was resolved already.")

    async def make_actual(self, alert_id: UUID, reader: Reader) -> None:
        """Turn a drill into the real thing. Raises NotFound, Refused."""
        if not await self._said(queries.make_actual, alert_id, reader):
            await self._state(alert_id, reader)
            raise Refused("Only an open drill can be turned into the real thing.")

    async def add_note(self, alert_id: UUID, reader: Reader, *, text: str) -> None:
        """Put a sentence on record. Raises NotFound."""
        row = await queries.add_note(
            self._database.pool,
            alert_id=alert_id,
            jurisdiction=reader.jurisdiction,
            name=reader.name,
            note=text,
        )
        if row is None:
            raise NotFound(f"no alert {alert_id}")

    async def arrive(self, alert_id: UUID, reader: Reader) -> None:
        """Say that somebody is on scene. Raises NotFound, Refused."""
        if not await self._said(queries.arrive, alert_id, reader):
            await self._refuse_unless_held(alert_id, reader)

    async def escalate_now(self, alert_id: UUID, reader: Reader) -> None:
        """Have the next tier told at once, whoever has the alert. Raises NotFound, Refused."""
        if not await self._said(queries.escalate_now, alert_id, reader):
            await self._state(alert_id, reader)
            raise Refused("This alert is resolved already: nobody else is told.")

    async def offer(self, alert_id: UUID, reader: Reader, *, to: UUID) -> None:
        """Hand an alert over: it stays where it is until the other takes it. NotFound, Refused."""
        outcome = await queries.offer(
            self._database.pool,
            alert_id=alert_id,
            jurisdiction=reader.jurisdiction,
            name=reader.name,
            to_person=to,
        )
        if outcome == "no_alert":
            await self._state(alert_id, reader)
        if outcome != "offered":
            raise Refused(_NO_OFFER[outcome])

    async def claim_text(self, message_id: str) -> bool:
        """Say whether this replica is to deal with a text; false: it, or another one, has.

        Its signature is good for more than one use, and two replicas may fetch it.
        """
        row = await queries.claim_text(
            self._database.pool, message_id=message_id, lease_s=TEXT_LEASE_S
        )
        return row is not None

    async def finish_text(self, message_id: str) -> None:
        """Remember that a text was dealt with."""
        await queries.finish_text(self._database.pool, message_id=message_id)

    async def release_text(self, message_id: str) -> None:
        """Let a text be dealt with again: nothing came of it."""
        with suppress(*DATABASE_ERRORS):
            await queries.release_text(self._database.pool, message_id=message_id)

    async def by_text(self, phone: str, body: str) -> str:
        """Answer a text, taking an alert where it asks to. Gives the sentence to reply with."""
        people = [
            person
            for person in self._directory.entries.people.values()
            if person.is_at(phone) and person.role != "auditor"
        ]
        if people and all(person.has_ended for person in people):
            return REPLIES[people[0].language].account_ended
        people = [person for person in people if not person.has_ended]
        texter = _Texter(phone, people, REPLIES[people[0].language if people else "en"])
        tried = await confirm_by_text(self._database.pool, phone=phone, code=_only_code(body))
        if tried is not None and (tried.right or not people):
            return _of_code(tried)
        if not people:
            log.warning("a text from a number that nobody here has", phone=phone[-4:])
            return "This number is not known to Tocsin. In danger, call 911."
        words = re.findall(r"[\w']+", body.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
        codes = {word for word in words if _CODE.fullmatch(word)}
        # "can't take 4821" takes nothing, nor does a thumb that quotes the whole text back.
        if len(codes) == 1 and len(words) <= WORDS_MAX and _NO.isdisjoint(words):
            return await self._by_code(texter, codes.pop())
        if words and _YES.issuperset(words):
            return await self._by_yes(texter)
        return await self._help(texter)

    async def by_link(self, link_key: UUID) -> Said:
        """Take the alert of a message by the page that answers it. Raises NotFound."""
        row = await queries.of_message(self._database.pool, link_key=link_key, notification_id=None)
        return await self._by_message(row, path="link")

    async def by_notification(self, link_key: UUID, reader: Reader) -> Said:
        """Take the alert of a message that was shown to this reader. Raises NotFound."""
        row = await queries.of_message(self._database.pool, link_key=link_key, notification_id=None)
        if row is not None and row["person_id"] != reader.person_id:
            raise NotFound("this message was sent to somebody else")
        return await self._by_message(row, path="push")

    async def by_call(self, notification_id: UUID) -> Said:
        """Take the alert of a call: a key was pressed in it. Raises NotFound."""
        row = await queries.of_message(
            self._database.pool, link_key=None, notification_id=notification_id
        )
        return await self._by_message(row, path="call")

    async def _by_message(self, row: asyncpg.Record | None, *, path: str) -> Said:
        if row is None:
            raise NotFound("no message of an alert")
        replies = REPLIES[row["language"]]
        if row["has_ended"]:
            return Said(None, replies.account_ended)
        # First that they are heard: else their own call, like all others, would be ended as taken.
        await queries.record_keyed(
            self._database.pool, notification_id=row["notification_id"], passes_on=False
        )
        taken = await self._acknowledge(
            row["alert_id"],
            row["jurisdiction"],
            row["person_id"],
            row["name"],
            path=path,
            phone=row["address"],
        )
        if row["resolved"]:
            return Said(taken, replies.resolved)
        if taken.won:
            return Said(taken, replies.you_have_it)
        return Said(taken, _who_has_it(taken, replies, _local(taken.acknowledged_at, row)))

    async def _by_code(self, texter: "_Texter", code: str) -> str:
        pool, replies = self._database.pool, texter.replies
        if await queries.wrong_codes(pool, phone=texter.phone) >= WRONG_CODES_MAX:
            return replies.too_many_codes
        row = await queries.by_code(pool, jurisdictions=texter.jurisdictions, code=code)
        if row is None:
            await queries.add_wrong_code(pool, phone=texter.phone)
            still_open = await self._open_for(texter)
            hint = replies.still_open.format(codes=still_open) if still_open else ""
            return replies.wrong_code.format(code=code, hint=hint)
        if row["state"] == "resolved":
            return replies.code_is_resolved.format(code=code)
        taken = await self._take(texter, row)
        what, place = self._what(texter, row), _place(texter, row)
        if taken.won:
            return replies.you_have_what.format(what=what, place=place)
        known = _who_has_it(taken, replies, _local(taken.acknowledged_at, row))
        return f"{known} {replies.it_is.format(what=what, place=place)}"

    async def _by_yes(self, texter: "_Texter") -> str:
        replies = texter.replies
        rows = await self._open_rows(texter)
        if not rows:
            return await self._nothing_to_take(texter)
        if len(rows) > 1:
            codes = ", ".join(row["code"] for row in rows)
            return replies.several_open.format(n=len(rows), codes=codes)
        taken = await self._take(texter, rows[0])
        if taken.won:
            return replies.you_have_it
        return _who_has_it(taken, replies, _local(taken.acknowledged_at, rows[0]))

    async def _nothing_to_take(self, texter: "_Texter") -> str:
        replies = texter.replies
        row = await queries.last_told(
            self._database.pool, phone=texter.phone, jurisdictions=texter.jurisdictions
        )
        if row is None:
            return replies.nothing_open
        if row["state"] == "resolved":
            return replies.code_is_resolved.format(code=row["code"])
        if row["held_at"] is None:
            return await self._by_yes(texter)  # they were told just now, and nobody has it
        what = replies.it_is.format(what=self._what(texter, row), place=_place(texter, row))
        at = _local(row["held_at"], row)
        yours = any(person.person_id == row["acknowledged_person"] for person in texter.people)
        who = replies.you_since if yours else replies.has_it_since
        return f"{who.format(by=row['acknowledged_by'], at=at)} {what}"

    async def _help(self, texter: "_Texter") -> str:
        codes = await self._open_for(texter)
        if codes:
            return texter.replies.not_understood_open.format(codes=codes)
        return texter.replies.not_understood

    def _what(self, texter: "_Texter", row: asyncpg.Record) -> str:
        words = PHRASES[texter.people[0].language]
        kind = words.kinds.get(row["kind"], row["kind"])
        return f"{words.drill} {kind}" if row["drill"] else kind

    async def _open_for(self, texter: "_Texter") -> str:
        return ", ".join(row["code"] for row in await self._open_rows(texter))

    async def _open_rows(self, texter: "_Texter") -> list[asyncpg.Record]:
        rows = queries.open_for(
            self._database.pool, phone=texter.phone, jurisdictions=texter.jurisdictions
        )
        return [row async for row in rows]

    async def _take(self, texter: "_Texter", row: asyncpg.Record) -> Acknowledged:
        """Take an alert as whoever of those who share the number is of its jurisdiction."""
        person = next(each for each in texter.people if each.jurisdiction == row["jurisdiction"])
        return await self._acknowledge(
            row["alert_id"],
            person.jurisdiction,
            person.person_id,
            person.name,
            path="sms",
            phone=texter.phone,
        )

    async def _acknowledge(
        self,
        alert_id: UUID,
        jurisdiction: str,
        person_id: UUID,
        name: str,
        *,
        path: str,
        phone: str | None,
        only_drills: bool = False,
    ) -> Acknowledged:
        row = await queries.acknowledge(
            self._database.pool,
            alert_id=alert_id,
            jurisdiction=jurisdiction,
            person_id=person_id,
            name=name,
            path=path,
            phone=phone,
            only_drills=only_drills,
        )
        if row is None:
            raise NotFound(f"no alert {alert_id}")
        log.info("acknowledged", alert_id=str(alert_id), by=name, path=path, won=row["won"])
        at: datetime = row["acknowledged_at"]
        yours = row["won"] or row["before"] == person_id
        who = "You have" if yours else f"{row['acknowledged_by']} has"
        return Acknowledged(
            won=row["won"],
            yours=yours,
            acknowledged_by=row["acknowledged_by"],
            acknowledged_at=timestamp(at),
            message=f"{who} it since {at:%H:%M:%S} UTC.",
        )

    async def _said(
        self, query: Callable[..., Awaitable[bool]], alert_id: UUID, reader: Reader
    ) -> bool:
        """Put on record what this reader does with an alert; false: it can't be done now."""
        return await query(
            self._database.pool,
            alert_id=alert_id,
            jurisdiction=reader.jurisdiction,
            name=reader.name,
        )

    async def _refuse_unless_held(self, alert_id: UUID, reader: Reader) -> None:
        """Say why nothing was done, unless it was done before."""
        state = await self._state(alert_id, reader)
        if state == "open":
            raise Refused("Acknowledge the alert first: then everybody knows who responds.")
        if state == "resolved":
            raise Refused("This alert is resolved already.")

    async def _state(self, alert_id: UUID, reader: Reader) -> str:
        row = await queries.standing(
            self._database.pool, alert_id=alert_id, jurisdiction=reader.jurisdiction
        )
        if row is None or not may_see(reader.role, drill=row["drill"]):
            raise NotFound(f"no alert {alert_id}")
        return str(row["state"])


def _only_code(body: str) -> str:
    """Give the digits of a text that is nothing but digits, as they may be grouped."""
    digits = re.sub(r"[\s.-]", "", body)
    return digits if digits.isascii() and digits.isdigit() else ""


def _of_code(tried: Tried) -> str:
    replies = REPLIES[tried.language]
    if tried.right is None:
        return replies.code_holds_no_more
    return replies.confirmed if tried.right else replies.not_that_code


def _only_drills(reader: Reader) -> bool:
    return not may_see(reader.role, drill=False)


def _who_has_it(taken: Acknowledged, replies: Replies, at: str) -> str:
    if taken.yours:
        return replies.you_since.format(at=at)
    return replies.has_it_since.format(by=taken.acknowledged_by, at=at)


def _place(texter: _Texter, row: asyncpg.Record) -> str:
    return where(msgspec.json.decode(row["place"], type=Place), texter.people[0].language)


def _local(at: datetime | str, row: asyncpg.Record) -> str:
    """Give a time as the clock on the jurisdiction's wall shows it."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.astimezone(ZoneInfo(row['time_zone'])):%H:%M:%S}"
