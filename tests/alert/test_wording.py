"""What a text says: to be read on a lock screen, and paid for by the segment."""

from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin_server.alert import wording
from tocsin_server.alert.geotag import Place
from tocsin_server.demo.phone import segments

URL = "https://tocsin.county.example.org"
ALERT_ID = UUID("01a205a6-cd7e-7782-bfbc-a88146b836a1")
CLERK = Place(
    site="Travis County Clerk",
    building="Main building",
    floor="1",
    room="Front counter",
    spot="Counter 2",
    address="5501 Airport Blvd, Austin, TX 78751",
)
CURLY = "\u2019"
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)


def alert(
    *,
    place: Place = CLERK,
    kind: str = "duress",
    drill: bool = False,
    presses: int = 1,
    cancelled: bool = False,
    age_s: float = 7.4,
) -> wording.Alert:
    return wording.Alert(
        alert_id=ALERT_ID,
        kind=kind,
        drill=drill,
        code="4821",
        place=place,
        age_s=age_s,
        presses=presses,
        cancelled=cancelled,
        attempt=1,
    )


def test_a_page_says_what_where_when_and_how_to_answer() -> None:
    assert wording.page(alert(), public_url=URL).text == (
        "TOCSIN: DURESS at Counter 2, Front counter, floor 1, Main building, Travis County Clerk."
        " Pressed 7 s ago. Reply 4821 to take it."
    )


def test_a_drill_says_so_before_anything_else() -> None:
    assert wording.page(alert(drill=True), public_url=URL).text.startswith(
        "TOCSIN DRILL: DURESS at"
    )
    assert wording.has_it(alert(drill=True), by="Dana").text.startswith("TOCSIN DRILL: Dana has")


def test_further_presses_and_a_cancel_are_told_and_close_nothing() -> None:
    text = wording.page(alert(presses=3, cancelled=True), public_url=URL).text
    assert "pressed 3 times. Cancelled at the button; may be under coercion. Reply 4821" in text


def test_whoever_stands_down_learns_who_has_it() -> None:
    assert wording.has_it(alert(), by="Dana Ortiz").text == (
        "TOCSIN: Dana Ortiz has the duress at Counter 2, Front counter, floor 1, Main building, "
        "Travis County Clerk, 5501 Airport Blvd, Austin, TX 78751. Stand down."
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (0, "0 s"), (119.9, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h")],
)
def test_how_long_ago_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert wording.age(seconds) == said


def test_nobody_is_asked_to_reply_with_a_carriers_word() -> None:
    for text in (
        wording.page(alert(), public_url=URL).text,
        wording.has_it(alert(), by="Dana").text,
        wording.not_stored("duress", CLERK, drill=False, age_s=3).text,
    ):
        assert not {"reply stop", "reply cancel", "reply end", "reply quit"} & {
            " ".join(pair)
            for pair in zip(text.lower().split(), text.lower().split()[1:], strict=False)
        }


def test_a_place_that_nobody_knows_says_whom_to_call() -> None:
    assert "call your facilities staff" in wording.page(alert(place=Place()), public_url=URL).text


def test_a_long_place_loses_its_building_first_and_its_spot_next() -> None:
    long = Place(spot="S" * 40, room="R" * 40, building="B" * 60, site="T" * 60)
    assert wording.where(long) == f"{'S' * 40}, {'R' * 40}, {'T' * 60}"
    longer = Place(spot="S" * 60, room="R" * 80, building="B" * 60, site="T" * 60)
    text = wording.where(longer)
    assert "S" not in text
    assert len(text) <= wording.PLACE_CHARS_MAX


def test_what_people_type_in_latin_letters_is_sent_as_gsm_7() -> None:
    place = Place(site=f"Peña{CURLY}s Ánnex \u2014 Núñez Library\u2026", room="Salón 3")
    text = wording.page(alert(place=place), public_url=URL).text
    assert "Salon 3, Peña's Annex - Nuñez Library..." in text
    assert not set(text) - GSM_7


def test_a_name_in_another_script_is_not_made_unreadable() -> None:
    assert "投票所" in wording.page(alert(place=Place(site="投票所")), public_url=URL).text


latin = st.text(st.sampled_from("ABCabcNz 0123,.-'ñéúáíóüç\u2013\u2026" + CURLY), max_size=60)
places = st.builds(
    Place, site=latin, building=latin, floor=latin, room=latin, spot=latin, address=latin
)


DOTTED = "0" * 20 + "\u2026" * 2  # an ellipsis is three dots of GSM-7


@example(
    place=Place(site=DOTTED, building=DOTTED, floor=DOTTED, room=DOTTED, spot=DOTTED, address="1"),
    drill=False,
)
@given(place=places, drill=st.booleans())
def test_a_page_in_latin_letters_is_two_segments_at_most(place: Place, drill: bool) -> None:
    text = wording.page(alert(place=place, drill=drill), public_url=URL).text
    assert not set(text) - GSM_7
    assert len(wording.where(place)) <= wording.PLACE_CHARS_MAX
    assert segments(text) <= 2
    assert segments(text) == 1 or text.endswith(str(ALERT_ID))


@given(place=places, presses=st.integers(1, 99_999), kind=st.sampled_from(["duress", "assist"]))
def test_with_everything_that_can_be_said_it_is_three(
    place: Place, presses: int, kind: str
) -> None:
    text = wording.page(
        alert(place=place, presses=presses, cancelled=True, kind=kind, drill=True), public_url=URL
    ).text
    assert segments(text) <= 3
