"""Screens that only show, and links for an officer on the way."""

from tocsin_server.storage.migrate import run_file

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_file("0016_shown.sql")
