"""Several ways to reach a person, and who has an alert now."""

from tocsin_server.storage.migrate import run_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_file("0010_contacts.sql")
    run_file("0010_telling.sql")
    run_file("0010_holding.sql")
