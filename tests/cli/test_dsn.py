"""The database's address, as it is written in a configuration."""

import pytest

from tests.cli.terminal import Terminal
from tocsin_server.cli.command import DSN
from tocsin_server.config import load_config

PATRONI = "postgresql://tocsin:secret@a:5432,b:5432/tocsin?target_session_attrs=read-write"


@pytest.mark.parametrize(
    "dsn",
    [
        PATRONI,
        "postgres://a,b,c/tocsin",
        "postgresql://tocsin@[::1]:5432,10.0.0.2:5433/tocsin",
        "postgresql://tocsin@db.example.org/tocsin",
        "postgresql:///tocsin?host=/run/postgresql",
    ],
)
def test_one_server_or_several_may_be_named(dsn: str) -> None:
    assert DSN.fullmatch(dsn)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://a:5432;b:5432/tocsin",
        "postgresql://a:x,b:5432/tocsin",
        "postgresql://tocsin:se#cret@a,b/tocsin",
        "mysql://a,b/tocsin",
    ],
)
def test_what_is_no_address_is_refused(dsn: str) -> None:
    assert not DSN.fullmatch(dsn)


async def test_init_writes_several_servers_into_the_configuration(bare: Terminal) -> None:
    await bare.good("init", "d", "--jurisdiction", "48453", "--dsn", PATRONI)
    assert load_config(bare.folder / "d" / "tocsin.toml").dsn() == PATRONI
