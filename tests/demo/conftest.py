"""A phone network and a system that hears of what happens on it."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.demo.system import ACCOUNT_SID, SYSTEM, TOKEN, System
from tocsin_server.demo.phone import PhoneNetwork
from tocsin_server.demo.postgres import free_port


@pytest.fixture
async def system() -> AsyncIterator[System]:
    system = System()
    app = web.Application()
    app.router.add_post("/{any:.*}", system.hear)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    system.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield system
    await runner.cleanup()


@pytest.fixture
async def network(system: System) -> AsyncIterator[PhoneNetwork]:
    network = PhoneNetwork(
        account_sid=ACCOUNT_SID,
        auth_token=TOKEN,
        from_number=SYSTEM,
        inbound_url=f"{system.url}/inbound",
    )
    # Of ours: one that the kernel chose may be somebody else's once the provider has been away.
    async with network.running(port=free_port()):
        yield network
