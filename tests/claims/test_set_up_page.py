"""The board's own page: from a phone to a proven button, and closed to everybody else."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import gpiozero
import pytest
from playwright.async_api import Browser, expect

from tests.browser.desk import open_desk
from tests.claims import board as boards
from tests.claims.board import Said
from tests.claims.test_claiming import WHOLE, a_site, new_code
from tests.parts import SAM, WAIT_S, Walk, until_known
from tocsin_button import setup_site
from tocsin_button.errors import ClaimRefused
from tocsin_button.pins import Board
from tocsin_button.setting_up import SettingUp, read_typed
from tocsin_button.setup_site import Refused, Site, check_host, is_near
from tocsin_server.demo.postgres import free_port
from tocsin_server.demo.virtual_button import VirtualButton

CODE = "0H1J-2K3M"  # another than the example that stands in the empty field


class Page:
    """The page of a board, as whoever is in the same network reaches it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    async def get(
        self, path: str = "/", *, caller: str = "127.0.0.1", **headers: str
    ) -> tuple[int, str]:
        return await self._ask("GET", path, headers, caller=caller)

    async def claim(self, code: str, server: str, **headers: str) -> tuple[int, str]:
        """As a browser sends the form; it is led back to the page."""
        fields = {"code": code, "server": server}
        return await self._ask("POST", "/claim", {"Origin": self.url} | headers, fields)

    async def _ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        fields: dict[str, str] | None = None,
        *,
        caller: str = "127.0.0.1",
    ) -> tuple[int, str]:
        line = aiohttp.TCPConnector(local_addr=(caller, 0))
        async with (
            aiohttp.ClientSession(connector=line) as session,
            session.request(method, self.url + path, headers=headers, data=fields) as answer,
        ):
            return answer.status, await answer.text()

    async def say(self, sent: bytes) -> bytes:
        """Send what no browser does, and give all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        async with asyncio.timeout(WAIT_S):
            answer = await reader.read()
        writer.close()
        return answer

    async def until(self, word: str) -> str:
        """Look again, as the page itself does, until it says this."""
        async with asyncio.timeout(WAIT_S):
            while True:
                shown = (await self.get())[1]
                if word in shown:
                    return shown


@asynccontextmanager
async def open_page(folder: Path) -> AsyncIterator[tuple[Page, "asyncio.Task[bool]"]]:
    """The page of a board that is no button, and the task that ends when it closes."""
    boards.Board(folder)
    listener = socket.create_server(("127.0.0.1", 0))
    board = SettingUp(folder=folder, state_dir="state", patience_s=0.0)
    serving = asyncio.create_task(Site(board, minutes=60.0).run(listener))
    try:
        yield Page(folder, listener.getsockname()[1]), serving
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


@dataclass
class Silent:
    """A server that hears, and never says anything; it hangs up once it is `over`."""

    url: str
    asked: list[bytes]
    over: asyncio.Event


@asynccontextmanager
async def silent_server() -> AsyncIterator[Silent]:
    """A claim of it is under way until it is over, at the latest with the block."""
    over = asyncio.Event()
    asked: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(4))
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    try:
        yield Silent(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked, over)
    finally:
        over.set()
        server.close()


async def set_up(*words: str | Path) -> Said:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tocsin_button", "set-up", *map(str, words)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(WAIT_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


async def test_a_phone_makes_a_board_a_button_and_a_press_of_it_arms_it(
    walk: Walk, folder: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_site, "TOLD_S", 0.0)
    sam = await walk.screen(email=SAM.email)
    made = await new_code(sam, site_id=await a_site(sam), room="Gymnasium")
    async with open_page(folder / "b") as (page, serving):
        async with open_desk(browser, page.url, phone=True) as desk:
            phone, title = desk.page, desk.page.get_by_role("heading", level=1)
            become = phone.get_by_role("button", name="Make it a button")
            await phone.goto(f"{page.url}/?code={CODE}&server={walk.server.url}")
            await become.click()
            await expect(phone.get_by_role("alert")).to_contain_text("no claim code like that")
            assert CODE not in await phone.content()
            assert {each.name for each in page.folder.iterdir()} == {"press.key", "client.key"}
            assert await desk.fits_its_width()
            await phone.get_by_label("Claim code").fill(made.claim_file)
            await become.click()
            await expect(title).to_have_text("This board is a button now")
            button = VirtualButton(page.folder)
            for told in (button.device_id, "Gymnasium", "Wait until the lamp shows the drill"):
                await expect(phone.locator("main")).to_contain_text(told)
            assert await desk.fits_its_width()
        assert {each.name: each.stat().st_mode & 0o777 for each in page.folder.iterdir()} == WHOLE
        async with asyncio.timeout(WAIT_S):
            assert await serving
    await until_known(walk.server, {button.device_id})
    try:
        await button.start()
        await button.until(lambda state: state.drill)
        await button.press()
        alert = await sam.until_alert()
        await sam.acknowledge(alert)
        await button.until_lamp("acknowledged")
    finally:
        await button.stop()
    closed = await set_up("--folder", page.folder, "--port", str(page.port))
    closed.refused("is a button's already")


async def test_a_server_that_is_not_there_is_told_with_the_sentence_for_the_network_people(
    folder: Path,
) -> None:
    nowhere = f"https://127.0.0.1:{free_port()}"
    async with open_page(folder / "b") as (page, _):
        await page.claim(CODE, nowhere)
        shown = await page.until("That did not work")
        for told in (f"Nothing listens at {nowhere}", "the same code again", "refuses port"):
            assert told in shown
        assert "Ask the network people to allow outgoing TCP" in shown
        assert "tocsin site network-page" in shown


async def test_what_can_not_be_a_code_or_an_address_is_given_back_to_be_corrected(
    folder: Path,
) -> None:
    async with open_page(folder / "b") as (page, _):
        for code, server, why in (
            ("7K2M", "https://a.example", "eight letters and digits"),
            ("<b>", "https://a.example", "&lt;b&gt;"),
            (CODE, "", "address is missing"),
            (CODE, "http://a.example", "is not encrypted"),
            (CODE, "ftp://a.example", "is no server&#x27;s address"),
            (f"code = {CODE}", "", "What was pasted says no server"),
            ("x" * 700, "https://a.example", "is no claim code"),
        ):
            status, shown = await page.claim(code, server)
            assert status == 400
            assert why in shown
            assert "<b>&" not in shown
        shown = (await page.get(f"/?code={CODE}&server=https://a.example"))[1]
        assert shown.count(CODE) == 2  # in the form, and in the way to the other language
        assert CODE not in (await page.get())[1]
        assert [*page.folder.iterdir()] == []


async def test_nobody_but_our_own_page_called_by_a_local_name_is_listened_to(folder: Path) -> None:
    async with open_page(folder / "b") as (page, _):
        for status, asked in (
            (403, page.claim(CODE, "https://a.example", Origin="http://evil.example")),
            (403, page.claim(CODE, "https://a.example", Origin="null")),
            (
                403,
                page.claim(CODE, "https://a.example", Origin=f"http://127.0.0.1:{page.port + 1}"),
            ),
            (421, page.get(Host="evil.example")),
            (421, page.claim(CODE, "https://a.example", Host="evil.example")),
            (405, page.get("/claim")),
            (404, page.get("/button.toml")),
            (404, page.get("/../press.key")),
            (413, page.claim("x" * 9000, "https://a.example")),
            (200, page.get(Host="tocsin-button.local")),
        ):
            said, shown = await asked
            assert said == status, shown
            assert "Tocsin" in shown
        assert [*page.folder.iterdir()] == []


async def test_what_no_browser_sends_is_refused_or_cut_off(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_page(folder / "b") as (page, _):
        for lines, begins in (
            ("GET /", "HTTP/1.1 400"),
            ("GET / HTTP/1.1", "HTTP/1.1 400"),
            ("GET / HTTP/1.1|Host: a.local|Host: b.local", "HTTP/1.1 400"),
            ("POST /claim HTTP/1.1|Host: 127.0.0.1|Content-Length: x", "HTTP/1.1 400"),
            ("GET / HTTP/1.1|Host: 127.0.0.1|Transfer-Encoding: chunked", "HTTP/1.1 400"),
            ("GET / HTTP/1.1|X: " + "x" * 40_000, "HTTP/1.1 431"),
            ("\x16\x03\x01\x02\x00" + "\xff" * 40, "HTTP/1.1 400"),
        ):
            sent = lines.replace("|", "\r\n") + "\r\n\r\n"
            answer = await page.say(sent.encode("latin-1"))
            assert answer.decode().startswith(begins), (sent[:60], answer)
        monkeypatch.setattr(setup_site, "WITHIN_S", 0.5)  # nothing whole has to come within it
        for half in (
            b"GET / HT",
            b"POST /claim HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\ncode",
        ):
            assert await page.say(half) == b""


async def test_a_neighbour_who_opens_lines_and_says_nothing_keeps_nobody_out(folder: Path) -> None:
    async with open_page(folder / "b") as (page, _):
        silent = [await asyncio.open_connection("127.0.0.1", page.port) for _ in range(40)]
        async with asyncio.timeout(WAIT_S):
            await silent[-1][0].read()  # closed at once, as most of them
        assert (await page.get(caller="127.0.0.2"))[0] == 200
        for _, writer in silent:
            writer.close()


async def test_the_lamp_says_which_board_a_page_is_of_until_the_agent_needs_its_pin(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    switched = asyncio.Event()
    light = Board.light

    def seen(board: Board, lit: bool) -> None:
        light(board, lit)
        if lit:
            switched.set()

    monkeypatch.setattr(Board, "light", seen)
    async with open_page(folder / "b") as (page, _):
        assert "one long, one" in (await page.get())[1]
        async with asyncio.timeout(WAIT_S):
            await switched.wait()
        assert gpiozero.Device.pin_factory is not None
        async with silent_server() as server:
            assert "one long, one" not in (await page.claim(CODE, server.url))[1]
        await page.until("one long, one")
        (page.folder / "button.toml").write_text("")
    assert gpiozero.Device.pin_factory is None


async def test_a_board_without_pins_has_a_page_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "none-such")
    async with open_page(folder / "b") as (page, _):
        status, shown = await page.get()
        assert status == 200
        assert "one long, one" not in shown


async def test_of_two_who_claim_at_once_the_second_is_shown_the_claim_of_the_first(
    folder: Path,
) -> None:
    async with open_page(folder / "b") as (page, _):
        async with silent_server() as server:
            assert "Becoming a button" in (await page.claim(CODE, server.url))[1]
            shown = (await page.claim("0000-0000", "https://other.example"))[1]
            assert server.url in shown
            assert "other.example" not in shown
            server.over.set()
            await page.until("That did not work")
        assert server.asked.count(b"POST") == 1


async def test_the_page_closes_when_its_time_is_over_or_another_way_made_the_button(
    folder: Path,
) -> None:
    async with open_page(folder / "b") as (_page, serving):
        (folder / "b" / "button.toml").write_text("")
        async with asyncio.timeout(WAIT_S):
            assert await serving
    said = await set_up("--folder", folder / "b")
    said.refused("is a button's already", "start over")
    (folder / "c").mkdir()
    said = await set_up("--folder", folder / "c", "--port", str(free_port()), "--minutes", "0")
    assert said.code == 0
    assert "open http://" in said.err
    assert "the time is over, and this board is no button" in said.err


async def test_where_no_page_can_be_served_it_says_what_to_do(folder: Path) -> None:
    (await set_up("--folder", folder / "none")).refused("isn't there", "install -d")
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        (await set_up("--folder", folder, "--port", port)).refused("can't be opened", "--port")


@pytest.mark.parametrize(
    ("peer", "ours", "near"),
    [
        ("192.168.1.9", "192.168.1.20", True),
        ("10.9.8.7", "192.168.1.20", True),  # another part of the same house
        ("fe80::1", "fe80::2", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("2600:1700:1:2::9", "2600:1700:1:2::20", True),
        ("2600:1700:1:3::9", "2600:1700:1:2::20", False),
        ("8.8.8.8", "192.168.1.20", False),  # a port that somebody forwarded
        ("8.8.8.8", "8.8.8.20", True),  # a house with public addresses
        ("8.8.9.8", "8.8.8.20", False),
    ],
)
def test_only_neighbours_are_served(peer: str, ours: str, near: bool) -> None:
    assert is_near(ip_address(peer), ip_address(ours)) is near


@pytest.mark.parametrize(
    "name", ["tocsin-button.local", "[fe80::1]:80", "192.168.1.20", "LOCALHOST"]
)
def test_a_board_is_known_by_addresses_and_local_names(name: str) -> None:
    check_host(name)


@pytest.mark.parametrize(
    "name", ["", "evil.example", "local", "192.168.1.20.evil.example", "[", "a b"]
)
def test_a_name_that_a_name_server_may_lead_here_is_none_of_ours(name: str) -> None:
    with pytest.raises(Refused):
        check_host(name)


def test_both_lines_may_be_pasted_and_an_address_may_lack_its_beginning() -> None:
    assert read_typed(" 7k2m x9qr ", "a.example") == ("7k2m x9qr", "https://a.example")
    both = "server = https://a.example\r\ncode = 7K2M-X9QR\r\n"
    assert read_typed(both, "https://b.example") == ("7K2M-X9QR", "https://a.example")
    with pytest.raises(ClaimRefused, match="what was pasted, line 2"):
        read_typed("server = https://a.example\n7K2M-X9QR", "")
