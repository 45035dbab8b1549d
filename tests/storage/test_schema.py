"""The database's tables and the release that works with them."""

import pytest
from alembic.script import ScriptDirectory

from tests.parts import Database
from tocsin_server.storage.migrate import _config
from tocsin_server.storage.schema import SchemaError, check_schema, head


def test_the_expected_revision_is_the_one_that_alembic_ends_at() -> None:
    assert ScriptDirectory.from_config(_config()).get_current_head() == head()


async def test_a_migrated_database_is_accepted(database: Database) -> None:
    async with database.pool() as pool:
        await check_schema(pool)


async def test_a_database_of_another_release_is_refused_with_the_remedy(database: Database) -> None:
    async with database.pool() as pool:
        await pool.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(SchemaError, match="revision 9999"):
            await check_schema(pool)


async def test_an_empty_database_is_refused_with_the_remedy(database: Database) -> None:
    async with database.pool() as pool:
        await pool.execute("DROP TABLE alembic_version")
        with pytest.raises(SchemaError, match="revision none"):
            await check_schema(pool)
