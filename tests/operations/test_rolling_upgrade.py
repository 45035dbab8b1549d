"""A new release comes beside the old one, on the same database, while people press.

The "new release" is a copy of this one with another version and one more migration, which adds a
column as a real one would. So this proves the way of upgrading: tables that change under a running
replica, two versions of the program side by side, one handing over to the other. It can't prove
that a release that isn't written yet keeps to the rule that a migration only adds.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import tocsin_server
from tests.failover.traffic import BUTTONS, flowing
from tests.parts import WAIT_S, Screen, Server, Walk, running_server
from tocsin_server.demo.postgres import free_port
from tocsin_server.storage.schema import head

NEXT_VERSION = "999.0.0"
NEXT_REVISION = "9990"

_MIGRATION = f'''"""One more column."""

from alembic import op

revision = "{NEXT_REVISION}"
down_revision = "{head()}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE alert ADD COLUMN of_the_next_release text")
'''


def make_next_release(folder: Path) -> Mapping[str, str]:
    """A copy of the server with another version and migration; the environment that runs it."""
    package = folder / "next" / "tocsin_server"
    shutil.copytree(
        Path(tocsin_server.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    about = package / "__init__.py"
    about.write_text(about.read_text().replace(tocsin_server.__version__, NEXT_VERSION))
    versions = package / "storage" / "migrations" / "versions"
    (versions / f"{NEXT_REVISION}_next_release.py").write_text(_MIGRATION)
    paths = [str(package.parent), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


async def run(environment: Mapping[str, str], *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tocsin_server", *words),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()


def another_replica(walk: Walk, environment: Mapping[str, str]) -> Server:
    config = walk.deployment.server_config(
        replica_id="server-2",
        port=free_port(),
        dsn=walk.database.dsn,
        brokers=walk.deployment.broker_urls,
    )
    return Server(config, environment=environment)


async def test_an_old_and_a_new_release_serve_side_by_side_while_people_press(
    walk: Walk, screen: Screen, folder: Path
) -> None:
    new = make_next_release(folder)
    assert NEXT_VERSION in await run(new, "--version")
    server = another_replica(walk, new)
    async with flowing(walk) as of_old:
        migrated = await run(new, "migrate", "--config", str(server.config))
        assert NEXT_REVISION in migrated
        async with running_server(server), flowing(walk, watched=server) as of_new:
            for traffic in (of_old, of_new):
                traffic.burst()
                await traffic.until_receipted(timeout_s=WAIT_S)
            for each in (screen, of_new.screen):  # one of each button
                await each.until(lambda each: len(each.alerts) == 2 * BUTTONS)
            assert screen.alerts.keys() == of_new.screen.alerts.keys()
            await of_old.settle()
            await of_old.assert_nothing_lost()
            of_new.burst()
            assert await walk.server.stop() == 0
            await of_new.until_receipted(timeout_s=WAIT_S)
            await of_new.settle()
            await of_new.assert_nothing_lost()
            assert len(of_new.screen.alerts) == len(screen.alerts)
