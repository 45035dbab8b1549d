"""What a receiver does not take is sent again, and nothing of it harms anybody else."""

import asyncio
from datetime import timedelta

import pytest

from tests.hooks.followed import DANA, Followed
from tests.hooks.receiver import Receiver, receiving
from tests.offices import add_button
from tests.parts import WAIT_S
from tocsin_server.demo.postgres import free_port
from tocsin_server.errors import NotFound, Refused
from tocsin_server.hooks import deliver as delivering
from tocsin_server.hooks import hooks
from tocsin_server.hooks.deliver import AT_ONCE_OF_HOOK_MAX, RETRY_S, Answer, Verdict, judge

A_DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("answer", "tries", "wanted"),
    [
        (Answer(200), 1, Verdict("delivered")),
        (Answer(299), 9, Verdict("delivered")),
        (Answer(500), 1, Verdict("pending", "it answered 500", RETRY_S[0])),
        (Answer(404), 2, Verdict("pending", "it answered 404", RETRY_S[1])),
        (Answer(None, "gone"), len(RETRY_S), Verdict("pending", "gone", RETRY_S[-1])),
        (Answer(None, "gone"), len(RETRY_S) + 1, Verdict("dead", "gone")),
    ],
)
def test_what_becomes_of_a_delivery(answer: Answer, tries: int, wanted: Verdict) -> None:
    assert judge(answer, tries=tries, is_test=False, jitter=0) == wanted


def test_retries_last_about_a_day_and_are_not_all_at_once() -> None:
    assert 20 < sum(RETRY_S) / 3600 < 28
    early, late = (judge(Answer(500), tries=1, is_test=False, jitter=jitter) for jitter in (-1, 1))
    assert early.retry_s is not None
    assert late.retry_s is not None
    assert early.retry_s < RETRY_S[0] < late.retry_s


def test_a_test_is_tried_once_and_gone_means_gone() -> None:
    assert judge(Answer(500), tries=1, is_test=True, jitter=0).state == "dead"
    gone = judge(Answer(410), tries=1, is_test=False, jitter=0)
    assert (gone.state, gone.disables) == ("dead", True)


async def test_a_server_error_is_tried_again_with_the_same_id(
    followed: Followed, receiver: Receiver
) -> None:
    made = await followed.hook(receiver.url)
    receiver.status = 500
    await followed.press()
    await followed.send_all()
    (waiting,) = await followed.deliveries(made)
    assert (waiting.state, waiting.tries, waiting.status) == ("pending", 1, 500)
    assert waiting.error == "it answered 500"
    await followed.send_all()
    assert len(receiver.received) == 1, "at once"
    receiver.status = 200
    await followed.step(timedelta(seconds=RETRY_S[0] * 1.3))
    await followed.send_all()
    first, second = receiver.received
    assert first.message_id == second.message_id == str(waiting.delivery_id)
    second.verify(made.secret)
    (done,) = await followed.deliveries(made)
    assert (done.state, done.tries, done.status, done.error) == ("delivered", 2, 200, None)


async def test_no_answer_in_time_is_no_delivery(
    followed: Followed, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "ANSWER_S_MAX", 0.2)
    impatient = await followed.replica("server-2")
    made = await followed.hook(receiver.url)
    receiver.open.clear()
    await followed.press()
    await followed.send_all(impatient)
    (waiting,) = await followed.deliveries(made)
    assert (waiting.state, waiting.error) == ("pending", "it did not answer within 0.2 s")


async def test_what_is_no_http_is_no_delivery(followed: Followed) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x00\xff garbage " * 100)
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        made = await followed.hook(f"http://127.0.0.1:{port}/")
        await followed.press()
        await followed.send_all()
    (waiting,) = await followed.deliveries(made)
    assert waiting.state == "pending"
    assert "spoke no HTTP" in (waiting.error or "")


async def test_a_receiver_that_is_away_gets_it_when_it_is_back(followed: Followed) -> None:
    port = free_port()
    made = await followed.hook(f"http://127.0.0.1:{port}/tocsin")
    await followed.press()
    await followed.send_all()
    (waiting,) = await followed.deliveries(made)
    assert "not reached" in (waiting.error or "")
    await followed.step(A_DAY)
    async with receiving(port=port) as receiver:
        await followed.send_all()
    assert receiver.events == ["alert.pressed"]


async def test_what_nobody_took_in_a_day_is_dead_and_can_be_sent_again(
    followed: Followed, receiver: Receiver
) -> None:
    made = await followed.hook(receiver.url)
    receiver.status = 503
    await followed.press()
    for _ in range(len(RETRY_S) + 3):
        await followed.send_all()
        await followed.step(A_DAY)
    assert len(receiver.received) == len(RETRY_S) + 1
    (dead,) = await followed.deliveries(made)
    assert (dead.state, dead.error) == ("dead", "it answered 503")
    assert [hook.dead for hook in await followed.hooks()] == [1]
    receiver.status = 200
    one = followed.one(made)
    assert await hooks.resend(followed.pool, delivery_id=None, **one) == 1
    await followed.send_all()
    assert {each.message_id for each in receiver.received} == {str(dead.delivery_id)}
    assert await followed.states(made) == ["delivered"]
    assert await hooks.resend(followed.pool, delivery_id=None, **one) == 0
    assert await hooks.resend(followed.pool, delivery_id=dead.delivery_id, **one) == 1
    with pytest.raises(NotFound, match="no such delivery"):
        await hooks.resend(followed.pool, delivery_id=made.hook.hook_id, **one)


async def test_the_events_of_an_alert_keep_their_order_and_hold_up_no_other_alert(
    followed: Followed, receiver: Receiver
) -> None:
    made = await followed.hook(receiver.url)
    receiver.refuses = {"alert.pressed"}
    first = await followed.press()
    await followed.acknowledge(first)
    await followed.send_all()
    assert receiver.events == ["alert.pressed"]
    receiver.refuses = set()
    other = await add_button(
        followed.pool, jurisdiction=followed.jurisdiction, place_id=followed.office.place_id
    )
    await followed.press(device_id=other)
    await followed.send_all()
    assert receiver.events == ["alert.pressed"] * 2
    await followed.step(timedelta(seconds=RETRY_S[0] * 1.3))
    await followed.send_all()
    assert receiver.events[2:] == ["alert.pressed", "alert.acknowledged"]
    assert set(await followed.states(made)) == {"delivered"}


async def test_the_dead_let_the_later_ones_pass(followed: Followed, receiver: Receiver) -> None:
    made = await followed.hook(receiver.url)
    receiver.refuses = {"alert.pressed"}
    await followed.acknowledge(await followed.press())
    for _ in range(len(RETRY_S) + 1):
        await followed.send_all()
        await followed.step(A_DAY)
    assert receiver.events == [*["alert.pressed"] * (len(RETRY_S) + 1), "alert.acknowledged"]
    assert await followed.states(made) == ["dead", "delivered"]


async def test_a_slow_receiver_delays_no_other(followed: Followed, receiver: Receiver) -> None:
    async with receiving() as slow:
        slow.open.clear()
        await followed.hook(slow.url, name="Slow")
        await followed.hook(receiver.url, name="Quick")
        buttons = [
            await add_button(
                followed.pool, jurisdiction=followed.jurisdiction, place_id=followed.office.place_id
            )
            for _ in range(3 * AT_ONCE_OF_HOOK_MAX)
        ]
        for button in buttons:
            await followed.press(device_id=button)
        running = asyncio.create_task(followed.deliver.run())
        try:
            await receiver.until(len(buttons))
            await slow.until(AT_ONCE_OF_HOOK_MAX)
            assert len(slow.received) == AT_ONCE_OF_HOOK_MAX
            slow.open.set()
            await slow.until(len(buttons))
        finally:
            running.cancel()
            await asyncio.wait([running])


async def test_two_replicas_send_each_message_once(followed: Followed, receiver: Receiver) -> None:
    other = await followed.replica("server-2")
    await followed.hook(receiver.url)
    for _ in range(4):
        await followed.press()
    await asyncio.gather(followed.send_all(), followed.send_all(other))
    await asyncio.gather(followed.send_all(), followed.send_all(other))
    assert receiver.events == ["alert.pressed", *["alert.pressed_again"] * 3]


async def test_a_replica_that_dies_in_the_middle_is_replaced_after_its_lease(
    followed: Followed, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LEASE_S", 50.0)  # far from what this test itself takes
    made = await followed.hook(receiver.url)
    receiver.open.clear()
    await followed.press()
    await followed.deliver.turn()
    await receiver.until(1)
    for sending in followed.deliver._sending:
        sending.cancel()
    receiver.open.set()
    other = await followed.replica("server-2")
    await followed.send_all(other)
    assert len(receiver.received) == 1, "before the lease is over"
    await followed.step(timedelta(seconds=51))
    await followed.send_all(other)
    assert len(receiver.received) == 2
    assert len({each.message_id for each in receiver.received}) == 1
    assert await followed.states(made) == ["delivered"]


@pytest.mark.parametrize("days", [1, -1], ids=["forward", "back"])
async def test_a_database_clock_that_steps_freezes_no_message(
    followed: Followed, receiver: Receiver, days: int
) -> None:
    await followed.hook(receiver.url)
    await followed.press()
    await followed.step(timedelta(days=days))
    await followed.send_all()
    assert receiver.events == ["alert.pressed"]


async def test_at_shutdown_what_is_slow_is_left_to_others(
    followed: Followed, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "DRAIN_S", 0.1)
    made = await followed.hook(receiver.url)
    receiver.open.clear()
    await followed.press()
    await followed.deliver.turn()
    await receiver.until(1)
    async with asyncio.timeout(WAIT_S):
        await followed.deliver.drain()
    receiver.open.set()
    await followed.step(timedelta(seconds=delivering.LEASE_S))
    await followed.send_all(await followed.replica("server-2"))
    assert len(receiver.received) == 2
    assert await followed.states(made) == ["delivered"]


async def test_gone_disables_the_hook_until_somebody_enables_it(
    followed: Followed, receiver: Receiver
) -> None:
    made = await followed.hook(receiver.url)
    receiver.status = 410
    alert_id = await followed.press()
    await followed.acknowledge(alert_id)
    await followed.send_all()
    assert receiver.events == ["alert.pressed"]
    (hook,) = await followed.hooks()
    assert hook.disabled_because == "it answered 410 Gone: it wants no more messages"
    assert await followed.states(made) == ["dead", "dead"]
    await followed.do("respond", alert_id, DANA)
    await followed.send_all()
    assert len(receiver.received) == 1
    one = followed.one(made)
    with pytest.raises(Refused, match="enable it first"):
        await hooks.try_hook(followed.pool, **one)
    with pytest.raises(Refused, match="enable it first"):
        await hooks.resend(followed.pool, delivery_id=None, **one)
    receiver.status = 200
    await hooks.enable_hook(followed.pool, by=DANA, **one)
    await followed.do("resolve", alert_id, DANA, "test", "")
    assert await hooks.resend(followed.pool, delivery_id=None, **one) == 2
    await followed.send_all()
    assert receiver.events[1:] == ["alert.pressed", "alert.acknowledged", "alert.resolved"]


async def test_a_redirect_is_not_followed(followed: Followed, receiver: Receiver) -> None:
    async with receiving() as elsewhere:
        made = await followed.hook(receiver.url)
        receiver.status, receiver.headers = 307, {"Location": elsewhere.url}
        await followed.press()
        await followed.send_all()
        assert elsewhere.received == []
    (waiting,) = await followed.deliveries(made)
    assert waiting.state == "pending"
    assert "redirects are not followed" in (waiting.error or "")


async def test_an_answer_without_end_is_not_read(followed: Followed, receiver: Receiver) -> None:
    made = await followed.hook(receiver.url)
    receiver.endless = True
    await followed.press()
    async with asyncio.timeout(delivering.ANSWER_S_MAX / 2):
        await followed.send_all()
    assert await followed.states(made) == ["delivered"]


async def test_a_hook_that_was_removed_leaves_nothing(
    followed: Followed, receiver: Receiver
) -> None:
    made = await followed.hook(receiver.url)
    alert_id = await followed.press()
    one = followed.one(made)
    async with followed.pool.acquire() as connection, connection.transaction():
        # This press has seen the hook, and is committed after it is gone.
        await connection.execute("SELECT append_event($1, 'pressed_again', '{}')", alert_id)
        await hooks.remove_hook(followed.pool, by=DANA, **one)
    await followed.send_all()
    assert receiver.received == []
    assert await followed.hooks() == []
    await delivering.queries.sweep(followed.pool, days=hooks.KEPT_DAYS)
    assert await followed.pool.fetchval("SELECT count(*) FROM hook_delivery") == 0


async def test_what_is_done_is_kept_for_a_while(followed: Followed, receiver: Receiver) -> None:
    made = await followed.hook(receiver.url)
    await followed.press()
    await followed.send_all()
    receiver.status = 500
    await followed.press()
    await followed.send_all()
    await delivering.queries.sweep(followed.pool, days=hooks.KEPT_DAYS)
    assert await followed.states(made) == ["delivered", "pending"]
    await followed.step(timedelta(days=hooks.KEPT_DAYS + 1))
    await delivering.queries.sweep(followed.pool, days=hooks.KEPT_DAYS)
    assert await followed.states(made) == ["pending"]


async def test_how_long_the_oldest_waits_is_a_figure(
    followed: Followed, receiver: Receiver
) -> None:
    await followed.hook(receiver.url)
    assert (await delivering.queries.measure(followed.pool))["oldest_s"] == 0
    receiver.status = 500
    await followed.press()
    await followed.send_all()
    await followed.step(timedelta(minutes=5))
    measured = await delivering.queries.measure(followed.pool)
    assert measured["oldest_s"] >= 300
    assert measured["disabled"] == 0
