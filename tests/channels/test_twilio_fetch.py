"""Behind a firewall, told as stories: replies and reports come although nobody can knock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from tests.channels.house import DANA, SECOND, House, message, open_house
from tocsin_server.channels import twilio_fetch
from tocsin_server.channels.channel import Message, Method, Outstanding, Report
from tocsin_server.channels.twilio_fetch import TwilioFetch
from tocsin_server.demo.phone import AccountCondition, CallStatus, Condition

LUIS = "+15125550112"


class Server:
    """What the walk does with what is fetched."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.busy = True
        self.outstanding: list[Outstanding] = []
        self.texts: list[tuple[str, str, str]] = []
        self.reports: list[tuple[UUID, Report]] = []
        self.fetch = TwilioFetch(
            house.twilio,
            is_busy=lambda: self.busy,
            outstanding=self._list,
            on_text=self._on_text,
            on_report=self._on_report,
        )

    async def _list(self) -> list[Outstanding]:
        return self.outstanding

    async def _on_text(self, phone: str, body: str, message_id: str) -> str | None:
        self.texts.append((phone, body, message_id))
        self.house.network.touch()
        return "You have it." if body == "7k2m" else None

    async def _on_report(self, notification_id: UUID, report: Report) -> None:
        self.reports.append((notification_id, report))
        self.house.network.touch()

    async def send(self, method: Method, wanted: Message) -> UUID:
        channel = self.house.voice if method == "voice" else self.house.sms
        provider_id = await channel.send(wanted)
        key = wanted.notification_id
        assert key is not None
        self.outstanding.append(Outstanding(key, method, provider_id))
        return key

    def said(self, key: UUID) -> list[str]:
        return [report.status for told, report in self.reports if told == key]

    async def until_said(self, key: UUID, status: str) -> Report:
        return await self.house.network.until(
            lambda: next(
                (each for told, each in self.reports if (told, each.status) == (key, status)), None
            ),
            timeout_s=20,
        )

    async def until_texts(self, count: int) -> None:
        await self.house.network.until(
            lambda: True if len(self.texts) >= count else None, timeout_s=20
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.fetch.run())
        try:
            yield
        finally:
            assert not task.done(), "the loop has ended"
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest_asyncio.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setattr(twilio_fetch, "BUSY_S", 0.02)
    monkeypatch.setattr(twilio_fetch, "BACK_OFF_S_MAX", 0.05)
    async with open_house(tmp_path, public=False) as house:
        yield Server(house)


async def test_a_reply_is_handed_on_once_and_answered_by_a_text(server: Server) -> None:
    phone = server.house.network.phone(DANA)
    async with server.running():
        await server.house.sms.send(message())
        await phone.until_received("a text")
        await phone.reply("7k2m")
        await phone.until_received("You have it.")
        await phone.reply("hello?")
        await server.until_texts(2)
    await server.fetch.turn()
    assert [(number, body) for number, body, _ in server.texts] == [
        (DANA, "7k2m"),
        (DANA, "hello?"),
    ]
    assert len({message_id for _, _, message_id in server.texts}) == 2
    assert len([sms for sms in phone.received if sms.body == "You have it."]) == 1


async def test_replies_come_in_the_order_in_which_they_were_sent(server: Server) -> None:
    phone = server.house.network.phone(DANA)
    for number in range(5):
        await phone.reply(f"no. {number}")
    await server.fetch.turn()
    assert [body for _, body, _ in server.texts] == [f"no. {number}" for number in range(5)]


async def test_a_reply_to_the_second_number_comes_although_the_first_account_is_ill(
    server: Server,
) -> None:
    server.house.first.condition = AccountCondition.LOCKED_OUT
    phone = server.house.network.phone(DANA)
    async with server.running():
        await server.house.sms.send(message())
        assert (await phone.until_received("a text")).system_number == SECOND
        await phone.reply("7k2m")
        await phone.until_received("You have it.")


async def test_what_became_of_texts_is_told_once_with_its_reason(server: Server) -> None:
    server.house.network.phone(LUIS).condition = Condition.LANDLINE
    dana = await server.send("sms", message())
    luis = await server.send("sms", message(LUIS))
    async with server.running():
        assert (await server.until_said(dana, "delivered")).state == "delivered"
        report = await server.until_said(luis, "undelivered")
    assert report.unreachable == "a landline, or a line that takes no texts"
    told = list(server.reports)
    await server.fetch.turn()
    assert server.reports == told


async def test_a_call_is_followed_to_its_end(server: Server) -> None:
    key = await server.send("voice", message())
    call = await server.house.network.phone(DANA).until_ringing()
    async with server.running():
        await server.until_said(key, "ringing")
        call.be_busy()
        assert (await server.until_said(key, "busy")).problem == "the line was busy"


async def test_a_voicemail_is_found_out_and_hung_up_on(server: Server) -> None:
    server.house.network.voice_takes_time = True
    server.house.network.phone(DANA).condition = Condition.VOICEMAIL
    key = await server.send("voice", message())
    async with server.running():
        report = await server.until_said(key, "machine_start")
        assert report.problem == "a voicemail answered"
        call = await server.house.network.phone(DANA).until_called()
        assert await call.until_ended() is CallStatus.COMPLETED
    assert len(call.heard) < 4, "it was hung up on before it had heard all"


async def test_a_number_that_carriers_refuse_is_set_aside_here_as_well(server: Server) -> None:
    server.house.first.unregistered = 30034
    key = await server.send("sms", message())
    async with server.running():
        report = await server.until_said(key, "undelivered")
    assert report.unreachable is None
    assert server.house.twilio.accounts[0].sender_problem == report.problem


@pytest.mark.parametrize(
    "condition",
    [AccountCondition.BROKEN, AccountCondition.GARBAGE, AccountCondition.LOCKED_OUT],
)
async def test_a_provider_that_is_ill_is_asked_again_and_it_is_said_once(
    server: Server, condition: AccountCondition
) -> None:
    network = server.house.network
    key = await server.send("sms", message())
    for account in network.accounts:
        account.condition = condition
    with capture_logs() as logs:
        async with server.running():
            asked = server.house.first.requests
            await network.until(
                lambda: True if server.house.first.requests >= asked + 8 else None, timeout_s=20
            )
            for account in network.accounts:
                account.condition = AccountCondition.WELL
            await network.phone(DANA).reply("7k2m")
            await server.until_said(key, "delivered")
            await server.until_texts(1)
            await network.until(lambda: None if server.fetch._failing else True, timeout_s=20)
    failed = [line["what"] for line in logs if line["event"] == "can't be fetched"]
    assert sorted(failed) == [
        "delivery reports",
        "replies to +15125550100",
        "replies to +15125550101",
    ]
    well = [line["what"] for line in logs if line["event"] == "can be fetched again"]
    assert sorted(well) == sorted(failed)


async def test_a_provider_that_is_gone_ends_nothing(server: Server) -> None:
    network = server.house.network
    port = int(network.url.rpartition(":")[2])
    await network.stop()
    async with server.running():
        for _ in range(3):
            await server.fetch.turn()
        await network.start(port=port)
        await network.phone(DANA).reply("7k2m")
        await server.until_texts(1)


async def test_a_text_that_the_database_could_not_take_is_handed_on_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_text = server.fetch._on_text
    failures = [OSError("the database is away")]

    async def fails_once(phone: str, body: str, message_id: str) -> str | None:
        if failures:
            raise failures.pop()
        return await on_text(phone, body, message_id)

    monkeypatch.setattr(server.fetch, "_on_text", fails_once)
    await server.house.network.phone(DANA).reply("7k2m")
    async with server.running():
        await server.until_texts(1)
    assert failures == []


async def test_while_nothing_is_open_it_asks_rarely_and_at_once_when_something_is(
    server: Server,
) -> None:
    network, first = server.house.network, server.house.first
    server.busy = False
    async with server.running():
        await network.until(lambda: True if first.requests else None, timeout_s=20)
        await network.phone(DANA).reply("7k2m")
        asked = first.requests
        with pytest.raises(TimeoutError):
            await network.until(
                lambda: True if first.requests > asked else None,
                timeout_s=10 * twilio_fetch.BUSY_S,
            )
        assert server.texts == []
        server.busy = True
        await server.until_texts(1)


async def test_what_is_neither_a_text_nor_a_call_is_not_asked_for(server: Server) -> None:
    server.outstanding.append(Outstanding(uuid4(), "push", "some other provider's id"))
    await server.fetch.turn()
    assert server.reports == []
