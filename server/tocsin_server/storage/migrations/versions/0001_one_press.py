"""Everything that one press needs, from the button's row to the record."""

from tocsin_server.storage.migrate import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_file("0001_tables.sql")
    run_file("0001_functions.sql")
