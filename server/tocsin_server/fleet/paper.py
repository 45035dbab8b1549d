"""Paper: a page to draw on, with fonts that travel with it.

Promise: the same content gives the same bytes. A text that is too long for its room is wrapped,
then made smaller, and at the smallest size it ends in an ellipsis: nothing leaves its room. What
the fonts lack is printed as LACKING, never as a blank, and the foot of that sheet says so: one name
in another script keeps nobody from the papers of all others.

All lengths are points (1/72 inch), measured from the top left corner of the sheet.
"""

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from tocsin_server.fleet.words import LANGUAGES, Language

MM = 72 / 25.4
FONTS = Path(__file__).with_name("fonts")
REGULAR, BOLD, MONO = "IBMPlexSans_400Regular", "IBMPlexSans_700Bold", "IBMPlexMono_600SemiBold"
LEADING = 1.2  # baseline to baseline, in sizes
ASCENT = 0.95  # of a line's first baseline below its top: capitals and their accents fit
SHRINKS = tuple(step / 100 for step in range(100, 45, -5))
ELLIPSIS = "…"
LACKING = "\N{REPLACEMENT CHARACTER}"
FOOT_X, FOOT_SIZE, FOOT_UP = 36.0, 6.0, 20.0  # in the margin of every sheet that we print

PaperName = Literal["letter", "a4"]


@dataclass(frozen=True, slots=True)
class Paper:
    """A sheet's size."""

    width: float
    height: float


PAPERS: dict[PaperName, Paper] = {
    "letter": Paper(width=8.5 * 72, height=11 * 72),
    "a4": Paper(width=210 * MM, height=297 * MM),
}


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph: its font, its size, and how much of the room it may take."""

    text: str
    size: float
    font: str = REGULAR
    lines_max: int = 2
    gap: float = 0.0  # above it


_FONTS = {name: TTFont(name, FONTS / f"{name}.ttf") for name in (REGULAR, BOLD, MONO)}
for _font in _FONTS.values():
    pdfmetrics.registerFont(_font)


def printable(text: str) -> str:
    """Give the text as the fonts have it, with LACKING for each character that they lack."""
    known = _FONTS[REGULAR].face.charToGlyph
    composed = unicodedata.normalize("NFC", text)
    return "".join(each if ord(each) in known else LACKING for each in composed)


def is_printable(text: str) -> bool:
    """Whether the fonts have all of it."""
    return LACKING not in printable(text)


def width_of(text: str, font: str, size: float) -> float:
    """Measure a line."""
    return float(pdfmetrics.stringWidth(text, font, size))


def wrap(text: str, *, font: str, size: float, width: float) -> list[str]:
    """Break into lines at spaces; a word wider than the room is broken anywhere."""
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if width_of(longer, font, size) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if width_of(lines[-1] + character, font, size) > width:
                lines.append("")
            lines[-1] += character
    return lines


def _has_broken_word(block: Block, *, size: float, width: float) -> bool:
    return any(width_of(word, block.font, size) > width for word in block.text.split())


class Sheets:
    """A document under way; `page` begins its next sheet."""

    def __init__(self, paper: Paper, *, title: str, language: Language) -> None:
        self.paper = paper
        self.count = 0
        self._foot = f"{LACKING}: {LANGUAGES[language].lacking}"
        self._is_lacking = False  # the sheet under way
        self._bytes = io.BytesIO()
        self._canvas = Canvas(
            self._bytes, pagesize=(paper.width, paper.height), invariant=1, lang=language
        )
        self._canvas.setTitle(title)

    def page(self) -> None:
        """Begin a sheet."""
        if self.count:
            self._end_page()
        self.count += 1

    def finish(self) -> bytes:
        """Give the PDF."""
        self._end_page()
        self._canvas.save()
        return self._bytes.getvalue()

    def _end_page(self) -> None:
        if self._is_lacking:
            self.text(FOOT_X, self.paper.height - FOOT_UP, self._foot, size=FOOT_SIZE)
            self._is_lacking = False
        self._canvas.showPage()

    def text(
        self, x: float, baseline: float, text: str, *, size: float, font: str = REGULAR,
        white: bool = False, right: bool = False,
    ) -> None:  # fmt: skip
        """Write one line from `x`, or up to it."""
        self._canvas.setFont(font, size)
        self._canvas.setFillGray(1 if white else 0)
        shown = printable(text)
        self._is_lacking |= LACKING in shown
        x -= width_of(shown, font, size) if right else 0
        self._canvas.drawString(x, self.paper.height - baseline, shown)

    def box(
        self, x: float, top: float, width: float, height: float, *, gray: float = 0,
        radius: float = 0,
    ) -> None:  # fmt: skip
        """Fill a rectangle."""
        self._canvas.setFillGray(gray)
        where = x, self.paper.height - top - height, width, height
        if radius:
            self._canvas.roundRect(*where, radius, stroke=0, fill=1)
        else:  # a sheet of QR codes has thousands, and four curves for each
            self._canvas.rect(*where, stroke=0, fill=1)

    def frame(self, x: float, top: float, width: float, height: float, *, line: float = 1) -> None:
        """Draw a rectangle's outline."""
        self._canvas.setLineWidth(line)
        self._canvas.rect(x, self.paper.height - top - height, width, height, stroke=1, fill=0)

    def rule(self, x: float, y: float, width: float, *, line: float = 0.5) -> None:
        """Draw a line across."""
        self._canvas.setLineWidth(line)
        self._canvas.line(x, self.paper.height - y, x + width, self.paper.height - y)

    def stack(
        self, x: float, top: float, width: float, height: float, blocks: Sequence[Block],
        *, white: bool = False,
    ) -> float:  # fmt: skip
        """Write paragraphs below each other, as large as they fit, and give where they end."""
        blocks = [
            Block(printable(each.text), each.size, each.font, each.lines_max, each.gap)
            for each in blocks
        ]
        scale = next((scale for scale in SHRINKS if _fits(blocks, scale, width, height)), None)
        lines = _laid_out(blocks, SHRINKS[-1] if scale is None else scale, width, height)
        for offset, size, font, text in lines:
            self.text(x, top + offset + ASCENT * size, text, size=size, font=font, white=white)
        last_offset, last_size, _, _ = lines[-1]
        return top + last_offset + LEADING * last_size


def _fits(blocks: Sequence[Block], scale: float, width: float, height: float) -> bool:
    used = 0.0
    for block in blocks:
        size = block.size * scale
        lines = wrap(block.text, font=block.font, size=size, width=width)
        if len(lines) > block.lines_max or _has_broken_word(block, size=size, width=width):
            return False
        used += block.gap * scale + len(lines) * LEADING * size
    return used <= height


def _laid_out(
    blocks: Sequence[Block], scale: float, width: float, height: float
) -> list[tuple[float, float, str, str]]:
    """Give each line's top, size, font and text; what doesn't fit ends in an ellipsis."""
    laid: list[tuple[float, float, str, str]] = []
    offset = 0.0
    for block in blocks:
        size = block.size * scale
        offset += block.gap * scale
        lines = wrap(block.text, font=block.font, size=size, width=width)
        kept = lines[: block.lines_max]
        if len(kept) < len(lines):
            kept[-1] = _shortened(kept[-1], font=block.font, size=size, width=width)
        for line in kept:
            if offset + LEADING * size > height + 0.01:
                break
            laid.append((offset, size, block.font, line))
            offset += LEADING * size
    return laid


def _shortened(line: str, *, font: str, size: float, width: float) -> str:
    while width_of(line + ELLIPSIS, font, size) > width:
        line = line[:-1]
    return line.rstrip() + ELLIPSIS
