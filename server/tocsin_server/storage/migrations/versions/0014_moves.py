"""Buttons that were moved, whose proof from before counts no more; who ended maintenance."""

from tocsin_server.storage.migrate import run_file

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_file("0014_moves.sql")
