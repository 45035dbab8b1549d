"""What a page says in each language, for whoever looks for it there."""

import re
from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, Page, Route

from tests.web.sentences import NAME
from tests.web.test_catalogues import FOLDERS, catalogue
from tests.web.test_server_catalogue import SERVER
from tocsin_server.channels.channel import Language

BEGINS, ENDS = "⟦", "⟧"
MARKED = re.compile(f"{BEGINS}[^{BEGINS}{ENDS}]*{ENDS}")
WORD = re.compile(r"[^\W\d_]{3,}")
# All that is read or heard, of what is there to be seen.
HEARD = """() => {
  const said = [document.body.innerText, document.title];
  for (const name of ["aria-label", "title", "placeholder", "alt"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      if (element.checkVisibility()) said.push(element.getAttribute(name));
    }
  }
  return said;
}"""


@dataclass(frozen=True, slots=True)
class Words:
    """A language, and what its catalogues have for an English sentence. `marked`: visibly."""

    language: Language
    known: dict[str, str] = field(default_factory=dict)
    marked: bool = False

    @property
    def locale(self) -> str:
        return f"{self.language}-US"

    def __call__(self, english: str, **values: str) -> str:
        said = self.known.get(english, english)
        return said.format(**values) if values else said

    async def prepare(self, context: BrowserContext) -> None:
        """Give a window the marked catalogues, where they are to be."""
        if self.marked:
            await context.route(f"**/{self.language}.json", _marked)


ENGLISH = Words("en")


def spanish(*, marked: bool = False) -> Words:
    """Give the words of all pages."""
    known = {english: said for folder in FOLDERS for english, said in catalogue(folder).items()}
    if marked:
        known = {english: f"{BEGINS}{said}{ENDS}" for english, said in known.items()}
    return Words("es", known, marked)


def _without_marked(said: str) -> str:
    """What is marked may have marked words put in."""
    rest = MARKED.sub(" ", said)
    return said if rest == said else _without_marked(rest)


async def _marked(route: Route) -> None:
    folder = route.request.url.split("/")[-2]
    said = catalogue(next(each for each in (*FOLDERS, SERVER) if each.name == folder))
    marked = {english: f"{BEGINS}{words}{ENDS}" for english, words in said.items()}
    await route.fulfill(json=marked)


async def unmarked_on(page: Page) -> list[str]:
    """Give the lines that a marked page says beside its catalogues: data, or forgotten words."""
    lines = []
    for said in await page.evaluate(HEARD):
        lines += [line.strip() for line in _without_marked(said).splitlines() if line.strip()]
    return lines


def english_in(line: str, *, data: str) -> list[str]:
    """Give the words of a line that pages say in English alone, and that are no data."""
    known = {**spanish().known, **catalogue(SERVER)}
    english = {word for each, said in known.items() for word in words_in(each) - words_in(said)}
    return sorted(words_in(line) & english - words_in(data))


def words_in(text: str) -> set[str]:
    """Give them in small letters, without what is put in."""
    return {word.lower() for word in WORD.findall(NAME.sub(" ", text))}
