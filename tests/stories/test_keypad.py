"""A call is answered and a key pressed: 1 takes it, 2 passes it on, 3 says it again.

Twilio posts a pressed key, so these stories need a public address; behind a firewall the voice
says how to answer by text instead.
"""

import asyncio
from uuid import UUID

import pytest

from tests.parts import DANA, LUIS, MAYA
from tests.stories.conftest import FIREWALLED, PUBLIC
from tests.stories.house import ROSA, County, seconds
from tocsin_server.channels.twiml import MENUS
from tocsin_server.demo.phone import CallStatus, Condition

pytestmark = pytest.mark.asyncio(loop_scope="session")
public = pytest.mark.parametrize("whole_county", [PUBLIC], indirect=True)
firewalled = pytest.mark.parametrize("whole_county", [FIREWALLED], indirect=True)

AT_ONCE_S = 10.0  # nobody's figure, and nothing beside a tier's ten minutes


@public
async def test_two_people_press_1_at_the_same_moment_and_the_other_hears_who_has_it(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA], methods=("voice",))
    alert = await county.press()
    calls = {
        DANA.name: await county.listen(county.dana),
        LUIS.name: await county.listen(county.luis),
    }
    await asyncio.gather(*[call.press("1") for call in calls.values()])
    taken = await county.now(alert, lambda each: each.state == "acknowledged")
    winner = calls.pop(taken.acknowledged_by or "")
    (other,) = calls.values()
    assert winner.heard[-1] == "You have it. Everyone else is told."
    assert f"{taken.acknowledged_by} has " in other.heard[-1]
    assert await county.happened(alert, "acknowledged") == 1
    await county.until_nothing_is_on_its_way()
    assert [len(phone.calls) for phone in (county.dana, county.luis)] == [1, 1], "called again"
    assert await winner.until_ended() is await other.until_ended() is CallStatus.COMPLETED


@public
async def test_whoever_listens_hears_who_has_it_and_whose_phone_rings_hears_nothing(
    county: County,
) -> None:
    await county.tell([DANA, LUIS, MAYA], [MAYA], methods=("voice",))
    alert = await county.press()
    ringing = await county.dana.until_ringing()
    listening = await county.listen(county.luis)
    maya = await county.listen(county.maya)
    await county.reported(alert, LUIS, "voice", "in-progress")
    await county.record.execute(  # he has listened for long, and still does
        "UPDATE notification SET changed_at = changed_at - interval '2 minutes' WHERE name = $1",
        LUIS.name,
    )
    await maya.press("1")
    assert await ringing.until_ended() is CallStatus.CANCELED
    assert ringing.heard == []
    await listening.until_heard("Maya Chen has the duress at Under the desk, Front counter")
    assert await listening.until_ended() is CallStatus.COMPLETED
    await county.until_nothing_is_on_its_way()
    assert [len(phone.calls) for phone in (county.dana, county.luis)] == [1, 1], "called again"


@public
async def test_whoever_has_hung_up_before_somebody_takes_it_is_called_once_more_and_told(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    for phone in (county.dana, county.luis):
        phone.undeliver(30003)
    alert = await county.press()
    (await county.listen(county.dana)).hang_up()  # and runs to the counter, perhaps
    (await county.luis.until_ringing()).ring_out()
    await county.text(county.luis, alert.code, hears="You have it")
    again = await county.listen(county.dana)
    assert "Luis Herrera has the duress at Under the desk, Front counter" in again.heard[0]
    assert await again.until_ended() is CallStatus.COMPLETED
    assert len(county.luis.calls) == 1


@public
async def test_everybody_passes_it_on_and_the_next_tier_is_told_at_once(county: County) -> None:
    await county.tell([DANA, LUIS], [MAYA], methods=("sms", "voice"))
    alert = await county.press()
    dana, luis = await county.listen(county.dana), await county.listen(county.luis)
    await dana.press("2")
    assert dana.heard[-1].startswith("You passed it on. Others are told now.")
    await county.at(alert, "passed_on", to=DANA.name)
    assert await county.happened(alert, "tier_told") == 1  # Luis still has his time
    overdue = "SELECT decide_at < clock_timestamp() FROM alert WHERE alert_id = $1"
    assert not await county.record.fetchval(overdue, UUID(alert.alert_id))
    await luis.press("2")
    passed_on = await county.at(alert, "passed_on", to=LUIS.name)
    await county.maya.until_received(f"Reply {alert.code} ")
    assert seconds(passed_on, await county.at(alert, "tier_told", tier=2)) < AT_ONCE_S
    maya = await county.listen(county.maya)
    await maya.press("1")
    assert maya.heard[-1] == "You have it. Everyone else is told."
    for phone in (county.dana, county.luis):
        await phone.until_received("Maya Chen has the duress")
        assert len(phone.calls) == 1


@public
async def test_whoever_passed_it_on_may_take_it_after_all_and_learns_who_has_it_otherwise(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA], methods=("voice",))
    first = await county.press()
    await (await county.listen(county.dana)).press("2")
    luis = await county.listen(county.luis)
    await county.text(county.dana, first.code, hears="You have it")
    await luis.until_heard("Dana Ortiz has the duress")
    await county.screen.resolve(first)

    second = await county.press()
    call = await county.dana.until(
        lambda: next((call for call in county.dana.calls[1:] if not call.is_over), None),
        timeout_s=20,
    )
    await call.answer()
    await call.press("2")
    await (await county.luis.until_ringing()).answer()
    await county.luis.calls[-1].press("1")
    told = await county.listen(county.dana)
    assert "Luis Herrera has the duress" in told.heard[0]
    assert await county.happened(second, "acknowledged") == 1


@public
async def test_key_3_says_it_again_and_a_wrong_key_too_and_then_1_takes_it(county: County) -> None:
    await county.tell([DANA], [MAYA], methods=("voice",))
    alert = await county.press()
    call = await county.listen(county.dana)
    said, twice, keys = call.heard
    assert said == twice
    assert said.startswith("This is Tocsin, with an alert. Duress at Under the desk, Front counter")
    assert keys.startswith("To take it, press 1.")
    await call.press("3")
    assert call.heard[3:5] == [call.heard[3]] * 2
    assert "Front counter" in call.heard[3]
    await call.press("7")
    assert call.heard[-1] == keys
    assert (await county.detail_of(alert)).state == "open"
    await call.press("1")
    assert call.heard[-1] == "You have it. Everyone else is told."
    taken = await county.now(alert, lambda each: each.state == "acknowledged")
    assert taken.acknowledged_by == DANA.name
    await county.at(alert, "acknowledged", by=DANA.name, path="call")


@public
async def test_no_key_is_no_answer_and_the_next_way_is_tried(county: County) -> None:
    await county.tell([DANA], [MAYA], methods=("voice",))
    county.dana.undeliver(30003)
    alert = await county.press()
    call = await county.listen(county.dana)
    for _ in range(MENUS):
        assert (await county.detail_of(alert)).state == "open"
        await call.say_nothing()
    assert await call.until_ended() is CallStatus.COMPLETED
    page = await county.until_sent(alert, DANA, "voice", "undelivered")
    assert page.error == "somebody or a machine answered, and no key was pressed"
    await county.at(alert, "next_method", to=DANA.name, **{"from": "voice", "method": "sms"})
    await county.maya.until_ringing()  # the text did not arrive either
    assert await county.happened(alert, "acknowledged") == 0


@public
async def test_a_spanish_speaking_dispatcher_takes_it_by_key_in_spanish(county: County) -> None:
    await county.tell([ROSA], [MAYA], methods=("voice",))
    await county.press()
    call = await county.listen(county.rosa)
    assert call.heard[-1].startswith("Para atenderla, presione 1.")
    await call.press("1")
    assert call.heard[-1] == "Usted la atiende. Se avisa a los demás."
    assert call.spoken[-1].language == "es-US"


@public
async def test_a_call_that_is_being_placed_when_somebody_takes_it_does_not_ring_on(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA], methods=("voice",))
    county.dana.condition = Condition.SLOW
    alert = await county.press()
    await county.until_sent(alert, DANA, "voice", "sending")
    await (await county.listen(county.luis)).press("1")
    await county.at(alert, "stood_down")
    county.dana.condition = Condition.ON
    placed = await county.dana.until_called()
    assert await placed.until_ended() is CallStatus.CANCELED
    assert placed.heard == []
    await county.until_nothing_is_on_its_way()
    assert len(county.dana.calls) == 1


@firewalled
async def test_behind_a_firewall_the_voice_says_how_to_answer_by_text(county: County) -> None:
    await county.tell([DANA, LUIS], [MAYA], methods=("voice",))
    alert = await county.press()
    call = await county.listen(county.dana)
    assert await call.until_ended() is CallStatus.COMPLETED
    assert call.heard[0] == call.heard[1]
    assert "Duress at Under the desk, Front counter" in call.heard[0]
    by_text = f"To take it, text the digits {', '.join(alert.code)} to this number, or open the"
    assert call.heard[2].startswith(by_text)
    assert not any("press 1" in said for said in call.heard)
    await county.text(county.dana, alert.code, hears="You have it")
    assert await (await county.luis.until_called()).until_ended() is CallStatus.CANCELED


@firewalled
async def test_behind_a_firewall_a_call_that_is_being_placed_is_cancelled_as_well(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA], methods=("sms", "voice"))
    county.dana.condition = Condition.SLOW
    alert = await county.press()
    await county.until_sent(alert, DANA, "voice", "sending")
    await county.luis.until_received(f"Reply {alert.code} ")
    await county.text(county.luis, alert.code, hears="You have it")
    county.dana.condition = Condition.ON
    assert await (await county.dana.until_called()).until_ended() is CallStatus.CANCELED
    await county.dana.until_received("Luis Herrera has the duress")
