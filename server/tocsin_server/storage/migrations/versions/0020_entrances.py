"""Where on a floor plan the site's entrances are."""

from tocsin_server.storage.migrate import run_file

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_file("0020_entrances.sql")
