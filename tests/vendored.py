"""The JavaScript of others that the tests alone need, kept beside them as the pages keep theirs.

python -m tests.vendored
"""

from pathlib import Path

from tocsin_server.web.vendor import Pin, vendor

FOLDER = Path(__file__).with_name("vendor")
PINS = (
    # Judges a page by the rules of WCAG.
    Pin(
        name="axe-core",
        version="4.14.1",
        licence="MPL-2.0",
        folder="axe",
        files=("axe.min.js", "LICENSE-3RD-PARTY.txt"),
    ),
)

if __name__ == "__main__":
    vendor(PINS, FOLDER)
