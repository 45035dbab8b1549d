"""The pages' libraries are exactly what was vendored, and say under which licence."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from tocsin_server.web import vendor


@pytest.fixture
def manifest() -> vendor.Manifest:
    return msgspec.json.decode(vendor.MANIFEST.read_bytes(), type=vendor.Manifest)


def test_every_vendored_file_is_the_one_that_was_fetched(manifest: vendor.Manifest) -> None:
    for package in manifest.packages:
        for file in package.files:
            found = hashlib.sha256((vendor.FOLDER / file.path).read_bytes()).hexdigest()
            assert found == file.sha256, f"{file.path} is not the file {package.name} published"


def test_nothing_lies_in_the_folder_that_the_manifest_does_not_name(
    manifest: vendor.Manifest,
) -> None:
    named = {Path(file.path) for package in manifest.packages for file in package.files}
    shipped = {
        path.relative_to(vendor.FOLDER) for path in vendor.FOLDER.rglob("*") if path.is_file()
    }
    assert shipped - named == {Path(vendor.MANIFEST.name)}


def test_the_manifest_is_of_the_versions_that_are_pinned(manifest: vendor.Manifest) -> None:
    pinned = {(pin.name, pin.version, pin.licence) for pin in vendor.PINS}
    assert {(each.name, each.version, each.licence) for each in manifest.packages} == pinned


def test_every_package_carries_its_licence_text(manifest: vendor.Manifest) -> None:
    for package in manifest.packages:
        texts = [file for file in package.files if file.path.endswith("LICENSE.txt")]
        assert len(texts) == 1
        assert "Copyright" in (vendor.FOLDER / texts[0].path).read_text()


def test_no_shipped_file_sends_the_browser_looking_for_a_source_map() -> None:
    for path in vendor.FOLDER.rglob("*.*s"):
        assert b"sourceMappingURL" not in path.read_bytes(), path.name
