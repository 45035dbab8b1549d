"""What a fault is, and the register of them all: each is one row of the table, and runs alone.

A fault is a class of one module in MODULES, entered with `@row`. It says on what stand it acts,
how it begins and ends, and what it may cost. The harness (`row.py`) presses before, under and
after it, hits in the middle of a press, and lets the oracle judge:

    @row("kill-agent")
    class KillAgent(Fault):
        name = "kill -9 of the agent"
        recovery_s_max = 2.0

        async def inject(self): ...  # self.stand is what it breaks, self.chance what it draws from
        async def end(self): ...

`end` returns at the moment from which recovery counts: of a killed process, when it is ready again.
"""

import importlib
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import ClassVar

from tests.faults.stand import Arrangement, Stand
from tests.parts import Screen
from tocsin_server.demo.virtual_button import VirtualButton

# Where faults are; another module of faults is one more name here.
MODULES = (
    "processes",
    "disks",
    "clocks",
    "lossy_broker",
    "network",
    "edges",
    "rabbitmq",
    "failover",
)

ROWS: dict[str, "type[Fault]"] = {}


@dataclass(frozen=True, slots=True)
class Probe:
    """A new press of this button must come onto this screen once the fault is over."""

    button: VirtualButton
    screen: Screen


class Fault(ABC):
    """One way to break something. A row makes one, and injects it again and again."""

    stand: Stand  # given before `arrange`
    chance: random.Random
    name: ClassVar[str]
    arrangement: Arrangement = Arrangement()
    # How long the harness lets it stand between `inject` and `end`.
    lasts_s: float = 0.0
    takes_s: ClassVar[float] = 0.0  # what `inject` itself waits for: it stands so much longer
    # Whether a press can be without a receipt at the moment it hits.
    catches: ClassVar[bool] = True
    # From its end until a new press is on a screen.
    recovery_s_max: ClassVar[float] = 5.0
    # From any press made around it until it is on a screen of `unharmed`, stored or NOT YET
    # STORED; None: may wait for the fault's end.
    shown_s_max: ClassVar[float | None] = None
    # Later than its time an alert may be told to tier 1, and to tier 2 where `climbs`.
    told_late_s_max: ClassVar[float | None] = None
    climbs: ClassVar[bool] = False  # nobody answers before tier 2 has been told

    async def arrange(self) -> None:  # noqa: B027 (may be empty)
        """Change what the stand is made of, before anything starts: URLs, prefixes, the DSN.

        What is opened here goes onto `stand.stack`.
        """

    async def prepare(self) -> None:  # noqa: B027 (may be empty)
        """Do once what needs the running stand, before anybody presses."""

    def before(self) -> None:  # noqa: B027 (may be empty)
        """Choose what is hit, just before people press."""

    @abstractmethod
    async def inject(self) -> None:
        """Break it, at this moment. What takes time to set up belongs into `arrange`."""

    @abstractmethod
    async def end(self) -> None:
        """Make it whole again; return when what was broken is ready."""

    async def end_one_by_one(self) -> AsyncIterator[Probe]:
        """End it, and give each probe as soon as its press can be made.

        For faults that hit several parts, of which the first is ready before the last.
        """
        await self.end()
        for probe in self.probes():
            yield probe

    def probes(self) -> list[Probe]:
        """Whose presses show that it is over; by default any button's, on any screen."""
        return [Probe(self.chance.choice(self.stand.buttons), self.any_screen())]

    def any_screen(self) -> Screen:
        return self.chance.choice(list(self.stand.screens.values()))

    def concerns(self, device_id: str) -> bool:  # noqa: ARG002 (some faults concern every button)
        """Whether a press of this button is caught by it, being without a receipt when it hits."""
        return True

    def unharmed(self) -> list[str]:
        """The replicas whose screens must show presses in time while it stands."""
        return list(self.stand.screens)


def row(slug: str) -> Callable[[type[Fault]], type[Fault]]:
    """Enter a fault into the register, under the name that `--only` takes."""

    def enter(fault: type[Fault]) -> type[Fault]:
        if slug in ROWS:
            raise ValueError(f"two faults are called {slug}")
        ROWS[slug] = fault
        return fault

    return enter


def every() -> dict[str, type[Fault]]:
    """All faults of all modules, in the order in which they were entered."""
    for module in MODULES:
        importlib.import_module(f"tests.faults.{module}")
    return ROWS
