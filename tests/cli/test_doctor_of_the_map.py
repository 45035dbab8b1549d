"""`tocsin doctor` says why the console can't draw the streets that are named, and what to do."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from pmtiles.tile import Compression, TileType

from tests import street_maps
from tocsin_server import street_map
from tocsin_server.cli.doctor import check_map
from tocsin_server.config import Config, MapConfig, load_config
from tocsin_server.fleet.deployment import create_deployment

FILE = "county.pmtiles"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    deployment = load_config(create_deployment(tmp_path / "d", jurisdiction="48453"))
    return replace(deployment, map=MapConfig(pmtiles_file=FILE))


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    start, length = struct.unpack_from("<QQ", content, 24)  # of the metadata: PMTiles 3, section 3
    content[start : start + length] = b"?" * length
    path.write_bytes(content)


def named(name: str, *fields: str) -> tuple[dict[str, object], ...]:
    return ({"id": name, "fields": dict.fromkeys(fields, "String")},)


UNUSABLE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "gone": ("can't be read: No such file", Path.unlink),
    "a folder": ("can't be read: Is a directory", made_a_folder),
    "empty": ("is no PMTiles file", lambda path: path.write_bytes(b"")),
    "a page": ("is no PMTiles file", lambda path: path.write_text("<!doctype html>" * 20)),
    "an older version": (
        "is no PMTiles file of version 3",
        lambda path: path.write_bytes(b"PMTiles\x02" + path.read_bytes()[8:]),
    ),
    "half copied": ("was not copied whole", cut_short),
    "pictures": (
        "holds pictures (PNG)",
        lambda path: street_maps.write(path, tiles=TileType.PNG),
    ),
    "something unknown": (
        "holds no vector tiles",
        lambda path: street_maps.write(path, tiles=TileType.UNKNOWN),
    ),
    "squeezed otherwise": (
        "only gzip will do",
        lambda path: street_maps.write(path, compression=Compression.BROTLI),
    ),
    "without words": ("its metadata can't be read", overwritten),
    "of another kind": (
        "has no roads as Protomaps' basemap has them",
        lambda path: street_maps.write(path, layers=named("transportation", "class")),
    ),
    "too old": (
        "since its version 4",
        lambda path: street_maps.write(path, layers=named("roads", "pmap:kind")),
    ),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_file_that_can_t_be_drawn_is_named_with_what_to_do(config: Config, what: str) -> None:
    path = street_maps.write(config.path(FILE))
    assert [each.ok for each in check_map(config)] == [True]
    said, spoil = UNUSABLE[what]
    spoil(path)
    (finding,) = check_map(config)
    assert (finding.check, finding.ok, finding.remedy) == ("map", False, street_map.REMEDY)
    assert said in finding.detail
    assert str(path) in finding.detail


def test_no_map_is_needed(config: Config) -> None:
    without = replace(config, map=MapConfig())
    assert street_map.find(without) is None
    assert list(check_map(without)) == []
