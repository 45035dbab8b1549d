"""Accepted settings, false alarms by button, and accounts that end."""

from tocsin_server.storage.migrate import run_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_file("0008_upkeep.sql")
