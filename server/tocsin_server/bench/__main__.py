"""`python -m tocsin_server.bench`: the benchmark without the rest of the command."""

import argparse
import sys

from tocsin_server.bench.run import add_arguments, run_bench

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tocsin bench", description="Measure this machine.")
    add_arguments(parser)
    sys.exit(run_bench(parser.parse_args()))
