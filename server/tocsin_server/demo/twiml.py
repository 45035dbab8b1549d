"""TwiML as a phone hears it: what a voice says, when it listens, and where it goes next.

Promise: a document becomes verbs or one sentence about what is wrong with it; nothing is guessed.

Refused: verbs and attributes that this network can't perform. Twilio warns of an unknown verb and
goes on (12200); here it ends the call, so that a mistake is heard.

Source: Twilio's TwiML reference for <Say>, <Pause>, <Gather>, <Redirect>, <Hangup> and <Message>.
"""

from dataclasses import dataclass
from typing import TypeAlias
from xml.etree import ElementTree

DOCUMENT_CHARS_MAX = 64_000  # Twilio's limit for a document that it fetches is 64 kB
KEYS = frozenset("0123456789*#")
GATHER_S = 5.0  # Twilio's default of <Gather timeout>

_SSML = frozenset(
    {"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"}
)


class BadTwiml(Exception):
    """A document that no voice can read aloud. Its text begins with Twilio's error code."""


@dataclass(frozen=True, slots=True)
class Say:
    """The voice says something."""

    text: str
    language: str = "en-US"
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """The voice is silent."""

    length_s: float


@dataclass(frozen=True, slots=True)
class Gather:
    """The voice speaks and waits for keys."""

    verbs: "tuple[Say | Pause, ...]"
    action: str | None
    digits_max: int | None
    timeout_s: float
    finish_on_key: str
    action_on_empty: bool


@dataclass(frozen=True, slots=True)
class Redirect:
    """The next document is elsewhere."""

    url: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """The call ends."""


Verb: TypeAlias = Say | Pause | Gather | Redirect | Hangup


def voice(text: str) -> tuple[Verb, ...]:
    """The verbs of a call's document. Raises BadTwiml."""
    return tuple(verb for element in _response(text) for verb in _verbs(element))


def messages(text: str) -> tuple[str, ...]:
    """The texts of <Response><Message>…; an empty body is a polite silence. Raises BadTwiml."""
    if not text.strip():
        return ()
    found = _response(text).findall("Message")
    return tuple("".join(message.itertext()).strip() for message in found)


def _response(text: str) -> ElementTree.Element:
    if len(text) > DOCUMENT_CHARS_MAX:
        raise BadTwiml(f"11750: TwiML of more than {DOCUMENT_CHARS_MAX} characters")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  (our own server's answer)
    except ElementTree.ParseError as error:
        raise BadTwiml(f"12100: the system's answer isn't TwiML ({error})") from None
    if root.tag != "Response":
        raise BadTwiml(f"12102: TwiML begins with <Response>, not <{root.tag}>")
    return root


def _verbs(element: ElementTree.Element) -> tuple[Verb, ...]:
    match element.tag:
        case "Say" | "Pause":
            return _speech(element)
        case "Gather":
            return (_gather(element),)
        case "Redirect":
            _know(element, "method")
            if not (url := (element.text or "").strip()):
                raise BadTwiml("12100: <Redirect> names no address")
            return (Redirect(url),)
        case "Hangup":
            _know(element)
            return (Hangup(),)
        case _:
            raise BadTwiml(f"12200: <{element.tag}> is no verb that this network performs")


def _speech(element: ElementTree.Element) -> "tuple[Say | Pause, ...]":
    if element.tag == "Pause":
        _know(element, "length")
        return (Pause(_number(element, "length", 1.0)),)
    _know(element, "voice", "language", "loop")
    for child in element.iter():
        if child is not element and child.tag not in _SSML:
            raise BadTwiml(f"13520: <Say> with <{child.tag}> in it")
    said = Say(
        " ".join(_spoken(element).split()),
        element.get("language", "en-US"),
        element.get("voice", ""),
    )
    if not said.text:
        raise BadTwiml("13520: <Say> with nothing to say")
    return (said,) * max(1, int(_number(element, "loop", 1)))


def _spoken(element: ElementTree.Element) -> str:
    """The words; a pause between two of them is a space at least."""
    apart = " " if element.tag in {"break", "p", "s"} else ""
    inside = "".join(_spoken(child) + (child.tail or "") for child in element)
    return f"{apart}{element.text or ''}{inside}{apart}"


def _gather(element: ElementTree.Element) -> Gather:
    _know(
        element,
        *("action", "method", "numDigits", "timeout", "finishOnKey", "input"),
        *("actionOnEmptyResult", "language"),
    )
    if element.get("input", "dtmf") != "dtmf":
        raise BadTwiml("13322: <Gather> listens to keys only on this network")
    verbs: list[Say | Pause] = []
    for child in element:
        if child.tag not in {"Say", "Pause"}:
            raise BadTwiml(f"13313: <Gather> with <{child.tag}> in it")
        verbs += _speech(child)
    finish_on_key = element.get("finishOnKey", "#")
    if finish_on_key and finish_on_key not in KEYS:
        raise BadTwiml(f"13310: finishOnKey is one key, not {finish_on_key!r}")
    digits = element.get("numDigits")
    return Gather(
        verbs=tuple(verbs),
        action=element.get("action"),
        digits_max=max(1, int(_number(element, "numDigits", 1))) if digits else None,
        timeout_s=_number(element, "timeout", GATHER_S),
        finish_on_key=finish_on_key,
        action_on_empty=element.get("actionOnEmptyResult") == "true",
    )


def _know(element: ElementTree.Element, *names: str) -> None:
    """Refuse an attribute that would be passed over in silence, and a method that isn't POST."""
    for name in element.keys():  # noqa: SIM118  (an element's own iteration gives its children)
        if name not in names:
            raise BadTwiml(f"12200: <{element.tag}> has no attribute {name} on this network")
    if element.get("method", "POST") != "POST":
        raise BadTwiml(f"12200: <{element.tag}> is asked for by POST only on this network")


def _number(element: ElementTree.Element, name: str, otherwise: float) -> float:
    text = element.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise BadTwiml(f"12200: {name} of <{element.tag}> is a number, not {text!r}")
    return float(text)
