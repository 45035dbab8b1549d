"""Draws `wiring.svg`, the schematic of a button, from the pins the agent really uses.

Promises: every pin number comes from `tocsin_button.config`, every physical number from gpiozero's
own board data, every current from the resistor values drawn; the same inputs give the same bytes on
every machine. Refuses: to draw a lamp that is lit by a low level, since the transistor shown here
would light it the wrong way round.

    python hardware/wiring.py            write wiring.svg again
    python hardware/wiring.py --check    exit 1 if wiring.svg is stale
"""

import argparse
import math
import re
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import schemdraw
from gpiozero.pins.pi import PiBoardInfo
from schemdraw import elements as elm
from schemdraw.types import Halign, Linestyle

from tocsin_button.config import DEFAULT_PINS, SUGGESTED_ASSIST_PIN, SUGGESTED_TAMPER_PIN

SVG = Path(__file__).with_name("wiring.svg")

SUPPLY_V = 3.3
LED_FORWARD_V = 2.0  # amber, at a few milliamperes; 1.8 to 2.4 V over makes and temperature
COLLECTOR_V = 0.1  # a saturated small NPN
BASE_V = 0.7
INPUT_LOW_V = 0.8  # the Pi reads anything below as low, anything above INPUT_HIGH_V as high
INPUT_HIGH_V = 2.0
PULL_UP_OHM = 1_000
SERIES_OHM = 1_000
FILTER_F = 100e-9
LAMP_OHM = 150
BASE_OHM = 2_200
BASE_OFF_OHM = 10_000
CABLE_M_MAX = 3  # what the filter and a shield are meant for: one counter, not a building

SUPPLY_PHYSICAL = 17
GROUND_PHYSICAL = (14, 20)
RTC_PHYSICAL = (1, 3, 5, 7, 9)  # the usual DS3231 module plugs onto these five, one row

INK = "#1a1a1a"
OPTION = "#1f5fa8"
FRAME = "#6b7280"
WASH = "#eef2f7"
SIZE, SMALL = 13.0, 11.0
FONTS = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
TITLE = "Tocsin button: wiring"

Point = tuple[float, float]


class WiringError(Exception):
    """The configured pins cannot be drawn with this circuit."""


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One GPIO line of the button: `bcm` as in button.toml, `physical` on the 40-pin header."""

    name: str
    bcm: int
    physical: int
    optional: bool


class InputParts(msgspec.Struct, frozen=True, kw_only=True):
    """The reference designators of one input stage."""

    pull_up: str
    series: str
    filter: str
    terminal: str


# Where things stand on the sheet: the Pi's right edge is x = 0, the first row is y = 0.
TOP, BOTTOM = 3.6, -23.3
PI_LEFT = -3.9
BOARD_LEFT, AT_FILTER, AT_PULL_UP, TERMINALS, FAR = 1.4, 2.2, 5.4, 7.8, 12.9
MAP_MIDDLE = -8.2
ROWS = {"button_no": 0.0, "button_nc": -4.3, "lamp": -12.4, "tamper": -16.8, "assist": -20.6}
COMMON_ROW, SHIELD_ROW, LAMP_PLUS_ROW, LAMP_MINUS_ROW = -6.4, -7.6, -9.3, -10.8
SUPPLY_ROWS = (-10.4, -11.5, -12.6)

INPUTS = {
    "button_no": InputParts(pull_up="R1", series="R2", filter="C1", terminal="J1-1: NO"),
    "button_nc": InputParts(pull_up="R3", series="R4", filter="C2", terminal="J1-2: NC"),
    "tamper": InputParts(pull_up="R8", series="R9", filter="C3", terminal="J2-1"),
    "assist": InputParts(pull_up="R10", series="R11", filter="C4", terminal="J3-1"),
}


def header() -> dict[int, str]:
    """Physical pin -> name (`GPIO17`, `GND`, `3V3`) of a Raspberry Pi 4 Model B's header J8."""
    board = PiBoardInfo.from_revision(0xC03115)
    return {number: str(pin.name) for number, pin in board.headers["J8"].pins.items()}


def signals() -> tuple[Signal, ...]:
    """The agent's default pins, and its suggestions for the two that have no default."""
    pins = DEFAULT_PINS
    if not pins.lamp_active_high:
        raise WiringError(
            "lamp_active_high is false, but the transistor drawn here lights on a high level; "
            "change the default or the circuit"
        )
    physical = {name: number for number, name in header().items()}
    chosen = {
        "button_no": (pins.button_no, None),
        "button_nc": (pins.button_nc, None),
        "lamp": (pins.lamp, None),
        "tamper": (pins.tamper, SUGGESTED_TAMPER_PIN),
        "assist": (pins.assist, SUGGESTED_ASSIST_PIN),
    }
    found = []
    for name, (default, suggested) in chosen.items():
        bcm = suggested if default is None else default
        if bcm is None:
            raise WiringError(f"{name} has no default pin, but the drawing needs one; name a pin")
        place = physical[f"GPIO{bcm}"]
        found.append(Signal(name=name, bcm=bcm, physical=place, optional=default is None))
    return tuple(found)


def lamp_ma() -> float:
    """Current through the lit lamp, in mA."""
    return (SUPPLY_V - LED_FORWARD_V - COLLECTOR_V) / LAMP_OHM * 1e3


def lamp_shorted_ma() -> float:
    """Current when the lamp's two cores touch, in mA: the most the lamp cable can ever carry."""
    return (SUPPLY_V - COLLECTOR_V) / LAMP_OHM * 1e3


def base_ma() -> float:
    """Current the lamp's GPIO gives to the transistor's base, in mA."""
    return ((SUPPLY_V - BASE_V) / BASE_OHM - BASE_V / BASE_OFF_OHM) * 1e3


def contact_ma() -> float:
    """Current that keeps a closed contact clean, in mA."""
    return SUPPLY_V / PULL_UP_OHM * 1e3


def filter_ms() -> tuple[float, float]:
    """How long the filter delays a closing and an opening contact, in ms."""
    closing = SERIES_OHM * FILTER_F * math.log(SUPPLY_V / INPUT_LOW_V)
    opening_ohm = SERIES_OHM + PULL_UP_OHM
    opening = opening_ohm * FILTER_F * math.log(SUPPLY_V / (SUPPLY_V - INPUT_HIGH_V))
    return closing * 1e3, opening * 1e3


def ohms(value: int) -> str:
    """`150 Ω`, `1 kΩ`, `2.2 kΩ`."""
    return f"{value} Ω" if value < 1_000 else f"{value / 1_000:g} kΩ"


class Sheet:
    """A drawing, and the few strokes this schematic is made of. Lengths are drawing units."""

    def __init__(self) -> None:
        """An empty white sheet."""
        self.drawing = schemdraw.Drawing(show=False, canvas="svg")
        self.drawing.config(
            bgcolor="white", color=INK, fontsize=SIZE, lw=1.6, font="sans", margin=0.4
        )

    def add(self, element: elm.Element) -> elm.Element:
        """Put an element where it says it belongs."""
        return self.drawing.add(element)

    def text(
        self,
        at: Point,
        words: str,
        *,
        size: float = SMALL,
        color: str = INK,
        halign: Halign = "left",
    ) -> None:
        """Words whose left, middle or right is at the point, vertically centred on it."""
        label = elm.Label().at(at).theta(0).color(color)
        self.add(label.label(words, fontsize=size, halign=halign, valign="center", ofst=(0, 0)))

    def wire(self, *points: Point, color: str = INK, style: Linestyle = "-") -> None:
        """A line through the points."""
        for start, end in pairwise(points):
            self.add(elm.Line().at(start).to(end).color(color).linestyle(style))

    def frame(
        self, corner: Point, opposite: Point, *, fill: str = "none", style: Linestyle = "-"
    ) -> None:
        """A rectangle around things that belong together, beneath them."""
        rect = elm.Rect(corner1=corner, corner2=opposite, fill=fill, lw=1.2, zorder=0)
        self.add(rect.at((0, 0)).theta(0).color(FRAME).linestyle(style))

    def resistor(
        self, start: Point, end: Point, words: str, *, loc: str = "top", color: str = INK
    ) -> None:
        """A resistor with its designator and value."""
        part = elm.ResistorIEC()  # type: ignore[no-untyped-call]
        self.add(part.endpoints(start, end).color(color).label(words, loc=loc, fontsize=SMALL))

    def node(self, at: Point, *, color: str = INK) -> None:
        """Wires that meet."""
        self.add(elm.Dot().at(at).color(color))

    def ground(self, at: Point, *, color: str = INK) -> None:
        """A ground symbol hanging at the point."""
        self.add(elm.Ground().at(at).color(color))

    def supply(self, at: Point, *, color: str = INK) -> None:
        """A 3.3 V symbol standing at the point."""
        symbol = elm.Vdd()  # type: ignore[no-untyped-call]
        self.add(symbol.at(at).color(color).label("3V3", fontsize=SMALL))

    def terminal(self, row: float, words: str, *, grounded: bool, color: str = INK) -> None:
        """A screw terminal, its number and what it carries; returns go to ground on the board."""
        self.add(elm.Dot(open=True, radius=0.14).at((TERMINALS, row)).color(color))
        self.text((TERMINALS + 0.35, row + 0.34), words, color=color)
        if grounded:
            self.wire((TERMINALS - 0.14, row), (TERMINALS - 0.9, row), color=color)
            self.ground((TERMINALS - 0.9, row), color=color)


def draw_pi(sheet: Sheet, used: tuple[Signal, ...]) -> None:
    """The Pi's header: each used pin by its name in button.toml, its BCM and physical number."""
    sheet.frame((PI_LEFT, BOTTOM), (0, TOP), fill=WASH)
    middle = PI_LEFT / 2
    sheet.text((middle, TOP - 0.6), "Raspberry Pi 4 B", size=SIZE, halign="center")
    sheet.text((middle, TOP - 1.15), "header J8, through", halign="center")
    sheet.text((middle, TOP - 1.6), "the PoE HAT", halign="center")
    for signal in used:
        row, color = ROWS[signal.name], OPTION if signal.optional else INK
        sheet.text((-0.25, row + 0.28), signal.name, size=SIZE, color=color, halign="right")
        sheet.text((-0.25, row - 0.32), f"BCM {signal.bcm}", color=color, halign="right")
        sheet.text((0.15, row + 0.34), f"pin {signal.physical}", color=color)
        sheet.wire((0, row), (AT_FILTER, row), color=color)
        sheet.node((AT_FILTER, row), color=color)
    supplies = ((SUPPLY_PHYSICAL, "3V3"), *((number, "GND") for number in GROUND_PHYSICAL))
    end = PI_LEFT - 1.9
    for (number, name), row in zip(supplies, SUPPLY_ROWS, strict=True):
        sheet.text((PI_LEFT + 0.25, row), name, size=SIZE)
        sheet.text((PI_LEFT - 0.15, row + 0.34), f"pin {number}", halign="right")
        sheet.wire((PI_LEFT, row), (end, row))
    sheet.supply((end, SUPPLY_ROWS[0]))
    sheet.wire((end, SUPPLY_ROWS[1]), (end, SUPPLY_ROWS[2]))
    sheet.ground((end, SUPPLY_ROWS[2]))


def draw_input(sheet: Sheet, signal: Signal) -> None:
    """Filter, series resistor and pull-up of one contact, up to its screw terminal."""
    parts, row = INPUTS[signal.name], ROWS[signal.name]
    color = OPTION if signal.optional else INK
    capacitor = elm.Capacitor().endpoints((AT_FILTER, row), (AT_FILTER, row - 1.3)).color(color)
    words = f"{parts.filter}\n{FILTER_F * 1e9:g} nF"
    sheet.add(capacitor.label(words, loc="bottom", fontsize=SMALL))
    sheet.ground((AT_FILTER, row - 1.3), color=color)
    series = f"{parts.series}: {ohms(SERIES_OHM)}"
    sheet.resistor((AT_FILTER, row), (AT_PULL_UP, row), series, color=color)
    sheet.node((AT_PULL_UP, row), color=color)
    pull_up = f"{parts.pull_up}\n{ohms(PULL_UP_OHM)}"
    top = row + 1.7
    sheet.resistor((AT_PULL_UP, row), (AT_PULL_UP, top), pull_up, loc="bottom", color=color)
    sheet.supply((AT_PULL_UP, top), color=color)
    sheet.wire((AT_PULL_UP, row), (TERMINALS - 0.14, row), color=color)
    sheet.terminal(row, parts.terminal, grounded=False, color=color)


def draw_button(sheet: Sheet) -> None:
    """The push button: one changeover contact, drawn released, so NC is closed and NO is open."""
    no, nc = ROWS["button_no"], ROWS["button_nc"]
    middle, start = (no + nc) / 2, TERMINALS + 0.14
    pivot, contact, common = FAR + 1.9, FAR + 0.7, FAR + 2.5
    for row, at, words in ((no, middle + 0.6, "NO"), (nc, middle - 0.6, "NC")):
        sheet.wire((start, row), (contact, row), (contact, at))
        sheet.text((contact - 0.35, at), words, halign="right")
    sheet.wire((pivot, middle), (common, middle), (common, COMMON_ROW), (start, COMMON_ROW))
    sheet.wire((pivot, middle), (contact + 0.1, middle - 0.42))  # rests on NC
    for end in ((pivot, middle), (contact, middle + 0.6), (contact, middle - 0.6)):
        sheet.add(elm.Dot(open=True, radius=0.13).at(end))
    sheet.terminal(COMMON_ROW, "J1-3: COM", grounded=True)
    sheet.terminal(SHIELD_ROW, "J1-4: SHIELD, one end", grounded=True)
    sheet.wire((start, SHIELD_ROW), (FAR - 0.6, SHIELD_ROW), color=FRAME, style="--")
    words = "S1: push button\nmomentary, gold\ncontacts; drawn\nreleased"
    sheet.text((FAR + 2.8, middle + 0.5), words)


def draw_lamp(sheet: Sheet) -> None:
    """The lamp: 3.3 V and the resistor in the box, the LED at the worker, the transistor below."""
    row, base = ROWS["lamp"], AT_FILTER + 2.6
    off = f"R6\n{ohms(BASE_OFF_OHM)}"
    sheet.resistor((AT_FILTER, row), (AT_FILTER, row - 1.7), off, loc="bottom")
    sheet.ground((AT_FILTER, row - 1.7))
    sheet.resistor((AT_FILTER, row), (base, row), f"R5: {ohms(BASE_OHM)}")
    transistor = elm.BjtNpn(circle=True).right().anchor("base").at((base, row))
    placed = sheet.add(transistor.label("Q1\n2N3904", loc="right", fontsize=SMALL))
    collector, emitter = placed.absanchors["collector"], placed.absanchors["emitter"]
    sheet.wire((collector.x, collector.y), (collector.x, LAMP_MINUS_ROW))
    sheet.wire((collector.x, LAMP_MINUS_ROW), (TERMINALS - 0.14, LAMP_MINUS_ROW))
    sheet.ground((emitter.x, emitter.y))
    start = TERMINALS - 3.6
    sheet.supply((start, LAMP_PLUS_ROW))
    lamp_end = (TERMINALS - 0.14, LAMP_PLUS_ROW)
    sheet.resistor((start, LAMP_PLUS_ROW), lamp_end, f"R7: {ohms(LAMP_OHM)}")
    sheet.terminal(LAMP_PLUS_ROW, "J1-5: LAMP +", grounded=False)
    sheet.terminal(LAMP_MINUS_ROW, "J1-6: LAMP -", grounded=False)
    at_led = FAR + 1.6
    for end in (LAMP_PLUS_ROW, LAMP_MINUS_ROW):
        sheet.wire((TERMINALS + 0.14, end), (at_led, end))
    led = elm.LED()  # type: ignore[no-untyped-call]
    sheet.add(led.endpoints((at_led, LAMP_PLUS_ROW), (at_led, LAMP_MINUS_ROW)))
    middle = (LAMP_PLUS_ROW + LAMP_MINUS_ROW) / 2
    lamp = f"D1: lamp\namber LED\n{LED_FORWARD_V:.1f} V, {lamp_ma():.1f} mA"
    sheet.text((FAR + 2.8, middle), lamp)


def draw_options(sheet: Sheet) -> None:
    """The tamper switch inside the enclosure, and the assist button with its own cable."""
    tamper = "S2: tamper microswitch\nin the enclosure; closed\nwhile the lid is shut"
    assist = "S3: assist button\nmomentary, NO"
    for name, terminal, far, words in (
        ("tamper", "J2-2", TERMINALS + 2.2, tamper),
        ("assist", "J3-2", FAR, assist),
    ):
        row, back, end = ROWS[name], ROWS[name] - 1.5, far + 1.6
        sheet.wire((TERMINALS + 0.14, row), (far, row), color=OPTION)
        sheet.add(elm.Switch(nc=name == "tamper").endpoints((far, row), (end, row)).color(OPTION))
        sheet.wire((end, row), (end, back), (TERMINALS + 0.14, back), color=OPTION)
        sheet.terminal(back, terminal, grounded=True, color=OPTION)
        sheet.text((end + 0.35, (row + back) / 2), words, color=OPTION)


def draw_header_map(sheet: Sheet, used: tuple[Signal, ...]) -> None:
    """Pins 1 to 20 as they lie on the board, so that nobody has to count."""
    roles = dict.fromkeys(RTC_PHYSICAL, "RTC") | dict.fromkeys(GROUND_PHYSICAL, "GND")
    roles |= {SUPPLY_PHYSICAL: "3V3"} | {signal.physical: signal.name for signal in used}
    optional = {signal.physical for signal in used if signal.optional} | set(RTC_PHYSICAL)
    step, left, top = 0.9, MAP_MIDDLE - 0.9, TOP - 1.9
    sheet.text((MAP_MIDDLE, TOP - 0.6), "Header J8, pins 1 to 20", size=SIZE, halign="center")
    sheet.text((MAP_MIDDLE, TOP - 1.15), "from above, SD card at the top", halign="center")
    for number in range(1, 21):
        even, line = number % 2 == 0, (number - 1) // 2
        x, y = left + step * even, top - line * step
        role, color = roles.get(number, ""), OPTION if number in optional else INK
        sheet.frame((x, y), (x + step, y - step), fill=WASH if role else "none")
        middle = y - step / 2
        shade = color if role else FRAME
        sheet.text((x + step / 2, middle), str(number), color=shade, halign="center")
        beside = x + step + 0.3 if even else x - 0.3
        sheet.text((beside, middle), role, color=color, halign="left" if even else "right")
    plug = top - 5 * step
    below = plug - 5 * step - 0.08
    sheet.frame((left - 0.08, plug), (left + 2 * step + 0.08, below))
    sheet.text((MAP_MIDDLE, below - 0.45), "P1 covers 11 to 20", halign="center")


def draw_words(sheet: Sheet) -> None:
    """The title, the frames' names, and what a builder must know while looking at the sheet."""
    left = MAP_MIDDLE - 3.4
    sheet.text((left, TOP + 1.9), TITLE, size=18)
    warning = "Not a UL-listed device. Does not replace calling 911."
    sheet.text((left, TOP + 1.1), warning, size=SIZE)
    sheet.frame((BOARD_LEFT, BOTTOM), (TERMINALS, TOP), style="--")
    sheet.text(((BOARD_LEFT + TERMINALS) / 2, TOP + 0.35), "interface board", halign="center")
    cable = f"cable W1, 6 cores,\nshielded, at most {CABLE_M_MAX} m"
    sheet.text(((TERMINALS + FAR) / 2, TOP - 1.3), cable, halign="center")
    sheet.frame((FAR - 0.4, LAMP_MINUS_ROW - 0.6), (FAR + 6.2, TOP - 1.4), style="--")
    sheet.text((FAR + 2.9, TOP - 1.05), "at the worker", halign="center")
    closing, opening = filter_ms()
    notes = (
        "Blue: optional.",
        "P1: 2x5 plug, 12 and 19 empty.",
        "RTC: DS3231 module on 1, 3, 5, 7, 9.",
        "",
        "Drawn at rest: button released,",
        "lid shut, lamp dark.",
        "Only 3.3 V and ground leave the box.",
        "",
        f"closed contact: {contact_ma():.1f} mA",
        f"lamp lit: {lamp_ma():.1f} mA",
        f"lamp cores shorted: {lamp_shorted_ma():.0f} mA",
        f"Q1 base: {base_ma():.1f} mA",
        f"filter delay: {closing:.2f} ms closing,",
        f"{opening:.2f} ms opening",
    )
    for line, words in enumerate(notes):
        sheet.text((left, SUPPLY_ROWS[2] - 2.2 - 0.5 * line), words)


def draw() -> str:
    """The whole schematic as SVG text, the same bytes for the same inputs."""
    schemdraw.svgconfig.text = "text"
    used, sheet = signals(), Sheet()
    draw_words(sheet)
    draw_pi(sheet, used)
    for signal in used:
        if signal.name in INPUTS:
            draw_input(sheet, signal)
    draw_button(sheet)
    draw_lamp(sheet)
    draw_options(sheet)
    draw_header_map(sheet, used)
    return settled(sheet.drawing.get_imagedata("svg").decode())


def settled(svg: str) -> str:
    """The same picture for every machine and viewer.

    Numbers are cut to 1/1000 point (the last digits of a sine differ between machines), the font is
    one that every system has, and screen readers get a title.
    """

    def cut(number: re.Match[str]) -> str:
        return f"{float(number[0]):.3f}".rstrip("0").rstrip(".")

    svg = re.sub(r"-?\d+\.\d{4,}(e-?\d+)?|-?\d(\.\d+)?e-\d+", cut, svg)
    svg = re.sub(r"(?<![\d.])-0(\.0)?(?![\d.])", "0", svg)
    svg = svg.replace("stroke-dasharray:-;", "")
    svg = svg.replace('font-family="sans"', f'font-family="{FONTS}"')
    title = f' role="img"><title>{TITLE}</title>'
    svg = svg.replace(">", title, 1)
    return re.sub(r">(?=<(?!/|tspan))", ">\n", svg) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the schematic, or with `--check` only say whether it is up to date."""
    parser = argparse.ArgumentParser(
        description="Draw hardware/wiring.svg from the agent's default pins.",
        epilog="example: python hardware/wiring.py --check",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    check: bool = parser.parse_args(arguments).check
    try:
        svg = draw()
    except WiringError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not check:
        SVG.write_text(svg, encoding="utf-8", newline="\n")
    elif not SVG.exists() or SVG.read_bytes() != svg.encode():
        sys.stderr.write(f"{SVG} is stale; run: python hardware/wiring.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
