"""The harness's ledger tells presses apart by what screens and lamps show, and by nothing else."""

import time
from dataclasses import dataclass

import msgspec
import pytest

from tests.faults.ledger import Ledger
from tests.parts import Alert, Frame, Place
from tocsin_server.demo.virtual_button import ButtonState, OpenPress, Pressed

PLACE = msgspec.convert(dict.fromkeys(Place.__struct_fields__[:-1]), type=Place)
BUTTON = "btn-a"


@dataclass
class Clock:
    """The moment, as a test says it is."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def pressed(press_id: str, at_s: float, *published_on: str) -> Pressed:
    edge_ns = round(at_s * 1e9)
    return Pressed(press_id=press_id, edge_monotonic_ns=edge_ns, published_on=published_on)


def shows(alert_id: str, presses: int) -> Frame:
    return Frame(type="alert", alert=alert(alert_id, presses))


def alert(alert_id: str, presses: int) -> Alert:
    fields: dict[str, object] = dict.fromkeys(Alert.__struct_fields__)
    fields |= dict.fromkeys(("drill", "unanswered", "cancelled"), False)
    fields |= dict.fromkeys(("version", "tier", "tiers"), 1)
    fields |= dict.fromkeys(("kind", "code", "pressed_at", "received_at"), "")
    fields |= {"alert_id": alert_id, "device_id": BUTTON, "presses": presses, "state": "open"}
    return Alert(**fields | {"remarks": (), "notifications": (), "place": PLACE})  # type: ignore[arg-type]


def lamp(**presses: str) -> ButtonState:
    shown = tuple(OpenPress(press_id=press_id, state=each) for press_id, each in presses.items())
    return ButtonState(
        pattern="pressed", drill=False, lit=True, open=shown, links=(), armed=True, faults=()
    )


def test_a_press_is_shown_when_its_screen_counts_as_many_and_not_before_its_edge(
    clock: Clock,
) -> None:
    ledger = Ledger()
    first = ledger.made(BUTTON, pressed("01", 99.0))
    ledger.frame("server-1", shows("one", 1))
    clock.now_s = 102.0
    second = ledger.made(BUTTON, pressed("02", 101.0))
    assert ledger.shown_s("server-1", second) is None
    ledger.frame("server-1", shows("one", 2))
    assert ledger.shown_s("server-1", first) == 100.0
    assert ledger.shown_s("server-1", second) == 102.0
    assert ledger.shown_s("server-2", first) is None


def test_a_press_that_only_a_lamp_knows_is_not_taken_for_the_next_one(clock: Clock) -> None:
    ledger = Ledger()
    ledger.lamp(BUTTON, lamp(**{"01": "pressed"}))
    ledger.frame("server-1", shows("one", 1))
    clock.now_s = 103.0
    probe = ledger.made(BUTTON, pressed("02", 102.0))
    assert ledger.shown_s("server-1", probe) is None
    ledger.frame("server-1", shows("one", 2))
    assert ledger.shown_s("server-1", probe) == 103.0


def test_a_press_is_caught_that_has_no_receipt_at_the_moment_of_the_fault(clock: Clock) -> None:
    ledger = Ledger()
    for press_id, edge_s in (("01", 99.0), ("02", 99.5), ("03", 100.5)):
        ledger.made(BUTTON, pressed(press_id, edge_s))
    ledger.lamp(BUTTON, lamp(**{"01": "stored", "02": "pressed"}))
    clock.now_s = 104.0
    ledger.lamp(BUTTON, lamp(**{"01": "acknowledged", "02": "stored", "03": "stored"}))
    assert [press.press_id for press in ledger.unreceipted(at_s=100.0)] == ["02"]


def test_only_what_died_with_its_agent_before_the_disk_had_it_is_excused(clock: Clock) -> None:
    ledger = Ledger()
    old = ledger.made(BUTTON, pressed("01", 99.0, "mqtts://one"))
    sent = ledger.made(BUTTON, pressed("02", 99.99, "mqtts://one"))
    unsent = ledger.made(BUTTON, pressed("03", 99.99))
    ledger.killed(BUTTON)
    ledger.lamp(BUTTON, lamp())
    assert [ledger.is_forgotten(each) for each in (old, sent, unsent)] == [False, True, True]
    assert [ledger.is_too_young(each) for each in (old, sent, unsent)] == [False, False, True]
    ledger.agents_die_alone = False
    assert [ledger.is_too_young(each) for each in (old, sent, unsent)] == [False, True, True]
    ledger.lamp(BUTTON, lamp(**{"02": "pressed"}))
    assert not ledger.is_forgotten(sent)
