"""What the server says in words of its own, and pages say in Spanish, it still says like that."""

import re

import pytest

from tocsin_server.web import vendor

SERVER = vendor.FOLDER.parents[1]
SAID = "\n".join(path.read_text() for path in sorted(SERVER.rglob("*.py")))


@pytest.mark.parametrize(("page", "table"), [("people", "REASONS"), ("account", "REFUSALS")])
def test_the_server_still_says_what_a_page_knows_by_its_words(page: str, table: str) -> None:
    words = vendor.FOLDER.with_name(page).joinpath("words.js").read_text()
    known = re.findall(r'^  "(.+?)": ', words.partition(f"const {table} = {{")[2], re.MULTILINE)
    assert known
    for each in known:
        assert f'"{each}"' in SAID, each
