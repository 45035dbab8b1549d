"""The report of a walk test, for the file: a PDF to sign, and the same as CSV.

Promise: what is not proven stands first, and every button that was there is in it. It names the
head of the record as of the last thing that happened in the test, so that the same report can be
written again, and checked against the record on any later day (`tocsin verify --as-of`).

Refused: to call a button proven that nobody has acknowledged.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from tocsin_server.fleet.paper import (
    BOLD,
    MM,
    MONO,
    PAPERS,
    REGULAR,
    Block,
    PaperName,
    Sheets,
)
from tocsin_server.fleet.printed import PrintedOffice, read_office
from tocsin_server.fleet.sheet import Column, write_csv
from tocsin_server.fleet.walk_test import WalkButton, WalkTest, held_walk_test, queries
from tocsin_server.fleet.words import LANGUAGES, Language, Words
from tocsin_server.record import head_as_of

MARGIN = 16 * MM
ROW_HEIGHT = 25.0
HEADING_HEIGHT = 36.0  # of a part of the list, with its columns' names
CLOSING_HEIGHT = 205.0  # the record and the lines to sign on
SPLITS = (0.0, 0.42, 0.545, 0.68, 0.895)  # where columns begin, in widths of the table

COLUMNS = (
    *(Column(name) for name in ("site", "building", "floor", "room", "spot", "button", "result")),
    *(Column(name) for name in ("pressed_at", "received_at")),
    Column("on_server_ms", is_number=True),
    *(Column(name) for name in ("acknowledged_at", "acknowledged_by")),
    Column("acknowledged_ms", is_number=True),
    *(Column(name) for name in ("closed_by", "firmware", "condition", "alert_id")),
    *(Column(name) for name in ("started_at", "started_by", "ended_at", "ended_by")),
    *(Column(name) for name in ("record_as_of", "record_head")),
)


class WalkReport(msgspec.Struct, frozen=True, kw_only=True):
    """A walk test as it is filed, with the head of the jurisdiction's record as of then."""

    office: PrintedOffice
    walk_test: WalkTest
    as_of: datetime
    head: str


async def read_walk_report(pool: asyncpg.Pool, *, jurisdiction: str, site_id: UUID) -> WalkReport:
    """Read the newest walk test of a site, as of one moment. Raises NotFound."""
    office = await read_office(pool, jurisdiction=jurisdiction)
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        walk_test = await held_walk_test(connection, jurisdiction=jurisdiction, site_id=site_id)
        as_of = await queries.last_event_at(connection, drill_id=walk_test.walk_test_id)
        head = await head_as_of(connection, jurisdiction=jurisdiction, as_of=as_of)
    return WalkReport(office=office, walk_test=walk_test, as_of=as_of, head=head)


def file_name(report: WalkReport, form: str) -> str:
    """Name the file, as a folder of such files is sorted: by site and day."""
    zone = ZoneInfo(report.walk_test.time_zone)
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in report.walk_test.site)
    site = "-".join(filter(None, kept.lower().split("-"))) or "site"
    return f"walk-test-{site}-{report.walk_test.opened_at.astimezone(zone):%Y-%m-%d}.{form}"


def write_walk_csv(report: WalkReport) -> str:
    """Write a row for each button; times are UTC with milliseconds."""
    test = report.walk_test
    same = {
        "site": test.site,
        "started_at": _utc(test.opened_at),
        "started_by": test.opened_by,
        "ended_at": "" if test.is_open else _utc(test.closes_at),
        "ended_by": test.ended_by,
        "record_as_of": exact(report.as_of),
        "record_head": report.head,
    }
    rows = [{**_cells(button), **same} for button in test.buttons]
    return write_csv(COLUMNS, [{name: cell or "" for name, cell in row.items()} for row in rows])


def _cells(button: WalkButton) -> dict[str, str | None]:
    return {
        "building": button.building,
        "floor": button.floor,
        "room": button.room,
        "spot": button.spot,
        "button": button.device_id,
        "result": button.state.replace("_", " "),
        "pressed_at": _utc(button.pressed_at),
        "received_at": _utc(button.received_at),
        "on_server_ms": _number(button.stored_ms),
        "acknowledged_at": _utc(button.acknowledged_at),
        "acknowledged_by": button.acknowledged_by,
        "acknowledged_ms": _number(button.acknowledged_ms),
        "closed_by": button.closed_by,
        "firmware": button.firmware,
        "condition": button.condition,
        "alert_id": str(button.alert_id) if button.alert_id else None,
    }


def print_walk_report(
    report: WalkReport, *, today: date, paper: PaperName, language: Language
) -> bytes:
    """Draw it. Raises Invalid (a character no font has)."""
    words = LANGUAGES[language]

    def drawn(pages: int) -> "_Drawing":
        sheets = Sheets(PAPERS[paper], title=words.walk.title, language=language)
        drawing = _Drawing(report, sheets, words, pages)
        drawing.draw(words.printed.format(date=today.isoformat()))
        return drawing

    return drawn(drawn(0).sheets.count).sheets.finish()


class _Drawing:
    """A report under way, top to bottom; `pages` is how many there will be."""

    def __init__(self, report: WalkReport, sheets: Sheets, words: Words, pages: int) -> None:
        self.sheets = sheets
        self._report = report
        self._test = report.walk_test
        self._words = words.walk
        self._pages = pages
        self._floor = words.floor
        self._zone = ZoneInfo(report.walk_test.time_zone)
        self._width = sheets.paper.width - 2 * MARGIN
        self._foot = sheets.paper.height - MARGIN - 14
        self._y = 0.0

    def draw(self, printed: str) -> None:
        self._page()
        self._head(printed)
        proven = self._test.in_state("proven")
        others = [button for button in self._test.buttons if button.state != "proven"]
        self._list(self._words.not_proven, others)
        self._list(self._words.proven, proven)
        self._closing()

    def _page(self) -> None:
        self.sheets.page()
        self._y = MARGIN
        number = self._words.page.format(page=self.sheets.count, pages=self._pages)
        right, bottom = self.sheets.paper.width - MARGIN, self.sheets.paper.height - MARGIN
        self.sheets.text(right, bottom, number, size=8.5, right=True)
        site = Block(f"{self._test.site}, {self._clock(self._test.opened_at, day=True)}", 8.5)
        self.sheets.stack(MARGIN, bottom - 9, 0.8 * self._width, 12, [site])

    def _head(self, printed: str) -> None:
        words, test = self._words, self._test
        all_, proven = len(test.buttons), len(test.in_state("proven"))
        result = words.all_proven if proven == all_ else words.some_proven
        began = words.started.format(at=self._clock(test.opened_at, day=True), by=test.opened_by)
        self._y = self.sheets.stack(
            MARGIN, self._y, self._width, 150,
            [
                Block(words.title, 21, BOLD, 1),
                Block(test.site, 15, BOLD, gap=3),
                Block(f"{self._report.office.name}. {printed}", 10, gap=1),
                Block(
                    result.format(proven=proven, all=all_) if all_ else words.nothing_there,
                    17, BOLD, gap=9,
                ),
                Block(f"{began}; {self._ended()}.", 10, lines_max=3, gap=1),
            ],
        ) + 6  # fmt: skip

    def _ended(self) -> str:
        words, test = self._words, self._test
        at = self._clock(self._report.as_of if test.is_open else test.closes_at)
        if test.is_open:
            return words.still_open.format(at=at)
        if test.ended_by is None:
            return words.ended_by_time.format(at=at)
        return words.ended.format(at=at, by=test.ended_by)

    def _list(self, heading: str, buttons: Sequence[WalkButton]) -> None:
        if not buttons:
            return
        begun = False
        for button in buttons:
            needed = ROW_HEIGHT + (0.0 if begun else HEADING_HEIGHT)
            if self._y + needed > self._foot:
                self._page()
                begun = False
            if not begun:
                self._columns(f"{heading} ({len(buttons)})")
                begun = True
            self._row(button)

    def _columns(self, heading: str) -> None:
        words = self._words
        self.sheets.text(MARGIN, self._y + 16, heading, size=12, font=BOLD)
        names = (words.button, words.pressed, words.on_server, words.acknowledged, words.after)
        for n, name in enumerate(names):
            self._cell(n, self._y + 20, [Block(name, 8, lines_max=1)])
        self._y += HEADING_HEIGHT - 3
        self.sheets.rule(MARGIN, self._y, self._width, line=1.2)

    def _row(self, button: WalkButton) -> None:
        floor = f"{self._floor} {button.floor}" if button.floor else None
        around = (button.building, floor, button.device_id, button.firmware)
        place = ", ".join(filter(None, (button.room, button.spot))) or button.device_id
        self._cell(0, self._y + 1.5, [Block(place, 10, BOLD, 1)])
        named = Block(" · ".join(filter(None, around)), 7.5, REGULAR, 1)
        self._cell(0, self._y + 14, [named], height=10)
        if button.state == "proven":
            self._times(button)
            at = Block(self._clock(button.acknowledged_at), 9.5, lines_max=1)
            self._cell(3, self._y + 1.5, [at])
            by = Block(button.acknowledged_by or "", 7.5, lines_max=1)
            self._cell(3, self._y + 14, [by], height=10)
            self._cell(4, self._y + 1.5, [Block(_after(button.acknowledged_ms), 9.5, lines_max=1)])
        elif button.state in {"pressed", "closed"}:
            self._times(button)
            self._cell(3, self._y + 1.5, [Block(self._why(button), 9, BOLD)], last=4)
        else:
            self._cell(1, self._y + 1.5, [Block(self._why(button), 9, BOLD)], last=4)
        self._y += ROW_HEIGHT
        self.sheets.rule(MARGIN, self._y, self._width)

    def _times(self, button: WalkButton) -> None:
        self._cell(1, self._y + 1.5, [Block(self._clock(button.pressed_at), 9.5, lines_max=1)])
        took = f"{button.stored_ms:,} ms" if button.stored_ms is not None else "-"
        self._cell(2, self._y + 1.5, [Block(took, 9.5, lines_max=1)])

    def _why(self, button: WalkButton) -> str:
        words = self._words
        match button.state:
            case "not_pressed":
                return words.not_pressed if button.condition == "ok" else words.not_connected
            case "closed":
                return words.closed.format(by=button.closed_by)
            case "withdrawn":
                return words.withdrawn
            case _:
                return words.not_acknowledged

    def _cell(
        self, n: int, top: float, blocks: Sequence[Block], *, last: int | None = None,
        height: float = ROW_HEIGHT - 2,
    ) -> None:  # fmt: skip
        """Write into a column, or from it to the `last`."""
        begins = MARGIN + SPLITS[n] * self._width
        ends = (*SPLITS, 1.0)[(n if last is None else last) + 1]
        width = ends * self._width + MARGIN - begins - 6
        self.sheets.stack(begins, top, width, height, blocks)

    def _closing(self) -> None:
        words, report = self._words, self._report
        if self._y + CLOSING_HEIGHT > self._foot:
            self._page()
        zone = self._test.time_zone
        command = f"tocsin verify --as-of {exact(report.as_of)} --head {report.head}"
        self.sheets.stack(
            MARGIN, self._y + 8, self._width, CLOSING_HEIGHT - 80,
            [
                Block(words.times.format(zone=zone), 8.5, lines_max=5),
                Block(words.record, 11, BOLD, 1, gap=7),
                Block(words.as_of.format(at=exact(report.as_of)), 8.5, gap=1),
                Block(report.head, 9, MONO, 1),
                Block(f"{words.check}:", 8.5, gap=2),
                Block(command, 7.5, MONO),
            ],
        )  # fmt: skip
        self._sign(words.walked_by, self._foot - 56)
        self._sign(words.checked_by, self._foot - 18)

    def _sign(self, who: str, y: float) -> None:
        words = self._words
        self.sheets.text(MARGIN, y - 3, who, size=10, font=BOLD)
        for x, width, name in (
            (MARGIN + 0.27 * self._width, 0.45 * self._width, words.name_and_signature),
            (MARGIN + self._width - 0.24 * self._width, 0.24 * self._width, words.date),
        ):
            self.sheets.rule(x, y, width, line=0.8)
            self.sheets.text(x, y + 9, name, size=7.5)

    def _clock(self, at: datetime | None, *, day: bool = False) -> str:
        if at is None:
            return ""
        local = at.astimezone(self._zone)
        return f"{local:%Y-%m-%d %H:%M:%S}" if day else f"{local:%H:%M:%S}"


def exact(at: datetime) -> str:
    """Write a moment to the microsecond, as the record has it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _utc(at: datetime | None) -> str:
    if at is None:
        return ""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(ms: int | None) -> str | None:
    return None if ms is None else str(ms)


def _after(ms: int | None) -> str:
    """Say how long a person took."""
    if ms is None:
        return "-"
    minutes, seconds = divmod(round(ms / 1000), 60)
    return f"{minutes}:{seconds:02} min" if minutes else f"{ms / 1000:.1f} s"
