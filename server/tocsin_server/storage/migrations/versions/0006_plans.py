"""Floor plans, and the spot of a place on one."""

from tocsin_server.storage.migrate import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_file("0006_plans.sql")
