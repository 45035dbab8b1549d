"""Redraw: what somebody uploads as a floor plan becomes a picture of our own, and is never served.

Promise: a picture of a known kind and bounded size, or one sentence that says what to do. What is
uploaded is opened by another process alone (redraw_child.py), which the kernel holds to little
memory, little time, and no files; whatever it comes to in there, the server goes on.

Refused: two at once in one process. Each takes a core for a while, beside the alerts.
"""

import asyncio
import binascii
import contextlib
import hashlib
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tocsin_server.errors import Busy, Invalid

FILE_BYTES_MAX = 20 * 1024 * 1024
REDRAW_S_MAX = 30.0  # by the clock on the wall; the kernel counts its CPU_S_MAX besides
PART_BYTES = 64 * 1024
ANSWER_BYTES_MAX = 4 * 1024 * 1024  # more than the child ever writes
NOTHING_WAS_CHANGED = "Nothing was changed."

_CHILD = Path(__file__).with_name("redraw_child.py")
_one = asyncio.Lock()


@dataclass(frozen=True, slots=True)
class Picture:
    """A WebP that we drew; `file_digest` is the SHA-256 of the file that it was drawn from."""

    content: bytes = field(repr=False)
    width: int
    height: int
    file_digest: bytes


class _Head(msgspec.Struct, frozen=True):
    width: int
    height: int


async def redraw(content: bytes, *, page: int) -> Picture:
    """Draw a PNG, JPEG, SVG, or one page (from 1) of a PDF anew. Raises Invalid, Busy."""
    parts = (content[first : first + PART_BYTES] for first in range(0, len(content), PART_BYTES))
    return await _redraw(parts, len(content), page)


async def redraw_base64(text: memoryview, *, page: int) -> Picture:
    """Draw a file that comes as base64 (RFC 4648) within JSON. Raises Invalid, Busy.

    It is decoded as it is fed to the child: 20 MB at once would hold up everybody for 40 ms.
    """
    size_bytes = len(text) - len(text) // 4 - bytes(text[-2:]).count(b"=")
    try:
        return await _redraw(_decoded(text), size_bytes, page)
    except binascii.Error:
        raise Invalid(f"The file isn't written as base64. {NOTHING_WAS_CHANGED}") from None


def _decoded(text: memoryview) -> Iterator[bytes]:
    """Decode a part after the other. Raises binascii.Error."""
    kept = b""
    for first in range(0, len(text), PART_BYTES):
        kept += text[first : first + PART_BYTES]
        if not kept.endswith(b"\\"):  # some write a slash in JSON as \\/
            kept = kept.replace(b"\\/", b"/")
            whole = len(kept) // 4 * 4
            yield binascii.a2b_base64(kept[:whole], strict_mode=True)
            kept = kept[whole:]
    if kept:
        raise binascii.Error("cut off")


async def _redraw(parts: Iterable[bytes], size_bytes: int, page: int) -> Picture:
    if not size_bytes:
        raise Invalid(f"The file is empty: choose another one. {NOTHING_WAS_CHANGED}")
    if size_bytes > FILE_BYTES_MAX:
        raise Invalid(
            f"The file is larger than {FILE_BYTES_MAX // 1024**2} MiB: save the plan smaller."
            f" {NOTHING_WAS_CHANGED}"
        )
    if _one.locked():
        raise Busy("Another plan is being drawn: try again in a few seconds.")
    digest = hashlib.sha256()
    async with _one:
        code, said = await _run(_digested(parts, digest), page)
    if code == os.EX_DATAERR:
        raise Invalid(f"{said.decode(errors='replace')} {NOTHING_WAS_CHANGED}")
    head, _, drawn = said.partition(b"\n")
    if code != 0 or not (drawn.startswith(b"RIFF") and drawn[8:12] == b"WEBP"):
        raise Invalid(
            f"{_why(code)} Save it as a simple PNG or PDF, and choose that. {NOTHING_WAS_CHANGED}"
        )
    size = msgspec.json.decode(head, type=_Head)
    return Picture(drawn, size.width, size.height, digest.digest())


def _digested(parts: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for part in parts:
        digest.update(part)
        yield part


async def _run(parts: Iterable[bytes], page: int) -> tuple[int, bytes]:
    """Let the child draw it: its exit code and what it wrote. A child that hangs is ended."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", _CHILD, str(page)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
    )
    reading = asyncio.ensure_future(_read(child))
    try:
        async with asyncio.timeout(REDRAW_S_MAX):
            await _feed(child.stdin, parts)
            return await child.wait(), await reading
    except TimeoutError:
        return -signal.SIGXCPU, b""
    finally:
        if child.returncode is None:
            child.kill()
            reading.cancel()
            await asyncio.wait([reading])
            await child.communicate()


async def _feed(stdin: asyncio.StreamWriter | None, parts: Iterable[bytes]) -> None:
    if stdin is not None:
        with contextlib.suppress(ConnectionError):  # it may know enough before the end
            for part in parts:
                stdin.write(part)
                await stdin.drain()
                await asyncio.sleep(0)  # where the child takes all at once, too
        stdin.close()


async def _read(child: asyncio.subprocess.Process) -> bytes:
    """Read what it writes to its end; one that writes more than any picture of ours is ended."""
    said = bytearray()
    while child.stdout is not None and (part := await child.stdout.read(PART_BYTES)):
        said += part
        if len(said) > ANSWER_BYTES_MAX:
            said.clear()
            child.kill()
    return bytes(said)


def _why(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "Drawing this takes longer than a floor plan should."
    return "This can't be drawn, or takes more memory than a floor plan should."
