"""The page `/demo`: virtual buttons to press, the responders' phones, and the mail that they get.

Promise: a lamp here is lit exactly when the agent drives its pin, and a finger that leaves the page
(or a page that is closed) lets go of the button. A phone rings here exactly when a call waits to be
answered, and shows the words that its voice says. A mail is here once the mail server has it.

Refused: existing anywhere but in `tocsin demo`. Nothing else calls `mount_demo`, and requests that
another web site sends from a visitor's browser are turned away.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from tocsin_server.demo.errors import ChildFailed
from tocsin_server.demo.mailbox import Mail, Mailbox
from tocsin_server.demo.phone import (
    BODY_CHARS_MAX,
    Call,
    CallStatus,
    Condition,
    Phone,
    PhoneNetwork,
    Sms,
)
from tocsin_server.demo.twiml import KEYS
from tocsin_server.demo.virtual_button import ButtonState, VirtualButton

MESSAGES_SHOWN_MAX = 60  # of each phone, the newest
HEARD_SHOWN_MAX = 20  # sentences of a call
PAGES_MAX = 50  # a demo is looked at by a handful of people
FRAME_BYTES_MAX = 4096  # what a page says is a line
REPLIES_AT_ONCE_MAX = 20
AGENT_AWAY_S = 0.2  # how soon an agent that went away is looked for again
SEND_S_MAX = 5.0  # a page that takes no frame for so long is let go

STATIC = Path(__file__).parent / "page"

# wire contract, Lamp: what each pattern means, in the words of the printed card.
MEANINGS = {
    "armed": "dark. Ready: a server is there.",
    "pressed": "fast blink. Pressed and being sent; no server has confirmed it yet.",
    "sos": "SOS. No answer for 15 seconds: call 911 by phone.",
    "stored": "slow pulse. The server has it, and people are being told.",
    "acknowledged": "steady. A person has it.",
    "responding": "double blink. Help is on its way.",
    "fault": "short blip. Something is wrong with this button: {faults}.",
    "identify": "flicker. Somebody is looking for this button.",
}
AWAY = "dark. The button has no power: its agent isn't running."

CONDITIONS = {
    Condition.ON: "is on",
    Condition.OFF: "is off: no texts (30003), voicemail answers",
    Condition.VOICEMAIL: "lets its voicemail answer",
    Condition.BUSY: "is busy when it is called",
    Condition.LANDLINE: "is a landline: no texts (30006)",
    Condition.VOIP: "is an internet number",
    Condition.FILTERED: "is filtered by its carrier (30007)",
    Condition.FAILED: "can't be reached at all (30008)",
    Condition.UNDELIVERED: "gets no texts (30005)",
    Condition.NO_REPORT: "gets texts that no carrier reports",
    Condition.TOO_MANY: "gets HTTP 429 from the provider",
    Condition.BROKEN: "gets HTTP 500 from the provider",
    Condition.GARBAGE: "gets garbage from the provider",
    Condition.SLOW: "gets no answer from the provider for 30 s",
}


# What became of a call, as a phone's list of calls says it.
PAST_CALLS = {
    CallStatus.COMPLETED: "Call",
    CallStatus.BUSY: "Call declined",
    CallStatus.NO_ANSWER: "Missed call",
    CallStatus.CANCELED: "Missed call: the caller gave up",
    CallStatus.FAILED: "Call failed",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """A virtual button and what is written on it."""

    button: VirtualButton
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose phone it is, and among which others the page shows it."""

    name: str
    role: str
    number: str
    group: str


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One button as the page shows it."""

    device_id: str
    name: str
    place: str
    pattern: str
    lit: bool
    meaning: str


class ThreadView(msgspec.Struct, frozen=True, kw_only=True):
    """One message, or what became of a call; `line` is what stands below it."""

    sid: str
    kind: str
    body: str
    incoming: bool
    status: str
    line: str


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """The call that rings or speaks."""

    sid: str
    caller: str
    ringing: bool
    listening: bool
    heard: tuple[str, ...]


class PhoneView(msgspec.Struct, frozen=True, kw_only=True):
    """One phone as the page shows it."""

    number: str
    name: str
    role: str
    group: str
    condition: str
    messages: tuple[ThreadView, ...]
    call: CallView | None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot"):
    """Everything, when a page comes."""

    devices: tuple[DeviceView, ...]
    phones: tuple[PhoneView, ...]
    mails: list[Mail]  # the newest first
    conditions: dict[str, str]


class DeviceFrame(msgspec.Struct, frozen=True, tag="device"):
    """A lamp changed."""

    device: DeviceView


class PhoneFrame(msgspec.Struct, frozen=True, tag="phone"):
    """A phone changed."""

    phone: PhoneView


class MailFrame(msgspec.Struct, frozen=True, tag="mail"):
    """A mail came: all that there are."""

    mails: list[Mail]


class Down(msgspec.Struct, frozen=True, tag_field="do", tag="down"):
    """A finger pushed a button."""

    device_id: str


class Up(msgspec.Struct, frozen=True, tag_field="do", tag="up"):
    """The last finger left it."""

    device_id: str


class Reply(msgspec.Struct, frozen=True, tag_field="do", tag="reply"):
    """Somebody texts back."""

    number: str
    body: str


class SetCondition(msgspec.Struct, frozen=True, tag_field="do", tag="condition"):
    """Somebody switches a phone off, and the like."""

    number: str
    condition: Condition


class PickUp(msgspec.Struct, frozen=True, tag_field="do", tag="answer"):
    """Somebody answers a call."""

    number: str
    sid: str


class HangUp(msgspec.Struct, frozen=True, tag_field="do", tag="hang_up"):
    """Somebody declines a call that rings, or ends one."""

    number: str
    sid: str


class PressKey(msgspec.Struct, frozen=True, tag_field="do", tag="key"):
    """Somebody presses a key in a call."""

    number: str
    sid: str
    key: str


FromPage = Down | Up | Reply | SetCondition | PickUp | HangUp | PressKey


@dataclass(eq=False)
class _Page:
    """One open page: what it hasn't been sent yet (newest view of each thing), what it holds."""

    socket: web.WebSocketResponse
    unsent: dict[str, bytes] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    holding: set[str] = field(default_factory=set)


class _Demo:
    """All that the page shows, and the pages that are open."""

    def __init__(
        self,
        desks: Sequence[Desk],
        network: PhoneNetwork,
        holders: Sequence[Holder],
        mailbox: Mailbox,
    ) -> None:
        self._desks = {desk.button.device_id: desk for desk in desks}
        self._network = network
        self._mailbox = mailbox
        self._holders = {holder.number: holder for holder in holders}
        self._devices = {name: _device_view(desk, None) for name, desk in self._desks.items()}
        self._phones = {
            number: _phone_view(holder, network.phone(number))
            for number, holder in self._holders.items()
        }
        self._pages: set[_Page] = set()
        self._replies: set[asyncio.Task[None]] = set()

    async def run(self, _app: web.Application) -> AsyncIterator[None]:
        """Follow every button, the phones and the mail for as long as the app runs."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._follow_button(desk)) for desk in self._desks.values()]
        tasks.append(loop.create_task(self._follow_phones()))
        tasks.append(loop.create_task(self._follow_mail()))
        yield
        tasks += self._replies
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close_pages(self, _app: web.Application) -> None:
        """Let every page know that the demo ends."""
        for page in list(self._pages):
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(0.5):
                    await page.socket.close(code=WSCloseCode.GOING_AWAY)

    async def live(self, request: web.Request) -> web.WebSocketResponse:
        """GET /demo/live: a snapshot, then changes; hears fingers and replies."""
        _refuse_other_sites(request)
        if len(self._pages) >= PAGES_MAX:
            raise web.HTTPServiceUnavailable(text=f"no more than {PAGES_MAX} pages of this demo")
        socket = web.WebSocketResponse(heartbeat=10.0, max_msg_size=FRAME_BYTES_MAX)
        await socket.prepare(request)
        page = _Page(socket)
        snapshot = Snapshot(
            devices=tuple(self._devices.values()),
            phones=tuple(self._phones.values()),
            mails=self._mailbox.mails,
            conditions={str(condition): words for condition, words in CONDITIONS.items()},
        )
        page.unsent["snapshot"] = msgspec.json.encode(snapshot)
        page.wake.set()
        self._pages.add(page)
        sender = asyncio.get_running_loop().create_task(_send(page))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._hear(page, message.data)
        finally:
            self._pages.discard(page)
            sender.cancel()
            for device_id in page.holding:
                await self._move(device_id, down=False)
        return socket

    async def _hear(self, page: _Page, text: str) -> None:
        try:
            said = msgspec.json.decode(text, type=FromPage)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return  # not from our page; nothing on it depends on an answer
        match said:
            case Down(device_id) if device_id in self._desks:
                page.holding.add(device_id)
                await self._move(device_id, down=True)
            case Up(device_id) if device_id in page.holding:
                page.holding.discard(device_id)
                await self._move(device_id, down=False)
            case Reply(number, body) if number in self._holders and body.strip():
                if len(self._replies) < REPLIES_AT_ONCE_MAX:
                    reply = asyncio.get_running_loop().create_task(self._reply(number, body))
                    self._replies.add(reply)
                    reply.add_done_callback(self._replies.discard)
            case SetCondition(number, condition) if number in self._holders:
                self._network.phone(number).condition = condition
            case PickUp(number, sid) | HangUp(number, sid) | PressKey(number, sid, _):
                if number in self._holders and (call := self._network.phone(number).find_call(sid)):
                    _act(call, said)
            case _:
                return

    async def _reply(self, number: str, body: str) -> None:
        await self._network.reply(number, body[:BODY_CHARS_MAX])

    async def _move(self, device_id: str, *, down: bool) -> None:
        button = self._desks[device_id].button
        with suppress(ChildFailed):  # without power a button can be pushed, and nothing happens
            await (button.down() if down else button.up())

    async def _follow_button(self, desk: Desk) -> None:
        while True:
            async with aclosing(desk.button.watch()) as states:
                async for state in states:
                    self._show_device(_device_view(desk, state))
            self._show_device(_device_view(desk, None))
            await asyncio.sleep(AGENT_AWAY_S)

    async def _follow_phones(self) -> None:
        while True:
            for number, holder in self._holders.items():
                view = _phone_view(holder, self._network.phone(number))
                if view != self._phones[number]:
                    self._phones[number] = view
                    self._show(number, msgspec.json.encode(PhoneFrame(view)))
            await self._network.changed()

    async def _follow_mail(self) -> None:
        while True:
            await self._mailbox.changed()
            self._show("mail", msgspec.json.encode(MailFrame(self._mailbox.mails)))

    def _show_device(self, view: DeviceView) -> None:
        if view != self._devices[view.device_id]:
            self._devices[view.device_id] = view
            self._show(view.device_id, msgspec.json.encode(DeviceFrame(view)))

    def _show(self, what: str, frame: bytes) -> None:
        for page in self._pages:
            page.unsent[what] = frame
            page.wake.set()


def mount_demo(
    app: web.Application,
    *,
    desks: Sequence[Desk],
    network: PhoneNetwork,
    holders: Sequence[Holder],
    mailbox: Mailbox,
) -> None:
    """Add `/demo` to an app that hasn't started. Only `tocsin demo` calls this."""
    demo = _Demo(desks, network, holders, mailbox)
    app.cleanup_ctx.append(demo.run)
    app.on_shutdown.append(demo.close_pages)
    app.router.add_get("/demo", _page)
    app.router.add_get("/demo/live", demo.live)
    app.router.add_static("/demo/static/", STATIC)


async def _page(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def _send(page: _Page) -> None:
    """The newest of everything, as fast as the page takes it; a slow page skips what is old."""
    while True:
        await page.wake.wait()
        page.wake.clear()
        unsent, page.unsent = page.unsent, {}
        try:
            async with asyncio.timeout(SEND_S_MAX):
                for frame in unsent.values():
                    await page.socket.send_str(frame.decode())
        except (ConnectionError, TimeoutError):
            await page.socket.close()
            return


def _refuse_other_sites(request: web.Request) -> None:
    """A browser names the page that opens a WebSocket; any site may open one to loopback."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="open this demo's own page: another site may not press here")


def _act(call: Call, said: PickUp | HangUp | PressKey) -> None:
    match said:
        case PickUp():
            call.pick_up()
        case HangUp():
            call.hang_up()
        case PressKey(key=key) if key in KEYS:
            call.key(key)


def _device_view(desk: Desk, state: ButtonState | None) -> DeviceView:
    if state is None:
        pattern, lit, meaning = "away", False, AWAY
    else:
        pattern, lit = state.pattern, state.lit
        meaning = MEANINGS.get(pattern, f"{pattern}.").format(
            faults=", ".join(state.faults) or "no server for 30 s"
        )
        meaning = f"{meaning} DRILL." if state.drill else meaning
    return DeviceView(
        device_id=desk.button.device_id,
        name=desk.name,
        place=desk.place,
        pattern=pattern,
        lit=lit,
        meaning=meaning,
    )


def _phone_view(holder: Holder, phone: Phone) -> PhoneView:
    thread = [(sms.at, _sms_view(sms)) for sms in phone.thread[-MESSAGES_SHOWN_MAX:]]
    thread += [(call.ended_at, _past_call_view(call)) for call in phone.calls if call.ended_at]
    thread.sort(key=lambda dated: dated[0])
    return PhoneView(
        number=holder.number,
        name=holder.name,
        role=holder.role,
        group=holder.group,
        condition=phone.condition,
        messages=tuple(view for _, view in thread[-MESSAGES_SHOWN_MAX:]),
        call=_call_view(phone),
    )


def _call_view(phone: Phone) -> CallView | None:
    """The call that somebody is in, else the one that rings longest."""
    live = [
        call for call in phone.calls if call.status in {CallStatus.RINGING, CallStatus.IN_PROGRESS}
    ]
    if not live:
        return None
    call = next((each for each in live if each.status is CallStatus.IN_PROGRESS), live[0])
    return CallView(
        sid=call.sid,
        caller=call.account.from_number,
        ringing=call.status is CallStatus.RINGING,
        listening=call.is_listening,
        heard=tuple(call.heard[-HEARD_SHOWN_MAX:]),
    )


def _past_call_view(call: Call) -> ThreadView:
    words = PAST_CALLS.get(call.status, call.status)
    if call.status is CallStatus.COMPLETED:
        answered = "voicemail answered" if call.by_machine else f"{call.duration_s} s"
        words = f"{words}, {answered}"
    if call.keys:
        words += f", pressed {' '.join(call.keys)}"
    return ThreadView(
        sid=call.sid,
        kind="call",
        body=call.problem or words,
        incoming=True,
        status=call.status,
        line=(call.ended_at or call.created_at).astimezone().strftime("%H:%M:%S"),
    )


def _sms_view(sms: Sms) -> ThreadView:
    time = sms.at.astimezone().strftime("%H:%M:%S")
    said = sms.note or (sms.status if sms.incoming else "sent")
    code = f" ({sms.error_code})" if sms.error_code else ""
    return ThreadView(
        sid=sms.sid,
        kind="text",
        body=sms.body,
        incoming=sms.incoming,
        status=sms.status,
        line=f"{time} · {said}{code}",
    )
