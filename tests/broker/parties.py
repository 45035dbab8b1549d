"""Those who talk through a broker in these tests: each with its real certificate."""

import queue
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from tocsin_server.fleet.certificates import client_context

PATIENCE_S = 20.0  # for what must happen; nothing waits this long when all is well
CONNACK_ACCEPTED = b"\x20\x02\x00\x00"
JURISDICTION = "48453"


class Identity(NamedTuple):
    """The files one needs to be somebody at the broker."""

    name: str
    certificate: Path
    key: Path
    ca: Path

    @classmethod
    def device(cls, folder: Path) -> "Identity":
        return cls(folder.name, folder / "client.crt", folder / "client.key", folder / "ca.crt")

    @classmethod
    def server(cls, deployment: Path, name: str) -> "Identity":
        server = deployment / "server"
        return cls(name, server / f"{name}.crt", server / f"{name}.key", deployment / "ca/ca.crt")

    def context(self) -> ssl.SSLContext:
        return client_context(ca_file=self.ca, certificate_file=self.certificate, key_file=self.key)


class Heard(NamedTuple):
    topic: str
    payload: bytes
    retained: bool


class Party:
    """A connected client that remembers what it hears, and whether it was put out."""

    def __init__(
        self,
        identity: Identity,
        port: int,
        *,
        client_id: str | None = None,
        manual_ack: bool = False,
    ) -> None:
        self.name = identity.name
        self.heard: queue.Queue[Heard] = queue.Queue()
        self.connected = threading.Event()
        self.put_out = threading.Event()
        self._unacknowledged: queue.Queue[tuple[int, int]] = queue.Queue()
        self._done: queue.Queue[int] = queue.Queue()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=identity.name if client_id is None else client_id,
            manual_ack=manual_ack,
            reconnect_on_failure=False,
        )
        self._client.tls_set_context(identity.context())
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda _c, _u, mid, _codes, _p: self._done.put(mid)
        self._client.on_publish = lambda _c, _u, mid, _code, _p: self._done.put(mid)
        self._port = port

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port, keepalive=10)
        self._client.loop_start()
        assert self.connected.wait(PATIENCE_S), f"{self.name} could not connect"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def will(self, topic: str, payload: bytes) -> None:
        self._client.will_set(topic, payload, qos=1, retain=True)

    def subscribe(self, topic: str, qos: int = 1) -> None:
        """Return when the broker has answered, whatever it said."""
        _, mid = self._client.subscribe(topic, qos)
        assert mid is not None
        self._until_done(mid)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Return when the broker has dealt with it (QoS 1), or it is on its way (QoS 0)."""
        sent = self._client.publish(topic, payload, qos, retain)
        self._until_done(sent.mid)

    def publish_and_go_on(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        self._client.publish(topic, payload, qos)

    def next(self) -> Heard:
        """Give what was heard first, or fail."""
        return self.heard.get(timeout=PATIENCE_S)

    def acknowledge_all(self) -> None:
        """What a manually acknowledging party has heard so far, and forget it."""
        while not self._unacknowledged.empty():
            mid, qos = self._unacknowledged.get()
            self._client.ack(mid, qos)

    def _until_done(self, mid: int) -> None:
        while self._done.get(timeout=PATIENCE_S) != mid:
            pass

    def _on_connect(
        self, _c: mqtt.Client, _u: object, _f: object, reason: ReasonCode, _p: object
    ) -> None:
        if not reason.is_failure:
            self.connected.set()

    def _on_disconnect(self, *_: object) -> None:
        self.put_out.set()

    def _on_message(self, _c: mqtt.Client, _u: object, message: mqtt.MQTTMessage) -> None:
        self._unacknowledged.put((message.mid, message.qos))
        self.heard.put(Heard(message.topic, bytes(message.payload), message.retain))


def raw_connect(port: int, context: ssl.SSLContext | None) -> bytes:
    """What a broker answers to a bare CONNECT: four bytes when it accepts, none when it hangs up.

    Raises OSError (ssl.SSLError is one) where it refuses earlier.
    """
    connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x0a\x00\x04me-1"
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    with (
        plain
        if context is None
        else context.wrap_socket(plain, server_hostname="127.0.0.1") as connection
    ):
        connection.sendall(connect)
        return connection.recv(4)


def refused(port: int, context: ssl.SSLContext | None) -> bool:
    """Say whether a broker hangs up, at TLS or after it."""
    try:
        return raw_connect(port, context) == b""
    except (ssl.SSLError, ConnectionError):
        return True
