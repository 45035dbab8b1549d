"""Texts, told as stories: one account fails and the other sends; what is the person's is theirs."""

import asyncio
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.channels.house import DANA, FIRST, SECOND, House, message, open_house
from tocsin_server.channels import twilio
from tocsin_server.channels.channel import Message, SendFailed
from tocsin_server.channels.twilio import Account
from tocsin_server.config import Secret, TwilioAccountConfig
from tocsin_server.demo.phone import AccountCondition, Condition
from tocsin_server.demo.postgres import free_port

ILL = [
    AccountCondition.LOCKED_OUT,
    AccountCondition.BROKEN,
    AccountCondition.TOO_MANY,
    AccountCondition.GARBAGE,
    AccountCondition.HANGING,
]


async def test_a_text_is_sent_and_what_became_of_it_comes_back_signed(house: House) -> None:
    key = uuid4()
    assert (await house.sms.send(message(notification_id=key))).startswith("SM")
    received = await house.network.phone(DANA).until_received("a text")
    assert received.system_number == FIRST
    report = await house.until_reported("delivered")
    assert (report.state, report.problem) == ("delivered", None)
    assert {path for path, _ in house.heard} == {f"/api/v1/twilio/status/{key}"}


async def test_a_message_that_goes_past_the_database_is_not_reported_on(house: House) -> None:
    await house.sms.send(Message(notification_id=None, to=DANA, text="NOT YET STORED"))
    await house.network.phone(DANA).until_received("NOT YET STORED")
    assert house.heard == []


@pytest.mark.parametrize("condition", ILL)
async def test_the_first_account_fails_and_the_second_sends_within_three_seconds(
    house: House, condition: AccountCondition, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A silent one has all but a second of the three; less, that this machine may take its time.
    first_try_s = twilio.FIRST_TRY_S
    assert first_try_s <= 2.0
    monkeypatch.setattr(twilio, "FIRST_TRY_S", 0.2)
    monkeypatch.setattr(twilio, "PROBE_S_MIN", 60.0)  # a probe is a request to the first one, too
    phone = house.network.phone(DANA)
    house.first.condition = condition
    began = time.monotonic()
    await house.sms.send(message(text="the first text"))
    received = await phone.until_received("the first text")
    assert time.monotonic() - began < 3.0
    assert received.system_number == SECOND
    await house.until_reported("delivered")

    monkeypatch.setattr(twilio, "FIRST_TRY_S", first_try_s)
    asked = house.first.requests
    await house.sms.send(message(text="the second text"))
    assert (await phone.until_received("the second text")).system_number == SECOND
    assert house.first.requests == asked, "it waited for the first one again"
    assert house.forged == 0, "a webhook of the second account that was not believed"


async def test_an_account_that_can_t_be_reached_is_passed_over(tmp_path: Path) -> None:
    async with open_house(tmp_path, first_url=f"http://127.0.0.1:{free_port()}") as house:
        await house.sms.send(message())
        received = await house.network.phone(DANA).until_received("a text")
        assert received.system_number == SECOND


async def test_a_probe_and_no_message_finds_out_that_the_first_account_is_well_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio, "PROBE_S_MIN", 0.02)
    phone = house.network.phone(DANA)
    house.first.condition = AccountCondition.BROKEN
    await house.sms.send(message(text="while it is ill"))
    assert (await phone.until_received("while it is ill")).system_number == SECOND
    asked = house.first.requests
    await house.network.until(
        lambda: True if house.first.requests >= asked + 2 else None, timeout_s=10
    )
    house.first.condition = AccountCondition.WELL
    first = house.twilio.accounts[0]
    house.first.requests = 0
    await house.network.until(lambda: True if house.first.requests else None, timeout_s=10)
    if first.probing is not None:
        await first.probing
    assert first.away_because is None
    await house.sms.send(message(text="well again"))
    assert (await phone.until_received("well again")).system_number == FIRST


async def test_who_fails_again_at_once_is_probed_more_rarely(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio, "PROBE_S_MIN", 0.01)
    first = house.twilio.accounts[0]
    waits = []
    for _ in range(3):
        house.twilio._set_aside(first, "a test")
        assert first.probing is not None
        await first.probing
        waits.append(first.probe_wait_s)
    assert waits == [0.01, 0.02, 0.04]


async def test_when_both_fail_it_says_so_and_may_be_tried_again(house: House) -> None:
    house.first.condition = AccountCondition.LOCKED_OUT
    house.second.condition = AccountCondition.BROKEN
    with pytest.raises(SendFailed) as failed:
        await house.sms.send(message())
    assert failed.value.temporary
    assert failed.value.unreachable is None
    assert "Twilio refuses our account id or token: check both" in str(failed.value)
    assert "500" in str(failed.value)
    house.first.condition = AccountCondition.WELL
    assert await house.sms.send(message()), "who was set aside is asked all the same"


async def test_a_number_that_texted_stop_is_not_texted_from_the_other_one(house: House) -> None:
    phone = house.network.phone(DANA)
    phone.opted_out = True
    with pytest.raises(SendFailed) as failed:
        await house.sms.send(message())
    assert failed.value.unreachable == "opted out: this number has texted STOP"
    assert not failed.value.temporary
    assert phone.requests == 1
    phone.opted_out = False
    assert await house.sms.send(message())


async def test_a_number_that_is_none_is_unreachable_at_once(house: House) -> None:
    with pytest.raises(SendFailed) as failed:
        await house.sms.send(message("+1512"))
    assert failed.value.unreachable == "there is no such number"
    assert not failed.value.temporary
    assert house.second.requests == 0


async def test_a_landline_is_told_by_its_delivery_report(house: House) -> None:
    house.network.phone(DANA).condition = Condition.LANDLINE
    await house.sms.send(message())
    report = await house.until_reported("undelivered")
    assert report.unreachable == "a landline, or a line that takes no texts"
    assert report.problem == "a landline, or a line that takes no texts (30006)"


@pytest.mark.parametrize("code", [30032, 30034])
async def test_a_number_that_carriers_refuse_is_set_aside_and_marks_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    phone, first = house.network.phone(DANA), house.twilio.accounts[0]
    house.first.unregistered = code
    await house.sms.send(message(text="unregistered"))
    report = await house.until_reported("undelivered")
    assert report.unreachable is None
    house.twilio.learn(house.heard[-1][1], report)
    assert first.sender_problem == report.problem
    assert str(code) in str(report.problem)
    await house.sms.send(message(text="by the other"))
    assert (await phone.until_received("by the other")).system_number == SECOND

    house.first.unregistered = None
    assert first.probing is not None
    first.probing.cancel()
    await asyncio.wait({first.probing})
    monkeypatch.setattr(twilio, "SENDER_AWAY_S", 0.01)
    house.twilio.learn(house.heard[0][1], report)
    await first.probing
    await house.sms.send(message(text="registered"))
    assert (await phone.until_received("registered")).system_number == FIRST
    delivered = await house.until_reported("delivered")
    house.twilio.learn({"AccountSid": first.sid, "From": FIRST}, delivered)
    assert first.sender_problem is None


async def test_while_a_token_is_changed_each_one_is_believed_and_no_other(house: House) -> None:
    path = "/api/v1/twilio/inbound"
    url, form = f"{house.config.public_url}{path}", {"Body": "7k2m", "From": DANA}
    for token in ("first", "older"):
        house.first.auth_tokens = [token]
        assert house.twilio.is_genuine(path, form, house.first.signature(url, form))
    assert house.twilio.is_genuine(path, form, house.second.signature(url, form))
    assert not house.twilio.is_genuine(
        path, form | {"Body": "no"}, house.second.signature(url, form)
    )
    house.first.auth_tokens = ["a stranger's"]
    for signature in (house.first.signature(url, form), "", "é"):
        assert not house.twilio.is_genuine(path, form, signature)


async def test_without_a_second_account_one_failure_is_one_failure(tmp_path: Path) -> None:
    async with open_house(tmp_path, second=False) as house:
        house.first.condition = AccountCondition.TOO_MANY
        with pytest.raises(SendFailed, match="429") as failed:
            await house.sms.send(message())
        assert failed.value.temporary
        house.first.condition = AccountCondition.WELL
        assert await house.sms.send(message())


async def test_a_messaging_service_chooses_the_number(tmp_path: Path) -> None:
    service = f"MG{'3' * 32}"
    async with open_house(tmp_path, more=f'messaging_service_sid = "{service}"') as house:
        house.first.messaging_service_sid = service
        await house.sms.send(message())
        assert (await house.network.phone(DANA).until_received("a text")).system_number == FIRST


async def test_behind_a_firewall_nothing_is_asked_to_be_reported(tmp_path: Path) -> None:
    async with open_house(tmp_path, public=False) as house:
        await house.sms.send(message())
        await house.network.phone(DANA).until_received("a text")
        assert house.heard == []


@pytest.mark.parametrize(
    ("edge", "region", "host"),
    [
        (None, None, "api.twilio.com"),
        (None, "us1", "api.us1.twilio.com"),
        ("dublin", None, "api.dublin.us1.twilio.com"),
        ("dublin", "ie1", "api.dublin.ie1.twilio.com"),
    ],
)
async def test_edge_and_region_say_where_a_request_goes(
    edge: str | None, region: str | None, host: str
) -> None:
    config = TwilioAccountConfig(
        account_sid=f"AC{'1' * 32}",
        auth_token_file="token",
        from_number=FIRST,
        edge=edge,
        region=region,
    )
    account = Account("twilio", config, [Secret("token")])
    assert account.client.get_hostname("https://api.twilio.com/x") == f"https://{host}/x"
    await account.close()
