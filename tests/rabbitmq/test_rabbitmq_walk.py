"""The whole system on a cluster as its only broker: a press finds its way, whichever node dies."""

import asyncio

from tests.parts import Database
from tests.rabbitmq import walk
from tests.rabbitmq.conftest import Installation

BUTTONS = 4
PRESS_S = 4.0
KILL_AFTER_S = 0.25


async def test_nothing_is_lost_when_the_servers_node_is_killed_under_presses(
    installation: Installation, example_database: Database
) -> None:
    cluster = installation.cluster
    async with walk.pressing(
        installation.deployment,
        cluster,
        example_database,
        installation.buttons(BUTTONS),
        replica_id="server-3",
    ) as pressing:
        await pressing.press_for(walk.PACE_S)
        await pressing.come_to_rest()
        node = cluster.node_of("server-3")
        fingers = asyncio.create_task(pressing.press_for(PRESS_S))
        await asyncio.sleep(KILL_AFTER_S)
        await node.kill()
        await fingers
        await pressing.come_to_rest()
        assert not node.is_open()
        assert cluster.node_of("server-3") is not node
        assert pressing.doubled() == 0
