"""What a heartbeat says, in sentences."""

from uuid import UUID

import pytest

from tocsin_server.fleet.health import Waiting, findings, fits, update_in_words
from tocsin_wire.messages import Contacts, Heartbeat, OpenPress, Update, new_id

BOOT = UUID(int=1)


def beat(**fields: object) -> Heartbeat:
    return Heartbeat(boot_id=BOOT, **fields)  # type: ignore[arg-type]


WAITING = [OpenPress(press_id=new_id()), OpenPress(press_id=new_id())]
STORED = OpenPress(press_id=new_id(), state="stored")


@pytest.mark.parametrize(
    ("heartbeat", "sentences"),
    [
        (beat(), []),
        (None, []),
        (beat(contacts=Contacts(no_closed=False, nc_closed=True)), []),
        (beat(contacts=Contacts(no_closed=True, nc_closed=False)), []),
        (beat(contacts=Contacts(no_closed=False)), []),
        (
            beat(contacts=Contacts(no_closed=False, nc_closed=False)),
            ["The wire to the button is cut or shorted: its contacts disagree."],
        ),
        (
            beat(contacts=Contacts(no_closed=True, nc_closed=True)),
            ["The wire to the button is cut or shorted: its contacts disagree."],
        ),
        (
            # It looks sound again since the button was let go; the button knows better.
            beat(
                contacts=Contacts(no_closed=False, nc_closed=True), selftest=["contacts disagree"]
            ),
            ["The wire to the button is cut or shorted: its contacts disagree."],
        ),
        (beat(selftest=["enclosure is open"]), ["Its case is open."]),
        (
            beat(selftest=["no server heard for 30 s", "enclosure is open"]),
            ["Its case is open.", "Its self-test failed: no server heard for 30 s."],
        ),
        (beat(open=[*WAITING, STORED], outbox_depth=3), []),
        (beat(undervoltage=False), []),
        (beat(undervoltage=True), ["Its power supply is too weak."]),
        (beat(cpu_temp_c=80.0), []),
        (beat(cpu_temp_c=84.6), ["Its board is too hot: 85 degrees Celsius."]),
        (beat(battery_pct=20), []),
        (beat(battery_pct=19), ["Its battery is at 19 %."]),
        (beat(clock_synced=False), []),
        (beat(rssi_dbm=-80), []),
        (beat(rssi_dbm=-81), ["Its Wi-Fi is weak (-81 dBm)."]),
        (beat(selftest="ok"), []),
        (beat(selftest=[]), []),
        (
            beat(selftest=["the lamp draws no current", "the outbox can't be written"]),
            ["Its self-test failed: the lamp draws no current; the outbox can't be written."],
        ),
    ],
)
def test_a_heartbeat_is_told_in_sentences(
    heartbeat: Heartbeat | None, sentences: list[str]
) -> None:
    found = findings(heartbeat, cloned=False, waiting=0)
    assert [finding.sentence for finding in found] == sentences


@pytest.mark.parametrize(
    ("waiting", "sentence"),
    [
        (1, "1 press waits in its outbox for the server's receipt."),
        (2, "2 presses wait in its outbox for the server's receipt."),
    ],
)
def test_presses_that_wait_are_counted(waiting: int, sentence: str) -> None:
    (found,) = findings(beat(), cloned=False, waiting=waiting)
    assert found.sentence == sentence


def test_a_press_waits_once_a_second_heartbeat_says_so() -> None:
    waiting = Waiting()
    waiting.heard(beat(open=[WAITING[0]]), at=100.0)
    assert waiting.count == 0
    waiting.heard(beat(open=[WAITING[0]]), at=100.01)  # the same one, over another broker
    waiting.heard(beat(open=[WAITING[0]]), at=100.6)  # the finger lets go
    assert waiting.count == 0
    waiting.heard(beat(open=[*WAITING, STORED]), at=112.0)
    assert waiting.count == 1
    waiting.heard(beat(open=WAITING), at=124.0)
    assert waiting.count == 2
    waiting.heard(beat(open=[STORED]), at=136.0)
    assert waiting.count == 0


@pytest.mark.parametrize(
    ("button", "server", "fit"),
    [
        ("0.4.0", "0.4.0", True),
        ("0.4.9", "0.4.0", True),
        ("0.5.0", "0.4.7", True),
        ("0.3.0", "0.4.0", True),
        ("0.6.0", "0.4.0", False),
        ("0.2.0", "0.4.0", False),
        ("1.0.0", "0.9.0", False),
        ("1.10.0", "1.9.3", True),
        ("1.1.0", "1.10.0", False),
        ("0.5.0rc1", "0.4.0", True),
        ("0.5", "0.4.0", True),
        ("v0.4.0", "0.4.0", False),
        ("5", "0.4.0", False),
        ("", "0.4.0", False),
    ],
)
def test_versions_fit_that_are_one_minor_version_apart(button: str, server: str, fit: bool) -> None:
    assert fits(button, server) is fit
    found = findings(beat(firmware=button), cloned=False, waiting=0, server=server)
    assert [finding.name for finding in found] == ([] if fit else ["firmware"])


def test_software_that_does_not_fit_is_named_with_the_servers() -> None:
    (found,) = findings(beat(firmware="0.6.0"), cloned=False, waiting=0, server="0.4.1")
    assert found.sentence == (
        "Its software is version 0.6.0, which doesn't fit this server's, 0.4.1."
    )
    assert found.means is not None
    assert "Its presses still arrive." in found.means


@pytest.mark.parametrize(
    ("said", "accepted", "drifted"),
    [
        ("aa", "aa", False),
        ("bb", "aa", True),
        ("bb", None, False),  # nobody has proven it yet
        (None, "aa", False),  # an older button doesn't say
    ],
)
def test_settings_drift_from_those_that_were_accepted(
    said: str | None, accepted: str | None, drifted: bool
) -> None:
    found = findings(beat(config_digest=said), cloned=False, waiting=0, accepted=accepted)
    assert [finding.name for finding in found] == (["settings"] if drifted else [])


def test_what_takes_a_hand_to_cause_is_marked() -> None:
    ill = beat(
        contacts=Contacts(no_closed=True, nc_closed=True),
        selftest=["enclosure is open", "no server heard for 30 s"],
        undervoltage=True,
        firmware="9.9",
        config_digest="bb",
    )
    found = findings(ill, cloned=True, waiting=0, moved=True, accepted="aa")
    by_hand = [finding.name for finding in found if finding.takes_hands]
    assert by_hand == ["contacts", "tamper", "cloned", "moved"]
    by_itself = [finding.name for finding in found if not finding.takes_hands]
    assert by_itself == ["selftest", "settings", "firmware", "undervoltage"]


def test_what_makes_a_press_fail_comes_first_and_calls_somebody() -> None:
    ill = beat(contacts=Contacts(no_closed=True, nc_closed=True), rssi_dbm=-90)
    found = findings(ill, cloned=True, waiting=1)
    assert [finding.name for finding in found] == ["contacts", "cloned", "outbox", "wifi"]
    assert [finding.means is not None for finding in found] == [True, True, False, False]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, None),
        (Update(command_id=BOOT, version="0.2.0"), "0.2.0 is being fetched"),
        (
            Update(command_id=BOOT, version="0.2.0", state="waiting"),
            "0.2.0 is here, and waits until nobody needs the button for a moment",
        ),
        (Update(command_id=BOOT, version="0.2.0", state="trying"), "0.2.0 is being tried"),
        (Update(command_id=BOOT, version="0.2.0", state="kept"), None),
        (
            Update(command_id=BOOT, version="0.2.0", state="failed", because="no server was heard"),
            "0.2.0 failed: no server was heard",
        ),
        (
            Update(command_id=BOOT, state="failed"),
            "one that nobody signed failed: it says no more",
        ),
        (Update(command_id=BOOT, version="0.2.0", state="of tomorrow"), None),
    ],
)
def test_how_far_a_button_is_with_another_release(said: Update | None, words: str | None) -> None:
    assert update_in_words(beat(update=said)) == words
