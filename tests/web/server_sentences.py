"""The sentences that the server's sources have, by their shapes: what pages may get to show."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

GAP = re.compile(r"\{[^{}]*\}")
# What is said by one of these is said to whoever asked, or to everybody.
SAYS = {"ApiError", "Busy", "Fault", "Finding", "Invalid", "NotFound", "Refused", "SignInRefused"}

_Said = ast.Constant | ast.JoinedStr


def shape(sentence: str) -> str:
    """Give it with every gap alike."""
    return GAP.sub("{}", sentence)


def said_in(path: Path) -> set[str]:
    """Give the shapes of everything that a module says."""
    return {_shape_of(each) for each in _strings(ast.parse(path.read_text()))}


def told_in(path: Path) -> set[str]:
    """Give the shapes of what it says to people: with two words at least, literally."""
    return {
        found
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and _name(call.func) in SAYS
        for each in (*call.args, *(given.value for given in call.keywords))
        for said in _strings(each)
        if re.search(r"\w{2,} \w", found := _shape_of(said)) and not _is_put_in(said, each)
    }


def _strings(tree: ast.AST) -> Iterator[_Said]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node


def _is_put_in(said: _Said, within: ast.expr) -> bool:
    return any(
        said is not whole and any(said is each for each in ast.walk(whole))
        for whole in ast.walk(within)
        if isinstance(whole, ast.JoinedStr)
    )


def _shape_of(said: _Said) -> str:
    if isinstance(said, ast.Constant):
        return shape(str(said.value))
    parts = (str(each.value) if isinstance(each, ast.Constant) else "{}" for each in said.values)
    return shape("".join(parts))


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
