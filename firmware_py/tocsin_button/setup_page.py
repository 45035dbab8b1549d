"""The set-up page: what a person with a phone sees of a board that is no button yet.

Promise: pure. One page without a script, a picture or an address of elsewhere; whatever it shows
of others is escaped. It reads on a phone in one hand, in the dark and in the sun.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from tocsin_button import wording
from tocsin_button.claim import Step
from tocsin_button.control import Finding
from tocsin_button.setting_up import CODE_CHARS_MAX, Told

REFRESH_S = 1  # while a claim is being made
ADDRESS_CHARS_MAX = 500

_STEPS = {
    Step.KEYS_MADE: ("Keys are made on this board", "They never leave it."),
    Step.ANSWERED: ("The server knows the code", "It has named and certified this board."),
    Step.WRITTEN: ("Everything is stored and checked", ""),
}

_LAMP = (
    '<p class="quiet"><b>Which board is it?</b> The one whose lamp now blinks one long, one'
    " short.</p>"
)

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


def render(
    told: Told, *, form: Form, network: Sequence[Finding], lamp: bool, closes_in_min: int
) -> str:
    """Give the page as it is now; `lamp`: it says which board this is."""
    if told.device_id is not None:
        title, body = "This board is a button now", _done(told, told.device_id)
    elif told.busy:
        title, body = "Becoming a button", _busy(told)
    else:
        title = "Make this board a button"
        body = _LAMP * lamp + _open(told, form, network, closes_in_min)
    return _page(title, body, refresh=told.busy)


def plain(title: str, text: str) -> str:
    """Give a page that only says why there is none."""
    return _page(title, f"<p>{escape(_sentence(text))}</p>")


def _page(title: str, body: str, *, refresh: bool = False) -> str:
    again = f'<meta http-equiv="refresh" content="{REFRESH_S}">' if refresh else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{again}<title>{title} · Tocsin</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>\n"
    )


def _open(told: Told, form: Form, network: Sequence[Finding], closes_in_min: int) -> str:
    problem = form.problem or told.problem
    shown = told.findings or network
    wrong = any(not each.ok for each in shown)
    parts = [
        _problem(problem) if problem else "",
        _network(shown) if wrong else "",
        _form(form, told),
        "" if wrong else _network(shown),
        f'<p class="quiet">This page is open for {closes_in_min} more'
        f" minute{'' if closes_in_min == 1 else 's'}, and until the board is a button. Unplug the"
        " board and plug it in again, and it opens once more.</p>",
    ]
    return "".join(parts)


def _problem(text: str) -> str:
    return (
        '<section class="problem" role="alert"><h2>That did not work</h2>'
        f"<p>{escape(_sentence(text))}</p></section>"
    )


def _form(form: Form, told: Told) -> str:
    return (
        '<form method="post" action="/claim">'
        "<label>Claim code"
        "<span>The eight letters and digits, or both lines that were shown with them</span>"
        '<textarea name="code" rows="2" required autocomplete="off" autocapitalize="characters"'
        f' spellcheck="false" maxlength="{CODE_CHARS_MAX}" placeholder="7K2M-X9QR">'
        f"{escape(form.code)}</textarea></label>"
        "<label>Address of the server"
        "<span>As it was shown with the code. Leave it empty if you pasted both lines</span>"
        '<input name="server" inputmode="url" autocomplete="off" autocapitalize="none"'
        f' spellcheck="false" maxlength="{ADDRESS_CHARS_MAX}"'
        ' placeholder="https://tocsin.county.example"'
        f' value="{escape(form.server or told.server)}"></label>'
        "<button>Make it a button</button>"
        '<p class="quiet">No code? Whoever keeps the buttons gets one under <b>Add a button</b>,'
        " on the page /facilities of that server.</p></form>"
    )


def _network(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    wrong = any(not each.ok for each in findings)
    head = "What stands in the way" if wrong else "The network, as this board sees it"
    # What is wrong comes first; among those, what others rest on.
    lines = "".join(map(_finding, sorted(findings, key=lambda each: each.ok or not each.tried)))
    foot = ""
    if any(each.ask for each in findings if not each.ok):
        foot = f'<p class="quiet">{escape(wording.SHEET)}</p>'
    return f"<section><h2>{head}</h2><ul>{lines}</ul>{foot}</section>"


def _finding(finding: Finding) -> str:
    kind = "ok" if finding.ok else "bad" if finding.tried else "ahead"
    if finding.ok and finding.means:
        kind = "note"
    said = [f"<p><b>{escape(finding.check)}</b>: {escape(finding.detail)}</p>"]
    if finding.means:
        said.append(f"<p>{escape(_sentence(finding.means))}</p>")
    if finding.remedy:
        said.append(f"<p><b>Do:</b> {escape(_sentence(finding.remedy))}</p>")
    if finding.ask:
        said.append(f'<p class="ask">{escape(_sentence(finding.ask))}</p>')
    return f'<li class="{kind}">{"".join(said)}</li>'


def _busy(told: Told) -> str:
    waiting = f'<p class="beware">{escape(_sentence(told.waiting))}</p>' if told.waiting else ""
    return (
        f'<section><p class="quiet">With the server {escape(told.server)}</p>'
        f"<ol>{''.join(_steps(told))}</ol>{waiting}</section>"
        '<p class="quiet">This takes a few seconds. Leave this page open: it goes on by itself.</p>'
    )


def _steps(told: Told) -> Iterator[str]:
    ahead = False
    for step, (head, more) in _STEPS.items():
        kind = "ok" if step in told.steps else "ahead" if ahead else "now"
        ahead = ahead or kind == "now"
        yield f'<li class="{kind}"><p><b>{head}.</b> {more}</p></li>'


def _done(told: Told, device_id: str) -> str:
    where = f"<p>{escape(told.where)}</p>" if told.where else ""
    return (
        f'<section class="done"><p class="id">{escape(device_id)}</p>{where}</section>'
        "<section><h2>It is not proven yet</h2>"
        '<ol class="to-do">'
        "<li>Go back to the page where you got the code. It goes on by itself.</li>"
        "<li><b>Wait until the lamp shows the drill</b>: lit for one second in every four.</li>"
        "<li>Then press, as the worker would.</li></ol>"
        '<p class="beware"><b>A press before the lamp shows the drill is a real alert.</b></p>'
        '<p class="quiet">The lamp stays dark for more than a minute? On the board, ask'
        " <b>tocsin-button doctor</b> what is wrong. This page has done its work, and closes for"
        " good.</p></section>"
    )


def _sentence(text: str) -> str:
    begins = text if text.startswith("http") else text[:1].upper() + text[1:]
    return begins + ("" if text.endswith((".", "?", "!")) else ".")
