"""Two contacts, one button, and the wires between."""

from tocsin_button.contacts import AGREE_WITHIN_S, DISAGREE, HELD_DOWN, HELD_S_MAX, Contacts


class Wires:
    """A button at rest, whose contacts are moved one by one."""

    def __init__(self, *, no_closed: bool | None = False, nc_closed: bool | None = True) -> None:
        self.contacts = Contacts()
        self.no_closed, self.nc_closed = no_closed, nc_closed
        self.at(0.0)

    def at(
        self, at_s: float, *, no: bool | None = None, nc: bool | None = None
    ) -> tuple[bool, str | None]:
        self.no_closed = self.no_closed if no is None else no
        self.nc_closed = self.nc_closed if nc is None else nc
        reading = self.contacts.feed(at_s=at_s, no_closed=self.no_closed, nc_closed=self.nc_closed)
        return reading.down, reading.fault


def test_a_press_moves_both_contacts_and_is_one_press() -> None:
    wires = Wires()
    assert wires.at(1.0, nc=False) == (True, None)
    assert wires.at(1.1, no=True) == (True, None)
    assert wires.contacts.due_s is None
    assert wires.at(2.0, no=False) == (True, None)
    assert wires.at(2.1, nc=True) == (False, None)


def test_either_contact_alone_is_a_press_and_a_fault_within_a_second() -> None:
    for cut in ({"nc": False}, {"no": True}):
        wires = Wires()
        assert wires.at(1.0, **cut) == (True, None)
        due_s = wires.contacts.due_s
        assert due_s == 1.0 + AGREE_WITHIN_S
        assert wires.at(due_s) == (False, DISAGREE)
        assert wires.contacts.due_s is None


def test_a_cut_wire_hides_no_later_press() -> None:
    wires = Wires()
    wires.at(1.0, nc=False)
    wires.at(2.0)
    assert wires.at(5.0, no=True) == (True, DISAGREE)
    assert wires.at(5.3, no=False) == (False, DISAGREE)
    assert wires.at(6.0, no=True) == (True, DISAGREE)


def test_a_shorted_wire_hides_no_later_press() -> None:
    wires = Wires()
    wires.at(1.0, no=True)
    wires.at(2.0)
    assert wires.at(5.0, nc=False) == (True, DISAGREE)
    assert wires.at(5.3, nc=True) == (False, DISAGREE)


def test_a_mended_wire_is_a_fault_until_a_press_moves_both_contacts() -> None:
    for cut, mended in (({"nc": False}, {"nc": True}), ({"no": True}, {"no": False})):
        wires = Wires()
        wires.at(1.0, **cut)
        assert wires.at(2.0) == (False, DISAGREE)
        assert wires.at(9.0, **mended) == (False, DISAGREE)
        assert wires.at(10.0, nc=False) == (True, DISAGREE)
        assert wires.at(10.1, no=True) == (True, None)
        assert wires.at(10.3, no=False, nc=True) == (False, None)


def test_a_wire_that_looks_sound_when_let_go_stays_a_fault() -> None:
    for moves, back in (({"nc": False}, {"nc": True}), ({"no": True}, {"no": False})):
        wires = Wires()
        wires.at(1.0, **moves)
        assert wires.at(3.0) == (False, DISAGREE)
        assert wires.at(3.1, **back) == (False, DISAGREE)
        assert wires.at(60.0, **moves) == (True, DISAGREE)
        assert wires.at(60.2, **back) == (False, DISAGREE)


def test_a_contact_that_stays_where_it_is_proves_nothing() -> None:
    wires = Wires()
    wires.at(1.0, nc=False)  # cut
    wires.at(2.0)
    assert wires.at(5.0, no=True) == (True, DISAGREE)  # both say pressed; one of them moved
    assert wires.at(5.1, nc=True) == (True, DISAGREE)  # mended in mid-press
    assert wires.at(5.2, nc=False) == (True, DISAGREE)
    assert wires.at(5.4, no=False, nc=True) == (False, DISAGREE)


def test_a_wire_that_is_cut_before_the_start_is_a_fault_and_no_press() -> None:
    contacts = Contacts()
    reading = contacts.feed(at_s=0.0, no_closed=False, nc_closed=False)
    assert (reading.down, reading.fault) == (False, DISAGREE)


def test_a_button_that_is_down_at_the_start_is_pressed() -> None:
    assert Contacts().feed(at_s=0.0, no_closed=True, nc_closed=False).down


def test_one_contact_is_enough() -> None:
    only_no = Wires(nc_closed=None)
    assert only_no.at(1.0, no=True) == (True, None)
    assert only_no.at(2.0, no=False) == (False, None)
    only_nc = Wires(no_closed=None)
    assert only_nc.at(1.0, nc=False) == (True, None)
    assert only_nc.at(2.0, nc=True) == (False, None)


def test_a_jammed_button_is_a_fault() -> None:
    wires = Wires()
    wires.at(1.0, no=True, nc=False)
    assert wires.at(0.9 + HELD_S_MAX) == (True, None)
    assert wires.at(1.0 + HELD_S_MAX) == (True, HELD_DOWN)
    assert wires.at(2.0 + HELD_S_MAX, no=False, nc=True) == (False, None)
