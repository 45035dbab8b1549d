"""`tocsin device labels`, `device card`, `site network-page`: a new PDF, or one line that helps."""

from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.cli.terminal import Terminal

HALL, LOOSE = "btn-0123456789", "btn-9876543210"


class Printed(msgspec.Struct):
    file: str
    buttons: int
    sheets: int


def pdfs_in(folder: Path) -> list[Path]:
    return [*folder.glob("**/*.pdf")]


@pytest_asyncio.fixture
async def placed(terminal: Terminal) -> Terminal:
    """A site with one button in its hall, and another button that is nowhere yet."""
    await terminal.good("site", "add", "County Clerk", "--address", "5501 Airport Blvd, Austin")
    await terminal.good("site", "add", "Empty Gym")
    await terminal.good("device", "add", "--id", HALL, "--site", "County Clerk", "--room", "Hall")
    await terminal.good("device", "add", "--id", LOOSE)
    return terminal


async def test_each_paper_is_a_new_pdf_and_says_how_much_there_is(
    placed: Terminal, folder: Path
) -> None:
    said = (await placed.run("device", "labels", "--skip", "9", "--json")).read(Printed)
    assert said == Printed("labels.pdf", 2, 2)
    assert "1 card, one to a sheet" in await placed.good("device", "card", "--language", "es")
    out = await placed.good("device", "labels", HALL, "-o", "one.pdf", "--paper", "a4")
    assert "1 label on 1 sheet of Avery L7173; print it at 100 %" in out
    await placed.good(
        *("site", "network-page", "County Clerk", "--broker", "wss://broker.example/mqtt")
    )
    for name in ("labels.pdf", "card.pdf", "one.pdf", "network.pdf"):
        assert (folder / name).read_bytes().startswith(b"%PDF-")
    (await placed.run("device", "card")).refused("card.pdf", "there already", "-o")


async def test_what_can_not_be_printed_is_refused_and_no_file_is_left(
    placed: Terminal, folder: Path
) -> None:
    for words, why in (
        (("device", "labels", "btn-0000000000"), "tocsin device list"),
        (("device", "labels", "--site", "Nowhere"), "County Clerk"),
        (("device", "labels", "--site", "Empty Gym"), "no button to print for"),
        (("device", "labels", HALL, "--site", "County Clerk"), "not both"),
        (("device", "labels", "--skip", "10"), "0 to 9"),
        (("device", "labels", "-o", "nowhere/labels.pdf"), "nowhere"),
        (("device", "card", LOOSE), "tocsin device place"),
        (("site", "network-page", "Nowhere"), "County Clerk"),
        (("site", "network-page", "County Clerk"), "--broker"),
    ):
        (await placed.run(*words)).refused(why)
    assert pdfs_in(folder) == []


@pytest.mark.parametrize("option", [("--language", "fr"), ("--paper", "legal"), ("--skip", "x")])
async def test_what_nobody_prints_is_not_understood(
    bare: Terminal, option: tuple[str, str]
) -> None:
    (await bare.run("device", "labels", *option)).not_understood(option[0])
