"""The command `tocsin`."""

import sys

from tocsin_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
