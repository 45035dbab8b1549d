"""What a site and a place say for those who look after buttons, and how a file of them is taken."""

from tocsin_server.storage.migrate import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_file("0003_sites.sql")
