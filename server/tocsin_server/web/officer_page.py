"""What the page for an officer on the way looks like in each state, in the browser's language.

Promise: real or practice first, then what, where and who has it; then the plan, the entrances and
the people to call, for as long as the alert is open. Whatever a person typed is escaped.
"""

import re
from datetime import datetime
from html import escape

from tocsin_server.alert.geotag import is_certain
from tocsin_server.alert.officer_link import PATH, Plan, Scene
from tocsin_server.channels.channel import Language
from tocsin_server.fleet.directory import SiteContact
from tocsin_server.fleet.floor_plans import NumberedEntrance
from tocsin_server.web.answer_page import document, local_time, notice, pressed, where
from tocsin_server.web.answer_words import WORDS
from tocsin_server.web.officer_words import OFFICER_WORDS, OfficerWords

REFRESH_S = 15  # where no script keeps the page up to date
_MARK_PARTS = 22  # of the longer side of a plan: a ring that is seen at arm's length

_HEAD = f"""
    <link rel="stylesheet" href="/static/officer/officer.css" />
    <script type="module" src="/static/officer/officer.js"></script>
    <noscript><meta http-equiv="refresh" content="{REFRESH_S}" /></noscript>"""


def show(scene: Scene, *, key: str, language: Language) -> str:
    """Show an alert as it stands."""
    words = OFFICER_WORDS[language]
    parts = [_stale(words), now(scene, language=language)]
    if scene.standing == "open":
        parts += [
            _plan(scene.plan, key, words),
            _list(words.entrances, _entrances(scene), words.no_entrances),
            _list(words.contacts, [_contact(each) for each in scene.contacts], words.no_contacts),
            f'<p class="quiet">{words.only_shows} {words.call_first}</p>',
        ]
    kind = WORDS[language].kinds.get(scene.kind, scene.kind)
    title = f"{WORDS[language].drill.split('.')[0]}: {kind}" if scene.drill else kind
    return _page(language, escape(title), "".join(parts))


def now(scene: Scene, *, language: Language) -> str:
    """Give the part that changes; the page's script fetches it again and again."""
    words, known = OFFICER_WORDS[language], WORDS[language]
    is_over, standing = scene.standing == "resolved", _standing(scene, words)
    name, text = ("practice", known.drill) if scene.drill else ("actual", words.real)
    band = f'<p class="{name}"><strong>{text}</strong></p>'
    at = local_time(scene.pressed_at, scene.place)
    said = pressed(scene.age_s, scene.presses, at=at, words=known)
    parts = [
        standing if is_over else "",
        "" if is_over and not scene.drill else band,  # over, and red, would be two things at once
        f"<h1>{escape(known.kinds.get(scene.kind, scene.kind))}</h1>",
        where(scene.place, known),
        "" if is_certain(scene.place) else f'<p class="doubtful"><b>{words.doubtful}</b></p>',
        f"<p>{said}</p>",
        f"<p><strong>{known.cancelled}</strong></p>" if scene.cancelled else "",
        "" if is_over else standing,
    ]
    return (
        f'<div id="now" data-version="{scene.version}" data-standing="{scene.standing}">'
        f"{''.join(parts)}</div>"
    )


def over(scene: Scene, *, language: Language) -> str:
    """Say that a link has ended, and nothing of its alert."""
    words = OFFICER_WORDS[language]
    if scene.standing == "revoked":
        return _page(language, words.revoked, notice(words.revoked, words.next_revoked))
    return _page(language, words.over, notice(words.over, words.next_over))


def unknown(language: Language) -> str:
    """Say that a link opens nothing."""
    words = OFFICER_WORDS[language]
    return _page(language, words.unknown, notice(words.unknown, words.next_unknown))


def away(language: Language, *, key: str) -> str:
    """Say that nothing can be known for the moment."""
    words = OFFICER_WORDS[language]
    again = f'<a class="again" href="{_address(key)}">{WORDS[language].again}</a>'
    return _page(language, words.away, notice(words.away, words.next_away) + again)


def _page(language: Language, title: str, body: str) -> str:
    return document(language, title, f'<div class="officer">{body}</div>', head=_HEAD)


def _stale(words: OfficerWords) -> str:
    since = words.stale_since.format(at='<time id="heard"></time>')
    return (
        f'<section id="stale" class="stale" role="alert" hidden><h2>{words.stale}</h2>'
        f"<p><strong>{since}</strong> {words.stale_now}</p></section>"
    )


def _standing(scene: Scene, words: OfficerWords) -> str:
    def at(moment: datetime | None) -> str:
        return local_time(moment, scene.place) if moment is not None else ""

    by = escape(scene.holder or "")
    lines = []
    if scene.resolved_at is not None:
        kind, rest = "resolved", f"<p>{words.stand_down}</p>"
        lines.append(words.resolved.format(at=at(scene.resolved_at)))
    else:
        kind, rest = ("open" if scene.held_at is None else "theirs"), ""
        said = words.nobody if scene.held_at is None else words.holds
        if scene.again_why is not None:
            kind = scene.again_why
            said = words.silent if scene.again_why == "silent" else words.more_help
        lines.append(said.format(by=by, at=at(scene.held_at)))
        if scene.on_scene_at is not None:
            lines.append(words.on_scene.format(at=at(scene.on_scene_at)))
        elif scene.responding_at is not None:
            lines.append(words.on_the_way.format(at=at(scene.responding_at)))
    first, *more = lines
    said = "".join(f"<p>{line}</p>" for line in more)
    return (
        f'<div class="standing {kind}" role="status">'
        f"<p><strong>{first}</strong></p>{said}{rest}</div>"
    )


def _plan(plan: Plan | None, key: str, words: OfficerWords) -> str:
    if plan is None:
        return f'<p class="quiet">{words.no_plan}</p>'
    title = words.plan.format(title=escape(plan.title))
    x, y = plan.x * plan.width, plan.y * plan.height
    ring = max(plan.width, plan.height) / _MARK_PARTS
    return (
        f'<section class="plan"><h2>{title}</h2>'
        f'<svg viewBox="0 0 {plan.width} {plan.height}" role="img"'
        f' aria-label="{title}. {words.spot}">'
        f'<image href="{_address(key)}/plan" width="{plan.width}" height="{plan.height}" />'
        f"{''.join(_door(plan, each, ring) for each in plan.entrances)}"
        f'<g class="mark" transform="translate({x:.1f} {y:.1f}) scale({ring:.1f})">'
        '<circle class="halo" r="1" /><circle class="ring" r="1" /><circle class="dot" r="0.2" />'
        f"</g></svg><p>{words.spot}{f' {words.doors}' if plan.entrances else ''}</p></section>"
    )


def _door(plan: Plan, door: NumberedEntrance, ring: float) -> str:
    # A door is in the outer wall: its mark stays whole on the plan.
    x = min(max(door.x * plan.width, ring), plan.width - ring)
    y = min(max(door.y * plan.height, ring), plan.height - ring)
    return (
        f'<g class="door" transform="translate({x:.1f} {y:.1f}) scale({ring:.1f})">'
        '<rect x="-0.7" y="-0.7" width="1.4" height="1.4" rx="0.2" />'
        f'<text y="0.35">{door.number}</text></g>'
    )


def _entrances(scene: Scene) -> list[str]:
    """With the number of their mark, those that the plan shows."""
    marked = {each.name: each.number for each in scene.plan.entrances} if scene.plan else {}
    return [
        f'<span><b class="number">{marked[name]}</b> {escape(name)}</span>'
        if name in marked
        else escape(name)
        for name in scene.entrances
    ]


def _list(heading: str, lines: list[str], none: str) -> str:
    said = "".join(f"<li>{line}</li>" for line in lines)
    shown = f"<ul>{said}</ul>" if lines else f'<p class="quiet">{none}</p>'
    return f'<section class="facts"><h2>{heading}</h2>{shown}</section>'


def _contact(contact: SiteContact) -> str:
    role = f' <span class="quiet">{escape(contact.role)}</span>' if contact.role else ""
    dialled = re.sub(r"[^+0-9]", "", contact.phone)
    phone = f'<a class="call" href="tel:{dialled}">{escape(contact.phone)}</a>'
    return f"<span><b>{escape(contact.name)}</b>{role}</span> {phone}"


def _address(key: str) -> str:
    return f"{PATH}{escape(key)}"
