"""What the button's tests run against: real brokers, a small server that signs, a real agent.

The agent is always its own process, with gpiozero's mock pins; the server here does only
what a button can see of one: it hears presses and heartbeats, pulses and answers.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tocsin_button import config
from tocsin_button.control import AgentState, Caller, PressAnswer
from tocsin_button.link import TlsFiles, tls_context
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.deployment import add_device, create_deployment
from tocsin_wire import signing, topics
from tocsin_wire.messages import (
    Command,
    CommandArguments,
    Heartbeat,
    Press,
    Pulse,
    Receipt,
    ReleaseOffer,
    State,
    Status,
    decode,
    timestamp,
)
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

JURISDICTION = "48453"
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One message a button sent, over which broker."""

    over: str
    leaf: Leaf
    body: bytes
    retained: bool


@dataclass
class Station:
    """The server's side, on any number of brokers."""

    key: SigningKey
    press_keys: dict[str, signing.VerifyKey]
    heard: list[Heard] = field(default_factory=list)
    presses: list[tuple[str, Press]] = field(default_factory=list)
    answers: State | None = None
    muted: set[str] = field(default_factory=set)
    _clients: dict[str, mqtt.Client] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _pulsing: "asyncio.Task[None] | None" = None

    async def connect(self, url: str, tls: TlsFiles) -> None:
        loop = asyncio.get_running_loop()
        subscribed = asyncio.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="server-1")
        client.tls_set_context(tls_context(tls, clock_synced=None))
        client.reconnect_delay_set(1, 1)

        def on_connect(*_: object) -> None:
            client.subscribe([(topics.every(leaf), 1) for leaf in LEAVES])

        def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
            loop.call_soon_threadsafe(
                self._hear, url, message.topic, bytes(message.payload), message.retain
            )

        def on_subscribe(*_: object) -> None:
            loop.call_soon_threadsafe(subscribed.set)

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_message = on_message
        host, _, port = url.removeprefix("mqtts://").partition(":")
        client.connect_async(host, int(port), keepalive=10)
        client.loop_start()
        self._clients[url] = client
        async with asyncio.timeout(PATIENCE_S):
            await subscribed.wait()

    def _hear(self, url: str, topic: str, body: bytes, retained: bool) -> None:
        leaf = topics.parse(topic).leaf
        self.heard.append(Heard(url, leaf, body, retained))
        if leaf is Leaf.PRESS:
            press = signing.verify(body, Press, self.press_keys)
            self.presses.append((url, press))
            if self.answers is not None:
                self.receipt(press, self.answers)
        self._news.set()

    def receipt(
        self,
        press: Press,
        state: State,
        *,
        drill: bool = False,
        over: str | None = None,
        key: SigningKey | None = None,
    ) -> None:
        message = Receipt(
            press_id=press.press_id,
            device_id=press.device_id,
            alert_id=uuid4(),
            state=state,
            at=timestamp(datetime.now(UTC)),
            drill=drill,
        )
        self._say(press.device_id, Leaf.RECEIPT, (key or self.key).sign(message), over)

    def command(
        self,
        device_id: str,
        boot_id: UUID,
        seq: int,
        name: str,
        *,
        until_s: int | None = None,
        release: ReleaseOffer | None = None,
        command_id: UUID | None = None,
    ) -> None:
        message = Command(
            command_id=command_id or uuid4(),
            device_id=device_id,
            boot_id=boot_id,
            command_seq=seq,
            name=name,
            args=CommandArguments(until_s=until_s, release=release),
        )
        self._say(device_id, Leaf.COMMAND, self.key.sign(message), None)

    def command_signed(self, device_id: str, body: bytes) -> None:
        """A command that somebody else signed."""
        self._say(device_id, Leaf.COMMAND, body, None)

    def pulse(self, body: bytes | None = None) -> None:
        """On the topic that every button hears: a pulse, or whatever is given."""
        body = body or self.key.sign(Pulse(replica_id="server-1", at=timestamp(datetime.now(UTC))))
        for client in self._clients.values():
            client.publish(topics.pulse_topic("server-1"), body)

    def _say(self, device_id: str, leaf: Leaf, body: bytes, over: str | None) -> None:
        for url, client in self._clients.items():
            if url not in self.muted and over in (None, url):
                client.publish(topics.topic(JURISDICTION, device_id, leaf), body, qos=1)

    def bodies(self, leaf: Leaf) -> list[bytes]:
        return [heard.body for heard in self.heard if heard.leaf is leaf]

    def heartbeats(self) -> list[Heartbeat]:
        return [decode(Heartbeat, body) for body in self.bodies(Leaf.HEARTBEAT)]

    def statuses(self) -> list[Status]:
        return [decode(Status, body) for body in self.bodies(Leaf.STATUS)]

    def is_online(self) -> bool | None:
        """What the last status said; None before there was one."""
        statuses = self.statuses()
        return statuses[-1].online if statuses else None

    def selftest(self) -> str:
        """What the last heartbeat said of faults and tests."""
        heartbeats = self.heartbeats()
        return str(heartbeats[-1].selftest) if heartbeats else ""

    async def until(self, claim: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
        """Wait until what was heard makes the claim true."""
        async with asyncio.timeout(within_s):
            while not claim():
                self._news.clear()
                await self._news.wait()

    def close(self) -> None:
        for client in self._clients.values():
            client.disconnect()
            client.loop_stop()


LEAVES = (Leaf.PRESS, Leaf.HEARTBEAT, Leaf.STATUS)


class Button:
    """One agent as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.device_id = folder.name
        self.config = folder / "button.toml"
        self.log = folder / "agent.log"
        self.process: asyncio.subprocess.Process | None = None

    @property
    def control(self) -> Path:
        return config.load(self.config).control_path

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tocsin_button",
                "run",
                "--config",
                str(self.config),
                env=os.environ | {"GPIOZERO_PIN_FACTORY": "mock"},
                stderr=log,
            )

    async def ready(self) -> "Button":
        """Start it and wait until a link stands."""
        await self.start()
        await self.watch(lambda state: any(link.connected for link in state.links))
        return self

    async def ask(self, question: Callable[[Caller], object]) -> object:
        def ask() -> object:
            with Caller(self.control) as caller:
                return question(caller)

        return await asyncio.to_thread(ask)

    async def press(self) -> PressAnswer:
        answer = await self.ask(lambda caller: caller.press())
        assert isinstance(answer, PressAnswer)
        return answer

    async def do(self, what: str) -> dict[str, object]:
        """One request as anybody may write it, without our own caller."""
        reader, writer = await self._open()
        writer.write(json.dumps({"do": what}).encode() + b"\n")
        answer: dict[str, object] = json.loads(await reader.readline())
        writer.close()
        return answer

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """By the folder's descriptor: unix(7) allows a path 107 bytes only."""
        folder = os.open(self.control.parent, os.O_PATH)
        try:
            return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/control.sock")
        finally:
            os.close(folder)

    async def state(self) -> AgentState:
        answer = await self.ask(lambda caller: caller.state())
        assert isinstance(answer, AgentState)
        return answer

    async def watch(
        self, claim: Callable[[AgentState], bool], *, within_s: float = PATIENCE_S
    ) -> list[AgentState]:
        """Follow the agent until the claim is true; give all that was seen."""
        seen: list[AgentState] = []
        async with asyncio.timeout(within_s):
            while not self.control.exists():
                assert self.process is None or self.process.returncode is None, self.said()
                await asyncio.sleep(0.02)
            while True:
                try:
                    reader, writer = await self._open()
                    break
                except OSError:  # the socket of a run that was killed
                    await asyncio.sleep(0.02)
            writer.write(b'{"do": "watch"}\n')
            while not seen or not claim(seen[-1]):
                line = await reader.readline()
                assert line, self.said()
                seen.append(decode_state(line))
            writer.close()
        return seen

    @asynccontextmanager
    async def watched(self, claim: Callable[[AgentState], bool]) -> AsyncIterator[list[AgentState]]:
        """Follow the agent from before the block until the claim is true of what came since.

        However slow the machine, nothing that the block brings about is missed.
        """
        seen: list[AgentState] = []
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await self._open()
            writer.write(b'{"do": "watch"}\n')
            await reader.readline()
            yield seen
            while not seen or not claim(seen[-1]):
                line = await reader.readline()
                assert line, self.said()
                seen.append(decode_state(line))
            writer.close()

    def said(self) -> str:
        return self.log.read_text()

    async def until_said(self, text: str, *, times: int = 1) -> None:
        """Wait until the agent's log says this."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if self.said().count(text) >= times:
                    return
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)


def decode_state(line: bytes) -> AgentState:
    return msgspec.json.decode(line, type=AgentState)


@dataclass
class Field:
    """A deployment: its brokers, its station, its buttons."""

    folder: Path
    brokers: list[Mosquitto]
    station: Station
    buttons: list[Button] = field(default_factory=list)

    @property
    def urls(self) -> list[str]:
        return [broker.url for broker in self.brokers]

    def add_button(self, **replaced: str) -> Button:
        """Make a button; `replaced` changes lines of its config."""
        device = add_device(self.folder, jurisdiction=JURISDICTION, brokers=self.urls)
        self.station.press_keys[device.kid] = signing.VerifyKey.from_raw(device.public_key)
        button = Button(device.folder)
        text = button.config.read_text()
        for key, value in replaced.items():
            lines = [line for line in text.splitlines() if not line.startswith(f"{key} ")]
            section = SECTIONS.get(key)
            at = next((n + 1 for n, line in enumerate(lines) if line.startswith(f"[{section}]")), 0)
            lines.insert(at, f"{key} = {value}")
            text = "\n".join(lines) + "\n"
        button.config.write_text(text)
        self.buttons.append(button)
        return button


SECTIONS = {
    **dict.fromkeys(("armed_blip", "hold_is_cancel", "hold_s", "double_within_s"), "behaviour"),
    **dict.fromkeys(("button_no", "button_nc", "lamp", "tamper", "assist"), "pins"),
}


async def open_field(folder: Path, *, brokers: int = 1) -> Field:
    """Make a deployment and run its brokers and its station."""
    ports = [free_port() for _ in range(brokers)]
    create_deployment(folder, jurisdiction=JURISDICTION, broker_port=ports[0])
    running = [Mosquitto(folder / "broker", port=port) for port in ports]
    server = folder / "server"
    station = Station(SigningKey.load(server / "receipt.key"), {})
    opened = Field(folder, running, station)
    for broker in running:
        await broker.start()
        await station.connect(broker.url, server_tls(folder))
    return opened


def server_tls(folder: Path) -> TlsFiles:
    return TlsFiles(
        ca=folder / "ca" / "ca.crt",
        certificate=folder / "server" / "server-1.crt",
        key=folder / "server" / "server-1.key",
    )


async def close_field(opened: Field) -> None:
    for button in opened.buttons:
        if button.process is not None and button.process.returncode is None:
            await button.kill()
    opened.station.close()
    for broker in opened.brokers:
        await broker.stop()
