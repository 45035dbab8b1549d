"""Calls on the phone network, told as the real `twilio` client and a person live through them."""

import asyncio
from collections.abc import Callable

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest.api.v2010.account.call import CallInstance
from twilio.twiml.voice_response import Gather, VoiceResponse

from tests.demo.system import DANA, SYSTEM, System, client_of
from tocsin_server.demo.call import Call, CallStatus
from tocsin_server.demo.phone import Condition, PhoneNetwork
from tocsin_server.demo.voice import APOLOGY

EVENTS = ["initiated", "ringing", "answered", "completed"]
HELLO = "<Response><Say>Duress at Counter 2.</Say></Response>"


def asking(system: System) -> str:
    """TwiML that says where, and asks for a key."""
    response = VoiceResponse()
    gather = Gather(num_digits=1, action=f"{system.url}/keys?alert=7", timeout=8)
    gather.say("Duress at Counter 2.", language="en-US")
    gather.pause(length=1)
    gather.say("Press 1 if you have it.")
    response.append(gather)
    response.say("Nobody pressed a key.")
    return str(response)


async def dial(network: PhoneNetwork, system: System, **order: object) -> CallInstance:
    order = {"to": DANA, "from_": SYSTEM, "status_callback_event": EVENTS} | order
    if "url" not in order:
        order.setdefault("twiml", HELLO)
    async with client_of(network) as client:
        return await client.calls.create_async(status_callback=f"{system.url}/status", **order)


async def ringing(network: PhoneNetwork, system: System, **order: object) -> Call:
    made = await dial(network, system, **order)
    call = await network.phone(DANA).until_ringing()
    assert call.sid == made.sid
    return call


async def fetched(network: PhoneNetwork, call: Call) -> CallInstance:
    async with client_of(network) as client:
        return await client.calls(call.sid).fetch_async()


async def statuses(system: System, count: int) -> list[str]:
    return [form["CallStatus"] for form in await system.until_states(count)]


async def test_a_call_rings_is_answered_speaks_and_reports_every_state(
    network: PhoneNetwork, system: System
) -> None:
    call = await ringing(network, system)
    assert (await fetched(network, call)).status == "ringing"
    await call.answer()
    assert call.heard == ["Duress at Counter 2."]
    assert call.status is CallStatus.COMPLETED
    forms = await system.until_states(4)
    assert [form["CallStatus"] for form in forms] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    assert [form["SequenceNumber"] for form in forms] == ["0", "1", "2", "3"]
    assert {(form["CallSid"], form["To"], form["From"]) for form in forms} == {
        (call.sid, DANA, SYSTEM)
    }
    assert all(form["CallbackSource"] == "call-progress-events" for form in forms)
    lasted = str(call.duration_s)  # of a second that begins to count on a busy machine
    assert [form.get("CallDuration") for form in forms] == [None, None, None, lasted]
    after = await fetched(network, call)
    assert (after.status, after.direction, after.duration) == ("completed", "outbound-api", lasted)
    assert after.start_time <= after.end_time


async def test_without_events_only_the_end_is_reported(
    network: PhoneNetwork, system: System
) -> None:
    call = await ringing(network, system, status_callback_event=[])
    await call.answer()
    (form,) = await system.until_states(1)
    assert (form["CallStatus"], form["SequenceNumber"]) == ("completed", "0")


async def test_a_key_goes_to_the_action_and_its_answer_is_spoken(
    network: PhoneNetwork, system: System
) -> None:
    system.answers["/keys"] = "<Response><Say>You have it.</Say><Hangup/></Response>"
    call = await ringing(network, system, twiml=asking(system))
    await call.answer()
    assert call.heard == ["Duress at Counter 2.", "Press 1 if you have it."]
    assert call.status is CallStatus.IN_PROGRESS
    await call.press("1")
    assert call.heard[2:] == ["You have it."]
    assert await call.until_ended() is CallStatus.COMPLETED
    (form,) = system.inbound
    assert (form["Digits"], form["CallSid"], form["CallStatus"]) == ("1", call.sid, "in-progress")


async def test_two_people_press_the_key_and_each_hears_their_own_answer(
    network: PhoneNetwork, system: System
) -> None:
    system.answers["/keys"] = "<Response><Say>Dana has it.</Say></Response>"
    first = await ringing(network, system, twiml=asking(system))
    await first.answer()
    second = await ringing(network, system, twiml=asking(system))
    await second.answer()
    await asyncio.gather(first.press("1"), second.press("1"))
    assert first.heard[-1] == second.heard[-1] == "Dana has it."
    assert {form["CallSid"] for form in system.inbound} == {first.sid, second.sid}


async def test_whoever_presses_nothing_hears_what_follows(
    network: PhoneNetwork, system: System
) -> None:
    call = await ringing(network, system, twiml=asking(system))
    await call.answer()
    await call.say_nothing()
    assert call.heard[-1] == "Nobody pressed a key."
    assert system.inbound == []
    assert call.status is CallStatus.COMPLETED


async def test_a_gather_can_ask_even_when_nothing_was_pressed(
    network: PhoneNetwork, system: System
) -> None:
    system.answers["/keys"] = "<Response><Say>Again.</Say></Response>"
    twiml = f'<Response><Gather action="{system.url}/keys" actionOnEmptyResult="true"/></Response>'
    call = await ringing(network, system, twiml=twiml)
    await call.answer()
    await call.say_nothing()
    assert call.heard == ["Again."]
    assert system.inbound[0]["Digits"] == ""


async def test_several_digits_end_with_their_number_or_the_hash_key(
    network: PhoneNetwork, system: System
) -> None:
    system.answers["/keys"] = "<Response/>"
    for attributes, pressed, digits, finish in [
        ('numDigits="4"', "48215", "4821", ""),
        ("", "48#", "48", "#"),
        ('finishOnKey="*" numDigits="6"', "4#*", "4#", "*"),
    ]:
        twiml = f'<Response><Gather action="{system.url}/keys" {attributes}/></Response>'
        call = await ringing(network, system, twiml=twiml)
        await call.answer()
        await call.press(pressed)
        form = system.inbound.pop()
        assert (form["Digits"], form["FinishedOnKey"]) == (digits, finish)


async def test_words_come_from_an_address_and_a_relative_one_leads_on(
    network: PhoneNetwork, system: System
) -> None:
    system.answers["/voice/hello"] = (
        '<Response><Say language="es-MX">Hola.</Say><Pause/><Redirect>again</Redirect></Response>'
    )
    system.answers["/voice/again"] = "<Response><Say loop='2'>Twice.</Say></Response>"
    call = await ringing(network, system, url=f"{system.url}/voice/hello?alert=7")
    await call.answer()
    assert call.heard == ["Hola.", "Twice.", "Twice."]
    assert call.spoken[0].language == "es-MX"
    assert [form["CallStatus"] for form in system.inbound] == ["in-progress", "in-progress"]


async def test_slow_speech_is_heard_as_its_words(network: PhoneNetwork, system: System) -> None:
    response = VoiceResponse()
    say = response.say("", voice="Polly.Joanna")
    say.prosody("Duress at Counter 2.", rate="slow")
    say.break_(time="500ms")
    say.say_as("4821", interpret_as="digits")
    call = await ringing(network, system, twiml=str(response))
    await call.answer()
    assert call.heard == ["Duress at Counter 2. 4821"]


@pytest.mark.parametrize(
    ("twiml", "problem"),
    [
        ("Duress", "12100"),
        ("<Say>Duress</Say>", "12102"),
        ("<Response><Sayy>Duress</Sayy></Response>", "12200"),
        ('<Response><Say rate="slow">Duress</Say></Response>', "no attribute rate"),
        ("<Response><Say> </Say></Response>", "nothing to say"),
        ("<Response><Say>See <b>here</b></Say></Response>", "13520"),
        ('<Response><Redirect method="GET">http://127.0.0.1:9</Redirect></Response>', "POST only"),
        ("<Response><Redirect>again</Redirect></Response>", "11100"),
        ("<Response><Redirect>http://127.0.0.1:9/</Redirect></Response>", "11200"),
        ("<Response><Redirect/></Response>", "names no address"),
        ('<Response><Gather input="speech"/></Response>', "13322"),
        ('<Response><Gather numDigits="one"/></Response>', "numDigits"),
        ('<Response><Gather finishOnKey="x"/></Response>', "13310"),
        ("<Response><Gather><Hangup/></Gather></Response>", "13313"),
    ],
)
async def test_what_no_voice_can_perform_ends_with_an_apology_and_says_why(
    network: PhoneNetwork, system: System, twiml: str, problem: str
) -> None:
    call = await ringing(network, system, twiml=twiml)
    await call.answer()
    assert call.heard == [APOLOGY]
    assert problem in (call.problem or "")
    assert call.status is CallStatus.COMPLETED


async def test_an_action_that_fails_or_goes_round_in_circles_ends_the_call(
    network: PhoneNetwork, system: System
) -> None:
    call = await ringing(network, system, twiml=asking(system))
    await call.answer()
    system.status = 500
    await call.press("1")
    assert call.heard[-1] == APOLOGY
    assert "500" in (call.problem or "")

    system.status, system.twiml = 200, "<Response><Redirect>round</Redirect></Response>"
    call = await ringing(network, system, url=f"{system.url}/round")
    await call.answer()
    assert "documents" in (call.problem or "")


@pytest.mark.parametrize(
    ("act", "status", "sip"),
    [
        (Call.be_busy, "busy", "486"),
        (Call.hang_up, "busy", "486"),
        (Call.ring_out, "no-answer", "487"),
    ],
)
async def test_a_call_that_nobody_takes_says_how_it_ended(
    network: PhoneNetwork, system: System, act: Callable[[Call], None], status: str, sip: str
) -> None:
    call = await ringing(network, system)
    act(call)
    assert await call.until_ended() == status
    last = (await system.until_states(3))[-1]
    assert (last["CallStatus"], last["SipResponseCode"], last["CallDuration"]) == (status, sip, "0")
    assert call.heard == []


async def test_ringing_stops_by_itself_after_the_time_that_was_asked_for(
    network: PhoneNetwork, system: System
) -> None:
    call = await ringing(network, system, timeout=1)
    assert await call.until_ended() is CallStatus.NO_ANSWER
    network.ring_s = 0.0
    await dial(network, system, timeout=600)
    assert await (await network.phone(DANA).until_called(2)).until_ended() is CallStatus.NO_ANSWER


@pytest.mark.parametrize(
    ("condition", "story"),
    [
        (Condition.OFF, ["initiated", "ringing", "in-progress", "completed"]),
        (Condition.VOICEMAIL, ["initiated", "ringing", "in-progress", "completed"]),
        (Condition.BUSY, ["initiated", "ringing", "busy"]),
        (Condition.FAILED, ["initiated", "failed"]),
    ],
)
async def test_a_phone_does_by_itself_what_its_condition_says(
    network: PhoneNetwork, system: System, condition: Condition, story: list[str]
) -> None:
    network.phone(DANA).condition = condition
    await dial(network, system)
    assert await statuses(system, len(story)) == story
    assert await (await network.phone(DANA).until_called()).until_ended() == story[-1]


async def test_a_phone_that_is_off_and_has_no_voicemail_does_not_answer(
    network: PhoneNetwork, system: System
) -> None:
    phone = network.phone(DANA)
    phone.condition, phone.has_voicemail = Condition.OFF, False
    await dial(network, system)
    assert await (await phone.until_called()).until_ended() is CallStatus.NO_ANSWER


@pytest.mark.parametrize(
    ("condition", "status"), [(Condition.TOO_MANY, 429), (Condition.BROKEN, 500)]
)
async def test_a_provider_in_trouble_with_one_number_rings_it_no_more_than_it_texts_it(
    network: PhoneNetwork, system: System, condition: Condition, status: int
) -> None:
    network.phone(DANA).condition = condition
    with pytest.raises(TwilioRestException) as refusal:
        await dial(network, system)
    assert refusal.value.status == status
    assert network.phone(DANA).calls == []


async def test_a_network_that_stops_leaves_no_phone_ringing(
    network: PhoneNetwork, system: System
) -> None:
    talking = await ringing(network, system, twiml=asking(system))
    await talking.answer()
    call = await ringing(network, system)
    await network.stop()
    assert {call.status, talking.status} == {CallStatus.FAILED}
    assert not talking.is_listening


async def test_a_landline_rings(network: PhoneNetwork, system: System) -> None:
    network.phone(DANA).condition = Condition.LANDLINE
    await (await ringing(network, system)).answer()


async def test_voicemail_is_told_apart_while_the_voice_speaks_and_presses_no_key(
    network: PhoneNetwork, system: System
) -> None:
    order = {
        "twiml": asking(system),
        "machine_detection": "Enable",
        "async_amd": "true",
        "async_amd_status_callback": f"{system.url}/who",
    }
    call = await ringing(network, system, **order)
    await call.go_to_voicemail()
    assert call.heard[-1] == "Nobody pressed a key."
    (form,) = system.inbound
    assert (form["CallSid"], form["AnsweredBy"]) == (call.sid, "machine_start")
    assert (await fetched(network, call)).answered_by == "machine_start"

    system.inbound.clear()
    call = await ringing(network, system, **order)
    await call.answer()
    system.answers["/keys"] = "<Response/>"
    await call.press("1")
    said = {form.get("AnsweredBy"): form.get("Digits") for form in system.inbound}
    assert said == {"human": None, None: "1"}


async def test_detection_that_is_waited_for_tells_the_address_that_gives_the_words(
    network: PhoneNetwork, system: System
) -> None:
    system.twiml = HELLO
    call = await ringing(network, system, url=f"{system.url}/voice", machine_detection="Enable")
    await call.go_to_voicemail()
    assert system.inbound[0]["AnsweredBy"] == "machine_start"


async def test_a_call_that_still_rings_is_cancelled(network: PhoneNetwork, system: System) -> None:
    call = await ringing(network, system)
    async with client_of(network) as client:
        await client.calls(call.sid).update_async(status="canceled")
    assert await call.until_ended() is CallStatus.CANCELED
    assert (await statuses(system, 3))[-1] == "canceled"
    await call.answer()
    assert call.heard == [], "answered too late"


async def test_cancelling_leaves_alone_whoever_speaks_already_and_ending_does_not(
    network: PhoneNetwork, system: System
) -> None:
    call = await ringing(network, system, twiml=asking(system))
    await call.answer()
    async with client_of(network) as client:
        left = await client.calls(call.sid).update_async(status="canceled")
        assert left.status == "in-progress"
        await client.calls(call.sid).update_async(status="completed")
    assert await call.until_ended() is CallStatus.COMPLETED


async def test_whoever_listens_hears_other_words_at_once(
    network: PhoneNetwork, system: System
) -> None:
    call = await ringing(network, system, twiml=asking(system))
    await call.answer()
    async with client_of(network) as client:
        await client.calls(call.sid).update_async(
            twiml="<Response><Say>Ray has it.</Say></Response>"
        )
    await call.until_ended()
    assert call.heard[-1] == "Ray has it."

    system.twiml = "<Response><Say>Ray has it, at length.</Say></Response>"
    call = await ringing(network, system, twiml=asking(system))
    await call.answer()
    async with client_of(network) as client:
        await client.calls(call.sid).update_async(url=f"{system.url}/other")
    await call.until_heard("at length")


async def test_a_person_hangs_up_in_the_middle(network: PhoneNetwork, system: System) -> None:
    call = await ringing(network, system, twiml=asking(system))
    await call.answer()
    call.hang_up()
    assert await call.until_ended() is CallStatus.COMPLETED
    assert "Nobody pressed a key." not in call.heard
    call.key("1")
    assert system.inbound == []


async def test_a_call_that_is_over_can_neither_be_ended_nor_redirected(
    network: PhoneNetwork, system: System
) -> None:
    call = await ringing(network, system)
    async with client_of(network) as client:
        with pytest.raises(TwilioRestException) as too_early:
            await client.calls(call.sid).update_async(twiml=HELLO)
        assert too_early.value.code == 21220, "it rings still"
        await call.answer()
        for change in ({"status": "canceled"}, {"status": "completed"}, {"twiml": HELLO}):
            with pytest.raises(TwilioRestException) as too_late:
                await client.calls(call.sid).update_async(**change)
            assert too_late.value.code == 21220


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        (21211, {"to": "5125550111"}),
        (21210, {"from_": "+15125550199"}),
        (21205, {"twiml": ""}),
        (21205, {"url": "ftp://elsewhere"}),
        (20001, {"twiml": "x" * 4001}),
        (20001, {"timeout": "soon"}),
        (20001, {"machine_detection": "Perhaps"}),
        (21626, {"status_callback_event": ["rung"]}),
    ],
)
async def test_a_wrong_order_gets_twilios_own_code_and_rings_nowhere(
    network: PhoneNetwork, system: System, code: int, wrong: dict[str, object]
) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        await dial(network, system, **wrong)
    assert refusal.value.code == code
    assert network.phone(DANA).calls == []


async def test_a_call_nobody_knows_and_a_status_that_is_none_are_refused(
    network: PhoneNetwork, system: System
) -> None:
    call = await ringing(network, system)
    async with client_of(network) as client:
        with pytest.raises(TwilioRestException) as unknown:
            await client.calls("CA" + "0" * 32).fetch_async()
        assert unknown.value.code == 20404
        with pytest.raises(TwilioRestException) as wrong:
            await client.calls(call.sid).update_async(status="ringing")
        assert wrong.value.code == 20001
    assert call.status is CallStatus.RINGING


async def test_a_call_ends_when_its_time_is_up(network: PhoneNetwork, system: System) -> None:
    call = await ringing(network, system, twiml=asking(system), time_limit=1)
    await call.answer()
    assert await call.until_ended() is CallStatus.COMPLETED


async def test_a_network_can_take_its_time_and_a_key_cuts_the_voice_off(
    network: PhoneNetwork, system: System
) -> None:
    network.voice_takes_time = True
    system.answers["/keys"] = "<Response/>"
    call = await ringing(network, system, twiml=asking(system))
    call.pick_up()
    await call.until_heard("Counter 2")
    await call.press("1")
    assert call.heard == ["Duress at Counter 2."]
    assert system.inbound[0]["Digits"] == "1"


async def test_callbacks_that_nobody_answers_do_not_hold_up_a_call(network: PhoneNetwork) -> None:
    nobody = System()
    nobody.url = "http://127.0.0.1:9"
    call = await ringing(network, nobody)
    await call.answer()
    assert call.status is CallStatus.COMPLETED
