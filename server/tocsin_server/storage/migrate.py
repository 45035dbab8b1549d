"""Bring the database's tables to this release, and say which release they are of.

Migrations are plain SQL run by Alembic; the record of alerts is never rewritten by one. Each is a
transaction of its own: what one has locked, no press waits for while the next one works.
"""

from itertools import takewhile

import asyncpg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tocsin_server.storage.schema import VERSIONS, SchemaError

LOCK_WITHIN_S = 2

_FOLDER = VERSIONS.parent


async def migrate(dsn: str) -> str:
    """Apply what is missing, one after the other, and return the revision. Safe to repeat.

    Raises what the database raises: LockNotAvailableError where a table is in use. What came before
    is applied then, and nothing of the one that failed.

    Of several servers that the DSN names, the one that takes writes is migrated.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # Read by asyncpg itself: SQLAlchemy's URLs name one server only.
        async_creator=lambda: asyncpg.connect(dsn, target_session_attrs="read-write"),
        poolclass=NullPool,
    )
    try:
        async with engine.connect() as connection:
            missing = await connection.run_sync(_missing)
        for revision in missing:
            async with engine.begin() as connection:
                # Whatever waits for a table has every press wait behind it.
                await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WITHIN_S}s'")
                await connection.run_sync(_upgrade, revision)
        async with engine.connect() as connection:
            return await connection.run_sync(_revision)
    finally:
        await engine.dispose()


def run_file(name: str) -> None:
    """Run one SQL file of the migrations, many statements at once (called by a migration)."""
    sql = (VERSIONS / name).read_text()
    driver = op.get_bind().connection.dbapi_connection
    if driver is None:
        raise SchemaError("the migration has no connection")
    driver.run_async(lambda connection: connection.execute(sql))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config


def _missing(connection: Connection) -> list[str]:
    known = _revision(connection)
    script = ScriptDirectory.from_config(_config())
    newer = takewhile(lambda each: each.revision != known, script.walk_revisions())
    return [each.revision for each in newer][::-1]


def _upgrade(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or "none"
