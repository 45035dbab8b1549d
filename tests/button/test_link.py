"""One link: whom it trusts, over what it goes, and when it gives up."""

import asyncio
import importlib.util
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp import web

from tests.button.station import JURISDICTION, PATIENCE_S
from tocsin_button.config import Broker
from tocsin_button.link import Identity, Link, TlsFiles, tls_context
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.deployment import NewDevice, add_device, create_deployment
from tocsin_wire.topics import Leaf

BOOT = UUID(int=1)


class Ear:
    """Notes what a link tells."""

    def __init__(self) -> None:
        self.ups = 0

    def link_up(self, _link: Link) -> None:
        self.ups += 1

    def link_down(self, _link: Link) -> None:
        """Nothing is noted."""

    def heard(self, _link: Link, topic: str, body: bytes, *, retained: bool) -> None:
        """Nothing is noted."""


def deployment(folder: Path, *, now: datetime | None = None) -> tuple[NewDevice, TlsFiles]:
    create_deployment(folder, jurisdiction=JURISDICTION, now=now)
    return another_device(folder, now=now)


def another_device(folder: Path, *, now: datetime | None = None) -> tuple[NewDevice, TlsFiles]:
    device = add_device(
        folder, jurisdiction=JURISDICTION, brokers=["mqtts://127.0.0.1:8883"], now=now
    )
    files = TlsFiles(
        ca=device.folder / "ca.crt",
        certificate=device.folder / "client.crt",
        key=device.folder / "client.key",
    )
    return device, files


@asynccontextmanager
async def linked(
    url: str, device_id: str, tls: TlsFiles | None, *, synced: bool = True, proxy: str | None = None
) -> AsyncIterator[Link]:
    link = Link(
        broker=Broker(url=url),
        identity=Identity(JURISDICTION, device_id, BOOT),
        listener=Ear(),
        tls=tls,
        clock_synced=lambda: synced,
        proxy=proxy,
    )
    run = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        await link.farewell(within_s=1.0)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if claim():
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[Mosquitto]:
    running = Mosquitto(folder, port=free_port())
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


@asynccontextmanager
async def gateway(folder: Path, *, to: Mosquitto, tls: TlsFiles) -> AsyncIterator[str]:
    """A web server on wss that passes MQTT on to the broker, as sites with one open port have."""

    async def pass_on(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["mqtt"])
        await socket.prepare(request)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", to.port, ssl=tls_context(tls, clock_synced=True)
        )

        async def back() -> None:
            while body := await reader.read(4096):
                await socket.send_bytes(body)

        backwards = asyncio.create_task(back())
        async for message in socket:
            writer.write(message.data)
        backwards.cancel()
        writer.close()
        return socket

    app = web.Application()
    app.router.add_get("/mqtt", pass_on)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.crt")
    certificate.load_cert_chain(folder / "broker.crt", folder / "broker.key")
    certificate.verify_mode = ssl.CERT_REQUIRED
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate).start()
    try:
        yield f"wss://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_link_carries_a_publish_and_its_confirmation(folder: Path) -> None:
    device, tls = deployment(folder / "d")
    async with (
        broker(folder / "d" / "broker") as running,
        linked(running.url, device.device_id, tls) as link,
    ):
        assert not link.publish(Leaf.PRESS, b"too early", qos=1)
        await until(lambda: link.is_up)
        assert link.publish(Leaf.PRESS, b"a press", qos=1)
        await until(lambda: link.unacknowledged == 0)
        assert link.connection == 1


async def test_a_websocket_carries_it_too(folder: Path) -> None:
    device, tls = deployment(folder / "d")
    async with (
        broker(folder / "d" / "broker") as running,
        gateway(folder / "d" / "broker", to=running, tls=tls) as url,
        linked(url, device.device_id, tls) as link,
    ):
        await until(lambda: link.is_up)
        assert link.publish(Leaf.PRESS, b"a press", qos=1)
        await until(lambda: link.unacknowledged == 0)


async def test_dates_are_ignored_only_while_the_clock_can_not_be_believed(folder: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=6 * 365)
    old, of_then = deployment(folder / "d", now=long_ago)
    new, of_today = another_device(folder / "d")
    config = folder / "d" / "broker" / "mosquitto.conf"
    # The broker judges dates by a clock of its own, which is right: it would refuse the old ones.
    asks = (
        "require_certificate",
        "use_identity_as_username",
        "use_username_as_clientid",
        "acl_file",
    )
    kept = [line for line in config.read_text().splitlines() if not line.startswith(asks)]
    config.write_text("\n".join(kept).replace("allow_anonymous false", "allow_anonymous true"))
    async with broker(folder / "d" / "broker") as running:
        async with linked(running.url, new.device_id, of_today, synced=True) as link:
            await until(lambda: "certificate has expired" in str(link.trouble))
        async with linked(running.url, new.device_id, of_today, synced=False) as link:
            await until(lambda: link.is_up)
        # By this clock the button's own certificate is over, too: more likely the clock is wrong.
        async with linked(running.url, old.device_id, of_then, synced=True) as link:
            await until(lambda: link.is_up)


async def test_another_deployment_s_broker_is_refused_even_while_the_clock_is_unsynced(
    folder: Path,
) -> None:
    deployment(folder / "theirs")
    device, tls = deployment(folder / "ours")
    async with (
        broker(folder / "theirs" / "broker") as running,
        linked(running.url, device.device_id, tls, synced=False) as link,
    ):
        await until(lambda: "CERTIFICATE_VERIFY_FAILED" in str(link.trouble))


async def test_a_broker_that_never_answers_is_given_up_and_tried_again(folder: Path) -> None:
    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(stay_silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with linked(f"mqtt://127.0.0.1:{port}", "btn-0123456789", None) as link:
        await until(lambda: link.trouble is not None)
        assert link.trouble == "no answer to CONNECT within 2 s"
        await until(lambda: link.connection > 1)
    server.close()


async def test_a_connection_that_is_closed_before_a_word_is_said_ends_no_link(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, tls = deployment(folder / "d")
    async with broker(folder / "d" / "broker") as running:
        with monkeypatch.context() as refusing:
            # As paho comes back where the broker's refusal of the certificate is there already.
            refusing.setattr("paho.mqtt.client.Client.connect", lambda *_, **__: None)
            async with linked(running.url, device.device_id, tls) as link:
                await until(lambda: link.connection > 1)
                assert link.trouble == "the connection was closed at once"
                refusing.undo()
                await until(lambda: link.is_up)


async def test_hurry_ends_the_pause_before_the_next_try(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin_button.link.random.uniform", lambda *_: 10_000.0)  # no test waits
    device, tls = deployment(folder / "d")
    port = free_port()
    async with linked(f"mqtts://127.0.0.1:{port}", device.device_id, tls) as link:
        await until(lambda: link.trouble is not None)
        tries = link.connection
        running = Mosquitto(folder / "d" / "broker", port=port)
        await running.start()
        link.hurry()
        await until(lambda: link.is_up)
        assert link.connection == tries + 1
        await running.stop()


async def test_a_proxy_is_gone_through_or_its_missing_library_is_named(folder: Path) -> None:
    device, tls = deployment(folder / "d")
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with linked("wss://broker.example", device.device_id, tls, proxy=url) as link:
        await until(lambda: link.trouble is not None)
        if importlib.util.find_spec("socks") is None:
            assert "PySocks" in str(link.trouble)
        else:
            assert asked[0].startswith(b"CONNECT broker.example:443")
    server.close()


async def test_a_publish_that_breaks_drops_its_own_link_and_tells_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, tls = deployment(folder / "d")
    async with (
        broker(folder / "d" / "broker") as running,
        linked(running.url, device.device_id, tls) as link,
    ):
        await until(lambda: link.is_up)
        with monkeypatch.context() as broken:
            broken.setattr("paho.mqtt.client.Client.publish", refuse)
            assert not link.publish(Leaf.PRESS, b"a press", qos=1)
        assert link.trouble == "publishing failed: RuntimeError: nothing goes out"
        await until(lambda: link.is_up)


def refuse(*_: object, **__: object) -> None:
    raise RuntimeError("nothing goes out")
