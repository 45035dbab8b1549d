"""The alert of a button that was moved says that its place is doubtful, and is as loud as ever."""

import asyncio

import pytest

from tests.walk.house import House
from tocsin_server.demo import example
from tocsin_wire import messages, topics
from tocsin_wire.messages import Heartbeat
from tocsin_wire.topics import Leaf

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_press_right_after_another_network_was_heard_says_that_the_place_is_doubtful(
    house: House,
) -> None:
    moved = await house.sender(room="Vault")
    async with house.walk.database.pool() as pool:
        await pool.execute("UPDATE place SET digests = '{here}', learns_until = clock_timestamp()")
    stays = await house.sender(room="Lobby")  # once it is known, so is what was learned
    topic = topics.topic(example.JURISDICTION, moved.device_id, Leaf.HEARTBEAT)
    elsewhere = messages.encode(Heartbeat(boot_id=messages.new_id(), place="there"))
    await asyncio.to_thread(moved._party.publish, topic, elsewhere)
    for sender in (moved, stays):
        await sender.send(sender.press())
    doubtful = await house.alert_of(moved.device_id)
    sure = await house.alert_of(stays.device_id)
    assert any("This place is doubtful" in sentence for sentence in doubtful.place.missing)
    assert not any("doubtful" in sentence for sentence in sure.place.missing)
    await house.dana.until_received(doubtful.code)
