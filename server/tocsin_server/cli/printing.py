"""Papers from a terminal: labels, cards, and the page for the network people, each a new PDF.

Promise: a file is written whole or not at all, and one that is there already is left alone.
"""

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec

from tocsin_server.cli.command import add_action, answer
from tocsin_server.cli.office import office
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.cards import print_cards
from tocsin_server.fleet.labels import print_labels
from tocsin_server.fleet.network_page import endpoints, print_network_page, server_of
from tocsin_server.fleet.paper import LACKING, PAPERS, is_printable
from tocsin_server.fleet.printed import PrintedButton, read_buttons, read_office
from tocsin_server.fleet.sites import SiteView
from tocsin_server.fleet.words import LANGUAGES


class Printed(msgspec.Struct, frozen=True, kw_only=True):
    """A paper that is ready for the printer."""

    file: str
    buttons: int
    sheets: int


def arrange_device(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `tocsin device labels` and `tocsin device card`."""
    labels = add_action(
        actions,
        "labels",
        _labels,
        "print a sheet of labels, one for each button, with its id as a QR code",
        example='tocsin device labels --site "County Clerk" --paper letter -o labels.pdf',
    )
    _add_buttons(labels, several=True)
    labels.add_argument(
        "--skip", type=int, default=0, metavar="N", help="labels already used on the first sheet"
    )
    add_paper(labels, "labels.pdf")
    card = add_action(
        actions,
        "card",
        _card,
        "print the poll worker's card: what to press, what the lamp means, when to call 911",
        example='tocsin device card --site "County Clerk" --language es -o card.pdf',
    )
    _add_buttons(card, several=False)
    add_paper(card, "card.pdf")


def arrange_site(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `tocsin site network-page`."""
    page = add_action(
        actions,
        "network-page",
        _network_page,
        "print what to ask the network people for",
        example='tocsin site network-page "County Clerk" --broker mqtts://tocsin.example.org:8883',
    )
    page.add_argument("site", metavar="SITE", help="its name, or its id")
    page.add_argument(
        "--broker",
        action="append",
        metavar="URL",
        help="where buttons reach a broker, as mqtts://tocsin.example.org:8883; may be repeated"
        " (default: as [buttons] in tocsin.toml says, else where the server does)",
    )
    add_paper(page, "network.pdf")


def _add_buttons(parser: argparse.ArgumentParser, *, several: bool) -> None:
    parser.add_argument(
        "device_ids",
        nargs="*" if several else "?",
        metavar="ID",
        help="which buttons (default: all)" if several else "which button (default: all)",
    )
    parser.add_argument("--site", metavar="NAME", help="all of a site: its name, or its id")


def add_paper(parser: argparse.ArgumentParser, file: str | None) -> None:
    """Let paper, language and file be named; without a `file` the command finds its name."""
    parser.add_argument("--paper", choices=sorted(PAPERS), default="letter", help="default: letter")
    parser.add_argument("--language", choices=sorted(LANGUAGES), default="en", help="default: en")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(file) if file is not None else None,
        metavar="FILE",
        help=f"a new file (default: {file or 'named after what it is'})",
    )


async def _labels(options: argparse.Namespace) -> None:
    buttons = await _buttons(options, options.device_ids)
    labels = print_labels(
        buttons, paper=options.paper, language=options.language, skip=options.skip
    )
    write_new(options.output, labels.pdf)
    sheets = count(labels.sheets, "sheet")
    text = (
        f"{options.output} is written: {count(labels.labels, 'label')} on {sheets} of"
        f" {labels.stock}; print it at 100 %, not fitted to the page"
    )
    _answer(options, buttons, labels.sheets, text)


async def _card(options: argparse.Namespace) -> None:
    buttons = await _buttons(options, [options.device_ids] if options.device_ids else [])
    placed = [each for each in buttons if each.site is not None]
    if not placed:
        raise Invalid(
            "a card names the room, and no place is known:"
            " say where the button is with tocsin device place"
        )
    write_new(options.output, print_cards(placed, paper=options.paper, language=options.language))
    text = f"{options.output} is written: {count(len(placed), 'card')}, one to a sheet"
    if sites := {each.site for each in placed if each.site and each.address is None}:
        text += f"; write the address in by hand, none is known of {', '.join(sorted(sites))}"
    _answer(options, placed, len(placed), text)


async def _network_page(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        buttons = await read_buttons(here.pool, jurisdiction=here.jurisdiction)
        whose = await read_office(here.pool, jurisdiction=here.jurisdiction)
    brokers, clusters = here.config.button_brokers
    known = [*brokers, *(node for nodes in clusters for node in nodes)]
    there = _of_site(buttons, site)
    pdf = print_network_page(
        site=site.name,
        buttons=len(there),
        brokers=endpoints(options.broker or known),
        server=server_of(here.config.public_url),
        office=whose,
        today=date.today(),  # noqa: DTZ011 (the day on the wall of who prints it)
        paper=options.paper,
        language=options.language,
    )
    write_new(options.output, pdf)
    _answer(options, there, 1, f"{options.output} is written: one sheet for {site.name}")


async def _buttons(options: argparse.Namespace, ids: Sequence[str]) -> list[PrintedButton]:
    """Find the buttons that are meant. Raises Invalid, NotFound."""
    if ids and options.site is not None:
        raise Invalid("name buttons, or a site with --site, and not both")
    async with office(options) as here:
        buttons = await read_buttons(here.pool, jurisdiction=here.jurisdiction)
        if options.site is not None:
            buttons = _of_site(buttons, await here.site(options.site))
    known = {each.device_id: each for each in buttons}
    for device_id in ids:
        if device_id not in known:
            raise NotFound(f"no button {device_id} is in use here: see tocsin device list")
    if not buttons:
        raise NotFound("there is no button to print for: add one with tocsin device add")
    return [known[device_id] for device_id in ids] or buttons


def _of_site(buttons: Sequence[PrintedButton], site: SiteView) -> list[PrintedButton]:
    return [each for each in buttons if each.site_id == site.site_id]


def count(n: int, what: str) -> str:
    """Say how many there are of something."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def unprintable(things: Sequence[msgspec.Struct]) -> str:
    """Say which texts of these can't be printed whole; nothing where all can."""
    texts = {
        value
        for thing in things
        for value in msgspec.structs.asdict(thing).values()
        if isinstance(value, str) and not is_printable(value)
    }
    if not texts:
        return ""
    return (
        f"; the printing fonts lack letters of {', '.join(sorted(texts))}: each is printed as"
        f" {LACKING}, so write those names in by hand, in Latin letters"
    )


def write_new(path: Path, content: bytes) -> None:
    """Write a file that isn't there yet, whole or not at all. Raises Refused, Invalid."""
    try:
        file = path.open("xb")
    except FileExistsError:
        raise Refused(f"{path} is there already: name a new file with -o") from None
    except OSError as error:
        raise Invalid(f"can't write {path}: {error.strerror}") from None
    try:
        with file:
            file.write(content)
    except BaseException:
        path.unlink()
        raise


def _answer(
    options: argparse.Namespace, buttons: Sequence[PrintedButton], sheets: int, text: str
) -> None:
    printed = Printed(file=str(options.output), buttons=len(buttons), sheets=sheets)
    answer(options, printed, text + unprintable(buttons))
