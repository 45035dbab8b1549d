"""Printed papers: nothing leaves its room, the lamps are the button's, the words are the page's."""

import hashlib
import re
from datetime import date
from pathlib import Path

import msgspec
import pypdfium2
import pytest

from tocsin_button.lamp import Pattern, level
from tocsin_server.errors import Invalid
from tocsin_server.fleet import cards, labels, paper
from tocsin_server.fleet.cards import STRIP_S, lit_spans, print_cards
from tocsin_server.fleet.labels import INSET, QUIET_MODULES, STOCKS, print_labels, qr_of
from tocsin_server.fleet.network_page import endpoints, print_network_page, server_of
from tocsin_server.fleet.paper import MM, PAPERS, PaperName
from tocsin_server.fleet.printed import PrintedButton, PrintedOffice, telephone
from tocsin_server.fleet.words import LANGUAGES, LampState, Language
from tocsin_server.fleet.words.en import ENGLISH
from tocsin_server.web.vendor import Manifest

ROOT = Path(__file__).parents[2]
MARGIN = 6 * MM  # what the meanest printer leaves white
LONG = "Centro Comunitario Niños Héroes «Ñandú» " * 5
GYM = PrintedButton(
    device_id="btn-0123456789",
    site="Gimnasio José Ángel Núñez",
    address="1161 Angelina St, Austin, TX 78702",
    building="Annex",
    floor="2",
    room="Salón Ñandú",
    spot="Mesa de registro",
    on_call_number="+15125550190",
)
WIDE = msgspec.structs.replace(
    GYM, site="W" * 200, address=LONG, building="B" * 200, room="M" * 200, spot=LONG
)
BARE = PrintedButton(device_id="btn-9876543210")
NO_ADDRESS = msgspec.structs.replace(GYM, address=None, room=None, on_call_number=None)
OFFICE = PrintedOffice(name="Travis County", on_call_number="+15125550190")

each_paper = pytest.mark.parametrize("on", ["letter", "a4"])
each_language = pytest.mark.parametrize("language", ["en", "es"])


def text_of(pdf: bytes, page: int = 0) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        text: str = document[page].get_textpage().get_text_bounded()
    return " ".join(text.split())


def ink(pdf: bytes, page: int, box: tuple[float, float, float, float] | None = None) -> list[float]:
    """Give where ink is on a page, or on a part of it: left, top, right, bottom in points."""
    with pypdfium2.PdfDocument(pdf) as document:
        picture = document[page].render(scale=2, grayscale=True).to_pil().point(lambda v: 255 - v)
    if box is not None:
        picture = picture.crop([round(2 * edge) for edge in box])
    return [edge / 2 for edge in picture.getbbox() or ()]


def network_page(on: PaperName, language: Language, *, brokers: int = 2) -> bytes:
    return print_network_page(
        site=LONG,
        buttons=30,
        brokers=endpoints([f"mqtts://broker-{n}.county.example" for n in range(brokers)]),
        server=server_of("https://tocsin.county.example"),
        office=OFFICE,
        today=date(2026, 11, 3),
        paper=on,
        language=language,
    )


@each_paper
@each_language
def test_nothing_is_printed_where_a_printer_can_not(on: PaperName, language: Language) -> None:
    sheet = PAPERS[on]
    pdfs = [
        print_cards([GYM, WIDE, NO_ADDRESS], paper=on, language=language),
        network_page(on, language, brokers=8),
    ]
    for pdf in pdfs:
        for page in range(len(pypdfium2.PdfDocument(pdf))):
            left, top, right, bottom = ink(pdf, page)
            assert left >= MARGIN
            assert top >= MARGIN
            assert right <= sheet.width - MARGIN
            assert bottom <= sheet.height - MARGIN


@each_paper
@pytest.mark.parametrize("button", [GYM, WIDE, BARE], ids=["usual", "wide", "bare"])
def test_a_label_stays_within_its_sticker(on: PaperName, button: PrintedButton) -> None:
    stock = STOCKS[on]
    for n in (0, stock.per_sheet - 1):
        pdf = print_labels([button], paper=on, language="es", skip=n).pdf
        left, top, right, bottom = ink(pdf, 0)
        x, y = stock.corner(n)
        assert left >= x + INSET - 1
        assert top >= y + INSET - 1
        assert right <= x + stock.width - INSET + 1
        assert bottom <= y + stock.height - INSET + 1


@each_paper
def test_the_stickers_fill_the_sheet_evenly(on: PaperName) -> None:
    stock, sheet = STOCKS[on], PAPERS[on]
    last_x, last_y = stock.corner(stock.per_sheet - 1)
    assert sheet.width - (last_x + stock.width) == pytest.approx(stock.left, abs=0.2)
    assert sheet.height - (last_y + stock.height) == pytest.approx(stock.top, abs=0.2)


def test_thirty_labels_after_three_used_ones_take_four_sheets() -> None:
    buttons = [
        msgspec.structs.replace(GYM, device_id=f"btn-00000000{n:02}", room=f"Room {n}")
        for n in range(30)
    ]
    printed = print_labels(buttons, paper="letter", language="en", skip=3)
    assert (printed.labels, printed.sheets) == (30, 4)
    assert "Room 6" in text_of(printed.pdf, 0)
    assert "Room 7" in text_of(printed.pdf, 1)
    x, y = STOCKS["letter"].corner(2)
    width = STOCKS["letter"].width
    assert ink(printed.pdf, 0, (x, y, x + width, y + STOCKS["letter"].height)) == []


@pytest.mark.parametrize("skip", [-1, 10])
def test_a_sheet_with_no_label_left_is_refused(skip: int) -> None:
    with pytest.raises(Invalid, match="0 to 9"):
        print_labels([GYM], paper="a4", language="en", skip=skip)


def test_a_label_says_where_the_button_is_whose_number_to_call_and_nothing_of_what_it_is() -> None:
    text = text_of(print_labels([GYM], paper="letter", language="en").pdf)
    for words in (GYM.site, GYM.room, GYM.spot, "Annex, floor 2", "(512) 555-0190"):
        assert words is not None
        assert words in text
    assert "TEST MONTHLY, only in a drill" in text
    assert "btn-0123456789" in text.replace(" ", "")
    assert not re.search(r"panic|duress|alarm|police|911", text, re.IGNORECASE)


def test_the_printed_code_holds_the_device_id_with_its_quiet_zone_around() -> None:
    pdf = print_labels([GYM], paper="letter", language="en").pdf
    stock, module = STOCKS["letter"], labels.QR_MODULE
    code = qr_of(GYM.device_id)
    assert (code.designator, len(code.matrix)) == ("1-M", 21)
    x, y = stock.corner(0)
    left = x + stock.width - (QUIET_MODULES + 21) * module
    top = y + QUIET_MODULES * module
    with pypdfium2.PdfDocument(pdf) as document:
        picture = document[0].render(scale=4, grayscale=True).to_pil()
    seen = [
        [
            picture.getpixel((round(4 * (left + (c + 0.5) * module)),
                              round(4 * (top + (r + 0.5) * module)))) < 128
            for c in range(-QUIET_MODULES, 21)
        ]
        for r in range(21)
    ]  # fmt: skip
    assert [row[QUIET_MODULES:] for row in seen] == [[*map(bool, row)] for row in code.matrix]
    assert not any(any(row[:QUIET_MODULES]) for row in seen)


@pytest.mark.parametrize("state", LampState)
def test_each_drawn_lamp_does_what_the_buttons_lamp_does(state: LampState) -> None:
    drill = state is LampState.DRILL
    pattern = Pattern.ARMED if drill else Pattern(state.value)
    spans = lit_spans(state)
    for n in range(round(STRIP_S * 200)):
        t_s = (n + 0.5) / 200
        drawn = any(begin_s <= t_s < end_s for begin_s, end_s in spans)
        assert drawn == level(pattern, t_s=t_s, drill=drill, armed_blip=False)[0], t_s


@each_language
def test_the_card_has_a_row_for_every_state_of_the_lamp(language: Language) -> None:
    assert {*LampState} == {*LANGUAGES[language].lamps} == {*cards.STRIPS}
    assert {state.value for state in LampState} - {"drill"} == {each.value for each in Pattern}


def poll_workers_page() -> str:
    text = (ROOT / "docs" / "poll_worker.md").read_text()
    return " ".join(text.replace("**", "").replace("\n# ", "\n").split())


def test_the_english_card_says_what_the_poll_workers_page_says() -> None:
    page = poll_workers_page()
    for state, row in ENGLISH.lamps.items():
        if state is not LampState.DRILL:
            looks = row.looks if row.looks != "SOS" else "SOS: three short, three long, three short"
            assert f"| {looks} | {row.means} | {row.act} |" in page
    drill = ENGLISH.lamps[LampState.DRILL]
    for sentence in (
        *(ENGLISH.card_title, ENGLISH.press, ENGLISH.press_rest, ENGLISH.again, ENGLISH.call),
        *(drill.means, drill.act, ENGLISH.call_title, *ENGLISH.call_when),
        *(ENGLISH.mistake, ENGLISH.drill, ENGLISH.moved),
    ):
        assert sentence in page
    assert ENGLISH.unlisted in (ROOT / "README.md").read_text()


def test_every_language_says_the_same_numbers_and_blanks() -> None:
    def numbers(words: object) -> object:
        if isinstance(words, dict):
            return {key: numbers(value) for key, value in words.items()}
        if isinstance(words, list | tuple):
            return [numbers(each) for each in words]
        return sorted(re.findall(r"\d+|\{\w+\}|SOS|UL|TLS|CONNECT", str(words)))

    english, spanish = (msgspec.to_builtins(LANGUAGES[each]) for each in ("en", "es"))
    assert numbers(spanish) == numbers(english)


@each_paper
@each_language
def test_the_card_holds_every_word_of_its_catalogue_and_the_place_to_read_out(
    on: PaperName, language: Language
) -> None:
    words = LANGUAGES[language]
    text = text_of(print_cards([GYM], paper=on, language=language))
    for row in words.lamps.values():
        for said in (row.looks, row.means, row.act):
            assert said in text
    for said in (words.card_title, words.call, words.again, *words.call_when, words.unlisted):
        assert said in text
    for known in (words.mistake, words.drill, words.moved, GYM.address, GYM.room, GYM.site):
        assert known is not None
        assert known in text


def test_what_is_not_known_is_a_line_to_write_on() -> None:
    assert "Address: ____" in text_of(print_cards([NO_ADDRESS], paper="letter", language="en"))
    assert "Room: ____" in text_of(print_labels([BARE], paper="letter", language="en").pdf)


def test_the_network_page_names_hosts_ports_and_whom_to_call() -> None:
    pdf = print_network_page(
        site="Gym",
        buttons=30,
        brokers=endpoints(["mqtts://a.example", "wss://b.example/mqtt", "mqtts://[2001:db8::1]:9"]),
        server=server_of("https://tocsin.county.example:8443/"),
        office=OFFICE,
        today=date(2026, 11, 3),
        paper="letter",
        language="en",
    )
    text = text_of(pdf)
    for said in ("a.example 8883/tcp", "b.example 443/tcp", "2001:db8::1 9/tcp", "123/udp"):
        assert said in text
    for said in ("tocsin.county.example 8443/tcp", "tocsin-button doctor", "tocsin-button.local"):
        assert said in text
    for said in ("2026-11-03", "180 kbit/s for all", "(512) 555-0190", "captive portal", "SOCKS5"):
        assert said in text


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mqtts://127.0.0.1:8883", "this machine's own"),
        ("wss://localhost/mqtt", "this machine's own"),
        ("mqtt://broker.example", "no button's broker"),
        ("http://broker.example", "no button's broker"),
        ("mqtts://", "no button's broker"),
        ("mqtts://broker.example:99999", "no button's broker"),
    ],
)
def test_an_address_no_button_can_use_is_refused(url: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        endpoints([url])


def test_letters_of_latin_cyrillic_and_greek_are_printed() -> None:
    said = "Дом Ελλη Łódź Ñuñoa Đà Nẵng Hawai\N{MODIFIER LETTER TURNED COMMA}i Diné bizaad ő ő"
    text = text_of(print_labels([msgspec.structs.replace(GYM, room=said)],
                                paper="letter", language="en").pdf)  # fmt: skip
    assert paper.printable(said).split()[0] in text
    assert "Latin letters" not in text


@each_paper
@pytest.mark.parametrize(("language", "foot"), [("en", "Latin letters"), ("es", "letras latinas")])
def test_what_the_fonts_lack_is_marked_and_the_foot_of_its_sheet_says_so(
    on: PaperName, language: Language, foot: str
) -> None:
    odd = msgspec.structs.replace(GYM, room="投票 Hall")
    cards = print_cards([GYM, odd], paper=on, language=language)
    usual, marked = (text_of(cards, page) for page in (0, 1))
    assert "\ufffd\ufffd Hall" in marked
    assert foot in marked
    assert foot not in usual
    labels = print_labels([odd], paper=on, language=language).pdf
    stock = STOCKS[on]
    assert foot in text_of(labels)
    _, _, _, bottom = ink(labels, 0)
    last = stock.corner(stock.per_sheet - 1)[1] + stock.height
    # Below what is written on the lowest sticker, though on A4 within its edge.
    assert last - INSET <= PAPERS[on].height - paper.FOOT_UP - paper.FOOT_SIZE
    assert bottom <= PAPERS[on].height - MARGIN


def test_the_same_papers_are_the_same_bytes() -> None:
    assert network_page("a4", "es") == network_page("a4", "es")
    first, second = (print_labels([GYM], paper="a4", language="es").pdf for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("number", "written"), [("+15125550190", "(512) 555-0190"), ("+525512345678", "+525512345678")]
)
def test_a_number_is_written_as_people_dial_it(number: str, written: str) -> None:
    assert telephone(number) == written


def test_the_fonts_are_those_that_were_published_and_carry_their_licence() -> None:
    manifest = msgspec.json.decode((paper.FONTS / "VENDOR.json").read_bytes(), type=Manifest)
    files = {each.path: each.sha256 for package in manifest.packages for each in package.files}
    assert {*files, "VENDOR.json"} == {each.name for each in paper.FONTS.iterdir()}
    for name, digest in files.items():
        assert hashlib.sha256((paper.FONTS / name).read_bytes()).hexdigest() == digest
    assert "SIL Open Font License" in (paper.FONTS / "LICENSE.txt").read_text()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8480", "https://localhost", "http://tocsin.county.example"]
)
def test_a_server_that_no_board_could_ask_is_not_printed(url: str) -> None:
    assert server_of(url) is None
