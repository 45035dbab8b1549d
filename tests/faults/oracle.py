"""The oracle: what was pressed against what screens, phones and lamps say. Pure.

Promise: a press that is missing, doubled, without a receipt, not on a screen, not told to the
first tier, or that nobody made, is named; so is a record that doesn't verify. A second text is
counted, and condemned only beyond one for each fault that its alert lived through.

Refused: looking into tables, and excusing anything but a press that died with its agent before
the disk or a broker could have had it.
"""

from collections import Counter
from collections.abc import Mapping

import msgspec

NAMED_MAX = 5  # of each kind, in a sentence


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A press that was made, and what its lamp came to show.

    `forgotten`: its agent was killed before the disk had it, so that no lamp can show a receipt.
    `too_young`: neither disk nor broker can have had it, so that it may be gone.
    """

    device_id: str
    press_id: str
    receipted: bool = True
    forgotten: bool = False
    too_young: bool = False


class OnRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as the console names it: its presses one by one, and the number it shows."""

    alert_id: str
    device_id: str
    presses: tuple[str, ...]
    counted: int
    faults_lived: int = 1


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that there is to judge.

    `unanswered` is how many presses of a button may or may not have been made: its agent went
    away before it could say. `screens` are the presses shown of each alert; `pages` how often a
    phone was asked to take each alert. `left_over` says what should be gone from screens and lamps.
    """

    made: tuple[Made, ...]
    alerts: tuple[OnRecord, ...]
    screens: Mapping[str, Mapping[str, int]]
    first_tier: tuple[str, ...]
    pages: Mapping[str, Mapping[str, int]]
    unanswered: Mapping[str, int] = {}
    left_over: tuple[str, ...] = ()
    verified: bool = True


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the oracle found; each entry is one press, alert or text."""

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    unreceipted: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    texted_too_often: tuple[str, ...] = ()
    left_over: tuple[str, ...] = ()
    unverified: bool = False
    second_texts: int = 0

    @property
    def holds(self) -> bool:
        return not self.sentences()

    def sentences(self) -> list[str]:
        """What is wrong, a line each; empty where nothing is."""
        wrong = {
            "lost": self.lost,
            "doubled": self.doubled,
            "without a receipt": self.unreceipted,
            "not on a screen": self.unseen,
            "not told to the first tier": self.untold,
            "never made": self.invented,
            "texted more often than faults explain": self.texted_too_often,
            "left over": self.left_over,
        }
        said = [
            f"{len(each)} {what}: {', '.join(each[:NAMED_MAX])}"
            for what, each in wrong.items()
            if each
        ]
        return [*said, "the record's chains do not verify"] if self.unverified else said


def decide(evidence: Evidence) -> Verdict:
    """Judge a row by all it has left behind."""
    texted_too_often, second_texts = _second_texts(evidence)
    return Verdict(
        lost=_lost(evidence),
        doubled=_doubled(evidence),
        unreceipted=tuple(
            press.press_id
            for press in evidence.made
            if not (press.receipted or press.forgotten or press.too_young)
        ),
        unseen=tuple(
            f"{alert.alert_id} on {screen}"
            for screen, shown in evidence.screens.items()
            for alert in evidence.alerts
            if shown.get(alert.alert_id) != alert.counted
        ),
        untold=tuple(
            f"{alert.alert_id} to {number}"
            for number in evidence.first_tier
            for alert in evidence.alerts
            if not evidence.pages.get(number, {}).get(alert.alert_id)
        ),
        invented=_invented(evidence),
        texted_too_often=texted_too_often,
        left_over=evidence.left_over,
        unverified=not evidence.verified,
        second_texts=second_texts,
    )


def _lost(evidence: Evidence) -> tuple[str, ...]:
    on_record = {
        (alert.device_id, press_id) for alert in evidence.alerts for press_id in alert.presses
    }
    return tuple(
        press.press_id
        for press in evidence.made
        if (press.device_id, press.press_id) not in on_record and not press.too_young
    )


def _doubled(evidence: Evidence) -> tuple[str, ...]:
    """On two alerts, twice on one, or counted on the screen without being on the record."""
    times = Counter(press_id for alert in evidence.alerts for press_id in alert.presses)
    miscounted = (
        f"{alert.alert_id} shows {alert.counted} presses and has {len(alert.presses)}"
        for alert in evidence.alerts
        if alert.counted != len(alert.presses)
    )
    return (*(press_id for press_id, count in times.items() if count > 1), *miscounted)


def _invented(evidence: Evidence) -> tuple[str, ...]:
    """On record, and nobody made it; what a killed agent could not tell us of is let pass."""
    known = {press.press_id for press in evidence.made}
    may_be = Counter(evidence.unanswered)
    invented = []
    for alert in evidence.alerts:
        if not alert.presses:
            invented.append(f"{alert.alert_id} without a press")
        for press_id in alert.presses:
            if press_id not in known:
                may_be[alert.device_id] -= 1
                if may_be[alert.device_id] < 0:
                    invented.append(press_id)
    return tuple(invented)


def _second_texts(evidence: Evidence) -> tuple[tuple[str, ...], int]:
    """Which texts no fault explains, and how many there were more than one of."""
    too_often = []
    second = 0
    lived = {alert.alert_id: alert.faults_lived for alert in evidence.alerts}
    for number, asked in evidence.pages.items():
        for alert_id, times in asked.items():
            second += times - 1
            if times > 1 + lived.get(alert_id, 0):
                too_often.append(f"{alert_id} {times} times to {number}")
    return tuple(too_often), second
