"""The pages' libraries are exactly what was vendored, and say under which licence."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests import vendored
from tocsin_server.web import vendor


class Kept:
    """A folder of vendored packages, and what was to be in it."""

    def __init__(self, folder: Path, pins: Sequence[vendor.Pin]) -> None:
        self.folder = folder
        self.pins = pins
        text = (folder / vendor.MANIFEST).read_bytes()
        self.packages = msgspec.json.decode(text, type=vendor.Manifest).packages


@pytest.fixture(params=[vendor, vendored], ids=["the pages'", "the tests'"])
def kept(request: pytest.FixtureRequest) -> Kept:
    return Kept(request.param.FOLDER, request.param.PINS)


def test_every_vendored_file_is_the_one_that_was_fetched(kept: Kept) -> None:
    for package in kept.packages:
        for file in package.files:
            found = hashlib.sha256((kept.folder / file.path).read_bytes()).hexdigest()
            assert found == file.sha256, f"{file.path} is not the file {package.name} published"


def test_nothing_lies_in_the_folder_that_the_manifest_does_not_name(kept: Kept) -> None:
    named = {Path(file.path) for package in kept.packages for file in package.files}
    there = {path.relative_to(kept.folder) for path in kept.folder.rglob("*") if path.is_file()}
    assert there - named == {Path(vendor.MANIFEST)}


def test_the_manifest_is_of_the_versions_that_are_pinned(kept: Kept) -> None:
    pinned = {(pin.name, pin.version, pin.licence) for pin in kept.pins}
    assert {(each.name, each.version, each.licence) for each in kept.packages} == pinned


def test_every_package_carries_its_licence_text(kept: Kept) -> None:
    for package in kept.packages:
        texts = [file for file in package.files if file.path.endswith("/LICENSE.txt")]
        assert len(texts) == 1
        text = (kept.folder / texts[0].path).read_text()
        assert "Copyright" in text or package.licence == "MPL-2.0"  # whose text names nobody


def test_no_shipped_file_sends_the_browser_looking_for_a_source_map() -> None:
    for path in vendor.FOLDER.rglob("*.*s"):
        assert b"sourceMappingURL" not in path.read_bytes(), path.name
