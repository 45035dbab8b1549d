"""Claim codes, and drill windows of one button alone."""

from tocsin_server.storage.migrate import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_file("0005_claim.sql")
