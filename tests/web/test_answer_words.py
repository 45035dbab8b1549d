"""The page of a link says the same in each language, and nothing that somebody typed as markup."""

import re
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tocsin_server.alert.answer import Answering, Standing
from tocsin_server.alert.geotag import Place
from tocsin_server.alert.link_key import read_key, write_key
from tocsin_server.web import answer_page
from tocsin_server.web.answer_words import WORDS

AT = datetime(2026, 11, 3, 20, 2, 11, tzinfo=UTC)
OPEN = Answering(
    name="Dana Reyes",
    language="en",
    kind="duress",
    drill=False,
    place=Place(room="Room 104", floor="2", site="City Hall", time_zone="America/Chicago"),
    presses=1,
    cancelled=False,
    pressed_at=AT,
    age_s=42.9,
    standing="open",
)
TAKEN = replace(OPEN, standing="theirs", holder="Maya Chen", held_at=AT)


def shown(answering: Answering, *, passed_on: bool = False) -> str:
    return answer_page.show(answering, key="KEY", passed_on=passed_on)


def test_an_open_alert_says_what_where_and_how_long_ago_and_has_one_thing_to_tap() -> None:
    page = shown(OPEN)
    order = [
        *("<h1>Duress</h1>", "Room 104", "Floor 2, City Hall", "42 s", "14:02:11 CST"),
        *("Nobody has it yet.", 'action="/answer/KEY"', "I have it", 'action="/answer/KEY/pass"'),
    ]
    places = [page.index(each) for each in order]
    assert places == sorted(places)
    assert page.count("<button") == 2
    assert "DRILL" not in page


@pytest.mark.parametrize(
    ("standing", "says"),
    [
        ("yours", "You have it since 14:02:11 CST."),
        ("theirs", "Maya Chen has it since 14:02:11 CST."),
        ("resolved", "resolved at 15:02:11 CST."),
    ],
)
def test_an_alert_that_somebody_has_says_who_and_has_nothing_to_tap(
    standing: Standing, says: str
) -> None:
    resolved_at = AT + timedelta(hours=1) if standing == "resolved" else None
    page = shown(replace(TAKEN, standing=standing, resolved_at=resolved_at))
    assert says in page
    assert "<button" not in page
    assert "<form" not in page


@pytest.mark.parametrize(
    ("standing", "says", "taps"),
    [
        ("silent", "Maya Chen took it at 14:02:11 CST and does not answer any more.", 2),
        ("more_help", "Maya Chen has it since 14:02:11 CST and asks for more help.", 2),
        ("offered", "Maya Chen hands it to you.", 2),
        ("asked", "You have it since 14:02:11 CST. Do you still have it?", 1),
    ],
)
def test_an_alert_that_somebody_has_and_wants_others_for_can_be_taken(
    standing: Standing, says: str, taps: int
) -> None:
    page = shown(replace(TAKEN, standing=standing))
    assert says in page
    assert page.count("<button") == taps
    assert "{" not in page


def test_what_else_there_is_to_know_is_said() -> None:
    page = shown(replace(OPEN, drill=True, presses=3, cancelled=True), passed_on=True)
    assert page.index("DRILL. This is a practice") < page.index("<h1>")
    assert "Pressed 3 times." in page
    assert "may be under coercion" in page
    assert "You passed it on." in page
    assert "The place is not known" in shown(replace(OPEN, place=Place()))
    assert "20:02:11 UTC" in shown(replace(OPEN, place=Place(time_zone="Nowhere/Else")))
    assert "<h1>something_new</h1>" in shown(replace(OPEN, kind="something_new"))


def test_what_people_typed_is_no_markup() -> None:
    evil = "<img src=x onerror=alert(1)>"
    place = Place(room=evil, spot=evil, site=evil, address=evil, responding_agency=evil)
    for page in (
        shown(replace(OPEN, name=evil, place=place, kind=evil)),
        shown(replace(TAKEN, holder=evil)),
        answer_page.away("en", key=evil),
    ):
        assert "<img" not in page
        assert "&lt;img" in page


def test_each_language_says_the_same_with_the_same_blanks() -> None:
    english, spanish = (asdict(WORDS[language]) for language in ("en", "es"))
    assert english.pop("kinds").keys() == spanish.pop("kinds").keys()
    standings = english.pop("standing"), spanish.pop("standing")
    for name, text in english.items():
        blanks = [sorted(re.findall(r"\{\w+\}", each)) for each in (text, spanish[name])]
        assert blanks[0] == blanks[1], name
        assert spanish[name] != text, name
    for standing, (said, rest) in standings[0].items():
        for text, other in zip((said, rest), standings[1][standing], strict=True):
            assert bool(text) == bool(other), standing
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", other))


@pytest.mark.parametrize("language", ["en", "es"])
def test_each_page_is_of_its_language_and_for_no_index(language: str) -> None:
    assert answer_page.language_of(f"{language}-US,en;q=0.5") == language
    code = answer_page.language_of(language)
    pages = [shown(replace(OPEN, language=code)), answer_page.unknown(code)]
    pages += [answer_page.elsewhere(code), answer_page.away(code, key="KEY")]
    for page in pages:
        assert f'<html lang="{language}">' in page
        assert '<meta name="robots" content="noindex, nofollow" />' in page
        assert not re.search(r"https?://|<style|\sstyle=|\son\w+=|<script>", page)
    assert 'href="/answer/KEY"' in pages[-1], "to try again is to look again first"


def test_a_key_is_read_as_it_was_written_and_in_no_other_spelling() -> None:
    for _ in range(100):
        key = uuid4()
        text = write_key(key)
        assert len(text) == 22
        assert read_key(text) == key
    zero = write_key(UUID(int=0))
    assert read_key(f"{zero[:-1]}B") is None, "the same bytes, spelled otherwise"
    for wrong in ("", zero[:-1], f"{zero}A", f"{zero[:-1]}=", f"{zero[:-1]}+", f"{zero[:-1]}ñ"):
        assert read_key(wrong) is None
    assert read_key(str(UUID(int=0))[:22]) is None
