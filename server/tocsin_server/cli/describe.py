"""How a command says what it does. Loaded for every `tocsin --help`, so it loads nothing itself."""

import argparse
import textwrap
from collections.abc import Callable

WIDTH = 80  # of what a terminal shows for certain

Run = Callable[[argparse.Namespace], int]


def describe(parser: argparse.ArgumentParser, what: str, example: str) -> None:
    """Say what a command does, and show one that works."""
    sentence = what[0].upper() + what[1:].removesuffix(".") + "."
    parser.description = textwrap.fill(sentence, WIDTH)
    # In one line, so that it can be copied as it stands.
    parser.epilog = f"example: {example}"
    # A shortened option would mean something else once another one begins alike.
    parser.allow_abbrev = False
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
