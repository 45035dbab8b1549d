"""`tocsin bench`: how fast is it here, against a floor measured in the same run?"""

import argparse

from tocsin_server.bench.run import add_arguments, run_bench


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_arguments(parser)
    parser.set_defaults(run=run_bench)
