"""The voice of a call: performs TwiML, one document after the other.

Promise: what it says, whom it asks what to say next and what it tells them is Twilio's; a document
that can't be performed ends the call with Twilio's own apology, and the reason stays on the call.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import aiohttp

from tocsin_server.demo import twiml
from tocsin_server.demo.twiml import BadTwiml, Gather, Hangup, Pause, Redirect, Say

if TYPE_CHECKING:
    from tocsin_server.demo.call import Call

DOCUMENTS_MAX = 200  # a TwiML that sends a call round in circles ends
WORDS_PER_S = 2.5  # how fast a voice speaks where speech takes its time
APOLOGY = "We are sorry, an application error has occurred. Goodbye."


@dataclass(frozen=True, slots=True)
class Document:
    """Where a call's words come from: TwiML, or the address to ask for some."""

    text: str | None
    url: str | None = None


class Voice:
    """One performance; cancelled where somebody hangs up or the system has other words.

    `is_heard`: a person listens, who may press a key; a machine never does. `takes_time`: speech,
    pauses and the wait for a key last as long as on the phone; else they take none, and the voice
    waits for a person without end.
    """

    def __init__(self, call: "Call", *, is_heard: bool, takes_time: bool) -> None:
        self._call = call
        self._is_heard = is_heard
        self._takes_time = takes_time

    async def perform(self, document: Document) -> None:
        """Return when there is nothing more to say."""
        try:
            for _ in range(DOCUMENTS_MAX):
                following = await self._read(document)
                if following is None:
                    return
                document = following
            raise BadTwiml(f"12000: more than {DOCUMENTS_MAX} documents in one call")
        except BadTwiml as bad:
            self._call.problem = str(bad)
            self._call.say(Say(APOLOGY))

    async def _read(self, document: Document) -> Document | None:
        """Perform one document; give the one that follows."""
        text = document.text
        if text is None:
            text = await self._fetch(self._absolute(document.url, None), {})
        for verb in twiml.voice(text):
            match verb:
                case Say() | Pause():
                    await self._speak(verb)
                case Gather():
                    if (following := await self._gather(verb, document.url)) is not None:
                        return following
                case Redirect(url):
                    return Document(None, self._absolute(url, document.url))
                case Hangup():
                    return None
        return None

    async def _speak(self, verb: Say | Pause) -> None:
        if isinstance(verb, Say):
            self._call.say(verb)
        if self._takes_time:
            await asyncio.sleep(
                len(verb.text.split()) / WORDS_PER_S if isinstance(verb, Say) else verb.length_s
            )

    async def _gather(self, gather: Gather, base: str | None) -> Document | None:
        """What the keys lead to; None: the document goes on."""
        keypad: asyncio.Queue[str] = asyncio.Queue()
        self._call.keypad = keypad if self._is_heard else None
        try:
            first = await self._speak_until_key(gather, keypad)
            digits, finish = await self._digits(gather, keypad, first)
        finally:
            self._call.keypad = None
            self._call.is_listening = False
        if not digits and not gather.action_on_empty:
            return None
        url = self._absolute(gather.action, base)
        form = {"Digits": digits, "FinishedOnKey": finish}
        return Document(await self._fetch(url, form), url)

    async def _speak_until_key(self, gather: Gather, keypad: "asyncio.Queue[str]") -> str | None:
        """The first key cuts the voice off."""
        loop = asyncio.get_running_loop()
        speaking = loop.create_task(self._speak_all(gather))
        key = loop.create_task(keypad.get())
        try:
            await asyncio.wait({speaking, key}, return_when=asyncio.FIRST_COMPLETED)
            return key.result() if key.done() else None
        finally:
            speaking.cancel()
            key.cancel()

    async def _speak_all(self, gather: Gather) -> None:
        for verb in gather.verbs:
            await self._speak(verb)

    async def _digits(
        self, gather: Gather, keypad: "asyncio.Queue[str]", first: str | None
    ) -> tuple[str, str]:
        """What was pressed before the time was up, and the key that ended it."""
        digits, key = "", first
        patience_s = gather.timeout_s if self._takes_time else None
        while self._is_heard:
            if key is None:
                if keypad.empty():
                    self._call.listen()
                try:
                    async with asyncio.timeout(patience_s):
                        key = await keypad.get()
                except TimeoutError:
                    break
            if key == gather.finish_on_key or not key:
                return digits, key
            digits, key = digits + key, None
            if len(digits) == gather.digits_max:
                break
        return digits, ""

    async def _fetch(self, url: str, form: dict[str, str]) -> str:
        try:
            status, text = await self._call.fetch(url, form)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise BadTwiml(f"11200: no answer from the system ({error})") from None
        if status >= 400:
            raise BadTwiml(f"11200: the system refused it with HTTP {status}")
        return text

    def _absolute(self, url: str | None, base: str | None) -> str:
        """An address that a document names, seen from where the document came from."""
        absolute = urljoin(base or "", url or "")
        if not absolute.startswith(("http://", "https://")):
            raise BadTwiml(f"11100: {absolute or 'no address'} is no address to ask")
        return absolute
