"""`tocsin demo`: a whole Tocsin on one machine."""

import argparse
import asyncio
from pathlib import Path

from tocsin_server.demo.example import BUTTONS_MAX
from tocsin_server.demo.run import run_demo
from tocsin_server.logging import configure


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("tocsin-demo"),
        metavar="DIR",
        help="where its data is kept between starts (default: %(default)s)",
    )
    parser.add_argument("--port", type=int, default=8480, help="(default: %(default)s)")
    parser.add_argument(
        "--buttons",
        type=int,
        default=3,
        metavar="N",
        help=f"how many virtual buttons, up to {BUTTONS_MAX} (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until Ctrl-C. Only warnings are logged: a visitor is told what matters."""
    out = configure(default_level="WARNING")
    try:
        return asyncio.run(run_demo(data=options.data, port=options.port, buttons=options.buttons))
    finally:
        out.close()
