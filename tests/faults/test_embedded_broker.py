"""The broker of `make demo` where no Mosquitto is installed: it loses messages, we lose no press.

amqtt drops QoS 1 messages when many come at once. Real agents and two dozen bare buttons press
while a device floods it; whatever it loses, the buttons send again until a receipt comes.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio

from tests import parts
from tests.faults import judge
from tests.faults.senders import Sender, register, senders
from tests.faults.test_flood import flooding, last_line
from tests.parts import Database, Deployment, Screen, Walk
from tocsin_server.demo.broker import EmbeddedBroker
from tocsin_server.demo.virtual_button import ButtonState, VirtualButton
from tocsin_wire import messages
from tocsin_wire.messages import Press
from tocsin_wire.signing import SigningKey

AGENTS = 3
SENDERS = 24
PRESSES = 8  # of each sender
AGENT_PRESSES = 6  # of each agent, whose finger takes a quarter of a second for each
FLOOD = 2_000
WITHIN_S = 4.0


@pytest_asyncio.fixture
async def lossy_walk(
    deployment: Deployment, example_database: Database, patience_s: tuple[float, ...]
) -> AsyncIterator[Walk]:
    """The whole system on the embedded broker."""
    async with parts.whole_walk(
        deployment, example_database, patience_s=patience_s, kind=EmbeddedBroker
    ) as walk:
        yield walk


async def press_now_and_then(sender: Sender, walk_seed: int) -> None:
    chance = random.Random(f"{walk_seed} {sender.device_id}")
    for _ in range(PRESSES):
        await asyncio.sleep(chance.uniform(0, WITHIN_S / PRESSES))
        sender.press()


async def press_on_and_on(button: VirtualButton) -> list[str]:
    return [(await button.press()).press_id for _ in range(AGENT_PRESSES)]


async def all_stored(agent: VirtualButton, presses: list[str]) -> None:
    """The agent has a receipt for each of them."""

    def holds(state: ButtonState) -> bool:
        return {press.press_id for press in state.open if press.state == "stored"} >= set(presses)

    await agent.until(holds, timeout_s=60)


async def shown_and_told(walk: Walk, screen: Screen, device_id: str, presses: list[str]) -> None:
    """One alert with all of them is on the screen, and tier 1 was told of it."""
    alert = await screen.until_alert(
        lambda alert: alert.device_id == device_id and alert.presses == len(presses)
    )
    await walk.phone(parts.DANA).until_received(f"Reply {alert.code} ")


async def test_a_broker_that_loses_messages_under_a_flood_loses_no_press(lossy_walk: Walk) -> None:
    walk = lossy_walk
    chance = judge.seeded("lossy broker")
    screen = await walk.screen()
    agents = [await walk.button() for _ in range(AGENTS)]
    folders = await register(walk, SENDERS + 1)
    mad, boot = folders[0], uuid4()
    key = SigningKey.load(mad / "press.key")
    flood = [
        key.sign(
            Press(
                press_id=messages.new_id(),
                device_id=mad.name,
                kind="duress",
                boot_id=boot,
                seq=n,
                age_exact=True,
            )
        )
        for n in range(1, FLOOD + 1)
    ]
    async with senders(walk, folders[1:]) as bare, flooding(walk, mad, flood):
        seed = chance.randrange(2**32)
        by_agents = await asyncio.gather(
            *[press_on_and_on(agent) for agent in agents],
        )
        await asyncio.gather(*[press_now_and_then(sender, seed) for sender in bare])
        await asyncio.gather(*[sender.until_receipted(timeout_s=60) for sender in bare])
        attempts = [sender.attempts for sender in bare]
        for agent, presses in zip(agents, by_agents, strict=True):
            await all_stored(agent, presses)
    made = {sender.device_id: list(map(str, sender.made)) for sender in bare}
    made |= {agent.device_id: presses for agent, presses in zip(agents, by_agents, strict=True)}
    for device_id, presses in made.items():
        await shown_and_told(walk, screen, device_id, presses)
    records = await judge.read_records(screen)
    flooded = {
        alert_id for alert_id, record in records.items() if record.alert.device_id == mad.name
    }
    judge.assert_each_press_once(
        {alert_id: record for alert_id, record in records.items() if alert_id not in flooded}, made
    )
    assert len(records) == len(made) + len(flooded)
    arrived = sum(records[alert_id].alert.presses for alert_id in flooded)
    print(
        f"lossy broker: {sum(map(len, made.values()))} presses of {len(made)} buttons, each on the"
        f" screen once, in {sum(attempts)} sendings by the bare ones; of {FLOOD} that nobody sent"
        f" again {arrived} are shown; {last_line(mad)}"
    )
