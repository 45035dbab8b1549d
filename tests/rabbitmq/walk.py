"""People press while a cluster is the only broker, and everything they press is watched.

Promise: the server and the agents are the real programs; a press counts as shown when a screen says
so, and as receipted when a lamp does. Nothing is read from a table, a queue or a log to judge.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import parts
from tests.parts import ASK_AGAIN_S, DANA, PASSWORD, WAIT_S, Database, Deployment, Screen, Server
from tests.rabbitmq.cluster import Cluster
from tocsin_server.demo import example
from tocsin_server.demo.postgres import free_port
from tocsin_server.demo.virtual_button import ButtonState, VirtualButton
from tocsin_server.fleet.deployment import NewDevice, add_device

LONG_S = 600.0  # a patience that no test outlives
PACE_S = 0.8  # of one button's presses: fewer than the 64 an outbox holds, in any fault here
REST_S_MAX = 60.0  # until all is receipted, once the fault is over


@dataclass(slots=True)
class Press:
    """One press, by the seconds after its edge at which it was shown and receipted."""

    device_id: str
    nth: int
    edge_s: float
    shown_s: float | None = None
    receipted_s: float | None = None


@dataclass(slots=True)
class Pressing:
    """Buttons, a screen, and what came of every press."""

    server: Server
    screen: Screen
    buttons: Sequence[VirtualButton]
    presses: dict[str, Press] = field(default_factory=dict)
    _made: dict[str, list[Press]] = field(default_factory=lambda: defaultdict(list))
    _lamps: dict[str, float] = field(default_factory=dict)  # by press: when a lamp had a receipt
    _totals: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _on_screen: dict[str, tuple[str, int]] = field(default_factory=dict)  # by alert

    async def press(self, button: VirtualButton) -> None:
        edge_s = time.monotonic()
        pressed = await button.press()
        mine = self._made[button.device_id]
        press = Press(button.device_id, len(mine) + 1, edge_s)
        mine.append(press)
        self.presses[pressed.press_id] = press

    async def press_for(self, seconds: float) -> None:
        """Everybody presses, again and again."""

        async def finger(button: VirtualButton) -> None:
            until_s = time.monotonic() + seconds
            while time.monotonic() < until_s:
                await self.press(button)
                await asyncio.sleep(PACE_S)

        await asyncio.gather(*[finger(button) for button in self.buttons])

    async def come_to_rest(self) -> None:
        """Return when every press is receipted and shown; TimeoutError says how many are not."""
        try:
            async with asyncio.timeout(REST_S_MAX):
                while self._open():
                    for button in self.buttons:
                        self._note_lamp(await button.state())
                    await asyncio.sleep(ASK_AGAIN_S)
        except TimeoutError:
            raise TimeoutError(f"of {len(self.presses)} presses: {self._open()}") from None

    def longest_s(self) -> tuple[float, float]:
        """From an edge until a screen had it, and until the lamp had a receipt."""
        shown = [press.shown_s or 0.0 for press in self.presses.values()]
        receipted = [press.receipted_s or 0.0 for press in self.presses.values()]
        return max(shown), max(receipted)

    def doubled(self) -> int:
        """How many presses the screen has that nobody made."""
        return sum(len(self._totals[each]) - len(self._made[each]) for each in self._totals)

    async def watch_lamp(self, button: VirtualButton) -> None:
        """Note every receipt that a lamp knows of."""
        while True:
            async with aclosing(button.watch()) as states:
                async for state in states:
                    self._note_lamp(state)
            await asyncio.sleep(ASK_AGAIN_S)

    async def watch_screen(self) -> None:
        """Note when each button's total rose."""
        while True:
            await self.screen.until(self._note)

    async def resolve_all(self) -> None:
        """What is over leaves the outboxes, which hold 64 presses each."""
        for alert in list(self.screen.alerts.values()):
            await self.screen.resolve(alert)
        for button in self.buttons:
            await button.until(lambda state: not state.open)

    def _note_lamp(self, state: ButtonState) -> None:
        for each in state.open:
            if each.state != "pressed":
                self._lamps.setdefault(each.press_id, time.monotonic())

    def _note(self, screen: Screen) -> bool:
        for alert in screen.alerts.values():
            self._on_screen[alert.alert_id] = (alert.device_id, alert.presses)
        totals: dict[str, int] = defaultdict(int)
        for device_id, presses in self._on_screen.values():
            totals[device_id] += presses
        rose = False
        for device_id, total in totals.items():
            seen = self._totals[device_id]
            while len(seen) < total:
                seen.append(time.monotonic())
                rose = True
        return rose

    def _open(self) -> str:
        unshown = unreceipted = 0
        for press_id, press in self.presses.items():
            if press_id in self._lamps:
                press.receipted_s = self._lamps[press_id] - press.edge_s
            if len(self._totals[press.device_id]) >= press.nth:
                press.shown_s = self._totals[press.device_id][press.nth - 1] - press.edge_s
            unshown += press.shown_s is None
            unreceipted += press.receipted_s is None
        return f"{unshown} not shown, {unreceipted} not receipted" if unshown + unreceipted else ""


def server_config(deployment: Deployment, cluster: Cluster, *, replica_id: str, dsn: str) -> Path:
    """A replica's config with the cluster as its only broker."""
    path = deployment.server_config(
        replica_id=replica_id, port=free_port(), dsn=dsn, brokers=cluster.urls[:1]
    )
    keep_sessions(path, cluster)
    return path


def keep_sessions(config: Path, cluster: Cluster) -> None:
    """Give the broker of a replica's config its other nodes, and the kind of its session."""
    first, *others = cluster.urls
    url = f"url = {json.dumps(first)}\n"
    settings = f"{url}persistent = true\nother_nodes = {json.dumps(others)}\n"
    config.write_text(config.read_text().replace(url, settings))


def new_buttons(deployment: Deployment, cluster_urls: Sequence[str], count: int) -> list[NewDevice]:
    """Buttons with the cluster as their only broker."""
    return [
        add_device(
            deployment.folder,
            jurisdiction=example.JURISDICTION,
            brokers=[],
            clusters=[cluster_urls],
        )
        for _ in range(count)
    ]


@asynccontextmanager
async def pressing(
    deployment: Deployment,
    cluster: Cluster,
    database: Database,
    devices: Sequence[NewDevice],
    *,
    replica_id: str = "server-1",
) -> AsyncIterator[Pressing]:
    """A replica, a screen and running buttons, all connected."""
    async with database.connected() as connection:
        await parts.set_patience(connection, (LONG_S,) * 3)
    await parts.register(database, {each.device_id: each.public_key for each in devices})
    async with AsyncExitStack() as stack:
        config = server_config(deployment, cluster, replica_id=replica_id, dsn=database.dsn)
        server = await stack.enter_async_context(parts.running_server(Server(config)))
        screen = Screen(server.url, email=DANA.email, password=PASSWORD)
        stack.push_async_callback(screen.close)
        await screen.open()
        buttons = [VirtualButton(each.folder) for each in devices]
        for button in buttons:
            stack.push_async_callback(button.stop)
            await button.start()
        for button in buttons:
            await button.until_connected(timeout_s=WAIT_S)
        found = Pressing(server, screen, buttons)
        watching = [asyncio.create_task(found.watch_screen())]
        watching += [asyncio.create_task(found.watch_lamp(button)) for button in buttons]
        try:
            yield found
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
