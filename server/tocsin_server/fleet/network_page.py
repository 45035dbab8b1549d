"""The network page: what a county's network people have to allow, on one sheet they can file.

Promise: it names the brokers as the deployment does, and asks for nothing that a button doesn't
need. Refused: an address that only this machine can reach.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address
from urllib.parse import urlsplit

from tocsin_server.errors import Invalid
from tocsin_server.fleet.paper import BOLD, MM, PAPERS, Block, PaperName, Sheets
from tocsin_server.fleet.printed import PrintedOffice, telephone
from tocsin_server.fleet.words import LANGUAGES, Language, Words

MARGIN = 18 * MM
PORTS = {"mqtts": 8883, "wss": 443}  # the button's own, where a URL names none
# A heartbeat of 500 bytes every 15 s and three replicas' pulses of 350 every 10 s, each with 150
# of TLS and TCP, its acknowledgement included, are 1.6 kbit/s; 2 leaves room for a press.
KBITS_PER_LINK = 2


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a button connects to."""

    host: str
    port: int


def endpoints(urls: Sequence[str]) -> list[Endpoint]:
    """Read brokers' URLs. Raises Invalid (no broker's; this machine's own)."""
    return [_endpoint(url) for url in urls]


def server_of(url: str) -> Endpoint | None:
    """Read the URL at which new buttons reach the server; None where none from outside can."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or _is_here(parts.hostname):
        return None
    return Endpoint(parts.hostname, parts.port or 443)


def _endpoint(url: str) -> Endpoint:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    except (KeyError, ValueError):
        host = None
    if not host or parts.scheme not in PORTS or parts.username:
        raise Invalid(f"{url!r} is no button's broker: write --broker mqtts://HOST:8883")
    if _is_here(host):
        raise Invalid(
            f"{url} is this machine's own address, which no button elsewhere can reach: name what"
            " the buttons use with --broker mqtts://HOST:8883"
        )
    return Endpoint(host, port)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def print_network_page(
    *,
    site: str,
    buttons: int,
    brokers: Sequence[Endpoint],
    server: Endpoint | None,
    office: PrintedOffice,
    today: date,
    paper: PaperName,
    language: Language,
) -> bytes:
    """Draw the page. Raises Invalid (a character no font has)."""
    words = LANGUAGES[language]
    sheets = Sheets(PAPERS[paper], title=words.network_title, language=language)
    sheets.page()
    width = sheets.paper.width - 2 * MARGIN
    y = sheets.stack(
        MARGIN, MARGIN, width, 84,
        [
            Block(words.network_title, 23, BOLD),
            Block(words.network_for.format(site=site, buttons=buttons), 13),
            Block(f"{office.name}. {words.printed.format(date=today.isoformat())}", 10),
        ],
    )  # fmt: skip
    rows = [(each, words.purpose_broker) for each in brokers]
    rows += [] if server is None else [(server, words.purpose_server)]
    y = _draw_table(sheets, y + 12, width, rows, words)
    total = KBITS_PER_LINK * max(1, buttons) * len(brokers)
    blocks: list[Block] = []
    for heading, text in words.network_points:
        blocks += [
            Block(heading, 11.5, BOLD, 1, gap=7),
            Block(text.format(kbits=KBITS_PER_LINK, total=total), 10.5, lines_max=4),
        ]
    blocks += [Block(words.network_check, 10.5, lines_max=3, gap=9)]
    number = telephone(office.on_call_number) if office.on_call_number else "_" * 24
    foot = sheets.paper.height - MARGIN
    sheets.stack(MARGIN, y + 6, width, foot - 34 - y, blocks)
    sheets.box(MARGIN, foot - 24, width, 24)
    sheets.stack(MARGIN + 8, foot - 21.5, width - 16, 18,
                 [Block(f"{words.network_contact}: {office.name}, {number}", 13, BOLD, 1)],
                 white=True)  # fmt: skip
    return sheets.finish()


def _draw_table(
    sheets: Sheets, top: float, width: float, ours: Sequence[tuple[Endpoint, str]], words: Words
) -> float:
    rows = [(each.host, f"{each.port}/tcp", purpose) for each, purpose in ours]
    rows += [
        (words.any_resolver, "53/udp, tcp", words.purpose_dns),
        (words.any_time_server, "123/udp", words.purpose_ntp),
    ]
    columns = (MARGIN, MARGIN + 0.42 * width, MARGIN + 0.58 * width)
    widths = (0.41 * width, 0.15 * width, 0.42 * width)
    sheets.text(MARGIN, top + 12, words.network_open, size=13, font=BOLD)
    sheets.rule(MARGIN, top + 19, width, line=1.5)
    y = top + 21
    for n, row in enumerate([(words.to, words.port, words.purpose), *rows]):
        height = 16.0 if n == 0 else 28.0
        for x, column, text in zip(columns, widths, row, strict=True):
            font = BOLD if n == 0 or (x == MARGIN and n <= len(ours)) else None
            block = Block(text, 10.5, font) if font else Block(text, 10.5)
            sheets.stack(x, y, column, height - 1, [block])
        y += height
        sheets.rule(MARGIN, y, width)
    return y
