"""Two counties that all stories share: one with a public address, one behind a firewall."""

from collections.abc import AsyncIterator, Generator

import pytest
import pytest_asyncio

from tests import parts
from tests.conftest import LOG_CHARS_SHOWN
from tests.stories.house import Counties, County, open_county
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
async def lasting_postgres(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL that no test stops: other files' tests run between two of the stories'."""
    async with parts.own_postgres(tmp_path_factory.mktemp("p")) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def public(
    lasting_postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[County]:
    """The county whose server has a public address."""
    async with open_county(lasting_postgres, tmp_path_factory.mktemp("s"), public=True) as county:
        yield county


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def firewalled(
    lasting_postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[County]:
    """The county whose server nobody reaches from outside."""
    async with open_county(lasting_postgres, tmp_path_factory.mktemp("s"), public=False) as county:
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


@pytest_asyncio.fixture(loop_scope="session")
async def counties(public: County, firewalled: County) -> AsyncIterator[Counties]:
    """Both at once, for stories that take long by themselves."""
    yield public, firewalled
    for county in (public, firewalled):
        await county.tidy_up()
