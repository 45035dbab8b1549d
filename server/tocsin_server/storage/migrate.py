"""Bring the database's tables to this release, and say which release they are of.

Migrations are plain SQL run by Alembic; the record of alerts is never rewritten by one.
"""

from pathlib import Path

import asyncpg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

_FOLDER = Path(__file__).parent / "migrations"


class SchemaError(Exception):
    """The tables in the database are not those of this release."""


async def migrate(dsn: str) -> str:
    """Apply what is missing and return the revision. Raises what the database raises."""
    engine = create_async_engine(_url(dsn), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
            return await connection.run_sync(_revision)
    finally:
        await engine.dispose()


async def check_schema(pool: asyncpg.Pool) -> None:
    """Make sure that the tables are this release's. Raises SchemaError."""
    try:
        found = await pool.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        found = None
    if found != head():
        raise SchemaError(
            f"the database is at revision {found or 'none'}, this release needs {head()}:"
            " run `tocsin migrate`"
        )


def head() -> str:
    """Give the revision that this release expects."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise SchemaError("this installation has no migrations: install Tocsin again")
    return revision


def run_file(name: str) -> None:
    """Run one SQL file of the migrations, many statements at once (called by a migration)."""
    sql = (_FOLDER / "versions" / name).read_text()
    driver = op.get_bind().connection.dbapi_connection
    if driver is None:
        raise SchemaError("the migration has no connection")
    driver.run_async(lambda connection: connection.execute(sql))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or "none"


def _url(dsn: str) -> str:
    url = make_url(dsn.replace("postgres://", "postgresql://", 1))
    return url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
