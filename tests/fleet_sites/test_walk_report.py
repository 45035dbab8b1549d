"""The report of a walk test: what is not proven first, everything in its room, no formula."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pypdfium2
import pytest

from tests.fleet_sites.test_printing import LONG, MARGIN, OFFICE, ink, text_of
from tocsin_server.fleet.paper import PAPERS, PaperName
from tocsin_server.fleet.walk_report import (
    WalkReport,
    exact,
    file_name,
    print_walk_report,
    write_walk_csv,
)
from tocsin_server.fleet.walk_test import WalkButton, WalkState, WalkTest
from tocsin_server.fleet.words import LANGUAGES, Language

BEGAN = datetime(2026, 11, 3, 1, 2, 7, 123_456, tzinfo=UTC)  # the evening before, in Texas
HEAD = "0123456789abcdef" * 4
each_paper = pytest.mark.parametrize("on", ["letter", "a4"])
each_language = pytest.mark.parametrize("language", ["en", "es"])


def button(n: int, state: WalkState, **fields: object) -> WalkButton:
    pressed_at = BEGAN + timedelta(minutes=n)
    told, proven = state in {"pressed", "proven", "closed"}, state == "proven"
    usual: dict[str, object] = {
        "device_id": f"btn-{n:010}",
        "building": "Annex",
        "floor": "2",
        "room": "Gimnasio",
        "spot": f"Mesa {n}",
        "state": state,
        "condition": "ok",
        "firmware": "0.1.0",
        "alert_id": UUID(int=n) if told else None,
        "pressed_at": pressed_at if told else None,
        "received_at": pressed_at + timedelta(milliseconds=40) if told else None,
        "stored_ms": 1234 if told else None,
        "acknowledged_at": pressed_at + timedelta(seconds=75) if proven else None,
        "acknowledged_by": "José Núñez" if proven else None,
        "acknowledged_ms": 75_000 if proven else None,
        "closed_by": "Dana Ortiz" if state == "closed" else None,
    }
    return WalkButton(**(usual | fields))  # type: ignore[arg-type]


def report(*buttons: WalkButton, **fields: object) -> WalkReport:
    usual: dict[str, object] = {
        "walk_test_id": UUID(int=1),
        "site_id": UUID(int=2),
        "site": "Carver Library",
        "time_zone": "America/Chicago",
        "is_open": False,
        "opened_by": "Sam Novak",
        "opened_at": BEGAN,
        "closes_at": BEGAN + timedelta(minutes=40),
        "ended_by": "Maya Chen",
        "buttons": list(buttons),
    }
    walk_test = WalkTest(**(usual | fields))  # type: ignore[arg-type]
    as_of = BEGAN + timedelta(minutes=41)
    return WalkReport(office=OFFICE, walk_test=walk_test, as_of=as_of, head=HEAD)


EVERY_STATE = [
    button(1, "proven"),
    button(2, "not_pressed"),
    button(3, "not_pressed", condition="lost"),
    button(4, "pressed"),
    button(5, "closed"),
    button(6, "withdrawn"),
]


def pdf_of(of: WalkReport, on: PaperName = "letter", language: Language = "en") -> bytes:
    return print_walk_report(of, today=date(2026, 11, 3), paper=on, language=language)


def pages_of(pdf: bytes) -> int:
    with pypdfium2.PdfDocument(pdf) as document:
        return len(document)


@each_paper
@each_language
@pytest.mark.parametrize("count", [0, 1, 13, 14, 15, 60])
def test_nothing_is_printed_where_a_printer_can_not(
    on: PaperName, language: Language, count: int
) -> None:
    wide = button(99, "proven", room="M" * 200, spot=LONG, acknowledged_by="W" * 200)
    states = [button(n, "not_pressed" if n % 5 == 0 else "proven") for n in range(count)]
    for of in (report(*states), report(*states, wide, site="W" * 200, opened_by=LONG.strip())):
        pdf = pdf_of(of, on, language)
        for page in range(pages_of(pdf)):
            left, top, right, bottom = ink(pdf, page)
            assert left >= MARGIN
            assert top >= MARGIN
            assert right <= PAPERS[on].width - MARGIN
            assert bottom <= PAPERS[on].height - MARGIN
            number = LANGUAGES[language].walk.page.format(page=page + 1, pages=pages_of(pdf))
            assert number in text_of(pdf, page)


def test_sixty_buttons_are_each_in_it_once() -> None:
    pdf = pdf_of(report(*[button(n, "proven") for n in range(60)]))
    text = " ".join(text_of(pdf, page) for page in range(pages_of(pdf)))
    assert [text.count(f"btn-{n:010}") for n in range(60)] == [1] * 60
    assert text.count("Walked by") == 1
    assert f"Page {pages_of(pdf)} of {pages_of(pdf)}" in text


@each_language
def test_what_is_not_proven_stands_first_and_says_why(language: Language) -> None:
    words = LANGUAGES[language].walk
    text = text_of(pdf_of(report(*EVERY_STATE), language=language))
    assert words.some_proven.format(proven=1, all=6) in text
    for why in (
        words.not_pressed,
        words.not_connected,
        words.not_acknowledged,
        words.closed.format(by="Dana Ortiz"),
        words.withdrawn,
    ):
        assert text.index(why) < text.index("José Núñez")
    for said in ("1,234 ms", "1:15 min", "19:03:07", "19:04:22", HEAD, "--as-of"):
        assert said in text, said


def test_how_it_ended_is_said_as_it_was() -> None:
    for fields, said in (
        ({}, "ended 19:42:07 by Maya Chen"),
        ({"ended_by": None}, "its time was over"),
        ({"is_open": True}, "still open"),
    ):
        assert said in text_of(pdf_of(report(button(1, "proven"), **fields)))
    assert "All buttons proven: 1 of 1" in text_of(pdf_of(report(button(1, "proven"))))
    assert "no button at this site" in text_of(pdf_of(report()))


def test_the_same_report_is_the_same_bytes_and_is_named_after_site_and_day() -> None:
    of = report(*EVERY_STATE)
    assert pdf_of(of) == pdf_of(of)
    assert file_name(of, "pdf") == "walk-test-carver-library-2026-11-02.pdf"
    odd = msgspec.structs.replace(of.walk_test, site="«Ñandú»/../")
    assert file_name(msgspec.structs.replace(of, walk_test=odd), "csv").count("/") == 0


def test_the_csv_has_a_row_for_each_button_and_no_formula() -> None:
    formula = button(7, "proven", room="=1+1", spot="@SUM(A1)", acknowledged_by="-Núñez")
    text = write_walk_csv(report(*EVERY_STATE, formula, opened_by="+Sam"))
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row["result"] for row in rows] == [
        *("proven", "not pressed", "not pressed", "pressed", "closed", "withdrawn", "proven")
    ]
    first, last = rows[0], rows[-1]
    assert (first["on_server_ms"], first["acknowledged_ms"]) == ("1234", "75000")
    assert first["pressed_at"] == "2026-11-03T01:03:07.123Z"
    assert first["alert_id"] == str(UUID(int=1))
    assert (first["record_as_of"], first["record_head"]) == ("2026-11-03T01:43:07.123456Z", HEAD)
    assert (rows[2]["condition"], rows[4]["closed_by"]) == ("lost", "Dana Ortiz")
    shielded = [last["room"], last["spot"], last["acknowledged_by"], last["started_by"]]
    assert shielded == ["'=1+1", "'@SUM(A1)", "'-Núñez", "'+Sam"]
    assert datetime.fromisoformat(exact(BEGAN)) == BEGAN
