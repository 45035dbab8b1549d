"""Every sentence of every page is there in Spanish, and nothing else is."""

import json
from pathlib import Path

import pytest

from tests.web.sentences import NotASentence, names_in, said_by
from tocsin_server.web import vendor

PAGES = ("account", "console", "facilities", "kiosk", "offline", "people")
FOLDERS = [vendor.FOLDER.with_name(name) for name in PAGES]
# What is the same in both languages.
SAME = {
    "Tocsin",
    "Wi-Fi",
    "GPS",
    "PIN",
    "No",
    "no",
    "Error",
    "Real",
    "Total",
    "Normal",
    "supervisor",
    "auditor",
}


def catalogue(folder: Path) -> dict[str, str]:
    path = folder / "es.json"
    read: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return read


@pytest.mark.parametrize("folder", FOLDERS, ids=PAGES)
def test_every_sentence_of_a_page_is_there_in_spanish_and_no_other(folder: Path) -> None:
    said, known = said_by(folder), catalogue(folder)
    missing = sorted(said - known.keys())
    assert not missing, "\n".join(json.dumps(each, ensure_ascii=False) for each in missing)
    assert not sorted(known.keys() - said), "nobody says these any more"


@pytest.mark.parametrize("folder", FOLDERS, ids=PAGES)
def test_a_translation_has_the_same_gaps_and_the_same_ends(folder: Path) -> None:
    for english, spanish in catalogue(folder).items():
        assert names_in(english) == names_in(spanish), english
        for end in (str.lstrip, str.rstrip):
            assert (end(english) == english) == (end(spanish) == spanish), f"a space: {english}"
        assert spanish != english or english in SAME, english


def test_pages_that_share_a_sentence_say_it_alike() -> None:
    said: dict[str, str] = {}
    for folder in FOLDERS:
        for english, spanish in catalogue(folder).items():
            assert said.setdefault(english, spanish) == spanish, english


@pytest.mark.parametrize("source", ["t(word)", 't("Call " + who)', "t(`a ${b}`)"])
def test_a_sentence_that_nobody_can_translate_ahead_is_told(source: str, tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text(f"const a = {source};\n")
    with pytest.raises(NotASentence, match=r"page\.js:1"):
        said_by(tmp_path)


def test_sentences_are_read_in_every_way_that_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text(
        't("One"), tHtml(\n  "Two {name}, " +\n    "and on", { name }), t(\'say "no"\'), got("x")'
    )
    (tmp_path / "index.html").write_text("<p data-said>\n  Starting.\n  Wait.\n</p>")
    assert said_by(tmp_path) == {"One", "Two {name}, and on", 'say "no"', "Starting. Wait."}
