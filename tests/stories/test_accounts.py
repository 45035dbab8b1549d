"""The provider fails: the second account sends, and nobody waits for the first."""

from functools import partial

import pytest

from tests.parts import DANA, LUIS, MAYA, SECOND_NUMBER
from tests.stories.house import Counties, County, in_each, seconds
from tocsin_server.demo.phone import AccountCondition

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECOND_SENDS_WITHIN_S = 3.0  # acceptance


@pytest.mark.parametrize(
    "condition",
    [AccountCondition.LOCKED_OUT, AccountCondition.BROKEN, AccountCondition.HANGING],
    ids=["401", "500", "silent"],
)
async def test_the_first_account_fails_and_the_second_texts_and_calls_within_three_seconds(
    counties: Counties, condition: AccountCondition
) -> None:
    await in_each(counties, partial(the_first_fails, condition=condition))


async def the_first_fails(county: County, *, condition: AccountCondition) -> None:
    await county.restart()  # it would remember the failure of the story before
    await county.tell([DANA, LUIS], [MAYA], methods=("sms", "voice"))
    county.walk.phones.account.condition = condition
    alert = await county.press()
    for phone in (county.dana, county.luis):
        text = await phone.until_received(f"Reply {alert.code} ")
        assert text.system_number == SECOND_NUMBER
        call = await phone.until_ringing()
        assert call.account.from_number == SECOND_NUMBER
    for sent in await county.sent(alert):
        accepted = await county.at(
            alert, "notification_accepted", to=sent.name, method=sent.method, purpose="page"
        )
        assert seconds(sent.created_at, accepted) < SECOND_SENDS_WITHIN_S + county.stood_still_s
    county.walk.phones.account.condition = AccountCondition.WELL
    await county.text(county.luis, alert.code, hears="You have it")  # to the second number
    await county.dana.until_received("Luis Herrera has the duress")


async def test_carriers_refuse_our_unregistered_number_and_nobody_is_marked_for_it(
    counties: Counties,
) -> None:
    await in_each(counties, carriers_refuse_us)


async def carriers_refuse_us(county: County) -> None:
    await county.restart()
    await county.tell([DANA, LUIS], [MAYA])
    county.walk.phones.account.unregistered = 30034
    alert = await county.press()
    for person, phone in ((DANA, county.dana), (LUIS, county.luis)):
        await phone.until_ringing()
        page = await county.until_sent(alert, person, "sms", "undelivered")
        assert page.error is not None
        assert "register it for A2P 10DLC (30034)" in page.error
    assert await county.unreachable() == {}
    assert county.maya.requests == 0

    other = await county.press()  # for which the second number is used at once
    for phone in (county.dana, county.luis):
        text = await phone.until_received(f"Reply {other.code} ")
        assert text.system_number == SECOND_NUMBER
