"""The open presses: what is owed to each, and when each may be let go."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin_button.ledger import (
    KEPT_AFTER_ACKNOWLEDGED_S,
    PRESSES_MAX,
    Advanced,
    Entry,
    Ledger,
    Moment,
    Resolved,
    Unchanged,
)
from tocsin_wire.messages import STATES, Press, Receipt, State, new_press_id, timestamp

DEVICE = "btn-0123456789"
BOOT = UUID(int=1)
WALL_S = datetime(2030, 1, 1, tzinfo=UTC).timestamp()


def entry(edge_s: float = 100.0, *, kind: str = "duress", drill: bool = False) -> Entry:
    return Entry(
        press_id=new_press_id(),
        kind=kind,
        gesture="press",
        drill=drill,
        boot_id=UUID(int=7),
        seq=1,
        kernel_boot_id=BOOT,
        edge_s=edge_s,
        edge_wall_s=WALL_S,
    )


def at(now_s: float, *, boot: UUID = BOOT, wall_s: float = WALL_S) -> Moment:
    return Moment(now_s, wall_s, boot)


def receipt(of: Entry, state: State, *, drill: bool = False) -> Receipt:
    return Receipt(
        press_id=of.press_id,
        device_id=DEVICE,
        alert_id=uuid4(),
        state=state,
        at=timestamp(datetime(2030, 1, 1, tzinfo=UTC)),
        drill=drill,
    )


def send(ledger: Ledger, of: Entry, now_s: float) -> Press:
    return ledger.attempt(of.press_id, at(now_s), device_id=DEVICE, jitter=0.5)


def test_a_press_without_receipt_is_due_at_once_then_sooner_and_later_without_end() -> None:
    ledger, press = Ledger(), entry(100.0)
    ledger.add(press)
    sent = []
    now_s = 100.0
    while now_s < 200.0:
        assert ledger.due(now_s) == [press.press_id]
        sent.append(round(now_s - 100.0, 2))
        send(ledger, press, now_s)
        assert ledger.due(now_s) == []
        due_s = ledger.next_due_s()
        assert due_s is not None
        now_s = due_s
    assert sent[:6] == [0.0, 0.3, 0.8, 1.8, 2.8, 3.8]
    assert [round(b - a, 2) for a, b in zip(sent[-6:], sent[-5:], strict=False)] == [2.0] * 5


def test_every_attempt_has_its_number_and_its_age_of_that_moment() -> None:
    ledger, press = Ledger(), entry(100.0)
    ledger.add(press)
    first, second = send(ledger, press, 100.002), send(ledger, press, 100.302)
    assert (first.attempt, first.age_ms, first.age_exact) == (1, 2, True)
    assert (second.attempt, second.age_ms, second.age_exact) == (2, 302, True)
    assert first.device_clock == "2030-01-01T00:00:00.000Z"


def test_after_a_restart_in_the_same_boot_the_age_is_exact() -> None:
    ledger, press = Ledger(), entry(100.0)
    ledger.restore([press], at(160.0))
    assert ledger.due(160.0) == [press.press_id]
    sent = send(ledger, press, 160.0)
    assert (sent.age_ms, sent.age_exact, sent.boot_id) == (60_000, True, press.boot_id)
    subject = ledger.subject(160.0)
    assert subject is not None
    assert subject.age_s == 60.0


@pytest.mark.parametrize(("clock_moved_s", "age_ms"), [(30.0, 30_000), (-1e6, 2_000)])
def test_after_a_reboot_the_age_is_the_best_guess_and_says_so(
    clock_moved_s: float, age_ms: int
) -> None:
    ledger, press = Ledger(), entry(100.0)
    reboot = UUID(int=2)
    ledger.restore([press], at(5.0, boot=reboot, wall_s=WALL_S + clock_moved_s))
    moment = at(7.0, boot=reboot, wall_s=WALL_S + clock_moved_s)
    sent = ledger.attempt(press.press_id, moment, device_id=DEVICE, jitter=0.5)
    assert (sent.age_ms, sent.age_exact) == (age_ms, False)


def test_a_receipt_ends_the_resending_and_nothing_lets_its_state_fall() -> None:
    ledger, press = Ledger(), entry()
    ledger.add(press)
    assert isinstance(ledger.receive(receipt(press, "acknowledged"), now_s=101.0), Advanced)
    assert ledger.next_due_s() is None
    assert isinstance(ledger.receive(receipt(press, "stored"), now_s=102.0), Unchanged)
    assert ledger.open_presses()[0].state == "acknowledged"


def test_a_repeated_receipt_changes_nothing_but_its_drill_may() -> None:
    ledger, press = Ledger(), entry(drill=True)
    ledger.add(press)
    ledger.receive(receipt(press, "stored", drill=True), now_s=101.0)
    assert isinstance(ledger.receive(receipt(press, "stored", drill=True), now_s=102.0), Unchanged)
    made_real = ledger.receive(receipt(press, "stored", drill=False), now_s=103.0)
    assert isinstance(made_real, Advanced)
    subject = ledger.subject(103.0)
    assert subject is not None
    assert not subject.drill


def test_a_receipt_for_an_unknown_press_changes_nothing() -> None:
    ledger, press = Ledger(), entry()
    ledger.add(press)
    assert isinstance(ledger.receive(receipt(entry(), "resolved"), now_s=101.0), Unchanged)
    assert ledger.unreceipted() == [press.press_id]


def test_a_press_is_forgotten_when_it_is_resolved() -> None:
    ledger, press = Ledger(), entry()
    ledger.add(press)
    assert isinstance(ledger.receive(receipt(press, "resolved"), now_s=101.0), Resolved)
    assert len(ledger) == 0
    assert press.press_id not in ledger


def test_a_press_is_let_go_twelve_hours_after_it_was_acknowledged_and_never_before() -> None:
    ledger, unanswered, answered = Ledger(), entry(), entry()
    ledger.add(unanswered)
    ledger.add(answered)
    ledger.receive(receipt(answered, "acknowledged"), now_s=200.0)
    ledger.receive(receipt(answered, "responding"), now_s=9_000.0)
    assert ledger.expire(200.0 + KEPT_AFTER_ACKNOWLEDGED_S - 1) == ()
    gone = ledger.expire(200.0 + KEPT_AFTER_ACKNOWLEDGED_S)
    assert [each.press_id for each in gone] == [answered.press_id]
    assert ledger.expire(1e9) == ()
    assert ledger.unreceipted() == [unanswered.press_id]


def test_after_a_reboot_the_twelve_hours_begin_anew() -> None:
    acknowledged = msgspec.structs.replace(entry(), state="acknowledged", acknowledged_s=90_000.0)
    ledger = Ledger()
    ledger.restore([acknowledged], at(5.0, boot=UUID(int=2)))
    assert ledger.expire(4.0 + KEPT_AFTER_ACKNOWLEDGED_S) == ()
    assert len(ledger.expire(5.0 + KEPT_AFTER_ACKNOWLEDGED_S)) == 1


def test_what_is_found_goes_before_what_was_pressed_since_and_replaces_none_of_it() -> None:
    ledger = Ledger()
    old, new = entry(50.0), entry(100.0)
    ledger.add(new)
    send(ledger, new, 100.0)
    ledger.restore([old, msgspec.structs.replace(new, attempt=0)], at(101.0))
    assert ledger.unreceipted() == [old.press_id, new.press_id]
    assert send(ledger, new, 101.0).attempt == 2


def test_found_presses_come_in_the_order_they_were_made_in() -> None:
    before = [msgspec.structs.replace(entry(900.0), edge_wall_s=WALL_S + n) for n in range(3)]
    since = [msgspec.structs.replace(entry(5.0 + n), kernel_boot_id=UUID(int=2)) for n in range(3)]
    ledger = Ledger()
    ledger.restore([*reversed(since), *reversed(before)], at(10.0, boot=UUID(int=2)))
    assert ledger.unreceipted() == [each.press_id for each in (*before, *since)]


def test_room_is_made_by_what_has_a_receipt_and_else_by_the_middle() -> None:
    ledger = Ledger()
    presses = [entry(100.0 + n) for n in range(PRESSES_MAX)]
    for press in presses:
        assert ledger.add(press) == ()
    assert ledger.add(entry(999.0)) == (presses[1],)
    ledger.receive(receipt(presses[5], "stored"), now_s=999.0)
    gone = ledger.add(entry(1000.0))
    assert [each.press_id for each in gone] == [presses[5].press_id]
    assert ledger.unreceipted()[0] == presses[0].press_id


def test_the_lamp_speaks_of_the_newest_press_but_never_of_a_cancel_or_a_tamper() -> None:
    ledger = Ledger()
    assert ledger.subject(0.0) is None
    duress = entry(100.0)
    ledger.add(duress)
    ledger.receive(receipt(duress, "acknowledged"), now_s=101.0)
    ledger.add(entry(102.0, kind="tamper"))
    ledger.add(entry(103.0, kind="cancel"))
    subject = ledger.subject(104.0)
    assert subject is not None
    assert (subject.state, subject.age_s) == ("acknowledged", 4.0)
    ledger.add(entry(104.0))
    subject = ledger.subject(104.0)
    assert subject is not None
    assert subject.state is None


def test_a_press_is_unanswered_from_its_first_sending_on() -> None:
    ledger, press = Ledger(), entry(100.0)
    ledger.add(press)
    assert ledger.unanswered_since_s() is None
    send(ledger, press, 130.0)
    send(ledger, press, 131.0)
    assert ledger.unanswered_since_s() == 130.0
    ledger.receive(receipt(press, "stored"), now_s=132.0)
    assert ledger.unanswered_since_s() is None


@settings(deadline=None)  # a busy machine is no failure
@given(states=st.lists(st.sampled_from(STATES), max_size=12))
def test_in_whatever_order_receipts_come_the_state_only_rises(states: list[State]) -> None:
    ledger, press = Ledger(), entry()
    ledger.add(press)
    ranks = [-1]
    for state in states:
        ledger.receive(receipt(press, state), now_s=101.0)
        known = {each.press_id: each.state for each in ledger.open_presses()}
        if press.press_id not in known:
            assert "resolved" in states
            return
        current = known[press.press_id]
        assert current is not None
        ranks.append(STATES.index(current))
    assert ranks == sorted(ranks)
    assert ranks[-1] == max([STATES.index(state) for state in states], default=-1)
