"""The state folder: one process at a time works on it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tocsin_button.errors import StateTaken


@contextlib.contextmanager
def hold_state(folder: Path) -> Iterator[None]:
    """Keep the state folder for this process. Raises StateTaken where another has it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateTaken(
            f"{folder}: {error.strerror}: name a folder in state_dir that this user can write"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StateTaken(
            f"another agent works on {folder}: stop it, or give this one its own state_dir"
        ) from None
    finally:
        os.close(descriptor)
