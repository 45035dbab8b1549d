"""The phone network, told as calls between the real `twilio` client, a webhook and a phone."""

import asyncio

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest.api.v2010.account.message import MessageInstance

from tests.demo.system import DANA, SYSTEM, TOKEN, System, client_of
from tocsin_server.demo.phone import (
    HELPED,
    MESSAGES_PER_PHONE_MAX,
    STARTED,
    STOPPED,
    Condition,
    PhoneNetwork,
    Reports,
    segments,
)


async def send(
    network: PhoneNetwork,
    system: System,
    body: str = "DURESS at Counter 2",
    *,
    token: str = TOKEN,
    timeout_s: float = 20.0,
    to: str = DANA,
    sender: str = SYSTEM,
    validity_s: int = 60,
) -> MessageInstance:
    async with client_of(network, token=token, timeout_s=timeout_s) as client:
        return await client.messages.create_async(
            to=to,
            from_=sender,
            body=body,
            validity_period=validity_s,
            status_callback=f"{system.url}/status?n=1",
        )


async def states(system: System, *, count: int) -> list[tuple[str, str | None]]:
    forms = await system.until_states(count)
    return [(form["MessageStatus"], form.get("ErrorCode")) for form in forms]


async def test_a_message_reaches_the_phone_and_every_state_is_reported_with_a_signature(
    network: PhoneNetwork, system: System
) -> None:
    message = await send(network, system)
    assert message.sid is not None
    assert message.sid.startswith("SM")
    assert (message.status, message.to, message.from_) == ("queued", DANA, SYSTEM)
    sms = await network.phone(DANA).until_received("Counter 2")
    assert sms.sid == message.sid
    assert await states(system, count=3) == [("queued", None), ("sent", None), ("delivered", None)]


@pytest.mark.parametrize(
    ("condition", "story"),
    [
        (Condition.OFF, [("queued", None), ("sent", None), ("undelivered", "30003")]),
        (Condition.LANDLINE, [("queued", None), ("sent", None), ("undelivered", "30006")]),
        (Condition.FILTERED, [("queued", None), ("sent", None), ("undelivered", "30007")]),
        (Condition.FAILED, [("queued", None), ("failed", "30008")]),
    ],
)
async def test_a_phone_that_cannot_be_reached_shows_nothing_and_the_system_learns_why(
    network: PhoneNetwork, system: System, condition: Condition, story: list[tuple[str, str | None]]
) -> None:
    network.phone(DANA).condition = condition
    await send(network, system)
    assert await states(system, count=len(story)) == story
    assert network.phone(DANA).received == []


@pytest.mark.parametrize("code", [30003, 30005, 30006, 30007, 30032, 30034, 21610])
async def test_a_text_is_undelivered_for_any_reason_that_a_test_names(
    network: PhoneNetwork, system: System, code: int
) -> None:
    network.phone(DANA).undeliver(code)
    await send(network, system)
    assert (await states(system, count=3))[-1] == ("undelivered", str(code))
    assert network.phone(DANA).received == []


async def test_a_text_arrives_and_no_carrier_ever_says_so(
    network: PhoneNetwork, system: System
) -> None:
    network.phone(DANA).condition = Condition.NO_REPORT
    await send(network, system)
    sms = await network.phone(DANA).until_received("Counter 2")
    assert sms.status == "sent"
    await network.until_idle()
    assert await states(system, count=system.states.qsize()) == [("queued", None), ("sent", None)]


async def test_reports_come_doubled_or_backwards(network: PhoneNetwork, system: System) -> None:
    phone = network.phone(DANA)
    phone.reports = Reports.DOUBLED
    await send(network, system)
    assert await states(system, count=6) == [
        (status, None) for status in ("queued", "sent", "delivered") for _ in range(2)
    ]
    phone.reports = Reports.REVERSED
    await send(network, system)
    assert [status for status, _ in await states(system, count=3)] == [
        "delivered",
        "sent",
        "queued",
    ]


async def test_reports_are_held_back_until_somebody_lets_them_go(
    network: PhoneNetwork, system: System
) -> None:
    phone = network.phone(DANA)
    phone.reports = Reports.HELD
    await send(network, system, "the first")
    await phone.until_received("the first")
    await network.until_idle()
    assert system.states.empty()
    await phone.let_reports_go()
    await send(network, system, "the second")
    assert [status for status, _ in await states(system, count=6)] == [
        "queued",
        "sent",
        "delivered",
    ] * 2


@pytest.mark.parametrize(
    ("condition", "status", "code"),
    [(Condition.TOO_MANY, 429, 20429), (Condition.BROKEN, 500, 20500)],
)
async def test_a_provider_in_trouble_refuses_as_twilio_does(
    network: PhoneNetwork, system: System, condition: Condition, status: int, code: int
) -> None:
    network.phone(DANA).condition = condition
    with pytest.raises(TwilioRestException) as refusal:
        await send(network, system)
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert network.phone(DANA).thread == []
    assert network.phone(DANA).requests == 1


async def test_garbage_with_a_friendly_status_is_no_message(
    network: PhoneNetwork, system: System
) -> None:
    network.phone(DANA).condition = Condition.GARBAGE
    with pytest.raises(ValueError, match="Expecting value"):
        await send(network, system)
    assert network.phone(DANA).thread == []


async def test_a_slow_provider_still_delivers_what_the_client_gave_up_on(
    network: PhoneNetwork, system: System
) -> None:
    phone = network.phone(DANA)
    phone.condition = Condition.SLOW
    sending = asyncio.create_task(send(network, system))
    await phone.until_asked(1)
    sending.cancel()
    await asyncio.wait([sending])
    assert phone.received == []
    phone.condition = Condition.ON
    assert (await phone.until_received("Counter 2")).status == "delivered"


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        (20003, {"token": "a guess"}),
        (21211, {"to": "5125550111"}),
        (21211, {"to": "+1512555011x"}),
        (21606, {"sender": "+15125550199"}),
        (21602, {"body": ""}),
        (21617, {"body": "x" * 1601}),
        (21624, {"validity_s": 0}),
        (21624, {"validity_s": 36_001}),
    ],
)
async def test_a_wrong_request_gets_twilios_own_code(
    network: PhoneNetwork, system: System, code: int, wrong: dict[str, str]
) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        await send(network, system, **wrong)  # type: ignore[arg-type]
    assert refusal.value.code == code


async def test_a_reply_reaches_the_webhook_and_its_answer_reaches_the_phone(
    network: PhoneNetwork, system: System
) -> None:
    system.twiml = (
        '<?xml version="1.0"?><Response><Message>You have it &amp; 4821 is yours.</Message>'
        "<Message><Body>Call 512-555-0100.</Body></Message></Response>"
    )
    answer = await network.phone(DANA).reply("4821")
    assert answer.status == 200
    assert [sms.body for sms in network.phone(DANA).received] == [
        "You have it & 4821 is yours.",
        "Call 512-555-0100.",
    ]
    (form,) = system.inbound
    assert (form["From"], form["To"], form["Body"]) == (DANA, SYSTEM, "4821")


async def test_a_reply_that_nobody_takes_says_so_on_the_phone(
    network: PhoneNetwork, system: System
) -> None:
    phone = network.phone(DANA)
    system.status = 500
    assert (await phone.reply("4821")).status == 500
    system.status, system.twiml = 200, "no TwiML"
    assert (await phone.reply("4821")).texts == ()
    network.inbound_url = "http://127.0.0.1:9/nobody"
    assert (await phone.reply("4821")).status is None
    network.inbound_url = None
    assert (await phone.reply("4821")).status is None
    notes = [sms.note or "" for sms in phone.thread]
    for note, expected in zip(notes, ["500", "TwiML", "no answer", "nobody listens"], strict=True):
        assert expected in note


async def test_stop_ends_all_messages_until_start(network: PhoneNetwork, system: System) -> None:
    system.twiml = "<Response><Message>The alert is still open.</Message></Response>"
    phone = network.phone(DANA)
    await phone.reply(" Stop ")
    assert [sms.body for sms in phone.received] == [STOPPED], "the answer itself is held back too"
    assert system.inbound[0]["Body"] == " Stop ", "but the webhook hears of it"
    with pytest.raises(TwilioRestException) as refusal:
        await send(network, system)
    assert refusal.value.code == 21610

    await phone.reply("START")
    assert [sms.body for sms in phone.received][1:] == [STARTED, "The alert is still open."]
    await send(network, system)
    await phone.until_received("Counter 2")


async def test_a_sentence_with_stop_in_it_and_a_yes_are_ordinary_replies(
    network: PhoneNetwork,
) -> None:
    phone = network.phone(DANA)
    await phone.reply("please stop")
    await phone.reply("yes")
    assert phone.received == []
    assert not phone.opted_out
    await phone.reply("help")
    assert [sms.body for sms in phone.received] == [HELPED]


async def test_a_provider_that_was_away_comes_back_at_the_same_address(
    network: PhoneNetwork, system: System
) -> None:
    url = network.url
    await network.stop()
    with pytest.raises(OSError, match="connect"):
        await send(network, system)
    await network.start()
    assert network.url == url
    await send(network, system)
    await network.phone(DANA).until_received("Counter 2")


async def test_a_callback_that_nobody_answers_does_not_hold_up_the_phone(
    network: PhoneNetwork,
) -> None:
    nobody = System()
    nobody.url = "http://127.0.0.1:9"
    await send(network, nobody)
    await network.phone(DANA).until_received("Counter 2")


async def test_a_phone_keeps_its_newest_messages_only(network: PhoneNetwork) -> None:
    phone = network.phone(DANA)
    network.inbound_url = None
    for n in range(MESSAGES_PER_PHONE_MAX + 5):
        await phone.reply(f"reply {n}")
    assert len(phone.thread) == MESSAGES_PER_PHONE_MAX
    assert phone.thread[0].body == "reply 5"


async def test_waiting_for_a_message_that_does_not_come_ends(network: PhoneNetwork) -> None:
    with pytest.raises(TimeoutError):
        await network.phone(DANA).until_received("anything", timeout_s=0.05)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 159 + "€", 2),
        ("ü" * 160, 1),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("x" * 153 * 3, 3),
    ],
)
def test_segments_are_counted_as_carriers_do(body: str, expected: int) -> None:
    assert segments(body) == expected
