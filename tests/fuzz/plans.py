"""Every kind of file that may be brought as a floor plan, broken in every way that a line can.

Promise: what comes of one is a picture of ours, or one sentence that ends with what was changed:
nothing. Nothing else comes out of it, and it never takes long.
"""

import random
import time

from tests import drawings
from tests.fuzz.files import FilesTally
from tests.fuzz.hostile import mutated
from tocsin_server.errors import Invalid
from tocsin_server.fleet import redraw, redraw_child

KINDS = ("PNG", "PNG of 256 colours", "transparent PNG", "JPEG", "CMYK JPEG", "SVG", "PDF")


async def fuzz(*, seed: int, files: int = 0, until: float = 0.0) -> FilesTally:
    """Bring so many files, or until this moment of the monotonic clock."""
    chance, tally = random.Random(seed), FilesTally("plans")
    good = {kind: drawings.GOOD[kind]() for kind in KINDS}
    while tally.files.total() < files or time.monotonic() < until:
        kind = chance.choice(KINDS)
        tally.files[kind] += 1
        await _bring(kind, mutated(good[kind], chance), tally)
    return tally


async def _bring(kind: str, content: bytes, tally: FilesTally) -> None:
    began = time.monotonic()
    try:
        picture = await redraw.redraw(content, page=1)
        tally.taken += 1
        if max(picture.width, picture.height) > redraw_child.SIDE_MAX:
            tally.wrong.append(f"{kind}: {picture} of {content[:400]!r}")
    except Invalid as error:
        tally.refused += 1
        if not str(error).endswith(redraw.NOTHING_WAS_CHANGED):
            tally.wrong.append(f"{kind}: {error}")
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the finding)
        tally.wrong.append(f"{kind}: {error!r:.300} of {content[:400]!r}")
    if time.monotonic() - began > redraw.REDRAW_S_MAX:
        tally.wrong.append(f"{kind}: it took {time.monotonic() - began:.0f} s")
