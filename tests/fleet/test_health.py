"""What a heartbeat says, in sentences."""

from uuid import UUID

import pytest

from tocsin_server.fleet.health import findings
from tocsin_wire.messages import Contacts, Heartbeat, OpenPress, new_press_id

BOOT = UUID(int=1)


def beat(**fields: object) -> Heartbeat:
    return Heartbeat(boot_id=BOOT, **fields)  # type: ignore[arg-type]


WAITING = [OpenPress(press_id=new_press_id()), OpenPress(press_id=new_press_id())]
STORED = OpenPress(press_id=new_press_id(), state="stored")


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
        (beat(open=[STORED], outbox_depth=1), []),
        (
            beat(open=[WAITING[0], STORED]),
            ["1 press waits in its outbox for the server's receipt."],
        ),
        (beat(open=WAITING), ["2 presses wait in its outbox for the server's receipt."]),
        (beat(undervoltage=False), []),
        (beat(undervoltage=True), ["Its power supply is too weak."]),
        (beat(cpu_temp_c=80.0), []),
        (beat(cpu_temp_c=84.6), ["Its board is too hot: 85 degrees Celsius."]),
        (beat(battery_pct=20), []),
        (beat(battery_pct=19), ["Its battery is at 19 %."]),
        (beat(clock_synced=True), []),
        (beat(clock_synced=False), ["Its clock is not set; the times shown are the server's."]),
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
    assert [finding.sentence for finding in findings(heartbeat, cloned=False)] == sentences


def test_what_makes_a_press_fail_comes_first_and_calls_somebody() -> None:
    ill = beat(contacts=Contacts(no_closed=True, nc_closed=True), clock_synced=False, rssi_dbm=-90)
    found = findings(ill, cloned=True)
    assert [finding.name for finding in found] == ["contacts", "cloned", "clock", "wifi"]
    assert [finding.means is not None for finding in found] == [True, True, False, False]
