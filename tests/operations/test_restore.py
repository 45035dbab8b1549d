"""A backup is worth what its restore is: the lines of docs/operations.md, run as they stand."""

import asyncio
import re
import shlex
import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
import pytest_asyncio

from tests import parts
from tests.cli.terminal import Terminal
from tests.parts import ASK_AGAIN_S, EXAMPLE, WAIT_S, Database, Deployment, Screen, Walk
from tocsin_server.demo import postgres as embedded
from tocsin_server.demo.child import Child
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_server.demo.virtual_button import VirtualButton

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
BACKUPS = "/var/backups/tocsin"  # where the document keeps them
BASE = f"{BACKUPS}/base/2026-11-03"
SHORTLY_BEFORE = "2026-11-03 14:05:00+00"

_BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


class Verdict(msgspec.Struct):
    """What `tocsin verify --json` says."""

    alerts: int
    findings: list[str]


def block(word: str) -> str:
    """The one fenced block of the document that holds this word."""
    (found,) = [text for _, text in _BLOCK.findall(OPERATIONS.read_text()) if word in text]
    return str(found)


def configure(cluster: Path, lines: str, folder: Path) -> None:
    """Add lines of the document to a server's settings."""
    path = cluster / "postgresql.conf"
    path.write_text(path.read_text() + lines.replace(BACKUPS, str(folder / "backups")))


@pytest_asyncio.fixture
async def kept(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server that keeps its log as the document says."""
    server = EmbeddedPostgres(folder / "p")
    try:
        await server.start()
        await server.stop()
        for name in ("wal", "base"):
            (folder / "backups" / name).mkdir(parents=True)
        configure(server.folder / "cluster", block("archive_command"), folder)
        await server.start()
        await parts.make_templates(server)
        yield server
    finally:
        await server.stop()


@pytest_asyncio.fixture
async def walk(
    folder: Path, kept: EmbeddedPostgres, patience_s: Sequence[float]
) -> AsyncIterator[Walk]:
    await kept.create_database("county", template=EXAMPLE)
    deployment = Deployment(folder / "d")
    async with parts.whole_walk(
        deployment, Database(kept, "county"), patience_s=patience_s
    ) as walk:
        yield walk


async def answered(screen: Screen, button: VirtualButton) -> None:
    """A press from its first second to its end."""
    known = set(screen.alerts)
    await button.press()
    alert = await screen.until_alert(lambda each: each.alert_id not in known)
    assert (await screen.acknowledge(alert)).status == 200
    assert (await screen.resolve(alert)).status == 200
    await button.until_lamp("armed")


async def back_up(kept: EmbeddedPostgres, folder: Path) -> Path:
    """The document's pg_basebackup, of this server."""
    (line,) = re.findall(r"^.*\bpg_basebackup (.*)$", block("pg_basebackup"), re.MULTILINE)
    words = shlex.split(re.sub(r"postgresql://\S+", "THE_SERVER", line))
    base = folder / "backups" / "base" / "2026-11-03"
    places = {"THE_SERVER": kept.dsn("postgres"), BASE: str(base)}
    assert places.keys() <= set(words)
    copying = Child.start(
        "pg_basebackup",
        embedded._command("pg_basebackup", *[places.get(word, word) for word in words]),
        log=folder / "basebackup.log",
    )
    assert await copying.exited() == 0, copying.last_words()
    return base


async def delete_everything(connection: asyncpg.Connection) -> None:
    """Somebody with a superuser's password; and the log of it gets into the archive."""
    await connection.execute("DROP TABLE alert CASCADE")
    last = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
    async with asyncio.timeout(WAIT_S):
        while True:
            kept = await connection.fetchval("SELECT last_archived_wal FROM pg_stat_archiver")
            if kept is not None and kept >= last:
                return
            await asyncio.sleep(ASK_AGAIN_S)


async def test_a_record_that_was_deleted_is_restored_as_it_was_a_moment_before_and_verifies(
    folder: Path, kept: EmbeddedPostgres, walk: Walk
) -> None:
    screen, button = await walk.screen(), await walk.button()
    await answered(screen, button)
    base = await back_up(kept, folder)
    await answered(screen, button)
    await walk.server.stop()
    async with walk.database.connected() as connection:
        shortly_before = datetime.now(UTC).isoformat()
        await delete_everything(connection)
    await kept.stop()

    restored = EmbeddedPostgres(folder / "r")
    shutil.copytree(base, restored.folder / "cluster")
    lines = block("restore_command")
    assert SHORTLY_BEFORE in lines
    configure(restored.folder / "cluster", lines.replace(SHORTLY_BEFORE, shortly_before), folder)
    (restored.folder / "cluster" / "recovery.signal").touch()
    try:
        await restored.start()
        config = walk.deployment.server_config(
            replica_id="server-2",
            port=free_port(),
            dsn=restored.dsn("county"),
            brokers=walk.deployment.broker_urls,
        )
        terminal = Terminal(folder, config=config)
        await terminal.good("export", "-o", "restored.jsonl")
        for asked in (("verify",), ("verify", "restored.jsonl")):
            verdict = (await terminal.run(*asked, "--json")).read(Verdict)
            assert (verdict.alerts, verdict.findings) == (2, [])
    finally:
        await restored.stop()
