"""A push reaches the browser that asked for it, and no other door."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from tests.channels.push_service import PushService, push_service
from tocsin_server.channels import vapid, webpush
from tocsin_server.channels.channel import Message, SendFailed
from tocsin_server.channels.webpush import WebPush
from tocsin_server.config import ConfigError, PushConfig
from tocsin_server.demo.postgres import free_port

ID, ALERT = UUID(int=7), UUID("01890a5d-ac96-774b-bcce-b302099a8057")
LINK = "https://tocsin.example.org/answer/AYkKXayWd0u8zrMCCZqAVw"


def page(to: str, **fields: object) -> Message:
    written = {
        "notification_id": ID,
        "to": to,
        "subject": "DURESS at Room 104",
        "text": f"TOCSIN: DURESS at Room 104. Pressed 4 s ago. {LINK}",
        "link": LINK,
        "alert_id": ALERT,
    }
    return Message(**(written | fields))  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as service:
        yield service


@pytest_asyncio.fixture
async def push(service: PushService, folder: Path) -> AsyncIterator[WebPush]:
    (folder / "vapid.key").write_bytes(vapid.new_key())
    config = PushConfig(
        vapid_key_file="vapid.key",
        subject="mailto:tocsin@county.example",
        services=(service.origin, "push.example.org"),
    )
    push = WebPush(config, vapid.load_key(folder / "vapid.key"), public_url="https://ours.example")
    yield push
    await push.close()


async def refused(push: WebPush, message: Message) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await push.send(message)
    assert "secret-name-of-a-browser" not in str(failed.value)
    return failed.value


async def test_only_the_browser_reads_what_is_sent_and_who_sent_it(
    service: PushService, push: WebPush
) -> None:
    assert await push.send(page(service.subscription())) == "4711"
    (came,) = service.pushed
    shown = came.payload
    assert (shown.title, shown.url, shown.urgent) == ("DURESS at Room 104", LINK, True)
    assert shown.body == "TOCSIN: DURESS at Room 104. Pressed 4 s ago."
    assert (shown.tag, shown.notification_id) == (str(ALERT), str(ID))
    assert (came.headers["Urgency"], came.headers["TTL"]) == ("high", str(webpush.TTL_S))
    assert came.headers["Topic"] == "AYkKXayWd0u8zrMCCZqAVw"
    assert came.public_key == push.public_key
    assert came.claims["sub"] == "mailto:tocsin@county.example"
    assert int(str(came.claims["exp"])) - time.time() <= webpush.TOKEN_S


async def test_word_that_somebody_has_it_is_sent_in_no_hurry_and_takes_the_place_of_the_page(
    service: PushService, push: WebPush
) -> None:
    told = {"urgent": False, "link": None, "text": "Maya has it. Stand down.", "drill": True}
    await push.send(page(service.subscription()))
    await push.send(page(service.subscription(), **told))
    first, second = service.pushed
    assert second.headers["Urgency"] == "normal"
    assert (second.payload.url, second.payload.drill) == (None, True)
    assert first.payload.tag == second.payload.tag
    assert first.headers["Topic"] == second.headers["Topic"]


async def test_who_we_are_is_said_anew_only_after_half_an_hour(push: WebPush) -> None:
    origin = "https://push.example.org"
    first, same, later, stepped_back = (
        push._token(origin, now=now) for now in (1e9, 1e9 + 1799, 1e9 + 1800, 1e9 - 86_400)
    )
    assert first == same
    assert len({first, later, stepped_back}) == 3
    assert push._token("https://other.example.org", now=1e9) not in {first, later, stepped_back}


async def test_a_long_text_is_cut_so_that_it_fits_the_one_record_that_browsers_read(
    service: PushService, push: WebPush
) -> None:
    await push.send(page(service.subscription(), subject="\N{POLICE CAR}" * 900, text="ñ" * 3000))
    await push.send(page(service.subscription(), text="\N{POLICE CAR}" * 3000))
    for came in service.pushed:
        assert len(came.payload.body) == webpush.TEXT_CHARS_MAX
        assert int(came.headers["Content-Length"]) <= 4096


@pytest.mark.parametrize(
    ("status", "temporary", "unreachable"),
    [
        (404, False, "this browser is no longer subscribed"),
        (410, False, "this browser is no longer subscribed"),
        (403, False, None),
        (413, False, None),
        (302, False, None),
        (429, True, None),
        (503, True, None),
    ],
)
async def test_what_a_push_service_says_decides_whether_it_is_tried_again(
    service: PushService, push: WebPush, status: int, temporary: bool, unreachable: str | None
) -> None:
    service.status = status
    error = await refused(push, page(service.subscription()))
    assert str(error) == f"127.0.0.1 says {status}"
    assert (error.temporary, error.unreachable) == (temporary, unreachable)
    assert service.asked == 1, "a redirection leads where nobody allowed it"


async def test_a_push_service_that_is_away_is_worth_another_try(push: WebPush) -> None:
    away = PushService(origin=f"http://127.0.0.1:{free_port()}")
    push._config = PushConfig(vapid_key_file="vapid.key", services=(away.origin,))
    error = await refused(push, page(away.subscription()))
    assert error.temporary
    assert str(error).startswith("127.0.0.1 was not reached")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"endpoint": "https://127.0.0.1:5432/"}, "127.0.0.1"),
        ({"endpoint": "https://push.example.org.evil.example/x"}, "push.example.org.evil.example"),
        ({"endpoint": "https://evilpush.example.org/x"}, "evilpush.example.org"),
        ({"endpoint": "http://push.example.org/x"}, "push.example.org"),
        ({"endpoint": "https://me@push.example.org/x"}, "push.example.org"),
        ({"endpoint": "file:///etc/passwd"}, "no push service"),
        ({"endpoint": "https://push.example.org:port/x"}, "no subscription"),
        ({"endpoint": f"https://push.example.org/{'x' * 1000}"}, "push.example.org"),
        ({"p256dh": "AAAA"}, "no subscription"),
        ({"p256dh": "!"}, "no subscription"),
        ({"auth": "c2hvcnQ"}, "no push service"),
    ],
)
async def test_no_subscription_makes_the_server_knock_on_another_door(
    service: PushService, push: WebPush, changes: dict[str, str], says: str
) -> None:
    error = await refused(push, page(service.subscription(**changes)))
    assert says in str(error)
    assert (error.temporary, error.unreachable is not None) == (False, True)
    assert service.asked == 0


@pytest.mark.parametrize("to", ["", "null", "{}", "[" * 5000, '{"endpoint": 1, "keys": {}}'])
async def test_what_is_no_subscription_is_said(push: WebPush, to: str) -> None:
    assert "as a browser gives it" in str(await refused(push, page(to)))


async def test_hosts_below_a_service_are_its_own(service: PushService, push: WebPush) -> None:
    subscription = service.subscription(endpoint="https://web.push.example.org/x")
    assert push._read(subscription).origin == "https://web.push.example.org"


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_key_that_is_none_is_said_with_what_makes_one(folder: Path, content: bytes) -> None:
    file = folder / "vapid.key"
    with pytest.raises(ConfigError, match="tocsin keys push makes one"):
        vapid.load_key(file)
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="holds no key"):
        vapid.load_key(file)
