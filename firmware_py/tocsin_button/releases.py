"""Releases: which of those on this board runs, and how it comes to run another. No network.

Promise: at every moment, whatever cuts it short, one whole release runs at the next start: the one
on trial, the one that was kept last, the one before, or the one that was installed. What is so is
one small file, which is replaced as a whole. A release on trial that isn't kept within
STARTS_MAX starts, whatever ended them, is put aside; one that neither keeps nor puts itself aside
in time is ended by the alarm that was set before it began. Whoever installs a newer one on the
board by hand is obeyed.

Refused: to run an older release than the one that was installed.

Releases of before and after read this file: fields are only added.
"""

import os
import re
import shutil
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import msgspec

from tocsin_button.files import PRIVATE, put
from tocsin_button.state_folder import hold_state
from tocsin_wire.messages import Update

FOLDER, FILE = "releases", "releases.json"
ENVIRONMENT = "TOCSIN_BUTTON_RELEASE"  # which of them this process is
STARTS_MAX = 2  # one may be cut short by a pulled plug
TRIAL_S = 90.0  # nine pulses of a server
ALARM_S = 120  # a release that does nothing about its own trial
FILE_BYTES_MAX = 64 * 1024
MAY_PASS = 3  # how `fetching` ends where trying again may help
_VERSION = re.compile(r"[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}")


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A release that is to prove itself, and how often it was started for that."""

    version: str
    command_id: UUID
    starts: int = 0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says. No current one: the one that was installed."""

    current: str | None = None
    former: str | None = None
    trial: Trial | None = None
    last: Update | None = None

    def without_trial(self, why: str) -> "Kept":
        """Give what is so once the release on trial is put aside."""
        if self.trial is None:
            return self
        said = Update(
            command_id=self.trial.command_id,
            version=self.trial.version,
            state="failed",
            because=why,
        )
        return msgspec.structs.replace(self, trial=None, last=said)


def is_newer(one: str, other: str) -> bool:
    """Say whether one is newer; what is no version of three numbers isn't."""
    if not (_VERSION.fullmatch(one) and _VERSION.fullmatch(other)):
        return False
    return _numbers(one) > _numbers(other)


def folder_of(state: Path, release: str) -> Path:
    """Where a release is, or would be."""
    return state / FOLDER / release


def read(state: Path) -> Kept:
    """Give what is so; where that can't be read, the release that was installed runs."""
    try:
        with (state / FILE).open("rb") as file:
            return msgspec.json.decode(file.read(FILE_BYTES_MAX), type=Kept)
    except (OSError, msgspec.DecodeError):
        return Kept()


def write(state: Path, kept: Kept) -> None:
    """Let it be so. Blocks for an fsync. Raises OSError."""
    put(state / FILE, msgspec.json.encode(kept), mode=PRIVATE)


def begin_trial(state: Path, *, release: str, command_id: UUID) -> Kept:
    """Let a release that is whole prove itself from the next start on. Raises OSError."""
    kept = msgspec.structs.replace(
        read(state),
        trial=Trial(version=release, command_id=command_id),
        last=Update(command_id=command_id, version=release, state="trying"),
    )
    write(state, kept)
    return kept


def keep(state: Path) -> Kept:
    """Let the release on trial be the current one, for good. Raises OSError."""
    kept = read(state)
    if kept.trial is not None:
        said = Update(command_id=kept.trial.command_id, version=kept.trial.version, state="kept")
        again = kept.current == kept.trial.version  # whose files had gone, so it was fetched anew
        former = kept.former if again else kept.current
        kept = Kept(current=kept.trial.version, former=former, last=said)
        write(state, kept)
    return kept


def put_aside(state: Path, why: str) -> Kept:
    """Let the former release run again from the next start on. Raises OSError."""
    kept = read(state).without_trial(why)
    write(state, kept)
    return kept


def tidy(state: Path) -> None:
    """Delete the releases that nobody will run again; but for the one before the current one."""
    kept = read(state)
    wanted = {kept.current, kept.former, kept.trial.version if kept.trial else None}
    for each in (state / FOLDER).glob("[0-9]*"):
        if each.name not in wanted:
            shutil.rmtree(each, ignore_errors=True)


def choose(state: Path, installed: str) -> str | None:
    """Say which release is to run now; None: the one that was installed. The state must be held.

    A start of a release on trial is counted before it begins. Where that can't be written, as on a
    full card, it is not begun.
    """
    kept = read(state)
    trial = kept.trial
    if trial is not None:
        is_whole = _is_whole(state, trial.version)
        if is_whole and trial.starts < STARTS_MAX:
            begun = msgspec.structs.replace(trial, starts=trial.starts + 1)
            if _written(state, msgspec.structs.replace(kept, trial=begun)):
                return trial.version
        else:
            died = f"it ended {trial.starts} times before it was heard"
            _written(state, kept.without_trial(died if is_whole else "its files are not all there"))
    for each in (kept.current, kept.former):
        if each is not None and is_newer(each, installed) and _is_whole(state, each):
            return each
    return None


def enter(state: Path) -> None:
    """Become the release that is to run, in this same process; return where this one is it.

    Raises StateTaken.
    """
    if ENVIRONMENT in os.environ or not (state / FILE).exists():
        return
    with hold_state(state):
        release = choose(state, version("tocsin"))
        trial = read(state).trial
    if release is None:
        return
    if trial is not None and trial.version == release:
        signal.alarm(ALARM_S)  # it outlives the exec, whatever the release does (alarm(2))
    os.execve(  # noqa: S606 (the same program, of another release)
        sys.executable,
        [sys.executable, "-P", "-m", "tocsin_button", *sys.argv[1:]],
        os.environ | {ENVIRONMENT: release} | search_path(folder_of(state, release)),
    )


def search_path(folder: Path) -> dict[str, str]:
    """Give the environment in which Python finds a release before any other."""
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _is_whole(state: Path, release: str) -> bool:
    """Its folder got its name when everything was in it, so one file is enough to ask for."""
    named = _VERSION.fullmatch(release) is not None
    return named and (folder_of(state, release) / "tocsin_button" / "__main__.py").is_file()


def _written(state: Path, kept: Kept) -> bool:
    try:
        write(state, kept)
    except OSError:
        return False
    return True


def _numbers(release: str) -> list[int]:
    return [int(each) for each in release.split(".")]
