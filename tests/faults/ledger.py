"""The harness's own ledger: every press made, every frame, every text, whatever a lamp showed.

Promise: it holds only what came out of a control socket, a screen or a phone, each with the moment
at which it came (this machine's monotonic clock, which the agents share). Nothing is taken back.

Refused: deciding. Whether anything was lost says the oracle.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults import judge
from tests.parts import Alert, Frame, Held
from tocsin_server.demo.phone import Sms
from tocsin_server.demo.virtual_button import ButtonState, Pressed

# A press is safe 20 ms after its edge (wire contract, rule 2): what an agent is killed with may
# not be in its outbox after that only where the disk took longer than it may.
ON_DISK_S = 0.5
YOUNG_S = 0.02


@dataclass(slots=True)
class Press:
    """One press that was made."""

    device_id: str
    press_id: str
    edge_s: float
    published_on: tuple[str, ...]
    receipted_s: float | None = None


@dataclass(slots=True)
class Shown:
    """What one screen was shown of one alert."""

    device_id: str
    presses: int
    first_s: float
    state: str


@dataclass(slots=True)
class Page:
    """A text that asks somebody to take an alert."""

    number: str
    alert_id: str
    at_s: float


@dataclass(slots=True)
class Ledger:
    """What happened, by who saw it."""

    presses: dict[str, Press] = field(default_factory=dict)
    of_device: dict[str, list[Press]] = field(default_factory=lambda: defaultdict(list))
    unanswered: Counter[str] = field(default_factory=Counter)
    on_lamp: dict[str, dict[str, str]] = field(default_factory=dict)
    seen_on_lamp: dict[str, tuple[str, str]] = field(default_factory=dict)
    killed_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    shown: dict[str, dict[str, Shown]] = field(default_factory=lambda: defaultdict(dict))
    held_s: dict[str, float] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)
    _asked: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    _alerts: dict[str, str] = field(default_factory=dict)
    from_memory: int = 0
    agents_die_alone: bool = True  # whatever they have sent, somebody lives to store
    faults_s: list[float] = field(default_factory=list)
    ended_s: dict[str, float] = field(default_factory=dict)
    _totals_s: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    _texts: set[str] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def made(self, device_id: str, pressed: Pressed) -> Press:
        """Enter a press that the agent has said it made."""
        mine = self.of_device[device_id]
        press = Press(
            device_id=device_id,
            press_id=pressed.press_id,
            edge_s=pressed.edge_monotonic_ns / 1e9,
            published_on=pressed.published_on,
        )
        mine.append(press)
        self.presses[press.press_id] = press
        if press.press_id in self.seen_on_lamp:
            self._receipt(press.press_id, self.seen_on_lamp[press.press_id][1])
        self.touch()
        return press

    def lamp(self, device_id: str, state: ButtonState) -> None:
        """Enter what a lamp stands for now. A press never falls back, so the last word counts."""
        self.on_lamp[device_id] = {each.press_id: each.state for each in state.open}
        for each in state.open:
            self.seen_on_lamp[each.press_id] = (device_id, each.state)
            self._receipt(each.press_id, each.state)
        self.touch()

    def frame(self, screen: str, frame: Frame) -> None:
        """Enter a frame of a screen, by the name of its replica."""
        now = time.monotonic()
        alerts = frame.alerts if frame.type == "snapshot" else (frame.alert,)
        for alert in alerts:
            if alert is not None:
                self._show(screen, alert, now)
        for held in (frame.held,) if isinstance(frame.held, Held) else frame.held:
            self.held_s.setdefault(held.press_id, now)
        self.touch()

    def text(self, sms: Sms) -> None:
        """Enter what a phone has. The same text any number of times is one."""
        if sms.sid in self._texts or not sms.incoming or sms.status != "delivered":
            return
        self._texts.add(sms.sid)
        now = time.monotonic()
        if (notification := judge.asks(sms)) is not None:
            self._asked[notification].append((sms.number, now))
            self._place(notification)
        self.from_memory += "NOT YET STORED" in sms.body
        self.touch()

    def killed(self, device_id: str) -> None:
        """Its agent is being killed at this moment."""
        self.killed_s[device_id].append(time.monotonic())

    def unreceipted(self, *, at_s: float) -> list[Press]:
        """What had been pressed at a moment, and had no receipt on its lamp yet."""
        return [
            press
            for press in self.presses.values()
            if press.edge_s <= at_s and (press.receipted_s is None or press.receipted_s > at_s)
        ]

    def count(self, screen: str, device_id: str) -> int:
        """How many presses of this button a screen has been shown."""
        return len(self._totals_s[screen, device_id])

    def shown_s(self, screen: str, press: Press) -> float | None:
        """When a screen first showed as many presses of its button as there were with this one.

        One that a killed agent did not tell us of may be among them: so not before the edge.
        """
        only_on_lamp = sum(
            device_id == press.device_id and press_id < press.press_id  # ids rise with time
            for press_id, (device_id, _) in self.seen_on_lamp.items()
            if press_id not in self.presses
        )
        made = self.of_device[press.device_id]
        certain = sum(
            not self.is_forgotten(each) and not self.is_too_young(each)
            for each in made[: made.index(press)]
        )
        earlier = certain + only_on_lamp
        totals_s = self._totals_s[screen, press.device_id][earlier:]
        return next((at_s for at_s in totals_s if at_s >= press.edge_s), None)

    def is_forgotten(self, press: Press) -> bool:
        """Its agent was killed before the disk had it: nobody is owed a receipt of it."""
        killed = any(
            0 <= killed_s - press.edge_s <= ON_DISK_S for killed_s in self.killed_s[press.device_id]
        )
        return killed and press.press_id not in self.on_lamp.get(press.device_id, {})

    def is_too_young(self, press: Press) -> bool:
        """Nothing that survived had it yet: its agent was killed within 20 ms."""
        reached_somebody = press.published_on and self.agents_die_alone
        return not reached_somebody and any(
            0 <= killed_s - press.edge_s <= YOUNG_S for killed_s in self.killed_s[press.device_id]
        )

    def paged_s(self, number: str, alert_id: str) -> list[float]:
        """When this phone was asked to take this alert."""
        return [
            page.at_s for page in self.pages if (page.number, page.alert_id) == (number, alert_id)
        ]

    def faults_lived(self, alert_id: str) -> int:
        """How many faults there were while this alert waited for somebody."""
        first_s = min(
            (each[alert_id].first_s for each in self.shown.values() if alert_id in each),
            default=0.0,
        )
        ended_s = self.ended_s.get(alert_id, time.monotonic())
        # A fault may also have hit just before the alert's first frame.
        return sum(first_s - 30.0 <= at_s <= ended_s for at_s in self.faults_s)

    async def until(self, holds: Callable[[], object], *, timeout_s: float) -> bool:
        """Look at every change until it holds; False where it doesn't in this time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not holds():
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def touch(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _receipt(self, press_id: str, state: str) -> None:
        press = self.presses.get(press_id)
        if press is not None and press.receipted_s is None and state != "pressed":
            press.receipted_s = time.monotonic()

    def _place(self, notification: str) -> None:
        """A text names no alert; a screen that shows the message does."""
        if notification in self._alerts:
            alert_id = self._alerts[notification]
            asked = self._asked.pop(notification, [])
            self.pages += [Page(number, alert_id, at_s) for number, at_s in asked]

    def _show(self, screen: str, alert: Alert, now: float) -> None:
        for told in alert.notifications:
            self._alerts[told.notification_id] = alert.alert_id
            self._place(told.notification_id)
        shown = self.shown[screen].setdefault(
            alert.alert_id, Shown(alert.device_id, 0, now, alert.state)
        )
        shown.state = alert.state
        grown = alert.presses - shown.presses
        if grown > 0:
            shown.presses = alert.presses
            self._totals_s[screen, alert.device_id] += [now] * grown
