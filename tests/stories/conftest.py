"""The county of each file of stories, once with a public address and once behind a firewall."""

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


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[PUBLIC, FIREWALLED])
async def whole_county(
    request: pytest.FixtureRequest,
    postgres: EmbeddedPostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[County]:
    """One whole county for the stories of a file."""
    folder = tmp_path_factory.mktemp("s")
    async with open_county(postgres, folder, public=request.param == PUBLIC) as county:
        yield county


@pytest_asyncio.fixture(loop_scope="module")
async def county(whole_county: County) -> AsyncIterator[County]:
    """The file's county, with nothing open in it."""
    yield whole_county
    await whole_county.tidy_up()
