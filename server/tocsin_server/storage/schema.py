"""Which release the database's tables are of. Kept apart from Alembic, which is slow to load."""

from pathlib import Path

import asyncpg

VERSIONS = Path(__file__).parent / "migrations" / "versions"


class SchemaError(Exception):
    """The tables in the database are not those of this release."""


def head() -> str:
    """Give the revision that this release expects: migrations are named by their number."""
    return max(path.name.split("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


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
