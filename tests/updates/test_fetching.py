"""A release is fetched whole and as it was signed, or not at all."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.claims.front import certificate, front_of
from tests.updates import wheels
from tests.updates.conftest import Shelf
from tocsin_button import fetching, releases
from tocsin_button.fetching import ReleaseUnreached, ReleaseUnusable, Wanted
from tocsin_server.fleet.certificates import Authority
from tocsin_wire.messages import Release

VERSION = "999.0.0"
ABOUT = f"tocsin-{VERSION}.dist-info/METADATA"
GOOD = {
    "tocsin_button/__init__.py": "",
    "tocsin_button/agent.py": f"FIRMWARE = {VERSION!r}\n",
    ABOUT: f"Name: tocsin\nVersion: {VERSION}\n",
}


def wanted(shelf: Shelf, state: Path, files: dict[str, str], **signed: object) -> Wanted:
    """A wheel of these files on the shelf; `signed` is what is signed of it instead."""
    wheel = shelf.folder / f"tocsin-{VERSION}-py3-none-any.whl"
    wheels.write(wheel, files)
    release = msgspec.convert(wheels.facts(wheel) | signed, type=Release)
    return Wanted(state=str(state), url=f"{shelf.url}/{wheel.name}", release=release)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (GOOD | {"../outside.py": ""}, "a file where none may be"),
        (GOOD | {"/etc/outside.py": ""}, "a file where none may be"),
        (GOOD | {"tocsin_button/..\\outside.py": ""}, "a file where none may be"),
        (GOOD | {ABOUT: "Name: tocsin\nVersion: 999.0.1\n"}, "it is tocsin 999.0.1"),
        (GOOD | {ABOUT: f"Name: other\nVersion: {VERSION}\n"}, f"it is other {VERSION}"),
        ({"tocsin_button/agent.py": ""}, "it is no wheel of tocsin"),
        (GOOD | {"tocsin_button/lamp.py": "def :"}, "this Python can't read it"),
        (GOOD | {"tocsin_button/agent.py": "import not_here"}, "No module named 'not_here'"),
        (GOOD | {"tocsin_button/agent.py": "FIRMWARE = '1'"}, "it does not load here"),
        (GOOD | {f"tocsin_button/{n}.txt": "" for n in range(1001)}, "too large"),
        (GOOD | {"tocsin_button/zeros": "\0" * (20 * 1024 * 1024)}, "too large"),
    ],
)
def test_a_wheel_that_is_none_is_not_taken_up(
    shelf: Shelf, tmp_path: Path, files: dict[str, str], why: str
) -> None:
    with pytest.raises(ReleaseUnusable, match=why):
        fetching.fetch(wanted(shelf, tmp_path, files))
    assert [each.name for each in tmp_path.iterdir()] == [releases.FOLDER]
    assert not list((tmp_path / releases.FOLDER).iterdir())


@pytest.mark.parametrize(
    ("signed", "kind", "why"),
    [
        ({"sha256": bytes(32)}, ReleaseUnusable, "not what was signed"),
        ({"size_bytes": 99}, ReleaseUnusable, "more came than the 99 bytes"),
        ({"size_bytes": 99_999}, ReleaseUnreached, "of its 99999 bytes came"),
    ],
)
def test_what_is_not_what_was_signed_is_not_taken_up(
    shelf: Shelf, tmp_path: Path, signed: dict[str, object], kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        fetching.fetch(wanted(shelf, tmp_path, GOOD, **signed))
    assert not list((tmp_path / releases.FOLDER).iterdir())


@pytest.mark.parametrize(
    ("url", "kind", "why"),
    [
        ("http://tocsin.county.example/x.whl", ReleaseUnusable, "is not encrypted"),
        ("file:///etc/passwd", ReleaseUnusable, "is not encrypted"),
        ("http://127.0.0.1:1/x.whl", ReleaseUnreached, "can't be reached"),
        ("{shelf}/not-here.whl", ReleaseUnreached, "answers 404"),
    ],
)
def test_an_address_of_no_use_is_told(
    shelf: Shelf, tmp_path: Path, url: str, kind: type[Exception], why: str
) -> None:
    asked = msgspec.structs.replace(wanted(shelf, tmp_path, GOOD), url=url.format(shelf=shelf.url))
    with pytest.raises(kind, match=why):
        fetching.fetch(asked)


def test_a_full_card_is_told_and_nothing_is_left_on_it(shelf: Shelf, tmp_path: Path) -> None:
    big = wanted(shelf, tmp_path, GOOD | {"tocsin_button/big.py": "#" * 200_000})
    said = subprocess.run(
        # No file may have more than 100 KiB: to whoever writes, the card is full.
        [
            *("bash", "-c", 'ulimit -f 100; exec "$@"', "-"),
            *(sys.executable, "-m", "tocsin_button.fetching", msgspec.json.encode(big).decode()),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1, said
    assert said.stdout.startswith("it can't be written here: "), said
    assert not list((tmp_path / releases.FOLDER).iterdir())


async def test_by_https_from_whom_the_brokers_authority_certified(
    shelf: Shelf, tmp_path: Path, folder: Path
) -> None:
    now = datetime.now(UTC)
    county = Authority.create("Travis County", now=now)
    county.save(folder / "ca.crt", folder / "ca.key")
    context = certificate(folder / "f", county, names=["127.0.0.1"], now=now)
    asked = wanted(shelf, tmp_path, GOOD)
    async with front_of(shelf.url, context=context) as url:
        asked = msgspec.structs.replace(asked, url=asked.url.replace(shelf.url, url))
        with pytest.raises(ReleaseUnreached, match="CERTIFICATE_VERIFY_FAILED"):
            await asyncio.to_thread(fetching.fetch, asked)
        asked = msgspec.structs.replace(asked, ca_file=str(folder / "ca.crt"))
        await asyncio.to_thread(fetching.fetch, asked)
    assert (releases.folder_of(tmp_path, VERSION) / "tocsin_button" / "agent.py").exists()


async def test_a_download_that_is_cut_off_may_be_tried_again(shelf: Shelf, tmp_path: Path) -> None:
    asked = wanted(shelf, tmp_path, GOOD)
    async with front_of(shelf.url, cuts=[0, 400]) as url:
        asked = msgspec.structs.replace(asked, url=asked.url.replace(shelf.url, url))
        for _ in range(2):
            with pytest.raises(ReleaseUnreached):
                await asyncio.to_thread(fetching.fetch, asked)
            assert not list((tmp_path / releases.FOLDER).iterdir())
        await asyncio.to_thread(fetching.fetch, asked)
