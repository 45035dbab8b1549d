"""What the server says is there in Spanish, in the shapes that its own sources have."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tocsin_server
import tocsin_wire
from tests.web.sentences import names_in
from tests.web.server_sentences import said_in, sentences_in, shape, told_in
from tests.web.test_catalogues import FOLDERS, catalogue
from tocsin_server.web import vendor

SERVER = vendor.FOLDER.with_name("server")
SOURCES = [Path(str(each.__file__)).parent for each in (tocsin_server, tocsin_wire)]
# What only whoever runs the server reads, in a terminal or a log, or a program.
IN_TERMINALS = {"bench", "cli", "demo", "hooks", "storage"} | {
    *("following", "labels", "network_page", "reconfigurations", "record", "redeem"),
    *("revocations", "routes", "site_files", "twilio_hooks", "updates"),
}
# What gets to a page by way of a table or a list.
WHOLLY_SAID = (
    *("faults", "synthetic", "alert/geotag", "alert/ingest", "channels/twilio_watch"),
    *("fleet/answering", "fleet/health", "fleet/moving", "fleet/redraw", "fleet/redraw_child"),
    "fleet/revocation",
    *("people/ending", "people/shifts"),
)


def sources() -> Iterator[Path]:
    for folder in SOURCES:
        yield from sorted(folder.rglob("*.py"))


def test_the_catalogue_knows_only_what_the_server_says() -> None:
    said = {each for path in sources() for each in said_in(path)}
    known = catalogue(SERVER)
    assert known
    assert not [each for each in known if shape(each) not in said], "nobody says these any more"
    assert len({shape(each) for each in known}) == len(known), "one shape, two translations"


def test_a_translation_has_the_same_gaps_and_the_same_ends() -> None:
    for english, spanish in catalogue(SERVER).items():
        assert names_in(english) == names_in(spanish), english
        assert len(set(names_in(english))) == len(names_in(english)), f"a gap twice: {english}"
        for end in (str.lstrip, str.rstrip):
            assert (end(english) == english) == (end(spanish) == spanish), f"a space: {english}"


def test_a_page_looks_for_as_many_sentences_at_once_as_any_key_has() -> None:
    page = (vendor.FOLDER.with_name("console") / "from-server.js").read_text()
    looked_for = re.search(r"SENTENCES_MAX = (\d+)", page)
    assert looked_for is not None
    longest = max(len(re.findall(r"[.!?] (?=\S)", each)) + 1 for each in catalogue(SERVER))
    assert longest == int(looked_for[1])


def test_no_key_is_all_gaps_which_everything_would_fit() -> None:
    bare = [each for each in catalogue(SERVER) if not re.search(r"\w|\[", shape(each))]
    assert not bare


def test_pages_that_say_the_same_say_it_alike() -> None:
    for english, spanish in catalogue(SERVER).items():
        for folder in FOLDERS:
            assert catalogue(folder).get(english, spanish) == spanish, english


def test_what_is_said_to_whoever_uses_a_page_is_there() -> None:
    known = {shape(each) for each in catalogue(SERVER)}
    missing = [
        f"{path.relative_to(SOURCES[0])}: {each}"
        for path in sorted(SOURCES[0].rglob("*.py"))
        if not IN_TERMINALS & set(path.relative_to(SOURCES[0]).with_suffix("").parts)
        for each in sorted(told_in(path) - known)
    ]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("module", WHOLLY_SAID)
def test_every_sentence_is_there_of_what_pages_show_by_itself(module: str) -> None:
    known = {shape(each) for each in catalogue(SERVER)}
    said = sentences_in(SOURCES[0] / f"{module}.py")
    assert said
    assert not sorted(said - known)
