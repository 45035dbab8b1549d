"""What the server says is there in Spanish, in the shapes that its own sources have."""

from collections.abc import Iterator
from pathlib import Path

import tocsin_server
import tocsin_wire
from tests.web.server_sentences import said_in, shape, told_in
from tests.web.sentences import names_in
from tests.web.test_catalogues import catalogue
from tocsin_server.web import vendor

SERVER = vendor.FOLDER.with_name("server")
SOURCES = [Path(str(each.__file__)).parent for each in (tocsin_server, tocsin_wire)]
# What only whoever runs the server reads, in a terminal or a log.
IN_TERMINALS = {"bench", "cli", "demo", "hooks", "storage"}


def sources() -> Iterator[Path]:
    for folder in SOURCES:
        yield from sorted(folder.rglob("*.py"))


def test_the_catalogue_knows_only_what_the_server_says() -> None:
    said = {each for path in sources() for each in said_in(path)}
    known = catalogue(SERVER)
    assert known
    assert not [each for each in known if shape(each) not in said], "nobody says these any more"


def test_a_translation_has_the_same_gaps_and_the_same_ends() -> None:
    for english, spanish in catalogue(SERVER).items():
        assert names_in(english) == names_in(spanish), english
        assert len(set(names_in(english))) == len(names_in(english)), f"a gap twice: {english}"
        for end in (str.lstrip, str.rstrip):
            assert (end(english) == english) == (end(spanish) == spanish), f"a space: {english}"
