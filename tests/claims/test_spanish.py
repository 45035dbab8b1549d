"""The set-up page in Spanish: every sentence that it can show, and the language that is chosen."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.claims.test_set_up_page import CODE, open_page
from tocsin_button import (
    asking,
    claim,
    diagnosis,
    setting_up,
    setup_page,
    setup_site,
    spanish,
    wording,
)
from tocsin_button.facts import Obstacle
from tocsin_button.setup_page import language_of
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet import redeem
from tocsin_wire import claims

# Of the doctor, who speaks English on a terminal: what a board that is no button yet isn't told.
ON_THE_TERMINAL = {
    *("diagnose", "_proxy", "_towards", "_mqtt", "_not_let_in", "_round_trip", "_untried"),
    "_worded",  # its words are in wording.py, and are looked at one by one
    *("read_claim_file", "consume"),  # of a file on the card
    *("serve", "_listen", "check_folder"),  # before there is a page
    *("_given", "redeem", "_make_button"),
}
LOGGED = {"a claim code that is none"}
NO_CODE = "no claim code: it has eight letters and digits, as 7K2M-X9QR"
# What is put together of parts, as a whole: each part is looked at here, and nowhere else.
COMPOSED: dict[str, tuple[str, ...]] = {
    "; 7 7 the server's": (
        "not known; 3 hours ahead of the server's",
        "8 days behind the server's",
    ),
    "ahead of": (),
    "the router 7 7": ("the router 10.0.0.1 answers",),
    "is named; it can't be asked": ("the router 10.0.0.1 is named; it can't be asked",),
    "who asks 7 for a page is sent to ": ("who asks a.example for a page is sent to b.example",),
    "a log-in page": ("who asks a.example for a page is sent to a log-in page",),
    f"7 {NO_CODE}": (f"'7K2M' is {NO_CODE}",),
    "nothing was given, which is": (f"nothing was given, which is {NO_CODE}",),
    "like that": (
        "There is no claim code like that: look at it again, or make a new code. Nothing was done.",
    ),
}
MODULES = (diagnosis, setting_up, asking, claim, claims, setup_site, setup_page, redeem)
EMPTY_OR_WORDS = ("_mac(", "_asked(", "since")  # of what is filled in, what may be nothing
OF_THE_PORT = (
    Obstacle.PROXY_FORBIDS,
    Obstacle.PROXY_CANNOT,
    Obstacle.REFUSED,
    Obstacle.SILENT,
    Obstacle.UNREACHABLE,
)
WORDS = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")


def sentences_of(module: ModuleType) -> Iterator[str]:
    """Every text of a module that reads as words, with `7` for whatever is filled in."""
    tree = ast.parse(inspect.getsource(module))
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name not in ON_THE_TERMINAL
    ]
    for function in functions:
        documented = ast.get_docstring(function, clean=False)
        inside = {
            id(part)
            for node in ast.walk(function)
            if isinstance(node, ast.JoinedStr)
            for part in ast.walk(node)
            if part is not node
        }
        for node in ast.walk(function):
            if id(node) in inside:
                continue
            text = _text(node)
            if text is None or text[:1] == "<" or text == documented or text in LOGGED:
                continue
            if WORDS.search(text):
                yield from COMPOSED.get(text, (text,))


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "" for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "" if ast.unparse(node.value).startswith(EMPTY_OR_WORDS) else "7"
    return None


def shown() -> Iterator[str]:
    for module in MODULES:
        yield from sentences_of(module)
    filled = dict.fromkeys(("host", "port", "at", "said", "proxy"), "7")
    for obstacle in OF_THE_PORT:
        detail, means, _, ask = wording.WORDS[obstacle]
        yield from (text.format(**filled) for text in (detail, means, ask) if text)
    yield from (wording.OF_A_SERVER, wording.CLOCK_OF_A_CLAIM, wording.SHEET)
    yield from ("link", "address", "gateway", "clock", "log-in page", "name a.example", "server a")
    yield from ("strong", "good", "weak", "very weak", "days", "hours", "minutes", "seconds")
    for head, more in setup_page._STEPS.values():
        yield from filter(None, (head, more))


ALL = sorted(set(shown()))


@pytest.mark.parametrize("english", ALL, ids=range(len(ALL)))
def test_every_sentence_of_the_page_is_there_in_spanish(english: str) -> None:
    assert spanish.spanish(english) != english


def test_no_sentence_is_there_for_nothing() -> None:
    said = "\n".join(ALL) + "\n".join(
        node.value
        for module in (*MODULES, wording)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    for english in spanish.sentences():
        longest = max(re.split(r"\{\w+\}|; ", english), key=len)
        assert longest.strip(" :()") in said, english


@pytest.mark.parametrize(
    ("english", "said"),
    [
        (
            "no cable in eth0, or it is dead at the other end; wlan0 has joined no Wi-Fi",
            "no hay cable en eth0, o no hay nada al otro extremo; wlan0 no está en ninguna red"
            " Wi-Fi",
        ),
        (
            "nothing listens at https://a.example: look at the address and the port, and whether"
            " the server runs. Nothing is lost: the keys made here are kept. Put that right, and"
            " give the same code again",
            "nada atiende en https://a.example: revise la dirección y el puerto, y si el servidor"
            " está funcionando. No se perdió nada: las claves creadas aquí se conservan. Corrija"
            " eso y dé el mismo código otra vez",
        ),
        (
            "Ask the network people for DHCP at this socket, and whether they must admit this board"
            " first (hardware address b8:27:eb:00:00:01)",
            "Pida a los encargados de la red DHCP en esta toma, y pregunte si antes deben admitir"
            " esta placa (dirección física b8:27:eb:00:00:01)",
        ),
        (
            "This claim code expired at 19:42 on 2026-11-02: make a new code.",
            "Este código de alta venció a las 19:42 del 2026-11-02: haga un código nuevo.",
        ),
        ("The server of next year says something new.",) * 2,
        ("It has moved", "It has moved"),
        ("x {7} y" * 200,) * 2,
    ],
)
def test_what_is_filled_in_is_said_too_and_what_is_not_known_stays(english: str, said: str) -> None:
    assert spanish.spanish(english) == said


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "es", "es"),
        ("", "es-MX,es;q=0.9,en;q=0.8", "es"),
        ("", "en-US,en;q=0.9,es;q=0.8", "en"),
        ("", "fr,es;q=0.5,en;q=0.4", "es"),
        ("", "es;q=0.2, en;q=0.7", "en"),
        ("", "de, fr", "en"),
        ("", "es;q=0", "en"),
        ("", ";;=q,es;q=x,,", "es"),
        ("en", "es", "en"),
        ("es", "en", "es"),
        ("de", "es", "es"),
    ],
)
def test_the_language_is_the_one_asked_for_else_the_one_the_browser_likes_best(
    asked: str, accepted: str, language: str
) -> None:
    assert language_of(asked, accepted) == language


async def test_a_browser_in_spanish_is_told_in_spanish_to_the_end_and_may_change_it(
    folder: Path,
) -> None:
    spoken = {"Accept-Language": "es-MX,es;q=0.9,en;q=0.8"}
    async with open_page(folder / "b") as (page, _):
        _, shown = await page.get(f"/?code={CODE}&server=https://a.example", **spoken)
        assert '<html lang="es">' in shown
        for said in ("Convierta esta placa en un botón", "Código de alta", "La red, como la ve"):
            assert said in shown
        assert f'href="/?lang=en&amp;code={CODE}&amp;server=https%3A%2F%2Fa.example"' in shown
        assert '<html lang="en">' in (await page.get("/?lang=en", **spoken))[1]
        _, refused = await page.claim("7K2M", "https://a.example", **spoken)
        assert "&#x27;7K2M&#x27; is no" not in refused
        assert "no es un código de alta: tiene ocho letras y cifras" in refused
        assert "Aquí hay una sola página" in (await page.get("/x", **spoken))[1]
        nowhere = f"https://127.0.0.1:{free_port()}"
        await page.claim(CODE, nowhere, **spoken)
        await page.until("That did not work")
        _, failed = await page.get("/?lang=es")
        for said in (
            "No funcionó",
            f"Nada atiende en {nowhere}",
            "rechaza el puerto",
            "Pida a los encargados de la red que permitan TCP",
            "tocsin site network-page",
        ):
            assert said in failed
        for english in ("Ask the network", "look at", "That did", "Nothing listens"):
            assert english not in failed
