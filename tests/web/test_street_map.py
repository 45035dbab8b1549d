"""A county's own street map: handed out in parts, to whoever is signed in, and nothing else is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests import street_maps
from tests.walk.house import House, open_house
from tests.web import walls
from tests.web.client import Client, client, problem
from tocsin_server.demo.postgres import EmbeddedPostgres

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAP, STREETS = "/api/v1/map", "/api/v1/map/streets.pmtiles"
FILE = "county.pmtiles"
SHIELDED = ("Content-Security-Policy", "X-Content-Type-Options")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole_house(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A system that names a map, and began without its file."""
    async with open_house(postgres, tmp_path_factory.mktemp("h"), streets=FILE) as house:
        yield house


@pytest.fixture
def file(whole_house: House) -> Path:
    """The map's file, whole."""
    path = whole_house.walk.deployment.folder / FILE
    path.unlink(missing_ok=True)
    return street_maps.write(path)


def content(file: Path) -> bytes:
    return file.read_bytes()


def put_in_place_of(file: Path, other: Path) -> None:
    file.unlink()
    file.symlink_to(other)


async def streets_of(asker: Client) -> object:
    answer = await asker.ask("GET", MAP)
    assert answer.status == 200, answer.body
    return answer.json()["streets"]


async def test_a_server_runs_without_the_file_it_names_and_says_so(
    whole_house: House, everybody: dict[str, Client]
) -> None:
    (whole_house.walk.deployment.folder / FILE).unlink(missing_ok=True)
    log = whole_house.walk.server.log.read_text()
    assert "NO STREETS ON THE MAP" in log
    assert f"{FILE} can't be read: No such file" in log
    assert await streets_of(everybody["dispatcher"]) == "unusable"
    answer = await everybody["dispatcher"].ask("GET", STREETS)
    assert (answer.status, problem(answer).code) == (404, "not_found")


async def test_a_part_is_what_the_file_has_there(file: Path, everybody: dict[str, Client]) -> None:
    dana, whole = everybody["dispatcher"], content(file)
    assert await streets_of(dana) == "ready"
    url = f"{dana.url}{STREETS}"
    async with dana.session.get(url, headers={"Range": "bytes=100-126"}) as part:
        assert part.status == 206
        assert await part.read() == whole[100:127]
        assert part.headers["Content-Range"] == f"bytes 100-126/{len(whole)}"
        assert part.headers["Content-Type"] == "application/vnd.pmtiles"
        assert part.headers["Cache-Control"] == "private, no-cache"
        assert all(name in part.headers for name in SHIELDED)
        assert "Access-Control-Allow-Origin" not in part.headers
        tag = part.headers["ETag"]
    async with dana.session.get(url, headers={"If-None-Match": tag}) as known:
        assert known.status == 304
    async with dana.session.get(url, headers={"Range": "bytes=999999-"}) as beyond:
        assert (beyond.status, await beyond.read()) == (416, b"")
    assert (await dana.ask("GET", STREETS)).body == whole


async def test_a_newer_map_takes_its_place_while_the_server_runs(
    file: Path, everybody: dict[str, Client]
) -> None:
    dana = everybody["dispatcher"]
    before = (await dana.ask("GET", STREETS)).body
    newer = street_maps.write(file.with_name("newer"), latitude=32.7, longitude=-96.8)
    newer.replace(file)
    after = (await dana.ask("GET", STREETS)).body
    assert after == content(file) != before


async def test_a_wall_shows_it_and_nobody_else_who_is_not_signed_in(
    file: Path, everybody: dict[str, Client]
) -> None:
    async with walls.wall(everybody["supervisor"]) as wall, client(wall.url) as nobody:
        for path in (MAP, STREETS):
            assert (await wall.ask("GET", path)).status == 200
            refused = await nobody.ask("GET", path)
            assert (refused.status, problem(refused).code) == (401, "signed_out")


async def test_no_page_of_another_host_gets_it_though_somebody_is_signed_in(
    file: Path, everybody: dict[str, Client]
) -> None:
    dana = everybody["dispatcher"]
    for origin in ("https://evil.example", "null"):
        answer = await dana.ask("GET", STREETS, headers={"Origin": origin})
        assert (answer.status, problem(answer).code) == (403, "other_origin"), origin
    assert (await dana.ask("GET", STREETS, headers={"Origin": dana.url})).status == 200


async def test_a_key_that_is_named_by_mistake_stays_where_it_is(
    file: Path, everybody: dict[str, Client]
) -> None:
    key = file.parent / "server" / "receipt.key"
    put_in_place_of(file, key)
    answer = await everybody["administrator"].ask("GET", STREETS)
    assert answer.status == 404
    assert content(key) not in answer.body
