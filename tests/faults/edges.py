"""Faults at the edges: a provider that answers badly, screens that stop reading, a crowd that
comes back at the same moment.

Promise: the provider fails before the phones, over HTTP, as Twilio's own front would; a screen that
stops reading is a socket that nobody reads; everybody in the crowd has a certificate of his own.
"""

import asyncio
import socket
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp import web

from tests.faults.fault import Fault, Probe, row
from tests.faults.stand import Arrangement
from tests.parts import ASK_AGAIN_S, MAYA, PASSWORD, WAIT_S, Server
from tocsin_server.bench import stand as bench
from tocsin_server.bench.publisher import Reconnected
from tocsin_server.demo import example
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.deployment import add_device

NOTICED_S_MAX = 1.0  # by whom a fault doesn't concern
ILL_S = 20.0
TRY_AGAIN_S_MAX = 10.0  # the longest pause of the server's between two tries
ASKED_MAX = 6  # times of one message, while the provider is ill: after 0, 1, 3, 7, 15 s
SLOW_S = 60.0  # by then the server has long given up, and the message is taken all the same
SLOW = "slow"
GARBAGE = (
    b"",
    b"<html><body>It works!</body></html>",
    b'{"sid": "SM',
    b"[]",
    b"null",
    b'"queued"',
    b"{}",
    b'{"sid": null}',
    b"\xff\xfe\x00",
)

DEAF_AT_EACH = 20  # of each replica
DEAF_FOR_S = 20.0  # a ping after 10 s, a pong missed after 5 s
GROWN_KB_MAX = 16 * 1024  # for some hundred alerts and their frames, in all injections

CROWD = 2_000
BACK_S_MAX = 15.0
PRESS_EVERY_S = 1.0


class Front:
    """Between the replicas and the phone network; passes on, or answers as somebody ill would."""

    def __init__(self, *, behind: str) -> None:
        self.ill: Callable[[], web.Response] | str | None = None
        self.asked: Counter[str] = Counter()  # by notification, since it was cleared
        self.findings: list[str] = []
        self._behind = behind
        self._held = 0
        self._told: set[str] = set()  # notifications of which the server knows that they are taken
        self._changed = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, *, port: int) -> None:
        self._session = aiohttp.ClientSession()
        app = web.Application()
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()

    async def stop(self) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    async def until_all_answered(self) -> None:
        """Return when nothing is held back any more."""
        while self._held:
            self._changed.clear()
            await self._changed.wait()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        # Of each notification its own; what is sent without the database has none.
        name = parse_qs(body.decode()).get("StatusCallback", [""])[0].rpartition("/")[2]
        if name:
            self.asked[name] += 1
            if name in self._told:
                self.findings.append(f"{name} was sent again after the provider had taken it")
        if self.ill == SLOW:
            return await self._answer_late(request, body)
        if callable(self.ill):
            return self.ill()
        answer = await self._pass_on(request, body)
        if name and answer.status == HTTPStatus.CREATED:
            self._told.add(name)
        return answer

    async def _answer_late(self, request: web.Request, body: bytes) -> web.Response:
        self._held += 1
        try:
            await asyncio.sleep(SLOW_S)
            return await self._pass_on(request, body)
        finally:
            self._held -= 1
            self._changed.set()

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        assert self._session is not None
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type")}
        url = f"{self._behind}{request.path}"
        async with self._session.post(url, data=body, headers=headers) as answer:
            return web.Response(
                body=await answer.read(), status=answer.status, content_type=answer.content_type
            )


class OfTheProvider(Fault):
    """Presses go on as if nothing were; phones get their texts once the provider is well again."""

    lasts_s = ILL_S
    recovery_s_max = 2.0
    shown_s_max = NOTICED_S_MAX
    told_late_s_max = ILL_S + TRY_AGAIN_S_MAX + NOTICED_S_MAX
    front: Front
    struck_s: float

    async def arrange(self) -> None:
        """The front takes the phone network's place; that goes elsewhere."""
        deployment = self.stand.deployment
        port, deployment.phone_port = deployment.phone_port, free_port()
        self.front = Front(behind=f"http://127.0.0.1:{deployment.phone_port}")
        self.front.findings = self.stand.findings
        await self.front.start(port=port)
        self.stand.stack.push_async_callback(self.front.stop)

    @abstractmethod
    def illness(self) -> Callable[[], web.Response] | str:
        """What it answers; SLOW: nothing, for a long time."""

    async def inject(self) -> None:
        self.struck_s = time.monotonic()
        self.front.asked.clear()
        self.front.ill = self.illness()

    async def end(self) -> None:
        self.front.ill = None
        most = max(self.front.asked.values(), default=0)
        if most > ASKED_MAX:
            self.stand.findings.append(f"one message was tried {most} times in {ILL_S:g} s")
        self._find_late_receipts()

    def _find_late_receipts(self) -> None:
        now = time.monotonic()
        late = [
            press.press_id
            for press in self.stand.ledger.presses.values()
            if self.struck_s < press.edge_s < now - NOTICED_S_MAX
            and (press.receipted_s or now) - press.edge_s > NOTICED_S_MAX
        ]
        if late:
            self.stand.findings.append(f"receipts waited for the provider: {late}")


@row("twilio-429")
class TooManyRequests(OfTheProvider):
    name = "Twilio answers 429 for 20 s"

    def illness(self) -> Callable[[], web.Response]:
        return lambda: refusal(429, 20429, "Too Many Requests")


@row("twilio-500")
class ServerError(OfTheProvider):
    name = "Twilio answers 500 for 20 s"

    def illness(self) -> Callable[[], web.Response]:
        return lambda: refusal(500, 20500, "An internal server error has occurred")


@row("twilio-garbage")
class Garbage(OfTheProvider):
    """With a friendly status, and with an unfriendly one."""

    name = "Twilio answers garbage for 20 s"

    def illness(self) -> Callable[[], web.Response]:
        def answer() -> web.Response:
            return web.Response(
                body=self.chance.choice(GARBAGE),
                status=self.chance.choice([200, 201, 502]),
                content_type=self.chance.choice(["text/html", "application/json"]),
            )

        return answer


@row("twilio-slow")
class Slow(OfTheProvider):
    """It takes every message in the end, when the server has given up and asked again."""

    name = "Twilio answers after 60 s, for 20 s"

    def illness(self) -> str:
        return SLOW

    async def end_one_by_one(self) -> AsyncIterator[Probe]:
        """The round is over when everything that was held back has come to the phones as well."""
        # It hid two answers: after ten seconds, and a second, each message is tried again.
        self.stand.ledger.faults_s.append(time.monotonic())
        await self.end()
        for probe in self.probes():
            yield probe
        await self.front.until_all_answered()


@row("deaf-screens")
class DeafScreens(Fault):
    """Twenty of each replica: they are cut off, and keep neither its memory nor its descriptors."""

    name = f"{DEAF_AT_EACH} screens of each replica stop reading for {DEAF_FOR_S:.0f} s"
    lasts_s = DEAF_FOR_S
    recovery_s_max = 2.0
    shown_s_max = NOTICED_S_MAX
    told_late_s_max = NOTICED_S_MAX
    cookie: str
    deaf: dict[str, list[socket.socket]]  # by replica
    used_kb: dict[str, int]  # at the end of the first time, by replica

    async def prepare(self) -> None:
        self.cookie, self.used_kb = await _signed_in(self.stand.servers[0]), {}

    async def inject(self) -> None:
        self.deaf = {
            server.replica_id: [
                await _deaf_screen(server, self.cookie) for _ in range(DEAF_AT_EACH)
            ]
            for server in self.stand.servers
        }
        async with asyncio.timeout(WAIT_S):
            for server in self.stand.servers:
                while await _screens(server) < 1 + DEAF_AT_EACH:  # noqa: ASYNC110 (nothing says so)
                    await asyncio.sleep(ASK_AGAIN_S)

    async def end(self) -> None:
        """They are gone although nobody reads; only then are they closed from here."""
        for server in self.stand.servers:
            screens = await _screens(server)
            held = _connections(server, self.deaf[server.replica_id])
            if screens > 1 or held:
                self.stand.findings.append(
                    f"{server.replica_id} has {screens} screens, and {held} sockets of deaf ones"
                )
            used_kb = _memory_kb(server)
            grown_kb = used_kb - self.used_kb.setdefault(server.replica_id, used_kb)
            if grown_kb > GROWN_KB_MAX:
                self.stand.findings.append(f"{server.replica_id} has grown by {grown_kb} KB")
        for each in chain.from_iterable(self.deaf.values()):
            each.close()


@row("reconnect-2000")
class ReconnectAtOnce(Fault):
    """One of two brokers is killed, and everybody who was on it comes back with a handshake."""

    name = f"{CROWD:,} buttons reconnecting with TLS at the same moment"
    arrangement = Arrangement(single_homed=True)
    recovery_s_max = BACK_S_MAX
    shown_s_max = NOTICED_S_MAX
    crowd: bench.Publisher
    coming_back: asyncio.Task[Reconnected]

    async def arrange(self) -> None:
        stand = self.stand
        folder, url = stand.deployment.folder, stand.button_urls[0]
        devices = [
            add_device(folder, jurisdiction=example.JURISDICTION, brokers=[url])
            for _ in range(CROWD)
        ]
        async with stand.database.pool() as pool:
            await bench.place_devices(pool, devices)
        self.crowd = await bench.start_publisher(
            stand.stack, devices, broker_url=url, folder=folder
        )

    async def prepare(self) -> None:
        await self.crowd.connect(CROWD)

    async def inject(self) -> None:
        await self.stand.brokers[0].kill()
        self.coming_back = asyncio.create_task(self.crowd.reconnect())

    async def end(self) -> None:
        await self.stand.brokers[0].start()

    async def end_one_by_one(self) -> AsyncIterator[Probe]:
        """People press on while the crowd comes back, until all of it has."""
        await self.end()
        ready_s = time.monotonic()
        yield Probe(self.stand.singles[0], self.any_screen())
        while not self.coming_back.done():
            await asyncio.gather(*map(self.stand.press, self.stand.buttons))
            await asyncio.wait([self.coming_back], timeout=PRESS_EVERY_S)
        reconnected = await self.coming_back
        took_s = time.monotonic() - ready_s
        print(f"{reconnected.buttons} buttons were back {took_s:.1f} s after their broker")
        if took_s > BACK_S_MAX or reconnected.buttons != CROWD:
            self.stand.findings.append(
                f"{reconnected.buttons} of {CROWD} buttons came back, in {took_s:.1f} s"
            )


def refusal(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message, "status": status}, status=status)


async def _signed_in(server: Server) -> str:
    """The cookie of somebody who may look."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        sign_in = {"email": MAYA.email, "password": PASSWORD}
        async with session.post(f"{server.url}/api/v1/session", json=sign_in) as answer:
            answer.raise_for_status()
            return "; ".join(f"{name}={each.value}" for name, each in answer.cookies.items())


async def _deaf_screen(server: Server, cookie: str) -> socket.socket:
    """A live WebSocket of which nothing is ever read, not even that it was accepted."""
    parts = urlsplit(server.url)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, (parts.hostname, parts.port))
    request = (
        f"GET /api/v1/live HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await loop.sock_sendall(deaf, request.encode())
    return deaf


async def _screens(server: Server) -> int:
    """How many screens a replica says are open."""
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return round(float(next(x for x in lines if x.startswith("tocsin_screens ")).split()[1]))


def _connections(server: Server, clients: Sequence[socket.socket]) -> int:
    """How many of its own clients' a replica has open; what the kernel alone has, has no inode.

    Clients of another would not do: a connection from the same port may be somebody else's here.
    """
    here = urlsplit(server.url).port
    theirs = {client.getsockname()[1] for client in clients}
    held = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, _, _, _, _, _, inode, *_ = line.split()
        ends = int(local.partition(":")[2], 16), int(remote.partition(":")[2], 16)
        held += ends[0] == here and ends[1] in theirs and inode != "0"
    return held


def _memory_kb(server: Server) -> int:
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])
