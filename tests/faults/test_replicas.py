"""Two replicas on one database and one broker: each hears everything, and nothing happens twice.

Law 8 says how this was broken before: lost and doubled presses, deadlocks, alerts that were
acknowledged and then told to the next tier all the same. Here people press, cancel and take
alerts at the same moments on both, and screens, phones and receipts are compared.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import pytest

from tests.faults import judge
from tests.faults.judge import Record
from tests.faults.senders import Sender, register, senders
from tests.parts import ASK_AGAIN_S, DANA, LUIS, MAYA, Alert, Screen, Walk
from tocsin_server.alert.notify import LEASE_S
from tocsin_server.alert.room import AT_ONCE_MAX
from tocsin_server.demo.example import Person
from tocsin_wire import messages

BUTTONS = 60
PRESSES = 5
WITHIN_S = 3.0
TIER_1_S = 2.0  # while people are still pressing, so that taking and climbing race
STOPPED = 20


async def press_at_random(sender: Sender, seed: int) -> None:
    """Press, sometimes cancel, before or after; and every message comes twice or three times."""
    chance = random.Random(f"{seed} {sender.device_id}")
    for _ in range(PRESSES):
        await asyncio.sleep(chance.uniform(0, WITHIN_S / PRESSES))
        press_id = messages.new_id()
        order = chance.choice(["press"] * 4 + ["press cancel", "cancel press"])
        for kind in order.split():
            if kind == "press":
                sender.press(press_id=press_id)
            else:
                sender.press(kind="cancel", cancels=press_id)
        for _ in range(chance.choice([1, 2])):
            sender.repeat(press_id)


async def take_at_random(
    screens: Sequence[Screen], taken: dict[str, list[bool]], seed: int
) -> None:
    """Two dispatchers reach for the same alert at the same moment, about when tier 1 gives up."""
    chance = random.Random(seed)
    ended = asyncio.Event()

    async def take(alert_id: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        answers = await asyncio.gather(
            *[screen.post(f"alerts/{alert_id}/acknowledge") for screen in screens]
        )
        assert [answer.status for answer in answers] == [200] * len(screens)
        taken[alert_id] += [bool(answer.json()["won"]) for answer in answers]

    async with asyncio.TaskGroup() as tasks:
        asyncio.get_running_loop().call_later(WITHIN_S + TIER_1_S, ended.set)
        while not ended.is_set():
            for alert_id in list(screens[0].alerts):
                if alert_id not in taken and chance.random() < 0.5:
                    taken[alert_id] = []
                    tasks.create_task(take(alert_id, chance.uniform(0, TIER_1_S)))
            await asyncio.sleep(0.05)


def same(screens: Sequence[Screen]) -> bool:
    """Every screen shows the same alerts, each in the same version."""
    shown = [{alert.alert_id: alert.version for alert in one.alerts.values()} for one in screens]
    return all(one == shown[0] for one in shown)


async def until_quiet(screens: Sequence[Screen], made: int) -> dict[str, Record]:
    """All presses are shown, every message has its last word, the screens and the record agree."""

    def quiet(screen: Screen) -> bool:
        alerts = screen.alerts.values()
        return (
            sum(alert.presses for alert in alerts) == made
            and not any(unsent(alert) or unreported(alert) for alert in alerts)
            and same(screens)
        )

    async with asyncio.timeout(60):
        while True:
            for screen in screens:
                await screen.until(quiet, timeout_s=60)
            records = await judge.read_records(screens[0])
            if all(settled(screens, record) for record in records.values()):
                return records
            await asyncio.sleep(ASK_AGAIN_S)


def settled(screens: Sequence[Screen], record: Record) -> bool:
    """Nothing is to come: whoever was to stand down was told so, and every screen shows it."""
    done = record.alert.state == "open" or record.named("stood_down")
    return bool(done) and all(
        record.alert == screen.alerts[record.alert.alert_id] for screen in screens
    )


def unsent(alert: Alert) -> bool:
    """Somebody is still to be told. (Whoever takes an alert at once leaves nobody to tell.)"""
    waits = alert.state == "open" and not alert.notifications
    return waits or any(told.state in {"pending", "sending"} for told in alert.notifications)


def unreported(alert: Alert) -> bool:
    """The provider has it and has not said yet what became of it."""
    return any(told.state == "accepted" for told in alert.notifications)


def assert_told_once(walk: Walk, records: dict[str, Record], people: Sequence[Person]) -> None:
    """As many texts as the record says; one for each attempt, and none for one withdrawn."""
    for person in people:
        expected = {
            alert_id: sum(
                told.name == person.name and told.purpose == "page" and told.state == "delivered"
                for told in record.alert.notifications
            )
            for alert_id, record in records.items()
        }
        assert judge.pages(walk.phone(person), records) == Counter(expected)
        for record in records.values():
            named = [event for event in record.named("tier_told") if person.name in event.people]
            assert expected[record.alert.alert_id] <= len(named)


def assert_never_told_after_taken(record: Record) -> None:
    names = [event.name for event in record.events]
    assert names.count("acknowledged") <= 1
    attempts = [event.payload["attempt"] for event in record.named("tier_told")]
    assert attempts == list(range(1, len(attempts) + 1)), "an attempt left out, or made twice"
    if "acknowledged" in names:
        assert "tier_told" not in names[names.index("acknowledged") :]
    stood_down = Counter(
        told.name for told in record.alert.notifications if told.purpose == "stand_down"
    )
    assert set(stood_down.values()) <= {1}


def lateness_s(walk: Walk, records: dict[str, Record], people: Sequence[Person]) -> list[float]:
    """How long after its alert was taken a page still came: what was in flight."""
    late = []
    alerts = judge.alerts_of(records)
    for person in people:
        for sms in walk.phone(person).received:
            if (notification := judge.asks(sms)) is not None:
                taken_at = records[alerts[notification]].alert.acknowledged_at
                if taken_at is not None:
                    late.append((sms.at - datetime.fromisoformat(taken_at)).total_seconds())
    return [seconds for seconds in late if seconds > 0]


def assert_one_alert_for_each_press(every: Sequence[Sender], records: dict[str, Record]) -> None:
    """Whichever replica answered, and however often: the same alert, and never a lower state."""
    on_record = {
        UUID(press.press_id): alert_id
        for alert_id, record in records.items()
        for press in record.presses
    }
    rank = messages.STATES.index
    for sender in every:
        for press_id in sender.made:
            receipts = sender.receipts[press_id]
            assert {str(receipt.alert_id) for receipt in receipts} == {on_record[press_id]}
            best = max(receipts, key=lambda receipt: rank(receipt.state))
            assert rank(best.state) >= rank("stored")


@pytest.mark.parametrize("patience_s", [(TIER_1_S, 600.0, 600.0)])
async def test_two_replicas_lose_nothing_and_do_nothing_twice(walk: Walk) -> None:
    seed = judge.seeded("two replicas").randrange(2**32)
    second = await walk.another_server()
    folders = await register(walk, BUTTONS, servers=[walk.server, second])
    screens = [await walk.screen(), await walk.screen(email=LUIS.email, server=second)]
    taken: dict[str, list[bool]] = {}
    async with senders(walk, folders) as every:
        await asyncio.gather(
            take_at_random(screens, taken, seed),
            *[press_at_random(sender, seed) for sender in every],
        )
        await asyncio.gather(*[sender.until_receipted() for sender in every])
        cancels = sum(sender.cancels for sender in every)
        presses = sum(len(sender.made) for sender in every) - cancels
        records = await until_quiet(screens, presses)
        made = {sender.device_id: list(map(str, sender.made)) for sender in every}
        judge.assert_each_press_once(records, made)
        assert_one_alert_for_each_press(every, records)
    for record in records.values():
        judge.assert_record_is_complete(record)
        assert_never_told_after_taken(record)
    for alert_id, won in taken.items():
        assert sorted(won) == [False, True], "both took it, or neither"
        assert records[alert_id].alert.state == "acknowledged"
    assert_told_once(walk, records, (DANA, LUIS, MAYA))
    late_s = lateness_s(walk, records, (DANA, LUIS, MAYA))
    assert max(late_s, default=0.0) < LEASE_S, "a page that was not in flight any more"
    climbed = sum(len(record.named("tier_told")) > 1 for record in records.values())
    print(
        f"two replicas: {presses} presses and {cancels} cancels of {BUTTONS} buttons, on"
        f" {len(records)} alerts; {len(taken)} taken by both at once, {climbed} told to tier 2;"
        f" {len(late_s)} pages came after that, the last {max(late_s, default=0) * 1000:.0f} ms"
    )
    for screen in screens:
        assert not screen.held
        assert not screen.doubtful


async def test_a_replica_that_stops_in_the_middle_holds_up_nothing_and_undoes_nothing(
    walk: Walk,
) -> None:
    """Stopped, not ended: its connections stand, and whatever it had begun is half done."""
    chance = judge.seeded("stopped replica")
    seed = chance.randrange(2**32)
    second = await walk.another_server()
    folders = await register(walk, STOPPED, servers=[walk.server, second])
    screens = [await walk.screen(), await walk.screen(email=LUIS.email, server=second)]

    async def stop_it(after_s: float) -> None:
        await asyncio.sleep(after_s)
        second.pause()

    async with senders(walk, folders) as every:
        for sender in every:
            sender.press()  # so that it has much to do at once
        await asyncio.gather(
            stop_it(chance.uniform(0, 0.1)), *[press_at_random(sender, seed) for sender in every]
        )
        await asyncio.gather(*[sender.until_receipted() for sender in every])
        presses = sum(len(sender.made) - sender.cancels for sender in every)
        await screens[0].until(
            lambda screen: sum(alert.presses for alert in screen.alerts.values()) == presses
        )
        # What it had leased is sent by the other one; nobody waits longer than the lease.
        await screens[0].until(
            lambda screen: not any(unsent(alert) for alert in screen.alerts.values())
        )
        for alert in list(screens[0].alerts.values()):
            assert (await screens[0].acknowledge(alert)).json()["won"] is True
        second.resume()
        records = await until_quiet(screens, presses)
        made = {sender.device_id: list(map(str, sender.made)) for sender in every}
        judge.assert_each_press_once(records, made)
        assert_one_alert_for_each_press(every, records)
    for record in records.values():
        judge.assert_record_is_complete(record)
        assert_never_told_after_taken(record)
        assert record.alert.acknowledged_by == DANA.name
    extra = 0
    for person in (DANA, LUIS):
        asked = judge.pages(walk.phone(person), records)
        assert asked.keys() == records.keys()
        assert max(asked.values()) <= 2
        extra += sum(asked.values()) - len(asked)
    assert extra <= AT_ONCE_MAX, "more than it can have had in its hands"
    print(f"stopped replica: {presses} presses, {len(records)} alerts, {extra} second texts")
