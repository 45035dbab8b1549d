"""What stands before a server in the field: TLS with a certificate, and lines that break."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from tocsin_server.fleet.certificates import Authority

READ_BYTES = 4096


def certificate(
    folder: Path, authority: Authority, *, names: Iterable[str], now: datetime
) -> ssl.SSLContext:
    """A server's side of TLS, certified then for these names."""
    folder.mkdir()
    files = folder / "front.crt", folder / "front.key"
    authority.certify_broker(names, now=now).save(*files)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    return context


@asynccontextmanager
async def front_of(
    url: str, *, context: ssl.SSLContext | None = None, cuts: Iterable[int] = ()
) -> AsyncIterator[str]:
    """A line to the server at `url`, as its own URL; ends with the block.

    Of the first answers only so many bytes come through as `cuts` says, one for each connection;
    the server has sent them all.
    """
    behind, left = urlsplit(url), [*cuts]

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut = left.pop(0) if left else None
        far_reader, far_writer = await asyncio.open_connection(behind.hostname, behind.port)
        asking = asyncio.create_task(_bring(reader, far_writer))
        with suppress(OSError):
            answer = await far_reader.read() if cut is not None else b""
            writer.write(answer[:cut])
            if cut is None:
                await _bring(far_reader, writer)
        asking.cancel()
        for each in (writer, far_writer):
            each.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0, ssl=context)
    async with server:
        scheme = "http" if context is None else "https"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _bring(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await source.read(READ_BYTES):
            target.write(part)
            await target.drain()
