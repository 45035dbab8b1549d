"""Outbox: the open presses on disk, so that a press outlives a power cut.

Law 1: nobody waits for the disk. Every call returns at once; a thread of its own writes
and fsyncs (SQLite, write-ahead log, synchronous=FULL: one fsync for each commit).
Law 2: a disk that is full or broken loses nothing that memory holds: it is told as a
fault, and the whole content is written again as soon as the disk takes it.
Law 3: a corrupt file never blocks the start. What can still be read is read, the file is
set aside for whoever wants to look, and a new one is begun.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from tocsin_button.ledger import Entry

RETRY_S = 1.0
SET_ASIDE_MAX = 3  # enough to look at; a dying card must not fill itself with them
CLOSE_WITHIN_S = 0.5

log = structlog.get_logger()


class Outbox:
    """One file of open presses. The three callbacks are called in the outbox's own thread.

    `found`: the presses an earlier run left; `stored`: these presses are on the disk now;
    `fault`: what keeps the disk from taking presses, or None when it takes them again.
    """

    def __init__(
        self,
        path: Path,
        *,
        found: Callable[[list[Entry]], None],
        stored: Callable[[list[UUID]], None],
        fault: Callable[[str | None], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self._path = path
        self._found, self._stored, self._fault = found, stored, fault
        self._retry_s = retry_s
        self._turn = threading.Condition()
        self._changes: dict[UUID, Entry | None] = {}  # handed over, not yet taken by the writer
        self._closing = False
        self._kept: dict[UUID, Entry] = {}  # what the file is to hold; the writer's alone
        self._owed: dict[UUID, Entry | None] = {}  # taken, not yet committed; the writer's alone
        self._connection: sqlite3.Connection | None = None
        self._faulty = False
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Open the file, read it and write from now on."""
        self._thread.start()

    def keep(self, entry: Entry) -> None:
        """Put this on disk as soon as can be, in place of what is there of the same press."""
        self._hand_over(entry.press_id, entry)

    def forget(self, press_id: UUID) -> None:
        """Take this press off the disk."""
        self._hand_over(press_id, None)

    def is_alive(self) -> bool:
        """Say whether the writing thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Write what is owed, once, and end. A disk that hangs is not waited for."""
        with self._turn:
            self._closing = True
            self._turn.notify()
        self._thread.join(CLOSE_WITHIN_S)

    def _hand_over(self, press_id: UUID, entry: Entry | None) -> None:
        with self._turn:
            self._changes[press_id] = entry
            self._turn.notify()

    def _run(self) -> None:
        closing_down = False
        while not closing_down:
            self._write()
            with self._turn:
                # A press that comes while a write has failed is tried at once.
                self._turn.wait_for(
                    lambda: self._changes or self._closing, self._retry_s if self._faulty else None
                )
                closing_down = self._closing
        self._write()
        self._disconnect()

    def _write(self) -> None:
        with self._turn:
            changes, self._changes = self._changes, {}
        self._owed |= changes
        for press_id, entry in changes.items():
            if entry is None:
                self._kept.pop(press_id, None)
            else:
                self._kept[press_id] = entry
        try:
            if self._connection is None:
                self._connection = self._open()
            self._commit(self._connection)
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            self._tell(f"outbox can't be written: {error}")
        else:
            self._tell(None)

    def _commit(self, connection: sqlite3.Connection) -> None:
        if not self._owed:
            return
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for press_id, entry in self._owed.items():
                if entry is None:
                    connection.execute("DELETE FROM press WHERE press_id = ?", (str(press_id),))
                else:
                    connection.execute(
                        "INSERT OR REPLACE INTO press (press_id, entry) VALUES (?, ?)",
                        (str(press_id), msgspec.json.encode(entry)),
                    )
        stored = [press_id for press_id, entry in self._owed.items() if entry is not None]
        self._owed = {}
        if stored:
            self._stored(stored)

    def _open(self) -> sqlite3.Connection:
        """Open the file, or a new one in place of one that can't be read.

        Raises sqlite3.OperationalError or OSError where the disk doesn't allow it.
        """
        try:
            connection, entries = _connect(self._path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            entries = _salvage(self._path)
            aside = _set_aside(self._path)
            log.error(
                "outbox is corrupt: set aside, a new one is begun; the card may be dying",
                file=str(self._path),
                set_aside=str(aside),
                error=str(error),
                saved_presses=[str(entry.press_id) for entry in entries],
            )
            connection, _ = _connect(self._path)
        # The file may be new, or older than memory: everything is owed to it again.
        known = self._kept.keys() | self._owed.keys()
        found = [entry for entry in entries if entry.press_id not in known]
        self._kept |= {entry.press_id: entry for entry in found}
        self._owed = {**self._kept, **self._owed}
        if found:
            self._found(found)
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _tell(self, fault: str | None) -> None:
        if fault is not None or self._faulty:
            self._fault(fault)
        self._faulty = fault is not None


def _connect(path: Path) -> tuple[sqlite3.Connection, list[Entry]]:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        # Exclusive: no shared-memory file beside it, and nobody else writes here.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        state = connection.execute("PRAGMA quick_check").fetchone()[0]
        if state != "ok":
            raise sqlite3.DatabaseError(state)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS press (press_id TEXT PRIMARY KEY, entry BLOB NOT NULL)"
        )
        # SQLite syncs the file, nobody the folder that names it.
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return connection, list(_read(connection))
    except BaseException:
        connection.close()
        raise


def _read(connection: sqlite3.Connection) -> Iterator[Entry]:
    for press_id, body in connection.execute("SELECT press_id, entry FROM press"):
        try:
            yield msgspec.json.decode(body, type=Entry)
        except (msgspec.DecodeError, TypeError) as error:
            log.error("a press in the outbox can't be read", press_id=press_id, error=str(error))


def _salvage(path: Path) -> list[Entry]:
    """Read what a corrupt file still gives, up to the first page that can't be read."""
    entries = []
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for entry in _read(connection):
                entries.append(entry)  # noqa: PERF402 (what came before an error is kept)
    except sqlite3.DatabaseError as error:
        log.warning("the corrupt outbox can be read no further", error=str(error))
    return entries


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.corrupt-{time.time_ns()}")
    path.rename(aside)
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    for old in sorted(path.parent.glob(f"{path.name}.corrupt-*"))[:-SET_ASIDE_MAX]:
        old.unlink()
    return aside
