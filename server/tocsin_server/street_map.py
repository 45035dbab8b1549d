"""A county's own street map: a PMTiles file of Protomaps' basemap, if the configuration names one.

Promise: only a map that the console can draw is handed out. It is looked at again each time, so a
newer one may take its place while the server runs. Whatever else is named, such as a key by
mistake, stays where it is, and a sentence says what is wrong with it.

Laid out as in the PMTiles specification, version 3, sections 3 and 5.
"""

import struct
import zlib
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

from tocsin_server.config import Config
from tocsin_server.errors import TocsinError

REMEDY = "make the file anew, as docs/operations.md says (Streets on the map)"
METADATA_BYTES_MAX = 1024 * 1024  # Protomaps' own has a hundredth of that
_MAGIC = b"PMTiles\x03"
# Five places of two numbers each: root directory, metadata, leaf directories, tiles; then counts.
_HEADER = struct.Struct("<8s8Q24xxBBB")
_NONE, _GZIP = 1, 2
_VECTOR_TILES = 1
_PICTURES = {2: "PNG", 3: "JPEG", 4: "WebP", 5: "AVIF"}


class UnusableMap(TocsinError):
    """The file that the configuration names is no map that the console can draw."""


class _Layer(msgspec.Struct, frozen=True):
    id: str
    fields: dict[str, object] = {}


class _Metadata(msgspec.Struct, frozen=True):
    vector_layers: Annotated[tuple[_Layer, ...], msgspec.Meta(max_length=1000)] = ()


def find(config: Config) -> Path | None:
    """Give the map's file; None where none is named. Raises UnusableMap."""
    if config.map.pmtiles_file is None:
        return None
    path = config.path(config.map.pmtiles_file)
    try:
        with path.open("rb") as file:
            _check(file, bytes_there=path.stat().st_size)
    except OSError as error:
        raise UnusableMap(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise UnusableMap(f"{path} {error}") from None
    return path


def _check(file: BinaryIO, *, bytes_there: int) -> None:
    """Raises ValueError: what is wrong, as a sentence about the file."""
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        raise ValueError("is no PMTiles file of version 3")
    _, *places, of_metadata, of_tiles, holds = _HEADER.unpack(head)
    if max(map(sum, zip(places[::2], places[1::2], strict=True))) > bytes_there:
        raise ValueError("ends too early: it was not copied whole")
    if holds in _PICTURES:
        raise ValueError(f"holds pictures ({_PICTURES[holds]}), and the map draws vector tiles")
    if holds != _VECTOR_TILES:
        raise ValueError("holds no vector tiles that the map can draw")
    if not {of_metadata, of_tiles} <= {_NONE, _GZIP}:
        raise ValueError("is compressed in a way that browsers can't undo: only gzip will do")
    file.seek(places[2])
    metadata = _metadata(file.read(min(places[3], METADATA_BYTES_MAX)), of_metadata)
    if not any(each.id == "roads" and "kind" in each.fields for each in metadata.vector_layers):
        raise ValueError("has no roads as Protomaps' basemap has them since its version 4")


def _metadata(text: bytes, compression: int) -> _Metadata:
    try:
        if compression == _GZIP:
            text = zlib.decompressobj(wbits=31).decompress(text, METADATA_BYTES_MAX)
        return msgspec.json.decode(text, type=_Metadata)
    except (zlib.error, msgspec.DecodeError, ValueError, RecursionError):
        raise ValueError("does not say what it holds: its metadata can't be read") from None
