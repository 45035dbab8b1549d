"""Which certificates there are, which of them are good for nothing any more, and who knows it."""

from tocsin_server.storage.migrate import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_file("0002_revocation.sql")
