"""Ingest: presses without end, as many as one replica takes, all of them stored and receipted.

Promise: buttons with a certificate and a connection each press in turns at an even rate. Every
press is signed by its button's key, is sent again by the wire contract's times, and counts when
its receipt has come and the database has it. A button's first press opens an alert, which pages;
its later ones join it, as of somebody who goes on pressing.

Refused: more than some hundred presses without a receipt at once. Where the rate is above
what the server takes, that window keeps the buttons waiting, and what is measured is the ceiling.
"""

from collections.abc import Sequence

import msgspec

from tocsin_server.bench.errors import BenchFailed
from tocsin_server.bench.figures import Spread, spread
from tocsin_server.bench.machine import Others
from tocsin_server.bench.publisher import Sent
from tocsin_server.bench.stand import Say, Stand
from tocsin_server.bench.usage import Part

BUTTONS = (
    1_000  # at 1,000 presses a second each presses once a second: 30 in 30 s, which it can keep
)
ON_SCREEN_S_MAX = 30.0

_STORED = "SELECT count(*) FROM press WHERE press_id = ANY ($1)"


class Ingest(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `per_s` counts from the first press to the last receipt."""

    buttons: int
    rate: int
    presses: int
    sent_in_s: float
    per_s: float
    sent_again: int
    stored: int
    receipted: int
    on_screen: int
    disconnected: int
    others: float  # their share of the machine meanwhile
    receipt: Spread
    parts: tuple[Part, ...]


async def measure(
    stand: Stand, *, buttons: int, rate: int, seconds: float, quiet_s: float, say: Say
) -> Ingest:
    """Press on for so long."""
    say(f"connecting {buttons} buttons")
    await stand.publisher.connect(buttons)
    await stand.settle(quiet_s=quiet_s)
    before = set(stand.screen.alerts)
    say(f"pressing for {seconds:g} s, up to {rate} times a second")
    others, meter = Others(), await stand.meter()
    await stand.publisher.press_on(buttons, rate=rate, seconds=seconds)
    parts, share = meter.read(), others.share()
    account = await stand.publisher.account()
    await stand.screen.until_pressed(len(account.sent), besides=before, timeout_s=ON_SCREEN_S_MAX)
    measured = report(
        account.sent,
        buttons=buttons,
        rate=rate,
        stored=await stand.pool.fetchval(_STORED, [sent.press_id for sent in account.sent]),
        on_screen=stand.screen.presses(besides=before),
        disconnected=account.lost,
        others=share,
        parts=parts,
    )
    say(f"{measured.per_s:.0f} presses a second, stored and receipted")
    return measured


def report(
    sent: Sequence[Sent],
    *,
    buttons: int,
    rate: int,
    stored: int,
    on_screen: int,
    disconnected: int,
    others: float,
    parts: tuple[Part, ...],
) -> Ingest:
    """Put together what the buttons, the screen and the database say of it."""
    receipted = [(one.began_ns, one.receipted_ns) for one in sent if one.receipted_ns is not None]
    if not receipted:
        raise BenchFailed("no press was receipted at all")
    began = [one.began_ns for one in sent]
    until_ns = max(at_ns for _, at_ns in receipted)
    return Ingest(
        buttons=buttons,
        rate=rate,
        presses=len(sent),
        sent_in_s=(max(began) - min(began)) / 1e9,
        per_s=len(receipted) * 1e9 / (until_ns - min(began)),
        sent_again=sum(one.attempts - 1 for one in sent),
        stored=stored,
        receipted=len(receipted),
        on_screen=on_screen,
        disconnected=disconnected,
        others=others,
        receipt=spread([(at_ns - began_ns) / 1e6 for began_ns, at_ns in receipted]),
        parts=parts,
    )
