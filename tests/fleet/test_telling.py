"""Who is told what of buttons: losses gathered by site, and nothing twice."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from tocsin_server.fleet.condition import Condition
from tocsin_server.fleet.directory import Device, Site
from tocsin_server.fleet.health import Finding
from tocsin_server.fleet.oncall import AGAIN_S
from tocsin_server.fleet.telling import Button, heard_again, to_tell, waits
from tocsin_wire.signing import SigningKey

KEY = SigningKey.generate().public
LIBRARY, SCHOOL = "Carver Library", "Webb School"
CUT = Finding("contacts", "The wire is cut.", "Call 911 by phone.", takes_hands=True)
WEAK = Finding("undervoltage", "Its power supply is too weak.", "Change it.")
CLOCK = Finding("clock", "Its clock is not set.")


def device(n: int, site: str | None = LIBRARY, *, jurisdiction: str = "48453") -> Device:
    place = None
    if site is not None:
        where = UUID(int=sum(site.encode()))
        place = Site(where, jurisdiction, site, *[None] * 9)  # type: ignore[arg-type]
    return Device(
        device_id=f"btn-000000000{n}",
        jurisdiction=jurisdiction,
        key=KEY,
        active=True,
        place_confirmed_at=None,
        site=place,
        building=None,
        floor=None,
        room=f"Room {n}",
        spot=None,
    )


def button(
    n: int,
    condition: Condition = "ok",
    *,
    site: str | None = LIBRARY,
    silent_s: float | None = 3.0,
    lost_s: float | None = None,
    findings: Sequence[tuple[Finding, float | None]] = (),
) -> Button:
    return Button(device(n, site), condition, silent_s, lost_s, tuple(findings))


def lost(n: int, for_s: float, *, site: str | None = LIBRARY) -> Button:
    return button(n, "lost", site=site, silent_s=for_s + 45, lost_s=for_s)


def said(buttons: Sequence[Button], told: dict[str, float] | None = None) -> list[str]:
    known = {("48453", name): age_s for name, age_s in (told or {}).items()}
    return [telling.body for telling in to_tell(buttons, known)]


def test_a_lost_button_among_others_that_are_heard_is_told_by_its_name() -> None:
    (body,) = said([lost(1, 4.0), button(2, silent_s=3.0)])
    assert body.startswith(
        "Tocsin: button Room 1, Carver Library (btn-0000000001) is LOST: nothing is heard any more."
    )
    assert "call 911 by phone" in body


def test_the_first_loss_waits_until_the_fate_of_its_neighbours_is_known() -> None:
    assert said([lost(1, 4.0), button(2, "late", silent_s=30.0)]) == []


def test_it_waits_no_longer_than_twenty_seconds() -> None:
    (body,) = said([lost(1, 20.0), button(2, "late", silent_s=44.0)])
    assert "Room 1" in body
    assert "Room 2" not in body


def test_all_buttons_of_a_site_are_one_message() -> None:
    (body,) = said([lost(1, 9.0), lost(2, 3.0), lost(3, 0.0)])
    assert body.startswith("Tocsin: SITE DARK: Carver Library: all of its 3 buttons are LOST.")


def test_the_last_button_of_a_site_makes_it_dark_though_the_others_were_told_before() -> None:
    (body,) = said([lost(1, 900.0), lost(2, 0.0)], {"button btn-0000000001 lost": 890.0})
    assert "SITE DARK" in body


def test_a_button_that_was_never_heard_keeps_no_site_from_being_dark() -> None:
    (body,) = said([lost(1, 0.0), lost(2, 0.0), button(3, "never_heard", silent_s=None)])
    assert "all of its 2 buttons" in body


def test_the_only_button_of_a_site_is_named_with_it() -> None:
    (body,) = said([lost(1, 0.0)])
    assert "SITE DARK: Carver Library: its only button, Room 1 (btn-0000000001), is LOST" in body


def test_two_sites_are_two_messages_and_a_button_without_a_place_is_a_third() -> None:
    bodies = said([lost(1, 0.0), lost(2, 0.0, site=SCHOOL), lost(3, 0.0, site=None)])
    assert len(bodies) == 3
    assert sum("SITE DARK" in body for body in bodies) == 2


def test_a_loss_is_told_once() -> None:
    assert said([lost(1, 3.0)], {"button btn-0000000001 lost": 1.0}) == []
    assert said([lost(1, 90_000.0)], {"button btn-0000000001 lost": 89_990.0}) == []


@pytest.mark.parametrize(
    ("told_s", "lost_s", "messages"),
    [
        (AGAIN_S - 1, 5.0, 0),  # it flickers: wait
        (AGAIN_S + 1, 5.0, 1),  # lost anew since it was told
        (AGAIN_S + 1, AGAIN_S + 5, 0),  # the same loss
    ],
)
def test_a_button_that_flickers_is_told_every_ten_minutes_at_most(
    told_s: float, lost_s: float, messages: int
) -> None:
    assert len(said([lost(1, lost_s)], {"button btn-0000000001 lost": told_s})) == messages


def test_many_lost_buttons_fit_into_one_text() -> None:
    (body,) = said([*[lost(n, 4.0) for n in range(7)], button(9)])
    assert "7 buttons: " in body
    assert "and 3 more" in body
    assert len(body) < 480


def test_what_is_wrong_with_a_button_is_told_with_what_to_do() -> None:
    (body,) = said([button(1, findings=[(CUT, 6.0), (CLOCK, 6.0)])])
    assert body == (
        "Tocsin: button Room 1, Carver Library (btn-0000000001): The wire is cut."
        " Call 911 by phone."
    )


def test_the_same_fault_of_several_buttons_is_one_message() -> None:
    (body,) = said([button(n, findings=[(CUT, 6.0)]) for n in range(1, 4)])
    assert body.count("The wire is cut.") == 1
    assert all(f"Room {n}" in body for n in range(1, 4))


def test_a_fault_of_a_moment_is_not_told() -> None:
    assert said([button(1, findings=[(CUT, 4.9)])]) == []


def test_a_fault_from_before_a_restart_is_told_unless_it_was() -> None:
    ill = button(1, findings=[(CUT, None)])
    assert len(said([ill])) == 1
    assert said([ill], {"button btn-0000000001 contacts": 90_000.0}) == []


LIBRARY_ID = UUID(int=sum(LIBRARY.encode()))


@pytest.mark.parametrize(
    ("what", "seen", "when_open", "when_closed", "kept_back"),
    [
        ("a loss", lost(1, 30.0), "is LOST", None, True),
        ("what comes by itself", button(1, findings=[(WEAK, 6.0)]), "too weak", None, True),
        (
            "a cut wire",
            button(1, findings=[(CUT, 6.0)]),
            "The wire is cut. Call",
            "The wire is cut. The site is closed now: who is there? Call",
            False,
        ),
        ("a remark", button(1, findings=[(CLOCK, 6.0)]), None, None, False),
        ("a button that is well", button(1), None, None, False),
    ],
)
def test_a_closed_site_is_quiet_but_for_what_takes_a_hand(
    what: str, seen: Button, when_open: str | None, when_closed: str | None, kept_back: bool
) -> None:
    for closed, wanted in ((set(), when_open), ({LIBRARY_ID}, when_closed)):
        told = [telling.body for telling in to_tell([seen], {}, closed=closed)]
        assert len(told) == (wanted is not None), what
        assert wanted is None or wanted in told[0], what
    assert waits(seen, {}) is kept_back, what


def test_what_was_told_before_the_site_closed_does_not_wait_for_it_to_open() -> None:
    assert not waits(lost(1, 900.0), {("48453", "button btn-0000000001 lost"): 880.0})
    ill = button(1, findings=[(WEAK, 90.0)])
    assert not waits(ill, {("48453", "button btn-0000000001 undervoltage"): 80.0})
    assert waits(ill, {("48453", "button btn-0000000001 contacts"): 80.0})


def test_another_sites_hours_make_no_button_quiet() -> None:
    buttons = [lost(1, 30.0), lost(2, 30.0, site=SCHOOL), lost(3, 30.0, site=None)]
    told = [telling.body for telling in to_tell(buttons, {}, closed={LIBRARY_ID})]
    assert len(told) == 2
    assert not any(LIBRARY in body for body in told)


def test_the_end_of_a_loss_names_who_is_heard_again() -> None:
    assert heard_again([device(1), device(2)]) == (
        "Tocsin: 2 buttons: Room 1, Carver Library (btn-0000000001); "
        "Room 2, Carver Library (btn-0000000002) are heard again. A press there arrives."
    )
