"""The storm: everybody presses at once.

Promise: every button is connected beforehand with its own certificate, presses once, and sends
again by the wire contract's times until a receipt comes, so that a slow server gets more to do and
not less. What was lost or doubled is judged by the screen and by the receipts, and then looked up.

Refused: a head start. The presses are signed beforehand, since a real button has a processor of
its own, and that is all.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from tocsin_server.bench.errors import BenchFailed
from tocsin_server.bench.figures import Spread, spread
from tocsin_server.bench.machine import Others
from tocsin_server.bench.publisher import Sent, Sents
from tocsin_server.bench.screen import SeenAlert
from tocsin_server.bench.stand import Say, Stand

ON_SCREEN_S_MAX = 30.0

_STORED = "SELECT count(*) FROM press WHERE press_id = ANY ($1)"


class Storm(msgspec.Struct, frozen=True, kw_only=True):
    """One storm. `sent_in_s` is from the first press to the last."""

    buttons: int
    sent_in_s: float
    sent_again: int
    stored: int
    receipted: int
    on_screen: int
    lost: int
    doubled: int
    disconnected: int
    others: float  # their share of the machine meanwhile
    frame: Spread
    receipt: Spread


async def measure(
    stand: Stand, *, buttons: int, within_s: float, storms: int, quiet_s: float, say: Say
) -> tuple[Storm, ...]:
    """Let it storm so many times, all at rest in between."""
    say(f"connecting {buttons} buttons")
    await stand.publisher.connect(buttons)
    measured = []
    for n in range(storms):
        await stand.settle(quiet_s=quiet_s)
        measured.append(await _one(stand, buttons=buttons, within_s=within_s))
        say(
            f"storm {n + 1} of {storms}: press → frame p99 {measured[-1].frame.p99_ms:.0f} ms,"
            f" lost {measured[-1].lost}, doubled {measured[-1].doubled}"
        )
    return tuple(measured)


async def _one(stand: Stand, *, buttons: int, within_s: float) -> Storm:
    before = set(stand.screen.alerts)
    others = Others()
    await stand.publisher.press_all(buttons, within_s=within_s)
    device_ids = [device.device_id for device in stand.devices[:buttons]]
    await stand.screen.until_seen(device_ids, timeout_s=ON_SCREEN_S_MAX)
    share = others.share()
    account = await stand.publisher.account()
    stored = await stand.pool.fetchval(_STORED, [sent.press_id for sent in account.sent])
    alerts = [alert for name, alert in stand.screen.alerts.items() if name not in before]
    return report(account, alerts, stand.screen.first_ns, stored=stored, others=share)


def report(
    account: Sents,
    alerts: Sequence[SeenAlert],
    first_ns: dict[str, int],
    *,
    stored: int,
    others: float,
) -> Storm:
    """Put together what the buttons, the screen and the database say of one storm."""
    shown = {alert.device_id: first_ns[alert.alert_id] for alert in reversed(alerts)}
    frames = [
        (shown[sent.device_id] - sent.began_ns) / 1e6
        for sent in account.sent
        if sent.device_id in shown
    ]
    receipts = [
        (sent.receipted_ns - sent.began_ns) / 1e6
        for sent in account.sent
        if sent.receipted_ns is not None
    ]
    if not frames or not receipts:
        raise BenchFailed("no press of the storm came through at all")
    began = [sent.began_ns for sent in account.sent]
    return Storm(
        buttons=len(account.sent),
        sent_in_s=(max(began) - min(began)) / 1e9,
        sent_again=sum(sent.attempts - 1 for sent in account.sent),
        stored=stored,
        receipted=len(receipts),
        on_screen=len(frames),
        lost=sum(_is_lost(sent, shown) for sent in account.sent),
        doubled=_doubled(alerts),
        disconnected=account.lost,
        others=others,
        frame=spread(frames),
        receipt=spread(receipts),
    )


def _is_lost(sent: Sent, shown: dict[str, int]) -> bool:
    """A press that no screen shows, or whose button never learns that it is stored."""
    return sent.device_id not in shown or sent.receipted_ns is None


def _doubled(alerts: Sequence[SeenAlert]) -> int:
    """Alerts beyond one for each button, and presses beyond one for each alert."""
    of_device = Counter(alert.device_id for alert in alerts)
    return sum(n - 1 for n in of_device.values()) + sum(alert.presses - 1 for alert in alerts)
