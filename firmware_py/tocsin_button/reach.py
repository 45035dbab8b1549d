"""Reach: how far one gets towards a broker: proxy, name, port, TLS, and what the far end says.

Promise: no MQTT is spoken, so that nobody's session at the broker is touched, this button's own
least of all. Every wait has its limit. What was met is told as an `Obstacle` and in the far end's
own words.
"""

import contextlib
import http.client
import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography import x509

from tocsin_button.config import Broker
from tocsin_button.facts import Name, Obstacle, Reach, Shown, WebAnswer
from tocsin_button.link import PYSOCKS_TYPES, TlsFiles, tls_context

NAME_WITHIN_S = 5.5  # a resolver asks its second server after 5 s (resolv.conf(5))
TCP_WITHIN_S = 3.0  # the first SYN may be lost: it is sent again after a second
PROXY_WITHIN_S = 5.0  # it connects on our behalf meanwhile
ANSWER_WITHIN_S = 3.0
REFUSAL_WITHIN_S = 2.0  # a refusal takes one way there and back; a silent broker wants our CONNECT
ADDRESSES_MAX = 2  # of one name: with more, all silent, a caretaker would wait too long
HEAD_BYTES_MAX = 16 * 1024
SAID_CHARS_MAX = 120

T = TypeVar("T")
Resolver = Callable[[str], Name]

_UNKNOWN_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_TLS_RECORDS = (0x15, 0x16)  # RFC 8446, 5.1: alert, handshake
_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dG9jc2luIGRvY3RvciEhIQ==\r\n"
    "Sec-WebSocket-Protocol: mqtt\r\n\r\n"
)

# X509_V_ERR_… of OpenSSL's x509_vfy.h
_OF_A_CERTIFICATE = {
    9: Obstacle.NOT_YET_VALID,
    10: Obstacle.EXPIRED,
    62: Obstacle.WRONG_NAME,
    64: Obstacle.WRONG_NAME,
    **dict.fromkeys((2, 7, 18, 19, 20, 21, 24), Obstacle.FOREIGN),
}
# The end of OpenSSL's reason, which begins with a version that differs between its releases.
_OF_AN_ALERT = {
    "CERTIFICATE_REVOKED": Obstacle.WE_REVOKED,
    "CERTIFICATE_EXPIRED": Obstacle.WE_EXPIRED,
    "UNKNOWN_CA": Obstacle.WE_UNKNOWN,
    "BAD_CERTIFICATE": Obstacle.WE_REFUSED,
    "CERTIFICATE_UNKNOWN": Obstacle.WE_REFUSED,
    "UNSUPPORTED_CERTIFICATE": Obstacle.WE_REFUSED,
    "CERTIFICATE_REQUIRED": Obstacle.WE_REFUSED,
    "ACCESS_DENIED": Obstacle.WE_REFUSED,
    "PROTOCOL_VERSION": Obstacle.OLD_TLS,
    "UNSUPPORTED_PROTOCOL": Obstacle.OLD_TLS,
}
# Which of several addresses' failures tells most.
_TELLING = (Obstacle.REFUSED, Obstacle.SILENT, Obstacle.UNREACHABLE)
_OF_A_PROXY = {
    Obstacle.REFUSED: Obstacle.PROXY_REFUSED,
    Obstacle.SILENT: Obstacle.PROXY_SILENT,
    Obstacle.UNREACHABLE: Obstacle.PROXY_UNREACHABLE,
}


class Met(Exception):
    """The way ends here."""

    def __init__(self, obstacle: Obstacle, said: str = "") -> None:
        super().__init__(obstacle, said)
        self.obstacle, self.said = obstacle, said[:SAID_CHARS_MAX]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a probe goes by."""

    tls: TlsFiles | None
    clock_synced: bool | None
    proxy: str | None = None
    resolve: Resolver


def resolve(host: str) -> Name:
    """Look a name up as everything on this board does. Blocks for 5.5 s at most."""
    try:
        return Name(host=host, addresses=(str(ipaddress.ip_address(host)),))
    except ValueError:
        pass
    answers: queue.SimpleQueue[Name] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            unknown = error.errno in _UNKNOWN_NAME
            answers.put(Name(host=host, failure="unknown" if unknown else "silent"))
        except (OSError, UnicodeError):
            answers.put(Name(host=host, failure="unknown"))
        else:
            addresses = dict.fromkeys(str(address[4][0]) for address in found)
            answers.put(Name(host=host, addresses=tuple(addresses)))

    # A daemon thread: nothing but the end of the process ends a resolver that hangs.
    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    try:
        return answers.get(timeout=NAME_WITHIN_S)
    except queue.Empty:
        return Name(host=host, failure="silent")


def probe(node: Broker, *, of: Broker, way: Way) -> Reach:
    """Go towards one address of a broker until something stops us, or nothing does."""
    name, tls, shown, obstacle, said = None, None, None, None, ""
    try:
        if way.proxy is None:
            name = way.resolve(node.host)
        with _open(node, name, way) as plain:
            if node.tls and way.tls is not None:
                tls = _knock(node, plain, _context(way.tls, way.clock_synced))
    except Met as met:
        obstacle, said = met.obstacle, met.said
        if obstacle in _OF_A_CERTIFICATE.values():
            shown = _certificate(node, name, way)
    return Reach(
        broker=of.url,
        url=node.url,
        host=node.host,
        port=node.port,
        name=name,
        obstacle=obstacle,
        said=said,
        tls=tls,
        shown=shown,
    )


def ask_web(host: str, address: str, *, port: int = 80) -> WebAnswer | None:
    """Ask for a page where our broker has none: a network with a log-in page answers."""
    connection = http.client.HTTPConnection(address, port, timeout=TCP_WITHIN_S)
    try:
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        location = answer.getheader("Location")
        return WebAnswer(
            host=host,
            status=answer.status,
            location=None if location is None else location[:SAID_CHARS_MAX],
        )
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _open(node: Broker, name: Name | None, way: Way) -> socket.socket:
    """Come as far as the broker's port, or its proxy's word for it. Raises Met."""
    if way.proxy is not None:
        return _through(way.proxy, node, way.resolve)
    if name is None or name.failure is not None:
        raise Met(Obstacle.NAME)
    return _dial(name.addresses, node.port)


def _dial(addresses: tuple[str, ...], port: int) -> socket.socket:
    failures = []
    for address in addresses[:ADDRESSES_MAX]:
        try:
            return socket.create_connection((address, port), TCP_WITHIN_S)
        except ConnectionRefusedError:
            failures.append(Met(Obstacle.REFUSED))
        except TimeoutError:
            failures.append(Met(Obstacle.SILENT))
        except OSError as error:
            failures.append(Met(Obstacle.UNREACHABLE, error.strerror or str(error)))
    raise min(failures, key=lambda met: _TELLING.index(met.obstacle))


def _through(proxy: str, node: Broker, resolve: Resolver) -> socket.socket:
    """As the link goes: by PySocks, which is there where a proxy is used."""
    parts = urlsplit(proxy)
    name = resolve(parts.hostname or "")
    if name.failure is not None:
        raise Met(Obstacle.PROXY_NAME, name.failure)
    try:
        _dial(name.addresses, parts.port or 0).close()
    except Met as met:
        raise Met(_OF_A_PROXY[met.obstacle], met.said) from None
    try:
        import socks  # noqa: PLC0415 (only a button behind a proxy needs it)
    except ImportError:
        raise Met(Obstacle.PROXY_ODD, "PySocks isn't installed on this button") from None
    try:
        opened: socket.socket = socks.create_connection(
            (node.host, node.port),
            timeout=PROXY_WITHIN_S,
            proxy_type=PYSOCKS_TYPES[parts.scheme],
            proxy_addr=name.addresses[0],
            proxy_port=parts.port,
            proxy_rdns=True,
        )
    except socks.ProxyError as error:
        raise _proxys_word(error) from None
    return opened


def _proxys_word(error: OSError) -> Met:
    """Read PySocks' text: a status of HTTP (RFC 9110, 15) or a reply of SOCKS5 (RFC 1928, 6)."""
    within = getattr(error, "socket_err", None)  # what PySocks wraps as "Socket error"
    if isinstance(within, TimeoutError):
        return Met(Obstacle.PROXY_CANNOT, "no answer")
    said = str(within or error).splitlines()[0]
    if said.startswith("407") or "authentication" in said.lower():
        return Met(Obstacle.PROXY_PASSWORD, said)
    if said.startswith("0x02") or (said[:1] == "4" and said[:3].isdigit()):
        return Met(Obstacle.PROXY_FORBIDS, said)
    if said.startswith("0x0") or (said[:1] == "5" and said[:3].isdigit()):
        return Met(Obstacle.PROXY_CANNOT, said)
    return Met(Obstacle.PROXY_ODD, said)


def _context(files: TlsFiles, clock_synced: bool | None) -> ssl.SSLContext:
    try:
        return tls_context(files, clock_synced)
    except OSError as error:  # ssl.SSLError is one
        raise Met(Obstacle.OUR_FILES, str(error)) from None


def _knock(node: Broker, plain: socket.socket, context: ssl.SSLContext) -> str | None:
    """Shake hands, and stay until the far end has had time to refuse. Gives the version of TLS."""
    secure = _Secure(plain, context, node.host)
    secure.handshake()
    if node.websocket:
        secure.upgrade(node)
    else:
        secure.wait_for_refusal()
    return secure.version()


def _certificate(node: Broker, name: Name | None, way: Way) -> Shown | None:
    """Whose certificate it is that we don't accept; ours isn't shown for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # to look at it; nothing is said over this connection
    try:
        with _open(node, name, way) as plain:
            secure = _Secure(plain, context, node.host)
            secure.handshake()
            return _read_certificate(secure.certificate())
    except (Met, ValueError, x509.ExtensionNotFound):
        return None


def _read_certificate(der: bytes) -> Shown:
    certificate = x509.load_der_x509_certificate(der)
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(str(each.value) for each in named)
    except x509.ExtensionNotFound:
        names = ()
    return Shown(
        subject=certificate.subject.rfc4514_string()[:SAID_CHARS_MAX],
        issuer=certificate.issuer.rfc4514_string()[:SAID_CHARS_MAX],
        names=names,
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )


class _Secure:
    """TLS over a socket that is ours to read, so that what isn't TLS can be looked at."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._first = b""

    def version(self) -> str | None:
        return self._tls.version()

    def certificate(self) -> bytes:
        """Raises ValueError where the far end showed none."""
        return self._tls.getpeercert(binary_form=True) or b""

    def handshake(self) -> None:
        """Raises Met."""
        self._plain.settimeout(ANSWER_WITHIN_S)
        self._do(self._tls.do_handshake)

    def wait_for_refusal(self) -> None:
        """In TLS 1.3 the broker looks at our certificate when our handshake is done already."""
        if self.version() != "TLSv1.3":
            return
        self._plain.settimeout(REFUSAL_WITHIN_S)
        heard = False

        def listen() -> None:
            nonlocal heard
            try:
                self._tls.read(1)
            except ssl.SSLWantReadError:
                if heard:  # a record without data: a session ticket, which only the accepted get
                    return
                heard = True
                raise

        try:
            self._do(listen)
        except Met as met:
            if met.obstacle is Obstacle.HANDSHAKE_CUT:
                raise Met(Obstacle.WE_REFUSED, met.said) from None
            if met.obstacle is not Obstacle.HANDSHAKE_SILENT:
                raise

    def upgrade(self, node: Broker) -> None:
        """Ask for a WebSocket, and leave once we have it."""
        path = node.parts.path or "/mqtt"
        self._tls.write(_UPGRADE.format(path=path, host=node.host, port=node.port).encode())
        head = self._do(lambda: self._tls.read(HEAD_BYTES_MAX))
        said = head.partition(b"\r\n")[0].decode("latin-1")
        if not said.startswith("HTTP/1.1 101"):
            raise Met(Obstacle.WEBSOCKET, said or "it closed the connection")

    def _do(self, step: Callable[[], T]) -> T:
        try:
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    self._send()
                    self._receive()
                finally:
                    self._send()
        except TimeoutError:
            raise Met(Obstacle.HANDSHAKE_SILENT) from None
        except ssl.SSLError as error:
            raise self._judged(error) from None
        except OSError as error:
            raise Met(Obstacle.HANDSHAKE_CUT, error.strerror or str(error)) from None

    def _send(self) -> None:
        # Where the far end has closed, what it said before is still to be read.
        with contextlib.suppress(OSError):
            self._plain.sendall(self._outgoing.read())

    def _receive(self) -> None:
        received = self._plain.recv(HEAD_BYTES_MAX)
        self._first = self._first or received
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()

    def _judged(self, error: ssl.SSLError) -> Met:
        first = self._first.lstrip()
        if first[:5] == b"HTTP/" or first[:1] == b"<":
            return Met(Obstacle.HTTP, first.partition(b"\r\n")[0].decode("latin-1"))
        if self._first and self._first[0] not in _TLS_RECORDS:
            return Met(Obstacle.NOT_TLS)
        if isinstance(error, ssl.SSLCertVerificationError):
            obstacle = _OF_A_CERTIFICATE.get(error.verify_code, Obstacle.TLS)
            return Met(obstacle, error.verify_message)
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return Met(Obstacle.HANDSHAKE_CUT, "it closed the connection")
        reason = error.reason or str(error)
        for end, obstacle in _OF_AN_ALERT.items():
            if reason.endswith(end):
                return Met(obstacle, reason)
        return Met(Obstacle.TLS, reason)
