"""The way to a broker, with everything on it that a caretaker's network may put there."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from cryptography import x509

from tests.broker.parties import Identity, Party
from tests.button.station import JURISDICTION, PATIENCE_S
from tests.button.test_link import broker as running_broker
from tests.button.test_link import gateway as websocket_gateway
from tocsin_button import reach
from tocsin_button.config import Broker
from tocsin_button.facts import Name, Obstacle, Reach, WebAnswer
from tocsin_button.link import TlsFiles
from tocsin_button.reach import Way
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet import revocation_list
from tocsin_server.fleet.certificates import Authority
from tocsin_server.fleet.deployment import add_device, create_deployment, issuing_authority
from tocsin_server.fleet.revocation_list import Revoked

HOME = "127.0.0.1"
LIMITS = ("TCP_WITHIN_S", "PROXY_WITHIN_S", "ANSWER_WITHIN_S", "REFUSAL_WITHIN_S")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Office:
    """A deployment with a button, and the ways on which it is tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        create_deployment(folder, jurisdiction=JURISDICTION)
        self.tls = self.button()

    def button(self, *, now: datetime | None = None) -> TlsFiles:
        made = add_device(
            self.folder, jurisdiction=JURISDICTION, brokers=["mqtts://127.0.0.1:8883"], now=now
        )
        folder = made.folder
        return TlsFiles(
            ca=folder / "ca.crt", certificate=folder / "client.crt", key=folder / "client.key"
        )

    async def probe(
        self,
        url: str,
        *,
        tls: TlsFiles | None = None,
        synced: bool = True,
        proxy: str | None = None,
        resolve: reach.Resolver = reach.resolve,
    ) -> Reach:
        way = Way(tls=tls or self.tls, clock_synced=synced, proxy=proxy, resolve=resolve)
        node = Broker(url=url)
        return await asyncio.to_thread(reach.probe, node, of=node, way=way)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is there answers, however busy the machine. Where nobody is, a test says how long."""
    for name in LIMITS:
        monkeypatch.setattr(reach, name, PATIENCE_S)


@pytest.fixture
def office(folder: Path) -> Office:
    return Office(folder / "d")


@pytest_asyncio.fixture
async def mosquitto(office: Office) -> AsyncIterator[Mosquitto]:
    async with running_broker(office.folder / "broker") as running:
        yield running


@asynccontextmanager
async def serving(serve: Serve, *, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Something else than a broker; gives its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, HOME, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def saying(answer: bytes) -> Serve:
    """Answers the first words with these, and goes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)

    return serve


async def stay_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


def at_home(host: str) -> Name:
    return Name(host=host, addresses=(HOME,))


def server_context(
    folder: Path, authority: Authority, *, now: datetime | None = None
) -> ssl.SSLContext:
    """TLS of whoever holds a certificate of this authority."""
    certificate, key = folder / "server.crt", folder / "server.key"
    authority.certify_broker([HOME], now=now or datetime.now(UTC)).save(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_broker_that_takes_the_button_is_reached_as_far_as_its_word(
    office: Office, mosquitto: Mosquitto
) -> None:
    found = await office.probe(mosquitto.url)
    assert (found.obstacle, found.said) == (None, "")
    assert found.tls == "TLSv1.3"
    assert found.name == Name(host=HOME, addresses=(HOME,))


async def test_a_probe_leaves_the_session_of_the_same_button_alone(
    office: Office, mosquitto: Mosquitto
) -> None:
    button = Identity.device(office.tls.certificate.parent)
    with Party(button, mosquitto.port) as party:
        assert (await office.probe(mosquitto.url)).obstacle is None
        topic = f"tocsin/v1/{JURISDICTION}/{button.name}/receipt"
        party.subscribe(topic)  # it is still answered
        assert not party.put_out.is_set()


async def test_a_port_that_nobody_listens_on_refuses(office: Office) -> None:
    assert (await office.probe(f"mqtts://{HOME}:{free_port()}")).obstacle is Obstacle.REFUSED


async def test_of_several_addresses_the_one_that_tells_most_is_told(
    office: Office, mosquitto: Mosquitto
) -> None:
    def resolve(host: str) -> Name:
        return Name(host=host, addresses=("::1", HOME))

    url = f"mqtts://localhost:{mosquitto.port}"
    assert (await office.probe(url, resolve=resolve)).obstacle is None
    assert (await office.probe(url, resolve=at_home)).obstacle is None
    nobody = f"mqtts://localhost:{free_port()}"
    assert (await office.probe(nobody, resolve=resolve)).obstacle is Obstacle.REFUSED


@pytest.mark.parametrize("failure", ["unknown", "silent"])
async def test_a_name_without_an_address_ends_the_way(
    office: Office, failure: Literal["unknown", "silent"]
) -> None:
    def resolve(host: str) -> Name:
        return Name(host=host, failure=failure)

    found = await office.probe("mqtts://broker-a.county.example", resolve=resolve)
    assert found.obstacle is Obstacle.NAME
    assert found.name is not None
    assert found.name.failure == failure


def test_an_address_needs_no_name_server_and_an_impossible_name_is_unknown() -> None:
    assert reach.resolve("::1") == Name(host="::1", addresses=("::1",))
    assert HOME in reach.resolve("localhost").addresses
    assert reach.resolve(f"{'x' * 64}.example").failure == "unknown"


def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = asyncio.Event()  # nobody sets it
    monkeypatch.setattr(reach, "NAME_WITHIN_S", 0.05)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: asyncio.run(waiting.wait()))
    assert reach.resolve("broker-a.county.example").failure == "silent"


async def test_a_web_page_in_the_broker_s_place_is_seen_as_one(office: Office) -> None:
    page = b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n"
    async with serving(saying(page)) as port:
        found = await office.probe(f"mqtts://{HOME}:{port}")
    assert (found.obstacle, found.said) == (Obstacle.HTTP, "HTTP/1.1 302 Found")
    async with serving(saying(b"<html>Please sign in</html>")) as port:
        assert (await office.probe(f"mqtts://{HOME}:{port}")).obstacle is Obstacle.HTTP


async def test_what_speaks_something_else_is_no_broker(office: Office) -> None:
    async with serving(saying(b"SSH-2.0-OpenSSH_9.2\r\n")) as port:
        assert (await office.probe(f"mqtts://{HOME}:{port}")).obstacle is Obstacle.NOT_TLS


async def test_a_port_that_opens_and_stays_silent_is_given_up(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "ANSWER_WITHIN_S", 0.1)
    async with serving(stay_silent) as port:
        found = await office.probe(f"mqtts://{HOME}:{port}")
    assert found.obstacle is Obstacle.HANDSHAKE_SILENT


async def test_a_connection_that_is_cut_at_the_first_words_is_told_as_that(office: Office) -> None:
    async with serving(saying(b"")) as port:
        found = await office.probe(f"mqtts://{HOME}:{port}")
    assert found.obstacle is Obstacle.HANDSHAKE_CUT


@pytest.mark.parametrize("synced", [True, False])
async def test_who_inspects_traffic_is_found_out_and_named(
    office: Office, tmp_path: Path, synced: bool
) -> None:
    filter_ = Authority.create("Web Filter CA", now=datetime.now(UTC))
    async with serving(stay_silent, context=server_context(tmp_path, filter_)) as port:
        found = await office.probe(f"mqtts://{HOME}:{port}", synced=synced)
    assert found.obstacle is Obstacle.FOREIGN
    assert found.shown is not None
    assert found.shown.issuer == "CN=Web Filter CA"
    assert found.shown.names == (HOME,)


async def test_the_broker_of_another_installation_names_it(office: Office, folder: Path) -> None:
    theirs = Office(folder / "theirs")
    async with running_broker(theirs.folder / "broker") as other:
        found = await office.probe(other.url)
    assert found.obstacle is Obstacle.FOREIGN
    assert found.shown is not None
    assert found.shown.issuer == f"CN=Tocsin {JURISDICTION} issuing"


async def test_a_broker_under_a_name_that_its_certificate_lacks_tells_its_names(
    office: Office, mosquitto: Mosquitto
) -> None:
    url = f"mqtts://broker-a.county.example:{mosquitto.port}"
    found = await office.probe(url, resolve=at_home)
    assert found.obstacle is Obstacle.WRONG_NAME
    assert found.shown is not None
    assert "localhost" in found.shown.names


async def test_an_expired_broker_is_told_unless_this_board_s_clock_is_unsynced(
    office: Office, tmp_path: Path
) -> None:
    authority = Authority.load(office.folder / "ca" / "ca.crt", office.folder / "ca" / "ca.key")
    six_years_ago = datetime.now(UTC) - timedelta(days=6 * 365)
    context = server_context(tmp_path, authority, now=six_years_ago)
    async with serving(saying(b""), context=context) as port:
        found = await office.probe(f"mqtts://{HOME}:{port}")
        assert found.obstacle is Obstacle.EXPIRED
        assert found.shown is not None
        assert found.shown.valid_until < datetime.now(UTC)
        found = await office.probe(f"mqtts://{HOME}:{port}", synced=False)
        assert found.obstacle is not Obstacle.EXPIRED


async def test_an_old_tls_is_not_spoken(office: Office) -> None:
    fatal_protocol_version = b"\x15\x03\x02\x00\x02\x02\x46"  # as a server of TLS 1.1 says it
    async with serving(saying(fatal_protocol_version)) as port:
        found = await office.probe(f"mqtts://{HOME}:{port}")
    assert found.obstacle is Obstacle.OLD_TLS


async def test_a_button_of_another_installation_is_told_so(
    office: Office, mosquitto: Mosquitto, folder: Path
) -> None:
    theirs = Office(folder / "theirs").tls
    mixed = TlsFiles(ca=office.tls.ca, certificate=theirs.certificate, key=theirs.key)
    assert (await office.probe(mosquitto.url, tls=mixed)).obstacle is Obstacle.WE_UNKNOWN


async def test_a_button_whose_certificate_has_expired_is_told_so(
    office: Office, mosquitto: Mosquitto
) -> None:
    old = office.button(now=datetime.now(UTC) - timedelta(days=6 * 365))
    assert (await office.probe(mosquitto.url, tls=old)).obstacle is Obstacle.WE_EXPIRED


async def test_a_revoked_button_is_told_so(office: Office) -> None:
    revoke(office, office.tls)
    async with running_broker(office.folder / "broker") as mosquitto:
        assert (await office.probe(mosquitto.url)).obstacle is Obstacle.WE_REVOKED
        assert (await office.probe(mosquitto.url, tls=office.button())).obstacle is None


def revoke(office: Office, tls: TlsFiles) -> None:
    """Give the broker a list on which this button is, beside what the root signed."""
    now = datetime.now(UTC)
    serial = x509.load_pem_x509_certificate(tls.certificate.read_bytes()).serial_number
    file = office.folder / "broker" / "crl.pem"
    of_root, _ = revocation_list.split(file.read_bytes())
    of_issuing = revocation_list.sign(
        issuing_authority(office.folder),
        [Revoked(serial, "b-lost", now)],
        number=revocation_list.next_number(None, now=now) + 1,
        now=now,
    )
    file.write_bytes(of_root + of_issuing)


async def test_files_of_our_own_that_cannot_be_used_are_our_own_fault(
    office: Office, mosquitto: Mosquitto
) -> None:
    office.tls.certificate.write_text("nonsense")
    assert (await office.probe(mosquitto.url)).obstacle is Obstacle.OUR_FILES


async def test_a_websocket_is_asked_for_and_left(office: Office, mosquitto: Mosquitto) -> None:
    broker = office.folder / "broker"
    server = TlsFiles(
        ca=office.folder / "ca" / "ca.crt",
        certificate=office.folder / "server" / "server-1.crt",
        key=office.folder / "server" / "server-1.key",
    )
    async with websocket_gateway(broker, to=mosquitto, tls=server) as url:
        assert (await office.probe(url)).obstacle is None
        found = await office.probe(f"{url}/elsewhere")
    assert found.obstacle is Obstacle.WEBSOCKET
    assert found.said == "HTTP/1.1 404 Not Found"


async def test_a_broker_without_tls_is_reached_as_far_as_its_port(office: Office) -> None:
    async with serving(stay_silent) as port:
        found = await office.probe(f"mqtt://{HOME}:{port}")
    assert (found.obstacle, found.tls) == (None, None)


@asynccontextmanager
async def http_proxy(to: Mosquitto) -> AsyncIterator[str]:
    """Lets everybody through, to this broker."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        there, back = await asyncio.open_connection(HOME, to.port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while received := await source.read(4096):
                target.write(received)
            target.close()

        await asyncio.gather(copy(reader, back), copy(there, writer))

    async with serving(serve) as port:
        yield f"http://{HOME}:{port}"


async def test_a_proxy_leads_to_the_broker_and_resolves_its_name(
    office: Office, mosquitto: Mosquitto
) -> None:
    async with http_proxy(mosquitto) as proxy:
        found = await office.probe("mqtts://localhost:8883", proxy=proxy)
    assert (found.obstacle, found.tls, found.name) == (None, "TLSv1.3", None)


NO_PASSWORD, TAKEN = b"\x05\xff", b"\x05\x00"


def socks(*answers: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(4096)
            writer.write(answer)

    return serve


@pytest.mark.parametrize(
    ("scheme", "serve", "obstacle"),
    [
        ("http", saying(b"HTTP/1.1 407 Auth Required\r\n\r\n"), Obstacle.PROXY_PASSWORD),
        ("http", saying(b"HTTP/1.1 403 Forbidden\r\n\r\n"), Obstacle.PROXY_FORBIDS),
        ("http", saying(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), Obstacle.PROXY_CANNOT),
        ("http", saying(b"SSH-2.0-OpenSSH_9.2\r\n"), Obstacle.PROXY_ODD),
        ("http", saying(b""), Obstacle.PROXY_ODD),
        ("socks5", socks(NO_PASSWORD), Obstacle.PROXY_PASSWORD),
        ("socks5", socks(TAKEN, b"\x05\x02\x00\x01" + bytes(6)), Obstacle.PROXY_FORBIDS),
        ("socks5", socks(TAKEN, b"\x05\x05\x00\x01" + bytes(6)), Obstacle.PROXY_CANNOT),
        ("socks5", saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Obstacle.PROXY_ODD),
    ],
)
async def test_a_proxy_that_lets_nobody_through_says_why(
    office: Office, scheme: str, serve: Serve, obstacle: Obstacle
) -> None:
    async with serving(serve) as port:
        found = await office.probe(
            "mqtts://broker-a.county.example", proxy=f"{scheme}://{HOME}:{port}"
        )
    assert found.obstacle is obstacle


async def test_a_proxy_that_is_not_there_is_not_the_broker_s_fault(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = "mqtts://broker-a.county.example"
    found = await office.probe(broker, proxy=f"http://{HOME}:{free_port()}")
    assert found.obstacle is Obstacle.PROXY_REFUSED
    found = await office.probe(
        broker,
        proxy="http://proxy.example:3128",
        resolve=lambda host: Name(host=host, failure="unknown"),
    )
    assert found.obstacle is Obstacle.PROXY_NAME
    monkeypatch.setattr(reach, "PROXY_WITHIN_S", 0.1)
    async with serving(stay_silent) as port:
        found = await office.probe(broker, proxy=f"http://{HOME}:{port}")
    assert found.obstacle is Obstacle.PROXY_CANNOT


async def test_port_80_tells_of_a_redirect_or_nothing() -> None:
    page = b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\nContent-Length: 0\r\n\r\n"

    async def ask(port: int) -> object:
        return await asyncio.to_thread(reach.ask_web, "broker-a.example", HOME, port=port)

    async with serving(saying(page)) as port:
        assert await ask(port) == WebAnswer(
            host="broker-a.example", status=302, location="http://login.example/"
        )
    async with serving(saying(b"nonsense\r\n")) as port:
        assert await ask(port) is None
    assert await ask(free_port()) is None
