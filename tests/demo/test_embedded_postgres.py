"""The embedded PostgreSQL: what is committed stays, and nothing is left running."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from tocsin_server.demo.errors import PostgresFailed
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port

OWNER = """
import asyncio, sys
from pathlib import Path
import asyncpg
from tocsin_server.demo.postgres import EmbeddedPostgres

async def main() -> None:
    postgres = EmbeddedPostgres(Path(sys.argv[1]))
    await postgres.start()
    connection = await asyncpg.connect(postgres.dsn())
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    print((postgres.folder / "cluster/postmaster.pid").read_text().split()[0], flush=True)
    await postgres.exited()

asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="tocsin-", ignore_cleanup_errors=True) as name:
        yield Path(name) / "postgres"


def start_and_kill_an_owner(folder: Path) -> int:
    """A pidfd of the server whose owner is gone."""
    with subprocess.Popen([sys.executable, "-c", OWNER, folder], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        server = os.pidfd_open(int(owner.stdout.readline()))
        owner.send_signal(signal.SIGKILL)
    return server


async def one_value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        value: object = await connection.fetchval(query)
        return value
    finally:
        await connection.close()


async def test_a_commit_survives_a_kill(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    await postgres.start()
    try:
        await one_value(postgres.dsn(), "CREATE TABLE kept (n int)")
        await one_value(postgres.dsn(), "INSERT INTO kept SELECT generate_series(1, 1000)")
        await postgres.kill()
        assert not postgres.running
        await postgres.start()
        assert await one_value(postgres.dsn(), "SELECT count(*) FROM kept") == 1000
    finally:
        await postgres.stop()


async def test_it_ends_with_its_owner_and_the_folder_starts_again(folder: Path) -> None:
    server = start_and_kill_an_owner(folder)
    postgres = EmbeddedPostgres(folder)
    await postgres.start()  # at once: it waits for the orphan to leave the folder
    try:
        assert select.select([server], [], [], 0)[0], "the orphan has ended"
        assert await one_value(postgres.dsn(), "SELECT count(*) FROM kept") == 1000
    finally:
        os.close(server)
        await postgres.stop()


async def test_a_stale_pid_file_that_names_a_living_process_is_no_hindrance(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    await postgres.start()
    pid_file = folder / "cluster/postmaster.pid"
    _, *rest = pid_file.read_text().splitlines(keepends=True)
    await postgres.kill()
    pid_file.write_text("".join([f"{os.getpid()}\n", *rest]))
    await postgres.start()
    await postgres.stop()


async def test_settings_in_the_folder_cannot_make_it_lie_about_commits(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    await postgres.start()
    await one_value(postgres.dsn(), "ALTER SYSTEM SET fsync = off")
    await one_value(postgres.dsn(), "ALTER SYSTEM SET synchronous_commit = off")
    await postgres.stop()
    await postgres.start()
    try:
        assert await one_value(postgres.dsn(), "SHOW fsync") == "on"
        assert await one_value(postgres.dsn(), "SHOW synchronous_commit") == "on"
    finally:
        await postgres.stop()


@pytest.mark.parametrize("name", ["long" * 40, 'it\'s, "quoted" & ünïcode'])
async def test_a_folder_with_a_difficult_name_works(folder: Path, name: str) -> None:
    postgres = EmbeddedPostgres(folder / name)
    await postgres.start()
    try:
        assert await one_value(postgres.dsn(), "SELECT 1") == 1
    finally:
        await postgres.stop()


async def test_tcp_is_there_only_when_asked_for_and_wants_the_password(folder: Path) -> None:
    port = free_port()
    postgres = EmbeddedPostgres(folder, port=port)
    await postgres.start()
    try:
        assert await one_value(postgres.tcp_dsn(), "SELECT 1") == 1
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"postgresql://tocsin:wrong@127.0.0.1:{port}/tocsin")
    finally:
        await postgres.stop()

    without_tcp = EmbeddedPostgres(folder)
    await without_tcp.start()
    try:
        with pytest.raises(ValueError, match="no port"):
            without_tcp.tcp_dsn()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    finally:
        await without_tcp.stop()


async def test_a_database_is_copied_from_a_template_and_dropped_under_its_users(
    folder: Path,
) -> None:
    postgres = EmbeddedPostgres(folder)
    await postgres.start()
    try:
        await postgres.create_database("pattern")
        await one_value(postgres.dsn("pattern"), "CREATE TABLE copied (n int)")
        await postgres.create_database("copy", template="pattern")
        await postgres.create_database("copy", template="pattern")
        assert await one_value(postgres.dsn("copy"), "SELECT count(*) FROM copied") == 0
        user = await asyncpg.connect(postgres.dsn("copy"))
        await postgres.drop_database("copy")
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await user.execute("SELECT 1")
    finally:
        await postgres.stop()


def destroy_control_file(folder: Path) -> None:
    (folder / "cluster/global/pg_control").write_bytes(b"no control file at all")


def destroy_version(folder: Path) -> None:
    (folder / "cluster/PG_VERSION").unlink()


def make_older(folder: Path) -> None:
    (folder / "cluster/PG_VERSION").write_text("9.6\n")


def garble_settings(folder: Path) -> None:
    (folder / "cluster/postgresql.conf").write_text("this isn't = a setting ' at all\n")


@pytest.mark.parametrize(
    "damage", [destroy_control_file, destroy_version, make_older, garble_settings]
)
async def test_a_damaged_folder_is_one_clear_line(folder: Path, damage: object) -> None:
    postgres = EmbeddedPostgres(folder)
    await postgres.start()
    await postgres.stop()
    assert callable(damage)
    damage(folder)
    with pytest.raises(PostgresFailed) as failure:
        await postgres.start()
    assert "\n" not in str(failure.value)
    assert str(folder) in str(failure.value)
    assert "to begin anew" in str(failure.value)
    assert not postgres.running


def test_a_folder_that_is_a_file_is_one_clear_line(folder: Path) -> None:
    folder.write_text("not a folder")
    with pytest.raises(PostgresFailed, match="isn't usable") as failure:
        asyncio.run(EmbeddedPostgres(folder).start())
    assert "\n" not in str(failure.value)


async def test_a_set_up_that_was_interrupted_begins_anew(folder: Path) -> None:
    (folder / "cluster.new/base").mkdir(parents=True)
    postgres = EmbeddedPostgres(folder)
    await postgres.start()
    await postgres.stop()
