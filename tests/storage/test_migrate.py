"""Migrations reach the database wherever its DSN says that it may be."""

from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from tests import parts
from tests.parts import Database
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_server.storage.migrate import migrate
from tocsin_server.storage.schema import head


async def test_of_two_servers_the_one_that_answers_is_migrated(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "postgres", port=free_port())
    await postgres.start()
    try:
        login, _, server = postgres.tcp_dsn().rpartition("@")
        both = f"{login}@127.0.0.1:{free_port()},{server}?target_session_attrs=read-write"
        assert await migrate(both) == head()
        assert await migrate(both.replace("postgresql://", "postgres://")) == head()
    finally:
        await postgres.stop()


async def test_a_server_that_takes_no_writes_is_not_migrated(database: Database) -> None:
    async with database.connected() as connection:
        await connection.execute(
            f'ALTER DATABASE "{database.name}" SET default_transaction_read_only = on'
        )
    with pytest.raises(DBAPIError, match="target attribute requirement"):
        await migrate(database.dsn)


async def test_where_a_table_is_in_use_nothing_waits_for_it_and_nothing_is_changed(
    postgres: EmbeddedPostgres,
) -> None:
    async with parts.fresh_database(postgres, "template1") as database:
        async with database.connected() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("CREATE TABLE jurisdiction ()")  # the name is taken meanwhile
            with pytest.raises(asyncpg.LockNotAvailableError):
                await migrate(database.dsn)
            await transaction.rollback()
        assert await migrate(database.dsn) == head()
