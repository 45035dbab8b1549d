"""Faults of wall clocks: of the buttons by a day, of the database's host by an hour, either way.

CLOCK_REALTIME of these processes alone is moved (`tests/stepped_clock.py`). It is what a late NTP
answer does to a board, or somebody's hand to a host. The clock steps back when the fault ends, so
both ways are taken each time. Judged besides: how old the screens say a
press is, and when the second tier is told.

Not judged: the age of an alert that was open when the database's own clock stepped. Its times were
written by that clock, and the screens reckon by it.
"""

import time
from abc import abstractmethod
from pathlib import Path

from tests import parts
from tests.faults.fault import Fault, row
from tests.faults.ledger import Press
from tests.faults.processes import CLIMB_S, CLIMBING, NOTICED_S_MAX, TOLD_LATE_S_MAX
from tests.faults.row import ORDINARY_S, SECOND_TIER
from tests.faults.stand import Arrangement
from tests.parts import Alert, Screen
from tests.stepped_clock import SteppedClock

HOUR_S = 3600
DAY_S = 24 * HOUR_S
STEPPED_S = 8.0  # longer than tier 1's patience, so that a frozen climb shows
AGE_OFF_S_MAX = 1.0


class OfAClock(Fault):
    """A clock that steps, and steps back."""

    arrangement = Arrangement(patience_s=CLIMBING)
    lasts_s = STEPPED_S
    catches = True
    shown_s_max = NOTICED_S_MAX
    recovery_s_max = 2.0
    told_late_s_max = TOLD_LATE_S_MAX
    climbs = True
    by_s: int
    clock: SteppedClock
    pages_judged = 0

    def file(self) -> Path:
        return self.stand.deployment.folder.with_name("clock")

    def before(self) -> None:
        self._judge_climbs()

    async def inject(self) -> None:
        self.clock.step(self.by_s)

    async def end(self) -> None:
        if not self.stepped():
            self.stand.findings.append("the clock did not step")
        self._judge_ages()
        self._judge_climbs()
        self.clock.step(0)

    @abstractmethod
    def stepped(self) -> bool:
        """Whether the screens show that it did."""

    def _judge_ages(self) -> None:
        """Of every alert that began since the step."""
        for screen in self.stand.screens.values():
            for alert in screen.alerts.values():
                off_s = self._age_off_s(screen, alert)
                if off_s is not None and abs(off_s) > AGE_OFF_S_MAX:
                    self.stand.findings.append(
                        f"{alert.alert_id} is shown {off_s:.1f} s older than it is"
                    )

    def _age_off_s(self, screen: Screen, alert: Alert) -> float | None:
        """Of one whose presses were all made since the step; None: of another."""
        ledger = self.stand.ledger
        presses = ledger.of_device[alert.device_id][-alert.presses :]
        if alert.state != "open" or len(presses) < alert.presses:
            return None
        first: Press = presses[0]
        if first.edge_s < ledger.faults_s[-1]:
            return None
        return screen.age_s(alert) - (time.monotonic() - first.edge_s)

    def _judge_climbs(self) -> None:
        """Nobody of the second tier is told before the first had its time."""
        ledger = self.stand.ledger
        pages, self.pages_judged = ledger.pages[self.pages_judged :], len(ledger.pages)
        for page in pages:
            first_s = min(
                shown[page.alert_id].first_s
                for shown in ledger.shown.values()
                if page.alert_id in shown
            )
            early_s = first_s + CLIMB_S - page.at_s
            if page.number == SECOND_TIER and early_s > ORDINARY_S:
                self.stand.findings.append(f"{page.alert_id} climbed {early_s:.1f} s early")


class OfTheButtons(OfAClock):
    """The buttons', all of them; an alert says that its button's clock is wrong."""

    async def arrange(self) -> None:
        self.clock = SteppedClock(self.file())
        self.stand.button_environment = self.clock.environment

    def stepped(self) -> bool:
        return any(
            "clock is wrong" in remark
            for alert in self.any_screen().alerts.values()
            for remark in alert.remarks
        )


class OfTheDatabase(OfAClock):
    """The database's, which is the only one that servers and screens go by."""

    async def arrange(self) -> None:
        """A server of its own, whose clock is not this machine's."""
        stand = self.stand
        self.clock = SteppedClock(self.file())
        postgres = await stand.stack.enter_async_context(
            parts.own_postgres(
                stand.deployment.folder.with_name("clocked"), environment=self.clock.environment
            )
        )
        stand.database = await stand.stack.enter_async_context(
            parts.fresh_database(postgres, parts.EXAMPLE)
        )
        stand.dsn = stand.database.dsn

    def stepped(self) -> bool:
        right_s = time.time() - time.monotonic()
        return all(
            abs(screen.clock_ahead_s - right_s - self.by_s) < AGE_OFF_S_MAX
            for screen in self.stand.screens.values()
        )


@row("button-clock-ahead")
class ButtonClockAhead(OfTheButtons):
    name = "the buttons' wall clock +1 day, and back"
    by_s = DAY_S


@row("button-clock-behind")
class ButtonClockBehind(OfTheButtons):
    name = "the buttons' wall clock -1 day, and back"
    by_s = -DAY_S


@row("database-clock-ahead")
class DatabaseClockAhead(OfTheDatabase):
    name = "the wall clock of the database's host +1 hour, and back"
    by_s = HOUR_S


@row("database-clock-behind")
class DatabaseClockBehind(OfTheDatabase):
    name = "the wall clock of the database's host -1 hour, and back"
    by_s = -HOUR_S
