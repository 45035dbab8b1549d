"""Signs of life of the replicas, and what the auditor has mended."""

from tocsin_server.storage.migrate import run_file

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_file("0013_watch.sql")
