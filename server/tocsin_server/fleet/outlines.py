"""County outlines: which county a point is probably in, to be confirmed by a person.

Promise: a suggestion and nothing more. The outlines are the Census Bureau's at 1:10,000,000, as the
console's map has them (npm us-atlas): near a border they may be wrong by a mile, and Connecticut
still has its counties of before 2022.

Refused: any part in an alert. A press is a look-up of what a person confirmed.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from tocsin_server.fleet.sites import STATE_FIPS

OUTLINES = Path(__file__).parents[1] / "web" / "vendor" / "us_atlas" / "counties-10m.json"
RING_POINTS_MIN = 4  # a triangle's, its first point again as its last
CAUTION = "suggested by outlines that are coarse near a border; a person confirms"
CAUTION_CT = "; these are Connecticut's counties of before 2022"

_STATES = {fips: state for state, fips in STATE_FIPS.items()}


class County(msgspec.Struct, frozen=True):
    """A county as the outlines name it: `Travis`, without the word county."""

    fips: str
    name: str
    state: str

    def __str__(self) -> str:
        return f"{self.fips} ({self.name}, {self.state})"

    @property
    def caution(self) -> str:
        """Say how far to trust it."""
        return CAUTION + (CAUTION_CT if self.state == "CT" else "")


class _Transform(msgspec.Struct):
    scale: tuple[float, float]
    translate: tuple[float, float]


class _Polygon(msgspec.Struct, tag="Polygon"):
    id: str
    properties: dict[str, str]
    arcs: list[list[int]]

    @property
    def polygons(self) -> list[list[list[int]]]:
        return [self.arcs]


class _MultiPolygon(msgspec.Struct, tag="MultiPolygon"):
    id: str
    properties: dict[str, str]
    arcs: list[list[list[int]]]

    @property
    def polygons(self) -> list[list[list[int]]]:
        return self.arcs


class _Counties(msgspec.Struct):
    geometries: list[_Polygon | _MultiPolygon]


class _Objects(msgspec.Struct):
    counties: _Counties


class _Topology(msgspec.Struct):
    """TopoJSON (github.com/topojson/topojson-specification), as far as the outlines use it."""

    transform: _Transform
    objects: _Objects
    arcs: list[list[tuple[int, int]]]


def suggest_counties(points: Sequence[tuple[float, float]]) -> list[County | None]:
    """Say which county each point is in, None for none; a point is (latitude, longitude), WGS 84.

    The first call reads the outlines: half a second, and 30 MB for as long as the process lives.
    """
    tree, counties = _read()
    found: list[County | None] = [None] * len(points)
    asked = shapely.points(np.reshape(points, (-1, 2))[:, ::-1])  # x is the longitude
    for point, county in np.transpose(tree.query(asked, predicate="intersects")).tolist():
        found[point] = found[point] or counties[county]
    return found


@functools.cache
def _read() -> tuple[shapely.STRtree, list[County]]:
    topology = msgspec.json.decode(OUTLINES.read_bytes(), type=_Topology)
    # Each arc begins at a place of the grid and goes on by steps.
    scale, translate = topology.transform.scale, topology.transform.translate
    arcs = [np.cumsum(arc, axis=0) * scale + translate for arc in topology.arcs]
    shapes, counties = [], []
    for each in topology.objects.counties.geometries:
        rings = [[_ring(ring, arcs) for ring in polygon] for polygon in each.polygons]
        # Some islets are a point or a line on the outlines' grid.
        areas = [[ring for ring in area if len(ring) >= RING_POINTS_MIN] for area in rings]
        shapes.append(
            shapely.make_valid(
                shapely.MultiPolygon([(outer, holes) for outer, *holes in filter(None, areas)])
            )
        )
        counties.append(County(each.id, each.properties["name"], _STATES[each.id[:2]]))
    return shapely.STRtree(shapes), counties


def _ring(numbers: list[int], arcs: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Put arcs together; a negative number (~n) is an arc taken backwards."""
    parts = [arcs[n] if n >= 0 else arcs[~n][::-1] for n in numbers]
    # Each arc ends where the next begins.
    return np.concatenate([parts[0], *[part[1:] for part in parts[1:]]])
