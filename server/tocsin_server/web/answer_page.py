"""What the page of a link looks like in each state, in the language of whom it was sent to.

Promise: what, where, how long ago, and who has it, in this order, as plain HTML. Whatever a person
typed somewhere is escaped.
"""

from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin_server.alert.answer import TO_TAKE, Answering
from tocsin_server.alert.geotag import Place
from tocsin_server.alert.wording import age
from tocsin_server.channels.channel import Language
from tocsin_server.web.answer_words import WORDS, Words


def show(answering: Answering, *, key: str, passed_on: bool = False) -> str:
    """Show an alert as it stands. `passed_on`: this person has just said that they can't."""
    words = WORDS[answering.language]
    kind = escape(words.kinds.get(answering.kind, answering.kind))
    parts = [
        f'<p class="practice">{words.drill}</p>' if answering.drill else "",
        f"<h1>{kind}</h1>",
        where(answering.place, words),
        _when(answering, words),
        _standing(answering, words, passed_on=passed_on),
        _forms(answering, words, key),
    ]
    return document(answering.language, kind, "".join(parts))


def unknown(language: Language) -> str:
    """Say that a link opens nothing."""
    words = WORDS[language]
    return document(language, words.unknown, notice(words.unknown, words.next_unknown))


def elsewhere(language: Language) -> str:
    """Say that another site sent this."""
    words = WORDS[language]
    return document(language, words.elsewhere, notice(words.elsewhere, words.next_elsewhere))


def away(language: Language, *, key: str) -> str:
    """Say that nothing can be known or done for the moment."""
    words = WORDS[language]
    again = f'<a class="again" href="{_address(key)}">{words.again}</a>'
    return document(language, words.away, notice(words.away, words.next_away) + again)


def language_of(accepted: str) -> Language:
    """Choose a language for whoever isn't known, by what their browser asks for first."""
    return "es" if accepted.strip().lower().startswith("es") else "en"


def where(place: Place, words: Words) -> str:
    """Say where, the room first."""
    floor = place.floor
    if floor and words.floor.split()[0].lower() not in floor.lower():
        floor = words.floor.format(floor=floor)
    here = ", ".join(part for part in (place.room, place.spot) if part)
    around = ", ".join(part for part in (floor, place.building, place.site) if part)
    lines = [f"<strong>{escape(here)}</strong>" if here else "", escape(around)]
    lines.append(escape(place.address or ""))
    if place.responding_agency:
        lines.append(words.responds.format(agency=escape(place.responding_agency)))
    said = "<br />".join(line for line in lines if line)
    return f'<p class="where">{said or words.unknown_place}</p>'


def _when(answering: Answering, words: Words) -> str:
    at = local_time(answering.pressed_at, answering.place)
    said = pressed(answering.age_s, answering.presses, at=at, words=words)
    cancelled = f"<p><strong>{words.cancelled}</strong></p>" if answering.cancelled else ""
    return f"<p>{said}</p>{cancelled}"


def pressed(age_s: float, presses: int, *, at: str, words: Words) -> str:
    """Say how long ago, which a script counts on, and how often."""
    since = f'<span data-age-s="{age_s:.0f}">{age(age_s)}</span>'
    said = words.pressed.format(age=since, at=at)
    return said if presses == 1 else f"{said} {words.times.format(presses=presses)}"


def _standing(answering: Answering, words: Words, *, passed_on: bool) -> str:
    said, rest = words.standing[answering.standing]
    if answering.standing in TO_TAKE and passed_on:
        rest = words.passed_on
    at = answering.resolved_at or answering.held_at
    facts = {
        "by": escape(answering.holder or ""),
        "at": local_time(at, answering.place) if at is not None else "",
    }
    more = f"<p>{rest.format(**facts)}</p>" if rest else ""
    return (
        f'<div class="standing {answering.standing}" role="status">'
        f"<p><strong>{said.format(**facts)}</strong></p>{more}</div>"
    )


def _forms(answering: Answering, words: Words, key: str) -> str:
    to, whose = _address(key), words.whose.format(name=escape(answering.name))
    if answering.standing == "asked":
        return _form(to, words.still, primary=True)
    if answering.standing not in TO_TAKE:
        return ""
    forms = _form(to, words.take, primary=True) + _form(f"{to}/pass", words.cant)
    return f'{forms}<p class="quiet">{whose}</p>'


def _form(to: str, said: str, *, primary: bool = False) -> str:
    kind = ' class="primary"' if primary else ""
    return f'<form method="post" action="{to}"><button{kind}>{said}</button></form>'


def _address(key: str) -> str:
    return f"/answer/{escape(key)}"


def notice(said: str, rest: str) -> str:
    """Say something, and what to do about it."""
    return f"<h1>{said}</h1><p>{rest}</p>"


def document(language: Language, title: str, body: str, *, head: str = "") -> str:
    """Give a whole page. `head`: what else belongs there."""
    return f"""<!doctype html>
<html lang="{language}">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta name="robots" content="noindex, nofollow" />
    <title>Tocsin: {title}</title>
    <link rel="icon" type="image/svg+xml" href="/static/console/icon.svg" />
    <link rel="stylesheet" href="/static/console/console.css" />
    <link rel="stylesheet" href="/static/answer/answer.css" />
    <script type="module" src="/static/answer/age.js"></script>{head}
  </head>
  <body>
    <main class="answer">{body}</main>
  </body>
</html>
"""


def local_time(at: datetime, place: Place) -> str:
    """Say when, as the clock on the wall says it there."""
    try:
        local = at.astimezone(ZoneInfo(place.time_zone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        local = at.astimezone(UTC)
    return f"{local:%H:%M:%S %Z}"
