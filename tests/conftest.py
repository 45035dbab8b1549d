"""What every test may ask for by name: the parts of a whole system, real ones."""

import os
import shutil
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests import parts
from tests.parts import Database, Deployment, Screen, Walk
from tocsin_server.demo import example
from tocsin_server.demo import postgres as embedded
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import EmbeddedPostgres
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_server.people import accounts

LOG_CHARS_SHOWN = 6000  # of each part, beside a failure

STORIES = "tests/stories/"
MEMORY = Path("/dev/shm")  # noqa: S108 (each run makes a folder of its own in it)
MEMORY_BYTES_MIN = 4 << 30  # a whole run leaves 1 GB

# A busy machine is no failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")
expect.set_options(timeout=parts.WAIT_S * 1000)  # of a page; its own 5 s are a quick machine's


def pytest_configure() -> None:
    """Give tests that run side by side ports of their own, and all of them quick folders.

    A port that is drawn is taken a moment later, and in between another may draw it. Their folders
    are in memory where there is room: thousands of databases are made and dropped, and on a disk
    that takes ten times as long.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)  # what the tests start heeds it
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    worker = os.environ.get("PYTEST_XDIST_WORKER")  # gw0, gw1, …
    if worker is not None:
        count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        embedded.PORTS = embedded.PORTS[int(worker.removeprefix("gw")) :: count]


@pytest.fixture(scope="session", autouse=True)
def password_hashed_once() -> Iterator[None]:
    """All people of the tests have the same one, and a hash takes a processor 0.2 s."""
    hash_anew, known = accounts.hash_password, list[str]()

    async def hash_once(password: str) -> str:
        if password != parts.PASSWORD:
            return await hash_anew(password)
        if not known:
            known.append(await hash_anew(password))
        return known[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "hash_password", hash_once)
        yield


class Together(LoadFileScheduling):
    """Gives a file's tests to one worker, and all stories to one: they share their counties."""

    def _split_scope(self, nodeid: str) -> str:
        return STORIES if nodeid.startswith(STORIES) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    """Keep together what shares the parts that it runs on."""
    return Together(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what every part said when its test fails."""
    report = yield
    folder = item.funcargs.get("folder")
    if report.failed and isinstance(folder, Path):
        for log in sorted(folder.rglob("*.log")):
            said = log.read_text(errors="replace")[-LOG_CHARS_SHOWN:]
            report.sections.append((str(log.relative_to(folder)), said))
    return report


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test's own folder with a short name: sockets live in it, and their paths have a limit."""
    return tmp_path_factory.mktemp("t")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    """One PostgreSQL for the session, with the templates of all databases in it."""
    async with parts.own_postgres(tmp_path_factory.mktemp("p")) as server:
        yield server


@pytest_asyncio.fixture
async def database(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """A migrated, empty database of this test's own."""
    async with parts.fresh_database(postgres, parts.EMPTY) as database:
        yield database


@pytest_asyncio.fixture
async def example_database(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """A database of this test's own with the example jurisdiction in it, without buttons."""
    async with parts.fresh_database(postgres, parts.EXAMPLE) as database:
        yield database


@pytest.fixture
def deployment(folder: Path) -> Deployment:
    """Keys, certificates and configuration, with ports of this test's own."""
    return Deployment(folder / "d")


@pytest_asyncio.fixture
async def broker(deployment: Deployment) -> AsyncIterator[Mosquitto]:
    """Mosquitto with the shipped configuration."""
    async with parts.running_broker(deployment) as broker:
        yield broker


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser of this test's own."""
    async with parts.chromium() as browser:
        yield browser


@pytest.fixture
def patience_s() -> tuple[float, ...]:
    """Seconds for each of the example's three tiers; a test that waits for them parametrizes."""
    return example.PATIENCE_S


@pytest_asyncio.fixture
async def walk(
    deployment: Deployment, example_database: Database, patience_s: tuple[float, ...]
) -> AsyncIterator[Walk]:
    """The whole system, ready for its first button and screen."""
    async with parts.whole_walk(deployment, example_database, patience_s=patience_s) as walk:
        yield walk


@pytest_asyncio.fixture
async def button(walk: Walk) -> VirtualButton:
    """A connected button at the example's first place."""
    return await walk.button()


@pytest_asyncio.fixture
async def screen(walk: Walk) -> Screen:
    """Dana's screen, live."""
    return await walk.screen()
