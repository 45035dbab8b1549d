"""Labels: a sheet of stickers, one for each button, for the underside of its box.

Promise: every label stays within its sticker, whatever a site is called. It says what a caretaker
needs and nothing that tells a visitor what the box is.

The QR code holds the device id as plain text: there is no page yet that an address could open.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import segno

from tocsin_server.errors import Invalid
from tocsin_server.fleet.paper import BOLD, MM, MONO, PAPERS, Block, PaperName, Sheets, width_of
from tocsin_server.fleet.printed import PrintedButton, telephone
from tocsin_server.fleet.words import LANGUAGES, Language, Words

INSET = 3.2 * MM  # printers feed a sheet up to 2 mm off
QR_MODULE = 1.0 * MM  # a phone reads half of that; under a counter it is dark
QUIET_MODULES = 4  # ISO/IEC 18004, 6.3.8
SEAM = 0.1  # rows overlap by so much, or a screen shows a hairline between them
ID_SIZE = 13.0
FOOT_SIZE = 7.5


@dataclass(frozen=True, slots=True)
class Stock:
    """Where the stickers are on a sheet; lengths in points."""

    name: str
    left: float
    top: float
    width: float
    height: float
    column_pitch: float
    columns: int = 2
    rows: int = 5

    @property
    def per_sheet(self) -> int:
        """Give how many stickers a sheet has."""
        return self.columns * self.rows

    def corner(self, n: int) -> tuple[float, float]:
        """Give the top left corner of a sheet's n-th sticker, counted from 0 along the rows."""
        row, column = divmod(n, self.columns)
        return self.left + column * self.column_pitch, self.top + row * self.height


STOCKS: dict[PaperName, Stock] = {
    # 2 by 4 inches: 5/32 inch at the sides, 3/16 between the columns, half an inch above.
    "letter": Stock("Avery 5163", 11.25, 36.0, 288.0, 144.0, 301.5),
    "a4": Stock("Avery L7173", 4.65 * MM, 6.0 * MM, 99.1 * MM, 57.0 * MM, 101.6 * MM),
}


@dataclass(frozen=True, slots=True)
class Labels:
    """The PDF, and what a person at the printer wants to know of it."""

    pdf: bytes
    labels: int
    sheets: int
    stock: str


def print_labels(
    buttons: Sequence[PrintedButton], *, paper: PaperName, language: Language, skip: int = 0
) -> Labels:
    """Lay out one label each; the first `skip` stickers of the first sheet are used up.

    Raises Invalid (`skip` leaves none; a character no font has).
    """
    stock = STOCKS[paper]
    check_skip(stock, skip)
    words = LANGUAGES[language]
    sheets = Sheets(PAPERS[paper], title=words.labels_title, language=language)
    for n, button in enumerate(buttons, start=skip):
        if n == skip or n % stock.per_sheet == 0:
            sheets.page()
        _draw(sheets, button, stock.corner(n % stock.per_sheet), stock, words)
    return Labels(sheets.finish(), len(buttons), sheets.count, stock.name)


def check_skip(stock: Stock, skip: int) -> None:
    """Make sure that the first sheet has a sticker left. Raises Invalid."""
    if not 0 <= skip < stock.per_sheet:
        raise Invalid(
            f"--skip {skip}: a sheet has {stock.per_sheet} labels, so write 0 to"
            f" {stock.per_sheet - 1}"
        )


def _draw(
    sheets: Sheets,
    button: PrintedButton,
    corner: tuple[float, float],
    stock: Stock,
    words: Words,
) -> None:
    left, top = corner[0] + INSET, corner[1] + INSET
    right, bottom = corner[0] + stock.width - INSET, corner[1] + stock.height - INSET
    side = draw_qr(sheets, qr_of(button.device_id), right, top)
    id_baseline = bottom - FOOT_SIZE - 9
    _draw_id(sheets, button.device_id, left, id_baseline)
    foot = words.label_foot.format(
        number=telephone(button.on_call_number) if button.on_call_number else "_" * 18
    )
    sheets.stack(left, bottom - FOOT_SIZE - 2, right - left, 9.5, [Block(foot, FOOT_SIZE)])
    width = right - left - side - QUIET_MODULES * QR_MODULE
    height = id_baseline - ID_SIZE - top
    sheets.stack(left, top, width, height, _place(button, words))


def _place(button: PrintedButton, words: Words) -> list[Block]:
    if button.site is None:
        return [
            Block(f"{what}: " + "_" * 20, 13, gap=gap)
            for what, gap in ((words.site, 4), (words.room, 14), (words.spot, 14))
        ]
    within = ", ".join(
        filter(None, (button.building, button.floor and f"{words.floor} {button.floor}"))
    )
    lines = [
        Block(button.site, 10),
        Block(button.room or f"{words.room}: {'_' * 12}", 25, BOLD, gap=2),
        Block(button.spot or "", 15, gap=1),
        Block(within, 9.5, gap=2),
    ]
    return [each for each in lines if each.text]


def _draw_id(sheets: Sheets, device_id: str, x: float, baseline: float) -> None:
    """The id, its groups set apart by a gap and by no character: copied, it is the id."""
    prefix, rest = device_id.split("-")
    for group in (f"{prefix}-", rest[:5], rest[5:]):
        sheets.text(x, baseline, group, size=ID_SIZE, font=MONO)
        x += width_of(group, MONO, ID_SIZE) + 0.35 * ID_SIZE


def qr_of(device_id: str) -> segno.QRCode:
    """Encode an id; its 14 bytes fill the smallest code that bears 15 % of dirt."""
    return segno.make_qr(device_id, error="m", boost_error=False)


def draw_qr(
    sheets: Sheets, code: segno.QRCode, right: float, top: float, *, module: float = QR_MODULE
) -> float:
    """Draw it with its corner there, and give its side; the sticker's margin adds to its quiet."""
    rows = [*code.matrix]
    side = len(rows) * module
    quiet = max(0.0, QUIET_MODULES * module - INSET)
    for y, row in enumerate(rows):
        for start, length in _runs(row):
            sheets.box(
                right - quiet - side + start * module, top + quiet + y * module,
                length * module, module + SEAM,
            )  # fmt: skip
    return side + quiet


def _runs(row: Sequence[int]) -> list[tuple[int, int]]:
    """Give where dark modules begin and how many follow: one box has no hairline within it."""
    runs: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == x:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif dark:
            runs.append((x, 1))
    return runs
