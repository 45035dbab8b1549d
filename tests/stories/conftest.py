"""Two counties that all stories share: one with a public address, one behind a firewall."""

from collections.abc import AsyncIterator, Generator

import pytest
import pytest_asyncio

from tests.conftest import LOG_CHARS_SHOWN
from tests.stories.house import County, open_county
from tocsin_server.demo.postgres import EmbeddedPostgres

PUBLIC, FIREWALLED = "public", "firewalled"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what every part said when a story fails."""
    report = yield
    county = item.funcargs.get("county")
    if report.failed and isinstance(county, County):
        folder = county.walk.deployment.folder
        for log in sorted(folder.rglob("*.log")):
            said = log.read_text(errors="replace")[-LOG_CHARS_SHOWN:]
            report.sections.append((str(log.relative_to(folder)), said))
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def public(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[County]:
    """The county whose server has a public address."""
    async with open_county(postgres, tmp_path_factory.mktemp("s"), public=True) as county:
        yield county


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def firewalled(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[County]:
    """The county whose server nobody reaches from outside."""
    async with open_county(postgres, tmp_path_factory.mktemp("s"), public=False) as county:
        yield county


@pytest.fixture(params=[PUBLIC, FIREWALLED])
def whole_county(request: pytest.FixtureRequest) -> County:
    """One after the other."""
    county = request.getfixturevalue(request.param)
    assert isinstance(county, County)
    return county


@pytest_asyncio.fixture(loop_scope="session")
async def county(whole_county: County) -> AsyncIterator[County]:
    """A county with nothing open in it."""
    yield whole_county
    await whole_county.tidy_up()
