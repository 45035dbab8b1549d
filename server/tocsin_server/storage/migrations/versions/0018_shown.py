"""Screens that only show, and links for an officer on the way."""

from tocsin_server.storage.migrate import run_file

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_file("0018_shown.sql")
