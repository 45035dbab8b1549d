"""Faults of disks: full under a button's outbox, full under the database, and without power.

A disk here is a file system of its own, mounted by root: one in memory where it is to be filled,
and an ext4 on a loop device where the power is to be cut.

What a power cut proves: Linux is told to shut the file system down without flushing its journal
(ext4's EXT4_IOC_SHUTDOWN, as xfstests does it), right after the agent's SIGKILL; so whatever was
written and not fsynced is gone, of data, names and lengths alike, and the journal is replayed at
the next mount. Refused: a disk that lies about its own cache, and a board that forgets its clock
(the kernel goes on, so ages stay exact).
"""

import asyncio
import errno
import fcntl
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import asyncpg

from tests import parts
from tests.faults.fault import Fault, Probe, row
from tests.faults.processes import NOT_STORED_S_MAX, NOTICED_S_MAX, KillAgent
from tests.faults.stand import Part, Stand
from tests.parts import ASK_AGAIN_S, WAIT_S, Deployment
from tocsin_server.alert.ingest import PAGE_FROM_MEMORY_S
from tocsin_server.demo.postgres import EmbeddedPostgres
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_server.storage.database import DATABASE_ERRORS

OUTBOX_DISK_BYTES = 8 * 1024 * 1024  # SQLite's log begins anew at 4 MB
DATABASE_DISK_BYTES = 384 * 1024 * 1024  # three databases and 64 MB of log, twice over
FULL_S = 3.0
DATABASE_FULL_S = 8.0  # tier 1 is paged from memory after 5
PAGED_S_MAX = PAGE_FROM_MEMORY_S + 1.0  # on a busy machine
TRUTH_S_MAX = 2.0  # an agent tries its disk again every second
LOG_BYTES = 1024 * 1024
LOGGED_MAX = 256  # of them; the log holds 64
_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN (linux/fs/ext4/ext4.h): _IOR('X', 125, __u32)
_NO_FLUSH = struct.pack("I", 2)  # EXT4_GOING_FLAGS_NOLOGFLUSH
_MEMORY = Path("/dev/shm")  # noqa: S108 (a disk whose own speed is not what is measured)


class Disk(Protocol):
    """What a folder lies on, until it is unmounted."""

    def unmount(self) -> None: ...


class SmallDisk:
    """A file system in memory, which can be filled to its last byte."""

    def __init__(self, folder: Path, *, bytes_max: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={bytes_max},mode=0700", "tmpfs", folder)

    def fill(self) -> None:
        free = os.statvfs(self.folder)
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            with suppress(OSError):  # somebody else writes here, too
                os.posix_fallocate(ballast.fileno(), 0, free.f_bavail * free.f_frsize)
            ballast.seek(0, os.SEEK_END)
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def empty(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)

    def unmount(self) -> None:
        _unmount(self.folder)


class PluggedDisk:
    """An ext4 with a plug that can be pulled: then it holds what was synced, and nothing else."""

    bytes_max = 16 * 1024 * 1024

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._image = _new_image()
        os.truncate(self._image, self.bytes_max)
        _run("mkfs.ext4", "-q", "-F", self._image)
        self._mount()

    def pull(self) -> None:
        """Cut it off; every call to it fails from now on."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _NO_FLUSH)
        finally:
            os.close(descriptor)

    def plug_in(self) -> None:
        """As it comes up again: the journal is replayed.

        From a copy: some other mount namespace on this machine may keep the dead one mounted, and
        then Linux would give us that again.
        """
        _unmount(self.folder)
        dead, self._image = self._image, _new_image()
        _run("cp", "--sparse=always", dead, self._image)
        dead.unlink()
        self._mount()

    def unmount(self) -> None:
        _unmount(self.folder)
        self._image.unlink()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", self._image, self.folder)


def prove_disks(folder: Path) -> None:
    """See for ourselves that they break as they say, before anything is concluded from it.

    Raises RuntimeError where they don't.
    """
    small = SmallDisk(folder / "small", bytes_max=1024 * 1024)
    try:
        small.fill()
        _must(_fails(small.folder / "press", errno.ENOSPC), "a full disk takes a file")
        small.empty()
        _must(not _fails(small.folder / "press", errno.ENOSPC), "there is no room again")
    finally:
        small.unmount()
    plugged = PluggedDisk(folder / "plugged")
    try:
        kept, grown, gone = (plugged.folder / name for name in ("kept", "grown", "gone"))
        for path in (kept, grown):
            path.write_text("on disk")
        for path in (kept, grown, plugged.folder):
            _sync(path)
        with grown.open("a") as file:
            file.write(", and in memory")
        gone.write_text("in memory")
        plugged.pull()
        _must(_fails(kept, errno.EIO), "a disk without its plug takes a file")
        plugged.plug_in()
        _must(kept.read_text() == "on disk", "what was synced is gone")
        _must(grown.read_text() == "on disk", "a length that was not synced is there")
        _must(not gone.exists(), "a file that was not synced is there")
    finally:
        plugged.unmount()


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise RuntimeError(f"the harness's disks don't break as they should: {otherwise}")


def _fails(path: Path, number: int) -> bool:
    try:
        path.write_text("on disk")
    except OSError as error:
        if error.errno != number:
            raise
        return True
    return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class OnDisks(Deployment):
    """A deployment where each button's state lies on a disk of its own."""

    def __init__(self, folder: Path, disk: Callable[[Path], Disk], *, brokers: int) -> None:
        super().__init__(folder, brokers=brokers)
        self._disk = disk
        self.disks: list[Disk] = []

    @classmethod
    def under(cls, stand: Stand, disk: Callable[[Path], Disk]) -> "OnDisks":
        """In place of the stand's own; its disks go with the stand."""
        prove_disks(stand.deployment.folder.with_name("proof"))
        deployment = cls(
            stand.deployment.folder.with_name("disks"), disk, brokers=stand.arrangement.brokers
        )
        stand.deployment = deployment
        stand.button_urls = list(deployment.broker_urls)
        stand.server_urls = list(deployment.broker_urls)
        stand.phones = deployment.phone_network()
        stand.stack.callback(deployment.unmount)
        return deployment

    def new_button(self, *, brokers: Sequence[str] = ()) -> tuple[VirtualButton, bytes]:
        button, public_key = super().new_button(brokers=brokers)
        self.disks.append(self._disk(state_of(button)))
        return button, public_key

    def unmount(self) -> None:
        for disk in self.disks:
            disk.unmount()


@row("outbox-disk-full")
class OutboxDiskFull(Fault):
    """A press must not notice; the lamp must. When there is room again, all is on disk again."""

    name = f"the outbox's disk full for {FULL_S:.0f} s (every button), then kill -9 of the agent"
    lasts_s = FULL_S
    shown_s_max = NOTICED_S_MAX
    recovery_s_max = 2.0
    disks: dict[str, SmallDisk]

    async def arrange(self) -> None:
        self.disks = {}

        def disk(folder: Path) -> Disk:
            self.disks[folder.parent.name] = small = SmallDisk(folder, bytes_max=OUTBOX_DISK_BYTES)
            return small

        OnDisks.under(self.stand, disk)

    async def inject(self) -> None:
        for disk in self.disks.values():
            disk.fill()

    async def end(self) -> None:
        told = await asyncio.gather(*[self._tells_the_truth(each) for each in self.stand.buttons])
        if not any(told):
            self.stand.findings.append("no lamp told that the outbox can't be written")
        for disk in self.disks.values():
            disk.empty()
        await asyncio.gather(*[self._is_whole_again(each) for each in self.stand.buttons])

    async def _tells_the_truth(self, button: VirtualButton) -> bool:
        """Whether it told of its disk; it must, unless all it holds is there all the same."""
        until_s = time.monotonic() + TRUTH_S_MAX
        while True:
            state = await button.state()
            told = tells_of_disk(state.faults)
            missing = {press.press_id for press in state.open} - on_disk(button)
            if told or not missing:
                return told
            if time.monotonic() > until_s:
                self.stand.findings.append(f"{button.device_id} hides that its disk is full")
                return False
            await asyncio.sleep(ASK_AGAIN_S)

    async def _is_whole_again(self, button: VirtualButton) -> None:
        """It says so, and a new agent finds on the disk what the old one held in memory."""
        await button.until(lambda state: not tells_of_disk(state.faults), timeout_s=WAIT_S)
        part = self.stand.agent_part(button)
        part.away(True)  # nobody presses from here on, so that nothing is too young to be there
        held = {press.press_id for press in (await button.state()).open}
        await part.kill()
        await part.start()
        try:
            await button.until(
                lambda state: held <= {press.press_id for press in state.open}, timeout_s=WAIT_S
            )
        except TimeoutError:
            self.stand.findings.append(f"{button.device_id} forgot what it held in memory")


@row("database-disk-full")
class DatabaseDiskFull(Fault):
    """Half of the time the log's last pages are used up, too: then PostgreSQL ends itself.

    It may come back by itself in the same moment, find room in its old log, and store again.
    """

    name = f"the database's disk full for {DATABASE_FULL_S:.0f} s"
    lasts_s = DATABASE_FULL_S
    shown_s_max = NOT_STORED_S_MAX
    disk: SmallDisk
    postgres: EmbeddedPostgres
    without_log: bool
    paged_before: int

    async def arrange(self) -> None:
        """A server of its own, whose data lie on the disk; its log of messages does not."""
        stand = self.stand
        folder = stand.deployment.folder.with_name("full")
        self.disk = SmallDisk(folder / "disk", bytes_max=DATABASE_DISK_BYTES)
        stand.stack.callback(self.disk.unmount)
        self.postgres = EmbeddedPostgres(folder)
        stand.stack.push_async_callback(self.postgres.stop)
        await self.postgres.start()
        await parts.make_templates(self.postgres)
        await self.postgres.stop()
        cluster = self.disk.folder / "cluster"
        await asyncio.to_thread(shutil.move, folder / "cluster", cluster)
        (folder / "cluster").symlink_to(cluster)
        with (cluster / "postgresql.conf").open("a") as settings:
            settings.write("\nmin_wal_size = '32MB'\nmax_wal_size = '64MB'\n")
        stand.database = await stand.stack.enter_async_context(
            parts.fresh_database(self.postgres, parts.EXAMPLE)
        )
        stand.stack.push_async_callback(self._make_room)
        stand.dsn = stand.database.dsn

    def before(self) -> None:
        self.without_log = self.chance.random() < 0.5
        self.paged_before = self.stand.ledger.from_memory

    async def inject(self) -> None:
        await asyncio.to_thread(self.disk.fill)
        if self.without_log:
            await self._use_up_log()

    async def end(self) -> None:
        ledger = self.stand.ledger
        waiting = ledger.unreceipted(at_s=time.monotonic() - PAGED_S_MAX)
        if ledger.from_memory == self.paged_before and any(
            press.receipted_s is None for press in waiting
        ):
            self.stand.findings.append(
                f"presses were not stored for {PAGED_S_MAX:g} s, and nobody was paged from memory"
            )
        await self._make_room()

    async def _use_up_log(self) -> None:
        """Write until PostgreSQL can't any more, and ends itself."""
        with suppress(*DATABASE_ERRORS):
            async with self.stand.database.connected() as connection:
                for _ in range(LOGGED_MAX):
                    await connection.execute(
                        "SELECT pg_logical_emit_message(false, 'full', repeat('x', $1))", LOG_BYTES
                    )

    async def _make_room(self) -> None:
        """And start it where it has ended, as a service manager does."""
        self.disk.empty()
        async with asyncio.timeout(WAIT_S):
            while True:
                if not self.postgres.running:
                    await self.postgres.kill()
                    await self.postgres.start()
                with suppress(*DATABASE_ERRORS):
                    connection = await asyncpg.connect(self.stand.dsn)
                    await connection.close()
                    return
                await asyncio.sleep(ASK_AGAIN_S)


@row("cut-power")
class CutPower(KillAgent):
    """Also half of the time with every replica stopped, so that no receipt can have come."""

    name = "power cut of the button (all but two)"
    disks: dict[str, PluggedDisk]

    async def arrange(self) -> None:
        self.disks = {}

        def disk(folder: Path) -> Disk:
            self.disks[folder.parent.name] = plugged = PluggedDisk(folder)
            return plugged

        OnDisks.under(self.stand, disk)

    def choose(self) -> list[Part]:
        agents = super().choose()
        return [
            self._with_disk(agent, self.disks[button.device_id])
            for agent, button in zip(agents, self.victims, strict=True)
        ]

    def _with_disk(self, agent: Part, disk: PluggedDisk) -> Part:
        async def kill() -> None:
            await agent.kill()
            disk.pull()

        async def start() -> None:
            await asyncio.to_thread(disk.plug_in)
            await agent.start()

        return replace(agent, kill=kill, start=start)


@row("cut-power-offline")
class CutPowerOffline(CutPower):
    """With every broker dead: what the disk had is all there is."""

    name = "power cut of the button (all but two) without a broker"
    recovery_s_max = 5.0
    strike_s = 0.06  # a press is to be on the disk 20 ms after its edge

    def before(self) -> None:
        super().before()
        for replica in self.replicas() if self.deaf else ():
            replica.resume()
        self.deaf = False
        self.stand.ledger.agents_die_alone = False  # what they sent reached nobody
        for broker in self.stand.brokers:
            if broker.pid is not None:
                os.kill(broker.pid, signal.SIGKILL)

    async def inject(self) -> None:
        await asyncio.sleep(self.chance.uniform(0, self.strike_s))
        await super().inject()

    async def end_one_by_one(self) -> AsyncIterator[Probe]:
        for broker in self.stand.brokers:
            await broker.kill()
            await broker.start()
        async for probe in super().end_one_by_one():
            yield probe


def state_of(button: VirtualButton) -> Path:
    """Where its outbox lies."""
    return button.folder / "state"


def tells_of_disk(faults: tuple[str, ...]) -> bool:
    return any(fault.startswith("outbox") for fault in faults)


def on_disk(button: VirtualButton) -> set[str]:
    """The presses in its outbox as a new agent would find them, read from a copy."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("outbox.db", "outbox.db-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(state_of(button) / name, folder)
        with closing(sqlite3.connect(Path(folder) / "outbox.db")) as connection:
            try:
                return {row[0] for row in connection.execute("SELECT press_id FROM press")}
            except sqlite3.DatabaseError:
                return set()  # copied in the middle of a write


def _new_image() -> Path:
    descriptor, name = tempfile.mkstemp(prefix="tocsin-disk-", dir=_MEMORY)
    os.close(descriptor)
    return Path(name)


def _unmount(folder: Path) -> None:
    """Whoever just looks for an agent's socket holds the folder for a moment."""
    until_s = time.monotonic() + WAIT_S
    while True:
        try:
            _run("umount", folder)
        except subprocess.CalledProcessError:
            if time.monotonic() > until_s:
                raise
            time.sleep(ASK_AGAIN_S)
        else:
            return


def _run(*command: str | Path) -> None:
    subprocess.run([*map(str, command)], check=True, capture_output=True, timeout=WAIT_S)
