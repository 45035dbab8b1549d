"""Faults of processes: killed, stopped for 20 s, ended in order; alone, together, and at random."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator

from tests.faults.fault import Fault, Probe, row
from tests.faults.stand import Arrangement, Part
from tests.parts import WAIT_S, Server
from tocsin_server.demo.virtual_button import VirtualButton

STOPPED_S = 20.0
AGENTS_LEFT = 2  # all others at once: a kill catches only what its own button sent
RESUMED_EVERY_S = 0.1
CLIMB_S = 4.0  # tier 1's patience, where tier 2 must be told in time
CLIMBING = (CLIMB_S, 600.0, 600.0)
NOTICED_S_MAX = 1.0  # by whom a fault doesn't concern
NOT_STORED_S_MAX = 2.0  # until a press is shown as such
TOLD_LATE_S_MAX = 6.0  # a lease of 5 s, and a look
HANDED_OVER_S_MAX = 1.0
TERMINATED_S_MAX = 10.0


class OfParts(Fault):
    """A fault that hits some parts each time."""

    hit: list[Part]

    @abstractmethod
    def choose(self) -> list[Part]:
        """Which ones, this time."""

    def before(self) -> None:
        self.hit = self.choose()


class Kill(OfParts):
    """SIGKILL, and started again at once."""

    async def inject(self) -> None:
        await asyncio.gather(*[part.kill() for part in self.hit])

    async def end(self) -> None:
        await asyncio.gather(*[part.start() for part in self.hit])


class Stop(OfParts):
    """SIGSTOP for 20 s: a machine that hangs, a disk that does not answer."""

    lasts_s = STOPPED_S

    async def inject(self) -> None:
        for part in self.hit:
            part.pause()

    async def end(self) -> None:
        for part in self.hit:
            part.resume()


class OfAgents(OfParts):
    """Several agents at once; each must come onto a screen again."""

    recovery_s_max = 2.0
    victims: list[VirtualButton]

    def choose(self) -> list[Part]:
        buttons = self.stand.buttons
        self.victims = self.chance.sample(buttons, max(1, len(buttons) - AGENTS_LEFT))
        return [self.stand.agent_part(button) for button in self.victims]

    def probes(self) -> list[Probe]:
        return [Probe(button, self.any_screen()) for button in self.victims]

    def concerns(self, device_id: str) -> bool:
        return any(button.device_id == device_id for button in self.victims)


class OfOneBroker(OfParts):
    """One of two brokers; a button that knows no other shows when it is back."""

    arrangement = Arrangement(single_homed=True)
    recovery_s_max = 3.0
    shown_s_max = NOTICED_S_MAX
    victim: int

    def choose(self) -> list[Part]:
        self.victim = self.chance.randrange(len(self.stand.brokers))
        return [self.stand.broker_part(self.victim)]

    def probes(self) -> list[Probe]:
        return [
            Probe(
                self.stand.singles[self.victim],
                self.any_screen(),
            )
        ]


class OfTheOnlyBroker(OfParts):
    """The only broker: nothing gets through until it is back."""

    arrangement = Arrangement(brokers=1)

    def choose(self) -> list[Part]:
        return [self.stand.broker_part(0)]


class OfAReplica(OfParts):
    """One of two replicas; its own screen shows when it is back, the other's notices nothing."""

    arrangement = Arrangement(patience_s=CLIMBING)
    recovery_s_max = 2.0
    shown_s_max = NOTICED_S_MAX
    told_late_s_max = TOLD_LATE_S_MAX
    climbs = True
    victim: Server

    def choose(self) -> list[Part]:
        n = self.chance.randrange(len(self.stand.servers))
        self.victim = self.stand.servers[n]
        return [self.stand.replica_part(n)]

    def probes(self) -> list[Probe]:
        return [
            Probe(
                self.chance.choice(self.stand.buttons), self.stand.screens[self.victim.replica_id]
            )
        ]

    def unharmed(self) -> list[str]:
        return [name for name in self.stand.screens if name != self.victim.replica_id]


class OfTheOnlyReplica(OfParts):
    """The only replica."""

    arrangement = Arrangement(replicas=1)
    recovery_s_max = 2.0

    def choose(self) -> list[Part]:
        return [self.stand.replica_part(0)]


class OfPostgres(OfParts):
    """The database: what is pressed meanwhile is on screens as NOT YET STORED."""

    shown_s_max = NOT_STORED_S_MAX

    def choose(self) -> list[Part]:
        return [self.stand.postgres_part()]


@row("kill-agent")
class KillAgent(OfAgents, Kill):
    """Half of the time every replica is stopped, so that no receipt can have come."""

    name = "kill -9 of the agent (all but two)"
    deaf: bool

    def before(self) -> None:
        super().before()
        self.deaf = self.chance.random() < 0.5
        if self.deaf:
            for part in self.replicas():
                part.pause()

    def replicas(self) -> list[Part]:
        return [self.stand.replica_part(n) for n in range(len(self.stand.servers))]

    async def end_one_by_one(self) -> AsyncIterator[Probe]:
        """Each counts from when it is ready itself; the others are still starting."""
        probe_of = dict(zip(self.hit, self.probes(), strict=True))
        if self.deaf:
            for part in self.replicas():
                part.resume()

        async def start(part: Part) -> Probe:
            await part.start()
            return probe_of[part]

        for started in asyncio.as_completed([start(part) for part in self.hit]):
            yield await started


@row("stop-agent")
class StopAgent(OfAgents, Stop):
    """They wake one after the other: forty on two processors would measure the processors."""

    name = "SIGSTOP of the agent for 20 s (all but two)"

    async def end_one_by_one(self) -> AsyncIterator[Probe]:
        for part, probe in zip(self.hit, self.probes(), strict=True):
            part.resume()
            yield probe
            await asyncio.sleep(RESUMED_EVERY_S)


@row("kill-broker")
class KillOneBroker(OfOneBroker, Kill):
    name = "kill -9 of one of two brokers"


@row("stop-broker")
class StopOneBroker(OfOneBroker, Stop):
    name = "SIGSTOP of one of two brokers for 20 s"


@row("kill-only-broker")
class KillTheOnlyBroker(OfTheOnlyBroker, Kill):
    name = "kill -9 of the only broker"


@row("stop-only-broker")
class StopTheOnlyBroker(OfTheOnlyBroker, Stop):
    name = "SIGSTOP of the only broker for 20 s"


@row("kill-replica")
class KillAReplica(OfAReplica, Kill):
    name = "kill -9 of one of two replicas"


@row("stop-replica")
class StopAReplica(OfAReplica, Stop):
    name = "SIGSTOP of one of two replicas for 20 s"


@row("kill-only-replica")
class KillTheOnlyReplica(OfTheOnlyReplica, Kill):
    name = "kill -9 of the only replica"


@row("stop-only-replica")
class StopTheOnlyReplica(OfTheOnlyReplica, Stop):
    name = "SIGSTOP of the only replica for 20 s"


@row("kill-postgres")
class KillPostgres(OfPostgres, Kill):
    name = "kill -9 of PostgreSQL"


@row("stop-postgres")
class StopPostgres(OfPostgres, Stop):
    name = "SIGSTOP of PostgreSQL for 20 s"


@row("end-replica")
class EndAReplica(OfAReplica):
    """SIGTERM, as a rolling upgrade sends it: it hands over and is gone within 10 s."""

    name = "SIGTERM of one of two replicas"
    asked_s: float

    async def inject(self) -> None:
        """Once its screens are cut off, it has let go of the brokers, too."""
        self.asked_s = time.monotonic()
        self.victim.ask_to_end()
        screen = self.stand.screens[self.victim.replica_id]
        await screen.until(lambda screen: not screen.live)
        took_s = self.stand.machine.took_s(self.asked_s, time.monotonic())
        if took_s > HANDED_OVER_S_MAX:
            self.stand.findings.append(f"asked to end, it went on working for {took_s:.2f} s")

    async def end(self) -> None:
        async with asyncio.timeout(WAIT_S):
            code = await self.victim.exited()
        took_s = time.monotonic() - self.asked_s
        if code != 0 or took_s > TERMINATED_S_MAX:
            self.stand.findings.append(
                f"asked to end, it was gone after {took_s:.1f} s, with {code}"
            )
        await self.victim.start()


@row("kill-everything")
class KillEverything(Kill):
    """A power cut of the whole site; all that is on no disk is gone."""

    name = "kill -9 and restart of everything at once"
    arrangement = Arrangement(buttons=12)

    def choose(self) -> list[Part]:
        self.stand.ledger.agents_die_alone = False
        return [
            *self.stand.house_parts(),
            *[self.stand.agent_part(button) for button in self.stand.buttons],
        ]


@row("mixture")
class Mixture(Fault):
    """One to three parts of any kind at once, killed or stopped, for up to 6 s."""

    name = "a random mixture of kill -9 and SIGSTOP"
    parts_max = 3
    lasts_s_max = 6.0
    killed: list[Part]
    stopped: list[Part]

    def before(self) -> None:
        self.stand.ledger.agents_die_alone = False
        parts = [
            *self.stand.house_parts(),
            *[
                self.stand.agent_part(button)
                for button in self.chance.sample(self.stand.buttons, 3)
            ],
        ]
        self.killed, self.stopped = [], []
        for part in self.chance.sample(parts, self.chance.randint(1, self.parts_max)):
            self.chance.choice([self.killed, self.stopped]).append(part)
        self.lasts_s = self.chance.choice([0.0, self.chance.uniform(0, self.lasts_s_max)])

    async def inject(self) -> None:
        for part in self.stopped:
            part.pause()
        await asyncio.gather(*[part.kill() for part in self.killed])

    async def end(self) -> None:
        for part in self.stopped:
            part.resume()
        await asyncio.gather(*[part.start() for part in self.killed])
