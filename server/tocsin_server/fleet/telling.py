"""Telling: what the on-call people are told of buttons, decided without touching the world.

Losing all buttons of a site is one message: so the first loss waits until each of the
site's other buttons was heard or is lost too, and never longer than GATHER_S. The
screens don't wait. What was told is not told again until it has been well in between.

Of a closed site only that is told which takes a hand to cause: a wire cut, a case opened, a
button carried off or copied, where nobody should be. A burglar must not find it quieter by night.
All else (power switched off at the wall, for one) is told when the site opens, if it still is so.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from tocsin_server.fleet.condition import Condition
from tocsin_server.fleet.directory import Device
from tocsin_server.fleet.health import Finding
from tocsin_server.fleet.oncall import AGAIN_S, Fault, Telling

GATHER_S = 20.0  # a heartbeat with its jitter, and a little
STANDS_S = 5.0  # contacts that disagree for a moment are a thumb on its way
NAMES_MAX = 4  # of buttons in one message; the console shows them all

Key = tuple[str, str]  # jurisdiction and fault


@dataclass(frozen=True, slots=True)
class Button:
    """A button as far as telling goes. Seconds; None: never, or unknown.

    `findings`: what is wrong, and for how long it has been.
    """

    device: Device
    condition: Condition
    silent_s: float | None
    lost_s: float | None
    findings: tuple[tuple[Finding, float | None], ...] = ()


def fault_name(device_id: str, what: str) -> str:
    """Name a button's fault as it is kept."""
    return f"button {device_id} {what}"


def to_tell(
    buttons: Sequence[Button], told: Mapping[Key, float], *, closed: Collection[UUID] = ()
) -> list[Telling]:
    """Give the messages that are due. `told`: which faults were told, and how many seconds ago.

    `buttons`: at least those that are lost or have findings, and all of a site where one's loss
    is untold. `closed`: the sites that are.
    """
    heard_of = [button for button in buttons if _site_id(button) not in closed]
    return [*_losses(heard_of, told), *_findings(buttons, told, closed)]


def waits(button: Button, told: Mapping[Key, float]) -> bool:
    """Say whether something about this button of a closed site is kept back until it opens."""
    return is_untold(button, told) or any(
        finding.means and not finding.takes_hands and _is_due(jurisdiction, fault, told)
        for jurisdiction, finding, fault in _faults(button)
    )


def heard_again(devices: Sequence[Device]) -> str:
    """Word the end of a loss."""
    are = "is" if len(devices) == 1 else "are"
    return f"Tocsin: {_names(devices)} {are} heard again. A press there arrives."


def _losses(buttons: Sequence[Button], told: Mapping[Key, float]) -> Iterable[Telling]:
    lost = [button for button in buttons if is_untold(button, told)]
    for site_id, group in _by_site(lost):
        news = list(group)
        if site_id is None:
            yield _telling(news, _loss_text(news))
            continue
        everybody = [
            button
            for button in buttons
            if _site_id(button) == site_id and button.condition != "never_heard"
        ]
        if _gathered(news, everybody):
            dark = all(button.condition == "lost" for button in everybody)
            yield _telling(news, _dark_text(everybody) if dark else _loss_text(news))


def _gathered(news: Sequence[Button], everybody: Sequence[Button]) -> bool:
    """Say whether the fate of a site's other buttons is known, or was waited for long enough."""
    first_lost_s = max(button.lost_s or 0.0 for button in news)
    return first_lost_s >= GATHER_S or all(
        button.condition == "lost"
        or (button.silent_s is not None and button.silent_s < first_lost_s)
        for button in everybody
    )


def _findings(
    buttons: Sequence[Button], told: Mapping[Key, float], closed: Collection[UUID]
) -> Iterable[Telling]:
    due: dict[tuple[str, str, bool], list[tuple[Button, Finding, Fault]]] = {}
    for button in buttons:
        is_closed = _site_id(button) in closed
        for jurisdiction, finding, fault in _faults(button):
            stands = fault.age_s is None or fault.age_s >= STANDS_S
            is_loud = finding.means and (finding.takes_hands or not is_closed)
            if is_loud and stands and _is_due(jurisdiction, fault, told):
                kind = (jurisdiction, finding.name, is_closed)
                due.setdefault(kind, []).append((button, finding, fault))
    for (jurisdiction, _, is_closed), found in due.items():
        finding = found[0][1]
        names = _names([button.device for button, _, _ in found])
        who = " The site is closed now: who is there?" if is_closed else ""
        yield Telling(
            jurisdiction,
            tuple(fault for _, _, fault in found),
            f"Tocsin: {names}: {finding.sentence}{who} {finding.means}",
        )


def _faults(button: Button) -> Iterable[tuple[str, Finding, Fault]]:
    """Give each finding of a button with its jurisdiction and as a fault that is kept by name."""
    device = button.device
    for finding, for_s in button.findings:
        yield device.jurisdiction, finding, Fault(fault_name(device.device_id, finding.name), for_s)


def _telling(news: Sequence[Button], body: str) -> Telling:
    return Telling(news[0].device.jurisdiction, tuple(_loss(button) for button in news), body)


def _loss(button: Button) -> Fault:
    return Fault(fault_name(button.device.device_id, "lost"), button.lost_s)


def is_untold(button: Button, told: Mapping[Key, float]) -> bool:
    """Say whether a button is lost and this is still to be told, now or with its neighbours."""
    return button.condition == "lost" and _is_due(button.device.jurisdiction, _loss(button), told)


def _is_due(jurisdiction: str, fault: Fault, told: Mapping[Key, float]) -> bool:
    told_s = told.get((jurisdiction, fault.name))
    if told_s is None:
        return True
    return told_s > AGAIN_S and fault.age_s is not None and told_s > fault.age_s


def _loss_text(news: Sequence[Button]) -> str:
    devices = [button.device for button in news]
    are = "is LOST: nothing is" if len(devices) == 1 else "are LOST: nothing is"
    return (
        f"Tocsin: {_names(devices)} {are} heard any more. A press there would not arrive: tell the"
        " people there to call 911 by phone, and check power and network."
    )


def _dark_text(everybody: Sequence[Button]) -> str:
    site = everybody[0].device.site
    name = site.name if site else "a site"
    if len(everybody) == 1:
        return (
            f"Tocsin: SITE DARK: {name}: its only button,"
            f" {_name(everybody[0].device, with_site=False)}, is LOST. A press there would not"
            " arrive: tell the people there to call 911 by phone, and check power and network."
        )
    return (
        f"Tocsin: SITE DARK: {name}: all of its {len(everybody)} buttons are LOST. No press there"
        " would arrive: tell the people there to call 911 by phone, and check power and network."
    )


def _names(devices: Sequence[Device]) -> str:
    named = "; ".join(_name(device) for device in devices[:NAMES_MAX])
    more = len(devices) - NAMES_MAX
    button = "button" if len(devices) == 1 else f"{len(devices)} buttons:"
    return f"{button} {named}" + (f" and {more} more" if more > 0 else "")


def _name(device: Device, *, with_site: bool = True) -> str:
    parts = [device.spot, device.room, device.site.name if device.site and with_site else None]
    known = [part for part in parts if part]
    return f"{', '.join(known)} ({device.device_id})" if known else device.device_id


def _by_site(buttons: Iterable[Button]) -> Iterable[tuple[UUID | None, Iterable[Button]]]:
    ordered = sorted(
        buttons, key=lambda button: (button.device.jurisdiction, str(_site_id(button)))
    )
    for (_, _), group in groupby(
        ordered, key=lambda button: (button.device.jurisdiction, _site_id(button))
    ):
        members = list(group)
        yield _site_id(members[0]), members


def _site_id(button: Button) -> UUID | None:
    return button.device.site.site_id if button.device.site else None
