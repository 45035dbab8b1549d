"""By HTTPS, as boards really ask: the right server, and every kind of a wrong one."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.claims.board import Board
from tests.claims.front import certificate, front_of
from tests.claims.test_claiming import WHOLE
from tests.claims.test_redeeming import Desk, desk
from tocsin_button import clock
from tocsin_button.asking import Server
from tocsin_button.claim import Wanted, claim
from tocsin_button.errors import ClaimRefused
from tocsin_server.fleet.certificates import VALID, Authority

__all__ = ["desk"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEYS = {"press.key": 0o600, "client.key": 0o600}


@pytest.fixture
def authority(folder: Path) -> Authority:
    """The county's own, as a file that a board is given."""
    county = Authority.create("Travis County IT", now=datetime.now(UTC) - 2 * VALID)
    county.save(folder / "county.crt", folder / "county.key")
    return county


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board whose clock the network has set, whatever this machine's is."""
    monkeypatch.setattr(clock, "clock_synced", lambda: True)


async def test_a_board_is_a_button_of_the_server_that_its_countys_authority_certified(
    desk: Desk, folder: Path, authority: Authority
) -> None:
    context = certificate(folder / "f", authority, names=["127.0.0.1"], now=datetime.now(UTC))
    board, code = Board(folder / "b"), await desk.code()
    async with front_of(desk.url, context=context) as url:
        said = await board.claim(code, "--server", url, "--ca-file", folder / "county.crt")
        assert (said.code, said.err) == (0, ""), said
        assert board.files() == WHOLE
        # The system's own authorities, as most boards go by.
        other, code = Board(folder / "c"), await desk.code()
        known = {"SSL_CERT_FILE": str(folder / "county.crt")}
        assert (await other.claim(code, "--server", url, environment=known)).code == 0


@dataclass(frozen=True, slots=True)
class Wrong:
    """A server that is not the right one, and what is said of it."""

    told: tuple[str, ...]
    name: str = "127.0.0.1"
    age: timedelta = timedelta()
    by_county: bool = True


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong(("doesn't know", "--ca-file", "in between"), by_county=False),
        Wrong(("isn't valid on", "tell who runs the server"), age=VALID),
        Wrong(("isn't valid on", "takes for today"), age=timedelta(days=-9)),
        Wrong(("is for another name", "gave you"), name="tocsin.county.example"),
    ],
    ids=["another authority", "expired", "not yet valid", "another name"],
)
@pytest.mark.usefixtures("synced")
async def test_a_server_that_is_not_the_right_one_gets_no_code_and_the_board_says_why(
    desk: Desk, folder: Path, authority: Authority, wrong: Wrong
) -> None:
    then = datetime.now(UTC) - wrong.age
    by = authority if wrong.by_county else Authority.create("A web filter", now=then)
    context = certificate(folder / "f", by, names=[wrong.name], now=then)
    board, code = Board(folder / "b"), await desk.code()
    before = await desk.counts()
    async with front_of(desk.url, context=context) as url:
        server = Server(url, ca_file=folder / "county.crt")
        wanted = Wanted(code=code, server=server, folder=board.folder)
        with pytest.raises(ClaimRefused) as refused:
            await asyncio.to_thread(claim, wanted, say=lambda _: None)
    sentence = str(refused.value)
    for words in (url, *wrong.told):
        assert words in sentence
    assert code not in sentence
    assert board.files() == KEYS
    assert await desk.counts() == before
    assert (await board.claim(code, "--server", desk.url)).code == 0  # it was not spent
