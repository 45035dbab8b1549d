"""Other systems that follow alerts, and what each of them was told."""

from tocsin_server.storage.migrate import run_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_file("0012_hooks.sql")
