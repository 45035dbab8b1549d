"""How a button is, decided from silence, wills and hints."""

from uuid import UUID

import pytest

from tocsin_server.fleet.condition import (
    CLONE_WITHIN_S,
    Boots,
    Condition,
    Link,
    Silence,
    after_heartbeat,
    after_status,
    is_linkless,
    judge,
)
from tocsin_wire.messages import Heartbeat, Status

FIRST, SECOND = UUID(int=1), UUID(int=2)


def silence(
    silent_s: float | None,
    *,
    linkless_s: float | None = None,
    lost_s: float | None = None,
    listening_s: float = 3600.0,
    hears_every_broker: bool = True,
) -> Silence:
    return Silence(silent_s, linkless_s, lost_s, listening_s, hears_every_broker)


@pytest.mark.parametrize(
    ("claim", "was", "seen", "now"),
    [
        ("a new button was never heard", "never_heard", silence(None), "never_heard"),
        ("a first message makes it well", "never_heard", silence(0.0), "ok"),
        ("a heartbeat may be 18 s apart", "ok", silence(19.9), "ok"),
        ("20 s of silence are late", "ok", silence(20.0), "late"),
        ("late ends with a message", "late", silence(0.1), "ok"),
        ("44 s of silence are still late", "late", silence(44.9), "late"),
        ("45 s of silence are lost", "late", silence(45.0), "lost"),
        ("a long silence needs no stop at late", "ok", silence(600.0), "lost"),
        ("a new subscriber calls nobody lost", "ok", silence(600.0, listening_s=44.9), "ok"),
        ("nor late", "ok", silence(30.0, listening_s=44.9), "ok"),
        ("after its first 45 s it judges", "ok", silence(600.0, listening_s=45.0), "lost"),
        ("who can't hear judges nobody", "late", silence(600.0, listening_s=0.0), "late"),
        ("who can't judge still believes a message", "late", silence(1.0, listening_s=0.0), "ok"),
        ("lost stays lost", "lost", silence(50.0, lost_s=5.0), "lost"),
        ("also for who can't hear", "lost", silence(50.0, lost_s=5.0, listening_s=0.0), "lost"),
        ("also when the will that said so is forgotten", "lost", silence(9.0, lost_s=4.0), "lost"),
        ("lost ends with a message", "lost", silence(1.0, lost_s=5.0), "ok"),
        ("without a link, 5 s of silence are lost", "ok", silence(5.0, linkless_s=5.0), "lost"),
        ("less than 5 s are not", "ok", silence(4.9, linkless_s=4.9), "ok"),
        ("a fallen link gets 5 s to come back", "ok", silence(14.0, linkless_s=4.9), "ok"),
        ("a message after the last will counts", "ok", silence(3.0, linkless_s=10.0), "ok"),
        (
            "a will proves nothing while another broker isn't heard",
            "ok",
            silence(10.0, linkless_s=10.0, hears_every_broker=False),
            "ok",
        ),
        (
            "silence proves it all the same",
            "ok",
            silence(45.0, linkless_s=10.0, hears_every_broker=False),
            "lost",
        ),
    ],
)
def test_a_button_is_judged_by_its_silence(
    claim: str, was: Condition, seen: Silence, now: Condition
) -> None:
    assert judge(was, seen) == now, claim


def online(connection: int, boot: UUID = FIRST) -> Status:
    return Status(online=True, boot_id=boot, connection=connection)


def will(connection: int, boot: UUID = FIRST) -> Status:
    return Status(online=False, boot_id=boot, connection=connection)


def stands_after(*said: Status | Heartbeat, retained: tuple[int, ...] = ()) -> bool:
    """Play what one broker brings of one button. `retained`: which of it is a hint."""
    link: Link | None = None
    for n, message in enumerate(said):
        if isinstance(message, Heartbeat):
            link = after_heartbeat(link, message)
        else:
            link = after_status(link, message, retained=n in retained)
    return link is not None and link.stands


@pytest.mark.parametrize(
    ("claim", "said", "stands"),
    [
        ("a will ends its connection", [online(1), will(1)], False),
        ("a will that is older than the connection says nothing", [online(2), will(1)], True),
        ("the next connection stands again", [online(1), will(1), online(2)], True),
        ("an announcement delivered again after its will", [online(1), will(1), online(1)], False),
        ("an older boot's will says nothing", [online(1, SECOND), will(9, FIRST)], True),
        ("a new boot counts its connections anew", [online(9, FIRST), online(1, SECOND)], True),
        ("and its will counts", [online(9), online(1, SECOND), will(1, SECOND)], False),
        ("a heartbeat stands for its link", [will(3), Heartbeat(boot_id=FIRST)], True),
        (
            "and doesn't make older wills count",
            [online(4), Heartbeat(boot_id=FIRST, connection=1), will(3)],
            True,
        ),
    ],
)
def test_a_will_speaks_for_its_own_connection_only(
    claim: str, said: list[Status | Heartbeat], stands: bool
) -> None:
    assert stands_after(*said) is stands, claim


def test_a_will_of_a_boot_known_only_by_a_hint_is_believed() -> None:
    assert not stands_after(online(1, SECOND), will(5, FIRST), retained=(0,))


def test_wills_make_a_button_linkless_and_hints_alone_do_not() -> None:
    gone = Link(FIRST, 1, stands=False, live=True)
    stands = Link(FIRST, 1, stands=True, live=True)
    hint = Link(FIRST, 1, stands=False, live=False)
    may_stand = Link(FIRST, 1, stands=True, live=False)
    assert is_linkless([gone])
    assert is_linkless([gone, hint])
    assert not is_linkless([])
    assert not is_linkless([hint, hint])
    assert not is_linkless([gone, stands])
    assert not is_linkless([gone, may_stand])


def test_two_boards_of_one_identity_show_when_their_boots_interleave() -> None:
    boots = Boots()
    for moment, boot in enumerate([FIRST, SECOND, FIRST, SECOND]):
        assert boots.heard(boot, now=moment)
    assert boots.interleave(now=4)
    assert not boots.interleave(now=4 + CLONE_WITHIN_S)


def test_a_restart_and_one_late_message_are_no_clone() -> None:
    boots = Boots(FIRST)
    assert not boots.heard(FIRST, now=0)
    assert boots.heard(SECOND, now=1)
    boots.heard(FIRST, now=2)
    assert not boots.interleave(now=3)
