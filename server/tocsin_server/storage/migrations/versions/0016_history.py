"""What a search of past alerts and the figures of latency read, beside the alerts."""

from tocsin_server.storage.migrate import run_file

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_file("0016_history.sql")
