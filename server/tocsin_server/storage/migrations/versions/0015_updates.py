"""Releases for buttons, and which button is to run which."""

from tocsin_server.storage.migrate import run_file

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_file("0015_updates.sql")
