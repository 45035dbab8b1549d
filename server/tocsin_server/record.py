"""The record: written out for others, checked that nobody rewrote it, and lawfully erased.

Promise: an export is one moment of one jurisdiction's record, as JSON Lines that anybody can
check without Tocsin. Each alert's events form a chain: an event's digest is
sha256(salt || payload), its chain is sha256(chain before || "alert_id|n|at|name" || digest), and
the head of all chains is sha256 over "tocsin-record|1|jurisdiction" and, by alert id,
"alert_id|event_count|chain", each with a newline. A redacted export lacks salts and payloads, has
the same chains, and the same head. Everything streams: a million events need no more memory
than a thousand.

What is found is said in a sentence that names alert and event. Whoever rewrites a whole record
with all its chains can't be found by the record alone, but by the head that was published before.

Refused: to call a file a record that isn't one, and to write over a file that is there.
"""

import asyncio
import os
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

import aiosql
import asyncpg
import msgspec
from msgspec import Meta

from tocsin_server.errors import Invalid, NotFound, Refused

FORMAT = "tocsin-record"
VERSION = 1
FINDINGS_MAX = 100  # whoever reads that many knows enough
LINE_BYTES_MAX = 1024 * 1024  # an event is a few KiB; a file without lines is no record
ALERTS_PER_PAGE_MAX = 500
ALERTS_PER_ERASURE_MAX = 50  # their events change in one short statement
EVENTS_PER_FETCH_MAX = 1_000  # about 1 MB at a time
WRITE_BYTES = 256 * 1024
FETCH_S_MAX = 30.0  # a report may take longer than a statement of the alert path
STALLED_S_MAX = 60  # how long a slow disk may keep the snapshot open; it locks nobody out

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")

AlertId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Hash = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Count = Annotated[int, Meta(ge=0)]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """One line of an export. Times are UTC with microseconds; hashes are SHA-256 in hex."""


class Header(Line, frozen=True, kw_only=True, tag="record"):
    """The first line: what the file is. `redacted`: without salts and payloads."""

    format: str
    version: int
    jurisdiction: str
    redacted: bool
    exported_at: str


class Event(Line, frozen=True, kw_only=True, tag="event"):
    """One event. `payload` is the JSON text that was hashed; null where redacted or erased."""

    alert_id: AlertId
    n: Annotated[int, Meta(ge=1)]
    at: str
    name: Annotated[str, Meta(pattern=r"\A[a-z0-9_]{1,60}\Z")]
    salt: Annotated[str, Meta(pattern=r"\A([0-9a-f]{2})*\Z")] | None
    payload: str | None
    digest: Hash
    chain: Hash


class AlertEnd(Line, frozen=True, kw_only=True, tag="alert"):
    """The end of one alert's events: how many there are, and the head of their chain."""

    alert_id: AlertId
    event_count: Count
    chain: Annotated[str, Meta(pattern=r"\A([0-9a-f]{64})?\Z")]


class End(Line, frozen=True, kw_only=True, tag="end"):
    """The last line: the head of all chains, and the hash of every line before this one."""

    alerts: Count
    events: Count
    head: Hash
    lines_sha256: Hash


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found, in sentences, and the head of all chains, which is to be published.

    `without_payload` counts the events that were redacted or erased.
    """

    jurisdiction: str
    alerts: int
    events: int
    without_payload: int
    head: str
    findings: list[str]
    findings_left_off: int

    @property
    def holds(self) -> bool:
        """Say whether nothing was found."""
        return not self.findings


_header = msgspec.json.Decoder(Header)
_line = msgspec.json.Decoder(Event | AlertEnd | End)


async def export_record(
    pool: asyncpg.Pool, *, jurisdiction: str, redacted: bool, out: BinaryIO | Path
) -> Verdict:
    """Write a jurisdiction's whole record, as of one moment, to a stream or a new file.

    It is checked on the way, and written whatever the verdict. Raises NotFound, Invalid (no such
    folder), Refused (the file is there already), and what the database and the stream raise.
    """
    if isinstance(out, Path):
        with _new_file(out) as file:
            return await _export(pool, jurisdiction, redacted=redacted, out=file)
    return await _export(pool, jurisdiction, redacted=redacted, out=out)


def verify_export(
    path: Path, *, expected_head: str | None = None, as_of: datetime | None = None
) -> Verdict:
    """Check an export, full or redacted, against itself and a head that was published.

    `as_of`: the head is of the record as it was then (`head_as_of`). Raises Invalid where the file
    can't be read as an export at all.
    """
    try:
        with path.open("rb") as file:
            return _verify(file, path, _checked_head(expected_head), _moment(as_of))
    except OSError as error:
        raise Invalid(f"can't read {path}: {error.strerror}") from None


async def verify_database(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    expected_head: str | None = None,
    as_of: datetime | None = None,
) -> Verdict:
    """Check the record where it lies, and the accounts' as well.

    Raises NotFound, Invalid (no head), and the database's.
    """
    expected_head = _checked_head(expected_head)
    walk = _Walk(jurisdiction, as_of=_moment(as_of))
    async with _snapshot(pool) as connection:
        async for line in _read(connection, jurisdiction, redacted=False):
            walk.along(line)
        for row in await connection.fetch(
            queries.without_alert.sql, FINDINGS_MAX, timeout=FETCH_S_MAX
        ):
            walk.find(f"alert {row['alert_id']}: it is gone, and left {row['events']} events")
        for row in await connection.fetch(
            queries.broken_accounts.sql, jurisdiction, FINDINGS_MAX, timeout=FETCH_S_MAX
        ):
            walk.find(f"account of {row['name']}: {row['finding']}")
    return walk.verdict(expected_head)


async def head_as_of(connection: asyncpg.Connection, *, jurisdiction: str, as_of: datetime) -> str:
    """Give the head of all chains as they were then: whatever comes later doesn't change it.

    Of each alert it counts the events up to the last one that is not later than `as_of`.
    """
    rows = await connection.fetch(queries.heads_as_of.sql, as_of, jurisdiction, timeout=FETCH_S_MAX)
    # In a thread: a hundred thousand alerts take longer than a press may wait.
    return await asyncio.to_thread(_head_of, jurisdiction, rows)


async def erase_payloads(pool: asyncpg.Pool, *, jurisdiction: str, before: datetime) -> int:
    """Erase what was said in the events of alerts resolved before a retention date.

    That and when it was said stays, and the chains still verify. It can't be undone. Gives the
    number of events erased. Raises Invalid.
    """
    if before.tzinfo is None:
        raise Invalid("the retention date has no time zone: write it as 2026-01-31T00:00:00Z")
    erased = 0
    after = UUID(int=0)
    while True:
        page = [
            row["alert_id"]
            async for row in queries.resolved(
                pool,
                jurisdiction=jurisdiction,
                before=before,
                after=after,
                alerts_max=ALERTS_PER_ERASURE_MAX,
            )
        ]
        if not page:
            return erased
        erased += await queries.erase(pool, alert_ids=page, before=before)
        after = page[-1]


class _Walk:
    """Goes along a record with nothing kept but the last event."""

    def __init__(self, jurisdiction: str, *, as_of: str | None = None) -> None:
        self.jurisdiction = jurisdiction
        self._as_of = as_of
        self._heads_then = sha256(_first_of_head(jurisdiction))
        self._then: Event | None = None  # the last event of this alert up to then
        self.alerts = 0
        self.events = 0
        self._without_payload = 0
        self._heads = sha256(_first_of_head(jurisdiction))
        self._findings: list[str] = []
        self._left_off = 0
        self._alert_id = ""
        self._ended = True
        self._n = 0
        self._chain = ""

    @property
    def head(self) -> str:
        """Give the head of all chains up to here."""
        return self._heads.hexdigest()

    def find(self, sentence: str) -> None:
        """Keep a finding; of very many, only their number."""
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(sentence)
        else:
            self._left_off += 1

    def along(self, line: Event | AlertEnd) -> None:
        """Check the next line."""
        if isinstance(line, Event):
            self._event(line)
        else:
            self._end_alert(line)

    def _event(self, event: Event) -> None:
        """Check an event against its own digest and the event before it."""
        self.events += 1
        said = f"alert {event.alert_id}: event {event.n} ({event.name})"
        if event.alert_id != self._alert_id or self._ended:
            if not self._ended and event.n > 1:
                self.find(f"{said} stands among those of alert {self._alert_id}")
                return
            self._begin_alert(event.alert_id)
        self._check_payload(said, event)
        if event.n <= self._n:
            self.find(f"{said} comes after event {self._n}: it was moved, or added")
            return
        if event.n > self._n + 1:
            gap = _missing(self._n + 1, event.n - 1)
            self.find(f"alert {event.alert_id}: {gap} before event {event.n}")
        elif event.chain != _chain(self._chain, event):
            self.find(
                f"{said} breaks the chain: its time, name, digest or chain was changed,"
                " or the event before it"
            )
        self._n = event.n
        self._chain = event.chain
        if self._as_of is not None and event.at <= self._as_of:
            self._then = event

    def _end_alert(self, end: AlertEnd) -> None:
        """Check what the alert itself says of its events."""
        said = f"alert {end.alert_id}"
        if end.alert_id != self._alert_id or self._ended:
            self._begin_alert(end.alert_id)
        if self._n < end.event_count:
            self.find(f"{said}: {_missing(self._n + 1, end.event_count)} at its end")
        elif self._n > end.event_count:
            self.find(f"{said}: it has {end.event_count} events, and event {self._n} was added")
        elif end.chain != self._chain:
            self.find(f"{said}: its head is not that of its last event, {self._n}")
        self.alerts += 1
        self._heads.update(_line_of_head(end.alert_id, end.event_count, end.chain))
        if self._then is not None:
            self._heads_then.update(_line_of_head(end.alert_id, self._then.n, self._then.chain))
        self._ended = True

    def verdict(self, expected_head: str | None) -> Verdict:
        """Say what was found on the whole way."""
        self._close_alert()
        head = self.head if self._as_of is None else self._heads_then.hexdigest()
        if expected_head is not None and expected_head != head:
            self.find(
                f"the head of all chains is {head}, not {expected_head}:"
                " the record was rewritten, or the two are of different moments"
            )
        return Verdict(
            jurisdiction=self.jurisdiction,
            alerts=self.alerts,
            events=self.events,
            without_payload=self._without_payload,
            head=head,
            findings=self._findings,
            findings_left_off=self._left_off,
        )

    def _begin_alert(self, alert_id: str) -> None:
        self._close_alert()
        if alert_id <= self._alert_id:
            self.find(f"alert {alert_id}: it stands after alert {self._alert_id}: moved, or added")
        self._alert_id = alert_id
        self._ended = False
        self._n = 0
        self._chain = ""
        self._then = None

    def _close_alert(self) -> None:
        if not self._ended:
            self.find(f"alert {self._alert_id}: its end is missing after event {self._n}")
        self._ended = True

    def _check_payload(self, said: str, event: Event) -> None:
        if event.payload is None and event.salt is None:
            self._without_payload += 1
        elif event.payload is None or event.salt is None:
            self.find(f"{said} has only one of salt and payload: half of it was taken away")
        elif event.digest != sha256(bytes.fromhex(event.salt) + event.payload.encode()).hexdigest():
            self.find(f"{said} was changed: its payload does not give its digest")


def _chain(before: str, event: Event) -> str:
    """Link an event to the one before, exactly as the SQL function append_event does."""
    said = f"{event.alert_id}|{event.n}|{event.at}|{event.name}".encode()
    return sha256(bytes.fromhex(before) + said + bytes.fromhex(event.digest)).hexdigest()


def _first_of_head(jurisdiction: str) -> bytes:
    return f"{FORMAT}|{VERSION}|{jurisdiction}\n".encode()


def _line_of_head(alert_id: str, event_count: int, chain: str) -> bytes:
    return f"{alert_id}|{event_count}|{chain}\n".encode()


def _head_of(jurisdiction: str, rows: Sequence[asyncpg.Record]) -> str:
    heads = sha256(_first_of_head(jurisdiction))
    for row in rows:
        heads.update(_line_of_head(str(row["alert_id"]), row["n"], row["chain"].hex()))
    return heads.hexdigest()


def _moment(as_of: datetime | None) -> str | None:
    """Write a moment as the record's times are written, which sort as they follow each other."""
    if as_of is None:
        return None
    if as_of.tzinfo is None:
        raise Invalid("that moment has no time zone: write it as 2026-01-31T00:00:00.000000Z")
    return as_of.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _missing(first: int, last: int) -> str:
    return f"event {first} is missing" if first == last else f"events {first} to {last} are missing"


def _verify(file: BinaryIO, path: Path, expected_head: str | None, as_of: str | None) -> Verdict:
    first = file.readline(LINE_BYTES_MAX)
    header = _header_of(first, path)
    walk = _Walk(header.jurisdiction, as_of=as_of)
    lines = sha256(first)
    end: End | None = None
    for number, text in _lines(file, path):
        if end is not None:
            walk.find(f"line {number} stands after the end of the record")
            break
        try:
            line = _line.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            walk.find(f"line {number} can't be read: {error}")
        else:
            if isinstance(line, End):
                end = line
                _check_end(walk, line, lines.hexdigest())
            else:
                walk.along(line)
        lines.update(text)
        if not text.endswith(b"\n"):
            walk.find(f"line {number} was cut off")
    if end is None:
        walk.find("the file ends before the end of the record: it was truncated")
    return walk.verdict(expected_head)


def _header_of(text: bytes, path: Path) -> Header:
    if not text:
        raise Invalid(f"{path} is empty: export the record again")
    try:
        header = _header.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid(f"{path} is no export of a record: its first line is not a header") from None
    if header.format != FORMAT:
        raise Invalid(f"{path} is no export of a record: it says {header.format!r}")
    if header.version != VERSION:
        raise Invalid(
            f"{path} has version {header.version}, and this Tocsin reads version {VERSION}:"
            " check it with the release that wrote it"
        )
    return header


def _lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    number = 1
    while text := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        if len(text) > LINE_BYTES_MAX:
            raise Invalid(f"{path} is damaged: line {number} is longer than {LINE_BYTES_MAX} bytes")
        yield number, text


def _check_end(walk: _Walk, end: End, lines_sha256: str) -> None:
    if end.alerts != walk.alerts:
        walk.find(f"the last line counts {end.alerts} alerts, and there are {walk.alerts}")
    if end.events != walk.events:
        walk.find(f"the last line counts {end.events} events, and there are {walk.events}")
    if end.head != walk.head:
        walk.find("the head in the last line is not that of the alerts above it")
    if end.lines_sha256 != lines_sha256:
        walk.find("the lines are not those that were exported: the file was changed or damaged")


def _checked_head(given: str | None) -> str | None:
    if given is None:
        return None
    head = given.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", head):
        raise Invalid(f"{given!r} is no head of a record: it has 64 digits from 0 to f")
    return head


async def _export(
    pool: asyncpg.Pool, jurisdiction: str, *, redacted: bool, out: BinaryIO
) -> Verdict:
    header = Header(
        format=FORMAT,
        version=VERSION,
        jurisdiction=jurisdiction,
        redacted=redacted,
        exported_at=datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
    )
    walk = _Walk(jurisdiction)
    lines = sha256()
    block = bytearray(msgspec.json.encode(header) + b"\n")

    async def write_out() -> None:
        lines.update(block)
        # In a thread: a slow disk must not hold up whatever else this process does.
        await asyncio.to_thread(out.write, bytes(block))
        block.clear()

    async with _snapshot(pool) as connection:
        async for line in _read(connection, jurisdiction, redacted=redacted):
            walk.along(line)
            block += msgspec.json.encode(line) + b"\n"
            if len(block) >= WRITE_BYTES:
                await write_out()
    await write_out()
    end = End(
        alerts=walk.alerts, events=walk.events, head=walk.head, lines_sha256=lines.hexdigest()
    )
    await asyncio.to_thread(out.write, msgspec.json.encode(end) + b"\n")
    return walk.verdict(None)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file for its owner alone; one that stays unfinished is taken away again."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(f"{path} is there already: name a new file") from None
    except OSError as error:
        raise Invalid(f"can't write {path}: {error.strerror}") from None
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise


@asynccontextmanager
async def _snapshot(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """Read everything as of one moment. It locks no row, so nobody waits for it."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(
            f"SET LOCAL idle_in_transaction_session_timeout = '{STALLED_S_MAX}s'"
        )
        yield connection


async def _read(
    connection: asyncpg.Connection, jurisdiction: str, *, redacted: bool
) -> AsyncIterator[Event | AlertEnd]:
    """Give all events by alert and number, each alert's end after them. Raises NotFound."""
    if not await queries.jurisdiction_exists(connection, jurisdiction=jurisdiction):
        raise NotFound(f"no jurisdiction {jurisdiction}")
    after = UUID(int=0)
    while True:
        page = deque(
            await connection.fetch(
                queries.alerts.sql, jurisdiction, after, ALERTS_PER_PAGE_MAX, timeout=FETCH_S_MAX
            )
        )
        if not page:
            return
        after = page[-1]["alert_id"]
        async for row in connection.cursor(
            queries.events.sql,
            [alert["alert_id"] for alert in page],
            prefetch=EVENTS_PER_FETCH_MAX,
            timeout=FETCH_S_MAX,
        ):
            while page[0]["alert_id"] != row["alert_id"]:
                yield _end_of(page.popleft())
            yield _event_of(row, redacted=redacted)
        for alert in page:
            yield _end_of(alert)


def _event_of(row: asyncpg.Record, *, redacted: bool) -> Event:
    erased = row["salt"] is None
    return Event(
        alert_id=str(row["alert_id"]),
        n=row["n"],
        at=row["at"],
        name=row["name"],
        salt=None if redacted or erased else row["salt"].hex(),
        payload=None if redacted else row["payload"],
        digest=row["digest"].hex(),
        chain=row["chain"].hex(),
    )


def _end_of(row: asyncpg.Record) -> AlertEnd:
    return AlertEnd(
        alert_id=str(row["alert_id"]),
        event_count=row["event_count"],
        chain=row["chain"].hex(),
    )
