"""The pages' libraries, pinned and kept beside the pages: run by hand, never at install or start.

Promises: what it writes under `vendor/` is the published package's own text, byte for byte but
for source-map comments (the maps are not shipped, and a browser would ask for them), with every
licence text; `vendor/VENDOR.json` names each file's SHA-256, which a test holds.
Refuses to leave a half-written folder: everything is fetched and read before the old one goes.

    python -m tocsin_server.web.vendor
"""

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

FOLDER = Path(__file__).with_name("vendor")
MANIFEST = "VENDOR.json"
_SOURCE_MAP = re.compile(rb"\n?(?://[#@] sourceMappingURL=[^\n]*|/\*# sourceMappingURL=[^*]*\*/)")
_FETCH_TIMEOUT_S = 120


class VendoredFile(msgspec.Struct, frozen=True):
    """One shipped file: its path below `vendor/`, and the SHA-256 of its bytes in hex."""

    path: str
    sha256: str


class VendoredPackage(msgspec.Struct, frozen=True):
    """One package as it is shipped: SPDX licence, and all of its files, licence text included."""

    name: str
    version: str
    licence: str
    files: tuple[VendoredFile, ...]


class Manifest(msgspec.Struct, frozen=True):
    """What `VENDOR.json` holds."""

    packages: tuple[VendoredPackage, ...]


class Pin(msgspec.Struct, frozen=True):
    """A package at a version, and which of its files go into which folder of `vendor/`."""

    name: str
    version: str
    licence: str
    folder: str
    files: tuple[str, ...]
    licence_file: str = "LICENSE"


PINS = (
    # Lit's templates. Its published modules import each other by relative paths: no bundler.
    Pin(
        name="lit-html",
        version="3.3.3",
        licence="BSD-3-Clause",
        folder="lit",
        files=(
            "lit-html.js",
            "directive.js",
            "directive-helpers.js",
            "directives/guard.js",
            "directives/repeat.js",
        ),
    ),
    # No images: the console draws its own markers.
    Pin(
        name="leaflet",
        version="1.9.4",
        licence="BSD-2-Clause",
        folder="leaflet",
        files=("dist/leaflet.js", "dist/leaflet.css"),
    ),
    Pin(
        name="topojson-client",
        version="3.1.0",
        licence="ISC",
        folder="topojson",
        files=("dist/topojson-client.min.js",),
    ),
    # Counties, states and nation in one file; Census cartographic boundaries.
    Pin(
        name="us-atlas",
        version="3.0.1",
        licence="ISC",
        folder="us_atlas",
        files=("counties-10m.json",),
    ),
    # A county's own streets: it reads PMTiles and draws Protomaps' vector tiles onto Leaflet. Of
    # what it has within it, the licences of others than Protomaps follow.
    Pin(
        name="protomaps-leaflet",
        version="5.1.0",
        licence="BSD-3-Clause",
        folder="protomaps",
        files=("dist/protomaps-leaflet.js",),
    ),
    *(
        Pin(
            name=name,
            version=version,
            licence=licence,
            folder=f"protomaps/{name.rpartition('/')[2]}",
            files=(),
            licence_file=file,
        )
        for name, version, licence, file in (
            ("@mapbox/point-geometry", "1.1.0", "ISC", "LICENSE"),
            ("@mapbox/vector-tile", "2.0.3", "BSD-3-Clause", "LICENSE.txt"),
            ("color2k", "2.0.3", "MIT", "LICENSE"),
            ("fflate", "0.8.2", "MIT", "LICENSE"),
            ("pbf", "4.0.1", "BSD-3-Clause", "LICENSE"),
            ("potpack", "1.0.2", "ISC", "LICENSE"),
            ("quickselect", "2.0.0", "ISC", "LICENSE"),
            ("rbush", "3.0.1", "MIT", "LICENSE"),
        )
    ),
)


def vendor(pins: Sequence[Pin], folder: Path) -> None:
    """Fetch every pin, replace the folder by what was fetched, and say so."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "vendor"
        packages = tuple(_unpack(pin, fresh=fresh, scratch=Path(scratch)) for pin in pins)
        encoded = msgspec.json.format(msgspec.json.encode(Manifest(packages=packages)), indent=2)
        (fresh / MANIFEST).write_bytes(encoded + b"\n")
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(fresh, folder)
    for package in packages:
        print(f"{package.name} {package.version}: {len(package.files)} files")


def _unpack(pin: Pin, *, fresh: Path, scratch: Path) -> VendoredPackage:
    """One package's files below `fresh`: `dist/` is dropped from paths, LICENSE gains `.txt`."""
    tarball = _fetch(pin, scratch=scratch)
    files = []
    with tarfile.open(tarball) as package:
        for name in (pin.licence_file, *pin.files):
            member = package.extractfile(f"package/{name}")
            if member is None:
                raise SystemExit(f"{pin.name} {pin.version} has no file {name}")
            text = _SOURCE_MAP.sub(b"", member.read())
            path = Path(pin.folder, _shipped_name(name))
            (fresh / path).parent.mkdir(parents=True, exist_ok=True)
            (fresh / path).write_bytes(text)
            digest = hashlib.sha256(text).hexdigest()
            files.append(VendoredFile(path=path.as_posix(), sha256=digest))
    return VendoredPackage(
        name=pin.name, version=pin.version, licence=pin.licence, files=tuple(files)
    )


def _shipped_name(name: str) -> str:
    return "LICENSE.txt" if name in {"LICENSE", "LICENSE.txt"} else name.removeprefix("dist/")


def _fetch(pin: Pin, *, scratch: Path) -> Path:
    """The published tarball, from whichever registry this machine's npm is set to."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{pin.name}@{pin.version}"],
        cwd=scratch,
        check=True,
        capture_output=True,
        text=True,
        timeout=_FETCH_TIMEOUT_S,
    )
    return scratch / packed.stdout.split()[-1]


if __name__ == "__main__":
    vendor(PINS, FOLDER)
