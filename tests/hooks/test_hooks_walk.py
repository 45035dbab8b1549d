"""From a button to another system, through a server that is killed on the way."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.hooks.receiver import Receiver
from tests.parts import Walk
from tocsin_server.config import HooksConfig
from tocsin_server.demo import example
from tocsin_server.hooks.hooks import HookSecret, add_hook


@pytest_asyncio.fixture
async def made(walk: Walk, receiver: Receiver) -> AsyncIterator[HookSecret]:
    """A hook of the example's county, and a server that may send to this machine."""
    with walk.server.config.open("a") as config:
        config.write("\n[hooks]\nallow_http = true\n")
    await walk.server.stop()
    await walk.server.start()
    async with walk.database.pool() as pool:
        yield await add_hook(
            pool,
            jurisdiction=example.JURISDICTION,
            name="County CAD",
            url=receiver.url,
            events=[],
            drills=True,
            by="Ada Park",
            config=HooksConfig(allow_http=True),
        )


async def test_a_press_reaches_another_system_although_the_server_is_killed_meanwhile(
    walk: Walk, made: HookSecret, receiver: Receiver
) -> None:
    receiver.open.clear()
    button = await walk.button()
    await button.press()
    await receiver.until(1)
    await walk.server.kill()
    receiver.open.set()
    async with walk.database.connected() as connection:  # sooner than in 15 seconds
        await connection.execute("UPDATE hook_delivery SET lease_until = clock_timestamp()")
    await walk.server.start()
    first, again = (await receiver.until(2))[:2]
    assert first.message_id == again.message_id
    again.verify(made.secret)
    assert (again.event, again.data["device_id"]) == ("alert.pressed", button.device_id)
    screen = await walk.screen()
    await screen.acknowledge(await screen.until_alert())
    taken = (await receiver.until(3))[2]
    assert (taken.event, taken.data["by"]) == ("alert.acknowledged", "Dana Ortiz")
    assert await walk.server.stop() == 0
