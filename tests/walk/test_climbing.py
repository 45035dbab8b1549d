"""Nobody acknowledges: tier after tier is told, then the last one again and again.

Times are the phones' own: when a text came to the provider. That a tier is told no earlier than
its seconds allow is exact; how much later it may be is the acceptance figure where there is one,
and otherwise generous. A server that isn't there tells nobody: where a busy machine takes longer
to start it than a tier waits, the figure counts from its return.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.parts import DANA, LUIS, MAYA, RAY, Alert, Screen, Walk
from tests.standstill import Standstill
from tests.walk.house import detail
from tocsin_server.demo.example import Person
from tocsin_server.demo.phone import Condition
from tocsin_server.demo.virtual_button import VirtualButton

RESTART_SHIFTS_S_MAX = 2.0  # acceptance: a clean restart of the server
KILL_SHIFTS_S_MAX = 7.0  # acceptance: kill -9
STOPPED_WITHIN_S = 20.0  # a service manager would kill it in the end
LATE_S_MAX = 20.0  # a busy machine; nobody's figure


@dataclass(frozen=True)
class Climb:
    """One alert that nobody takes, and a moment just before its press."""

    walk: Walk
    screen: Screen
    alert: Alert
    before: datetime

    def pages(self, person: Person) -> list[datetime]:
        """When each page of this alert came to somebody's phone."""
        thread = self.walk.phone(person).received
        return [sms.at for sms in thread if f"Reply {self.alert.code} " in sms.body]

    async def paged(self, person: Person, *, count: int = 1) -> float:
        """Seconds from the press to somebody's `count`-th page."""
        page = f"Reply {self.alert.code} "
        await self.walk.phone(person).until_received(page, count=count, timeout_s=60)
        return (self.pages(person)[count - 1] - self.before).total_seconds()

    def so_far(self) -> float:
        """Seconds since the press."""
        return (datetime.now(UTC) - self.before).total_seconds()


async def climb(walk: Walk, screen: Screen, button: VirtualButton) -> Climb:
    """Press a button, and let nobody answer."""
    known = set(screen.alerts)
    before = datetime.now(UTC)
    await button.press()
    alert = await screen.until_alert(lambda each: each.alert_id not in known)
    return Climb(walk, screen, alert, before)


@pytest.mark.parametrize("patience_s", [(2.0, 1.5, 1.0)])
async def test_tier_after_tier_is_told_after_its_seconds_and_the_last_again_and_again(
    walk: Walk, screen: Screen, button: VirtualButton
) -> None:
    first = await climb(walk, screen, button)
    tier_1 = await first.paged(DANA)
    await first.paged(LUIS)
    tier_2 = await first.paged(MAYA)
    tier_3 = await first.paged(RAY)
    shown = await screen.until_alert(lambda each: each.unanswered)
    assert (shown.state, shown.tier, shown.tiers) == ("open", 3, 3)
    repeats = [await first.paged(RAY, count=2), await first.paged(RAY, count=3)]

    expected = [0.0, 2.0, 3.5, 4.5, 5.5]
    for told_s, due_s in zip([tier_1, tier_2, tier_3, *repeats], expected, strict=True):
        assert due_s <= told_s < due_s + LATE_S_MAX
    assert len(first.pages(DANA)) == len(first.pages(LUIS)) == 1

    second = await climb(walk, screen, button)
    assert second.alert.previous_alert_id == first.alert.alert_id
    assert await second.paged(DANA) < LATE_S_MAX
    await second.paged(LUIS)
    await whoever_takes_it_ends_it(first, second)


async def whoever_takes_it_ends_it(taken: Climb, other: Climb) -> None:
    await taken.walk.phone(RAY).reply(taken.alert.code)
    await taken.screen.until_alert(
        lambda each: each.alert_id == taken.alert.alert_id and each.acknowledged_by == RAY.name
    )
    for person in (DANA, LUIS, MAYA):
        await taken.walk.phone(person).until_received("Deputy Ray Cole has the duress")
    # A page that was on its way at that moment may come after the word of who has it.
    await taken.screen.until_alert(
        lambda each: (
            each.alert_id == taken.alert.alert_id
            and {x.state for x in each.notifications} <= {"delivered", "withdrawn"}
        )
    )
    pages = {person: len(taken.pages(person)) for person in (DANA, LUIS, MAYA, RAY)}
    await other.paged(MAYA, count=3)  # that one climbs on
    assert pages == {person: len(taken.pages(person)) for person in (DANA, LUIS, MAYA, RAY)}


@pytest.mark.parametrize("patience_s", [(5.0, 5.0, 600.0)])
async def test_pressing_again_while_it_climbs_joins_and_delays_nothing(
    walk: Walk, screen: Screen, button: VirtualButton
) -> None:
    maya = walk.phone(MAYA)
    maya.condition = Condition.TOO_MANY  # should this machine take its five seconds to press again
    one = await climb(walk, screen, button)
    await one.paged(DANA)
    await button.press()
    await screen.until_alert(lambda each: each.presses == 2)
    maya.condition = Condition.ON
    told_s = await one.paged(MAYA)
    assert 5.0 <= told_s < 5.0 + LATE_S_MAX
    assert len(screen.alerts) == 1
    assert len(one.pages(DANA)) == 1
    text = await maya.until_received(f"Reply {one.alert.code} ")
    assert "pressed 2 times" in text.body


@pytest.mark.parametrize("patience_s", [(6.0, 6.0, 600.0)])
async def test_clean_restarts_in_the_middle_shift_no_tier_by_more_than_two_seconds(
    walk: Walk, screen: Screen, button: VirtualButton, machine: Standstill
) -> None:
    one = await climb(walk, screen, button)
    tier_1 = await one.paged(DANA)
    await walk.server.stop()
    await walk.server.start()
    back_s = one.so_far()
    tier_2 = await one.paged(MAYA)
    assert 6.0 <= tier_2 <= max(tier_1 + 6.0, back_s) + RESTART_SHIFTS_S_MAX + machine.so_far_s
    await walk.server.stop()
    await walk.server.start()
    back_s = one.so_far()
    tier_3 = await one.paged(RAY)
    assert 12.0 <= tier_3 <= max(tier_2 + 6.0, back_s) + RESTART_SHIFTS_S_MAX + machine.so_far_s
    assert len(one.pages(DANA)) == 1
    await button.until_lamp("stored")


@pytest.mark.parametrize("patience_s", [(4.0, 600.0, 600.0)])
async def test_a_kill_between_two_tiers_shifts_the_next_by_no_more_than_seven_seconds(
    walk: Walk, screen: Screen, button: VirtualButton, machine: Standstill
) -> None:
    one = await climb(walk, screen, button)
    tier_1 = await one.paged(DANA)
    # On record, that is: what a killed server had sent and not yet noted is sent once more.
    await screen.until_alert(
        lambda each: [x.state for x in each.notifications] == ["delivered"] * 2
    )
    await walk.server.kill()
    await walk.server.start()
    back_s = one.so_far()
    tier_2 = await one.paged(MAYA)
    assert 4.0 <= tier_2 <= max(tier_1 + 4.0, back_s) + KILL_SHIFTS_S_MAX + machine.so_far_s
    assert len(one.pages(DANA)) == 1


@pytest.mark.parametrize("patience_s", [(2.0, 600.0, 600.0)])
async def test_a_kill_while_a_page_is_being_sent_delays_it_by_no_more_than_seven_seconds(
    walk: Walk, screen: Screen, button: VirtualButton, machine: Standstill
) -> None:
    maya = walk.phone(MAYA)
    maya.condition = Condition.SLOW
    one = await climb(walk, screen, button)
    tier_1 = await one.paged(DANA)
    await maya.until_asked(1)
    await walk.server.kill()
    maya.condition = Condition.TOO_MANY  # what was asked before the kill comes to nothing
    await walk.server.start()
    back_s = one.so_far()
    maya.condition = Condition.ON
    tier_2 = await one.paged(MAYA)
    assert 2.0 <= tier_2 <= max(tier_1 + 2.0, back_s) + KILL_SHIFTS_S_MAX + machine.so_far_s
    assert len(one.pages(MAYA)) == 1


@pytest.mark.parametrize("patience_s", [(2.0, 600.0, 600.0)])
async def test_two_servers_page_everybody_once_and_show_the_same(
    walk: Walk, screen: Screen, button: VirtualButton
) -> None:
    other = await walk.screen(server=await walk.another_server())
    one = await climb(walk, screen, button)
    await one.paged(DANA)
    await one.paged(LUIS)
    assert 2.0 <= await one.paged(MAYA) < 2.0 + LATE_S_MAX
    assert [len(one.pages(person)) for person in (DANA, LUIS, MAYA)] == [1, 1, 1]
    await other.acknowledge(await other.until_alert())
    taken = await screen.until_alert(lambda each: each.state == "acknowledged")
    assert taken.alert_id == one.alert.alert_id
    await button.until_lamp("acknowledged")
    for person in (DANA, LUIS, MAYA):
        await walk.phone(person).until_received("Dana Ortiz has the duress")
    names = [event.name for event in (await detail(screen, taken)).events]
    assert names.count("tier_told") == 2
    assert names.count("stood_down") == 1


@pytest.mark.parametrize("patience_s", [(600.0, 600.0, 600.0)])
async def test_a_server_asked_to_stop_while_it_sends_lets_that_arrive_and_ends(
    walk: Walk, screen: Screen, button: VirtualButton
) -> None:
    dana, luis = walk.phone(DANA), walk.phone(LUIS)
    dana.condition = luis.condition = Condition.SLOW
    one = await climb(walk, screen, button)
    await dana.until_asked(1)
    await luis.until_asked(1)
    stopping = asyncio.create_task(walk.server.stop())
    await screen.until(lambda _: not screen.live)
    dana.condition = luis.condition = Condition.ON
    async with asyncio.timeout(STOPPED_WITHIN_S):
        assert await stopping == 0
    await walk.server.start()
    await one.paged(DANA)
    await one.paged(LUIS)
    other = await climb(walk, screen, await walk.button())
    await other.paged(DANA)
    assert [len(one.pages(person)) for person in (DANA, LUIS)] == [1, 1]
