"""The set-up site: one page over HTTP, for a phone in the same network, while this is no button.

Promise: it is up for a while after it was started, and no longer once the board is a button,
whoever made it one. It serves `GET /` and `POST /claim`, and says nothing that is secret: it asks
for a claim code, and holds none that it could show.

Refused: whoever is no neighbour in this network (a board may have a public address); a form that
another site's page sent, or a name that somebody else's name server leads here (DNS rebinding);
what is large, and who is slow.
"""

import asyncio
import contextlib
import http.client
import io
import ipaddress
import math
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from tocsin_button import claim, pins, probes
from tocsin_button.config import DEFAULT_PINS, Pins
from tocsin_button.errors import ClaimRefused, PinsUnusable, SetUpRefused
from tocsin_button.lamp import Pattern
from tocsin_button.lighting import Lighting
from tocsin_button.setting_up import SettingUp, read_typed
from tocsin_button.setup_page import POLICY, Form, Language, language_of, plain, render

PORT = 80
OPEN_MIN = 60.0
DONE_S = 60.0  # after the claim, for a phone that was put aside
TOLD_S = 5.0  # after the end was shown: the next board may have the name of this one
LOOK_EVERY_S = 1.0
SEEN_S = 60.0  # so long the lamp says which board a page is of

HEAD_BYTES_MAX = 16 * 1024  # a browser sends 1 KiB
BODY_BYTES_MAX = 8 * 1024  # both fields, with every character escaped
WITHIN_S = 10.0  # for a request to come, and for its answer to go
CALLERS_MAX = 32
CALLS_EACH_MAX = 6  # what a browser opens at once; one slow neighbour keeps nobody else out

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as far as it is looked at."""

    method: str
    target: str
    host: str
    origin: str
    body: bytes
    accept_language: str = ""

    @property
    def language(self) -> Language:
        """In which language to answer."""
        query = self.target.partition("?")[2]
        return language_of(_fields(query).get("lang", ""), self.accept_language)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: HTTPStatus
    page: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """No answer but this."""

    def __init__(self, status: HTTPStatus, text: str, **headers: str) -> None:
        super().__init__(text)
        self._status, self._text, self._headers = status, text, tuple(headers.items())

    def answer(self, language: Language) -> Answer:
        """Say it to whoever asked."""
        page = plain("Not here", self._text, language=language)
        return Answer(self._status, page, self._headers)


def serve(setting_up: SettingUp, *, port: int = PORT, minutes: float = OPEN_MIN) -> bool:
    """Serve the page until the board is a button, or the time is over. Gives whether it is one.

    Raises ClaimRefused where it is one already, SetUpRefused where nobody can be served.
    """
    claim.check_folder(setting_up.folder)
    if not setting_up.folder.is_dir():
        raise SetUpRefused(
            f"{setting_up.folder} isn't there: make it, for the user that the agent runs as: sudo"
            f" install -d -o tocsin-button -g tocsin-button -m 0700 {setting_up.folder}"
        )
    return asyncio.run(Site(setting_up, minutes=minutes).run(_listen(port)))


class Lamp:
    """The lamp of a board that is looked at, where it has one; the agent has no pin of it yet."""

    def __init__(self) -> None:
        self._board: pins.Board | None = None
        self._lighting: Lighting | None = None
        self._ends: asyncio.TimerHandle | None = None
        self._unusable = False

    @property
    def shows(self) -> bool:
        """Whether it blinks."""
        return self._board is not None

    def identify(self) -> None:
        """One long and one short, for a while from now on."""
        if self._ends is not None:
            self._ends.cancel()
        if self._board is None and not self._unusable:
            wired = Pins(lamp=DEFAULT_PINS.lamp, lamp_active_high=DEFAULT_PINS.lamp_active_high)
            try:
                self._board = pins.Board(wired, edge=lambda _contact, _closed: None)
            except PinsUnusable:
                self._unusable = True  # no Pi; the page does without
                return
            self._lighting = Lighting(
                switch=self._board.light, changed=lambda: None, armed_blip=False
            )
            self._lighting.show(Pattern.IDENTIFY, drill=False)
        self._ends = asyncio.get_running_loop().call_later(SEEN_S, self.off)

    def off(self) -> None:
        """Put it out and give the pin back."""
        if self._ends is not None:
            self._ends.cancel()
        if self._lighting is not None and self._board is not None:
            self._lighting.stop()
            self._board.close()
        self._board = self._lighting = None


class Site:
    """The page's end of all connections."""

    def __init__(self, setting_up: SettingUp, *, minutes: float) -> None:
        self._setting_up = setting_up
        self._closes_s = time.monotonic() + minutes * 60
        self._lamp = Lamp()
        self._done = asyncio.Event()  # the end was shown
        self._callers: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, listener: socket.socket) -> bool:
        """Serve until it is over."""
        port = listener.getsockname()[1]
        server = await asyncio.start_server(self._accept, sock=listener, limit=HEAD_BYTES_MAX)
        print(f"tocsin-button: open {' or '.join(_addresses(port))}", file=sys.stderr)
        try:
            async with server:
                while not self._over():  # noqa: ASYNC110 (of a file by others there is no event)
                    await asyncio.sleep(LOOK_EVERY_S)
                if self._setting_up.told().device_id is not None:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._done.wait(), DONE_S)
                        await asyncio.sleep(TOLD_S)
        finally:
            self._lamp.off()
        return (self._setting_up.folder / "button.toml").exists()

    def _over(self) -> bool:
        told = self._setting_up.told()
        if told.busy:
            return False
        made = (self._setting_up.folder / "button.toml").exists()
        return made or told.device_id is not None or time.monotonic() >= self._closes_s

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _address(writer.get_extra_info("peername"))
        ours = _address(writer.get_extra_info("sockname"))
        who = str(peer)
        crowded = self._callers.total() >= CALLERS_MAX or self._callers[who] >= CALLS_EACH_MAX
        if crowded or not is_near(peer, ours):
            writer.transport.abort()
            return
        # A task of our own: asyncio complains of its own ones that end with the server.
        task = asyncio.get_running_loop().create_task(self._serve(who, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self, who: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._callers[who] += 1
        try:
            # Whoever asks may go at any moment, and may send what it likes.
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                language: Language = "en"  # of what can't be read
                try:
                    async with asyncio.timeout(WITHIN_S):
                        request = await _read(reader)
                    language = request.language
                    answer = await self._answer(request)
                except Refused as refused:
                    answer = refused.answer(language)
                async with asyncio.timeout(WITHIN_S):
                    writer.write(_written(answer))
                    await writer.drain()
                    writer.write_eof()
                    await reader.read(BODY_BYTES_MAX)  # what we didn't want would reset the line
        finally:
            self._callers[who] -= 1
            writer.close()

    async def _answer(self, request: Request) -> Answer:
        check_host(request.host)
        path, _, query = request.target.partition("?")
        if path == "/":
            if request.method != "GET":
                raise _wrong_method("GET")
            return await self._page(_form(query), request.language)
        if path == "/claim":
            if request.method != "POST":
                raise _wrong_method("POST")
            check_origin(request.origin, request.host)
            form = _form(request.body.decode("ascii", errors="replace"))
            return await self._claim(form, request.language)
        raise Refused(HTTPStatus.NOT_FOUND, "There is one page here, and this is not it: open /")

    async def _page(
        self, form: Form, language: Language, status: HTTPStatus = HTTPStatus.OK
    ) -> Answer:
        told = self._setting_up.told()
        idle = not told.busy and told.device_id is None
        if idle:
            self._lamp.identify()
        network = await asyncio.to_thread(self._setting_up.network) if idle else []
        left_min = max(1, math.ceil((self._closes_s - time.monotonic()) / 60))
        page = render(
            told,
            form=form,
            network=network,
            lamp=self._lamp.shows,
            closes_in_min=left_min,
            language=language,
        )
        if told.device_id is not None:
            self._done.set()
        return Answer(status, page)

    async def _claim(self, form: Form, language: Language) -> Answer:
        try:
            self._setting_up.begin(*read_typed(form.code, form.server))
            self._lamp.off()  # the agent takes the pins as soon as it is a button
        except ClaimRefused as error:
            refused = Form(code=form.code, server=form.server, problem=str(error))
            return await self._page(refused, language, HTTPStatus.BAD_REQUEST)
        return Answer(HTTPStatus.SEE_OTHER, headers=(("Location", f"/?lang={language}"),))


def is_near(peer: Address, ours: Address) -> bool:
    """Whether a caller is of a private network, or of the very one whose address it called."""
    if not peer.is_global:
        return True
    prefix = 24 if peer.version == 4 else 64
    return peer in ipaddress.ip_network(f"{ours}/{prefix}", strict=False)


def check_host(host: str) -> None:
    """Let in who calls this board by an address or by a name of this network. Raises Refused.

    Neither can be made to lead here by a name server of elsewhere.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        name = ""
    known = name in {"localhost", socket.gethostname().lower()} or name.endswith(".local")
    if not known and not _is_address(name):
        raise Refused(
            HTTPStatus.MISDIRECTED_REQUEST,
            "This board isn't known under that name: open it by its address, as http://192.168.1.20",
        )


def check_origin(origin: str, host: str) -> None:
    """Take only what our own page has sent. Raises Refused."""
    if origin.lower() != f"http://{host}".lower():
        raise Refused(
            HTTPStatus.FORBIDDEN,
            "Another site's page sent this, so nothing was done: open this board's own page, and"
            " type the code there",
        )


def _listen(port: int) -> socket.socket:
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except OSError as error:
        do = "run it as root" if isinstance(error, PermissionError) else "end what has it"
        raise SetUpRefused(
            f"port {port} can't be opened ({error.strerror}): {do}, or choose another with --port"
        ) from None


async def _read(reader: asyncio.StreamReader) -> Request:
    """Read one request. Raises Refused, IncompleteReadError."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        method, target, version = line.decode("ascii").split(" ")
        headers = http.client.parse_headers(io.BytesIO(rest))
        [host] = headers.get_all("Host", [])
        length = int(headers.get("Content-Length", "0"))
        if not version.startswith("HTTP/1.") or "Transfer-Encoding" in headers or length < 0:
            raise ValueError(version)
    except asyncio.LimitOverrunError:
        raise Refused(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "That is more than a browser asks with"
        ) from None
    except (ValueError, http.client.HTTPException):
        raise Refused(
            HTTPStatus.BAD_REQUEST, "That is no request of a browser: open this page in one"
        ) from None
    if length > BODY_BYTES_MAX:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is more than a code and an address"
        )
    body = await reader.readexactly(length)
    return Request(
        method,
        target,
        host.strip(),
        headers.get("Origin", "").strip(),
        body,
        headers.get("Accept-Language", ""),
    )


def _written(answer: Answer) -> bytes:
    content = answer.page.encode()
    headers: Mapping[str, str] = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(content)),
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",  # with none a browser sends no Origin either
        "Cache-Control": "no-store",
        "Connection": "close",
        **dict(answer.headers),
    }
    lines = [f"HTTP/1.1 {answer.status.value} {answer.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def _form(encoded: str) -> Form:
    fields = _fields(encoded)
    return Form(code=fields.get("code", ""), server=fields.get("server", ""))


def _fields(encoded: str) -> dict[str, str]:
    """Read the fields of a query or a form; what can't be read is as if it weren't there."""
    try:
        fields = parse_qs(encoded, max_num_fields=8)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _wrong_method(allowed: str) -> Refused:
    return Refused(
        HTTPStatus.METHOD_NOT_ALLOWED, "Open this board's page, and type there", Allow=allowed
    )


def _address(name: tuple[str, int]) -> Address:
    """Read a socket's address; one of IPv4 that was written as IPv6 is one of IPv4."""
    address = ipaddress.ip_address(name[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _addresses(port: int) -> Iterable[str]:
    """Give what a phone in the same network may open."""
    shown = "" if port == PORT else f":{port}"
    yield f"http://{socket.gethostname().partition('.')[0]}.local{shown}"
    for interface in probes.interfaces():
        for address in interface.addresses:
            yield f"http://[{address}]{shown}" if ":" in address else f"http://{address}{shown}"
