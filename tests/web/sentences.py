"""The sentences that pages say, as their sources have them: what a catalogue has to know."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

CALL = re.compile(r"\bt(?:Html)?\(\s*")
LITERAL = re.compile(r"""\s*\+?\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
END = re.compile(r"\s*[,)]")
DECLARED = "function "
IN_HTML = re.compile(r"<(\w+)[^>]*\sdata-said[^>]*>(.*?)</\1>", re.DOTALL)
NAME = re.compile(r"\{(\w+)\}")


class NotASentence(Exception):
    """Something is asked of the catalogue that nobody can translate ahead."""


def said_by(folder: Path) -> set[str]:
    """Every sentence that the page's own files may say. Raises NotASentence."""
    return {
        sentence
        for path in sorted(folder.iterdir())
        if path.suffix in (".js", ".html")
        for sentence in _said(path)
    }


def _said(path: Path) -> Iterator[str]:
    text = path.read_text()
    if path.suffix == ".html":
        yield from (" ".join(found[2].split()) for found in IN_HTML.finditer(text))
        return
    for call in CALL.finditer(text):
        if text[: call.start()].endswith(DECLARED):
            continue
        sentence, at = "", call.end()
        while literal := LITERAL.match(text, at):
            sentence += _read(literal[1])
            at = literal.end()
        if not sentence or not END.match(text, at):
            line = text.count("\n", 0, call.start()) + 1
            raise NotASentence(f"{path.name}:{line}: t() takes one whole sentence, written there")
        yield sentence


def _read(literal: str) -> str:
    within = literal[1:-1]
    if literal[0] == "'":
        within = within.replace("\\'", "'").replace('"', '\\"')
    read: str = json.loads(f'"{within}"')
    return read


def names_in(sentence: str) -> list[str]:
    """What is put into it."""
    return sorted(NAME.findall(sentence))
