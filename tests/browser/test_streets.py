"""A county's own streets under the sites: drawn where there is a map of them, missed where not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests import street_maps
from tests.browser.desk import SHOWN_MS, Desk, open_desk
from tests.browser.room import people_page, wall_of
from tests.walk.house import House, open_house, until
from tocsin_server.demo import example
from tocsin_server.demo.postgres import EmbeddedPostgres

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILE = "county.pmtiles"
WHOSE = "© OpenStreetMap contributors, openstreetmap.org/copyright"
TILES = "/api/v1/map/streets.pmtiles"
# How light what is drawn is, from 0 to 255, the commonest first: the land, then its roads.
SHADES = """tiles => {
  const counts = new Map();
  for (const tile of tiles.filter(({ width }) => width)) {
    const { data } = tile.getContext("2d").getImageData(0, 0, tile.width, tile.height);
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] < 255) continue;
      const shade = Math.round((data[at] + data[at + 1] + data[at + 2]) / 3);
      counts.set(shade, (counts.get(shade) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, one], [, other]) => other - one).map(([shade]) => shade);
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole_house(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A system that names a map of streets."""
    async with open_house(postgres, tmp_path_factory.mktemp("h"), streets=FILE) as house:
        yield house


@pytest.fixture
def file(whole_house: House) -> Path:
    return street_maps.write(whole_house.walk.deployment.folder / FILE)


@pytest.fixture
def no_file(file: Path) -> Path:
    file.unlink()
    return file


async def shades(desk: Desk) -> list[int]:
    tiles = desk.said("map").locator(".leaflet-tile-pane canvas")
    found: list[int] = await tiles.evaluate_all(SHADES)
    return found


async def until_drawn(desk: Desk, *, dark: bool) -> None:
    """Land of the page's own theme, and something on it."""

    async def drawn() -> bool:
        land, *others = await shades(desk) or [128]
        return bool(others) and (land < 100 if dark else land > 155)

    await until(drawn)


async def outlines_are_there(desk: Desk) -> None:
    panel = desk.said("map")
    await expect(panel.locator(".leaflet-overlay-pane canvas")).to_be_visible(timeout=SHOWN_MS)
    await expect(panel.locator(".pin")).to_have_count(len(example.SITES))


async def test_streets_are_drawn_below_the_sites_in_either_theme(
    file: Path, house: House, chrome: Browser
) -> None:
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.sign_in()
        await until_drawn(desk, dark=False)
        await outlines_are_there(desk)
        await expect(desk.page.locator(".side.map")).to_contain_text(WHOSE)
        await expect(desk.said("streets-missing")).to_have_count(0)
        await desk.page.emulate_media(color_scheme="dark")
        await until_drawn(desk, dark=True)
        parts = [each for each in desk.requests if each.url == f"{desk.url}{TILES}"]
        assert parts
        for each in parts:
            assert await each.header_value("Range")


async def test_a_wall_shows_them_too(file: Path, house: House, chrome: Browser) -> None:
    async with people_page(house, chrome) as maya, wall_of(maya, chrome, "By the door") as wall:
        await until_drawn(wall, dark=False)
        await outlines_are_there(wall)


async def test_without_the_file_the_outlines_stay_and_the_map_says_so(
    no_file: Path, house: House, chrome: Browser
) -> None:
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.sign_in()
        await expect(desk.said("streets-missing")).to_be_visible(timeout=SHOWN_MS)
        await outlines_are_there(desk)
        await expect(desk.page.locator(".side.map")).not_to_contain_text("OpenStreetMap")
        assert await shades(desk) == []


async def test_tiles_that_can_t_be_read_are_missed_too(
    file: Path, house: House, chrome: Browser
) -> None:
    street_maps.write(file, tile=b"no tile at all")
    async with open_desk(chrome, house.walk.server.url) as desk:
        await desk.sign_in()
        await expect(desk.said("streets-missing")).to_be_visible(timeout=SHOWN_MS)
        await outlines_are_there(desk)
        await expect(desk.page.locator(".side.map")).to_contain_text(WHOSE)
        # The library says so on its own, to whoever looks into the browser: of each tile.

        async def said() -> bool:
            return bool(desk.complaints)

        await until(said)
        await desk.page.goto("about:blank")  # what is left of the map says nothing more
        assert all(each.startswith("error: ") for each in desk.complaints)
        desk.complaints.clear()
