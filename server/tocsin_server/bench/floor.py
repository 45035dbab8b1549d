"""The floor: the least that a durable alert can be. What it takes, nobody can do without.

A bare subscriber verifies the signed press, inserts one row, which PostgreSQL fsyncs, and sends
one WebSocket frame. It runs as the product does: a process of its own, uvloop, asyncpg, aiohttp,
the same Mosquitto over TLS with a certificate, the same PostgreSQL server.

Refused: everything else. No place, no alert, nobody told, no receipt, no second try.
"""

import asyncio
import sys
import time
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
import uvloop
from aiohttp import web

from tocsin_server.bench.mqtt import Connection
from tocsin_server.fleet.certificates import client_context
from tocsin_wire import signing
from tocsin_wire.messages import Press
from tocsin_wire.signing import VerifyKey

HOST = "127.0.0.1"
NAME = "floor"  # of its certificate and its database
TOPIC = "floor/+/press"

# Beside what the shipped ACL grants: topics that the product doesn't hear.
ACL = f"""
pattern write floor/%u/press
user {NAME}
topic read {TOPIC}
"""

TABLE = """
CREATE TABLE press (
    device_id text NOT NULL,
    press_id  uuid NOT NULL,
    jws       bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (device_id, press_id)
)
"""
INSERT = "INSERT INTO press (device_id, press_id, jws) VALUES ($1, $2, $3)"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is; `keys` by device id."""

    broker: str
    ca_file: str
    certificate_file: str
    certificate_key_file: str
    dsn: str
    port: int
    keys: dict[str, bytes]


class Frame(msgspec.Struct, frozen=True, kw_only=True, tag="stored", tag_field="type"):
    """What a screen is told. The moments are CLOCK_MONOTONIC's."""

    device_id: str
    press_id: UUID
    received_ns: int
    verified_ns: int
    committed_ns: int


class Floor:
    """The whole way, in one place."""

    def __init__(self, config: Config, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._keys = {device_id: VerifyKey.from_raw(raw) for device_id, raw in config.keys.items()}
        self._arrived: asyncio.Queue[tuple[int, str, bytes]] = asyncio.Queue()
        self._screens: set[web.WebSocketResponse] = set()

    def hear(self, topic: str, body: bytes) -> None:
        """Take what the broker brings."""
        self._arrived.put_nowait((time.monotonic_ns(), topic, body))

    async def run(self) -> None:
        """Verify, store, show, until cancelled."""
        while True:
            received_ns, topic, body = await self._arrived.get()
            key = self._keys[topic.split("/")[1]]
            press = signing.verify(body, Press, {key.kid: key})
            verified_ns = time.monotonic_ns()
            await self._connection.execute(INSERT, press.device_id, press.press_id, body)
            frame = Frame(
                device_id=press.device_id,
                press_id=press.press_id,
                received_ns=received_ns,
                verified_ns=verified_ns,
                committed_ns=time.monotonic_ns(),
            )
            text = msgspec.json.encode(frame).decode()
            for screen in self._screens:
                await screen.send_str(text)

    async def show(self, request: web.Request) -> web.WebSocketResponse:
        """Keep one screen."""
        screen = web.WebSocketResponse()
        await screen.prepare(request)
        self._screens.add(screen)
        try:
            async for _ in screen:
                pass
        finally:
            self._screens.discard(screen)
        return screen


async def ready(_request: web.Request) -> web.Response:
    """Answer: it only listens once it is subscribed."""
    return web.Response(text="ready\n")


async def serve(config: Config) -> None:
    """Be the floor until killed."""
    connection = await asyncpg.connect(config.dsn)
    floor = Floor(config, connection)
    tls = client_context(
        ca_file=Path(config.ca_file),
        certificate_file=Path(config.certificate_file),
        key_file=Path(config.certificate_key_file),
    )
    broker = Connection(NAME, tls, on_message=floor.hear)
    await broker.open(config.broker, [TOPIC])
    app = web.Application()
    app.router.add_get("/live", floor.show)
    app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, config.port).start()
    await floor.run()


if __name__ == "__main__":
    uvloop.run(serve(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Config)))
