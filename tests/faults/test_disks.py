"""The disks that the harness breaks: a full one takes nothing, a pulled one forgets what it may."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disks import PluggedDisk, SmallDisk


@pytest.fixture
def plugged(folder: Path) -> Iterator[PluggedDisk]:
    disk = PluggedDisk(folder / "plugged")
    yield disk
    disk.unmount()


@pytest.fixture
def small(folder: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(folder / "small", bytes_max=1024 * 1024)
    yield disk
    disk.unmount()


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def test_a_disk_whose_plug_is_pulled_holds_what_was_synced_and_nothing_else(
    plugged: PluggedDisk,
) -> None:
    kept, grown, gone = (plugged.folder / name for name in ("kept", "grown", "gone"))
    kept.write_text("on disk")
    grown.write_text("on disk")
    for path in (kept, grown, plugged.folder):
        sync(path)
    with grown.open("a") as file:
        file.write(", and in memory")
    gone.write_text("in memory")
    plugged.pull()
    with pytest.raises(OSError, match="Input/output error"):
        kept.write_text("after the cut")
    plugged.plug_in()
    assert kept.read_text() == "on disk"
    assert grown.read_text() == "on disk"
    assert not gone.exists()


def test_a_full_disk_takes_nothing_until_there_is_room_again(small: SmallDisk) -> None:
    small.fill()
    with pytest.raises(OSError, match="No space left"):
        (small.folder / "press").write_bytes(b"x")
    small.empty()
    (small.folder / "press").write_bytes(b"x")
    assert (small.folder / "press").read_bytes() == b"x"
