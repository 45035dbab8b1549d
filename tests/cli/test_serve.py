"""`tocsin serve` and `tocsin demo`: they start or say in one line why not, and end when asked."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.cli.terminal import Terminal
from tests.parts import WAIT_S
from tocsin_server.demo import settings
from tocsin_server.demo.postgres import free_port


@pytest.fixture
def port() -> int:
    return free_port()


@asynccontextmanager
async def serving(
    terminal: Terminal, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`tocsin serve`, whose log is read line by line."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tocsin_server", "serve"),
        env=terminal.environment | environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line_with(process: asyncio.subprocess.Process, words: str) -> str:
    """Read the log up to the first line that holds these words."""
    assert process.stderr is not None
    seen = b""
    async with asyncio.timeout(WAIT_S):
        while line := await process.stderr.readline():
            if words.encode() in line:
                return line.decode()
            seen += line
    raise AssertionError(seen.decode())


async def ended(process: Process) -> int:
    """Wait for its end, reading on what it says."""
    await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode is not None
    return process.returncode


def listen_on(deployed: Terminal, port: int) -> Path:
    config = deployed.folder / "d" / "tocsin.toml"
    settings.set_value(config, "listen", f"127.0.0.1:{port}")
    return config


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_it_is_asked_to_stop(
    deployed: Terminal, port: int, number: signal.Signals
) -> None:
    listen_on(deployed, port)
    async with serving(deployed) as server:
        line = await line_with(server, "event=serving")
        assert "level=info" in line
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert b"200" in await reader.readline()
        writer.close()
        server.send_signal(number)
        assert await ended(server) == 0


@pytest.mark.parametrize("url", ["https://alerts.example.org", "http://alerts.example.org"])
async def test_a_browser_that_came_by_https_comes_by_it_again(
    deployed: Terminal, port: int, url: str
) -> None:
    settings.set_value(listen_on(deployed, port), "public_url", url)
    async with serving(deployed) as server, aiohttp.ClientSession() as browser:
        await line_with(server, "event=serving")
        async with browser.get(f"http://127.0.0.1:{port}/healthz") as answer:
            kept_to = answer.headers.get("Strict-Transport-Security", "")
    assert kept_to.startswith("max-age=") == url.startswith("https:")


async def test_its_log_is_json_where_that_is_asked_for(deployed: Terminal, port: int) -> None:
    listen_on(deployed, port)
    async with serving(deployed, TOCSIN_LOG="json") as server:
        assert '"level": "info"' in await line_with(server, '"event": "serving"')


async def test_it_waits_for_a_database_and_ends_when_asked_meanwhile(
    deployed: Terminal, port: int
) -> None:
    config = listen_on(deployed, port)
    settings.set_value(config, "dsn", f"postgresql:///tocsin?host={deployed.folder}/nowhere")
    async with serving(deployed) as server:
        await line_with(server, "the database does not answer yet")
        server.send_signal(signal.SIGTERM)
        assert await ended(server) == 0


async def test_a_taken_port_is_one_line(deployed: Terminal, port: int) -> None:
    listen_on(deployed, port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        said = await deployed.run("serve", environment={"TOCSIN_LOG_LEVEL": "critical"})
    said.refused(f"127.0.0.1:{port} is taken", "`listen`")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("ca/ca.crt", "mqtt.ca_file"),
        ("server/server-1.key", "mqtt.certificate_key_file"),
        ("server/receipt.key", "keys.receipt_key_file"),
        ("server/receipt_keys.json", "keys.receipt_keys_file"),
    ],
)
async def test_a_missing_file_is_named_at_once(deployed: Terminal, name: str, key: str) -> None:
    (deployed.folder / "d" / name).unlink()
    (await deployed.run("serve")).refused(key, name)


@pytest.mark.parametrize("name", ["server/receipt.key", "server/server-1.key", "ca/ca.crt"])
async def test_a_file_that_is_not_what_it_should_be_is_one_line(
    deployed: Terminal, name: str
) -> None:
    (deployed.folder / "d" / name).write_text("no key\n")
    said = await deployed.run("serve", environment={"TOCSIN_LOG_LEVEL": "critical"})
    said.refused(name)


async def test_a_misspelt_level_is_one_line(deployed: Terminal) -> None:
    (await deployed.run("serve", environment={"TOCSIN_LOG": "pretty"})).refused("TOCSIN_LOG=")


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("--buttons", "0"), 2, "--buttons"),
        (("--data", "letters"), 1, "isn't a demo's folder"),
    ],
)
async def test_a_demo_that_can_not_start_is_one_line(
    bare: Terminal, words: tuple[str, ...], code: int, why: str
) -> None:
    (bare.folder / "letters").mkdir()
    (bare.folder / "letters" / "letter").touch()
    said = await bare.run("demo", *words)
    assert said.code == code
    assert why in said.err
    assert len(said.err.splitlines()) == 1


async def test_a_demo_is_not_understood_without_numbers(bare: Terminal) -> None:
    (await bare.run("demo", "--port", "http")).not_understood("--port")
