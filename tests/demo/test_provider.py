"""What a system without a public address can fetch, and what an account that fails is like."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from tests.demo.system import ACCOUNT_SID, DANA, SYSTEM, TOKEN, System, client_of
from tocsin_server.demo.phone import Account, AccountCondition, Condition, PhoneNetwork

LUIS = "+15125550112"
SECOND_SID = "AC" + "2" * 32
SECOND_TOKEN = "the other account's"
SECOND = "+15125550200"
HELLO = "<Response><Say>Duress at Counter 2.</Say></Response>"
HOUR = timedelta(hours=1)


@pytest.fixture
def second(network: PhoneNetwork, system: System) -> Account:
    return network.add_account(
        sid=SECOND_SID,
        auth_token=SECOND_TOKEN,
        from_number=SECOND,
        inbound_url=f"{system.url}/second",
    )


async def send(client: Client, body: str, *, to: str = DANA, sender: str = SYSTEM) -> str:
    sent = await client.messages.create_async(to=to, from_=sender, body=body, validity_period=30)
    return str(sent.sid)


async def test_a_message_and_what_became_of_it_can_be_fetched(network: PhoneNetwork) -> None:
    phone = network.phone(DANA)
    phone.condition = Condition.OFF
    async with client_of(network) as client:
        sid = await send(client, "DURESS at Counter 2")
        await network.until(
            lambda: True if phone.thread[0].status == "undelivered" else None, timeout_s=20
        )
        message = await client.messages(sid).fetch_async()
        assert (message.status, message.error_code) == ("undelivered", 30003)
        assert message.date_sent is not None
        with pytest.raises(TwilioRestException) as unknown:
            await client.messages("SM" + "0" * 32).fetch_async()
        assert unknown.value.code == 20404


async def test_replies_are_listed_as_inbound_newest_first(network: PhoneNetwork) -> None:
    network.inbound_url = None
    for body in ("yes", "4821"):
        await network.phone(DANA).reply(body)
    await network.phone(LUIS).reply("no")
    async with client_of(network) as client:
        await send(client, "DURESS at Counter 2")
        replies = await client.messages.list_async(to=SYSTEM)
        assert [reply.body for reply in replies] == ["no", "4821", "yes"]
        assert {(reply.direction, reply.status) for reply in replies} == {("inbound", "received")}
        assert [reply.body for reply in await client.messages.list_async(from_=DANA)] == [
            "4821",
            "yes",
        ]
        sent = await client.messages.list_async(to=DANA, from_=SYSTEM)
        assert [message.direction for message in sent] == ["outbound-api"]


async def test_lists_keep_to_the_dates_that_are_asked_for(network: PhoneNetwork) -> None:
    network.inbound_url = None
    await network.phone(DANA).reply("4821")
    now = datetime.now(UTC)

    async with client_of(network) as client:

        async def count(**dates: object) -> int:
            return len(await client.messages.list_async(**dates))

        (reply,) = await client.messages.list_async(date_sent_after=now - HOUR)
        assert await count(date_sent_after=reply.date_sent) == 1, "the second itself is included"
        assert await count(date_sent_after=now + HOUR) == 0
        assert await count(date_sent_before=now + HOUR) == 1
        assert await count(date_sent_before=now - HOUR) == 0
        assert await count(date_sent=reply.date_sent.date()) == 1
        assert await count(date_sent=reply.date_sent.date() - timedelta(days=2)) == 0


async def test_a_long_list_comes_in_pages_and_loses_nothing_to_what_arrives_meanwhile(
    network: PhoneNetwork,
) -> None:
    network.inbound_url = None
    phone = network.phone(DANA)
    for n in range(5):
        await phone.reply(f"reply {n}")
    async with client_of(network) as client:
        page = await client.messages.page_async(from_=DANA, page_size=2)
        shown = [message.body for message in page]
        await phone.reply("reply 5")
        while (page := await page.next_page_async()) is not None:
            shown += [message.body for message in page]
        assert shown == [f"reply {n}" for n in (4, 3, 2, 1, 0)]
        assert len(await client.messages.list_async(limit=4, page_size=3)) == 4


@pytest.mark.parametrize(
    "query", ["DateSent>=yesterday", "PageSize=many", "PageToken=PASM1", "Page=-1"]
)
async def test_a_filter_that_cannot_be_read_is_refused(network: PhoneNetwork, query: str) -> None:
    async with client_of(network) as client:
        with pytest.raises(TwilioException, match="Unable to fetch page"):
            await client.messages.get_page_async(
                f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?{query}"
            )


async def test_calls_are_listed_by_whom_they_reached_and_how_they_ended(
    network: PhoneNetwork,
) -> None:
    network.phone(LUIS).condition = Condition.BUSY
    now = datetime.now(UTC)
    async with client_of(network) as client:
        for to in (DANA, LUIS):
            await client.calls.create_async(to=to, from_=SYSTEM, twiml=HELLO)
        await (await network.phone(DANA).until_ringing()).answer()
        await (await network.phone(LUIS).until_called()).until_ended()

        async def ended(**filters: object) -> list[tuple[str, str]]:
            return [(each.to, each.status) for each in await client.calls.list_async(**filters)]

        both = [(LUIS, "busy"), (DANA, "completed")]
        assert await ended() == await ended(from_=SYSTEM, start_time_after=now - HOUR) == both
        assert await ended(to=DANA) == await ended(status="completed") == both[1:]
        assert await ended(start_time_after=now + HOUR) == []
        assert await ended(end_time_before=now - HOUR) == []


async def test_the_balance_and_the_number_are_the_accounts(network: PhoneNetwork) -> None:
    network.account.balance = "3.07"
    async with client_of(network) as client:
        balance = await client.balance.fetch_async()
        assert (balance.balance, balance.currency) == ("3.07", "USD")
        (number,) = await client.incoming_phone_numbers.list_async(phone_number=SYSTEM)
        assert number.capabilities["sms"] is number.capabilities["voice"] is True
        assert await client.incoming_phone_numbers.list_async(phone_number=SECOND) == []


@pytest.mark.parametrize("code", [30034, 30032])
async def test_a_sender_that_is_not_registered_reaches_nobody(
    network: PhoneNetwork, code: int
) -> None:
    network.account.unregistered = code
    phone = network.phone(DANA)
    async with client_of(network) as client:
        sid = await send(client, "DURESS at Counter 2")
        await network.until(
            lambda: True if phone.thread[0].error_code is not None else None, timeout_s=20
        )
        assert (await client.messages(sid).fetch_async()).error_code == code
    assert phone.received == []


@pytest.mark.parametrize(
    ("condition", "line_type"),
    [
        (Condition.ON, "mobile"),
        (Condition.LANDLINE, "landline"),
        (Condition.VOIP, "nonFixedVoip"),
    ],
)
async def test_a_look_up_says_what_a_number_is(
    network: PhoneNetwork, condition: Condition, line_type: str
) -> None:
    network.phone(DANA).condition = condition
    async with client_of(network) as client:
        numbers = client.lookups.v2.phone_numbers
        number = await numbers(DANA).fetch_async(fields="line_type_intelligence")
        assert number.valid is True
        assert number.line_type_intelligence["type"] == line_type
        assert (await numbers(DANA).fetch_async()).line_type_intelligence is None
        with pytest.raises(TwilioRestException) as unknown:
            await numbers("nobody").fetch_async()
        assert unknown.value.status == 404


async def test_two_accounts_send_from_numbers_of_their_own_and_see_their_own_only(
    network: PhoneNetwork, system: System, second: Account
) -> None:
    phone = network.phone(DANA)
    async with client_of(network, sid=SECOND_SID, token=SECOND_TOKEN) as client:
        sid = await send(client, "DURESS at Counter 2", sender=SECOND)
        with pytest.raises(TwilioRestException) as foreign:
            await send(client, "DURESS at Counter 2", sender=SYSTEM)
        assert foreign.value.code == 21606
    assert (await phone.until_received("Counter 2")).system_number == SECOND
    async with client_of(network) as client:
        assert await client.messages.list_async() == []
        with pytest.raises(TwilioRestException) as foreign:
            await client.messages(sid).fetch_async()
        assert foreign.value.code == 20404
    async with client_of(network, sid=SECOND_SID) as client:
        with pytest.raises(TwilioRestException) as guessed:
            await send(client, "DURESS at Counter 2", sender=SECOND)
        assert guessed.value.code == 20003

    system.token = SECOND_TOKEN
    assert (await phone.reply("4821")).status == 200, "it goes where the text came from"
    assert system.inbound[-1]["To"] == SECOND
    system.token = TOKEN
    await network.reply(DANA, "4821", account=network.account)
    assert system.inbound[-1]["To"] == SYSTEM


async def test_both_tokens_let_in_while_they_are_rotated_and_the_first_one_signs(
    network: PhoneNetwork, system: System
) -> None:
    network.account.auth_tokens.append("the next one")
    for token in (TOKEN, "the next one"):
        async with client_of(network, token=token) as client:
            await client.balance.fetch_async()
    assert (await network.phone(DANA).reply("4821")).status == 200
    network.account.auth_tokens.pop(0)
    assert (await network.phone(DANA).reply("4821")).status == 403
    system.token = "the next one"
    assert (await network.phone(DANA).reply("4821")).status == 200


async def balance(client: Client) -> None:
    await client.balance.fetch_async()


async def text(client: Client) -> None:
    await send(client, "DURESS at Counter 2")


async def ring(client: Client) -> None:
    await client.calls.create_async(to=DANA, from_=SYSTEM, twiml=HELLO)


@pytest.mark.parametrize(
    ("condition", "status", "code"),
    [
        (AccountCondition.LOCKED_OUT, 401, 20003),
        (AccountCondition.BROKEN, 500, 20500),
        (AccountCondition.TOO_MANY, 429, 20429),
    ],
)
@pytest.mark.parametrize("ask", [balance, text, ring])
async def test_an_account_that_fails_does_so_whatever_it_is_asked_until_it_is_repaired(
    network: PhoneNetwork,
    condition: AccountCondition,
    status: int,
    code: int,
    *,
    ask: Callable[[Client], Awaitable[None]],
) -> None:
    network.account.condition = condition
    async with client_of(network) as client:
        with pytest.raises(TwilioRestException) as refusal:
            await ask(client)
        assert (refusal.value.status, refusal.value.code) == (status, code)
        assert network.phones == []
        network.account.condition = AccountCondition.WELL
        await ask(client)
    assert network.account.requests == 2


async def test_an_account_that_gives_garbage_or_nothing_accepts_nothing(
    network: PhoneNetwork, second: Account
) -> None:
    network.account.condition = AccountCondition.GARBAGE
    async with client_of(network) as client:
        with pytest.raises(ValueError, match="Expecting value"):
            await text(client)
        network.account.condition = AccountCondition.HANGING
        hanging = asyncio.create_task(text(client))
        await network.until(lambda: True if network.account.requests == 2 else None, timeout_s=20)
        async with client_of(network, sid=SECOND_SID, token=SECOND_TOKEN) as other:
            await send(other, "the other one is well", sender=SECOND)
        assert not hanging.done()
        network.account.condition = AccountCondition.WELL
        with pytest.raises(TwilioRestException) as refusal:
            await hanging
        assert refusal.value.status == 503
    (sms,) = network.phone(DANA).thread
    assert sms.body == "the other one is well"
