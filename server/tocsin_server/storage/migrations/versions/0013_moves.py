"""Buttons that were moved to another place, and whose proof from before counts no more."""

from tocsin_server.storage.migrate import run_file

revision = "0013"
down_revision = "0009"


def upgrade() -> None:
    run_file("0013_moves.sql")
