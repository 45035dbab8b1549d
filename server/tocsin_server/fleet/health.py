"""Health: what a heartbeat says about a button, in sentences that people act on."""

import re
from dataclasses import dataclass
from uuid import UUID

from tocsin_server import __version__
from tocsin_wire.messages import CASE_OPEN, CONTACTS_DISAGREE, Heartbeat

TEMPERATURE_C_MAX = 80.0  # a Raspberry Pi slows down from here on
BATTERY_PCT_MIN = 20
RSSI_DBM_MIN = -80  # below it Wi-Fi loses frames
_VERSION = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})(?![0-9])")  # and whatever else follows
APART_S = 5.0  # less than between any two regular heartbeats, more than between a press's own


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. `means`: for whom to call, and why; None where it
    only shows on the screen and nobody is called. `takes_hands`: somebody has to be there to cause
    it, so at a closed site it is told all the more.
    """

    name: str
    sentence: str
    means: str | None = None
    takes_hands: bool = False


class Waiting:
    """The presses of one button that wait for a receipt, by the word of two heartbeats.

    A press makes a heartbeat at once, its receipt makes none, and the next one is 15 s away:
    by the word of a single one, a press that was receipted long ago would seem to wait.
    """

    __slots__ = ("_since", "count")

    def __init__(self) -> None:
        self.count = 0
        self._since: dict[UUID, float] | None = None  # nearly no button has a press waiting

    def heard(self, heartbeat: Heartbeat, *, at: float) -> None:
        """Note a heartbeat; over another broker, or at an edge of the button, it comes again."""
        waiting = [press.press_id for press in heartbeat.open if press.state is None]
        before = self._since or {}
        self._since = {press_id: before.get(press_id, at) for press_id in waiting} or None
        self.count = sum(at - since >= APART_S for since in (self._since or {}).values())


_CALL_911 = "A press may not be noticed: tell the people there to call 911 by phone"


def findings(
    heartbeat: Heartbeat | None,
    *,
    cloned: bool,
    waiting: int,
    moved: bool = False,
    accepted: str | None = None,
    server: str = __version__,
) -> list[Finding]:
    """Say what is wrong with a button, the gravest first.

    `waiting`: presses, as counted above. `accepted`: the digest of the settings that it was proven
    with, or that somebody accepted since; None: not proven yet. `server`: this server's version.
    """
    found = [
        _contacts(heartbeat),
        _tamper(heartbeat),
        _selftest(heartbeat),
        _cloned(cloned),
        _moved(moved),
        _settings(heartbeat, accepted),
        _firmware(heartbeat, server),
        _power(heartbeat),
        _battery(heartbeat),
        _temperature(heartbeat),
        _outbox(waiting),
        _wifi(heartbeat),
    ]
    return [finding for finding in found if finding is not None]


def fits(button: str, server: str) -> bool:
    """Say whether two versions are one minor version apart at most (wire contract, rule 6)."""
    one, other = _VERSION.match(button), _VERSION.match(server)
    return (
        one is not None
        and other is not None
        and int(one[1]) == int(other[1])
        and abs(int(one[2]) - int(other[2])) <= 1
    )


def update_in_words(heartbeat: Heartbeat | None) -> str | None:
    """Say how far a button is with another release; where it runs that, there is nothing to say."""
    said = heartbeat.update if heartbeat else None
    if said is None:
        return None
    release = said.version or "one that nobody signed"
    match said.state:
        case "fetching":
            return f"{release} is being fetched"
        case "waiting":
            return f"{release} is here, and waits until nobody needs the button for a moment"
        case "trying":
            return f"{release} is being tried"
        case "failed":
            return f"{release} failed: {said.because or 'it says no more'}"
        case _:
            return None


def _failures(heartbeat: Heartbeat | None) -> list[str]:
    said = heartbeat.selftest if heartbeat else None
    return said if isinstance(said, list) else []


def _contacts(heartbeat: Heartbeat | None) -> Finding | None:
    """By what the contacts say now; and by the button's own word, for many a broken wire looks
    sound again once the button is let go.
    """
    contacts = heartbeat.contacts if heartbeat else None
    agree = (
        contacts is None
        or contacts.no_closed is None
        or contacts.nc_closed is None
        or contacts.no_closed != contacts.nc_closed
    )
    if agree and CONTACTS_DISAGREE not in _failures(heartbeat):
        return None
    return Finding(
        "contacts",
        "The wire to the button is cut or shorted: its contacts disagree.",
        f"{_CALL_911}, and have the wiring checked.",
        takes_hands=True,
    )


def _tamper(heartbeat: Heartbeat | None) -> Finding | None:
    if CASE_OPEN not in _failures(heartbeat):
        return None
    return Finding(
        "tamper",
        "Its case is open.",
        "Somebody may be at it: have somebody look, find out who opened it, and close it.",
        takes_hands=True,
    )


def _selftest(heartbeat: Heartbeat | None) -> Finding | None:
    own = {CONTACTS_DISAGREE, CASE_OPEN}
    failures = [failure for failure in _failures(heartbeat) if failure not in own]
    if not failures:
        return None
    return Finding(
        "selftest",
        f"Its self-test failed: {'; '.join(failures)}.",
        f"{_CALL_911}, and have the button checked.",
    )


def _cloned(cloned: bool) -> Finding | None:
    if not cloned:
        return None
    return Finding(
        "cloned",
        "Two boards send as this button: one of them is a copy.",
        "Its presses may come from another room than shown: find out who copied it, and revoke it.",
        takes_hands=True,
    )


def _moved(moved: bool) -> Finding | None:
    if not moved:
        return None
    return Finding(
        "moved",
        "This button may have been moved: it reaches the network elsewhere than when its place was"
        " confirmed, so help may go to the wrong room. Walk there, look, and confirm its place"
        " again.",
        "Until then its alerts say that the place is doubtful.",
        takes_hands=True,
    )


def _settings(heartbeat: Heartbeat | None, accepted: str | None) -> Finding | None:
    said = heartbeat.config_digest if heartbeat else None
    if said is None or accepted is None or said == accepted:
        return None
    return Finding(
        "settings",
        "Its settings are not those that it was proven with.",
        "Find out who changed them. If they are right, accept them; if not, put its button.toml"
        " back. Then prove it again.",
    )


def _firmware(heartbeat: Heartbeat | None, server: str) -> Finding | None:
    version = heartbeat.firmware if heartbeat else None
    if version is None or version == server or fits(version, server):
        return None
    return Finding(
        "firmware",
        f"Its software is version {version}, which doesn't fit this server's, {server}.",
        "Its presses still arrive. Bring the two together: at most one minor version apart.",
    )


def _power(heartbeat: Heartbeat | None) -> Finding | None:
    if heartbeat is None or not heartbeat.undervoltage:
        return None
    return Finding(
        "undervoltage",
        "Its power supply is too weak.",
        "It may stop without warning: change the power supply or its cable.",
    )


def _battery(heartbeat: Heartbeat | None) -> Finding | None:
    percent = heartbeat.battery_pct if heartbeat else None
    if percent is None or percent >= BATTERY_PCT_MIN:
        return None
    return Finding(
        "battery",
        f"Its battery is at {percent} %.",
        "It will soon stop: change or charge the battery, or restore its power.",
    )


def _temperature(heartbeat: Heartbeat | None) -> Finding | None:
    degrees = heartbeat.cpu_temp_c if heartbeat else None
    if degrees is None or degrees <= TEMPERATURE_C_MAX:
        return None
    return Finding(
        "temperature",
        f"Its board is too hot: {degrees:.0f} degrees Celsius.",
        "It may slow down or stop: give it air, and look for what heats it.",
    )


def _outbox(waiting: int) -> Finding | None:
    if not waiting:
        return None
    presses = "1 press waits" if waiting == 1 else f"{waiting} presses wait"
    return Finding("outbox", f"{presses} in its outbox for the server's receipt.")


def _wifi(heartbeat: Heartbeat | None) -> Finding | None:
    rssi = heartbeat.rssi_dbm if heartbeat else None
    if rssi is None or rssi >= RSSI_DBM_MIN:
        return None
    return Finding("wifi", f"Its Wi-Fi is weak ({rssi} dBm).")
