"""The broker of a demo without Mosquitto, which loses messages when many come at once.

A device that nobody registered floods it with news of its own connection while people press.
Whatever the broker loses of theirs, the buttons send again until a receipt comes.
"""

import sys
from pathlib import Path
from uuid import uuid4

from tests.faults.fault import Fault, row
from tests.faults.flood import write_bodies
from tests.faults.stand import Arrangement
from tocsin_server.demo import example
from tocsin_server.demo.broker import EmbeddedBroker
from tocsin_server.demo.child import Child
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_wire import messages, topics
from tocsin_wire.messages import Status
from tocsin_wire.topics import Leaf

FLOOD = 2_000
FLOODED_S = 3.0  # an interpreter, and as fast as the broker takes it


@row("lossy-broker")
class LossyBroker(Fault):
    name = f"the embedded broker alone, under a flood of {FLOOD:,} messages"
    arrangement = Arrangement(brokers=1, broker_kind=EmbeddedBroker)
    lasts_s = FLOODED_S
    mad: VirtualButton
    bodies: Path
    flood: Child

    async def arrange(self) -> None:
        self.mad, _ = self.stand.deployment.new_button(brokers=self.stand.button_urls)
        boot_id = uuid4()
        self.bodies = write_bodies(
            self.mad.folder / "bodies",
            [
                messages.encode(Status(online=True, boot_id=boot_id, connection=n))
                for n in range(FLOOD)
            ],
        )

    async def inject(self) -> None:
        topic = topics.topic(example.JURISDICTION, self.mad.device_id, Leaf.STATUS)
        root = Path(__file__).parents[2]
        self.flood = Child.start(
            "the flood",
            [
                *(sys.executable, "-m", "tests.faults.flood", self.stand.button_urls[0]),
                *(self.mad.folder, topic, self.bodies, "0"),
            ],
            log=self.mad.folder / "flood.log",
            cwd=root,
            environment={"PYTHONPATH": str(root)},
        )
        self.stand.stack.push_async_callback(self.flood.kill)

    async def end(self) -> None:
        if await self.flood.exited() != 0:
            self.stand.findings.append(f"the flood failed: {self.flood.last_words()}")
