"""TwiML: what Twilio's voice says, and what its texts answer.

Promise: pure functions, and always well-formed: what somebody called a room can't break a call.
A key counts from the first word on; whoever has heard enough need not wait for the end.

Sources: Twilio's pages on <Say>, <Gather> and <Pause>. The plain voices (man, woman) speak no SSML;
those of Amazon Polly do, and the neural ones among them take a rate.
"""

import re
from typing import Any
from xml.sax.saxutils import escape

from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

from tocsin_server.channels.channel import Language, Message

REPLY_CHARS_MAX = 320  # two segments
TWIML_CHARS_MAX = 4000  # of the Twiml parameter of a call
# Together with their tags, both fit into a call's Twiml parameter as often as a menu says them.
SPOKEN_CHARS_MAX = 350  # half a minute of speech; nobody keeps more than that in mind
KEYS_CHARS_MAX = 200
MENUS = 3
KEY_WAIT_S = 5  # after the last word of a menu
RATE = "85%"  # heard once, by somebody who was asleep, and to be written down

_VOICES: dict[Language, dict[str, str]] = {
    "en": {"voice": "Polly.Joanna-Neural", "language": "en-US"},
    "es": {"voice": "Polly.Lupe-Neural", "language": "es-US"},
}
# XML 1.0, section 2.2: no other character may stand in a document, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def twiml_reply(text: str | None) -> str:
    """Word the answer to a text; None: no answer."""
    response = MessagingResponse()
    if tidy := _tidy(text or "", REPLY_CHARS_MAX):
        response.message(tidy)
    return str(response)


def twiml_spoken(text: str, language: Language, *, hang_up: bool = True) -> str:
    """Say something to whoever is on the line."""
    response = VoiceResponse()
    _say(response, _tidy(text, SPOKEN_CHARS_MAX), language)
    if hang_up:
        response.hangup()
    return str(response)


def twiml_menu(message: Message, action_url: str) -> str:
    """Say twice what is wrong and where, then what the keys do, and once more while nobody presses.

    Fits into a call's Twiml parameter. A pressed key is posted to `action_url` as `Digits`.
    """
    spoken = _tidy(message.spoken, SPOKEN_CHARS_MAX)
    keys = _tidy(message.spoken_keys, KEYS_CHARS_MAX)
    response = VoiceResponse()
    for texts in ((spoken, spoken, keys), *[(spoken, keys)] * (MENUS - 1)):
        gather = response.gather(
            input="dtmf", num_digits=1, timeout=KEY_WAIT_S, action=action_url, method="POST"
        )
        for text in texts:
            gather.pause(length=1)
            _say(gather, text, message.language)
    response.hangup()
    return str(response)


def twiml_announcement(message: Message) -> str:
    """Say twice what is wrong and where, and how to answer where keys can't be heard."""
    response = VoiceResponse()
    spoken, code = _tidy(message.spoken, SPOKEN_CHARS_MAX), message.spoken_code
    for text in (spoken, spoken, *([_tidy(code, KEYS_CHARS_MAX)] * 2 if code else [])):
        response.pause(length=1)
        _say(response, text, message.language)
    response.hangup()
    return str(response)


def _say(into: Any, text: str, language: Language) -> None:
    if text:  # an empty <Say> ends the call with an error
        into.say(**_VOICES[language]).prosody(text, rate=RATE)


def _tidy(text: str, chars_max: int) -> str:
    """Cut a text to what fits, once it is escaped, without what no XML can hold."""
    tidy = re.sub(r"\s+", " ", _NO_XML.sub("", text)).strip()[:chars_max]
    while len(escape(tidy)) > chars_max:
        tidy = tidy[:-1]
    return tidy
