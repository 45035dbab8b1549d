"""Where a button hangs on the network, whether it moved, and when a site is worked on."""

from tocsin_server.storage.migrate import run_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_file("0004_moved.sql")
