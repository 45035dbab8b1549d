"""History: a search of the alerts that are over, and the file of what was found.

Promise: newest first, page after page, however many there are; a count is exact, or says that there
are more. What was erased from the record is found by nobody. Refused: synthetic presses, and a file
that silently lacks its end.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import aiosql
import asyncpg
import msgspec

from tocsin_server.alert.geotag import Place
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.sheet import Column, write_csv
from tocsin_server.storage.database import reading
from tocsin_wire.messages import timestamp

PAGE = 50  # more than anybody reads without asking for something closer
COUNT_MAX = 1_000  # counting on would cost more than it tells
FILE_ROWS_MAX = 10_000  # a file of 3 MB; whoever wants the whole record exports it
NEAR = 20_000  # so many are read one by one in 30 ms, before anything is looked up
YEARS = range(2000, 2101)  # a slip of the finger makes 0206
WORDS_MAX = 10

_TIMES = ("pressed_at", "acknowledged_at", "responding_at", "on_scene_at", "resolved_at")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC)

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")

Outcome = Literal["actual", "false_alarm", "test", "unknown"]


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; null and empty: whatever it is.

    Days are those of the jurisdiction, the last one with all its hours. All words have to be there,
    whole; `elect*` is whatever begins so.
    """

    from_day: date | None = None
    until_day: date | None = None
    site_id: UUID | None = None
    kind: str | None = None
    drill: bool | None = None
    outcome: Outcome | None = None
    who: str = ""
    words: str = ""


class PastAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that is over. Times are UTC with milliseconds."""

    alert_id: UUID
    code: str
    kind: str
    drill: bool
    presses: int
    device_id: str
    place: Place
    outcome: str | None
    acknowledged_by: str | None  # who had it at the end
    resolved_by: str | None
    pressed_at: str
    acknowledged_at: str | None
    responding_at: str | None
    on_scene_at: str | None
    resolved_at: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what was found. `count` is of all of it, on the first page; null: over 1,000."""

    alerts: list[PastAlert]
    more: bool
    count: int | None


class _Query(msgspec.Struct, frozen=True, kw_only=True):
    """A search as the database is asked it."""

    jurisdiction: str
    from_at: datetime
    until_at: datetime
    words: str
    who: str
    marks: str


class _Border(msgspec.Struct, frozen=True, kw_only=True):
    """After which one to go on, and behind which one to look up instead of to read on."""

    after_at: datetime | None = None
    after_id: UUID | None = None
    border_at: datetime | None = None
    border_id: UUID | None = None


async def search(
    pool: asyncpg.Pool, *, jurisdiction: str, wanted: Search, after: UUID | None = None
) -> Found:
    """Give the newest that are found, or those after one. Raises Invalid, NotFound."""
    async with reading(pool) as connection:
        query = await _query(connection, jurisdiction, wanted)
        border = await _border(connection, query, after)
        is_first = after is None
        most = COUNT_MAX + 1 if is_first else PAGE + 1
        ids, left = await _find(connection, query, border, most=most, enough=PAGE + 1)
        count = len(ids) + (await _count_far(connection, query, border, most=left) if left else 0)
        alerts = await _alerts(connection, ids[:PAGE])
    is_counted = is_first and count <= COUNT_MAX
    return Found(alerts=alerts, more=len(ids) > PAGE, count=count if is_counted else None)


async def find_all(pool: asyncpg.Pool, *, jurisdiction: str, wanted: Search) -> list[PastAlert]:
    """Give everything that is found, for a file. Raises Invalid, Refused."""
    async with reading(pool) as connection:
        query = await _query(connection, jurisdiction, wanted)
        border = await _border(connection, query, None)
        most = FILE_ROWS_MAX + 1
        ids, _ = await _find(connection, query, border, most=most, enough=most)
        if len(ids) > FILE_ROWS_MAX:
            raise Refused(
                f"more than {FILE_ROWS_MAX:,} alerts are found, which is too much for one file:"
                " choose fewer days, and fetch one file after the other"
            )
        return await _alerts(connection, ids)


COLUMNS = [
    Column(name)
    for name in (
        *("alert_id", "code", "kind", "real_or_drill", "site", "building", "floor", "room", "spot"),
        *("address", "county", "button", "presses", "pressed_at", "acknowledged_at"),
        *("acknowledged_after_s", "had_it", "responding_at", "on_scene_at", "resolved_at"),
        *("resolved_by", "outcome"),
    )
]


def write_history_csv(alerts: Sequence[PastAlert]) -> str:
    """Write a row for each alert; times are UTC with milliseconds."""
    return write_csv(COLUMNS, [_cells(alert) for alert in alerts])


def _cells(alert: PastAlert) -> dict[str, str]:
    place = alert.place
    cells = {
        "alert_id": str(alert.alert_id),
        "code": alert.code,
        "kind": alert.kind,
        "real_or_drill": "drill" if alert.drill else "real",
        **{name: getattr(place, name) for name in ("site", "building", "floor", "room", "spot")},
        "address": place.address,
        "county": place.county,
        "button": alert.device_id,
        "presses": str(alert.presses),
        "acknowledged_after_s": _seconds(alert.pressed_at, alert.acknowledged_at),
        "had_it": alert.acknowledged_by,
        "resolved_by": alert.resolved_by,
        "outcome": alert.outcome,
        **{name: getattr(alert, name) for name in _TIMES},
    }
    return {name: cell or "" for name, cell in cells.items()}


def _seconds(from_at: str, until_at: str | None) -> str | None:
    if until_at is None:
        return None
    took = datetime.fromisoformat(until_at) - datetime.fromisoformat(from_at)
    return f"{took.total_seconds():.3f}"


async def _border(connection: asyncpg.Connection, query: _Query, after: UUID | None) -> _Border:
    """Say where to go on, and where the newest end that are read one by one."""
    asked = msgspec.structs.asdict(query)
    after_at = None
    if after is not None:
        sought = {name: asked[name] for name in ("jurisdiction", "words", "who", "marks")}
        after_at = await queries.pressed_at(connection, **sought, alert_id=after)
        if after_at is None:
            raise NotFound("the last alert of the page before is not here: search again")
    border = _Border(after_at=after_at, after_id=after)
    if query.words or query.who or query.marks:
        within = {name: asked[name] for name in ("jurisdiction", "from_at", "until_at")}
        row = await queries.border(
            connection, **within, after_at=after_at, after_id=after, near=NEAR
        )
        if row is not None:
            border = msgspec.structs.replace(border, **row)
    return border


async def _find(
    connection: asyncpg.Connection, query: _Query, border: _Border, *, most: int, enough: int
) -> tuple[list[UUID], int]:
    """Give who is found among the newest, and if they are not enough, among the others.

    Also, how many more would have been given, had one looked there.
    """
    asked = msgspec.structs.asdict(query) | msgspec.structs.asdict(border)
    rows = queries.found(connection, **asked, is_near=True, alerts_max=most)
    ids = [row["alert_id"] async for row in rows]
    left = most - len(ids)
    if border.border_id is None or left == 0:
        return ids, 0
    if len(ids) >= enough:
        return ids, left
    async with _looking_up(connection):
        rows = queries.found(connection, **asked, is_near=False, alerts_max=left)
        return ids + [row["alert_id"] async for row in rows], 0


async def _count_far(
    connection: asyncpg.Connection, query: _Query, border: _Border, *, most: int
) -> int:
    async with _looking_up(connection):
        count: int = await queries.count_far(
            connection,
            **msgspec.structs.asdict(query),
            border_at=border.border_at,
            border_id=border.border_id,
            count_max=most,
        )
    return count


async def _alerts(connection: asyncpg.Connection, ids: Sequence[UUID]) -> list[PastAlert]:
    return [_alert(row) async for row in queries.alerts(connection, alert_ids=ids)]


@asynccontextmanager
async def _looking_up(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Have what is rare looked up; a database would guess, and read all to find none."""
    await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
    yield
    await connection.execute("SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = on")


def _alert(row: asyncpg.Record) -> PastAlert:
    times = {name: timestamp(row[name]) if row[name] else None for name in _TIMES}
    place = msgspec.json.decode(row["place"], type=Place)
    return PastAlert(**dict(row) | times | {"place": place})


async def _query(connection: asyncpg.Connection, jurisdiction: str, wanted: Search) -> _Query:
    zone = ZoneInfo(await queries.time_zone(connection, jurisdiction=jurisdiction))
    first, last = _day(wanted.from_day), _day(wanted.until_day)
    if first is not None and last is not None and last < first:
        raise Invalid(f"the last day ({last}) is before the first ({first}): exchange them")
    lists = {
        "drill": None if wanted.drill is None else str(wanted.drill).lower(),
        "kind": wanted.kind,
        "outcome": wanted.outcome,
    }
    chosen = " ".join(f"{name}={each}" for name, each in lists.items() if each is not None)
    marks = [f"={chosen}"] if chosen else []
    marks += [f"=site={wanted.site_id}"] if wanted.site_id is not None else []
    return _Query(
        jurisdiction=jurisdiction,
        from_at=_BEGINNING if first is None else _midnight(first, zone),
        until_at=_END if last is None else _midnight(last + timedelta(days=1), zone),
        words=_lexemes(wanted.words, weight=""),
        who=_lexemes(wanted.who, weight="B"),
        marks=" & ".join(map(_quoted, marks)),
    )


def _day(day: date | None) -> date | None:
    if day is not None and day.year not in YEARS:
        raise Invalid(f"{day.isoformat()} is no day of an alert: look at its year")
    return day


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _lexemes(text: str, *, weight: str) -> str:
    """Write words as PostgreSQL looks for them."""
    words = text.split()
    if len(words) > WORDS_MAX:
        raise Invalid(f"{len(words)} words are too many: {WORDS_MAX} find it as well")
    for word in words:
        if not any(character.isalnum() for character in word):
            raise Invalid(f"{word!r} is no word: search for letters and digits")
    return " & ".join(_lexeme(word, weight) for word in words)


def _lexeme(word: str, weight: str) -> str:
    marks = ("*" if word.endswith("*") else "") + weight
    return _quoted(word) + (f":{marks}" if marks else "")


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
