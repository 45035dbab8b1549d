"""Somebody has it: everybody learns who, they can hand it over, and they can't just fall silent."""

import pytest

from tests.parts import DANA, LUIS, MAYA, Alert
from tests.stories.house import ROSA, Counties, County, in_each, seconds
from tocsin_server.alert.lifecycle import HOLDER_ANSWER_S
from tocsin_server.demo.example import Person
from tocsin_server.demo.phone import CallStatus, Condition

pytestmark = pytest.mark.asyncio(loop_scope="session")

SILENT_S = 300.0  # a jurisdiction's own figure, as it is at first
AT_ONCE_S = 10.0  # nobody's figure, and nothing beside a tier's ten minutes


async def taken_by(county: County, person: Person) -> Alert:
    """Dana and Luis are told, and this one takes it by text."""
    await county.tell([DANA, LUIS], [MAYA])
    alert = await county.press()
    for phone in (county.dana, county.luis):
        await phone.until_received(f"Reply {alert.code} ")
    await county.text(county.walk.phone(person), alert.code, hears="You have it: duress")
    await county.at(alert, "stood_down")
    return alert


async def pass_time(county: County, alert: Alert, by_s: float) -> None:
    """It is so much longer ago that the holder was heard, or asked.

    The server begins anew, because one that has counted goes by its own clock.
    """
    await county.record.execute(
        "UPDATE alert SET heard_at = heard_at - $2 * interval '1 s',"
        " asked_at = asked_at - $2 * interval '1 s' WHERE alert_id = $1::text::uuid",
        alert.alert_id,
        by_s,
    )
    await county.restart()


async def test_everybody_learns_who_has_it_also_whose_message_was_on_its_way(
    county: County,
) -> None:
    await county.tell([DANA, LUIS, ROSA], [MAYA])
    county.dana.condition = Condition.SLOW
    county.luis.undeliver(30003)
    alert = await county.press()
    await county.until_sent(alert, DANA, "sms", "sending")
    call = await county.luis.until_ringing()
    await county.text(county.rosa, alert.code, hears="Usted la atiende: peligro en Under the desk")
    assert await call.until_ended() is CallStatus.CANCELED
    await county.at(alert, "stood_down")
    county.dana.condition = Condition.ON
    await county.dana.until_received("Rosa Fuentes has the duress at Under the desk, Front counter")
    texts = [sms.body for sms in county.dana.received]
    assert f"Reply {alert.code} " in texts[0], "the word of who has it came first"
    assert {each.name for each in await county.sent(alert, purpose="stand_down")} == {
        DANA.name,
        LUIS.name,  # by the text that did not arrive: no path is left out
    }


async def test_whoever_has_it_says_nothing_is_asked_and_still_has_it(
    counties: Counties,
) -> None:
    await in_each(counties, is_asked_and_still_has_it)


async def is_asked_and_still_has_it(county: County) -> None:
    alert = await taken_by(county, DANA)
    await pass_time(county, alert, SILENT_S)
    asked = await county.dana.until_received("Do you still have it?")
    assert f"Reply {alert.code}, or others are told again in {HOLDER_ANSWER_S:g} s." in asked.body
    await county.text(county.dana, "yes", hears="You have it since")
    await county.at(alert, "still_has_it", by=DANA.name)
    assert await county.happened(alert, "climbs_again") == 0
    await county.until_nothing_is_on_its_way()
    assert county.luis.received[-1].body.startswith("TOCSIN: Dana Ortiz has the duress")


async def test_whoever_has_it_does_not_answer_and_everybody_is_told_again_and_why(
    counties: Counties,
) -> None:
    await in_each(counties, does_not_answer)


async def does_not_answer(county: County) -> None:
    alert = await taken_by(county, DANA)
    await pass_time(county, alert, SILENT_S + HOLDER_ANSWER_S)  # nobody counted for so long
    asked = await county.at(alert, "holder_asked", holder=DANA.name)
    assert await county.happened(alert, "climbs_again") == 0, "asked, and given no time to answer"
    await pass_time(county, alert, HOLDER_ANSWER_S)
    again = await county.at(alert, "climbs_again", holder=DANA.name, why="silent")
    assert seconds(asked, again) > 0
    for phone in (county.dana, county.luis):
        text = await phone.until_received("Dana Ortiz took it and does not answer any more.")
        assert f"Reply {alert.code} to take it." in text.body
    await county.text(county.luis, "yes", hears="You have it. Everyone else is told.")
    await county.dana.until_received("Luis Herrera has the duress")
    taken = await county.now(alert, lambda each: each.acknowledged_by == LUIS.name)
    assert taken.state == "acknowledged"
    await county.at(alert, "taken_over", by=LUIS.name, path="sms", **{"from": DANA.name})


async def test_it_is_handed_over_stays_until_it_is_taken_and_everybody_learns(
    county: County,
) -> None:
    alert = await taken_by(county, DANA)
    offered = await county.screen.post(
        f"alerts/{alert.alert_id}/hand-over", {"person_id": str(county.people[MAYA.name])}
    )
    assert offered.status == 200, offered.body
    text = await county.maya.until_received("Dana Ortiz hands you the duress at Under the desk")
    assert f"Reply {alert.code} to take it." in text.body
    assert (await county.detail_of(alert)).acknowledged_by == DANA.name
    await county.text(county.maya, "yes", hears="You have it. Everyone else is told.")
    for phone in (county.dana, county.luis):
        await phone.until_received("Maya Chen has the duress at Under the desk")
    await county.at(alert, "taken_over", by=MAYA.name)


async def test_whoever_has_it_wants_more_help_and_the_next_tier_is_told_at_once(
    county: County,
) -> None:
    alert = await taken_by(county, DANA)
    wanted = await county.screen.post(f"alerts/{alert.alert_id}/escalate")
    assert wanted.status == 200, wanted.body
    text = await county.maya.until_received("Dana Ortiz has it and asks for more help.")
    assert f"Reply {alert.code} to take it." in text.body
    at = await county.at(alert, "escalated_now", by=DANA.name)
    assert seconds(at, await county.at(alert, "tier_told", tier=2)) < AT_ONCE_S
    await county.text(county.maya, alert.code, hears="You have it: duress")
    await county.dana.until_received("Maya Chen has the duress")
