"""A deployment made by `tocsin init`, and a terminal to use it from."""

from pathlib import Path

import pytest
import pytest_asyncio

from tests.cli.terminal import Terminal
from tests.parts import Database


@pytest_asyncio.fixture
async def deployed(folder: Path, database: Database) -> Terminal:
    """A fresh deployment, whose database has its tables and nothing in them."""
    out = folder / "d"
    await Terminal(folder).good("init", out, "--jurisdiction", "48453", "--dsn", database.dsn)
    return Terminal(folder, config=out / "tocsin.toml")


@pytest_asyncio.fixture
async def terminal(deployed: Terminal) -> Terminal:
    """The same with a jurisdiction, so that commands needn't name one."""
    await deployed.good(
        "jurisdiction", "add", "48453", "--name", "Travis County", "--time-zone", "America/Chicago"
    )
    return deployed


@pytest.fixture
def bare(folder: Path) -> Terminal:
    """A terminal on a machine where nothing is set up."""
    return Terminal(folder)
