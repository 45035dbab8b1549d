"""Files that appear whole or not at all, also after a power cut."""

import os
from pathlib import Path

PRIVATE, PUBLIC = 0o600, 0o644


def put(file: Path, content: bytes, *, mode: int) -> None:
    """Write a file, in place of what is there. Raises OSError."""
    begun = file.with_name(f".{file.name}.new")
    begun.unlink(missing_ok=True)
    descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
    into_place(begun, file)


def into_place(begun: Path, file: Path) -> None:
    """Let what was written beside it become the file. Raises OSError."""
    sync(begun)
    begun.replace(file)
    sync(file.parent)


def sync(path: Path) -> None:
    """Have it on the disk: a file, or what a folder calls its files. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
