"""Moved: notice that a button reaches the network elsewhere than where its place was confirmed.

Every heartbeat carries a keyed digest of that; each place has learned some, while a person
confirmed it. Another one on one button makes its place doubtful: a person has to look.
On all buttons of a site at once it is one notice about the site's network. It never says
in which room a button is, and a board that can't tell is never in doubt. What is decided
stands in the database, for all replicas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.errors import NotFound, Refused
from tocsin_server.fleet.directory import Device
from tocsin_server.fleet.oncall import Fault, Telling
from tocsin_server.storage.database import Database

# Long enough for a starting board's first LLDP frame (every 30 s, IEEE 802.1AB), for an old
# gateway to leave the ARP cache, and for a site's buttons to be back behind a new router.
TOGETHER_S = 60.0
AT_ONCE_MAX = 500  # buttons in one statement: a few milliseconds

Verdict = Literal["doubtful", "network"]
Says = Literal["nothing", "known", "strange", "network", "doubtful"]

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Seen:
    """A button of a site, as far as this decision goes.

    `says`: "nothing" where it isn't heard now or its board can't tell; "known" or "strange" by
    what its place has learned; else what was decided of it before. `for_s`: for how long it has
    been strange, or since it was decided. `unheard_s`: seconds since it was last heard before it
    became strange; None: nobody here heard it before.
    """

    device_id: str
    says: Says
    for_s: float = 0.0
    unheard_s: float | None = None


def judge(site: Sequence[Seen]) -> dict[str, Verdict]:
    """Decide of the buttons of one site that are strange for long enough what it means.

    All that can tell say something new: it is the network. One among others, or alone: it is
    doubtful. Who was away when the network changed, and comes back, belongs to that notice.
    """
    if not any(seen.says == "strange" and seen.for_s >= TOGETHER_S for seen in site):
        return {}
    strange = [seen for seen in site if seen.says == "strange"]
    notice_s = max((seen.for_s for seen in site if seen.says == "network"), default=None)
    if notice_s is not None:
        verdicts = {seen.device_id: _beside_a_notice(seen, notice_s) for seen in strange}
    elif len(strange) > 1 and not any(seen.says == "known" for seen in site):
        return {seen.device_id: "network" for seen in strange}
    else:
        verdicts = dict.fromkeys((seen.device_id for seen in strange), "doubtful")
    settled = {seen.device_id for seen in strange if seen.for_s >= TOGETHER_S}
    return {name: verdict for name, verdict in verdicts.items() if name in settled}


def _beside_a_notice(seen: Seen, notice_s: float) -> Verdict:
    was_away = seen.unheard_s is None or seen.unheard_s >= notice_s
    return "network" if was_away else "doubtful"


class Strange(msgspec.Struct, gc=False):
    """What a button says that its place doesn't know. Moments are of the monotonic clock."""

    device: Device
    digest: str
    since: float
    unheard: float | None  # when it was last heard before that
    verdict: Verdict | None = None
    at: datetime | None = None  # of the verdict
    asked: bool = False  # whether the place was asked to learn it


class Whereabouts:
    """The buttons that say something else than their places know; of all others nothing is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._strange: dict[str, Strange] = {}
        self._known_again: dict[str, None] = {}
        self._to_follow: dict[str, None] = {}  # doubtful ones that say yet another digest
        self._noticed: set[UUID] = set()  # sites whose notice this replica has told
        self.changed: dict[str, None] = {}  # whose verdict is another one than was shown

    def heard(
        self, device: Device, digest: str | None, *, now: float, unheard: float | None
    ) -> None:
        """Take what a heartbeat says. Nearly always two look-ups."""
        if digest is None:
            return
        if digest in device.digests:
            if device.device_id in self._strange:
                self.forget(device.device_id)
                self._known_again[device.device_id] = None
        elif device.place_confirmed_at is not None and device.site is not None:
            self._heard_strange(device, digest, now, unheard)

    def is_doubtful(self, device_id: str) -> bool:
        """Say whether an alert of this button must say so: at once, before it is decided."""
        strange = self._strange.get(device_id)
        return strange is not None and strange.verdict != "network" and bool(strange.device.digests)

    def verdict(self, device_id: str) -> Strange | None:
        """Give what was decided of a button; None: nothing."""
        strange = self._strange.get(device_id)
        return strange if strange is not None and strange.verdict is not None else None

    def adopt(self, device: Device) -> None:
        """Take a button as the directory has it now: a person may have confirmed its place."""
        strange = self._strange.get(device.device_id)
        if strange is None:
            return
        is_confirmed = device.place_confirmed_at is not None and device.site is not None
        if strange.digest in device.digests or not is_confirmed:
            self.forget(device.device_id)
        else:
            strange.device, strange.asked = device, False

    def forget(self, device_id: str) -> None:
        """Have nothing to say of a button: it is well, or gone."""
        strange = self._strange.pop(device_id, None)
        if strange is not None and strange.verdict is not None:
            self._to_follow.pop(device_id, None)
            self.changed[device_id] = None

    async def sync(self, now: float, devices: dict[str, Device]) -> None:
        """Keep what was heard, and read what all replicas decided. Raises DATABASE_ERRORS."""
        await self._keep()
        rows = {row["device_id"]: row async for row in queries.doubts(self._database.pool)}
        for name, strange in list(self._strange.items()):
            if strange.verdict is not None and name not in rows:
                self.forget(name)
        for name, row in rows.items():
            if name in devices and devices[name].active and name not in self._known_again:
                self._take(devices[name], row, now)

    def due(self, now: float) -> set[UUID]:
        """Name the sites of which something is to be decided."""
        return {
            strange.device.site.site_id
            for strange in self._strange.values()
            if strange.verdict is None
            and strange.device.site is not None
            and now - strange.since >= TOGETHER_S
        }

    def seen(self, device: Device, *, tells: bool, now: float) -> Seen:
        """Put a button as `judge` wants it. `tells`: it is heard now, with some digest."""
        strange = self._strange.get(device.device_id)
        if not tells:
            return Seen(device.device_id, "nothing")
        if strange is None:
            return Seen(device.device_id, "known")
        return Seen(
            device.device_id,
            strange.verdict or "strange",
            now - strange.since,
            None if strange.unheard is None else now - strange.unheard,
        )

    async def decide(self, seen: Sequence[Seen], now: float, devices: dict[str, Device]) -> None:
        """Decide of one site, and keep it. Raises DATABASE_ERRORS."""
        verdicts = judge(seen)
        if verdicts:
            log.info("buttons say another network", verdicts=verdicts)
            await self._doubt(verdicts)
            await self.sync(now, devices)

    def notices(self, now: float, *, quiet: set[UUID]) -> list[tuple[UUID, Telling]]:
        """Give the notices about whole sites that this replica has not told. `quiet`: not yet."""
        by_site: dict[UUID, list[Strange]] = {}
        for strange in self._strange.values():
            if strange.verdict == "network" and strange.device.site is not None:
                by_site.setdefault(strange.device.site.site_id, []).append(strange)
        self._noticed &= by_site.keys()
        return [
            (site_id, _notice(group, now))
            for site_id, group in by_site.items()
            if site_id not in self._noticed and site_id not in quiet
        ]

    def noticed(self, site_id: UUID) -> None:
        """Note that a site's notice was told."""
        self._noticed.add(site_id)

    def _heard_strange(
        self, device: Device, digest: str, now: float, unheard: float | None
    ) -> None:
        strange = self._strange.get(device.device_id)
        if strange is None or (strange.verdict == "network" and strange.digest != digest):
            self.forget(device.device_id)
            self._strange[device.device_id] = Strange(device, digest, now, unheard)
        elif strange.digest != digest:
            # Strange all the while: who roams between two unknown access points is doubtful too.
            strange.digest, strange.asked = digest, False
            if strange.verdict == "doubtful":
                self._to_follow[device.device_id] = None

    async def _keep(self) -> None:
        if self._known_again:
            names = sorted(self._known_again)
            await queries.known_again(self._database.pool, device_ids=names)
            for name in names:
                self._known_again.pop(name, None)
        if self._to_follow:
            await self._doubt(dict.fromkeys(self._to_follow, "doubtful"))
            self._to_follow.clear()

    async def learn(self) -> None:
        """Have places learn what is new of them, if they still do. Raises DATABASE_ERRORS."""
        new = [name for name, strange in self._strange.items() if not strange.asked]
        for first in range(0, len(new), AT_ONCE_MAX):
            asked = {name: self._strange.get(name) for name in new[first : first + AT_ONCE_MAX]}
            said = {name: strange for name, strange in asked.items() if strange is not None}
            await queries.learn(
                self._database.pool,
                device_ids=list(said),
                digests=[strange.digest for strange in said.values()],
            )
            for strange in said.values():
                strange.asked = True

    async def _doubt(self, verdicts: dict[str, Verdict]) -> None:
        said = [(n, self._strange[n].digest, v) for n, v in verdicts.items() if n in self._strange]
        await queries.doubt(
            self._database.pool,
            device_ids=[name for name, _, _ in said],
            digests=[digest for _, digest, _ in said],
            verdicts=[verdict for _, _, verdict in said],
        )

    def _take(self, device: Device, row: asyncpg.Record, now: float) -> None:
        strange = self._strange.get(device.device_id)
        if strange is None:
            strange = Strange(device, row["digest"], now, None, asked=True)
            self._strange[device.device_id] = strange
        elif strange.verdict is None and strange.digest != row["digest"]:
            if row["verdict"] == "network":
                return  # of what it said before; what it says now is decided anew
            self._to_follow[device.device_id] = None
        if strange.verdict != row["verdict"]:
            strange.since = now - row["age_s"]
            strange.verdict, strange.at = row["verdict"], row["at"]
            self.changed[device.device_id] = None


def _notice(group: Sequence[Strange], now: float) -> Telling:
    device = group[0].device
    site = device.site
    name = site.name if site else "a site"
    age_s = max(now - strange.since for strange in group)
    return Telling(
        device.jurisdiction,
        (Fault(f"site {site.site_id if site else ''} network", age_s),),
        f"Tocsin: The network at {name} changed, for {len(group)} buttons at once: was the router"
        " or switch replaced? If so, confirm it once:"
        f' tocsin site network-confirm "{name}" --by NAME. If not, the buttons may have been moved'
        " together: walk there and look.",
    )


class NetworkConfirmed(msgspec.Struct, frozen=True, kw_only=True):
    """A site whose changed network somebody knows of."""

    site: str
    buttons: int
    confirmed_by: str


async def confirm_network(
    pool: asyncpg.Pool, *, jurisdiction: str, site_id: UUID, confirmed_by: str
) -> NetworkConfirmed:
    """Learn what the buttons of a site say since its network changed, by one person's word.

    Raises Invalid, NotFound, Refused (nothing is to be confirmed), DATABASE_ERRORS.
    """
    by = inputs.text("the name of who confirms it", confirmed_by)
    row = await queries.confirm_network(
        pool, jurisdiction=jurisdiction, site_id=site_id, confirmed_by=by
    )
    if row is None:
        raise NotFound("There is no such site in your jurisdiction.")
    if not row["buttons"]:
        raise Refused(
            f"No change of the network at {row['site']} waits to be confirmed. A single button that"
            " may have been moved is confirmed by itself: tocsin device place."
        )
    log.warning("network confirmed", site=row["site"], by=by, buttons=row["buttons"])
    return NetworkConfirmed(site=row["site"], buttons=row["buttons"], confirmed_by=by)
