"""What every test may ask for by name: the parts of a whole system, real ones."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tocsin_server.demo.postgres import EmbeddedPostgres

from tests.parts import Database, fresh_database, migrated_template


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test's own folder with a short name: sockets live in it, and their paths have a limit."""
    return tmp_path_factory.mktemp("t")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    """One PostgreSQL for the session, with the pattern of all databases in it."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("p"))
    await server.start()
    try:
        await migrated_template(server)
        yield server
    finally:
        await server.stop()


@pytest_asyncio.fixture
async def database(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """A migrated, empty database of this test's own."""
    async with fresh_database(postgres) as database:
        yield database
