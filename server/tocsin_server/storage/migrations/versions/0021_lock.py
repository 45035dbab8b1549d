"""Which sessions are locked, until whoever began them proves again who they are."""

from tocsin_server.storage.migrate import run_file

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_file("0021_lock.sql")
