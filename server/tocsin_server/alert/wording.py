"""Wording: what a text says, short enough to be read on a lock screen.

What, who, where, how long ago, the code to answer with, and a link. GSM-7 characters
wherever they can say it, because a single curly quote doubles the number of segments
and the price; a name in another script stays as it is, for it has to be understood.
"""

import unicodedata
from dataclasses import dataclass
from uuid import UUID

from tocsin_server.alert.geotag import Place

PLACE_CHARS_MAX = 150  # with the rest and a link it is two segments
_CANCELLED = "Cancelled at the button; may be under coercion."
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
_GSM_LETTERS = frozenset("èéùìòÇØøÅåÆæßÉÄÖÑÜäöñüà")


@dataclass(frozen=True, slots=True)
class Alert:
    """What a message needs to know of an alert."""

    alert_id: UUID
    kind: str
    drill: bool
    code: str
    place: Place
    age_s: float
    presses: int
    cancelled: bool
    attempt: int


def page(alert: Alert, *, public_url: str) -> str:
    """Word the message that asks somebody to take an alert."""
    what = alert.kind.upper()
    again = f", pressed {alert.presses} times" if alert.presses > 1 else ""
    cancelled = f" {_CANCELLED}" if alert.cancelled else ""
    return _plain(
        f"{_head(alert.drill)} {what} at {where(alert.place)}. "
        f"Pressed {age(alert.age_s)} ago{again}.{cancelled} "
        f"Reply {alert.code} to take it. {link(public_url, alert.alert_id)}"
    )


def has_it(alert: Alert, *, by: str) -> str:
    """Word the message that lets somebody stand down."""
    what = f"{by} has the {alert.kind} at {where(alert.place)}"
    return _plain(f"{_head(alert.drill)} {what}. Stand down.")


def not_stored(kind: str, place: Place, *, drill: bool, age_s: float) -> str:
    """Word the message of a press that the database has not taken; it has no code yet."""
    # A cancel closes nothing, and whoever reads only the first word must not think so.
    what = "DURESS" if kind == "cancel" else kind.upper()
    cancelled = f" {_CANCELLED}" if kind == "cancel" else ""
    return _plain(
        f"{_head(drill)} {what} at {where(place)}. Pressed {age(age_s)} ago.{cancelled} "
        "NOT YET STORED: it can't be answered by text. Act now and look at the console."
    )


def where(place: Place) -> str:
    """Say where in the order in which somebody runs there; the building goes first if it's long."""
    parts = [place.spot, place.room, _floor(place.floor), place.building, place.site, place.address]
    for dropped in (None, place.building, place.spot):
        text = ", ".join(part for part in parts if part and part != dropped)
        if 0 < len(text) <= PLACE_CHARS_MAX:
            return text
    return text[:PLACE_CHARS_MAX] or "an unknown place (call your facilities staff)"


def age(seconds: float) -> str:
    """Say how long ago, as people say it."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600} h"


def link(public_url: str, alert_id: UUID) -> str:
    """Give the page of an alert."""
    return f"{public_url.rstrip('/')}/#/alerts/{alert_id}"


def _head(drill: bool) -> str:
    return "TOCSIN DRILL:" if drill else "TOCSIN:"


def _floor(floor: str | None) -> str | None:
    if floor is None:
        return None
    return floor if "floor" in floor.lower() else f"floor {floor}"


def _plain(text: str) -> str:
    return "".join(map(_bare, text.translate(_PLAIN)))


def _bare(letter: str) -> str:
    """Leave out the marks of a letter that GSM-7 knows only without them."""
    if letter.isascii() or letter in _GSM_LETTERS:
        return letter
    bare = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
    return bare if bare.isascii() else letter
