"""What keeps an account from sending is said before an alert needs it."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.channels.house import DANA, FIRST, House
from tests.parts import WAIT_S
from tocsin_server.channels import twilio, twilio_watch
from tocsin_server.channels.channel import SendFailed
from tocsin_server.channels.twilio_watch import TwilioWatch
from tocsin_server.demo.phone import AccountCondition, Condition


@pytest_asyncio.fixture
async def watch(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TwilioWatch]:
    monkeypatch.setattr(twilio_watch, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(twilio_watch, "LOOK_WAIT_S", WAIT_S)
    assert house.config.twilio is not None
    watch = TwilioWatch(house.twilio, balance_min=house.config.twilio.balance_min)
    yield watch
    await watch.close()


async def warned(watch: TwilioWatch) -> list[str]:
    """What will be trouble; texts and calls still go out."""
    assert await watch.trouble() == []
    return watch.warnings


async def test_two_accounts_that_are_well_are_no_news(watch: TwilioWatch) -> None:
    assert await warned(watch) == []


async def test_money_that_runs_out_is_said_for_each_account(
    house: House, watch: TwilioWatch
) -> None:
    house.second.balance = "24.99"
    assert await warned(watch) == [
        "[twilio_second] has 24.99 USD left, less than 25.00: top it up at Twilio, or texts and"
        " calls will stop."
    ]
    house.second.balance = "25.00"
    assert await warned(watch) == []
    house.first.balance = "-3.5"
    (sentence,) = await warned(watch)
    assert sentence.startswith("[twilio] has -3.50 USD left")


async def test_a_suspended_account_is_named(house: House, watch: TwilioWatch) -> None:
    house.first.status = "suspended"
    assert await warned(watch) == [
        "[twilio] is suspended: Twilio sends nothing until its e-mail or its bill is seen to."
    ]


async def test_a_number_that_is_another_s_is_named(house: House, watch: TwilioWatch) -> None:
    house.first.from_number = "+15125550199"
    (sentence,) = await warned(watch)
    assert sentence.startswith(f"[twilio] does not own {FIRST}: buy it at Twilio")


@pytest.mark.parametrize("condition", [AccountCondition.LOCKED_OUT, AccountCondition.BROKEN])
async def test_a_second_account_that_can_t_be_used_is_known_before_it_is_needed(
    house: House, watch: TwilioWatch, condition: AccountCondition
) -> None:
    house.second.condition = condition
    (sentence,) = await warned(watch)
    assert sentence.startswith("[twilio_second] can't be used: ")
    assert sentence.endswith("Check its account id, its token and its bill.")
    house.second.condition = AccountCondition.WELL
    assert await warned(watch) == []


async def test_what_carriers_have_against_a_number_is_said_at_once(
    house: House, watch: TwilioWatch
) -> None:
    house.twilio.accounts[0].sender_problem = "US carriers refuse our number (30034)"
    assert await warned(watch) == ["[twilio]: US carriers refuse our number (30034)"]


async def test_where_no_account_works_nothing_is_sent_and_that_is_trouble(
    house: House, watch: TwilioWatch
) -> None:
    house.second.condition = AccountCondition.LOCKED_OUT
    house.first.status = "suspended"
    first, second = await watch.trouble()
    assert first.startswith("[twilio] is suspended")
    assert second.startswith("[twilio_second] can't be used")
    assert watch.warnings == []


async def test_nobody_waits_for_an_account_that_hangs_and_it_is_asked_once_a_while(
    house: House, watch: TwilioWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio_watch, "LOOK_WAIT_S", 0.05)
    house.second.condition = AccountCondition.HANGING
    assert await watch.trouble() == []
    await house.network.until(lambda: True if house.second.requests else None, timeout_s=20)
    began = time.monotonic()
    assert await watch.trouble() == []
    assert time.monotonic() - began < twilio.REQUEST_S_MAX, "it was waited for"
    assert house.second.requests == 1, "it is being asked already"


async def test_what_is_known_is_asked_again_only_after_a_while(
    house: House, watch: TwilioWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio_watch, "LOOK_EVERY_S", 60.0)
    assert await watch.trouble() == []
    asked = house.first.requests
    house.first.balance = "0.00"
    assert await watch.trouble() == []
    assert house.first.requests == asked


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (Condition.ON, None),
        (Condition.VOIP, None),
        (Condition.LANDLINE, "a landline: it takes calls, but no texts"),
    ],
)
async def test_a_landline_is_known_before_it_is_texted(
    house: House, watch: TwilioWatch, condition: Condition, reason: str | None
) -> None:
    house.network.phone(DANA).condition = condition
    assert await watch.line_type(DANA) == reason


async def test_a_look_up_that_fails_says_nothing_of_the_number(
    house: House, watch: TwilioWatch
) -> None:
    house.first.condition = AccountCondition.BROKEN
    with pytest.raises(SendFailed, match="500"):
        await watch.line_type(DANA)
