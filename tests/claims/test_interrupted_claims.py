"""Killed at any step, cut off at any byte: the same command again makes the one button."""

import asyncio
import tomllib
from pathlib import Path

import pytest

from tests.claims import killing
from tests.claims.board import Board
from tests.claims.front import front_of
from tests.claims.test_claiming import WHOLE
from tests.claims.test_redeeming import Desk, desk
from tocsin_button import asking, config, materials
from tocsin_button import claim as claiming
from tocsin_wire.signing import SigningKey

__all__ = ["desk"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def is_one_whole_button(desk: Desk, board: Board) -> None:
    """All files are there and nothing else, and the server knows this very button."""
    assert board.files() == WHOLE
    read = config.load(board.folder / "button.toml")
    materials.load(read)
    key = SigningKey.load(board.folder / "press.key").public.raw
    known = await desk.pool.fetch("SELECT device_id FROM device WHERE public_key = $1", key)
    assert [row["device_id"] for row in known] == [read.device_id]


async def test_killed_before_any_of_its_steps_the_same_command_makes_the_one_button(
    desk: Desk, folder: Path
) -> None:
    whole, code = Board(folder / "whole"), await desk.code()
    trace = folder / "trace"
    assert await killing.claim([code, "--server", desk.url], whole.folder, trace=trace) == 0
    steps = trace.read_text().splitlines()
    for name in WHOLE:
        assert any(each.endswith(f".{name}.new") for each in steps), name

    before = await desk.counts()
    for kill_at, step in enumerate(steps):
        board = Board(folder / f"b{kill_at}")
        words = [await desk.code(), "--server", desk.url]
        assert await killing.claim(words, board.folder, kill_at=kill_at) == -9, step
        assert not (board.folder / "button.toml").exists(), step
        assert await killing.claim(words, board.folder) == 0, step
        await is_one_whole_button(desk, board)
    after = await desk.counts()
    assert after[0] - before[0] == len(steps)
    print(f"killed before each of {len(steps)} steps")


@pytest.mark.parametrize(
    ("cut", "told"),
    [(0, "can't be reached"), (60, ""), (900, "cut off in the middle of its answer")],
)
async def test_an_answer_that_is_cut_off_is_told_and_the_same_command_makes_the_one_button(
    desk: Desk, folder: Path, cut: int, told: str
) -> None:
    board, code = Board(folder / "b"), await desk.code()
    before = await desk.counts()
    async with front_of(desk.url, cuts=[cut]) as url:
        words = (code, "--server", url, "--patience", "0")
        (await board.claim(*words)).refused(told, "the same code again", code=1)
        assert board.files() == {"press.key": 0o600, "client.key": 0o600}
        assert (await board.claim(*words)).code == 0
    await is_one_whole_button(desk, board)
    assert (await desk.counts())[0] == before[0] + 1


async def test_a_board_asks_again_by_itself_until_an_answer_comes_whole(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "AGAIN_S", 0.01)  # no test waits
    board, told = Board(folder / "b"), list[str]()
    async with front_of(desk.url, cuts=[0, 60, 400, 900, 2000]) as url:
        wanted = claiming.Wanted(
            code=await desk.code(), server=asking.Server(url), folder=board.folder
        )
        answer = await asyncio.to_thread(claiming.claim, wanted, say=told.append)
    await is_one_whole_button(desk, board)
    written = tomllib.loads((board.folder / "button.toml").read_text())
    assert written["device_id"] == answer.device_id
    assert any("cut off" in each for each in told)


async def test_two_claims_at_once_in_one_folder_never_mix_up_their_keys(
    desk: Desk, folder: Path
) -> None:
    board = Board(folder / "b")
    codes = [await desk.code() for _ in range(4)]
    before = await desk.counts()
    said = await asyncio.gather(*(board.claim(code, "--server", desk.url) for code in codes))
    assert sorted(each.code for each in said) == [0, 2, 2, 2]
    for each in said:
        assert not each.code or "another claim" in each.err or "button's already" in each.err
    await is_one_whole_button(desk, board)
    assert (await desk.counts())[0] == before[0] + 1
