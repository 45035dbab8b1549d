"""Walk tests: somebody goes round a site, presses each button once, and sees each press answered.

Promise: the first press of each button is a test, whichever replica hears it, and the second is
real (wire contract, rule 8). A button is proven by a person who acknowledged its press, and by
nothing else. All of it is in the database: a server that restarts, and a second person at the same
site, go on where it stands.

A walk test is a drill window of its site. Its tests page nobody at first: whoever pressed stands
there and answers. One that nobody has answered after ten minutes climbs as a drill does
(alert/lifecycle.py): somebody may have pressed it who knows of no test. It ends after an hour at
most; then, whoever ended it, the tests that were acknowledged are closed as tests, and which
buttons there were is written down. A test that nobody has acknowledged stays open on every screen
until somebody does.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.errors import Invalid, NotFound, Refused

MINUTES_MAX = 60  # wire contract, rule 8

# `withdrawn`: the dispatchers took the press for real. That it doesn't count is told, and nothing
# else of it (people/sight.py). `closed`: without being acknowledged.
WalkState = Literal["not_pressed", "pressed", "proven", "closed", "withdrawn"]

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class WalkButton(msgspec.Struct, frozen=True, kw_only=True):
    """A button of a walk test, and what became of its press. Milliseconds are from the press."""

    device_id: str
    building: str | None
    floor: str | None
    room: str | None
    spot: str | None
    state: WalkState
    condition: str | None  # 'never_heard', 'ok' or 'lost'; at the end, once it is over
    firmware: str | None
    alert_id: UUID | None
    pressed_at: datetime | None
    received_at: datetime | None
    stored_ms: int | None  # until it was on the server, safe on its disk
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_ms: int | None
    closed_by: str | None

    @property
    def place(self) -> str:
        """Say where it is in one line; a button without a place goes by its name."""
        known = (self.building, self.floor, self.room, self.spot)
        return ", ".join(filter(None, known)) or self.device_id


class WalkTest(msgspec.Struct, frozen=True, kw_only=True):
    """A site's walk test, open or over; the buttons by their places."""

    walk_test_id: UUID
    site_id: UUID
    site: str
    time_zone: str
    is_open: bool
    opened_by: str
    opened_at: datetime
    closes_at: datetime  # or when it ended
    ended_by: str | None  # null: it is open, or its time was over
    buttons: list[WalkButton]

    def in_state(self, *states: WalkState) -> list[WalkButton]:
        """Give the buttons that stand so."""
        return [button for button in self.buttons if button.state in states]


class WalkTestStarted(msgspec.Struct, frozen=True, kw_only=True):
    """The site's walk test. `joined`: somebody else had begun it, and it goes on."""

    joined: bool
    walk_test: WalkTest


async def start_walk_test(
    pool: asyncpg.Pool, *, jurisdiction: str, site_id: UUID, minutes: int, by: str
) -> WalkTestStarted:
    """Start one, or join the one that is open. Invalid, NotFound, Refused (a drill is open)."""
    if not 1 <= minutes <= MINUTES_MAX:
        raise Invalid(f"a walk test lasts 1 to {MINUTES_MAX} minutes, not {minutes}")
    by = inputs.text("the name of who goes round", by)
    row = await queries.start_walk_test(
        pool, jurisdiction=jurisdiction, site_id=site_id, minutes=minutes, by=by
    )
    if row["drill_by"] is not None:
        minutes_left = max(1, math.ceil(row["drill_left_s"] / 60))
        raise Refused(
            f"A drill is open there for {minutes_left} more min, opened by {row['drill_by']}:"
            " every press in it is a drill. End it first, or wait."
        )
    walk_test = await held_walk_test(pool, jurisdiction=jurisdiction, site_id=site_id)
    log.warning("walk test", site=walk_test.site, by=by, joined=row["joined"])
    return WalkTestStarted(joined=row["joined"], walk_test=walk_test)


async def end_walk_test(
    pool: asyncpg.Pool, *, jurisdiction: str, site_id: UUID, by: str
) -> WalkTest:
    """End a site's walk test and close its answered tests; safe to repeat. Raises NotFound."""
    by = inputs.text("the name of who ends it", by)
    await queries.end_walk_test(pool, jurisdiction=jurisdiction, site_id=site_id, by=by)
    walk_test = await held_walk_test(pool, jurisdiction=jurisdiction, site_id=site_id)
    log.warning("walk test ended", site=walk_test.site, by=by)
    return walk_test


async def finish_what_is_over(pool: asyncpg.Pool) -> None:
    """Finish the walk tests whose time is over. Raises DATABASE_ERRORS."""
    while row := await queries.finish_next(pool):
        log.warning("walk test ended by time", site=row["site"])


async def pressed_buttons(pool: asyncpg.Pool) -> frozenset[str]:
    """Give the buttons whose next press is real, although a walk test is open."""
    return frozenset([row["device_id"] async for row in queries.pressed(pool)])


async def read_walk_test(
    connection: asyncpg.Pool | asyncpg.Connection, *, jurisdiction: str, site_id: UUID
) -> WalkTest | None:
    """Give a site's newest walk test; None where there was none. Raises NotFound (no such site)."""
    row = await queries.newest(connection, jurisdiction=jurisdiction, site_id=site_id)
    if row is None:
        raise NotFound("There is no such site in your jurisdiction.")
    if row["drill_id"] is None:
        return None
    buttons = [
        _button(each) async for each in queries.buttons(connection, drill_id=row["drill_id"])
    ]
    return WalkTest(
        walk_test_id=row["drill_id"],
        site_id=row["site_id"],
        site=row["site"],
        time_zone=row["time_zone"],
        is_open=row["is_open"],
        opened_by=row["opened_by"],
        opened_at=row["opened_at"],
        closes_at=row["closes_at"],
        ended_by=row["ended_by"],
        buttons=in_order(buttons),
    )


async def held_walk_test(
    connection: asyncpg.Pool | asyncpg.Connection, *, jurisdiction: str, site_id: UUID
) -> WalkTest:
    """Give a site's newest walk test. Raises NotFound, also where there was none."""
    walk_test = await read_walk_test(connection, jurisdiction=jurisdiction, site_id=site_id)
    if walk_test is None:
        raise NotFound("No walk test was held at this site yet: start one first.")
    return walk_test


def in_order(buttons: Sequence[WalkButton]) -> list[WalkButton]:
    """Sort by place as people count: table 2 before table 10."""
    return sorted(buttons, key=lambda button: (_counted(button.place), button.device_id))


def _counted(text: str) -> list[tuple[int, str]]:
    parts: list[tuple[int, str]] = []
    for word in text.casefold().replace(",", " ").split():
        is_number = word.isascii() and word.isdigit()
        parts.append((int(word), "") if is_number else (-1, word))
    return parts


def _button(row: asyncpg.Record) -> WalkButton:
    """Read a button. What the dispatchers took for real is nothing that this tells of."""
    state = _state(row)
    told = state in {"pressed", "proven", "closed"}
    proven = state == "proven"
    return WalkButton(
        device_id=row["device_id"],
        building=row["building"],
        floor=row["floor"],
        room=row["room"],
        spot=row["spot"],
        state=state,
        condition=row["condition"],
        firmware=row["firmware"],
        alert_id=row["alert_id"] if told else None,
        pressed_at=row["pressed_at"] if told else None,
        received_at=row["received_at"] if told else None,
        stored_ms=_ms(row["pressed_at"], row["stored_at"]) if told else None,
        acknowledged_at=row["acknowledged_at"] if proven else None,
        acknowledged_by=row["acknowledged_by"] if proven else None,
        acknowledged_ms=_ms(row["pressed_at"], row["acknowledged_at"]) if proven else None,
        closed_by=row["resolved_by"] if state == "closed" else None,
    )


def _state(row: asyncpg.Record) -> WalkState:
    if not row["is_pressed"]:
        return "not_pressed"
    if not row["drill"]:
        return "withdrawn"
    if row["is_acknowledged"]:
        return "proven"
    return "pressed" if row["resolved_at"] is None else "closed"


def _ms(since: datetime, until: datetime) -> int:
    return round((until - since).total_seconds() * 1000)
