"""Chats and pagers by apprise: only services elsewhere, and never a token in a sentence."""

import logging
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from tests.channels.chat import TOPIC, Chat, chat
from tests.parts import DANA, Database
from tocsin_server.channels import apprise
from tocsin_server.channels.apprise import SCHEMES, Apprise, read_address
from tocsin_server.channels.channel import Message, SendFailed
from tocsin_server.demo import example
from tocsin_server.demo.postgres import free_port
from tocsin_server.errors import Invalid
from tocsin_server.people.contacts import add_contact

LINK = "https://tocsin.example.org/answer/AYkKXayWd0u8zrMCCZqAVw"
WITH_NTFY = SCHEMES | {"ntfy"}  # without TLS: this machine's own


def page(to: str, **fields: object) -> Message:
    written = {
        "notification_id": UUID(int=7),
        "to": to,
        "subject": "DURESS at Room 104",
        "text": "TOCSIN: DURESS at Room 104. Pressed 4 s ago.",
        "link": LINK,
    }
    return Message(**(written | fields))  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Chat]:
    async with chat() as server:
        yield server


@pytest_asyncio.fixture
async def channel() -> AsyncIterator[Apprise]:
    channel = Apprise(schemes=WITH_NTFY)
    yield channel
    await channel.close()


async def refused(channel: Apprise, message: Message) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await channel.send(message)
    assert TOPIC not in str(failed.value)
    return failed.value


async def test_a_page_arrives_with_its_title_its_text_and_its_link(
    server: Chat, channel: Apprise
) -> None:
    assert await channel.send(page(server.address)) == "ntfy"
    (came,) = server.posted
    assert (came.topic, came.title) == (TOPIC, "DURESS at Room 104")
    assert came.message == f"TOCSIN: DURESS at Room 104. Pressed 4 s ago. {LINK}"


async def test_a_link_that_the_text_has_is_not_said_twice(server: Chat, channel: Apprise) -> None:
    await channel.send(page(server.address, text=f"TOCSIN: take it at {LINK}"))
    assert server.posted[0].message.count(LINK) == 1


@pytest.mark.parametrize(
    ("status", "temporary"), [(403, False), (404, False), (429, True), (500, True)]
)
async def test_what_the_service_says_is_told_without_the_address(
    server: Chat, channel: Apprise, status: int, temporary: bool
) -> None:
    server.status = status
    error = await refused(channel, page(server.address))
    assert str(error).startswith("ntfy did not take it: Failed to send ntfy notification")
    assert f"error={status}" in str(error)
    assert error.temporary is temporary


async def test_a_service_that_is_away_is_worth_another_try(channel: Apprise) -> None:
    error = await refused(channel, page(f"ntfy://127.0.0.1:{free_port()}/{TOPIC}"))
    assert error.temporary
    assert "A Connection error occurred" in str(error)


async def test_a_service_that_does_not_answer_is_not_waited_for(
    server: Chat, channel: Apprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apprise, "REQUEST_S_MAX", 0.2)
    server.go_on.clear()
    error = await refused(channel, page(server.address))
    assert (str(error), error.temporary) == ("ntfy did not answer within 0.2 s", True)


async def test_no_line_of_any_log_holds_an_address(
    server: Chat, channel: Apprise, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="apprise")
    server.status = 403
    await refused(channel, page(server.address))
    await refused(channel, page(f"ntfy://127.0.0.1:1/{TOPIC}?rto=none&cto=x"))
    with pytest.raises(Invalid):
        read_address("slack://not-a-token-at-all")
    assert [each.getMessage() for each in caplog.records if each.name == "apprise"] == []


@pytest.mark.parametrize(
    "address",
    [
        *("dbus://", "syslog://", "gnome://", "windows://", "macosx://", "rsyslog://127.0.0.1"),
        *("json://127.0.0.1/x", "mailto://a:b@example.org", "mqtt://127.0.0.1/x", "ntfy://topic"),
        *("twilio://AC:token@15125550100/15125550101", "https://127.0.0.1/x", "file:///etc/passwd"),
        *("", "slack", "://", "http://[", "vapid://a@example.org"),
    ],
)
def test_only_services_elsewhere_are_sent_to(address: str) -> None:
    with pytest.raises(Invalid, match=r"is no kind of address .* Use one of: betterstack, cliq"):
        read_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "ntfys://ntfy.example.org/topic",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#duress",
        "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ],
)
def test_an_address_is_kept_as_it_was_given(address: str) -> None:
    assert read_address(f" {address}\n") == address


@pytest.mark.parametrize(
    "address",
    ["slack://x", f"ntfys://ntfy.example.org/{'x' * 1000}", "ntfys://ntfy.example.org/a\x00b"],
)
def test_an_address_that_means_nothing_is_said_without_it(address: str) -> None:
    with pytest.raises(Invalid, match="as the apprise package writes them") as told:
        read_address(address)
    assert address not in str(told.value)


def test_an_address_may_not_ask_to_be_read_by_others() -> None:
    with pytest.raises(Invalid, match="leave it out"):
        read_address("ntfys://ntfy.example.org/topic?verify=no")


def test_an_address_may_not_ask_for_patience() -> None:
    service = apprise._service("ntfys://h.example.org/t?rto=600&cto=600&retry=9", SCHEMES)
    assert service.request_timeout == (4.0, 4.0)
    assert service.retry == 0


async def test_what_the_list_no_longer_has_is_unreachable() -> None:
    channel = Apprise()
    error = await refused(channel, page(f"ntfy://127.0.0.1/{TOPIC}"))
    assert (error.temporary, error.unreachable) == (False, "this address can't be used")
    await channel.close()


def test_each_service_on_the_list_is_known_and_speaks_tls() -> None:
    from apprise.manager_plugins import NotificationManager  # noqa: PLC0415

    known = NotificationManager()  # type: ignore[no-untyped-call]
    for scheme in SCHEMES:
        secure = known[scheme].secure_protocol
        assert scheme in ({secure} if isinstance(secure, str) else set(secure)), scheme


async def test_an_address_is_looked_at_before_it_is_anybody_s(example_database: Database) -> None:
    async with example_database.pool() as pool:
        person_id = await pool.fetchval("SELECT person_id FROM person WHERE email = $1", DANA.email)

        async def add(address: str) -> None:
            await add_contact(
                pool,
                jurisdiction=example.JURISDICTION,
                person_id=person_id,
                method="apprise",
                address=address,
                vouched_by="Maya Chen",
            )

        with pytest.raises(Invalid, match="is no kind of address"):
            await add("syslog://")
        await add("ntfys://ntfy.example.org/duress")
        rows = await pool.fetch("SELECT address FROM contact WHERE method = 'apprise'")
    assert [row["address"] for row in rows] == ["ntfys://ntfy.example.org/duress"]
