"""What a search of past alerts and the figures of latency read, beside the alerts."""

from tocsin_server.storage.migrate import run_file

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_file("0019_history.sql")
