"""Link: one connection to one broker, opened again for ever; where that is a cluster, to its next
node.

Promise: a publish on a link that stands is written to the socket before the call
returns; what is not acknowledged within a second drops the link, which is opened anew at
once. (Up to four, where the line has shown that it needs them.) Nothing is queued here for
a link that is down: whoever has a press sends it again, with its age of that moment. One
paho client per connection, driven by the asyncio loop; only connecting (names, TCP, TLS)
happens in a thread of its own.

Refused: a broker whose certificate the deployment's own CA did not sign. Validity dates
alone are not looked at while this board's clock can't be believed.
"""

import asyncio
import random
import socket
import ssl
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from cryptography import x509
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tocsin_button.config import Broker
from tocsin_wire import messages, topics
from tocsin_wire.messages import Message, Status
from tocsin_wire.topics import Leaf

KEEPALIVE_S = 10
CONNECT_WITHIN_S = 2.0
PUBACK_WITHIN_S = 1.0
PUBACK_WITHIN_S_MAX = 4.0  # of a line that needs so long for CONNECT is given up anyway
TICK_S = 0.25  # how exactly a second without PUBACK is noticed
IDLE_TICK_S = 1.0  # paho's keepalive is looked at this often
RECONNECT_S_MIN = 0.1
RECONNECT_S_MAX = 5.0  # a broker that comes back meets its buttons within this
SETTLED_S = 5.0  # a link that stood for so long is opened again at once
UNACKNOWLEDGED_MAX = 1000  # then the link is as good as dead

# X509_V_FLAGNO_CHECK_TIME of OpenSSL's x509_vfy.h; Python has no name for it.
NO_CHECK_TIME = ssl.VerifyFlags(0x200000)

# PySocks' own numbers (socks.HTTP, socks.SOCKS5): only a button behind a proxy needs it.
PYSOCKS_TYPES = {"http": 3, "socks5": 2}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Who we are and whom we trust."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose topics these are, and in which run of the agent."""

    jurisdiction: str
    device_id: str
    boot_id: UUID

    def topic(self, leaf: Leaf) -> str:
        """Name one of this button's topics."""
        return topics.topic(self.jurisdiction, self.device_id, leaf)


class Listener(Protocol):
    """Whoever uses links. All of it is called on the event loop."""

    def link_up(self, link: "Link") -> None:
        """The link stands and is subscribed: send what is owed."""

    def link_down(self, link: "Link") -> None:
        """It doesn't stand: it fell, or could not be opened; `trouble` says why."""

    def heard(self, link: "Link", topic: str, body: bytes, *, retained: bool) -> None:
        """A message came."""


class Link:
    """One broker's link. `run` keeps it until it is cancelled."""

    def __init__(
        self,
        *,
        broker: Broker,
        identity: Identity,
        listener: Listener,
        tls: TlsFiles | None,
        clock_synced: Callable[[], bool | None],
        proxy: str | None = None,
    ) -> None:
        self.broker = broker
        self._nodes = broker.nodes
        # Buttons begin at different nodes, so that a cluster shares the work.
        self._turn = zlib.crc32(identity.device_id.encode()) % len(self._nodes)
        self.connection = 0  # +1 per connect in this run; a will carries it
        self.up_since_s: float | None = None  # on the loop's clock
        self.trouble: str | None = None  # why it does not stand
        self._identity = identity
        self._listener = listener
        self._tls, self._clock_synced, self._proxy = tls, clock_synced, proxy
        self._client: mqtt.Client | None = None
        self._unacknowledged: dict[int, float] = {}
        self._puback_within_s = PUBACK_WITHIN_S
        self._fileno = -1
        self._rest_s = 0.0
        self._leaving = False
        self._down = asyncio.Event()
        self._changed = asyncio.Event()
        self._hurry = asyncio.Event()

    @property
    def url(self) -> str:
        """The broker, as the config names it."""
        return self.broker.url

    @property
    def _node(self) -> Broker:
        """The address whose turn it is."""
        return self._nodes[self._turn % len(self._nodes)]

    @property
    def is_up(self) -> bool:
        """Whether it stands: the broker has taken us in."""
        return self.up_since_s is not None

    @property
    def is_coming(self) -> bool:
        """Whether the broker has been asked and may yet take us in."""
        return not self.is_up and (self._fileno >= 0 or self.trouble is None)

    @property
    def unacknowledged(self) -> int:
        """How many publishes the broker has not confirmed."""
        return len(self._unacknowledged)

    def publish(self, leaf: Leaf, body: bytes, *, qos: int, retain: bool = False) -> bool:
        """Write a message to the socket now; False where the link does not stand."""
        if self._client is None or not self.is_up:
            return False
        try:
            info = self._client.publish(self._identity.topic(leaf), body, qos=qos, retain=retain)
            if qos:
                self._unacknowledged[info.mid] = _loop_s()
                self._changed.set()
            self._flush()
        # Whatever breaks on this link must not keep a press from the others.
        except Exception as error:  # noqa: BLE001
            self._lost(f"publishing failed: {type(error).__name__}: {error}")
            return False
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS and self.is_up

    def drop(self, because: str) -> None:
        """Give this connection up without a word, so that the broker tells the will."""
        if self._client is not None and not self._down.is_set():
            log.warning("link dropped", broker=self._node.url, because=because)
            self._lost(because)

    def rest(self, for_s: float) -> None:
        """Wait that long before it is opened again, unless something is owed meanwhile."""
        self._rest_s = for_s

    def hurry(self) -> None:
        """Something is owed: try to connect now, not at the end of the pause."""
        self._hurry.set()

    async def run(self) -> None:
        """Connect, keep the link, connect again."""
        failures = 0
        while not self._leaving:
            self._hurry.clear()
            began_s = _loop_s()
            trouble = await self._connect()
            if trouble is None:
                await self._keep()
                self._discard()
            elif trouble != self.trouble:
                self._tell(trouble, was_up=False)
            self._turn += 1
            failures = 0 if _loop_s() - began_s >= SETTLED_S else failures + 1
            await self._pause(failures)

    async def farewell(self, *, within_s: float) -> None:
        """Say that this button goes, wait for the broker's word, and disconnect for good."""
        self._leaving = True
        if self._client is None or not self.is_up:
            return
        status = Status(online=False, boot_id=self._identity.boot_id, connection=self.connection)
        self.publish(Leaf.STATUS, messages.encode(status), qos=1, retain=True)
        deadline_s = _loop_s() + within_s
        while self._unacknowledged and self.is_up and _loop_s() < deadline_s:
            await self._wait_for_change(deadline_s - _loop_s())
        if self._client is not None:
            self._client.disconnect()

    async def _pause(self, failures: int) -> None:
        pause_s = min(RECONNECT_S_MIN * 2**failures, RECONNECT_S_MAX)
        pause_s, self._rest_s = max(pause_s, self._rest_s), 0.0
        try:
            async with asyncio.timeout(pause_s * random.uniform(0.5, 1.0)):  # noqa: S311 (jitter)
                await self._hurry.wait()
        except TimeoutError:
            return
        await asyncio.sleep(RECONNECT_S_MIN)  # however hurried, a refusing broker is no hot loop

    async def _connect(self) -> str | None:
        """Come to stand, or say why not."""
        self.connection += 1
        self._down.clear()
        self._unacknowledged.clear()
        client = self._client = self._new_client()
        opened: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._open_in_thread(client, opened)
        try:
            trouble = await opened
        except asyncio.CancelledError:
            self._client = None  # the thread ends by itself and finds nobody
            raise
        if trouble is not None:
            self._client = None
            return trouble
        self._fileno = _fileno(client)
        if self._fileno < 0:  # the broker refused our certificate before we had said a word
            self._client = None
            return "the connection was closed at once"
        asyncio.get_running_loop().add_reader(self._fileno, self._readable, client)
        self._flush()
        deadline_s = _loop_s() + CONNECT_WITHIN_S
        while not self.is_up and not self._down.is_set():
            if not await self._wait_for_change(deadline_s - _loop_s()):
                self._lost("no answer to CONNECT within 2 s")
        if not self._down.is_set():
            return None
        self._discard()
        return self.trouble

    def _open_in_thread(self, client: mqtt.Client, opened: "asyncio.Future[str | None]") -> None:
        """Connect where it may block. A daemon thread: a name server may hang longer than we."""
        loop = asyncio.get_running_loop()
        broker = self._node

        def settle(trouble: str | None) -> None:
            if not opened.done():
                opened.set_result(trouble)

        def connect() -> None:
            trouble = None
            try:
                if self._proxy is not None:
                    _set_proxy(client, self._proxy)
                if broker.tls and self._tls is not None:
                    client.tls_set_context(tls_context(self._tls, self._clock_synced()))
                client.connect(broker.host, broker.port, keepalive=KEEPALIVE_S)
            # Also what paho lets through: ssl's ValueErrors, its WebSocket's and PySocks' own.
            except Exception as error:  # noqa: BLE001
                trouble = f"{type(error).__name__}: {error}"
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, trouble)

        threading.Thread(target=connect, name=f"connect {broker.host}", daemon=True).start()

    def _new_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._identity.device_id,
            clean_session=not self.broker.persistent,
            transport="websockets" if self._node.websocket else "tcp",
        )
        client.connect_timeout = CONNECT_WITHIN_S
        client.max_inflight_messages_set(0)  # this button's pace is ours to decide
        if self._node.websocket:
            client.ws_set_options(path=self._node.parts.path or "/mqtt")
        will = Status(online=False, boot_id=self._identity.boot_id, connection=self.connection)
        client.will_set(
            self._identity.topic(Leaf.STATUS), messages.encode(will), qos=1, retain=True
        )
        client.on_socket_open = _no_delay
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        client.on_publish = self._acknowledged
        client.on_disconnect = self._disconnected
        return client

    async def _keep(self) -> None:
        """Watch over the standing link until it is down."""
        while not self._down.is_set() and self._client is not None:
            await self._wait_for_change(TICK_S if self._unacknowledged else IDLE_TICK_S)
            if self._down.is_set():
                return
            oldest_s = min(self._unacknowledged.values(), default=None)
            if oldest_s is not None and _loop_s() - oldest_s >= self._puback_within_s:
                self.drop(f"no PUBACK for {self._puback_within_s:g} s")
                # Where the line is that slow, the next connection would end like this one, before
                # any receipt, and so for ever.
                self._puback_within_s = min(2 * self._puback_within_s, PUBACK_WITHIN_S_MAX)
            elif len(self._unacknowledged) > UNACKNOWLEDGED_MAX:
                self.drop(f"over {UNACKNOWLEDGED_MAX} publishes without PUBACK")
            elif self._client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._lost("no answer to a ping")
            else:
                self._flush()

    async def _wait_for_change(self, within_s: float) -> bool:
        self._changed.clear()
        try:
            async with asyncio.timeout(max(within_s, 0)):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _readable(self, client: mqtt.Client) -> None:
        while client is self._client and not self._down.is_set():
            if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._lost("the connection was closed")
            elif self._down.is_set() or not _decrypted_bytes_wait(client):
                break
        self._flush()

    def _flush(self) -> None:
        """Write what paho holds back: what its callbacks queued, what the socket didn't take."""
        client = self._client
        if client is None or self._down.is_set() or client.socket() is None:
            return
        if client.want_write() and client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lost("the connection can't be written to")
            return
        loop = asyncio.get_running_loop()
        if client.want_write():
            loop.add_writer(self._fileno, self._flush)
        else:
            loop.remove_writer(self._fileno)

    def _lost(self, because: str) -> None:
        if self._down.is_set():
            return
        was_up, self.up_since_s = self.is_up, None
        self._down.set()
        self._changed.set()
        self._unhook()
        if was_up or because != self.trouble:
            self._tell(because, was_up=was_up)

    def _tell(self, because: str, *, was_up: bool) -> None:
        """Say why it does not stand."""
        self.trouble = because
        say = log.info if self._leaving else log.warning
        event = "link down" if was_up else "broker not reached"
        say(event, broker=self._node.url, because=because)
        self._listener.link_down(self)

    def _unhook(self) -> None:
        """Close the socket. Without DISCONNECT, so that the broker tells the will at once."""
        if self._fileno >= 0:  # paho may have closed it already
            asyncio.get_running_loop().remove_reader(self._fileno)
            asyncio.get_running_loop().remove_writer(self._fileno)
            self._fileno = -1
        sock = None if self._client is None else self._client.socket()
        if sock is not None:
            sock.close()

    def _discard(self) -> None:
        self._unhook()
        self._client = None
        self._unacknowledged.clear()

    # What paho calls; all of it on the loop, but for on_socket_open.

    def _connected(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._lost(f"the broker refused: {reason}")
            return
        wanted = [self._identity.topic(Leaf.RECEIPT), self._identity.topic(Leaf.COMMAND)]
        client.subscribe([*((topic, 1) for topic in wanted), (topics.PULSES, 0)])
        self.up_since_s, self.trouble = _loop_s(), None
        self._changed.set()
        log.info("link up", broker=self._node.url, connection=self.connection)
        # Not from inside paho's callback: there it would only queue what we publish. The
        # subscription goes out before it on the same stream, so no receipt is missed.
        asyncio.get_running_loop().call_soon(self._announce)

    def _subscribed(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._lost(f"the broker refused a subscription: {refused[0]}; look at its ACL")

    def _announce(self) -> None:
        if not self.is_up:
            return
        self._listener.link_up(self)
        self.send_plain(
            Leaf.STATUS,
            Status(online=True, boot_id=self._identity.boot_id, connection=self.connection),
            qos=1,
            retain=True,
        )

    def send_plain(self, leaf: Leaf, message: Message, *, qos: int, retain: bool = False) -> None:
        """Publish a message that is not signed."""
        self.publish(leaf, messages.encode(message), qos=qos, retain=retain)

    def _message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        # As above: what the listener publishes in answer must not be held back.
        asyncio.get_running_loop().call_soon(
            lambda: self._listener.heard(
                self, message.topic, bytes(message.payload), retained=message.retain
            )
        )

    def _acknowledged(
        self,
        _client: mqtt.Client,
        _userdata: object,
        mid: int,
        _reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        sent_s = self._unacknowledged.pop(mid, None)
        if sent_s is not None and _loop_s() - sent_s < PUBACK_WITHIN_S:
            self._puback_within_s = PUBACK_WITHIN_S
        self._changed.set()

    def _disconnected(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._lost(f"disconnected: {reason}")


def tls_context(files: TlsFiles, clock_synced: bool | None) -> ssl.SSLContext:
    """Trust the deployment's own CA alone, and show this button's certificate.

    Validity dates are not looked at while they can't be judged: the clock is unsynced, or says a
    time at which this very certificate isn't good. A network whose time server is wrong would else
    mute every button in it; and where the clock is right after all, the broker refuses us itself.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(files.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    if clock_synced is False or not _is_of_today(files.certificate):
        context.verify_flags |= NO_CHECK_TIME
    return context


def _is_of_today(certificate: Path) -> bool:
    ours = x509.load_pem_x509_certificate(certificate.read_bytes())
    return ours.not_valid_before_utc <= datetime.now(UTC) <= ours.not_valid_after_utc


def _set_proxy(client: mqtt.Client, proxy: str) -> None:
    """Go through a proxy. Raises ValueError where PySocks, which paho needs for it, isn't there."""
    parts = urlsplit(proxy)
    client.proxy_set(
        proxy_type=PYSOCKS_TYPES[parts.scheme],
        proxy_addr=parts.hostname,
        proxy_port=parts.port,
        proxy_rdns=True,
    )


def _no_delay(_client: mqtt.Client, _userdata: object, sock: object) -> None:
    """A press waits for no fuller TCP segment; paho's WebSocket hides its socket from us."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _decrypted_bytes_wait(client: mqtt.Client) -> bool:
    """TLS may hold bytes that the selector can't see."""
    pending = getattr(client.socket(), "pending", None)
    return pending is not None and pending() > 0


def _fileno(client: mqtt.Client) -> int:
    sock = client.socket()
    return -1 if sock is None else sock.fileno()


def _loop_s() -> float:
    return asyncio.get_running_loop().time()
