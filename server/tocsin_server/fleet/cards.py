"""Cards: what hangs beside a button where only the worker reads it, one sheet each.

Promise: the drawn lamps are the button's own patterns, to scale (a test compares them with the
button's code), and the sheet names the room and the address that a caller has to read out. What
isn't known is a line to write on.
"""

from collections.abc import Sequence

from tocsin_server.fleet.paper import BOLD, MM, PAPERS, REGULAR, Block, PaperName, Sheets, width_of
from tocsin_server.fleet.printed import PrintedButton, telephone
from tocsin_server.fleet.words import LANGUAGES, LampState, Language, Words

MARGIN = 14 * MM
STRIP_S = 5.1  # as long as one SOS, the longest pattern
STRIP_WIDTH = 52 * MM
STRIP_HEIGHT = 4.6 * MM
LOOKS_WIDTH = 58 * MM
MEANS_WIDTH = 58 * MM
ROW_HEIGHT = 33.0
WRITE_HERE = "_" * 30

_DOTS = ((0.15, True), (0.15, False)) * 3
_DASHES = ((0.45, True), (0.15, False)) * 3

# Seconds and whether the lamp is lit, over and over; a pattern without an end fills the strip.
STRIPS: dict[LampState, tuple[tuple[float, bool], ...]] = {
    LampState.ARMED: ((STRIP_S, False),),
    LampState.PRESSED: ((0.125, True), (0.125, False)),
    LampState.SOS: (*_DOTS, (0.3, False), *_DASHES, (0.3, False), *_DOTS, (0.9, False)),
    LampState.STORED: ((1.0, True), (1.0, False)),
    LampState.ACKNOWLEDGED: ((STRIP_S, True),),
    LampState.RESPONDING: ((0.15, True), (0.15, False), (0.15, True), (1.05, False)),
    LampState.FAULT: ((0.1, True), (1.9, False)),
    LampState.IDENTIFY: ((0.5, True), (0.1, False), (0.1, True), (0.1, False)),
    LampState.DRILL: ((3.0, False), (1.0, True)),  # of a lamp that is off
}


def lit_spans(state: LampState) -> list[tuple[float, float]]:
    """Give when the lamp is lit on its strip: from and to, in seconds."""
    spans: list[tuple[float, float]] = []
    at_s = 0.0
    while at_s < STRIP_S - 1e-9:
        for seconds, lit in STRIPS[state]:
            end_s = min(at_s + seconds, STRIP_S)
            if lit and end_s - at_s > 1e-9:
                spans.append((at_s, end_s))
            at_s = at_s + seconds
    return spans


def print_cards(buttons: Sequence[PrintedButton], *, paper: PaperName, language: Language) -> bytes:
    """Draw a sheet for each button. Raises Invalid (a character no font has)."""
    words = LANGUAGES[language]
    sheets = Sheets(PAPERS[paper], title=words.card_title, language=language)
    for button in buttons:
        sheets.page()
        _draw(sheets, button, words)
    return sheets.finish()


def _draw(sheets: Sheets, button: PrintedButton, words: Words) -> None:
    width = sheets.paper.width - 2 * MARGIN
    y = MARGIN
    sheets.box(MARGIN, y, width, 46)
    sheets.stack(MARGIN + 12, y + 2, width - 24, 40, [Block(words.card_title, 31, BOLD, 1)],
                 white=True)  # fmt: skip
    y = sheets.stack(
        MARGIN, y + 54, width, 112,
        [
            Block(words.press, 20, BOLD, 1),
            Block(f"{words.press_rest} {words.again}", 11.5, gap=1),
            Block(words.call, 12.5, BOLD, 3, gap=4),
        ],
    )  # fmt: skip
    y = _draw_where(sheets, button, y + 8, words)
    y = _draw_lamps(sheets, y + 9, words)
    y = sheets.stack(
        MARGIN, y + 8, width, 70,
        [
            Block(words.call_title, 14, BOLD, 1),
            *(Block(f"• {each}", 11) for each in words.call_when),
        ],
    )  # fmt: skip
    sheets.stack(
        MARGIN, y + 6, width, 60,
        [Block(each, 10) for each in (words.mistake, words.drill, words.moved)],
    )  # fmt: skip
    foot = sheets.paper.height - MARGIN
    sheets.text(MARGIN, foot, words.unlisted, size=8.5)
    sheets.text(MARGIN + width, foot, button.device_id, size=8.5, right=True)


def _draw_where(sheets: Sheets, button: PrintedButton, top: float, words: Words) -> float:
    """The box that a caller reads out, and its lower edge."""
    width, height = sheets.paper.width - 2 * MARGIN, 106.0
    sheets.frame(MARGIN, top, width, height, line=2)
    room = button.room or f"{words.room}: {WRITE_HERE}"
    within = (button.floor and f"{words.floor} {button.floor}", button.building, button.spot)
    facilities = telephone(button.on_call_number) if button.on_call_number else WRITE_HERE
    blocks = [
        Block(words.here, 10.5),
        Block(button.address or f"{words.address}: {WRITE_HERE}", 19, BOLD),
        Block(room, 17, BOLD),
        Block(button.site or "", 13, BOLD),
        Block(", ".join(filter(None, within)), 12),
        Block(f"{words.facilities}: {facilities}", 10.5, lines_max=1, gap=2),
    ]
    sheets.stack(MARGIN + 10, top + 3, width - 20, height - 10, [b for b in blocks if b.text])
    return top + height


def _draw_lamps(sheets: Sheets, top: float, words: Words) -> float:
    width = sheets.paper.width - 2 * MARGIN
    means, act = MARGIN + LOOKS_WIDTH, MARGIN + LOOKS_WIDTH + MEANS_WIDTH
    for x, heading in ((MARGIN, words.lamp), (means, words.means), (act, words.act)):
        sheets.text(x, top + 10, heading, size=11, font=BOLD)
    sheets.rule(MARGIN, top + 14, width, line=1.5)
    y = top + 14
    for state, row in words.lamps.items():
        loud = state is LampState.SOS
        if loud:
            sheets.box(MARGIN, y, width, ROW_HEIGHT, gray=0.86)
        name, bracket, aside = row.looks.partition(" (")
        sheets.stack(MARGIN, y + 1, LOOKS_WIDTH - 6, 13, [Block(name, 10.5, BOLD, 1)])
        if bracket:
            x = MARGIN + width_of(f"{name} ", BOLD, 10.5)
            sheets.stack(x, y + 3, means - 6 - x, 11, [Block(f"({aside}", 8, lines_max=1)])
        _draw_strip(sheets, state, MARGIN, y + 17)
        font = BOLD if loud else REGULAR
        sheets.stack(means, y + 1, MEANS_WIDTH - 8, ROW_HEIGHT - 4, [Block(row.means, 10.5, font)])
        sheets.stack(act, y + 1, width - LOOKS_WIDTH - MEANS_WIDTH, ROW_HEIGHT - 3,
                     [Block(row.act, 10.5, font, 3)])  # fmt: skip
        y += ROW_HEIGHT
        sheets.rule(MARGIN, y, width)
    sheets.text(MARGIN, y + 10, words.legend, size=8.5)
    return y + 10


def _draw_strip(sheets: Sheets, state: LampState, x: float, top: float) -> None:
    """A dark strip with the lit times left white."""
    sheets.box(x, top, STRIP_WIDTH, STRIP_HEIGHT)
    scale = STRIP_WIDTH / STRIP_S
    for begin_s, end_s in lit_spans(state):
        sheets.box(x + begin_s * scale, top + 0.8, (end_s - begin_s) * scale, STRIP_HEIGHT - 1.6,
                   gray=1)  # fmt: skip
    sheets.frame(x, top, STRIP_WIDTH, STRIP_HEIGHT, line=0.8)
