"""`tocsin init` and `tocsin migrate`: from nothing to an installation, or one line why not."""

import asyncio
import contextlib
import os
import re
from pathlib import Path

import msgspec
import pytest

from tests.cli.terminal import COMMAND_S_MAX, Terminal
from tests.parts import Database
from tocsin_server.cli.init import BROKER_FOLDER
from tocsin_server.config import load_config
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port


class Made(msgspec.Struct):
    folder: str
    config: str
    broker_config: str
    jurisdiction: str


class Migrated(msgspec.Struct):
    revision: str


async def test_init_makes_a_folder_and_says_what_comes_next(bare: Terminal) -> None:
    out = await bare.good("init", "d", "--jurisdiction", "48453")
    folder = bare.folder / "d"
    assert (folder / "ca" / "ca.key").stat().st_mode & 0o077 == 0
    assert f"export TOCSIN_CONFIG={folder}/tocsin.toml" in out
    for command in ("migrate", "jurisdiction add 48453", "policy set", "device add", "serve"):
        assert f"tocsin {command}" in out
    assert "nobody is told by phone" in out


async def test_the_broker_starts_with_the_commands_that_init_prints(bare: Terminal) -> None:
    made = ("init", "d", "--jurisdiction", "48453", "--broker-bind", "127.0.0.1")
    out = await bare.good(*made, "--broker-port", str(free_port()))
    commands = re.findall(r"(?m)^  ((?:sudo )?(?:install|env) .+)$", out)
    assert len(commands) == 3
    assert all(BROKER_FOLDER in command for command in commands)
    if os.geteuid() != 0:  # without root, Mosquitto runs as whoever started it
        commands = [re.sub("^sudo |-o mosquitto -g mosquitto ", "", each) for each in commands]
    *installs, start = (each.replace(BROKER_FOLDER, f"{bare.folder}/etc") for each in commands)
    for command in installs:
        assert await (await asyncio.create_subprocess_shell(command)).wait() == 0
    broker = await asyncio.create_subprocess_shell(
        f"exec {start}",
        env=os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert broker.stderr is not None
    try:
        said = b""
        while not said.endswith(b" running\n"):
            line = await asyncio.wait_for(broker.stderr.readline(), COMMAND_S_MAX)
            assert line, said
            said += line
    finally:
        # Mosquitto 2.0.11 loses a SIGTERM that comes right after it said that it runs.
        with contextlib.suppress(ProcessLookupError):
            broker.kill()
        await broker.communicate()


async def test_the_brokers_folder_names_no_file_that_is_not_there(bare: Terminal) -> None:
    await bare.good("init", "d", "--jurisdiction", "48453")
    config = (bare.folder / "d" / "broker" / "mosquitto.conf").read_text()
    assert "../" not in config
    for path in re.findall(r"broker_config/[\w./]*\w", config):
        assert (Path(__file__).parents[2] / path).is_file(), path


async def test_init_writes_what_it_was_told_into_the_configuration(bare: Terminal) -> None:
    said = await bare.run(
        *("init", "d", "--jurisdiction", "48453", "--json"),
        *("--broker-name", "tocsin.example.org", "--broker-name", "10.0.0.5"),
        *("--broker-port", "8884", "--replicas", "2", "--listen", "0.0.0.0:8443"),
        *("--public-url", "https://tocsin.example.org/", "--dsn", "postgresql://db/alerts"),
    )
    made = said.read(Made)
    folder = bare.folder / "d"
    assert (made.folder, made.config) == (str(folder), f"{folder}/tocsin.toml")
    config = load_config(folder / "tocsin.toml")
    assert config.brokers[0].url == "mqtts://tocsin.example.org:8884"
    assert config.public_url == "https://tocsin.example.org"
    assert config.listen == "0.0.0.0:8443"
    assert config.dsn() == "postgresql://db/alerts"
    assert (folder / "server" / "server-2.crt").exists()
    assert made.broker_config == f"{folder}/broker/mosquitto.conf"
    assert "listener 8884" in (folder / "broker" / "mosquitto.conf").read_text()


async def test_init_leaves_a_folder_alone_that_is_not_empty(bare: Terminal) -> None:
    (bare.folder / "d").mkdir()
    (bare.folder / "d" / "letter").touch()
    (await bare.run("init", "d", "--jurisdiction", "48453")).refused("isn't empty", "choose")
    assert [each.name for each in (bare.folder / "d").iterdir()] == ["letter"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--jurisdiction", "Travis County"), "no jurisdiction"),
        (("--jurisdiction", "48453", "--replicas", "10"), "1 to 9 replicas"),
        (("--jurisdiction", "48453", "--broker-name", "no name"), "no name"),
        (("--jurisdiction", "48453", "--broker-bind", "here"), "no IP address"),
    ],
)
async def test_init_leaves_nothing_where_it_can_not_be_done(
    bare: Terminal, words: tuple[str, ...], why: str
) -> None:
    (await bare.run("init", "d", *words)).refused(why)
    assert not (bare.folder / "d").exists()


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--jurisdiction", "48453", "--broker-port", "99999"),
        ("--jurisdiction", "48453", "--listen", "8480"),
        ("--jurisdiction", "48453", "--listen", "localhost:99999"),
        ("--jurisdiction", "48453", "--public-url", "tocsin.example.org"),
        ("--jurisdiction", "48453", "--dsn", "mysql://here"),
    ],
)
async def test_init_does_not_understand(bare: Terminal, words: tuple[str, ...]) -> None:
    (await bare.run("init", "d", *words)).not_understood()
    assert not (bare.folder / "d").exists()


async def test_migrate_brings_an_empty_database_to_this_release_and_again_changes_nothing(
    bare: Terminal, postgres: EmbeddedPostgres
) -> None:
    await postgres.create_database("anew")
    try:
        config = await configured(bare, postgres.dsn("anew"))
        first = (await bare.run("migrate", "--config", config, "--json")).read(Migrated)
        assert f"revision {first.revision}\n" in await bare.good("migrate", "--config", config)
    finally:
        await postgres.drop_database("anew")


async def test_without_tables_a_command_says_to_migrate(
    bare: Terminal, postgres: EmbeddedPostgres
) -> None:
    await postgres.create_database("bare")
    try:
        config = await configured(bare, postgres.dsn("bare"))
        for words in (("site", "list"), ("jurisdiction", "list"), ("verify",)):
            said = await bare.run(*words, "--config", config)
            said.refused("run `tocsin migrate`")
        (await bare.run("serve", "--config", config)).refused("run `tocsin migrate`")
    finally:
        await postgres.drop_database("bare")


async def test_a_database_of_a_later_release_is_left_alone(
    deployed: Terminal, database: Database
) -> None:
    async with database.connected() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    (await deployed.run("migrate")).refused("another release", "9999")
    (await deployed.run("serve")).refused("9999")


@pytest.mark.parametrize("command", ["migrate", "site list"])
async def test_a_database_that_is_away_is_one_line(bare: Terminal, command: str) -> None:
    config = await configured(bare, f"postgresql:///tocsin?host={bare.folder}/nowhere")
    (await bare.run(*command.split(), "--config", config)).refused("database")


@pytest.mark.parametrize("command", ["migrate", "site list", "serve"])
@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://tocsin:opensesame#1@127.0.0.1/tocsin",
        "postgresql://tocsin:opensesame/2@127.0.0.1/tocsin",
        "nonsense opensesame",
    ],
)
async def test_a_wrong_address_is_refused_without_showing_its_password(
    bare: Terminal, command: str, dsn: str
) -> None:
    config = await configured(bare, "postgresql:///tocsin")
    text = config.read_text()
    config.write_text(re.sub(r"(?m)^dsn = .*$", lambda _: f'dsn = "{dsn}"', text))
    said = await bare.run(*command.split(), "--config", config)
    said.refused("database.dsn")
    assert "opensesame" not in said.err


async def test_a_command_without_a_configuration_says_how_to_name_one(bare: Terminal) -> None:
    (await bare.run("site", "list")).refused("--config", "TOCSIN_CONFIG")
    (await bare.run("site", "list", "--config", "none.toml")).refused("none.toml")
    (bare.folder / "bad.toml").write_text("replica_id = 7\n")
    (await bare.run("serve", "--config", "bad.toml")).refused("bad.toml", "replica_id")


async def test_a_misspelt_setting_of_the_log_is_one_line(terminal: Terminal) -> None:
    said = await terminal.run("site", "list", environment={"TOCSIN_LOG_LEVEL": "loud"})
    said.refused("TOCSIN_LOG_LEVEL", "DEBUG")


async def configured(terminal: Terminal, dsn: str) -> Path:
    folder = terminal.folder / "c"
    await terminal.good("init", folder, "--jurisdiction", "48453", "--dsn", dsn)
    return folder / "tocsin.toml"
