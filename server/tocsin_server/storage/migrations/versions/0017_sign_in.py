"""Passkeys, codes of an app, and what happened to each account."""

from tocsin_server.storage.migrate import run_file

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_file("0017_sign_in.sql")
