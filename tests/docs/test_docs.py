"""The documents name what there is: files, sections, commands, options, targets, lamp patterns."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin_button import __main__ as button
from tocsin_button.lamp import (
    ARMED_BLIP,
    DRILL_INVERTED_S,
    DRILL_TURN_S,
    NEVER_S,
    SOS_AFTER_S,
    STEPS,
    Pattern,
    Step,
)
from tocsin_server import cli

ROOT = Path(__file__).parents[2]
PAGES = [path for folder in (ROOT, ROOT / "docs") for path in sorted(folder.glob("*.md"))]
PAPERS = [
    *sorted((ROOT / "broker_config").rglob("README.md")),
    *sorted((ROOT / "hardware").glob("*.md")),
]
DOCUMENTS = [*PAGES, *PAPERS]
POLL_WORKER = ROOT / "docs" / "poll_worker.md"
PRINTED_LINES_MAX = 46  # printed in 11 points on a Letter sheet it fills one, with nothing to spare
CONSOLE = ROOT / "server" / "tocsin_server" / "web" / "console"
DISPATCHER = ROOT / "docs" / "dispatcher.md"
WORDS_A_MINUTE = 230  # of somebody who reads to know it, not to skim it
PICTURE_MIN = 0.25

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"(?:firmware_py|broker_config|server|hardware|docs|tests)/[\w./-]*")
_TOP_LEVEL = ("README.md", "CHANGELOG.md", "LICENSE", "Makefile", "pyproject.toml")
_PARTS = re.compile(r"(?m)^\|(.+)\|$")


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=named)


def code_of(text: str) -> Iterator[str]:
    """Every line of code in a document, fenced or between backticks; continued lines joined."""
    for block in _FENCED.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from _CODE.findall(_FENCED.sub("", text))


def words_of(line: str) -> list[str]:
    """Give the words of a command line, from its program on; none where it can't be one."""
    line = re.sub(r"^sudo (-u \S+ )?", "", line.strip())
    program = line.split(" ")[0].rpartition("/")[2]
    if program not in {"tocsin", "tocsin-button", "make"}:
        return []
    return [program, *shlex.split(line, comments=True)[1:]]


def commands_of(document: Path) -> list[list[str]]:
    return [words for line in code_of(document.read_text()) if (words := words_of(line))]


def section_of(heading: str) -> str:
    """Give a heading's anchor, as a page of GitHub has it."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


@each_document
def test_every_link_leads_to_a_file_and_a_section_that_exist(document: Path) -> None:
    for link in _LINK.findall(document.read_text()):
        if link.startswith("https://"):
            continue
        path, _, section = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if section:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert section in {section_of(heading) for heading in headings}, link


@each_document
def test_every_file_named_in_code_exists(document: Path) -> None:
    for line in code_of(document.read_text()):
        for path in _FILE.findall(line):
            assert (ROOT / path.rstrip(".")).exists(), line
        if line in _TOP_LEVEL:
            assert (ROOT / line).exists(), line


@each_document
def test_every_command_exists_and_takes_the_options_it_is_shown_with(
    document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for program, *words in commands_of(document):
        if program == "make":
            continue
        leading = [*_leading(words)]
        with pytest.raises(SystemExit) as ended:
            (cli.main if program == "tocsin" else button.main)([*leading, "--help"])
        told = capsys.readouterr()
        assert ended.value.code == 0, (program, words, told.err)
        for option in (word for word in words if word.startswith("--")):
            assert option in told.out, (program, words)


def _leading(words: list[str]) -> Iterator[str]:
    """The command and, as long as it is a group, its action: `tocsin shift entry add`."""
    groups = {"jurisdiction", "person", "policy", "site", "device", "broker", "keys", "drill"}
    groups |= {"hook", "shift", "site maintenance", "shift entry", "person contact"}
    leading: list[str] = []
    for word in words:
        if word.startswith("-") or (leading and " ".join(leading) not in groups):
            return
        leading.append(word)
        yield word


@each_document
def test_every_make_target_exists(document: Path) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for program, *words in commands_of(document):
        if program == "make":
            assert words[0] in targets, words


def test_the_readme_names_both_commands_and_the_walk_in_its_order() -> None:
    text = (ROOT / "README.md").read_text()
    assert [words for words in commands_of(ROOT / "README.md") if words[0] == "make"][:2] == [
        ["make", "demo"],
        ["make", "test"],
    ]
    walk = text[text.index("## The walk of an alert") : text.index("### The laws")]
    steps = re.findall(r"^\| \*\*(\w+)\*\*", walk, re.MULTILINE)
    wanted = ["outbox", "link", "broker", "ingest", "geotag", "receipt", "screens", "escalate"]
    wanted += ["notify", "acknowledge", "latency"]
    assert [step for step in steps if step in wanted] == wanted


def test_the_readme_names_every_law_that_its_walk_rests_on() -> None:
    text = (ROOT / "README.md").read_text()
    laws = re.findall(r"^(\d+)\. ", text[text.index("### The laws") :], re.MULTILINE)
    assert laws == [str(number) for number in range(1, 14)]
    for row in _PARTS.findall(text[text.index("| step |") : text.index("### The laws")])[2:]:
        for law in row.rpartition("|")[2].split(","):
            assert law.strip() in laws, row


@pytest.mark.parametrize("document", PAGES, ids=named)
def test_who_reads_only_one_page_still_learns_what_it_is_not(document: Path) -> None:
    text = " ".join(document.read_text().split())
    assert "911" in text
    if document != POLL_WORKER:  # whoever is in danger needs the telephone, not a standard's name
        assert "(UL)" in text


def minutes_to_read(text: str) -> float:
    pictures = len(re.findall(r"\]\([^)\s]+\.png\)", text))
    said = re.sub(r"\]\([^)\s]+\)", "]", text)
    words = [word for word in said.split() if re.search(r"\w", word)]
    return len(words) / WORDS_A_MINUTE + pictures * PICTURE_MIN


def test_the_dispatchers_page_is_read_in_ten_minutes_and_what_comes_first_in_five() -> None:
    first, _, later = DISPATCHER.read_text().partition("\n## Look it up\n")
    assert "## Learn this first" in first
    assert minutes_to_read(first) <= 5
    assert minutes_to_read(first) + minutes_to_read(later) <= 10


def test_the_dispatchers_page_has_the_consoles_keys_in_its_order() -> None:
    shown = CONSOLE / "key-list.js"
    keys = re.findall(r'"(\w)"', " ".join(re.findall(r"keys: \[(.+?)\]", shown.read_text())))
    table = DISPATCHER.read_text().partition("\n### Keys\n")[2].partition("\n### ")[0]
    rows = [row.partition("|")[0] for row in _PARTS.findall(table)]
    assert [key for row in rows for key in _CODE.findall(row)] == [*keys, "?"]


def test_the_dispatchers_page_names_every_button_of_a_card_as_the_card_does() -> None:
    card = (CONSOLE / "alert-card.js").read_text()
    buttons = re.findall(r'said: t\("(.+?)"\)', card)
    assert {"Responding", "Escalate…"} < set(buttons)
    text = " ".join(DISPATCHER.read_text().split())
    assert [each for each in buttons if f"**{each}**" not in text] == []


def test_the_poll_workers_page_fits_one_sheet() -> None:
    lines = POLL_WORKER.read_text().splitlines()
    assert sum(1 + len(line) // 100 for line in lines) <= PRINTED_LINES_MAX


# What the page calls each pattern. A blink's length is judged below, not its exact numbers.
LAMP = {
    Pattern.ARMED: "off",
    Pattern.PRESSED: "fast blink",
    Pattern.SOS: "SOS",
    Pattern.STORED: "slow pulse",
    Pattern.ACKNOWLEDGED: "steady on",
    Pattern.RESPONDING: "double blink",
    Pattern.FAULT: "short blip every 2 seconds",
    Pattern.IDENTIFY: "one long, one short",
}


def lit(steps: tuple[Step, ...]) -> list[float]:
    return [seconds for seconds, is_lit in steps if is_lit]


def period(steps: tuple[Step, ...]) -> float:
    return sum(seconds for seconds, _ in steps)


def test_the_poll_workers_table_has_one_row_for_each_pattern_of_the_lamp() -> None:
    rows = re.findall(r"^\| \*\*(.+?)\*\*", POLL_WORKER.read_text(), re.MULTILINE)
    assert rows == [LAMP[pattern] for pattern in _in_the_pages_order()]
    assert set(LAMP) == set(Pattern)


def _in_the_pages_order() -> list[Pattern]:
    return [
        Pattern.ARMED,
        Pattern.PRESSED,
        Pattern.SOS,
        Pattern.STORED,
        Pattern.ACKNOWLEDGED,
        Pattern.RESPONDING,
        Pattern.FAULT,
        Pattern.IDENTIFY,
    ]


def test_the_lamp_does_what_the_poll_workers_page_says() -> None:
    assert STEPS[Pattern.ARMED] == ((NEVER_S, False),)
    assert STEPS[Pattern.ACKNOWLEDGED] == ((NEVER_S, True),)
    assert period(STEPS[Pattern.PRESSED]) <= 0.5
    assert len(lit(STEPS[Pattern.PRESSED])) == 1
    assert period(STEPS[Pattern.STORED]) >= 1.5
    assert len(lit(STEPS[Pattern.STORED])) == 1
    sos = lit(STEPS[Pattern.SOS])
    assert len(sos) == 9
    assert max(sos[:3] + sos[6:]) < min(sos[3:6])
    double = lit(STEPS[Pattern.RESPONDING])
    assert len(double) == 2
    assert double[0] == double[1]
    assert period(STEPS[Pattern.FAULT]) == pytest.approx(2.0)
    assert lit(STEPS[Pattern.FAULT])[0] <= 0.2
    long, short = lit(STEPS[Pattern.IDENTIFY])
    assert long > 2 * short


def test_the_times_on_the_poll_workers_page_are_the_lamps() -> None:
    text = " ".join(POLL_WORKER.read_text().split())
    assert f"nobody has received it for {SOS_AFTER_S:.0f} seconds" in text
    assert f"a faint blip every {period(ARMED_BLIP):.0f} seconds" in text
    assert f"turned over for the last of every {DRILL_TURN_S:.0f} seconds" in text
    assert DRILL_INVERTED_S == 1.0


def test_the_pictures_are_there_and_have_the_sizes_they_are_taken_in() -> None:
    for name, size in (("console.png", (1280, 800)), ("phone.png", (390, 844))):
        head = (ROOT / "docs" / name).read_bytes()[:24]
        assert head.startswith(b"\x89PNG")
        assert (int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) == size
