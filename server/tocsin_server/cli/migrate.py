"""`tocsin migrate`: the database's tables as this release needs them."""

import argparse

import asyncpg
import msgspec
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tocsin_server.cli.command import add_config, add_json, answer, configuration, done, dsn_of
from tocsin_server.errors import TocsinError
from tocsin_server.storage.database import DATABASE_ERRORS
from tocsin_server.storage.migrate import migrate
from tocsin_server.storage.schema import SchemaError


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """Where the database is now."""

    revision: str


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Apply what is missing."""
    config = configuration(options)
    try:
        revision = done(migrate(dsn_of(config)))
    except (CommandError, SchemaError) as error:
        raise TocsinError(
            f"the database is of another release than this one ({error}): install that release"
        ) from None
    except asyncpg.LockNotAvailableError:
        raise TocsinError(
            "a table is in use by somebody else, and presses must not wait behind this: nothing was"
            " changed. Type it again; if it stays so, end the export or the backup that runs"
        ) from None
    except DBAPIError as error:
        raise _failed(error.orig or error) from None
    except (ValueError, OverflowError):
        # Its text may hold a part of the password.
        raise TocsinError(
            "database.dsn can't be understood: write it as postgresql://USER@HOST/DATABASE"
        ) from None
    except (SQLAlchemyError, *DATABASE_ERRORS) as error:
        raise _failed(error) from None
    answer(options, Migrated(revision=revision), f"the database is at revision {revision}")
    return 0


def _failed(error: BaseException) -> TocsinError:
    # SQLAlchemy puts the driver's class before its sentence, and the statement after it.
    said = str(error.__cause__ or error).partition("\n")[0]
    return TocsinError(
        f"the database could not be brought to this release ({said}):"
        " see that it runs, and that this user may create tables in it"
    )
