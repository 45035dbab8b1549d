"""Acknowledge: a person says "I have it", and everyone else may stand down.

Only a deliberate human act acknowledges: a key or a tap on the console, or a text with
the alert's code from a number we know. The first wins; the others learn who it was.
"""

import re
from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server.alert.geotag import Place
from tocsin_server.alert.wording import where
from tocsin_server.errors import NotFound, Refused
from tocsin_server.fleet.directory import Directory, Person
from tocsin_server.people.contacts import confirm_by_text
from tocsin_server.people.sessions import Reader
from tocsin_server.people.sight import may_see
from tocsin_server.storage.database import Database
from tocsin_wire.messages import timestamp

WRONG_CODES_MAX = 5  # in ten minutes: a mistyped code is forgiven, guessing four digits is not
NOTE_CHARS_MAX = 2000
WORDS_MAX = 8  # "on my way", with the code; a text that is quoted back has more
_YES = frozenset({"yes", "y", "ok", "si", "sí"})
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
        pool = self._database.pool
        done = await queries.respond(
            pool, alert_id=alert_id, jurisdiction=reader.jurisdiction, name=reader.name
        )
        if not done:
            state = await self._state(alert_id, reader)
            if state == "open":
                raise Refused("Acknowledge the alert first: then everybody knows who responds.")
            if state == "resolved":
                raise Refused("This alert is resolved already.")

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
        pool = self._database.pool
        done = await queries.make_actual(
            pool, alert_id=alert_id, jurisdiction=reader.jurisdiction, name=reader.name
        )
        if not done:
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

    async def is_answered(self, message_id: str) -> bool:
        """Say whether this text was dealt with before: it is signed, but not for one use only."""
        return bool(await queries.is_answered(self._database.pool, message_id=message_id))

    async def add_answered(self, message_id: str) -> None:
        """Remember that a text was dealt with."""
        await queries.add_answered(self._database.pool, message_id=message_id)

    async def by_text(self, phone: str, body: str) -> str:
        """Answer a text, taking an alert where it asks to. Gives the sentence to reply with."""
        people = [
            person
            for person in self._directory.entries.people.values()
            if person.is_at(phone) and person.role != "auditor"
        ]
        if people and all(person.has_ended for person in people):
            return "Your account with Tocsin has ended: nothing was taken. In danger, call 911."
        if (code := _only_code(body)) and await confirm_by_text(
            self._database.pool, phone=phone, code=code
        ):
            return "Thank you: alerts reach this number from now on."
        people = [person for person in people if not person.has_ended]
        if not people:
            log.warning("a text from a number that nobody here has", phone=phone[-4:])
            return "This number is not known to Tocsin. In danger, call 911."
        words = re.findall(r"[\w']+", body.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
        codes = {word for word in words if _CODE.fullmatch(word)}
        # "can't take 4821" takes nothing, nor does a thumb that quotes the whole text back.
        if len(codes) == 1 and len(words) <= WORDS_MAX and _NO.isdisjoint(words):
            return await self._by_code(people, phone, codes.pop())
        if words and _YES.issuperset(words):
            return await self._by_yes(people, phone)
        return await self._help(people, phone)

    async def _by_code(self, people: list[Person], phone: str, code: str) -> str:
        pool = self._database.pool
        if await queries.wrong_codes(pool, phone=phone) >= WRONG_CODES_MAX:
            return (
                "Too many wrong codes from this number: use the console,"
                " or try again in 10 minutes. The alert is still open."
            )
        row = await queries.by_code(pool, jurisdictions=_jurisdictions(people), code=code)
        if row is None:
            await queries.add_wrong_code(pool, phone=phone)
            still_open = await self._open_for(people, phone)
            hint = f" Still open: {still_open}." if still_open else ""
            return (
                f"No alert has the code {code}: nothing was taken.{hint} Check it and reply again."
            )
        if row["state"] == "resolved":
            return f"Alert {code} is resolved already. Nothing is left to do."
        taken = await self._take(people, phone, row)
        place = where(msgspec.json.decode(row["place"], type=Place))
        drill = "DRILL " if row["drill"] else ""
        if taken.won:
            return f"You have it: {drill}{row['kind']} at {place}. Everyone else is told."
        return f"{taken.message} ({drill}{row['kind']} at {place})"

    async def _by_yes(self, people: list[Person], phone: str) -> str:
        rows = await self._open_rows(people, phone)
        if not rows:
            return await self._nothing_to_take(people, phone)
        if len(rows) > 1:
            codes = ", ".join(row["code"] for row in rows)
            return f"{len(rows)} alerts are open: reply with the code of one of them ({codes})."
        taken = await self._take(people, phone, rows[0])
        return "You have it. Everyone else is told." if taken.won else taken.message

    async def _nothing_to_take(self, people: list[Person], phone: str) -> str:
        row = await queries.last_told(
            self._database.pool, phone=phone, jurisdictions=_jurisdictions(people)
        )
        if row is None:
            return "No alert that you were told of is open: nothing was taken."
        if row["state"] == "resolved":
            return f"Alert {row['code']} is resolved already. Nothing is left to do."
        what = f"{'DRILL ' if row['drill'] else ''}{row['kind']}"
        place = where(msgspec.json.decode(row["place"], type=Place))
        since = f"{row['acknowledged_at']:%H:%M:%S} UTC"
        yours = any(person.person_id == row["acknowledged_person"] for person in people)
        who = "You have" if yours else f"{row['acknowledged_by']} has"
        return f"{who} it since {since}: {what} at {place}."

    async def _help(self, people: list[Person], phone: str) -> str:
        codes = await self._open_for(people, phone)
        if codes:
            return f"Not understood: nothing was taken. Reply with the code alone ({codes})."
        return "Not understood. No alert that you were told of is open."

    async def _open_for(self, people: list[Person], phone: str) -> str:
        return ", ".join(row["code"] for row in await self._open_rows(people, phone))

    async def _open_rows(self, people: list[Person], phone: str) -> list[asyncpg.Record]:
        rows = queries.open_for(
            self._database.pool, phone=phone, jurisdictions=_jurisdictions(people)
        )
        return [row async for row in rows]

    async def _take(self, people: list[Person], phone: str, row: asyncpg.Record) -> Acknowledged:
        """Take an alert as whoever of those who share the number is of its jurisdiction."""
        person = next(each for each in people if each.jurisdiction == row["jurisdiction"])
        return await self._acknowledge(
            row["alert_id"],
            person.jurisdiction,
            person.person_id,
            person.name,
            path="sms",
            phone=phone,
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


def _only_drills(reader: Reader) -> bool:
    return not may_see(reader.role, drill=False)


def _jurisdictions(people: list[Person]) -> list[str]:
    return [person.jurisdiction for person in people]
