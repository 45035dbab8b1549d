"""Buttons that were moved, whose proof from before counts no more; who ended maintenance."""

from tocsin_server.storage.migrate import run_file

revision = "0013"
down_revision = "0009"


def upgrade() -> None:
    run_file("0013_moves.sql")
