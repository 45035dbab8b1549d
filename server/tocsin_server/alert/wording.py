"""Wording: what a message says, short enough to be read on a lock screen, clear enough to be heard.

What, who, where, how long ago, and the code to answer with; a link where there is room for it. A
text keeps to one segment of GSM-7 wherever that can say it, because a single curly quote doubles
the number of segments, the price and the delay; a name in another script stays as it is, for it
has to be understood.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from tocsin_server.alert.geotag import Place
from tocsin_server.alert.lifecycle import HOLDER_ANSWER_S
from tocsin_server.alert.phrases import PHRASES, Phrases
from tocsin_server.channels.channel import Language

PLACE_CHARS_MAX = 150  # with the rest and a link it is two segments
SUBJECT_CHARS_MAX = 120  # what a lock screen shows of one
SEGMENT_CHARS = 160  # 3GPP TS 23.040: of GSM-7 letters; a text of several parts has fewer in each
_PLAIN = {
    0x2018: "'",  # typographic quotes, dashes, dots and ellipses, as GSM-7 can say them
    0x2019: "'",
    0x201C: '"',
    0x201D: '"',
    0x2013: "-",
    0x2014: "-",
    0x2026: "...",
    0x00B7: "-",
}
# 3GPP TS 23.038: the letters with marks that GSM-7 has; it lacks the others that Spanish needs.
_GSM_LETTERS = frozenset("èéùìòÇØøÅåÆæßÉÄÖÑÜäöñüà¿¡")
_GSM_DOUBLE = frozenset("^{}\\[~]|€")


@dataclass(frozen=True, slots=True)
class Alert:
    """What a message needs to know of an alert. `holder` has it, and needs others because `why`."""

    alert_id: UUID
    kind: str
    drill: bool
    code: str
    place: Place
    age_s: float
    presses: int
    cancelled: bool
    attempt: int
    holder: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Worded:
    """One message in all its forms, as `channels.channel.Message` has them.

    `told` is the text for where nobody can reply with a code: it has the facts alone.
    """

    text: str
    subject: str
    spoken: str
    told: str = ""
    spoken_keys: str = ""
    spoken_code: str = ""


def page(alert: Alert, *, public_url: str, language: Language = "en") -> Worded:
    """Word the message that asks somebody to take an alert."""
    words = PHRASES[language]
    facts = [*_facts(alert, words), words.take.format(code=alert.code)]
    text = _shortest(alert, words, facts, link=link(public_url, alert.alert_id))
    return replace(_spoken(alert, words, facts[:-1]), text=text, spoken_keys=words.keys)


def hands_over(alert: Alert, *, by: str, public_url: str, language: Language = "en") -> Worded:
    """Word the message that offers an alert to somebody."""
    words = PHRASES[language]
    first = words.hands_over.format(by=by, kind=_kind(alert, words), place=_where(alert, words))
    facts = [first, *_facts(alert, words)[1:], words.take.format(code=alert.code)]
    text = _plain(f"{_head(alert.drill, words)} {' '.join(facts)}")
    with_link = f"{text} {link(public_url, alert.alert_id)}"
    return replace(
        _spoken(alert, words, facts[:-1]),
        text=with_link if is_one_segment(with_link) else text,
        spoken_keys=words.keys,
    )


def still_yours(alert: Alert, *, language: Language = "en") -> Worded:
    """Word the question whether somebody who has said nothing for long still has it."""
    words = PHRASES[language]
    asked = words.still_yours.format(
        kind=_kind(alert, words),
        place=_where(alert, words),
        code=alert.code,
        seconds=f"{HOLDER_ANSWER_S:g}",
    )
    return replace(
        _spoken(alert, words, [asked.split("?")[0] + "?"]),
        text=_plain(f"{_head(alert.drill, words)} {asked}"),
        spoken_keys=words.keys_still,
    )


def has_it(alert: Alert, *, by: str, language: Language = "en") -> Worded:
    """Word the message that lets somebody stand down."""
    words = PHRASES[language]
    said = words.has_it.format(by=by, kind=_kind(alert, words), place=_where(alert, words))
    return replace(
        _spoken(alert, words, [said]),
        subject=f"{_head(alert.drill, words)} {said}",  # which looks like no second alarm
        text=_plain(f"{_head(alert.drill, words)} {said}"),
        spoken_code="",
    )


def not_stored(
    kind: str, place: Place, *, drill: bool, age_s: float, language: Language = "en"
) -> Worded:
    """Word the message of a press that the database has not taken; it has no code yet."""
    words = PHRASES[language]
    # A cancel closes nothing, and whoever reads only the first word must not think so.
    what = words.kinds["duress"] if kind == "cancel" else words.kinds.get(kind, kind)
    facts = [
        words.at.format(kind=what.upper(), place=_place(place, words)),
        words.pressed.format(age=_age(age_s, words)),
        *([words.cancelled] if kind == "cancel" else []),
        words.not_stored,
    ]
    head = _head(drill, words)
    spoken = " ".join([words.spoken_drill if drill else words.spoken_alert, *facts])
    text = f"{head} {' '.join(facts)}"
    return Worded(_plain(text), f"{head} {facts[0]}", spoken, told=text)


def for_officer(
    kind: str, place: Place, *, drill: bool, link: str, language: Language = "en"
) -> str:
    """Word the text that takes a link to somebody who goes there."""
    words = PHRASES[language]
    what = words.kinds.get(kind, kind).upper()
    said = words.officer.format(kind=what, place=_place(place, words), link=link)
    return _plain(f"{_head(drill, words)} {said}")


def directly(text: str) -> Worded:
    """Word what is said as it is, by whichever way."""
    return Worded(text, text[:SUBJECT_CHARS_MAX], text, told=text)


def where(place: Place, language: Language = "en") -> str:
    """Say where in the order in which somebody runs there; the building goes first if it's long."""
    return _place(place, PHRASES[language])


def age(seconds: float) -> str:
    """Say how long ago, as people say it."""
    return _age(seconds, PHRASES["en"])


def _age(seconds: float, words: Phrases) -> str:
    whole = max(0, int(seconds))
    if whole < 120:
        return words.seconds.format(n=whole)
    if whole < 7200:
        return words.minutes.format(n=whole // 60)
    return words.hours.format(n=whole // 3600)


def link(public_url: str, alert_id: UUID) -> str:
    """Give the page of an alert."""
    return f"{public_url.rstrip('/')}/#/alerts/{alert_id}"


def is_one_segment(text: str) -> bool:
    """Say whether a text goes out as one message of 160 letters (3GPP TS 23.038)."""
    if any(not letter.isascii() and letter not in _GSM_LETTERS for letter in text) or "`" in text:
        return False
    return len(text) + sum(letter in _GSM_DOUBLE for letter in text) <= SEGMENT_CHARS


def _facts(alert: Alert, words: Phrases) -> list[str]:
    pressed = words.pressed if alert.presses == 1 else words.pressed_times
    facts = [
        words.at.format(kind=_kind(alert, words).upper(), place=_where(alert, words)),
        pressed.format(age=_age(alert.age_s, words), times=alert.presses),
    ]
    if alert.cancelled:
        facts.append(words.cancelled)
    if alert.holder is not None and alert.why is not None:
        why = words.silent if alert.why == "silent" else words.more_help
        facts.append(why.format(by=alert.holder))
    return facts


def _shortest(alert: Alert, words: Phrases, facts: list[str], *, link: str) -> str:
    """Say all of it with the link, or else leave out what the console shows, to fit one segment."""
    head, rest = _head(alert.drill, words), " ".join(facts[1:])
    place = alert.place
    full = _plain(f"{head} {facts[0]} {rest}")
    if is_one_segment(f"{full} {link}"):
        return f"{full} {link}"
    # A site with a name needs no address, and a building is for where there are several.
    shorter = [place]
    if place.site:
        shorter += [msgspec.structs.replace(place, address=None)]
        shorter += [msgspec.structs.replace(place, address=None, building=None)]
    for known in shorter:
        first = words.at.format(kind=_kind(alert, words).upper(), place=_place(known, words))
        text = _plain(f"{head} {first} {rest}")
        if is_one_segment(text):
            return text
    return f"{full} {link}"


def _spoken(alert: Alert, words: Phrases, facts: list[str]) -> Worded:
    digits = ", ".join(alert.code)
    opening = words.spoken_drill if alert.drill else words.spoken_alert
    subject = words.at.format(kind=_kind(alert, words).upper(), place=_where(alert, words))
    return Worded(
        text="",
        subject=f"{_head(alert.drill, words)} {subject}".rstrip("."),
        told=f"{_head(alert.drill, words)} {' '.join(facts)}",
        # A voice reads "7 s" as a letter, and capitals as letters one by one.
        spoken=" ".join([opening, *(_aloud(fact, words) for fact in facts)]),
        spoken_code=words.code_by_text.format(code=digits),
    )


def _aloud(fact: str, words: Phrases) -> str:
    for short, long in zip(("s", "min", "h"), words.units_aloud, strict=True):
        fact = re.sub(rf"(?<=\d) {short}\b", f" {long}", fact)
    return fact[:1] + re.sub(r"\b[A-ZÁÉÍÓÚÑ]{4,}\b", lambda word: word[0].lower(), fact[1:])


def _kind(alert: Alert, words: Phrases) -> str:
    return words.kinds.get(alert.kind, alert.kind)


def _where(alert: Alert, words: Phrases) -> str:
    return _place(alert.place, words)


def _place(place: Place, words: Phrases) -> str:
    floor = _floor(place.floor, words)
    parts = [place.spot, place.room, floor, place.building, place.site, place.address]
    for dropped in (None, place.building, place.spot):
        text = ", ".join(part for part in parts if part and part != dropped)
        if 0 < len(_plain(text)) <= PLACE_CHARS_MAX:
            return text
    return _plain(text)[:PLACE_CHARS_MAX] or words.unknown_place


def _head(drill: bool, words: Phrases) -> str:
    return f"TOCSIN {words.drill}:" if drill else "TOCSIN:"


def _floor(floor: str | None, words: Phrases) -> str | None:
    if floor is None:
        return None
    named = words.floor.format(floor="").strip()
    return (
        floor
        if named in floor.lower() or "floor" in floor.lower()
        else (words.floor.format(floor=floor))
    )


def _plain(text: str) -> str:
    return "".join(map(_bare, text.translate(_PLAIN)))


def _bare(letter: str) -> str:
    """Leave out the marks of a letter that GSM-7 knows only without them."""
    if letter.isascii() or letter in _GSM_LETTERS:
        return letter
    bare = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
    return bare if bare.isascii() else letter
