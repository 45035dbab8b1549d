"""A small map of streets around a point, as `pmtiles extract` would write it: real tiles."""

import gzip
import math
from pathlib import Path

import mapbox_vector_tile
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from tocsin_server.demo.example import CLERK

ZOOMS = range(6, 13)  # of a tile twice as wide as those that Leaflet draws
AROUND = 2  # tiles on each side, of each zoom
_WIDTH = 4096
_ALL = f"POLYGON((0 0, {_WIDTH} 0, {_WIDTH} {_WIDTH}, 0 {_WIDTH}, 0 0))"
_ROADS: dict[str, object] = {"id": "roads", "fields": {"kind": "String", "name": "String"}}


def write(
    path: Path,
    *,
    latitude: float = CLERK.latitude,
    longitude: float = CLERK.longitude,
    tiles: TileType = TileType.MVT,
    compression: Compression = Compression.GZIP,
    layers: tuple[dict[str, object], ...] = (_ROADS,),
    tile: bytes | None = None,
) -> Path:
    """Land, and on each tile two highways, a lake and a park. The rest is for what is wrong."""
    tile = tile or gzip.compress(_tile())
    with path.open("wb") as file:
        writer = Writer(file)
        for tile_id in sorted(zxy_to_tileid(*each) for each in _around(latitude, longitude)):
            writer.write_tile(tile_id, tile)
        header = {
            "tile_type": tiles,
            "tile_compression": compression,
            "min_zoom": ZOOMS[0],
            "max_zoom": ZOOMS[-1],
            "min_lon_e7": int((longitude - 1) * 1e7),
            "min_lat_e7": int((latitude - 1) * 1e7),
            "max_lon_e7": int((longitude + 1) * 1e7),
            "max_lat_e7": int((latitude + 1) * 1e7),
            "center_zoom": ZOOMS[0],
            "center_lon_e7": int(longitude * 1e7),
            "center_lat_e7": int(latitude * 1e7),
        }
        writer.finalize(header, {"vector_layers": list(layers)})
    return path


def _tile() -> bytes:
    middle = _WIDTH // 2
    highways = [
        {
            "geometry": f"LINESTRING({line})",
            "properties": {"kind": "highway", "name": name, "min_zoom": 3},
        }
        for line, name in (
            (f"0 {middle}, {_WIDTH} {middle}", "East Main Street"),
            (f"{middle} 0, {middle} {_WIDTH}", "County Road"),
        )
    ]
    land = [{"geometry": _ALL, "properties": {"kind": "earth"}}]
    lake = [{"geometry": _square(600), "properties": {"kind": "lake"}}]
    park = [{"geometry": _square(2600), "properties": {"kind": "park"}}]
    features = {"earth": land, "landuse": park, "water": lake, "roads": highways}
    encoded: bytes = mapbox_vector_tile.encode(
        [{"name": name, "features": each} for name, each in features.items()]
    )
    return encoded


def _square(at: int) -> str:
    end = at + _WIDTH // 5
    return f"POLYGON(({at} {at}, {end} {at}, {end} {end}, {at} {end}, {at} {at}))"


def _around(latitude: float, longitude: float) -> set[tuple[int, int, int]]:
    """The tiles of each zoom around a point (Web Mercator, EPSG:3857)."""
    found = set()
    for zoom in ZOOMS:
        tiles = 2**zoom
        x = int((longitude + 180) / 360 * tiles)
        y = int((1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2 * tiles)
        found |= {
            (zoom, x + right, y + down)
            for right in range(-AROUND, AROUND + 1)
            for down in range(-AROUND, AROUND + 1)
            if 0 <= x + right < tiles and 0 <= y + down < tiles
        }
    return found
