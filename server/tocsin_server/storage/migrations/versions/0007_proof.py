"""Walk tests, and the rule by which buttons are to be proven."""

from tocsin_server.storage.migrate import run_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_file("0007_proof.sql")
