"""Calls, told as stories, through the real client: what is heard, and what ends them."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.channels.house import (
    CODE,
    DANA,
    KEYS,
    SECOND,
    SPOKEN,
    House,
    message,
    open_house,
    parse,
)
from tocsin_server.channels.channel import Calls, Message, SendFailed
from tocsin_server.channels.twiml import twiml_menu, twiml_spoken
from tocsin_server.demo.phone import AccountCondition, CallStatus, Condition

HAS_IT = "Maya Chen has it. You may stand down."


async def test_a_person_answers_hears_it_twice_and_takes_it_by_a_key(house: House) -> None:
    key = uuid4()
    house.answer = lambda _form: twiml_spoken("You have it.", "en")
    assert (await house.voice.send(message(notification_id=key))).startswith("CA")
    call = await house.network.phone(DANA).until_ringing()
    await call.answer()
    assert call.heard == [SPOKEN, SPOKEN, KEYS]
    await call.press("1")
    assert call.heard[-1] == "You have it."
    assert await call.until_ended() is CallStatus.COMPLETED
    assert call.problem is None
    (pressed,) = [form for path, form in house.heard if path == f"/api/v1/twilio/voice/{key}"]
    assert pressed["Digits"] == "1"
    await house.until_reported("completed")
    told = [path for path, form in house.heard if "CallStatus" in form and "Digits" not in form]
    assert set(told) == {f"/api/v1/twilio/call/{key}"}
    statuses = [each.status for each in house.reports]
    assert statuses == ["initiated", "ringing", "in-progress", "completed"]
    ranks = [each.rank for each in house.reports]
    assert ranks == sorted(set(ranks))
    assert house.forged == 0


async def test_a_key_interrupts_the_voice_and_3_says_it_again(house: House) -> None:
    wanted = message()
    url = house.voice.action_url(wanted.notification_id)
    assert url is not None
    house.answer = lambda form: (
        twiml_menu(wanted, url) if form.get("Digits") == "3" else "<Response/>"
    )
    await house.voice.send(wanted)
    call = await house.network.phone(DANA).until_ringing()
    await call.answer()
    await call.press("3")
    assert call.heard == [SPOKEN, SPOKEN, KEYS, SPOKEN, SPOKEN, KEYS]


async def test_who_presses_nothing_is_asked_three_times_and_then_left(house: House) -> None:
    await house.voice.send(message())
    call = await house.network.phone(DANA).until_ringing()
    await call.answer()
    for _ in range(3):
        await call.say_nothing()
    assert await call.until_ended() is CallStatus.COMPLETED
    assert call.heard == [SPOKEN, SPOKEN, KEYS, SPOKEN, KEYS, SPOKEN, KEYS]
    report = await house.until_reported("completed")
    assert report.state == "undelivered"
    assert report.problem == "somebody or a machine answered, and no key was pressed"


@pytest.mark.parametrize(
    ("condition", "status", "problem"),
    [
        (Condition.BUSY, "busy", "the line was busy"),
        (Condition.FAILED, "failed", "the call could not be put through"),
    ],
)
async def test_a_call_that_nobody_answers_says_why(
    house: House, condition: Condition, status: str, problem: str
) -> None:
    house.network.phone(DANA).condition = condition
    await house.voice.send(message())
    report = await house.until_reported(status)
    assert (report.state, report.problem) == ("undelivered", problem)


async def test_a_phone_that_rings_out_is_no_answer(house: House) -> None:
    await house.voice.send(message())
    (await house.network.phone(DANA).until_ringing()).ring_out()
    report = await house.until_reported("no-answer")
    assert report.problem == "the phone rang and nobody answered"


async def test_a_voicemail_is_found_out_and_hung_up_on(house: House) -> None:
    house.network.voice_takes_time = True  # so that it is still speaking
    house.network.phone(DANA).condition = Condition.VOICEMAIL
    provider_id = await house.voice.send(message())
    report = await house.until_reported("machine_start")
    assert (report.state, report.problem) == ("undelivered", "a voicemail answered")
    await house.voice.hang_up(provider_id)
    call = await house.network.phone(DANA).until_called()
    assert await call.until_ended() is CallStatus.COMPLETED
    await house.voice.hang_up(provider_id)  # once more is no error
    completed = await house.until_reported("completed")
    assert completed.rank < report.rank


async def test_a_call_that_still_rings_is_taken_back(house: House) -> None:
    calls: Calls = house.voice
    provider_id = await calls.send(message())
    call = await house.network.phone(DANA).until_ringing()
    await calls.withdraw(provider_id, spoken=HAS_IT, language="en")
    assert await call.until_ended() is CallStatus.CANCELED
    assert call.heard == []
    await calls.withdraw(provider_id, spoken=HAS_IT, language="en")  # over: no error


async def test_who_listens_already_hears_who_has_it(house: House) -> None:
    provider_id = await house.voice.send(message())
    call = await house.network.phone(DANA).until_ringing()
    await call.answer()
    await house.voice.withdraw(provider_id, spoken=HAS_IT, language="en")
    assert await call.until_ended() is CallStatus.COMPLETED
    assert call.heard[-1] == HAS_IT


async def test_a_call_that_nobody_has_placed_can_t_be_taken_back(house: House) -> None:
    with pytest.raises(SendFailed, match="404"):
        await house.voice.withdraw("CA" + "0" * 32, spoken=HAS_IT, language="en")


async def test_the_second_account_calls_and_its_call_is_taken_back_as_well(house: House) -> None:
    house.first.condition = AccountCondition.BROKEN
    provider_id = await house.voice.send(message())
    call = await house.network.phone(DANA).until_ringing()
    assert call.account.from_number == SECOND
    house.first.condition = AccountCondition.WELL
    await house.voice.withdraw(provider_id, spoken=HAS_IT, language="en")
    assert await call.until_ended() is CallStatus.CANCELED


async def test_spanish_is_spoken_by_a_spanish_voice(house: House) -> None:
    wanted = Message(
        notification_id=uuid4(),
        to=DANA,
        text="",
        spoken="Tocsin. Coacción en el ayuntamiento.",
        spoken_keys="Oprima 1 para tomarla.",
        language="es",
    )
    await house.voice.send(wanted)
    call = await house.network.phone(DANA).until_ringing()
    await call.answer()
    assert {each.language for each in call.spoken} == {"es-US"}
    assert call.heard[0] == wanted.spoken


async def test_behind_a_firewall_a_call_says_how_to_answer_by_text(tmp_path: Path) -> None:
    async with open_house(tmp_path, public=False) as house:
        await house.voice.send(message())
        call = await house.network.phone(DANA).until_ringing()
        await call.answer()
        assert await call.until_ended() is CallStatus.COMPLETED
        assert call.heard == [SPOKEN, SPOKEN, CODE, CODE]
        text = call.order.document.text
        assert text is not None
        assert list(parse(text).iter("Gather")) == []
        assert house.heard == []
        assert call.order.detects_machine


async def test_a_press_that_is_not_stored_is_called_out_without_keys(house: House) -> None:
    bare = Message(notification_id=None, to=DANA, text="", spoken=SPOKEN)
    await house.voice.send(bare)
    call = await house.network.phone(DANA).until_ringing()
    await call.answer()
    assert call.heard == [SPOKEN, SPOKEN]
    assert house.heard == []


async def test_a_number_that_is_none_can_t_be_called(house: House) -> None:
    with pytest.raises(SendFailed) as failed:
        await house.voice.send(message("+1512"))
    assert failed.value.unreachable == "there is no such number"
    assert not failed.value.temporary
