"""The publisher: one process that is every button of the benchmark, each with its own identity.

Promise: a press is signed with its device's key and written to its device's own TLS connection,
as a button's agent does it; unless a receipt names it, it is sent again by the wire contract's
times. Every moment is CLOCK_MONOTONIC, which all processes of a machine share.

Refused: telling anything while a press is under way. What happened is told when it is asked for,
so that the telling costs the measured path nothing.
"""

import asyncio
import contextlib
import gc
import random
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

import msgspec
import uvloop

from tocsin_server.bench import crowd
from tocsin_server.bench.crowd import Voice
from tocsin_server.bench.errors import BenchFailed
from tocsin_server.bench.mqtt import Connection
from tocsin_server.demo.errors import DemoFailed
from tocsin_server.errors import because
from tocsin_server.fleet.certificates import DeploymentError, client_context
from tocsin_wire import messages, signing, topics
from tocsin_wire.errors import WireError
from tocsin_wire.messages import Press, Receipt, Status
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

RESEND_S = (0.3, 0.5)  # wire contract, Retry; after these every second
RESEND_EVERY_S = 1.0
RECEIPT_S_MAX = 30.0  # a press without a receipt for so long is counted as not receipted
HEARTBEAT_EVERY_S = 15.0
CONNECT_AT_ONCE = 8
RECONNECT_S = (0.1, 5.0)  # a button's pauses: doubled from the first to the last, with jitter
RECONNECT_S_MAX = 120.0
TURN_S = 0.005  # how finely presses and heartbeats are spread
WINDOW = 250  # presses without a receipt: at 1,000 a second each has it before it is sent again
ORDER_BYTES_MAX = 64 * 1024 * 1024  # an account of a hundred thousand presses is 35 MB

Lane = Literal["floor", "product"]


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Who the buttons are, and where."""

    broker: str
    jurisdiction: str
    folders: list[str]


class Connect(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Have the first `count` buttons connected."""

    count: int


class PressOne(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Press one button now. Not answered."""

    button: int
    lane: Lane


class PressAll(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Press the first `count` buttons, evenly within so many seconds; answered when all is over."""

    count: int
    within_s: float


class PressOn(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Press the first `buttons` in turns, so often a second and for so many seconds.

    Never more than a window of them is without a receipt. Answered when all is over.
    """

    buttons: int
    rate: int
    seconds: float


class Speak(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Beat for these devices as well, by one connection that all of them share."""

    device_ids: list[str]
    ca_file: str
    certificate_file: str
    key_file: str


class FallSilent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Have the last `count` of those that beat say nothing more."""

    count: int


class Reconnect(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Drop every connection without a word, and open all of them again at the same moment."""


class Account(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Tell of every press since the last time."""


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It was done."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It wasn't."""

    because: str


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One press and what came of it, as its button knows it."""

    device_id: str
    press_id: UUID
    began_wall_s: float
    began_ns: int  # before it was signed, or, in a storm, before it was written
    sent_ns: int
    confirmed_ns: int | None
    receipted_ns: int | None
    alert_id: UUID | None
    receipts: int
    attempts: int


class Sents(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The account. `lost` connections are of the broker's making."""

    sent: list[Sent]
    lost: int


class LastWord(msgspec.Struct, frozen=True, kw_only=True):
    """When a device that fell silent was last heard."""

    device_id: str
    at_ns: int


class LastWords(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Who fell silent."""

    words: list[LastWord]


class Reconnected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How long it took until the last one was subscribed again."""

    buttons: int
    took_s: float
    failed: int  # attempts


Order = Begin | Connect | PressOne | PressAll | PressOn | Speak | FallSilent | Reconnect | Account
Reply = Done | Failed | Sents | LastWords | Reconnected


class _Attempts:
    """One press under way."""

    def __init__(self, press: Press) -> None:
        self.press = press
        self.began_wall_s = 0.0
        self.began_ns = self.sent_ns = 0
        self.confirmed_ns: int | None = None
        self.receipts: list[tuple[int, bytes]] = []
        self.attempts = 1
        self.resend: asyncio.TimerHandle | None = None


class Button:
    """One device: its keys, its connection, its presses."""

    def __init__(self, folder: Path, *, jurisdiction: str, on_receipt: Callable[[], None]) -> None:
        self.device_id = folder.name
        self._key = SigningKey.load(folder / "press.key")
        self._server_keys = signing.load_keys(folder / "receipt_keys.json")
        self._on_receipt = on_receipt
        self._tls = client_context(
            ca_file=folder / "ca.crt",
            certificate_file=folder / "client.crt",
            key_file=folder / "client.key",
        )
        self.beat_ns = 0
        self.silent = False
        self._topics = {leaf: topics.topic(jurisdiction, self.device_id, leaf) for leaf in Leaf}
        self._floor_topic = floor_topic(self.device_id)
        self.connection = self._new_connection()
        self._connections = 0
        self._boot_id = uuid4()
        self._seq = 0
        self._presses: dict[UUID, _Attempts] = {}
        self._unconfirmed: dict[int, _Attempts] = {}

    async def connect(self, broker: str) -> None:
        """Come to stand as an agent does: subscribed, and said to be online."""
        await self.connection.open(broker, [self._topics[Leaf.RECEIPT], self._topics[Leaf.COMMAND]])
        self._connections += 1
        status = Status(online=True, boot_id=self._boot_id, connection=self._connections)
        self._publish_plain(Leaf.STATUS, messages.encode(status), qos=1, retain=True)
        self.beat()

    async def reconnect(self, broker: str) -> int:
        """Connect until it stands, with an agent's pauses; gives how many attempts failed."""
        failed, pause_s = 0, RECONNECT_S[0]
        while True:
            self.connection = self._new_connection()
            try:
                await self.connect(broker)
            except BenchFailed:
                failed += 1
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311
                pause_s = min(2 * pause_s, RECONNECT_S[1])
            else:
                return failed

    def beat(self) -> None:
        """Say that all is well."""
        if not self.silent and not self.connection.lost:
            self._publish_plain(Leaf.HEARTBEAT, crowd.heartbeat(self._boot_id), qos=0)
            self.beat_ns = time.monotonic_ns()

    def press(self, lane: Lane) -> None:
        """Sign a new press and send it; the time of the signing is in the measurement."""
        began_wall_s, began_ns = time.time(), time.monotonic_ns()
        attempts = self._new()
        self._send(attempts, self._key.sign(attempts.press), lane)
        attempts.began_wall_s, attempts.began_ns = began_wall_s, began_ns

    def prepare(self) -> Callable[[], None]:
        """Sign a new press now, to be sent later: in a storm every button has its own processor."""
        attempts = self._new()
        body = self._key.sign(attempts.press)

        def send() -> None:
            attempts.began_wall_s, attempts.began_ns = time.time(), time.monotonic_ns()
            self._send(attempts, body, "product")

        return send

    @property
    def owed(self) -> bool:
        """Say whether a press has no receipt yet."""
        return any(not attempts.receipts for attempts in self._presses.values())

    def account(self) -> list[Sent]:
        """Give every press since the last time, and forget it."""
        told = [self._tell(attempts) for attempts in self._presses.values()]
        for attempts in self._presses.values():
            if attempts.resend is not None:
                attempts.resend.cancel()
        self._presses.clear()
        return told

    def _new(self) -> _Attempts:
        self._seq += 1
        press = Press(
            press_id=messages.new_id(),
            device_id=self.device_id,
            kind="duress",
            boot_id=self._boot_id,
            seq=self._seq,
            age_exact=True,
            device_clock=messages.timestamp(datetime.now(UTC)),
        )
        return _Attempts(press)

    def _new_connection(self) -> Connection:
        return Connection(
            self.device_id, self._tls, on_message=self._heard, on_confirmed=self._confirmed
        )

    def _send(self, attempts: _Attempts, body: bytes, lane: Lane) -> None:
        self._presses[attempts.press.press_id] = attempts
        topic = self._floor_topic if lane == "floor" else self._topics[Leaf.PRESS]
        mid = self.connection.publish(topic, body, qos=1)
        attempts.sent_ns = time.monotonic_ns()
        self._unconfirmed[mid] = attempts
        if lane == "product":
            self._resend_after(RESEND_S[0], attempts)

    def _resend_after(self, pause_s: float, attempts: _Attempts) -> None:
        loop = asyncio.get_running_loop()
        attempts.resend = loop.call_later(pause_s, self._send_again, attempts)

    def _send_again(self, attempts: _Attempts) -> None:
        if attempts.receipts or self.connection.lost:
            return
        attempts.attempts += 1
        age_ms = (time.monotonic_ns() - attempts.began_ns) // 1_000_000
        again = msgspec.structs.replace(attempts.press, attempt=attempts.attempts, age_ms=age_ms)
        self.connection.publish(self._topics[Leaf.PRESS], self._key.sign(again), qos=1)
        n = attempts.attempts - 1
        self._resend_after(RESEND_S[n] if n < len(RESEND_S) else RESEND_EVERY_S, attempts)

    def _publish_plain(self, leaf: Leaf, body: bytes, *, qos: int, retain: bool = False) -> None:
        self.connection.publish(self._topics[leaf], body, qos=qos, retain=retain)

    def _confirmed(self, mid: int) -> None:
        attempts = self._unconfirmed.pop(mid, None)
        if attempts is not None:
            attempts.confirmed_ns = time.monotonic_ns()

    def _heard(self, topic: str, body: bytes) -> None:
        if topic != self._topics[Leaf.RECEIPT]:
            return
        at_ns = time.monotonic_ns()
        # Read now, believed later: verifying is each button's own work, not this one process's.
        claimed = signing.read_unverified(body)
        if claimed is None:
            return
        try:
            receipt = messages.decode(Receipt, claimed)
        except WireError:
            return
        attempts = self._presses.get(receipt.press_id)
        if attempts is not None:
            attempts.receipts.append((at_ns, body))
            if attempts.resend is not None:
                attempts.resend.cancel()
            if len(attempts.receipts) == 1:
                self._on_receipt()

    def _tell(self, attempts: _Attempts) -> Sent:
        believed = [
            (at_ns, receipt)
            for at_ns, body in attempts.receipts
            if (receipt := self._believe(body)) is not None
        ]
        at_ns, first = believed[0] if believed else (None, None)
        return Sent(
            device_id=self.device_id,
            press_id=attempts.press.press_id,
            began_wall_s=attempts.began_wall_s,
            began_ns=attempts.began_ns,
            sent_ns=attempts.sent_ns,
            confirmed_ns=attempts.confirmed_ns,
            receipted_ns=at_ns,
            alert_id=None if first is None else first.alert_id,
            receipts=len(believed),
            attempts=attempts.attempts,
        )

    def _believe(self, body: bytes) -> Receipt | None:
        try:
            receipt = signing.verify(body, Receipt, self._server_keys)
        except WireError:
            return None
        return receipt if receipt.device_id == self.device_id else None


def floor_topic(device_id: str) -> str:
    """Where the floor's presses go: the product doesn't hear them, nor the floor the product's."""
    return f"floor/{device_id}/press"


class Publisher:
    """All the buttons, told what to do by the process that started this one."""

    def __init__(self) -> None:
        self._buttons: list[Button] = []
        self._broker = self._jurisdiction = ""
        self._connected = 0
        self._crowd: Connection | None = None
        self._voices: list[Voice] = []
        self._receipts = 0  # presses that got one, not all that came
        self._receipt = asyncio.Event()

    async def obey(self, order: Order) -> Reply | None:
        """Do it. Raises what the broker, a file or a certificate raises."""
        match order:
            case Begin(broker=broker, jurisdiction=jurisdiction, folders=folders):
                self._broker = broker
                self._buttons = [
                    Button(Path(folder), jurisdiction=jurisdiction, on_receipt=self._receipted)
                    for folder in folders
                ]
                self._jurisdiction = jurisdiction
            case Connect(count=count):
                await self._connect(count)
            case PressOne(button=button, lane=lane):
                self._buttons[button].press(lane)
                return None
            case PressAll(count=count, within_s=within_s):
                await self._press_all(count, within_s)
            case PressOn(buttons=buttons, rate=rate, seconds=seconds):
                await self._press_on(self._buttons[:buttons], rate=rate, seconds=seconds)
            case Speak():
                await self._speak(order)
            case FallSilent(count=count):
                return self._fall_silent(count)
            case Reconnect():
                return await self._reconnect()
            case Account():
                sent = [sent for button in self._buttons for sent in button.account()]
                lost = sum(button.connection.lost for button in self._buttons)
                return Sents(sent=sent, lost=lost)
        return Done()

    async def beat(self) -> None:
        """Send everybody's heartbeat in turn, evenly, until cancelled."""
        at_s, owed, turn = time.monotonic(), 0.0, 0
        while True:
            await asyncio.sleep(TURN_S)
            speakers = self._speakers()
            now_s = time.monotonic()
            owed += (now_s - at_s) * len(speakers) / HEARTBEAT_EVERY_S
            at_s = now_s
            while owed >= 1 and speakers:
                owed -= 1
                turn = (turn + 1) % len(speakers)
                speakers[turn].beat()

    def _speakers(self) -> "list[Button | Voice]":
        return [*self._buttons[: self._connected], *self._voices]

    def _receipted(self) -> None:
        self._receipts += 1
        self._receipt.set()

    async def _connect(self, count: int) -> None:
        room = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def connect(button: Button) -> None:
            async with room:
                await button.connect(self._broker)

        new = self._buttons[self._connected : count]
        await asyncio.gather(*(connect(button) for button in new))
        self._connected = max(self._connected, count)

    async def _press_all(self, count: int, within_s: float) -> None:
        pressed = self._buttons[:count]
        sends = [button.prepare() for button in pressed]
        random.shuffle(sends)  # people don't press in the order of their buttons' names
        began_s = time.monotonic()
        for n, send in enumerate(sends):
            await asyncio.sleep(max(0.0, began_s + n * within_s / count - time.monotonic()))
            send()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECEIPT_S_MAX):
                while any(button.owed for button in pressed):
                    self._receipt.clear()
                    await self._receipt.wait()

    async def _press_on(self, pressed: list[Button], *, rate: int, seconds: float) -> None:
        count = round(rate * seconds)
        sends = [pressed[n % len(pressed)].prepare() for n in range(count)]
        sent, receipts_before, began_s = 0, self._receipts, time.monotonic()
        while sent < count and (took_s := time.monotonic() - began_s) < seconds:
            waiting = sent - (self._receipts - receipts_before)
            for send in sends[sent : min(round(took_s * rate) + 1, sent + WINDOW - waiting)]:
                send()
                sent += 1
            await asyncio.sleep(TURN_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECEIPT_S_MAX):
                while self._receipts - receipts_before < sent:
                    self._receipt.clear()
                    await self._receipt.wait()

    async def _speak(self, order: Speak) -> None:
        if self._crowd is None:
            self._crowd = await crowd.join(
                self._broker,
                ca_file=Path(order.ca_file),
                certificate_file=Path(order.certificate_file),
                key_file=Path(order.key_file),
            )
        for device_id in order.device_ids:
            voice = Voice(device_id, jurisdiction=self._jurisdiction, connection=self._crowd)
            self._voices.append(voice)

    def _fall_silent(self, count: int) -> LastWords:
        silent = self._speakers()[-count:]
        for one in silent:
            one.silent = True
        words = [LastWord(device_id=one.device_id, at_ns=one.beat_ns) for one in silent]
        return LastWords(words=words)

    async def _reconnect(self) -> Reconnected:
        buttons = self._buttons[: self._connected]
        # A thread for each: every button has a processor of its own, and none waits for another.
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(max_workers=max(1, len(buttons))))
        began_s = time.monotonic()
        for button in buttons:
            button.connection.abandon()
        async with asyncio.timeout(RECONNECT_S_MAX):
            failed = await asyncio.gather(*(button.reconnect(self._broker) for button in buttons))
        took_s = time.monotonic() - began_s
        return Reconnected(buttons=len(buttons), took_s=took_s, failed=sum(failed))


async def publish(descriptor: int) -> None:
    """Obey what comes over an inherited socket until it is closed."""
    # A search for cycles among thousands of buttons takes as long as twenty presses, and would be
    # measured as if it were the product's. A button's own process has but one to look through.
    gc.disable()
    reader, writer = await asyncio.open_unix_connection(
        sock=socket.socket(fileno=descriptor), limit=ORDER_BYTES_MAX
    )
    publisher = Publisher()
    beating = asyncio.create_task(publisher.beat())
    try:
        while line := await reader.readline():
            try:
                reply = await publisher.obey(msgspec.json.decode(line, type=Order))
            except (BenchFailed, DemoFailed, DeploymentError, OSError, ValueError) as error:
                reply = Failed(because=because(error))
            if reply is not None:
                writer.write(msgspec.json.encode(reply) + b"\n")
                await writer.drain()
    finally:
        beating.cancel()
        writer.close()


if __name__ == "__main__":
    uvloop.run(publish(int(sys.argv[1])))
