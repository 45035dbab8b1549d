"""The sentences that the server's sources have, by their shapes: what pages may get to show."""

import ast
import re
from pathlib import Path

GAP = re.compile(r"\{[^{}]*\}")
WORDS = re.compile(r"\w{2,} \w")
WHOLE = re.compile(r"(\{\}|[A-Z]).* .*\.$")
# What is said by one of these is said to whoever asked, or to everybody.
SAYS = {
    *("ApiError", "Busy", "Invalid", "NotFound", "Refused", "SignInRefused", "StartOver"),
    *("TooManyTries", "_refuse_role", "Fault", "Finding", "Problem"),
    *("text", "optional_text", "refuse"),
}

SAYS_OF_A_FILE = ("problems.add", "errors.add")  # many things have an add

_Said = ast.Constant | ast.JoinedStr


def shape(sentence: str) -> str:
    """Give it with every gap alike."""
    return GAP.sub("{}", sentence)


def said_in(path: Path) -> set[str]:
    """Give the shapes of everything that a module says."""
    return {_shape_of(each) for each in _strings(ast.parse(path.read_text()))}


def told_in(path: Path) -> set[str]:
    """Give the shapes of what it says to people: of two words at least, beside what is put in."""
    return {
        said
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and _says(call.func)
        for given in (*call.args, *(each.value for each in call.keywords))
        for said in map(_shape_of, _strings(given))
        if WORDS.search(said)
    }


def sentences_in(path: Path) -> set[str]:
    """Give the shapes of all whole sentences of a module, however they get to be said."""
    return {each for each in said_in(path) if WHOLE.match(each)}


def _strings(tree: ast.AST) -> list[_Said]:
    """Give them as they stand there: neither the pieces of one by themselves, nor docstrings."""
    walked = list(ast.walk(tree))
    joined = [node for node in walked if isinstance(node, ast.JoinedStr)]
    pieces = {id(each) for node in joined for each in node.values}
    pieces |= {id(node.value) for node in walked if isinstance(node, ast.Expr)}
    pieces |= {id(node.format_spec) for node in walked if isinstance(node, ast.FormattedValue)}
    return [
        node
        for node in walked
        if isinstance(node, ast.JoinedStr)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        if id(node) not in pieces
    ]


def _shape_of(said: _Said) -> str:
    if isinstance(said, ast.Constant):
        return shape(str(said.value))
    parts = (str(each.value) if isinstance(each, ast.Constant) else "{}" for each in said.values)
    return shape("".join(parts))


def _says(called: ast.expr) -> bool:
    return _name(called) in SAYS or ast.unparse(called).endswith(SAYS_OF_A_FILE)


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
