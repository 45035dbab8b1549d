"""Somebody is reached: when a text does not arrive the phone rings, and then the next phone."""

import pytest

from tests.parts import DANA, LUIS, MAYA
from tests.stories.house import ROSA, Counties, County, in_each, seconds
from tocsin_server.channels.twilio_fetch import BUSY_S
from tocsin_server.demo.phone import CallStatus, Condition, Reports

pytestmark = pytest.mark.asyncio(loop_scope="session")

RINGS_WITHIN_S = 2.0  # acceptance: from word that a text was not delivered
UNREPORTED_RINGS_WITHIN_S = 11.0  # acceptance: from the text of which nobody says anything
TOGETHER_S = 0.1  # one statement writes both
NEXT_TIER_WITHIN_S = 10.0  # nobody's figure, and nothing beside its ten minutes


async def test_everybodys_text_is_undelivered_and_every_phone_rings_within_two_seconds(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    for phone in (county.dana, county.luis):
        phone.undeliver(30003)
    alert = await county.press()
    for phone in (county.dana, county.luis):
        await phone.until_ringing()
    for person in (DANA, LUIS):
        undelivered = await county.reported(alert, person, "sms", "undelivered")
        called = await county.called(alert, person)
        assert seconds(undelivered, called) < RINGS_WITHIN_S + county.stood_still_s
        if county.public:
            ringing = await county.reported(alert, person, "voice", "ringing")
            assert seconds(undelivered, ringing) < RINGS_WITHIN_S + county.stood_still_s
        await county.at(alert, "next_method", to=person.name, **{"from": "sms", "method": "voice"})
    texts = [each for each in await county.sent(alert) if each.method == "sms"]
    known_s = 0.0 if county.public else BUSY_S  # until a report is fetched
    within_s = known_s + RINGS_WITHIN_S + county.stood_still_s
    for text in texts:
        assert seconds(text.created_at, text.changed_at) < within_s
    assert county.maya.requests == 0
    assert county.maya.calls == []


async def test_nobody_says_what_became_of_the_texts_and_the_phones_ring_within_eleven_seconds(
    counties: Counties,
) -> None:
    await in_each(counties, nobody_says_what_became)


async def nobody_says_what_became(county: County) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    county.dana.condition = Condition.NO_REPORT
    if county.public:
        county.luis.reports = Reports.HELD  # it even arrives: we can't know
    else:
        county.luis.condition = Condition.NO_REPORT
    alert = await county.press()
    for phone in (county.dana, county.luis):
        await phone.until_received(f"Reply {alert.code} ")
        await phone.until_ringing()
    texts = {each.name: each for each in await county.sent(alert) if each.method == "sms"}
    for person in (DANA, LUIS):
        waited_s = seconds(texts[person.name].created_at, await county.called(alert, person))
        assert 10.0 <= waited_s < UNREPORTED_RINGS_WITHIN_S + county.stood_still_s
        await county.at(alert, "next_method", to=person.name, because="no report")
    assert county.maya.requests == 0


async def test_phones_that_are_off_answer_by_voicemail_and_the_next_tier_is_told(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    for phone in (county.dana, county.luis):
        phone.condition = Condition.OFF
    alert = await county.press()
    await county.maya.until_received(f"Reply {alert.code} ")
    machines = [
        await county.reported(alert, each, "voice", "machine_start") for each in (DANA, LUIS)
    ]
    told = await county.at(alert, "tier_told", tier=2)
    # Behind a firewall that a call is over may be fetched before what answered it.
    assert seconds(max(machines), told) < NEXT_TIER_WITHIN_S
    for person in (DANA, LUIS):
        call = await county.until_sent(alert, person, "voice", "undelivered")
        assert call.error == "a voicemail answered"
    assert (await county.detail_of(alert)).state == "open"


async def test_a_phone_rings_out_and_another_is_busy_and_the_next_tier_is_told(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    for phone in (county.dana, county.luis):
        phone.undeliver(30003)
    alert = await county.press()
    (await county.dana.until_ringing()).ring_out()
    (await county.luis.until_ringing()).be_busy()
    await county.maya.until_received(f"Reply {alert.code} ")
    rang_out = await county.until_sent(alert, DANA, "voice", "undelivered")
    assert rang_out.error == "the phone rang and nobody answered"
    busy = await county.until_sent(alert, LUIS, "voice", "undelivered")
    assert busy.error == "the line was busy"


async def test_text_and_call_at_once_where_a_tier_asks_for_both(county: County) -> None:
    await county.tell([DANA], [MAYA], methods=("sms", "voice"))
    alert = await county.press()
    call = await county.dana.until_ringing()
    await county.dana.until_received(f"Reply {alert.code} ")
    first, second = await county.sent(alert)
    assert {first.method, second.method} == {"sms", "voice"}
    assert seconds(first.created_at, second.created_at) < TOGETHER_S
    await county.text(county.dana, alert.code, hears="You have it")
    assert await call.until_ended() is CallStatus.CANCELED


async def test_a_spanish_speaking_dispatcher_is_texted_and_called_in_spanish(
    county: County,
) -> None:
    await county.tell([ROSA, DANA], [MAYA], methods=("sms", "voice"))
    alert = await county.press()
    text = await county.rosa.until_received(f"Responda {alert.code} ")
    assert text.body.startswith("TOCSIN: PELIGRO en Under the desk, Front counter")
    call = await county.rosa.until_ringing()
    await call.answer()
    assert {said.language for said in call.spoken} == {"es-US"}
    assert call.heard[0].startswith("Este es Tocsin, con una alerta.")
    assert call.heard[0].endswith(" segundos.")
    await county.text(county.rosa, "Sí", hears="Usted la atiende")
    await county.dana.until_received("Rosa Fuentes has the duress at Under the desk")
