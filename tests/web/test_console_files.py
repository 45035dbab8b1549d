"""The pages' files keep what the page's security policy and slow lines ask of them."""

import re
from pathlib import Path

from tocsin_server.web import vendor

PAGES = [vendor.FOLDER.with_name(name) for name in ("console", "facilities", "people", "offline")]
CONSOLE = PAGES[0]
FIRST_LOAD_BYTES_MAX = 400_000


def sources(*suffixes: str) -> list[Path]:
    files = [path for page in PAGES for path in sorted(page.iterdir())]
    return [path for path in files if path.suffix in suffixes]


def test_no_page_asks_anything_of_another_host() -> None:
    for path in sources(".js", ".css", ".html"):
        assert not re.search(r"(https?|wss?)://", path.read_text()), path.name


def test_no_script_or_style_is_inline() -> None:
    for path in sources(".js", ".html"):
        assert not re.search(r"<style|\sstyle=|\son\w+=\"", path.read_text()), path.name
    for page in sources(".html"):
        for script in re.findall(r"<script[^>]*>(.*?)</script>", page.read_text()):
            assert not script


def test_what_the_server_says_is_never_read_as_markup() -> None:
    for path in sources(".js"):
        assert not re.search(r"unsafe|innerHTML|insertAdjacentHTML|outerHTML", path.read_text())


def test_every_imported_module_is_there() -> None:
    for path in sources(".js"):
        for name in re.findall(r"(?:from|import)\s*\(?\"(\.[^\"?]+)[\"?]", path.read_text()):
            assert (path.parent / name).resolve().is_file(), f"{path.name} imports {name}"


def test_the_first_load_without_the_map_is_light() -> None:
    shipped = [*CONSOLE.iterdir(), *(vendor.FOLDER / "lit").rglob("*.js")]
    assert sum(path.stat().st_size for path in shipped) < FIRST_LOAD_BYTES_MAX
