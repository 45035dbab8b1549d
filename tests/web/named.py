"""A replica that is reached by a name: passkeys belong to one, and no number has any."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.parts import Server, running_server
from tests.walk.house import House
from tocsin_server.demo import settings
from tocsin_server.demo.postgres import free_port


@asynccontextmanager
async def named_server(house: House, *, number: int = 2, more: str = "") -> AsyncIterator[Server]:
    """Another replica of the house at http://localhost, where browsers have passkeys without TLS.

    `more`: further lines of its tocsin.toml.
    """
    port = free_port()
    config = house.walk.deployment.server_config(
        replica_id=f"server-{number}",
        port=port,
        dsn=house.walk.database.dsn,
        brokers=house.walk.deployment.broker_urls,
    )
    settings.set_value(config, "public_url", f"http://localhost:{port}")
    config.write_text(config.read_text() + more)
    async with running_server(Server(config)) as server:
        yield server
