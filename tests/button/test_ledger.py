"""The open presses: what is owed to each, and when each may be let go."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin_button.lamp import Pattern, show
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
from tocsin_wire.messages import (
    STATES,
    OpenPress,
    Press,
    Receipt,
    State,
    new_id,
    timestamp,
)

DEVICE = "btn-0123456789"
BOOT = UUID(int=1)
WALL_S = datetime(2030, 1, 1, tzinfo=UTC).timestamp()


def entry(edge_s: float = 100.0, *, kind: str = "duress", drill: bool = False) -> Entry:
    return Entry(
        press_id=new_id(),
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


def test_a_taken_drill_that_is_made_real_is_taken_by_nobody() -> None:
    ledger, press = Ledger(), entry(drill=True)
    ledger.add(press)
    ledger.receive(receipt(press, "responding", drill=True), now_s=101.0)
    made_real = ledger.receive(receipt(press, "stored", drill=False), now_s=102.0)
    assert isinstance(made_real, Advanced)
    assert pattern_at(ledger, 102.0) is Pattern.STORED
    assert ledger.open_presses() == [
        OpenPress(press_id=press.press_id, state="stored", drill=False)
    ]
    assert ledger.next_due_s() is None
    assert ledger.expire(101.0 + KEPT_AFTER_ACKNOWLEDGED_S) == (), "let go though nobody has it"


@pytest.mark.parametrize("late", STATES)
def test_nothing_makes_a_real_alert_a_drill_again(late: State) -> None:
    ledger, press = Ledger(), entry(drill=True)
    ledger.add(press)
    ledger.receive(receipt(press, "stored", drill=False), now_s=101.0)
    assert isinstance(ledger.receive(receipt(press, late, drill=True), now_s=102.0), Unchanged)
    assert ledger.open_presses()[0].state == "stored"
    subject = ledger.subject(102.0)
    assert subject is not None
    assert not subject.drill


def test_what_an_older_agent_kept_of_a_drill_is_made_real_too() -> None:
    kept = msgspec.structs.replace(entry(drill=True), state="acknowledged", acknowledged_s=100.0)
    ledger = Ledger()
    ledger.restore([kept], at(101.0))
    assert isinstance(ledger.receive(receipt(kept, "stored", drill=False), now_s=102.0), Advanced)
    assert ledger.open_presses()[0].state == "stored"


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


def test_a_chattering_tamper_contact_never_pushes_a_duress_out() -> None:
    ledger, duress = Ledger(), entry(101.0)
    ledger.add(entry(100.0, kind="tamper"))
    ledger.add(duress)
    for n in range(2 * PRESSES_MAX):
        gone = ledger.add(entry(102.0 + n, kind="tamper"))
        assert [each.kind for each in gone] == ["tamper"] * (n >= PRESSES_MAX - 2)
    assert duress.press_id in ledger
    assert len(ledger) == PRESSES_MAX


@pytest.mark.parametrize("kind", ["tamper", "cancel", "assist", "test"])
def test_other_kinds_make_room_before_a_duress_the_receipted_before_the_rest(kind: str) -> None:
    ledger = Ledger()
    first, second, third = (entry(100.0 + n, kind=kind) for n in range(3))
    duresses = [entry(200.0 + n) for n in range(PRESSES_MAX - 3)]
    for press in (first, second, third, *duresses):
        ledger.add(press)
    for press in (second, duresses[0]):
        ledger.receive(receipt(press, "stored"), now_s=300.0)
    gone = [each.press_id for n in range(4) for each in ledger.add(entry(400.0 + n))]
    assert gone == [each.press_id for each in (second, first, third, duresses[0])]


def test_a_press_of_a_kind_not_known_here_is_kept_as_a_duress_is() -> None:
    ledger, unknown = Ledger(), entry(100.0, kind="medical")
    for press in (entry(99.0), unknown, *(entry(101.0, kind="test") for _ in range(PRESSES_MAX))):
        ledger.add(press)
    assert unknown.press_id in ledger


@pytest.mark.parametrize("kind", ["tamper", "assist"])
def test_the_press_just_made_is_kept_to_be_sent_even_among_duresses_alone(kind: str) -> None:
    ledger = Ledger()
    duresses = [entry(100.0 + n) for n in range(PRESSES_MAX)]
    for press in duresses:
        ledger.add(press)
    before, newest = entry(200.0, kind=kind), entry(201.0, kind=kind)
    assert ledger.add(before) == (duresses[1],)
    assert send(ledger, before, 200.0).attempt == 1
    assert [each.press_id for each in ledger.add(newest)] == [before.press_id]
    assert send(ledger, newest, 201.0).attempt == 1


def test_room_among_found_presses_is_made_by_the_same_order() -> None:
    tampers = [entry(100.0 + n, kind="tamper") for n in range(PRESSES_MAX)]
    ledger, duress = Ledger(), entry(50.0)
    ledger.add(entry(300.0))
    assert ledger.restore([duress, *tampers], at(301.0)) == (tampers[0], tampers[1])
    assert ledger.unreceipted()[0] == duress.press_id


def test_among_duresses_room_is_made_by_what_has_a_receipt_and_else_by_the_middle() -> None:
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


def pattern_at(ledger: Ledger, now_s: float) -> Pattern:
    subject = ledger.subject(now_s)
    return show(subject=subject, identify=False, fault=False, drill=False).pattern


def test_pressing_again_and_again_does_not_put_sos_off() -> None:
    ledger = Ledger()
    for edge_s in (100.0, 110.0, 120.0, 130.0, 140.0, 150.0):
        ledger.add(entry(edge_s))
        assert pattern_at(ledger, edge_s + 0.39) is Pattern.PRESSED
        shown = Pattern.SOS if edge_s >= 120.0 else Pattern.PRESSED
        assert pattern_at(ledger, edge_s + 0.41) is shown
        assert pattern_at(ledger, edge_s + 5.0) is (
            Pattern.SOS if edge_s >= 110.0 else Pattern.PRESSED
        )


def test_sos_counts_neither_receipted_presses_nor_those_the_lamp_is_silent_of() -> None:
    ledger, heard, unheard = Ledger(), entry(100.0), entry(110.0)
    ledger.add(heard)
    ledger.add(entry(101.0, kind="tamper"))
    ledger.receive(receipt(heard, "stored"), now_s=102.0)
    ledger.add(unheard)
    assert pattern_at(ledger, 124.9) is Pattern.PRESSED
    assert pattern_at(ledger, 125.0) is Pattern.SOS


def test_sos_ends_when_the_newest_press_has_a_receipt_though_an_older_one_waits() -> None:
    ledger, newest = Ledger(), entry(120.0)
    ledger.add(entry(100.0))
    ledger.add(newest)
    assert pattern_at(ledger, 121.0) is Pattern.SOS
    ledger.receive(receipt(newest, "stored"), now_s=121.0)
    assert pattern_at(ledger, 121.0) is Pattern.STORED


def test_a_press_is_without_a_receipt_from_its_edge_on_whether_it_was_sent_or_not() -> None:
    ledger, older, newer = Ledger(), entry(100.0), entry(110.0)
    assert ledger.unreceipted_since_s() is None
    ledger.add(older)
    ledger.add(newer)
    assert ledger.unreceipted_since_s() == 100.0
    ledger.receive(receipt(older, "stored"), now_s=120.0)
    assert ledger.unreceipted_since_s() == 110.0
    ledger.receive(receipt(newer, "acknowledged"), now_s=121.0)
    assert ledger.unreceipted_since_s() is None


def test_a_press_is_unanswered_from_its_first_sending_on() -> None:
    ledger, press = Ledger(), entry(100.0)
    ledger.add(press)
    assert ledger.unanswered_since_s() is None
    send(ledger, press, 130.0)
    send(ledger, press, 131.0)
    assert ledger.unanswered_since_s() == 130.0
    ledger.receive(receipt(press, "stored"), now_s=132.0)
    assert ledger.unanswered_since_s() is None


@given(said=st.lists(st.tuples(st.booleans(), st.sampled_from(STATES)), max_size=12))
def test_in_whatever_order_receipts_come_what_is_known_only_rises(
    said: list[tuple[bool, State]],
) -> None:
    """Real goes before drill, and then the states in their order."""
    ledger, press = Ledger(), entry(drill=True)
    ledger.add(press)
    told, known = [(real, STATES.index(state)) for real, state in said], []
    for real, state in said:
        ledger.receive(receipt(press, state, drill=not real), now_s=101.0)
        if press.press_id not in ledger:
            assert state == "resolved"
            return
        (current,) = ledger.open_presses()
        assert current.state is not None
        known.append((not current.drill, STATES.index(current.state)))
    assert known == [max(told[: n + 1]) for n in range(len(told))]
