"""Drills: windows in which the presses of a site may be drills, and the buttons that know it.

A button that was just claimed has a window of its own, so that the press that proves it is none:
it waits for the button to come, and from then on lasts PROOF_MINUTES. Neither kind of window
blocks or ends the other.

In a walk test (walk_test.py) a button is told that the drill is over for it as soon as its one
press is stored.

A window is opened by somebody signed in, lasts an hour at most, and decides at the server
what is a drill; the button says so too only because it was told. A command can be lost on
its way, so it is given again whenever a button connects. Every replica gives it: the
numbers rise in the database, and the same command twice does nothing.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.errors import Invalid, NotFound, Refused, because
from tocsin_server.fleet import commands
from tocsin_server.fleet.directory import Device, Directory, DrillWindow, Entries
from tocsin_server.fleet.walk_test import finish_what_is_over, pressed_buttons
from tocsin_server.ports import Carrier, Show
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire.messages import CommandArguments, new_id, timestamp
from tocsin_wire.signing import SigningKey

MINUTES_MAX = 60  # wire contract, rule 8
PROOF_MINUTES = 5  # to close the enclosure, press, and have somebody acknowledge
TOGETHER_S = 0.1  # buttons that connect in one moment are told with one statement
AGAIN_S = 1.0
ENDED_EARLY_S = 2.0  # a window that closes by itself ends at the button by itself, too

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class DrillView(msgspec.Struct, frozen=True, kw_only=True):
    """An open drill window as screens show it."""

    drill_id: UUID
    site_id: UUID | None
    site: str | None
    device_id: str | None  # where it is this button's alone
    opened_by: str
    opened_at: str
    closes_at: str
    walk_test: bool  # only the first press of each button is a drill


class DrillsFrame(msgspec.Struct, frozen=True, tag="drills", tag_field="type"):
    """All open windows of a jurisdiction, as they go to its screens."""

    drills: list[DrillView]


async def open_drill(
    pool: asyncpg.Pool, *, jurisdiction: str, site_id: UUID, minutes: int, opened_by: str
) -> DrillView:
    """Open a window now. Raises Invalid, NotFound, Refused (one is open there), DATABASE_ERRORS.

    An open window is never made longer: an hour is the most, and who opened it is on record.
    """
    if not 1 <= minutes <= MINUTES_MAX:
        raise Invalid(f"a drill lasts 1 to {MINUTES_MAX} minutes, not {minutes}")
    row = await queries.open_drill(
        pool, jurisdiction=jurisdiction, site_id=site_id, minutes=minutes, opened_by=opened_by
    )
    if row is None:
        known = await queries.site_and_its_drill(pool, jurisdiction=jurisdiction, site_id=site_id)
        if known is None:
            raise NotFound("There is no such site in your jurisdiction.")
        if known["left_s"] is None:
            raise Refused(f"The drill at {known['name']} has just ended. Try again.")
        minutes_left = max(1, math.ceil(known["left_s"] / 60))
        raise Refused(
            f"A drill is open at {known['name']} for {minutes_left} more min, opened by"
            f" {known['opened_by']}. End it first, or wait."
        )
    log.warning("drill opened", site=row["site"], by=opened_by, minutes=minutes)
    return _view(row)


async def end_drill(pool: asyncpg.Pool, *, jurisdiction: str, drill_id: UUID, by: str) -> None:
    """End a window now; one that is over stays so. Raises Invalid, NotFound, DATABASE_ERRORS."""
    by = inputs.text("the name of who ends it", by)
    row = await queries.end_drill(pool, jurisdiction=jurisdiction, drill_id=drill_id, by=by)
    if not row["is_known"]:
        raise NotFound("There is no such drill in your jurisdiction.")
    log.warning("drill ended", drill_id=str(drill_id), by=by, walk_tests=row["walk_tests"])


async def open_proof(
    connection: asyncpg.Connection, *, jurisdiction: str, device_id: str, opened_by: str
) -> None:
    """Open a window for the press that proves this button, unless it is proven. DATABASE_ERRORS."""
    await queries.open_proof(
        connection,
        jurisdiction=jurisdiction,
        device_id=device_id,
        opened_by=opened_by,
        wait_minutes=MINUTES_MAX,
    )


@dataclass(frozen=True, slots=True)
class Begun:
    """The window that a button was told of; `again`: it may not know it any more."""

    drill_id: UUID
    closes_monotonic: float
    again: bool = False


@dataclass(frozen=True, slots=True)
class Orders:
    """Which buttons are to begin which window, and which are to end theirs early or forget it."""

    begin: Mapping[str, DrillWindow]
    end: Sequence[str]
    forget: Sequence[str]


def orders(
    entries: Entries, begun: Mapping[str, Begun], pressed: frozenset[str] = frozenset()
) -> Orders:
    """Compare the open windows with what the buttons were told.

    `pressed`: those that have had their press in a walk test.
    """
    wanted: dict[str, DrillWindow] = {}
    windows = _last_to_close(entries)
    for device in _concerned(entries, windows):
        window = _window_of(device, windows)
        is_done = window is not None and window.walk_test and device.device_id in pressed
        if window is not None and not is_done:
            wanted[device.device_id] = window
    gone = [name for name in begun if name not in wanted]
    end = [name for name in gone if _ended_early(begun[name])]
    return Orders(
        begin={
            name: window
            for name, window in wanted.items()
            if name not in begun or begun[name].again or begun[name].drill_id != window.drill_id
        },
        end=end,
        forget=[name for name in gone if name not in end],
    )


class Drills:
    """The drill windows as this replica's buttons and screens are told of them."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        key: SigningKey,
        brokers: Callable[[], Sequence[Carrier]],
        *,
        show: Show,
    ) -> None:
        self._database = database
        self._directory = directory
        self._key = key
        self._brokers = brokers
        self._show = show
        self._woken = asyncio.Event()
        self._begun: dict[str, Begun] = {}
        self._shown: dict[str, list[DrillView]] = {}
        self._synthetic: frozenset[UUID] = frozenset()
        self._looked_at = -math.inf
        directory.on_change(self._woken.set)
        database.on("tocsin_walk_test", lambda _: self._woken.set())

    def connected(self, device_id: str) -> None:
        """Note that a button has started or connected anew: what it was told may be lost."""
        begun = self._begun.get(device_id)
        if begun is not None:
            self._begun[device_id] = replace(begun, again=True)
        self._woken.set()

    def views(self, jurisdiction: str) -> list[DrillView]:
        """Give the windows that are open in a jurisdiction, but for a synthetic press's."""
        return [
            _view_of(each)
            for each in self._directory.entries.drills
            if each.jurisdiction == jurisdiction
            and each.left_s > 0
            and each.site_id not in self._synthetic
        ]

    async def run(self) -> None:
        """Tell buttons and screens what changes, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._next_close_s()):
                    await self._woken.wait()
            except TimeoutError:
                log.info("a drill window closed")
            await asyncio.sleep(TOGETHER_S)
            self._woken.clear()
            try:
                await self.turn()
            except DATABASE_ERRORS as error:
                log.warning("buttons are told of the drill later", because=because(error))
                self._woken.set()
                await asyncio.sleep(AGAIN_S)

    async def turn(self) -> None:
        """Show and command what changed. Raises DATABASE_ERRORS."""
        entries = self._directory.entries
        sites = [row["site_id"] async for row in queries.synthetic_sites(self._database.pool)]
        self._synthetic = frozenset(sites)
        self._looked_at = time.monotonic()
        self._show_changes(entries)
        walks = any(window.walk_test for window in entries.drills)
        pressed = await pressed_buttons(self._database.pool) if walks else frozenset[str]()
        due = orders(entries, self._begun, pressed)
        for name in due.forget:
            del self._begun[name]
        if due.end:
            for device, row in await self._numbers(due.end, entries):
                self._command(device, row, "drill_end", CommandArguments())
            for name in due.end:
                self._begun.pop(name, None)
        if due.begin:
            proving = [name for name, window in due.begin.items() if window.device_id is not None]
            if proving:
                await queries.begin_proofs(
                    self._database.pool, device_ids=proving, minutes=PROOF_MINUTES
                )
            for device, row in await self._numbers(list(due.begin), entries):
                window = due.begin[device.device_id]
                left_s = window.left_s
                if window.device_id is not None:
                    left_s = min(left_s, PROOF_MINUTES * 60.0)
                until_s = max(1, math.ceil(left_s))
                self._command(device, row, "drill_begin", CommandArguments(until_s=until_s))
                closes = time.monotonic() + left_s
                self._begun[device.device_id] = Begun(window.drill_id, closes)
        await finish_what_is_over(self._database.pool)

    async def _numbers(
        self, device_ids: Sequence[str], entries: Entries
    ) -> list[tuple[Device, asyncpg.Record]]:
        rows = queries.next_commands(self._database.pool, device_ids=sorted(device_ids))
        return [
            (entries.devices[row["device_id"]], row)
            async for row in rows
            if row["device_id"] in entries.devices
        ]

    def _command(
        self, device: Device, row: asyncpg.Record, name: str, args: CommandArguments
    ) -> None:
        commands.publish(
            self._brokers(),
            self._key,
            row,
            jurisdiction=device.jurisdiction,
            command_id=new_id(),
            name=name,
            args=args,
        )

    def _show_changes(self, entries: Entries) -> None:
        for jurisdiction in entries.jurisdictions:
            views = self.views(jurisdiction)
            if views != self._shown.get(jurisdiction, []):
                self._shown[jurisdiction] = views
                self._show(jurisdiction, msgspec.json.encode(DrillsFrame(views)))

    def _next_close_s(self) -> float | None:
        """Until the next window closes; at once where one has since it was shown to be open."""
        closes = [window.closes_monotonic for window in self._directory.entries.drills]
        next_one = min((at for at in closes if at > self._looked_at), default=None)
        return None if next_one is None else max(0.0, next_one - time.monotonic())


def _last_to_close(entries: Entries) -> dict[UUID | str | None, DrillWindow]:
    """Give the open windows by their site's or their button's id."""
    open_now = [window for window in entries.drills if window.left_s > 0]
    return {
        window.device_id or window.site_id: window
        for window in sorted(open_now, key=lambda window: window.closes_monotonic)
    }


def _concerned(
    entries: Entries, windows: Mapping[UUID | str | None, DrillWindow]
) -> Iterator[Device]:
    """Give the buttons that a window is of; 50,000 others need no look."""
    for window in windows.values():
        if window.site_id is not None:
            yield from entries.at_site.get(window.site_id, ())
        elif window.device_id in entries.devices:
            yield entries.devices[window.device_id]


def _window_of(
    device: Device, windows: Mapping[UUID | str | None, DrillWindow]
) -> DrillWindow | None:
    if not device.active:
        return None
    site_id = device.site.site_id if device.site is not None else None
    found = [windows[key] for key in (device.device_id, site_id) if key in windows]
    return max(found, key=lambda window: window.closes_monotonic, default=None)


def _ended_early(begun: Begun) -> bool:
    return begun.closes_monotonic - time.monotonic() > ENDED_EARLY_S


def _view(row: asyncpg.Record) -> DrillView:
    return DrillView(
        drill_id=row["drill_id"],
        site_id=row["site_id"],
        site=row["site"],
        device_id=None,
        opened_by=row["opened_by"],
        opened_at=timestamp(row["opened_at"]),
        closes_at=timestamp(row["closes_at"]),
        walk_test=False,
    )


def _view_of(window: DrillWindow) -> DrillView:
    return DrillView(
        drill_id=window.drill_id,
        site_id=window.site_id,
        site=window.site,
        device_id=window.device_id,
        opened_by=window.opened_by,
        opened_at=timestamp(window.opened_at),
        closes_at=timestamp(window.closes_at),
        walk_test=window.walk_test,
    )
