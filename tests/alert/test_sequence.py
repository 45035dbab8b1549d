"""What the numbers of a button's presses say, beside the presses themselves."""

from collections import OrderedDict
from uuid import UUID, uuid4

from tocsin_server.alert.ingest import Ingest
from tocsin_wire.messages import Press, new_id

BOOT = uuid4()


def numbered(*presses: tuple[int, UUID, int]) -> list[list[str]]:
    """Remark on presses given as (seq, press_id, attempt), one after the other."""
    ingest = object.__new__(Ingest)
    ingest._last_seq = OrderedDict()
    return [
        ingest._sequence_remarks(
            Press(
                press_id=press_id,
                device_id="btn-0123456789",
                kind="duress",
                boot_id=BOOT,
                seq=seq,
                attempt=attempt,
            )
        )
        for seq, press_id, attempt in presses
    ]


def test_numbers_in_order_say_nothing() -> None:
    assert numbered((1, new_id(), 1), (2, new_id(), 1)) == [[], []]


def test_a_press_that_comes_again_says_nothing() -> None:
    press = new_id()
    assert numbered((4, press, 1), (4, press, 1), (4, press, 2)) == [[], [], []]


def test_a_skipped_number_is_remarked() -> None:
    assert numbered((1, new_id(), 1), (4, new_id(), 1))[1] == [
        "2 earlier presses of this button have not arrived yet."
    ]


def test_a_number_used_twice_is_remarked() -> None:
    assert numbered((1, new_id(), 1), (1, new_id(), 1))[1] == [
        "The number of this press was used before: two boards may bear this name."
    ]
