"""People press without a pause, and somebody notes when each press was receipted and shown.

Promise: a press is made every `EVERY_S`, by buttons that speak the wire contract and send again
until a signed receipt comes. What is noted comes from receipts and from a dispatcher's screen.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, pairwise
from uuid import UUID

from tests import parts
from tests.faults.judge import assert_each_press_once, read_records
from tests.faults.senders import Sender
from tests.parts import Frame, Held, Screen, Server, Walk
from tocsin_button.link import Link

BUTTONS = 8
EVERY_S = 0.1
BURST = 3  # presses of each button that a fault meets on their way
SHOWN_S_MAX = 2.0  # a press that can't be stored is on a screen by then, as NOT YET STORED


class NotingSender(Sender):
    """One button that knows when its receipts came."""

    receipted_s: dict[UUID, float]

    def heard(self, link: Link, topic: str, body: bytes, *, retained: bool) -> None:
        super().heard(link, topic, body, retained=retained)
        for press_id, receipts in self.receipts.items():
            if receipts:
                self.receipted_s.setdefault(press_id, time.monotonic())


class Traffic:
    """What was pressed, and what came of it when."""

    def __init__(self, senders: list[NotingSender], server: Server) -> None:
        self.screen = Screen(
            server.url, email=parts.DANA.email, password=parts.PASSWORD, on_frame=self._noted
        )
        self.pressed_s: dict[UUID, float] = {}
        self.held_s: dict[UUID, float] = {}
        self._senders = senders
        self._flow: asyncio.Task[None] | None = None

    def press(self, sender: NotingSender) -> UUID:
        press_id = sender.press()
        self.pressed_s[press_id] = time.monotonic()
        return press_id

    def burst(self) -> int:
        """Many at once; how many of all presses have no receipt at this moment."""
        for _ in range(BURST):
            for sender in self._senders:
                self.press(sender)
        return sum(len(sender.unreceipted) for sender in self._senders)

    def begin(self) -> None:
        """Press from now on, button by button."""
        self._flow = asyncio.get_running_loop().create_task(self._press_on())

    def end(self) -> None:
        """Press no more."""
        if self._flow is not None:
            self._flow.cancel()

    async def settle(self) -> None:
        """Press no more, and wait until all is receipted."""
        self.end()
        for sender in self._senders:
            await sender.until_receipted()

    async def _press_on(self) -> None:
        for n in count():
            self.press(self._senders[n % len(self._senders)])
            await asyncio.sleep(EVERY_S)

    async def until_receipted(self, *, timeout_s: float) -> float:
        """Press now; how long it takes until that is receipted."""
        sender = self._senders[0]
        press_id = self.press(sender)
        async with asyncio.timeout(timeout_s):
            while True:
                if press_id in sender.receipted_s:
                    return sender.receipted_s[press_id] - self.pressed_s[press_id]
                await asyncio.sleep(parts.ASK_AGAIN_S)

    def gap_s(self, since_s: float) -> float:
        """The longest time in which nothing was receipted, from a moment until now."""
        times = sorted(at for sender in self._senders for at in sender.receipted_s.values())
        return max(
            (b - a for a, b in pairwise([*times, time.monotonic()]) if b >= since_s), default=0.0
        )

    def shown_s_max(self) -> float:
        """The longest that a press took to be on the screen, stored or NOT YET STORED."""
        shown_s: dict[UUID, float] = {}
        for sender in self._senders:
            shown_s |= sender.receipted_s
        for press_id, at in self.held_s.items():
            shown_s[press_id] = min(at, shown_s.get(press_id, at))
        return max(shown_s[press_id] - pressed for press_id, pressed in self.pressed_s.items())

    def _noted(self, frame: Frame) -> None:
        """What the screen is told."""
        for held in (frame.held,) if isinstance(frame.held, Held) else frame.held:
            self.held_s.setdefault(UUID(held.press_id), time.monotonic())

    async def assert_nothing_lost(self) -> None:
        """The console's record names each press that was made, once. Only once all has settled."""
        made = {
            sender.device_id: [str(press_id) for press_id in sender.made]
            for sender in self._senders
        }
        records = await read_records(self.screen)
        mine = {id_: each for id_, each in records.items() if each.alert.device_id in made}
        assert_each_press_once(mine, made)


@asynccontextmanager
async def flowing(walk: Walk, *, watched: Server | None = None) -> AsyncIterator[Traffic]:
    """Buttons that are pressed from now on, before a dispatcher's screen at one replica."""
    server = watched or walk.server
    new = [walk.deployment.new_button() for _ in range(BUTTONS)]
    await parts.register(walk.database, {button.device_id: key for button, key in new})
    await parts.until_known(server, {button.device_id for button, _ in new})
    senders = [NotingSender(button.folder, url=walk.broker.url) for button, _ in new]
    for sender in senders:
        sender.receipted_s = {}
    traffic = Traffic(senders, server)
    try:
        await traffic.screen.open()
        await asyncio.gather(*[sender.start() for sender in senders])
        traffic.begin()
        await traffic.until_receipted(timeout_s=parts.WAIT_S)
        yield traffic
        await traffic.settle()
    finally:
        traffic.end()
        await asyncio.gather(*[sender.stop() for sender in senders])
        await traffic.screen.close()
