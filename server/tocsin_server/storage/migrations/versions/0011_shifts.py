"""Weekly plans of who answers, with what is different on single days."""

from tocsin_server.storage.migrate import run_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_file("0011_shifts.sql")
