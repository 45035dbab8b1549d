"""Links: all brokers at which this button stands, and how it comes to stand at others.

Promise: new addresses are tried beside the old ones, which stay until a pulse that a server signed
has come by way of each new one. Where none has within TRIAL_S the old ones stay for good: a slip
of the pen loses no button. One that stood at new addresses, and hears no server there for
FALLBACK_S, or has a press without a receipt for UNRECEIPTED_S, stands at those of its `button.toml`
as well, until the new ones bring a pulse again.

An old and a new address may be the same broker's, which then puts out one connection of a button
for the other: while the new one stands, the old one is not opened again in a hurry.
"""

import asyncio
from collections.abc import Callable, Iterator

import msgspec
import structlog

from tocsin_button import clock, reconfigured
from tocsin_button.config import Broker, Config
from tocsin_button.link import Identity, Link, Listener, TlsFiles
from tocsin_button.reconfigured import Kept, Refuse, State, Taken, Try
from tocsin_wire import signing
from tocsin_wire.messages import Reconfigure

TRIAL_S = 120.0  # twelve pulses of each server
TAKEN_OVER_S = 25.0  # two pulses and a half
FALLBACK_S = 300.0
UNRECEIPTED_S = 15.0  # then the lamp says to call 911
FAREWELL_S = 0.7

log = structlog.get_logger()


class Links:
    """Every link of this button. Nothing happens until `start`."""

    def __init__(
        self,
        config: Config,
        *,
        identity: Identity,
        listener: Listener,
        tls: TlsFiles | None,
        changed: Callable[[], None],
        trial_s: float = TRIAL_S,
    ) -> None:
        """`changed` is called when another command was taken up, or something became of it."""
        self._config, self._identity, self._listener, self._tls = config, identity, listener, tls
        self._changed, self._trial_s = changed, trial_s
        self._keys = reconfigured.command_keys(config)
        self._taken: Taken | None = reconfigured.read(config)
        self._named, self._in_force = config.as_named().brokers, config.brokers
        self._wanted: tuple[Broker, ...] = ()  # as long as they are tried
        self._unproved: list[Broker] = []  # of these
        self._proved = asyncio.Event()
        self._pulsed_s = clock.now_s()  # by way of one that is in force
        self._fell_back_s: float | None = None
        self._trial: asyncio.Task[None] | None = None
        self._tasks: dict[Link, asyncio.Task[None]] = {}
        self._all = [self._new(broker) for broker in config.brokers]

    def __iter__(self) -> Iterator[Link]:
        """Give each link."""
        return iter(self._all)

    @property
    def number(self) -> int | None:
        """Of the command that was taken up last."""
        return None if self._taken is None else self._taken.number

    @property
    def state(self) -> State | None:
        """What became of it."""
        return None if self._taken is None else self._taken.kept.state

    @property
    def adopted(self) -> bool | None:
        """Say whether it was adopted; None while it is tried."""
        return None if self.state in {None, "trying"} else self.state == "adopted"

    def start(self, group: asyncio.TaskGroup) -> None:
        """Connect; go on with a trial that was cut off."""
        self._group = group
        for link in self._all:
            self._tasks[link] = group.create_task(link.run())
        taken = self._taken
        if taken is not None and taken.kept.state == "trying" and taken.wanted is not None:
            self._begin(taken, taken.wanted)

    async def end(self) -> None:
        """Leave every broker politely. A trial goes on in the next run."""
        if self._trial is not None:
            self._trial.cancel()
        await asyncio.gather(*(link.farewell(within_s=FAREWELL_S) for link in self._all))
        for task in self._tasks.values():
            task.cancel()

    def hear(self, body: bytes) -> None:
        """Take a Reconfigure. Raises WireError where the offline key did not sign it."""
        said = signing.verify(body, Reconfigure, self._keys)
        if said.number == self.number:
            return  # servers say it until a heartbeat tells that it is known
        match reconfigured.judge(said, self._config, number=self.number or -1):
            case Refuse(because):
                log.warning("other brokers refused", number=said.number, because=because)
            case Try() if self._wanted or self._tls is None:
                log.warning("other brokers are not tried now", number=said.number)
            case Try(brokers):
                self._begin(Taken(self._kept(body.decode()), said.number), brokers)

    def pulsed(self, link: Link) -> None:
        """A server was heard by way of this link."""
        if _is_of(link, self._in_force):
            self._pulsed_s = clock.now_s()
        if _is_of(link, self._wanted):
            self._unproved = [each for each in self._unproved if not _same(link.broker, each)]
            if not self._unproved:
                self._proved.set()

    def went_down(self, link: Link) -> None:
        """Let a broker that knows the button by its new address have one connection of it."""
        first = self._wanted or (() if self._fell_back_s is None else self._in_force)
        firsts = [each for each in self._all if _is_of(each, first)]
        if _is_of(link, self._wanted):
            if not any(each.is_up for each in firsts):
                self.unreceipted()
        elif link not in firsts and any(each.is_up or each.is_coming for each in firsts):
            link.rest(TAKEN_OVER_S)

    def unreceipted(self) -> None:
        """No receipt came for a press, or the last new address is lost: let no link rest."""
        for link in self._all if self._wanted or self._fell_back_s is not None else ():
            if not link.is_up:
                link.hurry()

    def look(self, now_s: float, *, unreceipted_s: float = 0.0) -> None:
        """Where other brokers are of no use, stand at those of the file as well, until they are.

        `unreceipted_s`: for how long a press has had no receipt.
        """
        if self._wanted or self._in_force == self._named:
            return
        lost = now_s - self._pulsed_s >= FALLBACK_S or unreceipted_s >= UNRECEIPTED_S
        if lost and self._fell_back_s is None:
            self._fell_back_s = now_s
            self._open(self._named)
        elif not lost and self._fell_back_s is not None and self._pulsed_s > self._fell_back_s:
            self._fell_back_s = None
            others = [link for link in self._all if not _is_of(link, self._in_force)]
            self._group.create_task(self._leave(others))

    def _kept(self, jws: str) -> Kept:
        """Begin what is to be kept; what was adopted before stays, unless the file was edited."""
        named, last = self._named, self._taken
        before = last.kept.adopted if last is not None and last.kept.instead_of == named else None
        return Kept(jws=jws, state="trying", instead_of=named, adopted=before)

    def _begin(self, taken: Taken, brokers: tuple[Broker, ...]) -> None:
        self._wanted = brokers
        standing = [link.broker for link in self._all if link.is_up]
        self._unproved = [each for each in brokers if not any(_same(each, b) for b in standing)]
        self._proved.clear()
        self._trial = self._group.create_task(self._try(taken))

    async def _try(self, taken: Taken) -> None:
        """Take it up for good, before anything is done; then try it."""
        if await self._keep(taken):
            urls = [broker.url for broker in self._wanted]
            log.warning("other brokers are tried", number=taken.number, brokers=urls)
            before = list(self._all)
            self._open(self._wanted)
            try:
                async with asyncio.timeout(self._trial_s):
                    await self._proved.wait()
            except TimeoutError:
                await self._become(taken, "given_up", staying=before)
            else:
                wanted = [link for link in self._all if _is_of(link, self._wanted)]
                await self._become(taken, "adopted", staying=wanted)
        self._wanted = ()

    async def _become(self, taken: Taken, state: State, *, staying: list[Link]) -> None:
        log.warning("other brokers", number=taken.number, state=state)
        kept = msgspec.structs.replace(taken.kept, state=state)
        if state == "adopted":
            kept = msgspec.structs.replace(kept, adopted=kept.jws)
        is_kept = await self._keep(Taken(kept, taken.number))
        if is_kept and state == "adopted":
            self._in_force, self._pulsed_s, self._fell_back_s = self._wanted, clock.now_s(), None
        if is_kept or state == "given_up":
            await self._leave([link for link in self._all if link not in staying])

    async def _keep(self, taken: Taken) -> bool:
        try:
            await asyncio.to_thread(reconfigured.keep, self._config.state_path, taken.kept)
        except OSError as error:
            log.error("other brokers: it can't be kept", because=str(error))
            return False
        self._taken = taken
        self._changed()
        return True

    def _open(self, brokers: tuple[Broker, ...]) -> None:
        """Stand at these as well."""
        connection = max(link.connection for link in self._all)
        for broker in brokers:
            if not any(_same(link.broker, broker) for link in self._all):
                link = self._new(broker)
                # It may be a broker that counts connections under another address already.
                link.connection = connection
                self._all = [*self._all, link]
                self._tasks[link] = self._group.create_task(link.run())

    async def _leave(self, links: list[Link]) -> None:
        self._all = [link for link in self._all if link not in links]
        await asyncio.gather(*(link.farewell(within_s=FAREWELL_S) for link in links))
        for link in links:
            self._tasks.pop(link).cancel()
        last = max((link.connection for link in links), default=0)
        for link in self._all:
            if not link.is_up:  # it may have made room for one of them
                link.connection = max(link.connection, last)
                link.hurry()

    def _new(self, broker: Broker) -> Link:
        return Link(
            broker=broker,
            identity=self._identity,
            listener=self._listener,
            tls=self._tls,
            clock_synced=clock.clock_synced,
            proxy=self._config.proxy,
        )


def _is_of(link: Link, brokers: tuple[Broker, ...]) -> bool:
    return any(_same(link.broker, broker) for broker in brokers)


def _same(one: Broker, other: Broker) -> bool:
    """Say whether a link to one is a link to the other: the same nodes, in the same manner."""
    ours, theirs = ((b.url, set(b.other_nodes), b.persistent) for b in (one, other))
    return ours == theirs
