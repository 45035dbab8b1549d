"""Buttons by the dozen: the agent's own link and ledger, without a board or a disk of their own.

Promise: a press is signed, sent at once and again by the wire contract's times until a signed
receipt names it; whatever the server says of it is kept for the test to judge.

Refused: anything an agent would not do. What floods is `flood.py`.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import structlog

from tests import parts
from tests.parts import WAIT_S, Server, Walk, until_known
from tocsin_button.config import Broker
from tocsin_button.ledger import Entry, Ledger, Moment
from tocsin_button.link import Identity, Link, TlsFiles
from tocsin_server.demo import example
from tocsin_wire import messages, signing
from tocsin_wire.messages import Receipt
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

START_AT_ONCE = 8  # TLS handshakes; more would only wait for each other
IDLE_S = 0.05

log = structlog.get_logger()


class Sender:
    """One button as the server knows it."""

    def __init__(self, folder: Path, *, url: str, jurisdiction: str = example.JURISDICTION) -> None:
        self.device_id = folder.name
        self.folder = folder
        self.key = SigningKey.load(folder / "press.key")
        self.made: list[UUID] = []
        self.receipts: dict[UUID, list[Receipt]] = {}
        self.attempts = self.cancels = 0
        self._server_keys = signing.load_keys(folder / "receipt_keys.json")
        self._boot_id = uuid4()
        self._ledger = Ledger()
        self._changed = asyncio.Event()
        self._owed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._link = Link(
            broker=Broker(url=url),
            identity=Identity(jurisdiction, self.device_id, self._boot_id),
            listener=self,
            tls=TlsFiles(folder / "ca.crt", folder / "client.crt", folder / "client.key"),
            clock_synced=lambda: True,
        )

    async def start(self) -> None:
        """Return when the link stands."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._link.run()), loop.create_task(self._resend())]
        async with asyncio.timeout(WAIT_S):
            while not self._link.is_up:
                await self._changed.wait()
                self._changed.clear()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._link.drop("the test is over")

    def press(
        self, *, kind: str = "duress", cancels: UUID | None = None, press_id: UUID | None = None
    ) -> UUID:
        """Press now; the first sending is out, where the link stands, when this returns."""
        now = _moment()
        entry = Entry(
            press_id=press_id or messages.new_id(),
            kind=kind,
            gesture="press",
            drill=False,
            boot_id=self._boot_id,
            seq=len(self.made) + 1,
            kernel_boot_id=now.kernel_boot_id,
            edge_s=now.now_s,
            edge_wall_s=now.wall_s,
            cancels=cancels,
        )
        self.made.append(entry.press_id)
        self.cancels += kind == "cancel"
        self.receipts.setdefault(entry.press_id, [])
        self._ledger.add(entry)
        self._send(entry.press_id)
        self._owed.set()
        return entry.press_id

    def repeat(self, press_id: UUID) -> None:
        """Send it once more, receipt or not, as a late copy by another broker would come."""
        self._send(press_id)

    @property
    def unreceipted(self) -> list[UUID]:
        return self._ledger.unreceipted()

    async def until_receipted(self, *, timeout_s: float = WAIT_S) -> None:
        """Every press has a receipt."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.unreceipted:
                    await self._changed.wait()
                    self._changed.clear()
        except TimeoutError:
            raise TimeoutError(
                f"{self.device_id}: no receipt for {self.unreceipted} within {timeout_s:g} s"
            ) from None

    # What the link calls.

    def link_up(self, link: Link) -> None:  # noqa: ARG002 (a Listener's interface)
        for press_id in self.unreceipted:
            self._send(press_id)
        self._changed.set()

    def link_down(self, link: Link) -> None:  # noqa: ARG002
        self._changed.set()

    def heard(self, link: Link, topic: str, body: bytes, *, retained: bool) -> None:  # noqa: ARG002
        if topic.endswith(f"/{Leaf.RECEIPT}"):
            receipt = signing.verify(body, Receipt, self._server_keys)
            self.receipts[receipt.press_id].append(receipt)
            self._ledger.receive(receipt, now_s=time.monotonic())
            self._changed.set()

    def _send(self, press_id: UUID) -> None:
        press = self._ledger.attempt(
            press_id, _moment(), device_id=self.device_id, jitter=random.random()
        )
        self.attempts += self._link.publish(Leaf.PRESS, self.key.sign(press), qos=1)

    async def _resend(self) -> None:
        while True:
            due_s = self._ledger.next_due_s()
            pause_s = IDLE_S if due_s is None else max(due_s - time.monotonic(), 0.001)
            self._owed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._owed.wait(), min(pause_s, 0.25))
            for press_id in self._ledger.due(time.monotonic()):
                self._send(press_id)


_KERNEL_BOOT = uuid4()


def _moment() -> Moment:
    return Moment(time.monotonic(), time.time(), _KERNEL_BOOT)


async def register(walk: Walk, count: int, *, servers: Sequence[Server] = ()) -> list[Path]:
    """Make this many buttons, all at one place; return when the servers know them."""
    new = [walk.deployment.new_button() for _ in range(count)]
    await parts.register(walk.database, {button.device_id: key for button, key in new})
    for server in servers or [walk.server]:
        await until_known(server, {button.device_id for button, _ in new})
    return [button.folder for button, _ in new]


@asynccontextmanager
async def senders(walk: Walk, folders: Sequence[Path]) -> AsyncIterator[list[Sender]]:
    """These buttons, connected."""
    made = [Sender(folder, url=walk.broker.url) for folder in folders]
    gate = asyncio.Semaphore(START_AT_ONCE)

    async def start(sender: Sender) -> None:
        async with gate:
            await sender.start()

    try:
        await asyncio.gather(*[start(sender) for sender in made])
        yield made
    finally:
        await asyncio.gather(*[sender.stop() for sender in made])
