"""A replica's link to one broker: paho on the asyncio loop, without a thread of its own.

It subscribes again on every CONNACK, reconnects by itself (to a cluster's next node), and notices
a half-open link because its own canary must come back. A message is acknowledged to the broker
only when the reader of it says so, and only on the connection that brought it.
"""

import asyncio
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog
from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tocsin_server.config import BrokerConfig, Config
from tocsin_server.errors import because
from tocsin_server.fleet.certificates import client_context
from tocsin_wire import topics
from tocsin_wire.topics import Leaf

# Where every replica's links are half open, nobody hears a press until that is noticed: within
# twice this. So is a cluster's node that is frozen or cut off and holds our session: about when the
# other nodes give it up (net_ticktime).
KEEPALIVE_S = 4
CONNECT_S_MAX = 2.0
RECONNECT_S_MAX = 2.0
PACKETS_AT_ONCE_MAX = 64  # a flood must not keep the loop to itself: some 5 ms, then all the others
OUT_QUEUE_MAX = 10_000  # receipts of a storm while a link is away; the buttons ask again anyway
CANARY_LOST_S = 25.0  # two pulses and a half

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message as it came from one broker."""

    topic: str
    body: bytes
    retained: bool
    received: float  # this replica's monotonic clock
    accept: Callable[[], None] = field(repr=False)  # tells the broker that we have it


class Broker:
    """One broker, and everything this replica says and hears there."""

    def __init__(
        self, config: Config, broker: BrokerConfig, on_message: Callable[["Broker", Arrived], None]
    ) -> None:
        self.url = broker.url
        self._nodes = broker.nodes
        # Replicas begin at different nodes, so that no node takes all of them along.
        self._turn = zlib.crc32(config.replica_id.encode())
        self._connection = 0
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._lost = asyncio.Event()
        self._answered = asyncio.Event()
        self._misc: asyncio.Task[None] | None = None
        self._read_on: asyncio.Handle | None = None
        self.canary_at = 0.0  # monotonic, when our own pulse last came back
        self.subscribed_at: float | None = None
        self._client = self._build(config, broker)

    @property
    def _node(self) -> str:
        """The address whose turn it is."""
        return self._nodes[self._turn % len(self._nodes)]

    @property
    def connected(self) -> bool:
        """Say whether the link stands, as far as paho can tell."""
        return self._client.is_connected()

    @property
    def canary_age_s(self) -> float | None:
        """Say how long ago our own pulse came back; None where it never did."""
        return time.monotonic() - self.canary_at if self.canary_at else None

    def judges_for_s(self) -> float:
        """Say for how long this link has been good enough to call a button silent; 0: it isn't."""
        age = self.canary_age_s
        if not self.connected or self.subscribed_at is None or age is None or age > CANARY_LOST_S:
            return 0.0
        return time.monotonic() - self.subscribed_at

    def publish(self, topic: str, body: bytes, *, qos: int) -> None:
        """Send; while the link is away, queue a bounded number (a button asks again anyway)."""
        self._client.publish(topic, body, qos=qos)

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        wait_s = 0.2
        while True:
            self._lost.clear()
            self._answered.clear()
            try:
                await self._connect()
                async with asyncio.timeout(CONNECT_S_MAX):
                    await self._answered.wait()
                wait_s = 0.2
                await self._lost.wait()
                log.warning("broker lost", broker=self._node)
            except TimeoutError:
                log.warning("broker not reached", broker=self._node, because="it is silent")
                self.renew()
            except (OSError, ValueError) as error:
                log.warning("broker not reached", broker=self._node, because=because(error))
            self.subscribed_at = None
            self._turn += 1
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RECONNECT_S_MAX)

    async def close(self) -> None:
        """Leave politely."""
        self._client.disconnect()
        await asyncio.sleep(0)

    def renew(self) -> None:
        """Drop the link; `run` opens it again. For a link that is up and yet says nothing."""
        sock = self._client.socket()
        if not isinstance(sock, socket.socket):
            self._lost.set()
            return
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)  # paho notices on the loop, and closes it in order

    def _build(self, config: Config, broker: BrokerConfig) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=config.replica_id,
            clean_session=not broker.persistent,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(OUT_QUEUE_MAX)
        client.connect_timeout = CONNECT_S_MAX
        if any(urlsplit(node).scheme == "mqtts" for node in broker.nodes):
            client.tls_set_context(_tls(config))
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._arrived
        client.on_socket_open = self._socket_open
        client.on_socket_close = self._socket_close
        client.on_socket_register_write = self._want_write
        client.on_socket_unregister_write = self._write_done
        return client

    async def _connect(self) -> None:
        url = urlsplit(self._node)
        port = url.port or (8883 if url.scheme == "mqtts" else 1883)
        # connect() blocks for TCP and TLS; in a thread it can't hold up an alert.
        await asyncio.to_thread(self._client.connect, url.hostname or "", port, KEEPALIVE_S)

    def _socket_open(self, client: Client, _userdata: Any, sock: Any) -> None:
        # Without it a receipt that follows another small packet waits 40 ms for an ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.call_soon_threadsafe(self._attach, client, sock)

    def _attach(self, client: Client, sock: Any) -> None:
        if sock.fileno() < 0:
            return
        self._loop.add_reader(sock, self._read, client)
        if client.want_write():
            self._loop.add_writer(sock, client.loop_write)
        if self._misc is None or self._misc.done():
            self._misc = asyncio.ensure_future(self._keep_alive(client))

    def _want_write(self, client: Client, _userdata: Any, sock: Any) -> None:
        if self._here():
            try:
                self._loop.add_writer(sock, client.loop_write)
            except (OSError, RuntimeError) as error:
                # uvloop has given the socket up: its other end went while this replica was stopped.
                # Watched anew, it is read to its end, and paho knows.
                log.warning("broker link broken", broker=self._node, because=because(error))
                self._loop.call_soon(self._watch_anew, client, sock)
        else:
            self._loop.call_soon_threadsafe(self._attach, client, sock)

    def _watch_anew(self, client: Client, sock: Any) -> None:
        try:
            self._unwatch(sock)
            self._attach(client, sock)
        except (OSError, RuntimeError):
            self.renew()  # paho's keepalive notices, if nothing else does

    def _write_done(self, _client: Client, _userdata: Any, sock: Any) -> None:
        if self._here():
            self._loop.remove_writer(sock)

    def _here(self) -> bool:
        """Say whether this is the loop's own thread; connecting runs in another."""
        return threading.get_ident() == self._thread

    def _read(self, client: Client) -> None:
        for _ in range(PACKETS_AT_ONCE_MAX):
            client.loop_read()
            sock = client.socket()
            if not isinstance(sock, ssl.SSLSocket) or sock.fileno() < 0 or not sock.pending():
                return
        # TLS may hold decrypted bytes that no longer make the socket readable.
        if self._read_on is None:
            self._read_on = self._loop.call_soon(self._go_on_reading, client)

    def _go_on_reading(self, client: Client) -> None:
        self._read_on = None
        self._read(client)

    def _socket_close(self, _client: Client, _userdata: Any, sock: Any) -> None:
        # At once, while the socket still has its number: the next one may get the same. What the
        # connecting thread closes was never watched, and says nothing of the link that stands.
        if self._here():
            self._unwatch(sock)
            self._lost.set()

    def _unwatch(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    async def _keep_alive(self, client: Client) -> None:
        alive = MQTTErrorCode.MQTT_ERR_SUCCESS
        while alive == MQTTErrorCode.MQTT_ERR_SUCCESS:
            await asyncio.sleep(1)
            alive = client.loop_misc()

    def _connected(
        self,
        client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._answered.set)
        if reason.is_failure:
            log.error("broker refused", broker=self._node, because=str(reason))
            return
        self._connection += 1
        client.subscribe(
            [
                (topics.every(Leaf.PRESS), 1),
                (topics.every(Leaf.STATUS), 1),
                (topics.every(Leaf.HEARTBEAT), 0),
                (topics.PULSES, 0),
            ]
        )
        self.subscribed_at = time.monotonic()
        log.info("broker connected", broker=self._node)

    def _disconnected(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._answered.set)
        self._loop.call_soon_threadsafe(self._lost.set)

    def _arrived(self, client: Client, _userdata: Any, message: MQTTMessage) -> None:
        connection = self._connection

        def accept() -> None:
            # On a later connection the same id may be of another message, not yet stored.
            if connection == self._connection:
                client.ack(message.mid, message.qos)

        arrived = Arrived(
            topic=message.topic,
            body=bytes(message.payload),
            retained=message.retain,
            received=time.monotonic(),
            accept=accept,
        )
        try:
            self._on_message(self, arrived)
        except Exception:
            # Our own mistake. paho would bring this message again, and nothing after it.
            log.exception("a message that its reader failed on", topic=arrived.topic)


def _tls(config: Config) -> ssl.SSLContext:
    mqtt = config.mqtt
    return client_context(
        ca_file=config.path(mqtt.ca_file or ""),
        certificate_file=config.path(mqtt.certificate_file or ""),
        key_file=config.path(mqtt.certificate_key_file or ""),
    )
