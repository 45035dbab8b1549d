"""A site that is closed is quiet about its buttons, and as loud as ever about an alert."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.walk.house import House
from tocsin_server.demo import example
from tocsin_server.inputs import DAYS
from tocsin_wire import messages, topics
from tocsin_wire.messages import Heartbeat
from tocsin_wire.topics import Leaf

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_press_at_a_closed_site_pages_at_once(house: House) -> None:
    in_two_days = datetime.now(ZoneInfo(example.TIME_ZONE)) + timedelta(days=2)
    hours = f"{DAYS[in_two_days.weekday()]} 08:00-17:00"
    async with house.walk.database.pool() as pool:
        await pool.execute("UPDATE site SET opening_hours = $1", hours)
    sender = await house.sender(room="Vault")
    topic = topics.topic(example.JURISDICTION, sender.device_id, Leaf.HEARTBEAT)
    weak = messages.encode(Heartbeat(boot_id=messages.new_id(), undervoltage=True))
    await asyncio.to_thread(sender._party.publish, topic, weak)
    await house.screen.until_device(sender.device_id, lambda device: device.told_from is not None)
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await house.dana.until_received(alert.code)
