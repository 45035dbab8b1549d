"""Cut short at any step, one whole release runs: the old one or the new one."""

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from tests.updates import wheels
from tests.updates.conftest import Shelf
from tocsin_button import fetching, releases
from tocsin_button.fetching import Wanted
from tocsin_button.releases import ENVIRONMENT, STARTS_MAX, Kept
from tocsin_wire.messages import Release

INSTALLED, FIRST, NEXT, AFTER = "0.1.0", "999.0.0", "999.0.1", "999.0.2"
COMMAND = UUID(int=7)
KILL_EVERY = 12  # of the steps, in truth; before each of them its files are copied
_EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "subprocess.Popen"}

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


def made(state: Path, version: str) -> None:
    """A release that is whole, as far as it is looked at."""
    main = releases.folder_of(state, version) / "tocsin_button" / "__main__.py"
    main.parent.mkdir(parents=True)
    main.write_text("")


def small(shelf: Shelf, version: str) -> Wanted:
    """A release of few files: there are less moments at which to be killed."""
    wheel = wheels.small(shelf.folder, version)
    release = msgspec.convert(wheels.facts(wheel), type=Release)
    return Wanted(state="", url=f"{shelf.url}/{wheel.name}", release=release)


def update(state: Path, wanted: Wanted) -> None:
    """The whole way of one release, as the agent and its next starts go it."""
    fetching.fetch(wanted)
    version = wanted.release.version
    releases.begin_trial(state, release=version, command_id=COMMAND)
    assert releases.choose(state, INSTALLED) == version
    releases.keep(state)
    releases.tidy(state)


def _step_by_step(state: Path, wanted: Wanted, kill_at: int | None, befores: Path) -> None:
    """Do it in a process that is killed just before one of its steps.

    Without one, copy before each of them what a kill there would leave.
    """
    count, copying = 0, False

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count, copying
        if copying or event not in _EVENTS:
            return
        if event == "open" and not _is_of(state, arguments[0]):
            return
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if kill_at is None:
            copying = True
            shutil.copytree(state, befores / str(count))
            copying = False
        count += 1

    sys.addaudithook(hook)
    update(state, wanted)


def _is_of(state: Path, path: object) -> bool:
    return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(f"{state}/")


def in_a_process(work: Callable[..., None], *arguments: object) -> int | None:
    process = _forks.Process(target=work, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def whole(folder: Path) -> list[str]:
    """What is there; a file that is being compiled has a name by chance."""
    names = (str(each.relative_to(folder)) for each in folder.rglob("*"))
    return sorted(re.sub(r"(?<=\.pyc)\.[0-9]+$", "", name) for name in names)


def test_killed_before_any_step_an_old_or_the_new_release_runs(folder: Path, shelf: Shelf) -> None:
    begun, befores = folder / "begun", folder / "befores"
    begun.mkdir()
    for version in (FIRST, NEXT):
        update(begun, _at(small(shelf, version), begun))
    wanted, state = small(shelf, AFTER), folder / "s"
    shutil.copytree(begun, state)
    assert in_a_process(_step_by_step, state, _at(wanted, state), None, befores) == 0
    steps = len(list(befores.iterdir()))
    for kill_at in range(0, steps, KILL_EVERY):
        killed = folder / f"killed{kill_at}"
        shutil.copytree(begun, killed)
        code = in_a_process(_step_by_step, killed, _at(wanted, killed), kill_at, befores)
        assert code == -signal.SIGKILL
        left, copied = whole(killed), whole(befores / str(kill_at))
        assert left == copied  # so the copies are what a kill leaves
        update(killed, _at(wanted, killed))
        assert runs_now(killed) == AFTER
        names = {each.name for each in (killed / releases.FOLDER).iterdir()}
        assert names == {NEXT, AFTER}
    runs = {runs_now(each) for each in befores.iterdir()}
    assert runs == {NEXT, AFTER}
    print(f"killed before each of {steps} steps")


def _at(wanted: Wanted, state: Path) -> Wanted:
    return Wanted(state=str(state), url=wanted.url, release=wanted.release)


def runs_now(state: Path) -> str:
    """What the next start runs, which is all there."""
    chosen = releases.choose(state, INSTALLED)
    assert chosen is not None
    names = whole(releases.folder_of(state, chosen))
    assert [each for each in names if each.endswith(".py")] == [
        "tocsin_button/__init__.py",
        "tocsin_button/__main__.py",
        "tocsin_button/agent.py",
    ]
    assert sum(each.endswith(".pyc") for each in names) == 3
    return chosen


def test_a_release_that_ends_at_each_start_is_put_aside(tmp_path: Path) -> None:
    made(tmp_path, FIRST)
    made(tmp_path, NEXT)
    releases.write(tmp_path, Kept(current=FIRST))
    releases.begin_trial(tmp_path, release=NEXT, command_id=COMMAND)
    chosen = [releases.choose(tmp_path, INSTALLED) for _ in range(STARTS_MAX + 2)]
    assert chosen == [NEXT, NEXT, FIRST, FIRST]
    said = releases.read(tmp_path).last
    assert said is not None
    assert (said.version, said.state, said.command_id) == (NEXT, "failed", COMMAND)


def test_where_a_start_cannot_be_counted_the_former_release_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, NEXT)
    releases.begin_trial(tmp_path, release=NEXT, command_id=COMMAND)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(releases, "put", full)
    assert [releases.choose(tmp_path, INSTALLED) for _ in range(9)] == [None] * 9
    monkeypatch.undo()
    assert releases.choose(tmp_path, INSTALLED) == NEXT


def test_whatever_is_missing_an_older_one_runs_and_a_newer_one_by_hand_is_obeyed(
    tmp_path: Path,
) -> None:
    for version in (FIRST, NEXT):
        made(tmp_path, version)
    releases.write(tmp_path, Kept(current=NEXT, former=FIRST))
    assert releases.choose(tmp_path, "999.0.0") == NEXT
    assert releases.choose(tmp_path, "999.0.9") is None
    shutil.rmtree(releases.folder_of(tmp_path, NEXT))
    assert releases.choose(tmp_path, INSTALLED) == FIRST
    shutil.rmtree(releases.folder_of(tmp_path, FIRST))
    assert releases.choose(tmp_path, INSTALLED) is None
    for spoilt in (b"", b"{", b'{"current": 7}', b'{"current": "../../etc"}', b"\0" * 99):
        (tmp_path / releases.FILE).write_bytes(spoilt)
        assert releases.choose(tmp_path, INSTALLED) is None


def test_fields_of_a_later_release_do_no_harm(tmp_path: Path) -> None:
    made(tmp_path, NEXT)
    (tmp_path / releases.FILE).write_text(f'{{"current": "{NEXT}", "channel": ["beta"]}}')
    assert releases.choose(tmp_path, INSTALLED) == NEXT


@pytest.mark.parametrize(
    ("one", "other", "is_it"),
    [
        ("0.2.0", "0.1.9", True),
        ("0.10.0", "0.9.0", True),
        ("0.1.0", "0.1.0", False),
        ("0.1.0", "0.2.0", False),
        ("0.2.0rc1", "0.1.0", False),
        ("1", "0.1.0", False),
        ("", "0.1.0", False),
    ],
)
def test_newer_is_a_matter_of_numbers(one: str, other: str, *, is_it: bool) -> None:
    assert releases.is_newer(one, other) is is_it


def test_a_release_that_hangs_on_trial_is_ended_by_the_alarm_and_a_kept_one_is_not(
    tmp_path: Path,
) -> None:
    made(tmp_path, NEXT)
    main = releases.folder_of(tmp_path, NEXT) / "tocsin_button" / "__main__.py"
    main.write_text("import time\nprint('here', flush=True)\ntime.sleep(1.5)\n")
    (main.parent / "__init__.py").write_text("")
    releases.begin_trial(tmp_path, release=NEXT, command_id=COMMAND)
    start = (
        "import sys; from pathlib import Path; from tocsin_button import releases;"
        "releases.ALARM_S = 1; releases.enter(Path(sys.argv[1])); print('not entered')"
    )

    def enter() -> tuple[int, str]:
        command = [sys.executable, "-c", start, str(tmp_path)]
        environment = {name: text for name, text in os.environ.items() if name != ENVIRONMENT}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip()

    assert [enter() for _ in range(STARTS_MAX)] == [(-signal.SIGALRM, "here")] * STARTS_MAX
    assert enter() == (0, "not entered")
    releases.write(tmp_path, Kept(current=NEXT))
    assert enter() == (0, "here")
