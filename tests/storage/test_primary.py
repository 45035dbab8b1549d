"""Of several servers, the one that takes writes is found, and a silent one is given up."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from tests.faults.stand import children
from tests.parts import WAIT_S
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_server.storage.primary import NoPrimary, Primary, servers_of


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    """One that is reached by an address, and may be stopped."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("s"), port=free_port())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def deaf_and_dumb() -> AsyncIterator[str]:
    """A machine that hangs: its kernel takes connections, and nobody ever answers."""
    listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def among(server: EmbeddedPostgres, *others: str) -> str:
    """The server's DSN, after others' addresses."""
    url = urlsplit(server.tcp_dsn())
    login, _, address = url.netloc.rpartition("@")
    return url._replace(netloc=f"{login}@{','.join((*others, address))}").geturl()


def send(processes: Sequence[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # one that ended just now, as cleaners do
            os.kill(process, number)


def test_a_dsn_is_one_for_each_of_its_servers() -> None:
    assert servers_of("postgresql://a:b@one:1,[::2]:2,three/db?sslmode=require") == [
        "postgresql://a:b@one:1/db?sslmode=require",
        "postgresql://a:b@[::2]:2/db?sslmode=require",
        "postgresql://a:b@three/db?sslmode=require",
    ]
    for alone in ("postgresql://tocsin@/tocsin?host=%2Frun", "postgresql:///tocsin"):
        assert servers_of(alone) == [alone]


async def test_a_server_that_hangs_and_one_that_is_gone_are_no_obstacle(
    server: EmbeddedPostgres,
) -> None:
    async with deaf_and_dumb() as hanging:
        connection = await Primary(among(server, hanging, f"127.0.0.1:{free_port()}")).connect()
        try:
            assert await connection.fetchval("SELECT 1") == 1
        finally:
            await connection.close()


async def test_a_server_that_takes_no_writes_is_not_worked_on(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.tcp_dsn())
    await connection.execute("ALTER DATABASE tocsin SET default_transaction_read_only = on")
    try:
        with pytest.raises(NoPrimary, match="none of the database servers takes writes"):
            await Primary(among(server, f"127.0.0.1:{free_port()}")).connect()
    finally:
        await connection.execute("ALTER DATABASE tocsin RESET default_transaction_read_only")
        await connection.close()


async def test_a_wrong_password_is_called_so_whoever_else_is_away(server: EmbeddedPostgres) -> None:
    dsn = among(server, f"127.0.0.1:{free_port()}").replace("tocsin:", "tocsin:not", 1)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await Primary(dsn).connect()


async def test_all_connections_to_a_server_go_once_the_walk_finds_it_silent(
    server: EmbeddedPostgres,
) -> None:
    database = Database(server.tcp_dsn(), replica_id="server-1")
    await database.open()
    async with database.walk.acquire() as kept, database.pool.acquire() as report:
        gone = [asyncio.Event() for _ in range(2)]
        for connection, event in zip((kept, report), gone, strict=True):
            connection.add_termination_listener(lambda _, event=event: event.set())
        processes = [each for each in (server.pid,) if each is not None]
        processes += [child for each in processes for child in children(each)]
        send(processes, signal.SIGSTOP)
        try:
            with pytest.raises(DATABASE_ERRORS):
                # Of this statement alone: to connect may take longer on a busy machine.
                await database.walk.fetchval("SELECT 1", timeout=0.2)
            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(*[event.wait() for event in gone])
        finally:
            send(processes, signal.SIGCONT)
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                assert await database.walk.fetchval("SELECT 1") == 1
                break
            except DATABASE_ERRORS:
                await asyncio.sleep(0.02)
    await database.close()
