"""Releases as they are made: this source built into a wheel, and copies of it with another version.

Building takes seconds, so it is done once; what another release has of its own is written into a
copy of the wheel.
"""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tocsin_wire.messages import Release, timestamp
from tocsin_wire.signing import SigningKey

ROOT = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "firmware_py", "server")


def build(folder: Path) -> Path:
    """Build this source, in a copy of it: building leaves things lying about."""
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name,
                folder / name,
                ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "web"),
            )
        else:
            shutil.copy(ROOT / name, folder / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(folder / "out"), str(folder)], check=True)
    (made,) = (folder / "out").iterdir()
    return made


def next_release(
    built: Path, version: str, *, changed: Mapping[str, str] | None = None, to: Path | None = None
) -> Path:
    """The same with another version; `changed` is added to the end of its files, or new."""
    old = built.name.split("-")[1]
    made = (to or built).with_name(built.name.replace(old, version))
    added = {name: text.encode() for name, text in (changed or {}).items()}
    was, is_now = (f"\nVersion: {each}\n".encode() for each in (old, version))
    with zipfile.ZipFile(built) as before, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as now:
        for name in before.namelist():
            content = before.read(name) + added.pop(name, b"")
            if name.endswith(".dist-info/METADATA"):
                content = content.replace(was, is_now)
            now.writestr(name.replace(f"tocsin-{old}", f"tocsin-{version}"), content)
        for name, content in added.items():
            now.writestr(name, content)
    return made


def write(wheel: Path, files: Mapping[str, str]) -> None:
    """Any wheel at all."""
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def small(folder: Path, version: str, **files: str) -> Path:
    """A wheel of a few files, which a button's Python can load."""
    wheel = folder / f"tocsin-{version}-py3-none-any.whl"
    usual = {
        "tocsin_button/__init__.py": "",
        "tocsin_button/__main__.py": "",
        "tocsin_button/agent.py": f"FIRMWARE = {version!r}\n",
        "tocsin_server/__init__.py": "",
        f"tocsin-{version}.dist-info/METADATA": f"Name: tocsin\nVersion: {version}\n",
    }
    write(wheel, usual | files)
    return wheel


def facts(wheel: Path) -> dict[str, object]:
    """What is signed of a wheel."""
    content = wheel.read_bytes()
    return {
        "version": wheel.name.split("-")[1],
        "sha256": hashlib.sha256(content).digest(),
        "size_bytes": len(content),
        "at": timestamp(datetime.now(UTC)),
    }


def signed(key: SigningKey, wheel: Path, **other: object) -> bytes:
    """What the offline key says of a wheel; `other` says what is strange about it."""
    return key.sign(msgspec.convert(facts(wheel) | other, type=Release))
