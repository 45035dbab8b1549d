"""HTTP spoken by hand: requests that no client library would send, and the answers to them.

Promise: every byte is the caller's. An answer is read to its end, or it was none.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWER_S_MAX = 20.0  # also on a busy machine: whoever takes longer hangs
ANSWER_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer to one request; status 0: the server hung up without one."""

    status: int
    body: bytes


def request(
    method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes = b""
) -> bytes:
    """Write a request, honest about its length unless the headers say otherwise."""
    lines = [b"%s %s HTTP/1.1" % (method, target), b"Host: tocsin", b"Connection: close"]
    lines += [b"%s: %s" % header for header in headers]
    if not any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in headers):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def ask(url: str, raw: bytes, *, hang_up: bool = False) -> HttpAnswer:
    """Send these bytes. Raises TimeoutError where the server hangs.

    `hang_up`: whoever sent half a request goes away, instead of waiting for an answer to it.
    """
    parts = urlsplit(url)
    async with asyncio.timeout(ANSWER_S_MAX):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(raw)
            if hang_up:
                writer.write_eof()
            answer = b""
            while len(answer) < ANSWER_BYTES_MAX and (more := await reader.read(65536)):
                answer += more
        except ConnectionError:
            answer = b""
        finally:
            writer.close()
    return _read(answer)


def _read(answer: bytes) -> HttpAnswer:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    return HttpAnswer(status, body)
