"""What a board says when it can't become a button, and what it leaves behind."""

from pathlib import Path

import pytest

from tests.claims.board import Board
from tocsin_button.claim import consume, read_claim_file
from tocsin_button.errors import ClaimRefused
from tocsin_server.demo.postgres import free_port

CODE = "7K2M-X9QR"


@pytest.fixture
def board(folder: Path) -> Board:
    return Board(folder / "b")


async def test_a_server_that_is_not_there_is_asked_again_and_the_keys_are_kept(
    board: Board,
) -> None:
    nowhere = f"https://127.0.0.1:{free_port()}"
    said = await board.claim(CODE, "--server", nowhere, "--patience", "0")
    said.refused("nothing listens at", "the same code again", code=1)
    assert board.files() == {"press.key": 0o600, "client.key": 0o600}
    kept = {each.name: each.read_bytes() for each in board.folder.iterdir()}
    unknown = await board.claim(CODE, "--server", "https://no.invalid", "--patience", "0")
    unknown.refused("no.invalid can't be found", "DNS", code=1)
    assert {each.name: each.read_bytes() for each in board.folder.iterdir()} == kept


async def test_a_code_is_sent_to_nobody_who_could_be_overheard(board: Board) -> None:
    said = await board.claim(CODE, "--server", "http://tocsin.county.example")
    said.refused("not encrypted", "--insecure-http")
    (await board.claim("7K2M", "--server", "https://tocsin.county.example")).refused("eight")
    (await board.claim(CODE)).refused("--server", "--from FILE")
    assert board.files() == {}


async def test_a_folder_that_is_a_button_already_is_left_alone(board: Board) -> None:
    (board.folder / "button.toml").write_text("")
    said = await board.claim(CODE, "--server", "https://tocsin.county.example")
    said.refused("a button's already", "start over", "sudo rm")
    assert set(board.files()) == {"button.toml"}


@pytest.mark.parametrize(
    "content",
    [
        b"server = https://a.example\ncode = 7K2M-X9QR\n",
        b"\xef\xbb\xbfServer=\"https://a.example\"\r\n\r\nCODE = '7K2M-X9QR'\r\n",
        "# ours\r\nserver = \u201chttps://a.example\u201d\r\ncode=7K2M-X9QR".encode("utf-16"),
    ],
)
def test_a_claim_file_is_read_however_an_editor_saved_it(folder: Path, content: bytes) -> None:
    file = folder / "tocsin-claim.txt"
    file.write_bytes(content)
    assert read_claim_file(file) == ("https://a.example", "7K2M-X9QR")
    consume(file, server="https://a.example", device_id="btn-0123456789")
    assert "7K2M" not in file.read_text()
    with pytest.raises(ClaimRefused, match="says no code"):
        read_claim_file(file)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "says no server"),
        (b"server = https://a.example\n", "says no code"),
        (b"7K2M-X9QR", "line 1"),
        (b"x" * 5000, "more than two lines"),
    ],
)
def test_a_claim_file_that_is_none_says_what_it_lacks(
    folder: Path, content: bytes, why: str
) -> None:
    file = folder / "tocsin-claim.txt"
    file.write_bytes(content)
    with pytest.raises(ClaimRefused, match=why):
        read_claim_file(file)
