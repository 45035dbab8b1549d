"""What the tests of the walk may ask for besides the parts themselves."""

from collections.abc import AsyncIterator, Generator

import pytest
import pytest_asyncio

from tests.conftest import LOG_CHARS_SHOWN
from tests.standstill import Standstill, standstill
from tests.walk.house import House, open_house
from tocsin_server.demo.postgres import EmbeddedPostgres

PATHS = "paths"  # of a test: what was removed, who was told, how, after how long, and its limit


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what every part of a shared house said when a test fails in it."""
    report = yield
    house = item.funcargs.get("house") or item.funcargs.get("whole_house")
    if report.failed and isinstance(house, House):
        folder = house.walk.deployment.folder
        for log in sorted(folder.rglob("*.log")):
            said = log.read_text(errors="replace")[-LOG_CHARS_SHOWN:]
            report.sections.append((str(log.relative_to(folder)), said))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show who was told, and when, for each path that was removed."""
    rows = [
        value
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, value in report.user_properties
        if name == PATHS and report.when == "call"
    ]
    if rows:
        terminalreporter.section("who was told when a path was removed")
        form = "{:<48} {:<12} {:<7} {:>8} {:>8}"
        terminalreporter.line(form.format("removed", "told", "by", "after s", "limit s"))
        for removed, who, by, after_s, within_s in rows:
            numbers = (f"{after_s:.2f}", f"{within_s:g}")
            terminalreporter.line(form.format(removed, who, by, *numbers))


@pytest_asyncio.fixture
async def machine() -> AsyncIterator[Standstill]:
    """How long this machine has stood still since the test began."""
    async with standstill() as machine:
        yield machine


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole_house(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """One whole system for the tests of a file."""
    async with open_house(postgres, tmp_path_factory.mktemp("h")) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def house(whole_house: House) -> AsyncIterator[House]:
    """The file's system, with nothing open in it."""
    yield whole_house
    await whole_house.tidy_up()
    whole_house.renew_phones()
