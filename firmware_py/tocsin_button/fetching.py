"""Fetching: a release from the server, onto this board's disk. A process of its own.

Promise: `releases/VERSION` appears whole or not at all: it has the size and the digest that the
offline key signed, compiled, on the disk, and this board's Python has loaded it. That work is done
beside the agent, so that no press waits for it, and its memory goes with it.

Refused: what isn't fetched over HTTPS, more bytes than were signed, a file outside the folder.

`tocsin_button.updates` starts it, with a Wanted as JSON. The authority of the brokers is believed
beside the public ones. Whom else this network lets answer is no matter: the digest decides.
"""

import fcntl
import hashlib
import os
import py_compile
import shutil
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import msgspec

from tocsin_button import clock, releases
from tocsin_button.asking import NoRedirects, Server, check_address
from tocsin_button.errors import ButtonError, ClaimRefused
from tocsin_button.files import sync
from tocsin_button.link import NO_CHECK_TIME
from tocsin_wire.messages import RELEASE_BYTES_MAX, Release

PACKAGES = ("tocsin_button", "tocsin_wire")  # of a wheel; a button needs no server
TRY_S = 10.0
FETCH_S_MAX = 300.0  # 20 MiB over 600 kbit/s
LOAD_S_MAX = 60.0
PART_BYTES = 64 * 1024
FILES_MAX = 1000  # ten times what these packages have
UNPACKED_BYTES_MAX = RELEASE_BYTES_MAX

_LOAD = "import tocsin_button.agent as agent; print(agent.FIRMWARE)"


class ReleaseUnusable(ButtonError):
    """This release can't be taken up; the sentence says why."""


class ReleaseUnreached(ReleaseUnusable):
    """It did not come whole; it may the next time."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be fetched, and where it is to be put."""

    state: str
    url: str
    release: Release
    ca_file: str | None = None
    proxy: str | None = None


def main() -> int:
    """Fetch what the first argument says; where that fails, say why on the standard output."""
    try:
        fetch(msgspec.json.decode(sys.argv[1], type=Wanted))
    except ReleaseUnusable as error:
        sys.stdout.write(f"{error}\n")
        return releases.MAY_PASS if isinstance(error, ReleaseUnreached) else 1
    return 0


def fetch(wanted: Wanted) -> None:
    """Put a release in its place. Raises ReleaseUnusable."""
    folder = Path(wanted.state) / releases.FOLDER
    release = wanted.release
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with _alone_in(folder):
            releases.tidy(Path(wanted.state))
            begun = folder / ".new"
            shutil.rmtree(begun, ignore_errors=True)
            begun.mkdir(mode=0o700)
            try:
                wheel = begun / ".wheel"
                _download(wanted, wheel)
                unpack(wheel, begun, release.version)
                wheel.unlink()
                _compile(begun)
                _load(begun, release.version)
                _into_place(begun, folder / release.version)
            finally:
                shutil.rmtree(begun, ignore_errors=True)
    except OSError as error:
        raise ReleaseUnusable(f"it can't be written here: {error.strerror or error}") from None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """The helper of an agent that was killed may still be at it. Raises ReleaseUnusable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ReleaseUnreached("another release is being fetched") from None
    finally:
        os.close(descriptor)


def _download(wanted: Wanted, to: Path) -> None:
    release, deadline = wanted.release, time.monotonic() + FETCH_S_MAX
    digest, count = hashlib.sha256(), 0
    try:
        check_address(Server(wanted.url))
    except ClaimRefused:
        raise ReleaseUnusable(f"{wanted.url} is not encrypted") from None
    try:
        with _opener(wanted).open(wanted.url, timeout=TRY_S) as answer, to.open("wb") as file:
            while part := answer.read(min(PART_BYTES, release.size_bytes + 1 - count)):
                count += len(part)
                digest.update(part)
                file.write(part)
                if time.monotonic() > deadline:
                    raise ReleaseUnreached(f"it did not come within {FETCH_S_MAX:.0f} s")
    except urllib.error.HTTPError as error:
        raise ReleaseUnreached(f"the server answers {error.code}") from None
    except urllib.error.URLError as error:
        raise ReleaseUnreached(f"the server can't be reached: {error.reason}") from None
    except (TimeoutError, ConnectionError, ssl.SSLError, HTTPException) as error:
        raise ReleaseUnreached(f"its download was cut off: {error}") from None
    if count > release.size_bytes:
        raise ReleaseUnusable(f"more came than the {release.size_bytes} bytes that were signed")
    if count < release.size_bytes:
        raise ReleaseUnreached(f"{count} of its {release.size_bytes} bytes came")
    if digest.digest() != release.sha256:
        raise ReleaseUnusable("what came is not what was signed")


def _opener(wanted: Wanted) -> urllib.request.OpenerDirector:
    """A board whose clock isn't set believes the brokers' authority alone, whatever the date."""
    context = ssl.create_default_context()
    if wanted.ca_file is not None:
        if clock.clock_synced() is False:
            context = ssl.create_default_context(cafile=wanted.ca_file)
            context.verify_flags |= NO_CHECK_TIME
        else:
            context.load_verify_locations(cafile=wanted.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    handlers: list[urllib.request.BaseHandler] = [NoRedirects()]
    if wanted.proxy is not None and urlsplit(wanted.proxy).scheme == "http":
        handlers.append(urllib.request.ProxyHandler({"https": wanted.proxy}))
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), *handlers)


def unpack(wheel: Path, folder: Path, version: str) -> None:
    """Write a button's part of a wheel into a folder. Raises ReleaseUnusable, OSError."""
    about = f"tocsin-{version}.dist-info"
    try:
        with zipfile.ZipFile(wheel) as archive:
            named = HeaderParser().parsestr(archive.read(f"{about}/METADATA").decode())
            if (named["Name"], named["Version"]) != ("tocsin", version):
                raise ReleaseUnusable(f"it is {named['Name']} {named['Version']}")
            files = [each for each in archive.infolist() if _is_ours(each, about)]
            size = sum(each.file_size for each in files)
            if len(files) > FILES_MAX or size > UNPACKED_BYTES_MAX:
                raise ReleaseUnusable("it is too large when it is unpacked")
            for each in files:
                file = folder / each.filename
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                file.write_bytes(archive.read(each))
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError, NotImplementedError) as error:
        raise ReleaseUnusable(f"it is no wheel of tocsin {version}: {error}") from None


def _is_ours(member: zipfile.ZipInfo, about: str) -> bool:
    """Say whether a button needs it. Raises ReleaseUnusable for what no wheel has."""
    path = PurePosixPath(member.filename)
    bad = path.is_absolute() or ".." in path.parts or "\\" in member.filename
    if bad or stat.S_ISLNK(member.external_attr >> 16):
        raise ReleaseUnusable(f"it has a file where none may be: {member.filename[:60]!r}")
    return not member.is_dir() and path.parts[0] in (*PACKAGES, about)


def _compile(folder: Path) -> None:
    """Compile once: no start does it, and none trusts what a pulled plug left of it."""
    for file in folder.rglob("*.py"):
        try:
            py_compile.compile(
                str(file),
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except py_compile.PyCompileError as error:
            raise ReleaseUnusable(
                f"this Python can't read it: {error.exc_type_name} in {file.name}"
            ) from None


def _load(folder: Path, version: str) -> None:
    """Have this board's Python load it, with the packages that it finds here."""
    try:
        tried = subprocess.run(
            [sys.executable, "-P", "-c", _LOAD],
            env=os.environ | releases.search_path(folder),
            capture_output=True,
            timeout=LOAD_S_MAX,
            check=False,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise ReleaseUnusable(f"it does not load within {LOAD_S_MAX:.0f} s") from None
    if tried.returncode or tried.stdout.strip() != version:
        said = (tried.stderr or tried.stdout).strip().splitlines() or ["it says nothing"]
        raise ReleaseUnusable(f"it does not load here: {said[-1]}")


def _into_place(begun: Path, folder: Path) -> None:
    """Give it its name once every byte of it is on the disk."""
    for path in (*begun.rglob("*"), begun):
        sync(path)
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier try, which was put aside
    begun.rename(folder)
    sync(folder.parent)


if __name__ == "__main__":
    sys.exit(main())
