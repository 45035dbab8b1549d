"""`--help` is enough to use a command: what it prints works, and it comes at once."""

import argparse
import re
import shlex
import subprocess
import sys

import pytest

from tocsin_server.cli import COMMANDS, _parser, main

HEAVY = ("asyncpg", "aiohttp", "alembic", "cryptography", "structlog", "twilio", "asyncio")

RUN_ON = {("serve",), ("broker", "follow")}  # and print nothing
CONFIGURE_NOTHING = {("init",), ("demo",), ("bench",), ("broker", "follow"), ("keys", "sign")}
CONFIGURE_NOTHING |= {("keys", "sign-update")}  # what it needs lies on the stick
CONFIGURE_NOTHING |= {("device", "claim-labels")}  # its codes are in its file alone


def actions_of(command: str) -> list[tuple[str, ...]]:
    """Give the words of a command, and of each of its actions."""
    found: list[tuple[str, ...]] = [(command,)]
    parser = _parser([command])
    for outer in parser._subparsers._group_actions if parser._subparsers else []:
        assert isinstance(outer, argparse._SubParsersAction)
        inner = outer.choices[command]._subparsers
        for group in inner._group_actions if inner else []:
            assert isinstance(group, argparse._SubParsersAction)
            found += [(command, action) for action in group.choices]
    return found


ALL = [words for command in COMMANDS for words in actions_of(command)]


def help_of(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("words", [(), *ALL], ids=" ".join)
def test_the_help_of_each_command_shows_an_example_that_is_understood(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = help_of(words, capsys)
    examples = re.findall(r"(?m)^example: tocsin (.*)$", shown)
    assert len(examples) == 1, shown
    typed = shlex.split(examples[0])
    assert tuple(typed[: len(words)]) == words
    assert callable(_parser(typed).parse_args(typed).run)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_whatever_prints_data_prints_it_as_json(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = help_of(words, capsys)
    group = "ACTION" in shown
    assert ("--json" in shown) == (not group and words not in {*RUN_ON, ("demo",)})
    assert ("--config" in shown) == (not group and words not in CONFIGURE_NOTHING)


@pytest.mark.parametrize(
    "words",
    [[], ["nonsense"], ["site"], ["site", "nonsense"], ["migrate", "--nonsense"], ["--nonsense"]],
    ids=" ".join,
)
def test_what_nobody_understands_ends_with_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: tocsin" in capsys.readouterr().err


def test_the_list_of_commands_comes_without_loading_any_of_them() -> None:
    script = f"""
import sys
from tocsin_server.cli import main
try:
    main(["--help"])
finally:
    print("loaded:", *[name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def test_it_says_which_release_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert re.fullmatch(r"tocsin \d+\.\d+\.\d+\n", capsys.readouterr().out)
