"""One MQTT connection on the asyncio loop, as bare as it can be: the floor's and the publisher's.

Promise: what is published is written to the socket before `publish` returns, as far as the socket
takes it, and a packet that has arrived is handed on in the same turn of the loop.

Refused: connecting again. A connection that is lost in a benchmark is a result, and is counted.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tocsin_server.bench.errors import BenchFailed

KEEPALIVE_S = 60  # whoever holds it says something every 15 s, so that no ping is needed
ANSWER_S_MAX = 20.0


class Connection:
    """One client of the broker; nothing happens until `open`."""

    def __init__(
        self,
        name: str,
        tls: ssl.SSLContext,
        *,
        on_message: Callable[[str, bytes], None],
        on_confirmed: Callable[[int], None] | None = None,
    ) -> None:
        """`on_confirmed` is told each PUBACK's packet id."""
        self.lost = False
        self._name = name
        self._on_message = on_message
        self._on_confirmed = on_confirmed
        self._subscribed = asyncio.Event()
        self._refused: str | None = None
        self._topics: Sequence[str] = ()
        self._socket: Any = None
        client = self._client = Client(CallbackAPIVersion.VERSION2, client_id=name)
        client.max_inflight_messages_set(0)
        client.tls_set_context(tls)
        client.on_socket_open = _no_delay
        client.on_socket_close = self._closing
        client.on_connect = self._connected
        client.on_subscribe = self._subscription_answered
        client.on_message = self._arrived
        client.on_publish = self._confirmed

    async def open(self, url: str, topics: Sequence[str]) -> None:
        """Connect and subscribe. Raises BenchFailed."""
        self._topics = topics
        parts = urlsplit(url)
        try:
            await asyncio.to_thread(
                self._client.connect, parts.hostname or "", parts.port or 8883, KEEPALIVE_S
            )
            self._socket = self._client.socket()
            asyncio.get_running_loop().add_reader(self._socket, self._read)
            self._flush()
            async with asyncio.timeout(ANSWER_S_MAX):
                await self._subscribed.wait()
        except (OSError, ValueError, TimeoutError) as error:
            because = str(error) or type(error).__name__
            raise BenchFailed(f"{self._name} doesn't reach the broker {url}: {because}") from None
        if self.lost or self._refused is not None:
            because = self._refused or "it closed the connection"
            raise BenchFailed(f"the broker refused {self._name}: {because}")

    def publish(self, topic: str, body: bytes, *, qos: int, retain: bool = False) -> int:
        """Write a message to the socket; gives its packet id."""
        info = self._client.publish(topic, body, qos=qos, retain=retain)
        self._flush()
        return info.mid

    def abandon(self) -> None:
        """Close the socket without a word, as whoever loses his network does."""
        sock = self._socket
        self._lose()
        if sock is not None:
            sock.close()

    def close(self) -> None:
        """Leave politely."""
        self._client.disconnect()
        self._flush()
        self._lose()

    def _read(self) -> None:
        while not self.lost:
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._lose()
            elif self._socket is None or not self._socket.pending():
                break  # TLS may hold what the selector can't see
        self._flush()

    def _flush(self) -> None:
        if self.lost or self._socket is None:
            return
        if self._client.want_write():
            self._client.loop_write()
        loop = asyncio.get_running_loop()
        if self._client.want_write():
            loop.add_writer(self._socket, self._flush)
        else:
            loop.remove_writer(self._socket)

    def _closing(self, _client: Client, _userdata: object, _socket: object) -> None:
        self._lose()

    def _lose(self) -> None:
        self.lost = True
        self._subscribed.set()
        if self._socket is not None and self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            asyncio.get_running_loop().remove_writer(self._socket)
        self._socket = None

    def _connected(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._refused = str(reason)
            self._subscribed.set()
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _subscription_answered(
        self,
        _client: Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refused = f"no subscription of {', '.join(self._topics)}"
        self._subscribed.set()

    def _arrived(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._on_message(message.topic, bytes(message.payload))

    def _confirmed(
        self,
        _client: Client,
        _userdata: object,
        mid: int,
        _reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._on_confirmed is not None:
            self._on_confirmed(mid)


def _no_delay(_client: Client, _userdata: object, sock: object) -> None:
    """As the button's agent does: a press waits for no fuller TCP segment."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
