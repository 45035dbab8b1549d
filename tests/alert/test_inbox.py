"""Fairness: nobody's presses stand behind another's flood."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.alert.county import JURISDICTION, County, Server
from tocsin_server.alert.ingest import (
    BATCH_MAX,
    HELD_PER_SENDER_MAX,
    INBOX_PER_SENDER_MAX,
    LOOK_AT_ONCE_S,
    SENDERS_SHARE_MAX,
    Inbox,
)
from tocsin_server.broker import Arrived

A, B, C = "btn-aaaaaaaaaa", "btn-bbbbbbbbbb", "btn-cccccccccc"


class Left:
    """What the inbox told the broker to forget."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def arrived(
    device_id: str,
    n: int = 0,
    *,
    jurisdiction: str = JURISDICTION,
    received: float = 0.0,
    left: Left,
) -> Arrived:
    return Arrived(
        topic=f"tocsin/v1/{jurisdiction}/{device_id}/press",
        body=str(n).encode(),
        retained=False,
        received=received,
        accept=left,
    )


def senders(taken: list[Arrived]) -> Counter[str]:
    return Counter(one.topic.split("/")[3] for one in taken)


def test_a_press_behind_a_flood_is_in_the_first_batch() -> None:
    inbox, left = Inbox(), Left()
    for n in range(INBOX_PER_SENDER_MAX):
        inbox.put(arrived(A, n, left=left))
    inbox.put(arrived(B, left=left))
    assert senders(inbox.take(BATCH_MAX))[B] == 1


def test_one_sender_gives_a_share_in_its_order_and_then_lines_up_again() -> None:
    inbox, left = Inbox(), Left()
    for n in range(40):
        inbox.put(arrived(A, n, left=left))
        inbox.put(arrived(B, n, left=left))
    taken = inbox.take(2 * SENDERS_SHARE_MAX)
    assert senders(taken) == {A: SENDERS_SHARE_MAX, B: SENDERS_SHARE_MAX}
    of_a = [int(one.body) for one in taken + inbox.take(BATCH_MAX) if A in one.topic]
    assert of_a == list(range(40))


def test_more_than_a_button_keeps_is_left_to_the_button() -> None:
    inbox, left = Inbox(), Left()
    for n in range(INBOX_PER_SENDER_MAX + 5):
        inbox.put(arrived(A, n, left=left))
    assert left.count == 5, "the broker keeps what nobody will look at"
    inbox.put(arrived(B, left=left))
    assert left.count == 5, "another sender pays for it"


def test_a_button_is_one_sender_whatever_jurisdiction_it_names() -> None:
    inbox, left = Inbox(), Left()
    for n in range(10 * INBOX_PER_SENDER_MAX):
        inbox.put(arrived(A, n, jurisdiction=f"county-{n}", left=left))
    inbox.put(arrived(B, left=left))
    assert left.count == 9 * INBOX_PER_SENDER_MAX
    assert senders(inbox.take(SENDERS_SHARE_MAX + 1)) == {A: SENDERS_SHARE_MAX, B: 1}


def test_an_empty_inbox_says_so() -> None:
    inbox, left = Inbox(), Left()
    assert not inbox.filled.is_set()
    inbox.put(arrived(A, left=left))
    assert inbox.filled.is_set()
    assert len(inbox.take(BATCH_MAX)) == 1
    assert not inbox.filled.is_set()
    assert inbox.take(BATCH_MAX) == []


@given(
    messages=st.lists(st.sampled_from([A, B, C]), max_size=500),
    most=st.integers(1, BATCH_MAX),
)
def test_whatever_comes_is_taken_once_in_its_senders_order_and_nobody_starves(
    messages: list[str], most: int
) -> None:
    inbox, left = Inbox(), Left()
    for n, device_id in enumerate(messages):
        inbox.put(arrived(device_id, n, left=left))
    waiting = Counter({one: min(n, INBOX_PER_SENDER_MAX) for one, n in Counter(messages).items()})
    taken: list[Arrived] = []
    while inbox.filled.is_set():
        turn = inbox.take(most)
        assert 0 < len(turn) <= most
        if most >= 3 * SENDERS_SHARE_MAX:
            assert senders(turn).keys() == waiting.keys(), "somebody's turn was left out"
        waiting -= senders(turn)
        taken += turn
    assert not waiting
    assert len(taken) + left.count == len(messages)
    for device_id in (A, B, C):
        order = [int(one.body) for one in taken if device_id in one.topic]
        assert order == sorted(order)


async def test_a_flooding_button_holds_no_more_than_a_button_keeps(
    county: County, server: Server
) -> None:
    """Also while the database takes nothing: here nothing is stored at all."""
    async with county.database.pool() as pool:
        mad, good = await county.buttons(pool, 2)
    await server.directory.read()
    for _ in range(3):
        presses = [mad.press() for _ in range(INBOX_PER_SENDER_MAX)]
        server.press(mad, *presses)
        for arrived_ in server.ingest._inbox.take(10_000):
            server.ingest._look_at(arrived_)
    server.press(good, good.press())
    for arrived_ in server.ingest._inbox.take(10_000):
        server.ingest._look_at(arrived_)
    held = Counter(one.device.device_id for one in server.ingest._held.values())
    assert held == {mad.device_id: HELD_PER_SENDER_MAX, good.device_id: 1}
    assert server.accepted == 3 * INBOX_PER_SENDER_MAX - HELD_PER_SENDER_MAX


async def test_of_a_flood_one_message_in_a_while_does_not_wait_for_its_turn(server: Server) -> None:
    """Nobody's signature: what is looked at is left to the doubtful lane, and accepted."""
    left = Left()
    for n in range(10):
        server.ingest.arrived(arrived(A, n, received=1.0 + n * LOOK_AT_ONCE_S / 100, left=left))
    assert left.count == 1
    server.ingest.arrived(arrived(B, received=1.0 + 2 * LOOK_AT_ONCE_S, left=left))
    assert left.count == 1, "it went ahead of what waits"
    assert len(server.ingest._inbox.take(BATCH_MAX)) == 10
    server.ingest.arrived(arrived(B, received=1.0 + 3 * LOOK_AT_ONCE_S, left=left))
    assert left.count == 2
