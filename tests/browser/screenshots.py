"""Take a picture of every page and state, into a folder to look through.

Promises: everything in the pictures happened (see tour.py), once in each language. What is greyed
is what somebody sees who sees no colours.

    python -m tests.browser.screenshots build/screenshots
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from playwright.async_api import Page, ViewportSize, expect

from tests import parts
from tests.browser.desk import PHONE_PX, SCREEN_PX
from tests.browser.languages import ENGLISH, spanish
from tests.browser.tour import Stop, tour
from tests.walk.house import open_house

WALL_PX = ViewportSize(width=3840, height=2160)
ON_A_WALL = {"empty", "one", "many", "stale"}
AS_FAR_AS_SEEN = {"stale", "signed-out"}  # a frame stands around the window
WITHOUT_COLOURS = {"one", "drill", "many", "doubtful", "not-stored", "answer-drill"}


def main() -> None:
    """Take them all, and say where they are."""
    folder = Path(sys.argv[1])
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    expect.set_options(timeout=parts.WAIT_S * 1000)
    asyncio.run(_take_all(folder))
    print(f"{len(list(folder.iterdir()))} pictures in {folder}")


async def _take_all(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        async with (
            parts.own_postgres(Path(scratch, "p")) as postgres,
            parts.chromium() as chrome,
        ):
            for words in (ENGLISH, spanish()):
                home = Path(scratch, words.language)
                async with (
                    open_house(postgres, home) as house,
                    aclosing(tour(house, chrome, words)) as stops,
                ):
                    await _take_round(stops, folder, "" if words is ENGLISH else "-spanish")


async def _take_round(stops: AsyncGenerator[Stop, None], folder: Path, mark: str) -> None:
    number = 0
    async for stop in stops:
        number += 1
        whole = stop.name not in AS_FAR_AS_SEEN
        await _take(stop, folder / f"{number:02}-{stop.name}{mark}", whole=whole)


async def _take(stop: Stop, file: Path, *, whole: bool) -> None:
    """In the light and the dark, at a desk and on a phone; some on a wall, and without colours."""
    page = stop.page
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        for size, where in ((PHONE_PX, "phone"), (SCREEN_PX, "desk")):
            await _picture(page, size, Path(f"{file}-{where}-{theme}.png"), whole=whole)
    await page.emulate_media(color_scheme="light")
    if stop.name in ON_A_WALL:
        await _picture(page, WALL_PX, Path(f"{file}-wall.png"), whole=False)
    if stop.name in WITHOUT_COLOURS:
        tools = await page.context.new_cdp_session(page)
        grey = "Emulation.setEmulatedVisionDeficiency"
        await tools.send(grey, {"type": "achromatopsia"})
        await _picture(page, SCREEN_PX, Path(f"{file}-grey.png"))
        await tools.send(grey, {"type": "none"})
    await page.set_viewport_size(SCREEN_PX)


async def _picture(page: Page, size: ViewportSize, file: Path, *, whole: bool = True) -> None:
    await page.set_viewport_size(size)
    await page.evaluate("() => new Promise(requestAnimationFrame)")
    await page.screenshot(path=file, full_page=whole)


if __name__ == "__main__":
    main()
