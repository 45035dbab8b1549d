"""The set-up page: what a person with a phone sees of a board that is no button yet.

Promise: pure. One page without a script, a picture or an address of elsewhere; whatever it shows
of others is escaped. It reads on a phone in one hand, in the dark and in the sun, in English or in
Spanish.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from tocsin_button import wording
from tocsin_button.claim import Step
from tocsin_button.control import Finding
from tocsin_button.setting_up import CODE_CHARS_MAX, Told
from tocsin_button.spanish import spanish

REFRESH_S = 1  # while a claim is being made
ADDRESS_CHARS_MAX = 500
ACCEPTED_CHARS_MAX = 500  # of an Accept-Language; a browser sends fifty

Language = Literal["en", "es"]
Say = Callable[[str], str]

_LANGUAGES: dict[Language, Say] = {"en": str, "es": spanish}
_NAMES: dict[Language, str] = {"en": "English", "es": "Español"}

_STEPS = {
    Step.KEYS_MADE: ("Keys are made on this board", "They never leave it."),
    Step.ANSWERED: ("The server knows the code", "It has named and certified this board."),
    Step.WRITTEN: ("Everything is stored and checked", ""),
}

_STYLE = Path(__file__).with_suffix(".css").read_text()

POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What stands in the form, and what is wrong with what was sent by whoever sees it."""

    code: str = ""
    server: str = ""
    problem: str | None = None


def language_of(asked: str, accepted: str) -> Language:
    """Say in which language: the one that was asked for, else the one that the browser likes best.

    `accepted` is its Accept-Language (RFC 9110, section 12.5.4).
    """
    if asked in _LANGUAGES:
        return asked
    liked: list[tuple[float, Language]] = []
    for each in accepted[:ACCEPTED_CHARS_MAX].split(","):
        name, _, weight = each.partition(";")
        known = name.strip().lower().partition("-")[0]
        if known in _LANGUAGES:
            liked.append((_weight(weight), known))
    # Of two that are liked as much, the first; `max` gives that one.
    best = max(liked, key=lambda each: each[0], default=(0.0, "en"))
    return best[1] if best[0] > 0 else "en"


def _weight(said: str) -> float:
    name, _, value = said.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 1.0


def render(
    told: Told,
    *,
    form: Form,
    network: Sequence[Finding],
    lamp: bool,
    closes_in_min: int,
    language: Language = "en",
) -> str:
    """Give the page as it is now; `lamp`: it says which board this is."""
    say = _LANGUAGES[language]
    if told.device_id is not None:
        title, body = "This board is a button now", _done(told, told.device_id, say)
    elif told.busy:
        title, body = "Becoming a button", _busy(told, say)
    else:
        title = "Make this board a button"
        body = _which(say) * lamp + _open(told, form, network, closes_in_min, language)
    switch = _switch(form, language)
    return _page(say(title), body, language=language, switch=switch, refresh=told.busy)


def plain(title: str, text: str, *, language: Language = "en") -> str:
    """Give a page that only says why there is none."""
    say = _LANGUAGES[language]
    return _page(say(title), f"<p>{escape(_sentence(say(text)))}</p>", language=language)


def _page(
    title: str, body: str, *, language: Language, switch: str = "", refresh: bool = False
) -> str:
    again = f'<meta http-equiv="refresh" content="{REFRESH_S}">' if refresh else ""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{again}<title>{title} · Tocsin</title><style>{_STYLE}</style></head>"
        f"<body><main>{switch}<h1>{title}</h1>{body}</main></body></html>\n"
    )


def _switch(form: Form, language: Language) -> str:
    """Lead to the same page in the other language, with what stands in the form."""
    other: Language = "en" if language == "es" else "es"
    fields = {"lang": other, "code": form.code, "server": form.server}
    query = urlencode({name: value for name, value in fields.items() if value})
    return (
        f'<p class="language"><a href="/?{escape(query)}" lang="{other}" hreflang="{other}">'
        f"{_NAMES[other]}</a></p>"
    )


def _which(say: Say) -> str:
    return (
        f'<p class="quiet"><b>{say("Which board is it?")}</b>'
        f" {say('The one whose lamp now blinks one long, one short.')}"
        f" {say('Is that another one? Unplug it for now, and open this page again.')}</p>"
    )


def _open(
    told: Told, form: Form, network: Sequence[Finding], closes_in_min: int, language: Language
) -> str:
    say = _LANGUAGES[language]
    problem = form.problem or told.problem
    shown = told.findings or network
    wrong = any(not each.ok for each in shown)
    closes = say(f"This page is open for {closes_in_min} min, and until the board is a button.")
    again = say("Unplug the board and plug it in again, and it opens once more.")
    parts = [
        _problem(problem, say) if problem else "",
        _network(shown, say) if wrong else "",
        _form(form, told, language),
        "" if wrong else _network(shown, say),
        f'<p class="quiet">{closes} {again}</p>',
    ]
    return "".join(parts)


def _problem(text: str, say: Say) -> str:
    return (
        f'<section class="problem" role="alert"><h2>{say("That did not work")}</h2>'
        f"<p>{escape(_sentence(say(text)))}</p></section>"
    )


def _form(form: Form, told: Told, language: Language) -> str:
    say = _LANGUAGES[language]
    code = say("The eight letters and digits, or both lines that were shown with them")
    server = say("As it was shown with the code. Leave it empty if you pasted both lines")
    no_code = say(
        "No code? Whoever keeps the buttons gets one under <b>Add a button</b>, on the page"
        " /facilities of that server."
    )
    return (
        f'<form method="post" action="/claim?lang={language}">'
        f"<label>{say('Claim code')}<span>{code}</span>"
        '<textarea name="code" rows="2" required autocomplete="off" autocapitalize="characters"'
        f' spellcheck="false" maxlength="{CODE_CHARS_MAX}" placeholder="7K2M-X9QR">'
        f"{escape(form.code)}</textarea></label>"
        f"<label>{say('Address of the server')}<span>{server}</span>"
        '<input name="server" inputmode="url" autocomplete="off" autocapitalize="none"'
        f' spellcheck="false" maxlength="{ADDRESS_CHARS_MAX}"'
        ' placeholder="https://tocsin.county.example"'
        f' value="{escape(form.server or told.server)}"></label>'
        f"<button>{say('Make it a button')}</button>"
        f'<p class="quiet">{no_code}</p></form>'
    )


def _network(findings: Sequence[Finding], say: Say) -> str:
    if not findings:
        return ""
    wrong = any(not each.ok for each in findings)
    head = "What stands in the way" if wrong else "The network, as this board sees it"
    # What is wrong comes first; among those, what others rest on.
    ordered = sorted(findings, key=lambda each: each.ok or not each.tried)
    lines = "".join(_finding(each, say) for each in ordered)
    foot = ""
    if any(each.ask for each in findings if not each.ok):
        foot = f'<p class="quiet">{escape(say(wording.SHEET))}</p>'
    return f"<section><h2>{say(head)}</h2><ul>{lines}</ul>{foot}</section>"


def _finding(finding: Finding, say: Say) -> str:
    kind = "ok" if finding.ok else "bad" if finding.tried else "ahead"
    if finding.ok and finding.means:
        kind = "note"
    said = [f"<p><b>{escape(say(finding.check))}</b>: {escape(say(finding.detail))}</p>"]
    if finding.means:
        said.append(f"<p>{escape(_sentence(say(finding.means)))}</p>")
    if finding.remedy:
        said.append(f"<p><b>{say('Do:')}</b> {escape(_sentence(say(finding.remedy)))}</p>")
    if finding.ask:
        said.append(f'<p class="ask">{escape(_sentence(say(finding.ask)))}</p>')
    return f'<li class="{kind}">{"".join(said)}</li>'


def _busy(told: Told, say: Say) -> str:
    waiting = ""
    if told.waiting:
        waiting = f'<p class="beware">{escape(_sentence(say(told.waiting)))}</p>'
    wait = say("This takes a few seconds. Leave this page open: it goes on by itself.")
    return (
        f'<section><p class="quiet">{escape(say(f"With the server {told.server}"))}</p>'
        f"<ol>{''.join(_steps(told, say))}</ol>{waiting}</section>"
        f'<p class="quiet">{wait}</p>'
    )


def _steps(told: Told, say: Say) -> Iterator[str]:
    ahead = False
    for step, (head, more) in _STEPS.items():
        kind = "ok" if step in told.steps else "ahead" if ahead else "now"
        ahead = ahead or kind == "now"
        yield f'<li class="{kind}"><p><b>{say(head)}.</b> {say(more)}</p></li>'


def _done(told: Told, device_id: str, say: Say) -> str:
    where = f"<p>{escape(told.where)}</p>" if told.where else ""
    to_do = (
        "Go back to the page where you got the code. It goes on by itself.",
        "<b>Wait until the lamp shows the drill</b>: lit for one second in every four.",
        "Then press, as the worker would.",
    )
    beware = say("A press before the lamp shows the drill is a real alert.")
    dark = say(
        "The lamp stays dark for more than a minute? On the board, ask <b>tocsin-button doctor</b>"
        " what is wrong. This page has done its work, and closes for good."
    )
    return (
        f'<section class="done"><p class="id">{escape(device_id)}</p>{where}</section>'
        f"<section><h2>{say('It is not proven yet')}</h2>"
        f'<ol class="to-do">{"".join(f"<li>{say(each)}</li>" for each in to_do)}</ol>'
        f'<p class="beware"><b>{beware}</b></p>'
        f'<p class="quiet">{dark}</p></section>'
    )


def _sentence(text: str) -> str:
    begins = text if text.startswith("http") else text[:1].upper() + text[1:]
    return begins + ("" if text.endswith((".", "?", "!")) else ".")
