"""The outbox against real disks: power cuts, a full card, a corrupt file."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from tests.button.test_ledger import entry
from tocsin_button import outbox
from tocsin_button.ledger import Entry
from tocsin_button.outbox import SET_ASIDE_MAX, Outbox

PATIENCE_S = 20.0


class Listener:
    """Hears what an outbox tells, and waits for it."""

    def __init__(self) -> None:
        self.found: list[Entry] = []
        self.stored: set[UUID] = set()
        self.faults: list[str | None] = []
        self._news = threading.Condition()

    def on_found(self, entries: list[Entry]) -> None:
        with self._news:
            self.found += entries
            self._news.notify_all()

    def on_stored(self, press_ids: list[UUID]) -> None:
        with self._news:
            self.stored |= set(press_ids)
            self._news.notify_all()

    def on_fault(self, fault: str | None) -> None:
        with self._news:
            self.faults.append(fault)
            self._news.notify_all()

    def until(self, claim: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(claim, PATIENCE_S)


@contextmanager
def running(path: Path, *, retry_s: float = 0.02) -> Iterator[tuple[Outbox, Listener]]:
    listener = Listener()
    box = Outbox(
        path,
        found=listener.on_found,
        stored=listener.on_stored,
        fault=listener.on_fault,
        retry_s=retry_s,
    )
    box.start()
    try:
        yield box, listener
    finally:
        box.close()
        box._thread.join(PATIENCE_S)  # `close` itself waits for a moment only
        assert not box.is_alive()


def keep(box: Outbox, listener: Listener, *entries: Entry) -> None:
    for each in entries:
        box.keep(each)
    listener.until(lambda: {each.press_id for each in entries} <= listener.stored)


def left_in(path: Path) -> list[Entry]:
    with running(path) as (box, listener):
        keep(box, listener, marker := entry())
        box.forget(marker.press_id)
    return in_order(*listener.found)


def in_order(*entries: Entry) -> list[Entry]:
    return sorted(entries, key=lambda each: each.press_id)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def test_what_is_kept_is_there_after_a_restart_and_what_is_forgotten_is_not(path: Path) -> None:
    kept, changed, gone = entry(), entry(), entry()
    with running(path) as (box, listener):
        keep(box, listener, kept, changed, gone)
        box.forget(gone.press_id)
        changed = msgspec.structs.replace(changed, state="stored")
        box.keep(changed)
    assert left_in(path) == in_order(kept, changed)


def test_a_press_reported_as_stored_survives_a_kill(path: Path) -> None:
    program = f"""
import os, sys, threading
from pathlib import Path
from tests.button.test_ledger import entry
from tocsin_button.outbox import Outbox
def stored(ids):
    for press_id in ids:
        os.write(1, f"{{press_id}}\\n".encode())
box = Outbox(Path({str(path)!r}), found=print, stored=stored, fault=print)
box.start()
while True:
    box.keep(entry())
    threading.Event().wait(0.001)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(30)]
    process.send_signal(signal.SIGKILL)
    told += process.stdout.read().split()
    process.wait()
    assert {UUID(line) for line in told} <= {each.press_id for each in left_in(path)}


def test_closing_writes_what_is_owed(path: Path) -> None:
    press = entry()
    with running(path) as (box, _):
        box.keep(press)
    assert left_in(path) == [press]


def test_a_press_that_is_kept_again_before_the_file_is_read_is_not_found_twice(
    path: Path,
) -> None:
    press = entry()
    with running(path) as (box, listener):
        keep(box, listener, press)
    listener = Listener()
    box = Outbox(path, found=listener.on_found, stored=listener.on_stored, fault=listener.on_fault)
    box.keep(press)
    box.start()
    listener.until(lambda: press.press_id in listener.stored)
    box.close()
    assert listener.found == []


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """A disk that takes no more: every write past this size fails."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_is_told_and_loses_nothing_once_there_is_room(path: Path) -> None:
    first, second, third = entry(), entry(), entry()
    with running(path) as (box, listener):
        keep(box, listener, first)
        with files_no_larger_than(1):
            box.keep(second)
            listener.until(lambda: bool(listener.faults))
            assert "outbox can't be written" in str(listener.faults[0])
            box.keep(third)
            box.forget(first.press_id)
        listener.until(lambda: listener.faults[-1] is None)
        listener.until(lambda: {second.press_id, third.press_id} <= listener.stored)
    assert left_in(path) == in_order(second, third)


def test_a_disk_that_is_full_from_the_start_delays_nobody(path: Path) -> None:
    press = entry()
    with files_no_larger_than(0), running(path) as (box, listener):
        box.keep(press)
        listener.until(lambda: bool(listener.faults))
        assert press.press_id not in listener.stored


def test_a_folder_that_is_missing_is_a_fault_until_it_is_there(tmp_path: Path) -> None:
    path, press = tmp_path / "later" / "outbox.db", entry()
    with running(path) as (box, listener):
        box.keep(press)
        listener.until(lambda: bool(listener.faults))
        path.parent.mkdir()
        listener.until(lambda: press.press_id in listener.stored)
    assert left_in(path) == [press]


def test_a_file_that_is_no_database_is_set_aside_and_never_blocks(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 500)
    with running(path) as (box, listener):
        keep(box, listener, press := entry())
        assert listener.faults == []
    assert len(list(path.parent.glob("outbox.db.corrupt-*"))) == 1
    assert left_in(path) == [press]


def test_what_a_corrupt_file_still_gives_is_saved(path: Path) -> None:
    presses = [entry() for _ in range(200)]
    with running(path) as (box, listener):
        keep(box, listener, *presses)
    body = bytearray(path.read_bytes())
    page_bytes = 4096
    assert len(body) > 8 * page_bytes
    last_leaf = len(body) - 2 * page_bytes
    body[last_leaf : last_leaf + page_bytes] = os.urandom(page_bytes)
    path.write_bytes(body)
    with running(path) as (box, listener):
        listener.until(lambda: bool(listener.found))
        keep(box, listener, entry())
    assert 0 < len(listener.found) <= len(presses)
    assert set(listener.found) <= set(presses)
    assert len(list(path.parent.glob("outbox.db.corrupt-*"))) == 1


def test_a_press_that_can_t_be_read_hides_no_other(path: Path) -> None:
    press = entry()
    with running(path) as (box, listener):
        keep(box, listener, press)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO press VALUES ('a', x'00')")
        connection.execute("INSERT INTO press VALUES ('b', 7)")
    connection.close()
    assert left_in(path) == [press]


def test_only_the_newest_corrupt_files_are_kept(path: Path) -> None:
    for _ in range(SET_ASIDE_MAX + 2):
        path.write_bytes(b"\xff" * 5000)
        with running(path) as (box, listener):
            keep(box, listener, entry())
    assert len(list(path.parent.glob("outbox.db.corrupt-*"))) == SET_ASIDE_MAX


def test_a_new_file_is_given_everything_that_memory_holds(path: Path) -> None:
    """The file breaks while the agent runs: the next write finds it corrupt."""
    first, second = entry(), entry()
    with running(path) as (box, listener):
        keep(box, listener, first)
        with files_no_larger_than(1):
            box.keep(second)
            listener.until(lambda: bool(listener.faults))
            path.with_name("outbox.db-wal").unlink(missing_ok=True)
            with path.open("r+b") as file:
                file.write(b"\0")
        listener.until(lambda: second.press_id in listener.stored)
    assert left_in(path) == in_order(first, second)


def test_a_file_that_can_t_be_set_aside_is_a_fault_not_an_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> Path:
        raise PermissionError(30, "Read-only file system")

    path.write_bytes(b"\xff" * 5000)
    monkeypatch.setattr(outbox, "_set_aside", refuse)
    with running(path) as (box, listener):
        box.keep(entry())
        listener.until(lambda: bool(listener.faults))
        assert box.is_alive()
