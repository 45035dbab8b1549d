"""${message}"""

from tocsin_server.storage.migrate import run_file

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else 'run_file("NNNN_what_changes.sql")'}
