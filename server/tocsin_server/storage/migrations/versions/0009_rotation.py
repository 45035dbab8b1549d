"""Which key each replica signs with, and what the offline key said to buttons."""

from tocsin_server.storage.migrate import run_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_file("0009_rotation.sql")
