"""Spanish: what the set-up page says, to a browser that asks for it.

Promise: pure. A sentence is found by its English, in which `{…}` stands for what is filled in: a
word without spaces, unless its name is in `_WIDE`. What is filled in may be a sentence itself, and
several of them may stand together, parted by semicolons.

Refused: guessing. Whatever isn't here, such as the words of a newer server, is given as it came.
"""

import re
from functools import cache
from pathlib import Path

TEXT_CHARS_MAX = 1000  # the longest of ours, twice; a server may say what it likes

_FILE = Path(__file__).with_name("setup_page.es.txt")

_WIDE = {
    "addresses": r"[0-9A-Fa-f.:%, ]+",
    "mac": r"(?: \(hardware address [0-9A-Fa-f:, ]+\))?",
    "servers": r"(?: \([0-9A-Fa-f.:%, ]+\))?",
    "at": r"\S+(?: \([0-9A-Fa-f.:%, ]+\))?",
    "since": r"(?: since .+)?",
    "some": r"(?:(?!; ).)+",
}
_FILLED = re.compile(r"\{(\w+)\}")


@cache
def sentences() -> dict[str, str]:
    """Read the catalogue: each sentence in English, and under it in Spanish."""
    found = {}
    for block in _FILE.read_text(encoding="utf-8").split("\n\n"):
        if not block.startswith("#"):
            english, said = block.strip("\n").split("\n")
            found[english] = said
    return found


def spanish(text: str) -> str:
    """Say it in Spanish, or as it is where nobody has written how."""
    known = sentences()
    if text in known:
        return known[text]
    if len(text) > TEXT_CHARS_MAX:
        return text
    for pattern, template in _patterns():
        if found := pattern.fullmatch(text):
            return template.format(
                **{name: spanish(said) for name, said in found.groupdict().items()}
            )
    parts = text.split("; ")
    return "; ".join(map(spanish, parts)) if len(parts) > 1 else text


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Give the sentences that something is filled into; what says most of itself comes first."""
    known = sentences()
    filled = [english for english in known if _FILLED.search(english)]
    filled.sort(key=lambda english: len(_FILLED.sub("", english)), reverse=True)
    return [(_pattern(english), known[english]) for english in filled]


def _pattern(english: str) -> re.Pattern[str]:
    parts = _FILLED.split(english)  # text, name, text, …
    for index in range(1, len(parts), 2):
        name = parts[index]
        parts[index] = f"(?P<{name}>{_WIDE.get(name, r'[^ ]+')})"
    for index in range(0, len(parts), 2):
        parts[index] = re.escape(parts[index])
    return re.compile("".join(parts))
